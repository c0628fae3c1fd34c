//! A model as plain data: grids, fields, boundary conditions, scalars, stages and their order. Nothing is allocated here.
pub mod arguments;
pub mod boundary;
pub mod declaration;
pub mod field;
pub mod grid;
pub mod reduction;
pub mod schedule;
pub mod stage;

pub use boundary::{Boundary, Point};
pub use declaration::Model;
pub use field::{At, Field, Here, Profile, Scalar};
pub use grid::{Grid, Location};
pub use reduction::{Op, Reduction, dot, max, max_abs, max_difference, mean, min, norm1, norm2, rms, sum};
pub use schedule::Schedule;
