//! Classic NetCDF: a header that gives the position of each variable, then big-endian numbers.
//!
//! CDF-1 has 32-bit offsets, CDF-2 has 64-bit offsets, CDF-5 also has 64-bit lengths. Variables on the unlimited dimension
//! are stored record by record, one variable after another within a record.
//! Source: "The NetCDF Classic Format Specification", <https://docs.unidata.ucar.edu/nug/current/file_format_specifications.html>.
//!
//! All sizes and positions in a header come from a foreign file: arithmetic on them is checked, and nothing larger than the
//! file is allocated.
mod external_type;
mod header;
mod invalid;
mod variable;

#[cfg(test)]
mod corrupt;

pub(super) use header::version;
pub(super) use variable::NetcdfVariable;
