//! [`Attempt`]: one start of a run, on one rank. It steps the simulation, writes output, saves the state, and stops when the
//! ranks have agreed to.
use super::cadences::{Cadences, Due};
use super::checkpoints::Checkpoints;
use super::consensus::{Agreed, Consensus, Decision, Vote};
use super::control::Control;
use super::finite::FiniteCheck;
use super::heartbeat::Heartbeat;
use super::ownership::Ownership;
use super::progress::Progress;
use super::replication::Replication;
use super::requests::Requests;
use super::series::Series;
use super::setup;
use super::streams::Streams;
use crate::base::message::message;
use crate::base::{Error, Result};
use crate::comm::Comm;
use crate::config::{Cadence, JobFile, SimulatedDuration};
use crate::engine::{Phase, Simulation, Snapshot};
use crate::saved::place::Place;
use crate::saved::replica::MemorySegment;
use crate::saved::run_directory;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Most steps in one block: the ranks communicate their votes once per block.
const MAX_BLOCK: u64 = 64;

/// One attempt of a run, on one rank.
pub(super) struct Attempt<'a> {
    pub file: &'a JobFile,
    /// The run directory, which may be moved during the run.
    pub dir: PathBuf,
    /// On rank 0: where the run directory is.
    pub place: Option<Place>,
    /// The last step whose output was written, and whether the output of a step was interrupted by an error.
    pub output_step: Option<u64>,
    pub torn: bool,
    pub comm: Comm,
    pub simulation: Simulation,
    pub streams: Streams,
    pub series: Series,
    pub cadences: Cadences,
    pub consensus: Consensus,
    pub finite: FiniteCheck,
    /// When the run ends; in steps wherever the number of steps is known.
    pub end: SimulatedDuration,
    /// Measured memory bandwidth of a copy, in 10⁹ bytes a second; none for small fields.
    pub copy_gb_s: Option<f64>,
    /// True once all ranks know that the run has failed: they may still communicate.
    pub all_know: bool,
    pub checkpoints: Checkpoints,
    /// On rank 0: requests of users and of the batch system.
    pub control: Option<Control>,
    pub ownership: Ownership,
    /// The step of the state from which the attempt resumed.
    pub resumed_from: Option<u64>,
    /// The run's directory in the memory of the nodes.
    pub memory: MemorySegment,
    pub replication: Replication,
}

/// The remedy of a run that stopped before its end.
pub(super) fn how_to_continue(dir: &Path) -> String {
    format!("the state is saved: continue with `halocline resume {}`", dir.display())
}

/// A snapshot of the simulation, with the counters of cadences and the series and the accumulated values of streams, in the
/// memory of an older snapshot if there is one. Collective.
fn snapshot(
    simulation: &Simulation,
    streams: &Streams,
    series: &Series,
    cadences: &Cadences,
    older: Option<Snapshot>,
) -> Snapshot {
    let mut snapshot = simulation.snapshot(older);
    cadences.save(&mut snapshot);
    series.save(&mut snapshot);
    streams.save(simulation.fields(), &mut snapshot);
    snapshot
}

