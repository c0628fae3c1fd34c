//! **halocline**: batch simulations on clusters whose results are the same bits on any number of ranks.
//!
//! The modules, in dependency order: each may use those above it, never those below.
pub mod error;
pub mod region;
pub mod signals;
pub mod turn;

pub mod comm;
mod instructions;
pub mod sums;
pub mod state;
pub mod topology;

pub mod grid;
pub mod domain;
pub mod traffic;
pub mod boundary;
pub mod exchange;
pub mod input;
pub mod output;

pub mod field;
pub mod schedule;
pub mod model;
pub mod engine;

pub use comm::Comm;
pub use engine::Simulation;
pub use error::{Error, Result};
pub use grid::{Grid, Location};
pub use model::Model;
pub use region::Region;
