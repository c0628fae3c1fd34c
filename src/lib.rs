//! **halocline**: batch simulations on clusters whose results are the same bits on any number of ranks.
//!
//! The modules, in dependency order: each may use those above it, never those below.
pub mod error;
pub mod region;
pub mod bytes;
pub mod slab;
pub mod turn;
mod beside;

pub mod config;

pub mod signals;
pub mod comm;
mod instructions;
pub mod state;
pub mod sums;

pub mod topology;
pub mod grid;
pub mod domain;
mod traffic;

pub mod input;
pub mod field;
pub mod boundary;
mod exchange;

pub mod schedule;
pub mod model;
pub mod engine;

pub mod output;
mod folder;
pub mod checkpoint;
mod replica;

pub mod job;
pub mod driver;
pub mod supervise;
pub mod submit;
pub mod cli;

#[cfg(doc)]
pub mod docs;

pub use cli::main;
pub use comm::Comm;
pub use engine::Simulation;
pub use error::{Error, Result};
pub use grid::{Grid, Location};
pub use job::{Job, JobEntry};
pub use model::Model;
pub use region::Region;

/// All that a file with a job needs: `use halocline::prelude::*;`.
pub mod prelude {
    pub use crate::boundary::{Boundary, Point};
    pub use crate::comm::Comm;
    pub use crate::engine::Simulation;
    pub use crate::error::{Error, Result};
    pub use crate::field::{At, Field, Here, Profile, Scalar};
    pub use crate::grid::{Grid, Location};
    pub use crate::job::Job;
    pub use crate::model::Model;
    pub use crate::schedule::{
        Reduction, Schedule, dot, max, max_abs, max_difference, mean, min, norm1, norm2, rms, sum,
    };
    pub use crate::turn::{X, Y, Z};
    pub use halocline_kernels::prelude::*;
    pub use schemars::JsonSchema;
    pub use serde::{Deserialize, Serialize};
}
