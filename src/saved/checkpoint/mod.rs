//! Checkpoints: the whole state of a run in one file, from which it goes on with the same bits, on any number of ranks.
//!
//! ```text
//! DIR/checkpoints/000000000040.h5   the state after step 40: HDF5 that h5py and ncdump read
//! DIR/ledger.jsonl                  what the run has written, each line holding the hash of the line before
//! ```
//!
//! In the order of what happens: the engine takes a [snapshot](crate::engine::Snapshot); `file` lays the file out, with a
//! place for every array; a `writer` on a thread of its own fills in what its rank has and then, all ranks being done,
//! reads blocks back and hashes them (`tree`); the `keeper` puts the hashes in, gives the file its name, notes it in the
//! `ledger` and only then drops the oldest. `shelf` finds the newest good one, `verify` checks all that a run has written.
//!
//! *Architecture invariant:* writers call neither MPI nor HDF5.
mod file;
mod keeper;
mod ledger;
mod shelf;
mod signature;
mod tree;
mod verify;
mod writer;

#[cfg(test)]
pub(crate) mod tests;

pub use file::Checkpoint;
pub use keeper::Keeper;
pub(crate) use ledger::{Entry, Ledger, hash_files};
pub(crate) use shelf::{drop_later, newest_step};
pub use shelf::{folder, newest};
pub(crate) use signature::secret_key;
pub use verify::verify;
