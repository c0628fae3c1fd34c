//! Opening a variable of a file in either format.
use super::foreign::recognise;
use super::hdf5::Hdf5Variable;
use super::netcdf3;
use super::variable::InputVariable;
use crate::base::regular_file::check_regular;
use crate::base::{Error, Result};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Opens a variable; the format is recognised by the file's first bytes. Nothing of its values is read.
pub(super) fn open(path: &Path, name: &str) -> Result<Box<dyn InputVariable>> {
    if path.is_dir() {
        let error = Error::input(format!("{} is a directory, not a file", path.display()));
        let is_zarr = [".zgroup", ".zarray", ".zmetadata", "zarr.json"].iter().any(|mark| path.join(mark).exists());
        return Err(error.remedy(if is_zarr {
            "it is a Zarr store: convert it first, with xarray.open_zarr(…).to_netcdf(…)"
        } else {
            "give the file; of a run of halocline, DIR/fields.h5"
        }));
    }
    check_regular(path).map_err(|e| missing(path, e))?;
    let mut file = File::open(path).map_err(|e| missing(path, Error::file("open", path, e).as_input()))?;
    let first = head(&mut file, 0);
    if let Some(version) = first.first_chunk().and_then(netcdf3::version) {
        return Ok(Box::new(netcdf3::NetcdfVariable::open(file, version, path, name)?));
    }
    // An HDF5 file begins at 0 or, after a user block, at 512, 1024, 2048 ….
    let offsets = std::iter::once(0).chain((9..63).map(|power| 1u64 << power));
    let length = file.metadata().map_or(0, |m| m.len());
    let mut offsets = offsets.take_while(|&at| at < length);
    if let Some(at) = offsets.find(|&at| head(&mut file, at).starts_with(b"\x89HDF\r\n\x1a\n")) {
        // The first block of a file of any version has at least 48 bytes.
        if length - at < 48 {
            let what = format!("cannot read {}: the file is truncated: it has {length} bytes", path.display());
            return Err(Error::input(what).remedy("the file is damaged: copy or create it again"));
        }
        return Ok(Box::new(Hdf5Variable::open(path, name)?));
    }
    let (what, remedy) = recognise(&first).unwrap_or((
        "of an unknown format",
        "convert it first, for instance with nccopy, cdo or gdal_translate -of netCDF",
    ));
    Err(Error::input(format!("{} is {what}, not HDF5 (NetCDF-4) or classic NetCDF-3", path.display())).remedy(remedy))
}

/// Adds the current directory to an error about a relative path.
fn missing(path: &Path, error: Error) -> Error {
    match std::env::current_dir() {
        Ok(here) if path.is_relative() && !path.exists() => {
            error.remedy(format!("the current folder is {}", here.display()))
        }
        _ => error,
    }
}

/// Reads up to 64 bytes at an offset; none if they cannot be read.
fn head(file: &mut File, at: u64) -> Vec<u8> {
    let mut bytes = vec![];
    let read = file.seek(SeekFrom::Start(at)).and_then(|_| file.take(64).read_to_end(&mut bytes));
    if read.is_ok() { bytes } else { vec![] }
}
