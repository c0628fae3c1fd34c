//! The state from which a run resumes: the latest complete one, in the memory of the nodes or on disk.
use crate::base::{Kind, Result};
use crate::comm::Comm;
use crate::engine::Saved;
use crate::saved::attempt::{TimeLevel, last_attempt};
use crate::saved::checkpoint;
use crate::saved::replica::{self, MemorySegment, ReplicatedState};
use std::path::Path;

/// A state from which a run can resume.
pub(super) struct ResumeState {
    pub saved: Box<dyn Saved>,
    /// For a state in memory, the attempt and step that kept it.
    pub in_memory: Option<TimeLevel>,
}

/// The latest complete state of the run in `dir`; none if the run has saved none. Collective.
///
/// # Errors
/// If there are checkpoints, but none is complete, and no state is in memory.
pub(super) fn find_resume_state(comm: &Comm, dir: &Path) -> Result<Option<ResumeState>> {
    let newest = comm.agree(comm.is_root().then(|| checkpoint::newest_step(dir)).transpose())?;
    let (last, newest) = comm.share(newest.map(|newest| (last_attempt(dir), newest)));
    let kept = last.and_then(|last| replica::find(comm, &MemorySegment::new(comm, &last.run, dir), &last));
    let from_disk = |saved| ResumeState { saved: Box::new(saved), in_memory: None };
    let Some(kept) = kept else { return Ok(checkpoint::newest(comm, dir)?.map(from_disk)) };
    // A checkpoint on disk is read only if it is later than the state in memory.
    let on_disk = match newest > Some(kept.step()) {
        false => None,
        true => match checkpoint::newest(comm, dir) {
            Err(unreadable) if unreadable.kind() == Kind::Input => return Err(unreadable),
            found => found.ok().flatten(),
        },
    };
    let in_memory = |kept: ReplicatedState| ResumeState { in_memory: Some(kept.time_level), saved: Box::new(kept) };
    Ok(Some(match on_disk.filter(|saved| saved.step() > kept.step()) {
        Some(saved) => from_disk(saved),
        None => in_memory(kept),
    }))
}
