//! Files of results: streams of instants as HDF5 that ncdump, xarray, h5py and ParaView open without help.
//!
//! A stream `NAME` in a directory is
//! - `NAME/000000.h5`, `NAME/000001.h5` …: sealed segments, complete and never written again,
//! - `NAME.h5`: a small *virtual* file over all of them, the one that people open,
//! - `NAME.xdmf`: the same for ParaView, where the fields lie on two or three spatial axes.
//!
//! HDF5 keeps no journal, so a growing file that is killed can be lost whole. Here, what is being written has another name
//! until it is closed and on disk; a kill loses the instants since the last seal, never those before it.
//!
//! *Architecture invariant:* only module `hdf5` names HDF5.
mod catalogue;
pub(crate) mod durable;
pub(crate) mod hdf5;
pub mod input;
mod hyperslabs;
mod layout;
mod pack;
mod picture;
mod schema;
mod segment;
mod stream;
mod ticks;
mod view;
mod xdmf;

#[cfg(test)]
mod tests;

pub use crate::base::hyperslab::Hyperslab;
pub use durable::replace;
pub use layout::{Axis, Layout, Variable};
pub use pack::pack;
pub use picture::png;
pub use stream::{Seal, Stream};
