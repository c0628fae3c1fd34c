//! **halocline**: batch simulations on clusters whose results are the same bits on any number of ranks.
//!
//! The modules, in dependency order: each may use those above it, never those below.

// A closed or full stdout or stderr must not end a run: `base::message` writes to them.
#![warn(clippy::print_stdout, clippy::print_stderr)]

// The code that `#[parameters]` generates names this crate, also inside of it.
extern crate self as halocline;

pub mod base;
pub mod comm;
pub mod model;
pub mod config;
pub mod files;
pub mod program;
pub mod engine;
pub mod saved;
pub mod run;
pub mod launch;
pub mod cli;

#[cfg(doc)]
pub mod docs;

pub use base::{Error, Region, Result};
pub use cli::main;
pub use comm::Comm;
pub use engine::Simulation;
pub use halocline_kernels::expr;
pub use halocline_macros::parameters;
pub use model::{Grid, Location, Model};
pub use run::{Job, JobEntry};

/// All that a file with a job needs: `use halocline::prelude::*;`.
pub mod prelude {
    pub use crate::base::index_transform::{X, Y, Z};
    pub use crate::base::{Error, Result};
    pub use crate::comm::Comm;
    pub use crate::engine::Simulation;
    pub use crate::field;
    pub use crate::model::{
        At, Boundary, Field, FileInput, Grid, Here, Location, Model, Point, PointSource, Profile, Reduction, Scalar,
        Schedule, Scheme, dot, max, max_abs, max_difference, mean, min, norm1, norm2, rms, sum,
    };
    pub use crate::parameters;
    pub use crate::run::Job;
    pub use halocline_kernels::expr::location::{Center, Corner, EdgeX, EdgeY, EdgeZ, FaceX, FaceY, FaceZ};
    pub use halocline_kernels::expr::{
        Expression, Methods, Of, Operand, curl, ddx, ddy, ddz, div, grad, laplacian, laplacian_of_order, map, map2,
        minmod, select, upwind, van_leer,
    };
    pub use halocline_kernels::prelude::*;
    pub use schemars::JsonSchema;
    pub use serde::{Deserialize, Serialize};
}

#[doc(hidden)]
pub mod fuzzing;
