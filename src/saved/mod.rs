//! The state of a run outside the engine: checkpoints on disk, replicas in memory, and the ledger of all files written.
pub(crate) mod acquisition;
pub(crate) mod attempt;
pub mod checkpoint;
pub(crate) mod control;
pub(crate) mod heartbeat;
pub(crate) mod ledger;
pub(crate) mod outcome;
mod own_files;
pub(crate) mod place;
pub(crate) mod regular_file;
pub(crate) mod replica;
pub(crate) mod run_directory;
pub(crate) mod signature;
mod verify;

pub use verify::verify;
