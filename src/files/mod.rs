//! Result files: streams of instants as HDF5 that ncdump, xarray, h5py and ParaView open directly.
//!
//! A stream `NAME` in a directory is
//! - `NAME/000000.h5`, `NAME/000001.h5` …: sealed segments, complete and never modified; when there are many, small ones are
//!   merged into new files such as `NAME/000000-000255.h5`,
//! - `NAME.h5`: a small *virtual* file over all segments, the one that users open,
//! - `NAME.xdmf`: the same for ParaView, if fields have two or three spatial axes.
//!
//! HDF5 has no journal, so a kill can damage a growing file beyond repair. Here, a file has a temporary name until it is
//! closed and on disk; a kill loses the instants since the last seal, never earlier ones.
//!
//! *Architecture invariant:* only module `hdf5` names HDF5.
mod catalogue;
mod concatenate;
pub(crate) mod durable;
pub(crate) mod hdf5;
pub mod input;
mod hyperslabs;
mod layout;
mod merge;
mod pack;
mod picture;
mod records;
mod schema;
mod seal;
mod segment;
mod series;
mod stored_number;
mod stream;
mod view;
mod xdmf;

#[cfg(test)]
mod tests;

pub use crate::base::hyperslab::Hyperslab;
pub(crate) use catalogue::{is_merged, is_segment};
pub use durable::replace;
pub use layout::{Axis, Coordinate, CoordinateValues, Layout, RecordAxis, Variable};
pub use pack::pack;
pub use picture::{draw_series, png};
pub use records::Instant;
pub use seal::Seal;
pub use series::{SERIES, SeriesFile};
pub use stream::Stream;
pub(crate) use view::{shown_segments, unshown_segments};
