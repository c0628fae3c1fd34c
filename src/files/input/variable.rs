//! What the readers of both formats have in common.
use crate::base::{Error, Result};
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
    fn info(&self) -> VariableInfo;
    /// Reads a box, row-major. The caller has checked that the box is within the variable.
    fn read(&mut self, start: &[usize], count: &[usize]) -> Result<Vec<f64>>;
}

/// The relation of stored numbers to values, after CF's rules for packed data.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Packing {
    pub(super) scale: f64,
    pub(super) offset: f64,
    /// Stored numbers that stand for missing values.
    pub(super) missing: Vec<f64>,
}

impl Packing {
    /// Converts stored numbers to values in place; missing values become NaN.
    pub(super) fn unpack(&self, values: &mut [f64]) {
        for v in values {
            *v = if self.missing.contains(v) { f64::NAN } else { *v * self.scale + self.offset };
        }
    }
}

/// The error for a variable that is not in the file; `available` lists the variables of the file.
pub(super) fn no_such_variable(path: &Path, name: &str, mut available: Vec<String>) -> Error {
    available.sort();
    let list = if available.is_empty() { "it has none".into() } else { format!("it has {}", available.join(", ")) };
    Error::input(format!("{} has no variable {name:?}", path.display())).remedy(list)
}
