//! A run from start to end: set up, step, look, write, stop.
mod pictures;
mod progress;
mod pulse;
mod report;
mod setup;
mod streams;
mod summary;
mod trace;

pub use report::{Report, Spread, StageReport};
pub use setup::{check_streams, model};
pub use summary::{Seconds, Summary};

use crate::comm::{Comm, Launch, thread_warning};
use crate::config::{Cadence, JobFile, Span};
use crate::engine::trace::{MOST, Trace};
use crate::engine::{Finding, Phase, Simulation};
use crate::error::{Error, Result};
use crate::folder;
use crate::job::JobEntry;
use crate::model::{Measure, Model};
use crate::region::Region;
use progress::{Progress, Total};
use pulse::{Pulse, Verdict};
use serde_json::Map;
use std::num::NonZeroUsize;
use std::path::PathBuf;
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
    /// True if `trace.json` is to tell what each rank did when.
    pub trace: bool,
}

/// Runs a job on all ranks and returns the exit code of this process.
pub fn run(entry: &JobEntry, file: JobFile, options: Options) -> u8 {
    let launch = Launch { ranks: options.ranks.map(Into::into), threads: options.threads.map(Into::into) };
    launch.run(|comm| {
        let mut run = Run::begin(entry, &file, &options, comm)?;
        let stepping = Instant::now();
        let outcome = run.step_to_end();
        run.finish(outcome, stepping.elapsed().as_secs_f64())
    })
}

/// Bytes that must move in memory in a step, on all ranks together, loops left out: what T_eff counts.
pub fn bytes_per_step(model: &Model) -> u64 {
    crate::engine::bytes_of(&model.design, &model.design.step)
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
}

