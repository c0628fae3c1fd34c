//! Replicas: buddy checkpoints in the memory of nodes. The shard of each rank is stored on its own node and on the node of
//! its buddy, so a run that lost a rank or a node continues from a state that is seconds old, without the disk.
//!
//! ```text
//! /dev/shm/halocline-UID/RUN/NODE/000002-000005-1   the shard of rank 5 in attempt 2; each rank alternates between two slots
//! ```
//!
//! A `shard` is a file whose boxes are mapped into memory, and a snapshot is taken directly into it. While the rank's buddy
//! (`buddies`) receives it in the background, threads hash the boxes that were written and received. A state is complete
//! once all ranks have acknowledged that their own shard and the received copies are sealed; until then the state before it
//! stays in the other slot (`replicas`). The next attempt, on any ranks and nodes, finds the newest complete state
//! (`recovery`). The `memory_segment` is the directory of the run in the memory of a node. (Two copies in memory and two
//! alternating generations: Zheng, Shi and Kalé, "FTC-Charm++", 2004.)
mod buddies;
mod memory_segment;
mod recovery;
mod replicas;
pub(crate) mod shard;

#[cfg(test)]
mod tests;

pub(crate) use memory_segment::MemorySegment;
pub(crate) use recovery::{ReplicatedState, find};
pub(crate) use replicas::Replicas;
