//! The beginning of a run: all is checked, then allocated, then the folder is claimed.
use super::control::Control;
use super::deadline::Deadline;
use super::latest::latest;
use super::progress::Total;
use super::pulse::Pulse;
use super::streams::Recorder;
use super::{Options, Run, check_streams, model, report, setup, trace};
use crate::base::Result;
use crate::comm::{Comm, node, thread_warning};
use crate::config::{Cadence, JobFile, Span};
use crate::engine::Phase;
use crate::engine::trace::Trace;
use crate::run::job::JobEntry;
use crate::saved::attempt::{Fence, TimeLevel};
use crate::saved::checkpoint::{self, CheckpointManager};
use crate::saved::ledger::{Entry, Ledger, hash_files};
use crate::saved::replica::{MemorySegment, Replicas};
use crate::saved::run_directory;
use crate::saved::signature::secret_key;
use std::time::Instant;

impl<'a> Run<'a> {
    /// Begins a run, or goes on with one. Collective.
    pub(super) fn begin(entry: &JobEntry, file: &'a JobFile, options: &'a Options, comm: Comm) -> Result<Run<'a>> {
        let started = Instant::now();
        let origin = options.trace.then(|| trace::origin(&comm));
        if let (true, Some(warning)) = (comm.is_root(), thread_warning(&comm)) {
            eprintln!("warning: {warning}");
        }
        let dir = &options.output;
        let free = || {
            if options.resume.is_some() {
                run_directory::check_is_a_run(dir)
            } else {
                run_directory::check(dir, options.force)
            }
        };
        comm.agree(if comm.is_root() { free() } else { Ok(()) })?;
        let model = model(entry, file, comm.clone())?;
        check_streams(file, &model)?;
        let mut simulation = model.compile()?;
        let (clock, bytes_of_state) = (simulation.fields().declared().clock, simulation.program().bytes_of_state());
        let total = match (setup::steps(clock, file.time.end), file.time.end) {
            (Some(n), _) => Total::Steps(n),
            (None, Span::Seconds(end)) => Total::Seconds(end),
            (None, Span::Steps(n)) => Total::Steps(n),
        };
        if let Total::Seconds(end) = total {
            simulation.end_at(end);
        }
        let latest = if options.resume.is_some() { latest(&comm, dir)? } else { None };
        let (from, moment) = latest.map_or((None, None), |latest| (Some(latest.saved), latest.in_memory));
        let resumed = from.as_ref().map(|from| from.step());
        if let Some(from) = &from {
            simulation.restore(&**from)?;
        }
        let claimed = comm.is_root().then(|| claim(file, options, resumed, moment)).transpose();
        let (fence, ledger) = comm.agree(claimed)?.unzip();
        if comm.is_root() && options.resume.is_some() {
            match (resumed, moment) {
                (Some(step), Some(_)) => eprintln!("going on from the state after step {step} in the memory of nodes"),
                (Some(step), None) => eprintln!("going on from the checkpoint after step {step}"),
                (None, _) => eprintln!("{} has no checkpoint: the run begins anew", dir.display()),
            }
        }
        let provenance = provenance(&comm, file);
        let recorders = file.output.iter().filter(|(_, stream)| stream.every != Cadence::Never);
        let recorders = recorders
            .map(|(name, _)| {
                let from = (options.resume.is_some(), from.as_deref());
                Recorder::begin(&comm, simulation.fields(), file, name, dir, &provenance, from)
            })
            .collect::<Result<Vec<Recorder>>>()?;
        let copy_gb_s = report::measure_copy(&comm, simulation.memory());
        simulation.timers_mut().trace = origin.map(Trace::new);
        simulation.timers_mut().record(Phase::Setup, started);
        let streams = file.output.keys().cloned().collect();
        drop(from);
        let life = comm.share(fence.as_ref().map(|fence| fence.attempt.clone()));
        let room = MemorySegment::new(&comm, &life.run, dir);
        room.retain(life.number, moment);
        let replicas = file.replica.is_on().then(|| Replicas::new(&comm, room.clone(), life.number)).transpose()?;
        if let (true, Some(false)) = (comm.is_root(), replicas.as_ref().map(Replicas::has_buddies)) {
            eprintln!(
                "warning: there is one node only: the state in its memory survives the loss of a rank, not that of the node"
            );
        }
        let mut keeper =
            CheckpointManager::new(&comm, dir, file.checkpoint.keep.get(), streams, file.to_toml(), ledger);
        if let Some(fence) = fence.clone() {
            keeper.fence(move || fence.check());
        }
        let control = comm
            .is_root()
            .then(|| Control::new(dir, file.checkpoint.wall, file.replica.wall, Deadline::of_job(bytes_of_state)));
        Ok(Run {
            file,
            options,
            comm,
            simulation,
            recorders,
            pulse: Pulse::new(),
            total,
            copy_gb_s,
            agreed: false,
            keeper,
            control,
            fence,
            resumed,
            room,
            replicas,
            // What is in memory alone is not saved.
            saved: resumed.filter(|_| moment.is_none()),
            lost: false,
            stalled: [0.0; 2],
        })
    }
}

/// On rank 0: makes the folder this run's own, and begins or goes on with its ledger.
fn claim(file: &JobFile, options: &Options, resumed: Option<u64>, from: Option<TimeLevel>) -> Result<(Fence, Ledger)> {
    let dir = &options.output;
    let (job, key) = (["job.toml".to_owned()], secret_key()?);
    let Some(changed) = &options.resume else {
        let fence = run_directory::acquire(dir, options.force, file)?;
        let mut ledger = Ledger::read(dir)?;
        ledger.sign_with(key);
        let files = hash_files(dir, &job)?;
        ledger.add(Entry { what: "begin".into(), files, ..Entry::default() })?;
        return Ok((fence, ledger));
    };
    let fence = run_directory::reacquire(dir, file, from)?;
    checkpoint::drop_later(dir, resumed)?;
    let mut ledger = Ledger::read(dir).unwrap_or_else(|damage| {
        eprintln!("warning: {}; a new one is begun", damage.what());
        Ledger::new(dir)
    });
    ledger.sign_with(key);
    // What was changed by lives that left no checkpoint is not forgotten.
    let mut before = ledger.go_back(resumed);
    for (key, [was, is]) in changed {
        before.entry(key.clone()).or_insert_with(|| [was.clone(), String::new()])[1] = is.clone();
    }
    let (what, files) = (if resumed.is_some() { "resume" } else { "begin" }, hash_files(dir, &job)?);
    let step = resumed.unwrap_or(0);
    ledger.add(Entry { what: what.into(), step, files, changed: before, ..Entry::default() })?;
    Ok((fence, ledger))
}

/// What differs from run to run.
fn provenance(comm: &Comm, file: &JobFile) -> Vec<(String, String)> {
    let entry = |name: &str, value: String| (name.to_owned(), value);
    vec![
        entry("job_file", file.to_toml()),
        entry("version", env!("CARGO_PKG_VERSION").into()),
        entry("revision", option_env!("HALOCLINE_REVISION").unwrap_or("unknown").into()),
        entry("host", node()),
        entry("ranks", comm.size().to_string()),
        entry("transport", comm.kind().into()),
        entry("threads", comm.threads().count().to_string()),
        entry("start", humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string()),
    ]
}
