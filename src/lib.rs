//! **halocline**: batch simulations on clusters whose results are the same bits on any number of ranks.
//!
//! The modules, in dependency order: each may use those above it, never those below.
pub mod error;
pub mod region;

pub mod comm;

mod instructions;
pub mod state;
pub mod sums;
pub mod topology;

pub use comm::Comm;
pub use error::{Error, Result};
pub use region::Region;
