//! The job file: TOML that is checked completely before anything is allocated or started. An unknown key, a wrong unit or
//! an impossible number is an error with its line in the file.
//!
//! The Rust types are the only definition of the keys: `schemars` derives a schema from them ([`ValueSchema`]). The file is
//! checked against this schema, and `halocline describe` prints the keys with unit, default and range from it.
mod axes;
mod changes;
mod check;
mod consistency;
mod convert;
mod date;
mod duration;
mod element;
#[doc(hidden)]
pub mod generated;
pub mod groups;
mod job_file;
mod number_fault;
mod origins;
mod parameters;
mod read;
mod schema;
mod sections;
mod suggestion;
mod toml_fault;

pub use date::ReferenceDate;
pub use duration::{Cadence, SimulatedDuration, WallCadence, WallTime};
pub use job_file::{JobFile, WRITTEN_BY};
pub use origins::KeyOrigins;
pub use parameters::{KeyDescription, check_parameters, describe};
pub use schema::{Bounds, KeySchema, ValueSchema};
pub use sections::{
    CheckpointSection, EngineSection, Fuse, GridKind, GridSection, InstructionSetChoice, ParallelSection, Reduction,
    RegionSection, ReplicaSection, SeriesSection, StreamElement, StreamSection, TimeSection,
};
pub use suggestion::{nearest, suggestion};
