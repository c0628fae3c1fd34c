//! Output streams of a run: which values of the fields are written to which file, and when.
mod accumulator;
mod cells;
mod check;
mod column;
mod layout;
mod overflow;
mod plan;
mod stations;
mod stream;
mod collection;

pub use check::check_streams;
pub(super) use collection::Streams;
pub use plan::StreamPlan;
