//! Checkpoints: the whole state of a run in one file. A run continues from it with the same bits on any number of ranks.
//!
//! ```text
//! DIR/checkpoints/000000000040.h5   the state after step 40: HDF5 that h5py and ncdump read
//! DIR/ledger.jsonl                  what the run has written, each line holding the hash of the line before
//! ```
//!
//! A checkpoint is made in this order: the engine takes a [snapshot](crate::engine::Snapshot); `file` creates an HDF5 file
//! with reserved space for every array; a background thread of each rank (`writer`) writes the rank's boxes and, once all
//! ranks have written, reads blocks back and hashes them (`hash_tree`); the `manager` stores the hashes, publishes the file
//! under its final name, adds it to the ledger (`saved::ledger`) and then removes the oldest checkpoint. `store`
//! lists the checkpoints of a run, and `newest` finds the newest intact one that the ledger knows (`known`).
//!
//! *Architecture invariant:* writers call neither MPI nor HDF5.
mod file;
mod hash_tree;
mod known;
mod manager;
mod newest;
mod store;
mod writer;

#[cfg(test)]
pub(crate) mod tests;

pub use file::Checkpoint;
pub(crate) use file::Origin;
pub(super) use known::{Known, unlisted};
pub use manager::CheckpointManager;
pub use newest::newest;
pub(crate) use newest::root;
pub use store::folder;
pub(crate) use store::{drop_later, names, newest_step};
pub(super) use store::{list, step_of};
