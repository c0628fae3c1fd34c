//! The parts of HDF5 that files of fields need.
//!
//! This module adds to the `hdf5` crate collective writes, dimension scales, text attributes as NetCDF tools write them, and
//! errors with the operating system's reason.
//!
//! *Architecture invariant:* only this module names HDF5.
mod attributes;
mod dataset;
mod error;
mod file;
mod number_type;
mod readable;
mod scales;
mod selection;
mod text;
mod transfer;

pub(crate) use ::hdf5::{Dataset, File, Group, Result};
pub(crate) use attributes::{attribute, has_attribute, put_fill, put_text, text};
pub(crate) use dataset::{Storage, VirtualSource, dataset, element_type, offset, resize};
pub(crate) use error::explain;
pub(crate) use file::{create, create_checked, dataset_names, is_mere_dimension, open, open_for_writing, open_shared};
pub(crate) use number_type::stored_number;
pub(crate) use readable::{VirtualFault, check_filters, check_sources};
pub(crate) use scales::{attach_scale, axis_names, make_scale};
pub(crate) use text::{create_texts, texts};
pub(crate) use transfer::{read, read_bytes, write};
