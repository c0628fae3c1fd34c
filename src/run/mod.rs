//! A run from start to end: set up, step, look, write, stop.
mod begin;
mod control;
mod deadline;
mod end;
pub(crate) mod job;
mod latest;
mod loss;
mod pictures;
mod progress;
mod pulse;
mod replicas;
mod report;
mod saving;
mod setup;
mod streams;
mod summary;
mod trace;

pub use crate::saved::outcome::{is_done, outcome};
pub use job::{Job, JobEntry};
pub use report::{Report, Spread, StageReport};
pub use setup::{check_streams, model};
pub use summary::{Seconds, Summary};

use crate::base::{Error, Result};
use crate::comm::{Comm, Launch};
use crate::config::{Cadence, JobFile};
use crate::engine::{NonFinite, Phase, Simulation};
use crate::saved::attempt::Fence;
use crate::saved::checkpoint::CheckpointManager;
use crate::saved::replica::{MemorySegment, Replicas};
use control::{Control, Signs, Wishes};
use loss::{After, Before};
use progress::{Progress, Total};
use pulse::{Heard, Pulse, Verdict};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Instant;
use streams::Recorder;

/// Steps that are looked ahead for something to be seen.
const MOST_STEPS: u64 = 64;

/// What the command line says about a run, beside the job file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Ranks as threads of this process; `None`: as the MPI launcher says, or 1.
    pub ranks: Option<NonZeroUsize>,
    /// Threads of each rank; `None`: as many as the rank's cores.
    pub threads: Option<NonZeroUsize>,
    /// The folder of the run, which rank 0 makes its own: absent, empty, or with `force` that of an earlier run.
    pub output: PathBuf,
    /// True if a folder that an earlier run made may be overwritten.
    pub force: bool,
    /// The run that is there goes on from its newest checkpoint, rather than to begin; with keys of the job file that were
    /// changed, before and after.
    pub resume: Option<BTreeMap<String, [String; 2]>>,
    /// True if `trace.json` is to tell what each rank did when.
    pub trace: bool,
}

/// Runs a job on all ranks and returns the exit code of this process.
pub fn run(entry: &JobEntry, file: JobFile, options: Options) -> u8 {
    let launch = Launch { ranks: options.ranks.map(Into::into), threads: options.threads.map(Into::into) };
    let known = OnceLock::new();
    launch.survive(|comm, losses| {
        let before = Before::share(&known, &comm, &options);
        if losses == 0 {
            return live(entry, &file, &options, comm, None);
        }
        match After::loss(before, &comm, &options) {
            // What is wrong with fewer ranks is nothing that was asked for.
            After::GoOn(options, signs) => live(entry, &file, &options, comm, signs).map_err(Error::not_as_input),
            After::Over(end) => end,
        }
    })
}

/// A life of a run; until it steps, `signs` say that it is about to.
fn live(entry: &JobEntry, file: &JobFile, options: &Options, comm: Comm, signs: Option<Signs>) -> Result<()> {
    let mut run = Run::begin(entry, file, options, comm)?;
    drop(signs);
    let stepping = Instant::now();
    let outcome = run.step_to_end();
    run.finish(outcome, stepping.elapsed().as_secs_f64())
}

/// A run under way, on one rank.
struct Run<'a> {
    file: &'a JobFile,
    options: &'a Options,
    comm: Comm,
    simulation: Simulation,
    recorders: Vec<Recorder>,
    pulse: Pulse,
    total: Total,
    /// What memory can do, measured before the first step.
    copy_gb_s: Option<f64>,
    /// True once all ranks know that the run has failed, so that they may still act together.
    agreed: bool,
    keeper: CheckpointManager,
    /// On rank 0: what people ask for, and whether the folder still belongs to this run.
    control: Option<Control>,
    fence: Option<Fence>,
    /// The step from which it goes on.
    resumed: Option<u64>,
    /// The run's folder in the node's memory, and what this life keeps there.
    room: MemorySegment,
    replicas: Option<Replicas>,
    /// The step of the last checkpoint.
    saved: Option<u64>,
    /// True once the folder is another run's: nothing may be written there any more.
    lost: bool,
    /// Seconds for which checkpoints, and states kept in memory, have held the run up.
    stalled: [f64; 2],
}

impl<'a> Run<'a> {
    /// Steps until the end, and says how it ended.
    fn step_to_end(&mut self) -> Result<String> {
        let from = (self.simulation.steps(), self.simulation.time());
        let mut progress = Progress::new(self.comm.is_root(), self.total, self.simulation.bytes_per_step(), from);
        self.simulation.start()?;
        if self.resumed.is_none() {
            self.look(0, Wishes::default())?;
        }
        self.replicate(from.0)?;
        loop {
            let (step, time) = (self.simulation.steps(), self.simulation.time());
            let over = match self.total {
                Total::Steps(n) => step >= n,
                Total::Seconds(end) => time >= end,
            };
            if over || self.simulation.is_finished() {
                progress.finish();
                self.act(self.simulation.steps())?;
                return Ok(if over { "done".into() } else { "converged".into() });
            }
            self.simulation.advance(self.steps_at_once(step))?;
            let step = self.simulation.steps();
            let after = self.simulation.time();
            if let Total::Seconds(_) = self.total
                && (after.is_nan() || after <= time)
            {
                return Err(setup::no_progress(time, after - time));
            }
            let heard = self.watch(step)?;
            self.look(step, heard.wishes)?;
            self.save_if_due(step, heard.wishes)?;
            self.replicate_if_due(step, heard.wishes)?;
            self.judge(heard.verdict, step)?;
            progress.step(step, after);
        }
    }

