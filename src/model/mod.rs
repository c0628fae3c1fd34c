//! Models as plain data with index ids: grids, fields, boundary conditions, scalars, stages and their order. This
//! module allocates no field and sends no message.
pub(crate) mod argument;
pub(crate) mod assignment;
pub(crate) mod axis;
pub mod boundary;
pub(crate) mod builder;
pub(crate) mod condition;
pub(crate) mod declarations;
mod describe;
pub mod field;
pub(crate) mod field_builder;
pub mod grid;
pub(crate) mod handle;
pub(crate) mod integrate;
pub(crate) mod records;
pub(crate) mod reduction;
pub(crate) mod reduction_op;
pub(crate) mod schedule;
pub mod source;
pub(crate) mod stage;

pub use argument::{Bound, Handle, Handles, Target, Targets};
pub use assignment::Settable;
pub use axis::{AxisDescription, Direction};
pub use boundary::{Boundary, Point};
pub use builder::Model;
pub use condition::Condition;
pub use declarations::{Clock, Diagnostic, Measure};
pub use field::At;
pub use field_builder::FieldBuilder;
pub use grid::{Grid, Location};
pub use handle::{Field, GridId, Here, ModelId, Profile, Records, Scalar, SourceId};
pub use integrate::{Scheme, System};
pub use records::Record;
pub use reduction::{Reduction, dot, max, max_abs, max_difference, mean, min, norm1, norm2, rms, sum};
pub use reduction_op::Op;
pub use schedule::Schedule;
