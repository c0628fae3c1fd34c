//! Errors about what is not a classic NetCDF file.
use std::io::{Error, ErrorKind};

/// An error that says what is wrong with a header.
pub(super) fn invalid(what: String) -> Error {
    Error::new(ErrorKind::InvalidData, format!("not a valid NetCDF-3 header: {what}"))
}