impl<'a> Run<'a> {
    fn begin(entry: &JobEntry, file: &'a JobFile, options: &'a Options, comm: Comm) -> Result<Run<'a>> {
        let started = Instant::now();
        let origin = options.trace.then(|| trace::origin(&comm));
        let warnings = thread_warning(&comm).into_iter().chain(without_effect(file));
        if comm.is_root() {
            warnings.for_each(|warning| eprintln!("warning: {warning}"));
        }
        let free = if comm.is_root() { folder::check(&options.output, options.force) } else { Ok(()) };
        comm.agree(free)?;
        let model = model(entry, file, comm.clone())?;
        check_streams(file, &model)?;
        let clock = model.design.clock;
        let mut simulation = model.compile()?;
        let total = match (setup::steps(clock, file.time.end), file.time.end) {
            (Some(n), _) => Total::Steps(n),
            (None, Span::Seconds(end)) => Total::Seconds(end),
            (None, Span::Steps(n)) => Total::Steps(n),
        };
        if let Total::Seconds(end) = total {
            simulation.end_at(end);
        }
        let claimed = if comm.is_root() { folder::claim(&options.output, options.force, file) } else { Ok(()) };
        comm.agree(claimed)?;
        let provenance = provenance(&comm, file);
        let recorders = file.output.iter().filter(|(_, stream)| stream.every != Cadence::Never);
        let recorders = recorders
            .map(|(name, _)| Recorder::begin(&comm, &simulation.store, file, name, &options.output, &provenance))
            .collect::<Result<Vec<Recorder>>>()?;
        let copy_gb_s = report::measure_copy(&comm, simulation.memory());
        simulation.clockwork.trace = origin.map(Trace::new);
        simulation.clockwork.spent(Phase::Setup, started);
        Ok(Run { file, options, comm, simulation, recorders, pulse: Pulse::new(), total, copy_gb_s, agreed: false })
    }

    /// Steps until the end, and says how it ended.
    fn step_to_end(&mut self) -> Result<String> {
        let mut progress = Progress::new(self.comm.is_root(), self.total, self.simulation.bytes_per_step());
        self.simulation.start()?;
        self.look(0)?;
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
            self.watch(step)?;
            self.look(step)?;
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
            self.check_is_due(step, time, dt) || self.recorders.iter().any(|r| r.wants(step, time))
        };
        self.simulation.steps_at_once((1..most).find(to_be_seen).unwrap_or(most))
    }

    /// True if values are to be checked after this step.
    fn check_is_due(&self, step: u64, time: f64, dt: f64) -> bool {
        match self.file.engine.check_every {
            Cadence::Never => false,
            Cadence::Steps(n) => step.is_multiple_of(n),
            Cadence::Seconds(s) => (time / s).floor() > ((time - dt) / s).floor(),
        }
    }

    /// Looks for values that are not finite, at the cadence asked for, and acts on what all ranks knew a step ago.
    fn watch(&mut self, step: u64) -> Result<()> {
        let started = Instant::now();
        if self.check_is_due(step, self.simulation.time(), self.simulation.last_step()) {
            let finding = self.simulation.not_finite();
            self.pulse.report(step, finding);
        }
        let verdict = self.pulse.beat(&self.comm);
        self.simulation.clockwork.spent(Phase::Watch, started);
        self.judge(verdict, step)
    }

    /// Acts on the last beat, before the run ends.
    fn act(&mut self, step: u64) -> Result<()> {
        if self.file.engine.check_every != Cadence::Never {
            let finding = self.simulation.not_finite();
            self.pulse.report(step, finding);
        }
        let verdict = self.pulse.beat(&self.comm);
        self.judge(verdict, step)?;
        match self.pulse.last() {
            Verdict::NotFinite => self.judge(Verdict::NotFinite, step),
            // It is over anyway.
            _ => Ok(()),
        }
    }

    fn judge(&mut self, verdict: Verdict, step: u64) -> Result<()> {
        match verdict {
            Verdict::Continue => Ok(()),
            Verdict::NotFinite => Err(self.not_finite()),
            Verdict::Signal(signal) => Err(Error::stopped(format!("stopped by {} after step {step}", signal.name()))
                .remedy("what was written is complete; run it again to begin anew")),
        }
    }

    fn not_finite(&mut self) -> Error {
        self.agreed = true;
        let mine = self.pulse.found().cloned();
        let Some((step, Finding { field, block, index, value })) = self.simulation.first_finding(mine) else {
            return Error::failure("a value that is not finite was found, and lost");
        };
        let block = if self.simulation.store.design.grids[0].all_blocks().len() > 1 {
            format!(" of block {block}")
        } else {
            String::new()
        };
        Error::failure(format!("`{field}` is {value} in cell {index:?} [z, y, x]{block} after step {step}"))
            .remedy("a smaller time step, or smoother data; the last good output stands")
    }

    /// Writes what is due after a step, if all of it is finite.
    fn look(&mut self, step: u64) -> Result<()> {
        let started = Instant::now();
        let time = self.simulation.time();
        if self.recorders.iter().any(|r| r.is_due(step, time)) {
            let finding = self.simulation.not_finite();
            let mut found = [i64::from(finding.is_some())];
            self.comm.reduce(crate::comm::Reduce::Max, &mut found);
            if found[0] > 0 {
                self.pulse.report(step, finding);
                return Err(self.not_finite());
            }
        }
        for recorder in &mut self.recorders {
            let written = recorder.step(&self.simulation.store, step, time);
            self.agreed |= written.is_err();
            written?;
        }
        self.simulation.clockwork.spent(Phase::Output, started);
        Ok(())
    }

    /// Seals streams, reports, draws, and passes on how it ended.
    fn finish(mut self, outcome: Result<String>, wall: f64) -> Result<()> {
        let wall = (wall - self.simulation.clockwork.of(Phase::Output)).max(1e-9);
        let started = Instant::now();
        let failed = outcome.as_ref().is_err_and(|e| e.kind() == crate::error::Kind::Failure);
        if failed && !self.agreed {
            return outcome.map(|_| ());
        }
        for recorder in std::mem::take(&mut self.recorders) {
            recorder.finish()?;
        }
        let started = self.simulation.clockwork.spent(Phase::Output, started);
        let mut results = Map::new();
        let diagnostics = self.simulation.store.design.diagnostics.clone();
        for diagnostic in diagnostics {
            let measured = match diagnostic.what {
                Measure::Reduction(r) => self.simulation.measure(r),
                Measure::Scalar(s) => crate::engine::Measured { value: self.simulation.scalar(s), at: None },
            };
            summary::add_result(&mut results, &diagnostic.name, measured);
        }
        let started = self.simulation.clockwork.spent_on("diagnostics", Phase::Output, started);
        let state = self.simulation.state()?;
        let started = self.simulation.clockwork.spent_on("state", Phase::Output, started);
        let pictures = if outcome.is_ok() { self.pictures()? } else { vec![] };
        self.simulation.clockwork.spent_on("pictures", Phase::Output, started);
        let time = Report::gather(&self.comm, &self.simulation.clockwork, self.copy_gb_s);
        let summary = self.summary(&outcome, wall, results, state, time);
        let written = if self.comm.is_root() { summary.write(&self.options.output) } else { Ok(()) };
        self.comm.agree(written)?;
        let traced = self.write_trace()?;
        if self.comm.is_root() {
            let text = summary.text();
            if failed {
                eprint!("{text}")
            } else {
                print!("{text}")
            }
            let dir = &self.options.output;
            let files = self.file.output.iter().filter(|(_, s)| s.every != Cadence::Never);
            let files = files.map(|(name, _)| dir.join(format!("{name}.h5")));
            for path in files.filter(|p| p.exists()).chain(pictures).chain([dir.join("summary.json")]) {
                println!("  {}", path.display());
            }
            traced.iter().for_each(|line| println!("  {line}"));
            if outcome.is_ok() {
                println!("state {}", summary.state);
            }
        }
        outcome.map(|_| ())
    }

    fn summary(
        &self,
        outcome: &Result<String>,
        wall: f64,
        results: Map<String, serde_json::Value>,
        state: String,
        time: Report,
    ) -> Summary {
        let simulation = &self.simulation;
        let cells = simulation.store.design.grids.first().map_or(0, |g| g.total_cells()) as f64;
        let rate = simulation.steps() as f64 / wall;
        Summary {
            job: self.file.job.clone(),
            outcome: outcome.as_ref().map_or_else(|e| e.what().to_owned(), Clone::clone),
            ranks: self.comm.size(),
            transport: self.comm.kind().into(),
            threads: self.comm.threads().count(),
            fusion: simulation.fusion(),
            instruction_set: simulation.store.design.instructions.name().into(),
            grid: self.file.grid.cells,
            process_grid: simulation.domain().map_or([1; 3], |d| d.dims),
            element: self.file.engine.element.element_type().name().into(),
            steps: simulation.steps(),
            time_s: simulation.time(),
            wall_s: wall,
            cells_per_s: cells * rate,
            t_eff_gb_s: simulation.moved() as f64 / wall / 1e9,
            memory_bytes: simulation.memory() as u64,
            messages: simulation.clockwork.messages,
            sent_bytes: simulation.clockwork.sent,
            seconds: Seconds::of(&simulation.clockwork),
            time,
            results,
            state,
        }
    }

    /// Writes what was traced, and says so. Collective.
    fn write_trace(&self) -> Result<Option<String>> {
        let Some(trace) = &self.simulation.clockwork.trace else { return Ok(None) };
        let path = self.options.output.join("trace.json");
        let full = trace::write(&self.comm, trace, &host(), &path)?;
        let until = full
            .map_or(String::new(), |s| format!(", which ends after {s:.3} s: at most {MOST} spans of a rank are kept"));
        Ok(Some(format!("{}{until}", path.display())))
    }

    /// Pictures of the fields at the end, for streams that ask for them. Collective.
    fn pictures(&self) -> Result<Vec<PathBuf>> {
        let mut paths = vec![];
        for (name, stream) in self.file.output.iter().filter(|(_, s)| s.picture && s.points.is_none()) {
            for (f, d) in self.simulation.store.design.declarations.iter().enumerate() {
                let wanted = stream.fields.as_ref().map_or(d.output && d.grid == 0, |names| names.contains(&d.name));
                if !wanted {
                    continue;
                }
                let path = self.options.output.join(format!("{name}-{}.png", d.name));
                let when = format!("step {}", self.simulation.steps());
                let cells = self.simulation.store.design.grids[0].cells();
                let region = stream.region.as_ref().map_or(Region::of(cells), |r| r.within(cells));
                if pictures::draw(&self.comm, &self.simulation.store, f, region, &when, &path)? {
                    paths.push(path);
                }
            }
        }
        Ok(paths)
    }
}

/// Keys that a job file may have and this version does not act on: said aloud, so that nobody counts on them.
fn without_effect(file: &JobFile) -> Vec<String> {
    let mut warnings = vec![];
    if file.checkpoint.every != Cadence::Never {
        warnings
            .push("`checkpoint.every` has no effect in this version: a run that is cut short begins anew".to_owned());
    }
    warnings
}

/// The machine that this rank is on.
fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().into()
}

/// What differs from run to run.
fn provenance(comm: &Comm, file: &JobFile) -> Vec<(String, String)> {
    let entry = |name: &str, value: String| (name.to_owned(), value);
    vec![
        entry("job_file", file.to_toml()),
        entry("version", env!("CARGO_PKG_VERSION").into()),
        entry("revision", option_env!("HALOCLINE_REVISION").unwrap_or("unknown").into()),
        entry("host", host()),
        entry("ranks", comm.size().to_string()),
        entry("transport", comm.kind().into()),
        entry("threads", comm.threads().count().to_string()),
        entry("start", humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string()),
    ]
}
