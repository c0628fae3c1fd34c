//! Fields from files: HDF5 and NetCDF-4, and classic NetCDF-3 (CDF-1, CDF-2, CDF-5), which HDF5 cannot read.
//!
//! Each call opens the file, reads only the requested box and closes the file, so that each rank can read its part
//! independently. Numbers are returned in double precision: `scale_factor` and `add_offset` are applied, and NaN replaces
//! `_FillValue` and `missing_value`.
mod foreign;
mod hdf5;
mod netcdf3;
mod open;
mod packing;
mod read;
mod variable;

#[cfg(test)]
mod tests;

pub use read::{field, read, variable};
pub use variable::VariableInfo;
