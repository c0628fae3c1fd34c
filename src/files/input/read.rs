//! Reading variables by the path of their file.
use super::open::open;
use super::variable::VariableInfo;
use crate::base::{Error, Result};
use std::path::Path;

/// Describes a variable of a file.
///
/// # Errors
/// If the file is missing or of another format, or has no such variable; the error lists the variables that it has.
pub fn variable(path: impl AsRef<Path>, name: &str) -> Result<VariableInfo> {
    Ok(open(path.as_ref(), name)?.info())
}

/// Reads a box of a variable, row-major; `start` and `count` have one number per dimension.
///
/// # Errors
/// As [`variable`], and if the box exceeds the variable.
pub fn read(path: impl AsRef<Path>, name: &str, start: &[usize], count: &[usize]) -> Result<Vec<f64>> {
    let (path, mut variable) = (path.as_ref(), open(path.as_ref(), name)?);
    let dims = variable.info().dims;
    let lies_in = |(&(_, n), (&s, &c)): (&(String, usize), _)| s <= n && c <= n - s;
    if start.len() != dims.len() || count.len() != dims.len() || !dims.iter().zip(start.iter().zip(count)).all(lies_in)
    {
        let shape: Vec<String> = dims.iter().map(|(name, n)| format!("{name} = {n}")).collect();
        let (shape, path) = (shape.join(", "), path.display());
        return Err(Error::input(format!(
            "{path}: the box at {start:?} of size {count:?} does not lie in {name}[{shape}]"
        ))
        .remedy("give one start and one size for each dimension, slowest first"));
    }
    variable.read(start, count)
}