    /// How many steps may be done at a time from here: as many as the engine does best, until something is to be seen.
    fn steps_at_once(&self, step: u64) -> u64 {
        let Total::Steps(end) = self.total else { return 1 };
        let most = (end - step).clamp(1, MOST_STEPS);
        let dt = self.simulation.last_step();
        let to_be_seen = |n: &u64| {
            let (step, time) = (step + n, self.simulation.time_after(*n));
            let recorder = self.recorders.iter().any(|r| r.wants(step, time));
            let saved = self.save_is_due(step, time, dt) || self.replica_is_due(step, time, dt);
            saved || self.check_is_due(step, time, dt) || recorder
        };
        self.simulation.steps_at_once((1..most).find(to_be_seen).unwrap_or(most))
    }

    /// True if values are to be checked after this step.
    fn check_is_due(&self, step: u64, time: f64, dt: f64) -> bool {
        is_due(self.file.engine.check_every, step, time, dt)
    }

    /// Looks for values that are not finite, at the cadence asked for, and hears what all ranks knew a block ago.
    fn watch(&mut self, step: u64) -> Result<Heard> {
        let started = Instant::now();
        if self.check_is_due(step, self.simulation.time(), self.simulation.last_step()) {
            let finding = self.simulation.not_finite();
            self.pulse.report(step, finding);
        }
        let longest = self.keeper.longest();
        let wishes = self
            .control
            .as_mut()
            .map_or(Wishes::default(), |control| control.listen(longest, self.recorders.iter().all(Recorder::is_ripe)));
        let done = self.done();
        let heard = self.pulse.beat(&self.comm, wishes, done);
        self.simulation.timers_mut().record(Phase::Watch, started);
        if heard.verdict == Verdict::NotFinite {
            return Err(self.not_finite());
        }
        let started = Instant::now();
        let written = self.keeper.advance(heard.done[0]);
        self.held_up(started);
        self.all_know(written)?;
        self.hear_replicas(heard.done[1]).map(|()| heard)
    }

    /// How far this rank is with saving the state.
    fn done(&mut self) -> [i64; 2] {
        [self.keeper.acknowledged(), self.replicas.as_mut().map_or(0, Replicas::acknowledged)]
    }

    /// Acts on the last beat, before the run ends.
    fn act(&mut self, step: u64) -> Result<()> {
        if self.file.engine.check_every != Cadence::Never {
            let finding = self.simulation.not_finite();
            self.pulse.report(step, finding);
        }
        let done = self.done();
        let before = self.pulse.beat(&self.comm, Wishes::default(), done).verdict;
        // Whoever asks it to stop comes too late: it is over.
        match [before, self.pulse.last().verdict].contains(&Verdict::NotFinite) {
            true => Err(self.not_finite()),
            false => Ok(()),
        }
    }

    /// Stops if it was asked to, with a checkpoint to go on from.
    fn judge(&mut self, verdict: Verdict, step: u64) -> Result<()> {
        let Verdict::Signal(signal) = verdict else { return Ok(()) };
        self.stop(step, signal.name(), 0)
    }

    fn not_finite(&mut self) -> Error {
        self.agreed = true;
        let mine = self.pulse.found().cloned();
        let Some((step, NonFinite { field, block, index, value })) = self.simulation.first_finding(mine) else {
            return Error::failure("a value that is not finite was found, and lost");
        };
        let block = if self.simulation.fields().declared().grids[0].all_blocks().len() > 1 {
            format!(" of block {block}")
        } else {
            String::new()
        };
        Error::failure(format!("`{field}` is {value} in cell {index:?} [z, y, x]{block} after step {step}"))
            .remedy("a smaller time step, or smoother data; the last good output and checkpoint stand")
    }

    /// True if all values of all ranks are finite; else it is known which is not. Collective.
    fn all_is_finite(&mut self, step: u64) -> bool {
        let finding = self.simulation.not_finite();
        let mut found = [i64::from(finding.is_some())];
        self.comm.reduce(crate::comm::Reduce::Max, &mut found);
        if found[0] > 0 {
            self.pulse.report(step, finding);
        }
        found[0] == 0
    }

    /// Writes what is due after a step or asked for, if all of it is finite.
    fn look(&mut self, step: u64, wishes: Wishes) -> Result<()> {
        let started = Instant::now();
        let time = self.simulation.time();
        if wishes.output || self.recorders.iter().any(|r| r.is_due(step, time)) {
            if !self.all_is_finite(step) {
                return Err(self.not_finite());
            }
            self.check_life()?;
        }
        for recorder in &mut self.recorders {
            let written = recorder.step(self.simulation.fields(), step, time, wishes.output);
            self.agreed |= written.is_err();
            written?;
        }
        self.simulation.timers_mut().record(Phase::Output, started);
        Ok(())
    }
}

/// True if something that is done at a cadence is due after a step that took `dt` seconds.
fn is_due(every: Cadence, step: u64, time: f64, dt: f64) -> bool {
    match every {
        Cadence::Never => false,
        Cadence::Steps(n) => step.is_multiple_of(n),
        Cadence::Seconds(s) => (time / s).floor() > ((time - dt) / s).floor(),
    }
}
