//! Opening a variable of a file in either format.
use super::hdf5::Hdf5Variable;
use super::netcdf3;
use super::variable::InputVariable;
use crate::base::{Error, Result};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Opens a variable; the format is recognised by the file's first bytes.
pub(super) fn open(path: &Path, name: &str) -> Result<Box<dyn InputVariable>> {
    let mut file = File::open(path).map_err(|e| missing(path, Error::file("open", path, e).as_input()))?;
    if let Some(version) = netcdf3::version(&head(&mut file, 0)) {
        return Ok(Box::new(netcdf3::NetcdfVariable::open(file, version, path, name)?));
    }
    // An HDF5 file begins at 0 or, after a user block, at 512, 1024, 2048 ….
    let offsets = std::iter::once(0).chain((9..63).map(|power| 1u64 << power));
    let length = file.metadata().map_or(0, |m| m.len());
    if offsets.take_while(|&at| at < length).any(|at| head(&mut file, at) == *b"\x89HDF\r\n\x1a\n") {
        return Ok(Box::new(Hdf5Variable::open(path, name)?));
    }
    Err(Error::input(format!("{} is neither HDF5 (NetCDF-4) nor classic NetCDF-3", path.display()))
        .remedy("convert it first, for instance with nccopy, cdo or gdal_translate -of netCDF"))
}

/// Adds the current directory to an error about a relative path.
fn missing(path: &Path, error: Error) -> Error {
    match std::env::current_dir() {
        Ok(here) if path.is_relative() => error.remedy(format!("the current folder is {}", here.display())),
        _ => error,
    }
}

/// Reads eight bytes at an offset; zeros if the file ends before.
fn head(file: &mut File, at: u64) -> [u8; 8] {
    let mut bytes = [0; 8];
    let read = file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(&mut bytes));
    if read.is_ok() { bytes } else { [0; 8] }
}
