//! When a run keeps its state in the memory of nodes.
use super::control::{Control, Wishes};
use super::saving::take;
use super::{Run, is_due};
use crate::base::Result;
use crate::engine::Phase;
use std::time::Instant;

impl Run<'_> {
    /// True if the job file asks for the state to be kept in memory after this step.
    pub(super) fn replica_is_due(&self, step: u64, time: f64, dt: f64) -> bool {
        self.replicas.is_some() && is_due(self.file.replica.every, step, time, dt)
    }

    /// Keeps the state in memory if the job file or the clock asks for it. Collective.
    pub(super) fn replicate_if_due(&mut self, step: u64, wishes: Wishes) -> Result<()> {
        let (time, dt) = (self.simulation.time(), self.simulation.last_step());
        if wishes.replica || self.replica_is_due(step, time, dt) { self.replicate(step) } else { Ok(()) }
    }

    /// Keeps the state in memory, if it is finite. Collective.
    ///
    /// # Errors
    /// If it is not, if the folder is another life's, or the first time there is no room; later, the run does without.
    pub(super) fn replicate(&mut self, step: u64) -> Result<()> {
        if self.replicas.is_none() {
            return Ok(());
        }
        let started = Instant::now();
        self.be_ready_to_save(step)?;
        // The one before, if it is not done: what is wrong with it is no lack of room.
        self.settle_replicas()?;
        let (simulation, recorders) = (&self.simulation, &self.recorders);
        let Some(replicas) = &mut self.replicas else { return Ok(()) };
        let first = replicas.kept().0 == 0;
        let kept = replicas.keep(|older| take(simulation, recorders, older));
        self.control.iter_mut().for_each(Control::kept);
        self.held_up_by_replicas(started);
        if first {
            return self.all_know(kept);
        }
        self.do_without(kept);
        Ok(())
    }

    /// The state under way counts if all ranks have done their part. Collective.
    pub(super) fn hear_replicas(&mut self, least: i64) -> Result<()> {
        let Some(replicas) = &mut self.replicas else { return Ok(()) };
        let started = Instant::now();
        let heard = replicas.advance(least);
        self.held_up_by_replicas(started);
        self.all_know(heard)
    }

    /// Waits for the state under way. Collective.
    pub(super) fn settle_replicas(&mut self) -> Result<()> {
        let settled = self.replicas.as_mut().map_or(Ok(()), |replicas| replicas.wait());
        self.all_know(settled)
    }

    /// Without room for it any more, the state is no longer kept in memory; the last one there stands.
    fn do_without(&mut self, kept: Result<()>) {
        if let Err(why) = kept {
            self.replicas = None;
            if self.comm.is_root() {
                eprintln!("warning: the state is no longer kept in memory: {why}");
            }
        }
    }

    fn held_up_by_replicas(&mut self, since: Instant) {
        self.stalled[1] += since.elapsed().as_secs_f64();
        self.simulation.timers_mut().record_as("replica", Phase::Output, since);
    }
}
