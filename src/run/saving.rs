//! When a run saves its state.
use super::control::{Control, Signs, Wishes};
use super::streams::Recorder;
use super::{Run, is_due};
use crate::base::{Error, Result};
use crate::engine::{Phase, Simulation, Snapshot};
use crate::saved::attempt::Fence;
use crate::saved::run_directory;
use std::path::Path;
use std::time::Instant;

/// The state as it is, with what streams have gathered. Collective.
pub(super) fn take(simulation: &Simulation, recorders: &[Recorder], older: Option<Snapshot>) -> Snapshot {
    let mut snapshot = simulation.snapshot(older);
    recorders.iter().for_each(|recorder| recorder.save(simulation.fields(), &mut snapshot));
    snapshot
}

/// What a stopped run says last.
pub(super) fn goes_on(dir: &Path) -> String {
    format!("its state is saved: `halocline resume {}` goes on from there", dir.display())
}

impl Run<'_> {
    /// True if the job file asks for a checkpoint after this step.
    pub(super) fn save_is_due(&self, step: u64, time: f64, dt: f64) -> bool {
        is_due(self.file.checkpoint.every, step, time, dt)
    }

    /// Goes on with a checkpoint that is being written, and begins one if the job file or somebody asks for it. Collective.
    pub(super) fn save_if_due(&mut self, step: u64, wishes: Wishes) -> Result<()> {
        let (time, dt) = (self.simulation.time(), self.simulation.last_step());
        if wishes.checkpoint || self.save_is_due(step, time, dt) {
            self.save(step)?;
        }
        if wishes.stop || wishes.ranks > 0 {
            return self.stop(step, "the control file", wishes.ranks);
        }
        if wishes.time_up {
            return self.stop(step, "the time limit", 0);
        }
        Ok(())
    }

    /// Begins a checkpoint, unless there is one of this step or values are not finite. Collective.
    pub(super) fn save(&mut self, step: u64) -> Result<()> {
        if self.saved == Some(step) {
            return Ok(());
        }
        let started = Instant::now();
        self.be_ready_to_save(step)?;
        let saved = self.save_all();
        self.all_know(saved)?;
        self.saved = Some(step);
        self.control.iter_mut().for_each(Control::saved);
        self.held_up(started);
        Ok(())
    }

    /// Notes that the run waited for a checkpoint since then.
    pub(super) fn held_up(&mut self, since: Instant) {
        self.stalled[0] += since.elapsed().as_secs_f64();
        self.simulation.timers_mut().record_as("checkpoint", Phase::Output, since);
    }

    /// Checks that the state may be saved, and brings to disk what was written until here, which belongs to it. Collective.
    ///
    /// # Errors
    /// If values are not finite, if the folder is another life's, or if output cannot be sealed.
    pub(super) fn be_ready_to_save(&mut self, step: u64) -> Result<()> {
        if !self.all_is_finite(step) {
            return Err(self.not_finite());
        }
        self.check_life()?;
        let sealed = self.recorders.iter_mut().try_for_each(|recorder| recorder.seal());
        self.all_know(sealed)
    }

    fn save_all(&mut self) -> Result<()> {
        // The one before gives its memory back.
        self.keeper.wait()?;
        let spare = self.keeper.spare();
        self.keeper.save(take(&self.simulation, &self.recorders, spare))
    }

    /// Saves the state, waits until it is on disk, and ends the run: another life goes on from there, on so many ranks if
    /// that is not 0. Collective.
    pub(super) fn stop(&mut self, step: u64, by: &str, ranks: u32) -> Result<()> {
        let _signs = self.comm.is_root().then(|| Signs::give(&self.options.output));
        self.save(step)?;
        let settled = self.keeper.wait();
        self.all_know(settled)?;
        if ranks > 0 {
            let wanted =
                if self.comm.is_root() { run_directory::request_ranks(&self.options.output, ranks) } else { Ok(()) };
            let wanted = self.comm.agree(wanted);
            self.all_know(wanted)?;
        }
        Err(Error::stopped(format!("stopped by {by} after step {step}")).remedy(goes_on(&self.options.output)))
    }

    /// Takes note if something failed on all ranks together, so that they may still act together.
    pub(super) fn all_know<T>(&mut self, done: Result<T>) -> Result<T> {
        self.agreed |= done.is_err();
        done
    }

    /// # Errors
    /// On all ranks, if another run has taken over the folder.
    pub(super) fn check_life(&mut self) -> Result<()> {
        let mine = self.comm.agree(self.fence.as_ref().map_or(Ok(()), Fence::check));
        self.lost |= mine.is_err();
        mine
    }
}
