//! What the readers of both formats have in common.
use super::packing::Packing;
use crate::base::{Error, Result};
use crate::config::nearest;
use crate::files::stored_number::{Attribute, StoredNumber};
use std::path::Path;

/// The description of a variable in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct VariableInfo {
    /// Name and length of each dimension, slowest first. Dimensions without a name are called `dim0`, `dim1` ….
    pub dims: Vec<(String, usize)>,
    /// The attribute `units`; empty if there is none.
    pub unit: String,
    /// The attribute `long_name`; empty if there is none.
    pub long_name: String,
}

/// A variable of an open file.
pub(super) trait InputVariable {
    /// Name and length of each dimension, slowest first.
    fn dims(&self) -> &[(String, usize)];
    /// How its numbers are stored.
    fn stored(&self) -> StoredNumber;
    /// True if the NetCDF library wrote the file, which fills what was not written.
    fn is_netcdf(&self) -> bool;
    /// The value of an attribute of the variable.
    fn attribute(&self, name: &str) -> Option<Attribute>;
    /// Reads a box of stored numbers, row-major. The caller has checked that the box is within the variable.
    fn read_stored(&mut self, start: &[usize], count: &[usize]) -> Result<Vec<f64>>;
}

impl dyn InputVariable + '_ {
    /// The value of a text attribute; empty if there is none.
    pub(super) fn text(&self, name: &str) -> String {
        if let Some(Attribute::Text(text)) = self.attribute(name) { text } else { String::new() }
    }

    /// The description of the variable.
    pub(super) fn info(&self) -> VariableInfo {
        VariableInfo { dims: self.dims().to_vec(), unit: self.text("units"), long_name: self.text("long_name") }
    }

    /// Reads a box of values, row-major: unpacked, with NaN for missing values.
    pub(super) fn read(&mut self, start: &[usize], count: &[usize]) -> Result<Vec<f64>> {
        // Integers of a file that the NetCDF library did not write may have any value.
        let default_fill = self.is_netcdf() || self.stored().is_float();
        let packing = Packing::of(self.stored(), default_fill, |name| self.attribute(name));
        let mut values = self.read_stored(start, count)?;
        packing.unpack(&mut values);
        Ok(values)
    }
}

/// The error for a variable that is not in the file; `available` lists the variables of the file.
pub(super) fn no_such_variable(path: &Path, name: &str, available: Vec<String>) -> Error {
    Error::input(format!("{} has no variable {name:?}", path.display())).remedy(listed(name, available))
}

/// The error for a name in the file that is not a variable but `what`.
pub(super) fn not_a_variable(path: &Path, name: &str, what: &str, available: Vec<String>) -> Error {
    Error::input(format!("{}: {name} is {what}, not a variable", path.display())).remedy(listed(name, available))
}

/// Suggests a variable of a file, and lists them.
fn listed(name: &str, mut available: Vec<String>) -> String {
    const MOST: usize = 40;
    available.sort();
    let near = nearest(name, available.iter().map(String::as_str));
    let near = near.map_or(String::new(), |near| format!("did you mean `{near}`? "));
    let more = if available.len() > MOST { format!(" and {} more", available.len() - MOST) } else { String::new() };
    let list = available.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", ");
    let list = if available.is_empty() { "it has none".into() } else { format!("it has {list}{more}") };
    format!("{near}{list}")
}

/// The error for a variable that holds something else than numbers.
pub(super) fn not_numbers(path: &Path, name: &str, held: &str) -> Error {
    Error::input(format!("{}: {name} holds {held}, not numbers", path.display()))
        .remedy("choose a variable of integers or floating-point numbers")
}
