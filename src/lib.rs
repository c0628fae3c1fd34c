//! **halocline**: batch simulations on clusters whose results are the same bits on any number of ranks.
//!
//! The modules, in dependency order: each may use those above it, never those below.
pub mod error;
pub mod region;

pub mod config;

pub mod comm;

pub mod job;
pub mod model;

pub mod folder;

pub mod driver;

pub mod cli;

pub use cli::main;
pub use comm::Comm;
pub use error::{Error, Result};
pub use job::{Job, JobEntry};
pub use model::Model;
pub use region::Region;
