//! The state of a run outside the engine: checkpoints, replicas in memory, the ledger of what was written.
pub mod checkpoint;
pub(crate) mod folder;
pub(crate) mod replica;
