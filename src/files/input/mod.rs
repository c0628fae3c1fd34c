//! Fields from files: HDF5 and NetCDF-4, and classic NetCDF-3 (CDF-1, CDF-2, CDF-5), which HDF5 cannot read.
//!
//! Each call opens the file, reads only the requested box and closes the file, so that each rank can read its part
//! independently. Numbers are returned in double precision: packed values are unpacked, and NaN replaces missing
//! values, after the attributes of the variable.
mod field;
mod foreign;
mod hdf5;
mod netcdf3;
mod open;
mod packing;
mod placement;
mod positions;
mod read;
mod role;
mod variable;

#[cfg(test)]
mod tests;

pub(crate) use field::FieldInput;
pub use read::{read, variable};
pub use variable::VariableInfo;
