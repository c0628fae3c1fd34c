//! **halocline**: batch simulations on clusters whose results are the same bits on any number of ranks.
//!
//! The modules, in dependency order: each may use those above it, never those below.
pub mod error;
pub mod region;
pub mod signals;

pub mod comm;

pub mod output;

pub mod input;

pub use comm::Comm;
pub use error::{Error, Result};
pub use region::Region;