impl Attempt<'_> {
    /// Steps to the end of the run and returns its outcome: `done`, `converged`, or `not converged` for a model that has a condition
    /// for its end, which does not hold. Collective.
    pub fn step_to_end(&mut self) -> Result<String> {
        let from = (self.simulation.steps(), self.simulation.time());
        let mut progress = Progress::new(self.comm.is_root(), self.end, self.simulation.bytes_per_step(), from);
        self.stop_short();
        self.simulation.start()?;
        if self.resumed_from.is_none() {
            self.write_output(0, false)?;
        }
        self.replicate(from.0)?;
        loop {
            let (step, time) = (self.simulation.steps(), self.simulation.time());
            let done = match self.end {
                SimulatedDuration::Steps(n) => step >= n,
                SimulatedDuration::Seconds(end) => time >= end,
            };
            if let Some(error) = self.simulation.failure() {
                progress.finish();
                self.check_at_end(step)?;
                self.write_end()?;
                // The condition depends on scalars alone, which are the same on all ranks.
                self.all_know = true;
                return Err(error);
            }
            if done || self.simulation.is_finished() {
                progress.finish();
                self.check_at_end(step)?;
                let outcome = match (self.simulation.is_finished(), self.simulation.is_unfinished()) {
                    (true, _) => "converged",
                    (_, true) => "not converged",
                    _ => "done",
                };
                if self.simulation.is_unfinished() && self.comm.is_root() {
                    message!("warning: not converged when the run ended, after step {step}: see its results");
                }
                return Ok(outcome.into());
            }
            self.stop_short();
            let advanced = self.simulation.advance(self.block_length(step));
            if let Some(error) = self.simulation.broken_loop() {
                progress.finish();
                self.all_know = true;
                return Err(error);
            }
            advanced?;
            let step = self.simulation.steps();
            let due = self.cadences.pass(&self.simulation.moment());
            let after = self.simulation.time();
            if let SimulatedDuration::Seconds(_) = self.end
                && (after.is_nan() || after <= time)
            {
                // The time is the same on all ranks.
                self.all_know = true;
                return Err(setup::no_progress(time, after - time));
            }
            let agreed = self.vote(step, due)?;
            let moved = if agreed.requests.moved { self.relocate() } else { Ok(None) };
            let moved = self.note(moved)?;
            self.write_output(step, agreed.requests.output)?;
            if let Some(by) = moved {
                self.stop(step, by, 0)?;
            }
            self.save_and_stop(step, due, agreed.requests)?;
            if due.replica || agreed.requests.replica {
                self.replicate(step)?;
            }
            if let Decision::Stop(signal) = agreed.decision {
                self.stop(step, signal.name(), 0)?;
            }
            progress.step(step, after, || self.series.shown());
        }
    }

    /// Tells the simulation the next instant that an adaptive time step must not pass.
    fn stop_short(&mut self) {
        let end = match self.end {
            SimulatedDuration::Seconds(end) => Some(end),
            SimulatedDuration::Steps(_) => None,
        };
        let all = [end, self.cadences.next_aligned(), self.streams.next_aligned(), self.series.next_aligned()];
        self.simulation.stop_short_at(all.into_iter().flatten().fold(f64::INFINITY, f64::min));
    }

    /// The number of steps of the next block: at most until the next step with output, a check or a saved state.
    fn block_length(&self, step: u64) -> u64 {
        let SimulatedDuration::Steps(end) = self.end else { return 1 };
        let most = (end - step).clamp(1, MAX_BLOCK);
        let is_due = |n: &u64| {
            let moment = self.simulation.moment_after(*n);
            self.cadences.are_due(&moment) || self.streams.want(&moment) || self.series.is_due(&moment)
        };
        self.simulation.steps_at_once((1..most).find(is_due).unwrap_or(most))
    }

    /// Searches for non-finite values if a search is due, votes, and acts on what all ranks voted one block ago. Collective.
    fn vote(&mut self, step: u64, due: Due) -> Result<Agreed> {
        let started = Instant::now();
        if due.check {
            self.finite.search(&self.simulation, step);
        }
        let (longest, may_seal) = (self.checkpoints.longest(), self.streams.may_seal());
        let mut requests = self.control.as_mut().map_or(Requests::default(), |control| control.poll(longest, may_seal));
        requests.moved = self.control.as_ref().is_some_and(Control::has_just_looked)
            && self.place.as_ref().is_some_and(|place| place.change(&self.dir).is_some());
        let vote = self.vote_of_this_rank(requests);
        let agreed = self.consensus.vote(&self.comm, vote);
        self.simulation.timers_mut().record(Phase::Watch, started);
        if agreed.decision == Decision::NotFinite {
            return Err(self.not_finite());
        }
        let [checkpoint, replica] = agreed.rounds;
        let written = self.checkpoints.advance(checkpoint, self.simulation.timers_mut());
        self.note(written)?;
        let kept = self.replication.advance(replica, self.simulation.timers_mut());
        self.note(kept)?;
        Ok(agreed)
    }

    fn vote_of_this_rank(&mut self, requests: Requests) -> Vote {
        let rounds = [self.checkpoints.rounds(), self.replication.rounds()];
        Vote { not_finite: self.finite.has_found(), requests, rounds }
    }

    /// Completes the last vote before the run ends. A stop request that arrives after the last step is ignored. Collective.
    fn check_at_end(&mut self, step: u64) -> Result<()> {
        if self.file.engine.check_every != Cadence::Never {
            self.finite.search(&self.simulation, step);
        }
        let vote = self.vote_of_this_rank(Requests::default());
        let before = self.consensus.vote(&self.comm, vote).decision;
        match [before, self.consensus.complete().decision].contains(&Decision::NotFinite) {
            true => Err(self.not_finite()),
            false => Ok(()),
        }
    }

    /// The error for the first non-finite value on any rank. Collective.
    fn not_finite(&mut self) -> Error {
        self.all_know = true;
        self.finite.error(&self.simulation)
    }

    /// Checks that all values on all ranks are finite and that the run directory still belongs to this attempt. Collective.
    fn check_before_writing(&mut self, step: u64) -> Result<()> {
        if !self.finite.all_finite(&self.comm, &self.simulation, step) {
            return Err(self.not_finite());
        }
        let owned = self.ownership.check(&self.comm);
        self.note(owned)
    }

    /// Writes the output that is due after a step or `requested`. Collective.
    ///
    /// # Errors
    /// If values are not finite, if another run owns the directory, or if a file cannot be written.
    fn write_output(&mut self, step: u64, requested: bool) -> Result<()> {
        let started = Instant::now();
        let moment = self.simulation.moment();
        let is_finite = self.series.measure(&mut self.simulation, &moment);
        if requested || self.streams.are_due(&moment) || !is_finite {
            self.check_before_writing(step)?;
        }
        let fields = self.streams.fields(&moment, requested);
        let derived = self.simulation.derive(&fields);
        self.note(derived)?;
        self.torn = true;
        let written = self.streams.step(self.simulation.fields(), &moment, requested);
        self.simulation.free_derived();
        let written = written.and_then(|()| self.series.write(&self.comm, &moment));
        self.note(written)?;
        (self.torn, self.output_step) = (false, Some(step));
        self.simulation.timers_mut().record(Phase::Output, started);
        Ok(())
    }

    /// Writes the last instant to the streams that lack it, and returns notes on intervals that it cuts short. The state must
    /// have been saved before: a run that is extended drops this instant, unless it is one of a stream's cadence. Collective.
    ///
    /// # Errors
    /// As [`Attempt::write_output`].
    pub fn write_end(&mut self) -> Result<Vec<String>> {
        let moment = self.simulation.moment();
        let is_finite = !self.series.lacks(&moment) || self.series.measure_end(&mut self.simulation, &moment);
        if self.streams.lack(&moment) || !is_finite {
            self.check_before_writing(moment.step)?;
        }
        let fields = self.streams.fields(&moment, true);
        let derived = self.simulation.derive(&fields);
        self.note(derived)?;
        let written = self.streams.write_end(self.simulation.fields(), &moment);
        self.simulation.free_derived();
        let written = written.and_then(|notes| self.series.write(&self.comm, &moment).map(|()| notes));
        self.note(written)
    }

    /// Writes the output of a step unless that has been done. Collective.
    pub fn write_missed_output(&mut self, step: u64) -> Result<()> {
        if self.output_step >= Some(step) { Ok(()) } else { self.write_output(step, false) }
    }

    /// Waits until the last checkpoint is on disk. Collective.
    pub fn wait_for_checkpoint(&mut self) -> Result<()> {
        let written = self.checkpoints.wait();
        self.note(written)
    }

    /// Starts a checkpoint if one is due or requested, then stops if that was requested. Collective.
    fn save_and_stop(&mut self, step: u64, due: Due, requests: Requests) -> Result<()> {
        if requests.checkpoint || due.checkpoint {
            self.save(step)?;
        }
        if requests.stop || requests.ranks > 0 {
            return self.stop(step, "the control file", requests.ranks);
        }
        if requests.time_up {
            return self.stop(step, "the time limit", 0);
        }
        Ok(())
    }

    /// Starts a checkpoint of this step, unless there is one already. Collective.
    ///
    /// # Errors
    /// As [`Attempt::prepare_to_save`], or if the checkpoint cannot be written.
    pub fn save(&mut self, step: u64) -> Result<()> {
        if self.checkpoints.last() == Some(step) {
            return Ok(());
        }
        let started = Instant::now();
        self.prepare_to_save(step)?;
        let (simulation, streams) = (&self.simulation, &self.streams);
        let (series, cadences) = (&self.series, &self.cadences);
        let saved = self.checkpoints.save(step, |older| snapshot(simulation, streams, series, cadences, older));
        self.note(saved)?;
        self.control.iter_mut().for_each(Control::restart_checkpoint_timer);
        self.checkpoints.paused(started, self.simulation.timers_mut());
        Ok(())
    }

    /// Checks that the state may be saved, and seals the output up to this step, which belongs to the state. Collective.
    ///
    /// # Errors
    /// If values are not finite, if another run owns the directory, or if output cannot be sealed.
    fn prepare_to_save(&mut self, step: u64) -> Result<()> {
        self.check_before_writing(step)?;
        let sealed = self.streams.seal().and_then(|()| self.series.seal(&self.comm));
        self.note(sealed)
    }

    /// Keeps the state in the memory of the nodes, if replication is on. Collective.
    ///
    /// # Errors
    /// As [`Attempt::prepare_to_save`] and [`Replication::keep`].
    fn replicate(&mut self, step: u64) -> Result<()> {
        if !self.replication.is_on() {
            return Ok(());
        }
        let started = Instant::now();
        self.prepare_to_save(step)?;
        let (simulation, streams) = (&self.simulation, &self.streams);
        let (series, cadences) = (&self.series, &self.cadences);
        let kept = self.replication.keep(&self.comm, |older| snapshot(simulation, streams, series, cadences, older));
        self.note(kept)?;
        self.control.iter_mut().for_each(Control::restart_replica_timer);
        self.replication.paused(started, self.simulation.timers_mut());
        Ok(())
    }

    /// Saves the state, waits until it is on disk, and returns the error that ends the attempt. The next attempt continues,
    /// on `ranks` ranks if that is not 0. Collective.
    fn stop(&mut self, step: u64, by: &str, ranks: u32) -> Result<()> {
        let _heartbeat = self.comm.is_root().then(|| Heartbeat::start(&self.dir));
        self.save(step)?;
        self.wait_for_checkpoint()?;
        let dir = &self.dir;
        if ranks > 0 {
            let noted =
                self.comm.agree(if self.comm.is_root() { run_directory::request_ranks(dir, ranks) } else { Ok(()) });
            self.note(noted)?;
        }
        Err(Error::stopped(format!("stopped by {by} after step {step}")).remedy(how_to_continue(&self.dir)))
    }

    /// Passes on the result of a collective operation, and notes a failure: all ranks know of it.
    pub fn note<T>(&mut self, result: Result<T>) -> Result<T> {
        self.all_know |= result.is_err();
        result
    }
}
