//! The state from which a run goes on: the latest that is whole, in the memory of nodes or on disk.
use crate::base::{Kind, Result};
use crate::comm::Comm;
use crate::engine::Saved;
use crate::saved::attempt::{TimeLevel, last_attempt};
use crate::saved::checkpoint;
use crate::saved::replica::{self, MemorySegment, ReplicatedState};
use std::path::Path;

/// A state from which a run can go on.
pub(super) struct Latest {
    pub saved: Box<dyn Saved>,
    /// When it was kept, if it is in memory.
    pub in_memory: Option<TimeLevel>,
}

/// The latest state of the run in a folder, if it has left any. Collective.
///
/// # Errors
/// If there are checkpoints, but none is whole, and nothing is in memory.
pub(super) fn latest(comm: &Comm, dir: &Path) -> Result<Option<Latest>> {
    let on_root = comm.is_root().then(|| (last_attempt(dir), checkpoint::newest_step(dir)));
    let (last, newest) = comm.share(on_root);
    let kept = last.and_then(|last| replica::find(comm, &MemorySegment::new(comm, &last.run, dir), &last));
    let of_disk = |saved| Latest { saved: Box::new(saved), in_memory: None };
    let Some(kept) = kept else { return Ok(checkpoint::newest(comm, dir)?.map(of_disk)) };
    // What lies on disk is read only if it is later.
    let on_disk = match newest > Some(kept.step()) {
        false => None,
        true => match checkpoint::newest(comm, dir) {
            Err(unreadable) if unreadable.kind() == Kind::Input => return Err(unreadable),
            found => found.ok().flatten(),
        },
    };
    let in_memory = |kept: ReplicatedState| Latest { in_memory: Some(kept.time_level), saved: Box::new(kept) };
    Ok(Some(match on_disk.filter(|saved| saved.step() > kept.step()) {
        Some(saved) => of_disk(saved),
        None => in_memory(kept),
    }))
}
