//! One run from its start to its end: set-up, steps, output, saved states, stop.
//!
//! [`run()`] starts attempts. An attempt owns the simulation and one component for each other task: the output streams, the
//! checkpoints, the replicas in memory, the search for non-finite values, the ownership of the run directory, and the
//! consensus by which all ranks decide together.
mod attempt;
mod begin;
mod cadence;
mod cadences;
mod checkpoints;
mod checks;
mod consensus;
mod control;
mod deadline;
mod end;
mod finite;
mod heartbeat;
mod input_files;
mod inputs;
pub(crate) mod job;
mod node_memory;
mod options;
mod output_space;
mod ownership;
mod pictures;
mod plan;
mod program_identity;
mod progress;
mod recovery;
mod relocation;
mod replication;
mod report;
mod requests;
mod resume_state;
mod series;
mod setup;
mod start;
mod stop_limit;
mod streams;
mod summary;
mod timing;
mod trace;

pub use crate::saved::outcome::{is_done, outcome};
pub use checks::{Destination, check, check_directory};
pub use job::{Job, JobEntry, PreparedJob};
pub use node_memory::{Nodes, check_nodes};
pub use options::Options;
pub use plan::Plan;
pub(crate) use program_identity::revision;
pub use report::{Report, Spread, StageReport};
pub use setup::model;
pub use start::{run, start_without};
pub use streams::{StreamPlan, check_streams};
pub use summary::{Seconds, Summary};
