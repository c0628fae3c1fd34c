//! Fields from files: HDF5 and NetCDF-4, and classic NetCDF-3 (CDF-1, CDF-2, CDF-5), which HDF5 cannot read.
//!
//! Each call opens the file, reads only its own box and closes the file, so that every rank can read its part alone.
//! Numbers come in double precision as the file means them: `scale_factor` and `add_offset` are applied, and NaN stands
//! where the file has `_FillValue` or `missing_value`.
mod hdf5;
mod netcdf3;

use crate::base::{Error, Region, Result};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// What a file says about a variable.
#[derive(Clone, Debug, PartialEq)]
pub struct VariableInfo {
    /// Name and length of each dimension, slowest first. Dimensions without a name are called `dim0`, `dim1` ….
    pub dims: Vec<(String, usize)>,
    /// The attribute `units`; empty if there is none.
    pub unit: String,
    /// The attribute `long_name`; empty if there is none.
    pub long_name: String,
}

/// Describes a variable of a file.
///
/// # Errors
/// A file that is missing or of another format, a variable that is not there (those that are, are named).
pub fn variable(path: impl AsRef<Path>, name: &str) -> Result<VariableInfo> {
    Ok(open(path.as_ref(), name)?.info())
}

/// Reads a box of a variable, row-major; `start` and `count` have one number per dimension.
///
/// # Errors
/// As [`variable`], and a box that does not lie in the variable.
pub fn read(path: impl AsRef<Path>, name: &str, start: &[usize], count: &[usize]) -> Result<Vec<f64>> {
    let (path, mut source) = (path.as_ref(), open(path.as_ref(), name)?);
    let dims = source.info().dims;
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
    source.read(start, count)
}

/// Reads the cells of a region of a whole-grid field; flat axes of the grid may be missing in the file.
///
/// # Errors
/// As [`read`], and a variable whose shape is not the grid's.
pub fn field(path: impl AsRef<Path>, name: &str, cells: [usize; 3], region: &Region) -> Result<Vec<f64>> {
    let path = path.as_ref();
    let shape: Vec<usize> = variable(path, name)?.dims.iter().map(|d| d.1).collect();
    let wanted = |keep: &dyn Fn(usize) -> bool| (0..3).filter(|&a| keep(a)).collect::<Vec<usize>>();
    let axes = [wanted(&|_| true), wanted(&|a| a > 0), wanted(&|a| cells[a] > 1)];
    let fits = |axes: &&Vec<usize>| axes.iter().map(|&a| cells[a]).eq(shape.iter().copied());
    let Some(axes) = axes.iter().find(fits) else {
        return Err(Error::input(format!("{}: {name} has the shape {shape:?}, the grid {cells:?}", path.display()))
            .remedy(format!("set grid.cells = {shape:?}, or choose another variable or file")));
    };
    let size = region.size();
    let start: Vec<usize> = axes.iter().map(|&a| region.low[a] as usize).collect();
    let count: Vec<usize> = axes.iter().map(|&a| size[a]).collect();
    read(path, name, &start, &count)
}

/// A variable of an open file.
trait Source {
    fn info(&self) -> VariableInfo;
    /// A box that lies in the variable.
    fn read(&mut self, start: &[usize], count: &[usize]) -> Result<Vec<f64>>;
}

fn open(path: &Path, name: &str) -> Result<Box<dyn Source>> {
    let mut file = File::open(path).map_err(|e| missing(path, Error::file("open", path, e).as_input()))?;
    if let Some(version) = netcdf3::version(&head(&mut file, 0)) {
        return Ok(Box::new(netcdf3::Variable::open(file, version, path, name)?));
    }
    // An HDF5 file begins at 0 or, behind somebody else's block, at 512, 1024, 2048 ….
    let places = std::iter::once(0).chain((9..).map(|power| 1u64 << power));
    let length = file.metadata().map_or(0, |m| m.len());
    if places.take_while(|&at| at < length).any(|at| head(&mut file, at) == *b"\x89HDF\r\n\x1a\n") {
        return Ok(Box::new(hdf5::Variable::open(path, name)?));
    }
    Err(Error::input(format!("{} is neither HDF5 (NetCDF-4) nor classic NetCDF-3", path.display()))
        .remedy("convert it first, for instance with nccopy, cdo or gdal_translate -of netCDF"))
}

/// An error about a file whose path may have been meant from elsewhere.
fn missing(path: &Path, error: Error) -> Error {
    match std::env::current_dir() {
        Ok(here) if path.is_relative() => error.remedy(format!("the current folder is {}", here.display())),
        _ => error,
    }
}

/// Eight bytes at a place, zeros beyond the end.
fn head(file: &mut File, at: u64) -> [u8; 8] {
    let mut bytes = [0; 8];
    let read = file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(&mut bytes));
    if read.is_ok() { bytes } else { [0; 8] }
}

/// What stored numbers stand for.
#[derive(Clone, Debug, PartialEq)]
struct Packing {
    scale: f64,
    offset: f64,
    missing: Vec<f64>,
}

impl Packing {
    fn unpack(&self, values: &mut [f64]) {
        for v in values {
            *v = if self.missing.contains(v) { f64::NAN } else { *v * self.scale + self.offset };
        }
    }
}

fn no_such_variable(path: &Path, name: &str, mut there: Vec<String>) -> Error {
    there.sort();
    let list = if there.is_empty() { "it has none".to_string() } else { format!("it has {}", there.join(", ")) };
    Error::input(format!("{} has no variable {name:?}", path.display())).remedy(list)
}

#[cfg(test)]
mod tests;
