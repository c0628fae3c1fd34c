//! The engine: executes a program on a rank. Halos are exchanged when a stage needs them, cells that need no message are
//! computed while messages are under way, and a stale halo is never read.
mod accumulator;
mod boundary_fill;
mod cells;
mod coefficients;
mod core;
pub(crate) mod exchange;
mod fields;
mod fused;
mod halos;
mod lines;
mod non_finite;
mod observe;
mod own_memory;
mod points;
mod records;
mod reduce;
mod row_table;
mod simulation;
mod snapshot;
mod sources;
pub mod state_hash;
pub mod sums;
mod tiles;
mod timers;
pub(crate) mod trace;
mod transpose;
mod with_element;
mod wrap;

pub use accumulator::Measurement;
pub(crate) use fields::Fields;
pub use non_finite::NonFinite;
pub use records::RecordStore;
pub use simulation::Simulation;
pub use snapshot::{Part, Saved, Snapshot};
pub use timers::{Phase, StageTime, Timers};
pub(crate) use with_element::with_element;
