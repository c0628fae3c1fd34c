//! What every other module is built on: errors, boxes of cells, index transforms, arrays and buffers, background tasks,
//! messages, signals.
pub mod array;
pub(crate) mod available_memory;
pub(crate) mod background;
pub mod buffer_pool;
pub mod bytes;
pub(crate) mod clock;
pub(crate) mod dimension;
mod error;
pub mod hyperslab;
pub mod index_transform;
pub(crate) mod instruction_sets;
pub(crate) mod memory;
pub(crate) mod open_files;
pub(crate) mod message;
mod region;
pub(crate) mod regular_file;
pub mod signals;
pub(crate) mod stored_type;
pub mod unit;

pub use array::Array;
pub(crate) use array::Lines;
pub use error::{Error, Kind, Result};
pub use region::Region;
