//! Whether a file among the checkpoints is one: the ledger names its step and root, or the run was killed just before that.
use super::file::Checkpoint;
use super::store;
use crate::base::{Error, Result};
use crate::saved::attempt::last_attempt;
use crate::saved::ledger::{Ledger, checkpoint_name};
use std::path::Path;

/// What is known of the checkpoints of a run.
pub(in crate::saved) struct Known {
    /// None if it is missing or damaged: then all checkpoints count.
    ledger: Option<Ledger>,
    /// The identifier of the run; empty for a program without run directory.
    run: String,
}

impl Known {
    /// Reads what the run in `dir` knows of its checkpoints.
    pub fn of(dir: &Path) -> Known {
        Known::by(dir, Ledger::read(dir).ok().filter(|ledger| ledger.entries().next().is_some()))
    }

    fn by(dir: &Path, ledger: Option<Ledger>) -> Known {
        Known { ledger, run: last_attempt(dir).map_or(String::new(), |attempt| attempt.run) }
    }

    /// Checks that a checkpoint is one of the run and that its file name states its step.
    ///
    /// # Errors
    /// If it is not.
    pub fn check(&self, checkpoint: &Checkpoint) -> Result<()> {
        let (path, header) = (checkpoint.path().display(), &checkpoint.header);
        let named = store::step_of(checkpoint.path());
        if named != Some(header.step) {
            return Err(Error::failure(format!("{path} holds the state after step {}", header.step)));
        }
        let Some(ledger) = &self.ledger else { return Ok(()) };
        if ledger.names_checkpoint(header.step, &header.root) || self.is_interrupted(checkpoint, ledger) {
            return Ok(());
        }
        Err(Error::failure(match ledger.names_step(header.step) {
            true => format!("{path}: it is another checkpoint than the one in the ledger"),
            false => format!("{path}: the ledger does not know this checkpoint"),
        }))
    }

    /// True for the checkpoint of this run that was complete when the run was killed, before its line was added.
    fn is_interrupted(&self, checkpoint: &Checkpoint, ledger: &Ledger) -> bool {
        let header = &checkpoint.header;
        let is_later = ledger.last_checkpoint().is_none_or(|last| last.step < header.step);
        is_later && !self.run.is_empty() && header.run == self.run && header.parent == ledger.last_root()
    }
}

/// The checkpoint, relative to `dir`, that was complete when the run was killed, before its line was added to `ledger`.
///
/// # Errors
/// If the directory of the checkpoints cannot be read.
pub(in crate::saved) fn unlisted(dir: &Path, ledger: &Ledger) -> Result<Option<String>> {
    let newest = store::newest_step(dir)?.filter(|step| !ledger.names_step(*step));
    let is_interrupted = |step: &u64| {
        let checkpoint = Checkpoint::open(&dir.join(checkpoint_name(*step)));
        checkpoint.is_ok_and(|checkpoint| Known::by(dir, None).is_interrupted(&checkpoint, ledger))
    };
    Ok(newest.filter(is_interrupted).map(checkpoint_name))
}
