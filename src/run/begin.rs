//! The beginning of an attempt: everything is checked, then memory is allocated, then the run directory is acquired, and only
//! then is anything written.
use super::attempt::Attempt;
use super::cadences::Cadences;
use super::checkpoints::Checkpoints;
use super::checks::{self, Destination};
use super::consensus::Consensus;
use super::control::Control;
use super::deadline::Deadline;
use super::finite::FiniteCheck;
use super::job::PreparedJob;
use super::node_memory::check_these_nodes;
use super::options::Options;
use super::ownership::Ownership;
use super::program_identity::{program, revision};
use super::replication::Replication;
use super::resume_state::find_resume_state;
use super::series::{self, Series};
use super::streams::Streams;
use super::{pictures, report, timing, trace};
use crate::base::message::message;
use crate::base::{Error, Result, clock};
use crate::comm::{Comm, node, thread_warning};
use crate::config::{Cadence, JobFile, SimulatedDuration};
use crate::engine::trace::Trace;
use crate::engine::{Fields, Phase, Simulation};
use crate::files;
use crate::saved::acquisition::{self, Seen};
use crate::saved::attempt::{Fence, TimeLevel};
use crate::saved::checkpoint::{self, CheckpointManager, Origin};
use crate::saved::ledger::{Entry, Ledger, hash_files};
use crate::saved::outcome::is_done;
use crate::saved::place::Place;
use crate::saved::replica::{MemorySegment, Replicas};
use crate::saved::signature::secret_key;
use ed25519_dalek::SigningKey;
use std::path::Path;
use std::time::{Instant, SystemTime};

/// Begins an attempt: of a new run, or of the run in the directory if `options.resume` is set. Collective.
///
/// # Errors
/// If the model or the streams have an error, if the directory cannot be used, or if no complete state is found to resume.
pub(super) fn begin<'a>(job: &'a PreparedJob, options: &'a Options, comm: Comm) -> Result<Attempt<'a>> {
    let started = Instant::now();
    let file = job.file();
    let origin = options.trace.then(|| trace::origin(&comm));
    if let (true, Some(warning)) = (comm.is_root(), thread_warning(&comm)) {
        message!("warning: {warning}");
    }
    let dir = &options.output;
    let resumes = options.resume.is_some();
    let seen = comm.is_root().then(|| Seen::now(dir));
    let key = comm.agree(if comm.is_root() { secret_key() } else { Ok(None) })?;
    let to = Destination { dir, force: options.force, resumes };
    let (plan, notes) = checks::check(job, &comm, comm.size(), to, |plan| check_these_nodes(&comm, file, plan))?;
    if comm.is_root() {
        notes.iter().for_each(|note| message!("note: {note}"));
    }

    let mut simulation = Simulation::new(comm.clone(), plan.program)?;
    let (clock, state_bytes) = (simulation.fields().declared().clock, simulation.program().bytes_of_state());
    let end = timing::steps(clock, file.time.end).map_or(file.time.end, SimulatedDuration::Steps);
    let latest = if resumes { find_resume_state(&comm, dir)? } else { None };
    let (state, in_memory) = latest.map_or((None, None), |latest| (Some(latest.saved), latest.in_memory));
    let resumed_from = state.as_ref().map(|state| state.step());
    if let Some(state) = &state {
        simulation.restore(&**state)?;
    }
    if resumes {
        check_continues(&comm, options, file, &simulation, resumed_from)?;
    }
    Streams::check(simulation.fields(), file, state.as_deref())?;
    if state.is_some() {
        let declared = simulation.fields().declared();
        let continues = || Series::check_resumable(dir, file, declared);
        comm.agree(if comm.is_root() { continues() } else { Ok(()) })?;
    }
    let claim = |seen: Seen| {
        let planned = planned(file, simulation.fields(), options.trace);
        claim(job, options, (resumed_from, in_memory), planned, &seen, key)
    };
    let claimed = seen.map(claim).transpose();
    let (fence, ledger) = comm.agree(claimed)?.unzip();
    if comm.is_root() && resumes {
        announce_resume(dir, resumed_from, in_memory.is_some());
    }
    let provenance = provenance(&comm, file);
    let moment = simulation.moment();
    let cadences = Cadences::new(file, &moment, state.as_deref());
    let from = (resumes, &moment, state.as_deref());
    let series = Series::begin(&comm, file, simulation.fields().declared(), dir, from)?;
    let streams = Streams::begin(&comm, simulation.fields(), file, dir, &provenance, from)?;
    let copy_gb_s = report::measure_copy(&comm, simulation.memory());
    simulation.timers_mut().trace = origin.map(Trace::new);
    simulation.timers_mut().record(Phase::Setup, started);
    drop(state);
    let attempt = comm.share(fence.as_ref().map(|fence| fence.attempt.clone()));
    let memory = MemorySegment::new(&comm, &attempt.run, dir);
    memory.retain(attempt.number, in_memory);
    let replicas = file.replica.is_on().then(|| Replicas::new(&comm, memory.clone(), attempt.number)).transpose()?;
    if let (true, Some(false)) = (comm.is_root(), replicas.as_ref().map(Replicas::has_buddies)) {
        message!(
            "warning: all ranks share one node: the state in its memory survives the loss of a rank, but not of the node"
        );
    }
    let names = file.output.keys().cloned().collect();
    let origin = Origin { job_file: file.to_toml(), run: attempt.run.clone() };
    let mut manager = CheckpointManager::new(&comm, dir, file.checkpoint.keep.get(), names, origin, ledger);
    if let Some(fence) = fence.clone() {
        manager.fence(move || fence.check());
    }
    // A state that is only in memory counts as not saved.
    let last_checkpoint = resumed_from.filter(|_| in_memory.is_none());
    let control = comm
        .is_root()
        .then(|| Control::new(dir, file.checkpoint.wall, file.replica.wall, Deadline::of_job(state_bytes)));
    Ok(Attempt {
        file,
        dir: dir.clone(),
        place: comm.is_root().then(|| Place::of(dir)),
        output_step: resumed_from,
        torn: false,
        comm,
        simulation,
        streams,
        series,
        cadences,
        consensus: Consensus::default(),
        finite: FiniteCheck::default(),
        end,
        copy_gb_s,
        all_know: false,
        checkpoints: Checkpoints::new(manager, file.checkpoint.every, last_checkpoint),
        control,
        ownership: Ownership::new(fence),
        resumed_from,
        memory,
        replication: Replication::new(replicas),
    })
}

fn announce_resume(dir: &Path, step: Option<u64>, in_memory: bool) {
    match (step, in_memory) {
        (Some(step), true) => message!("resuming from the state after step {step} in the memory of the nodes"),
        (Some(step), false) => message!("resuming from the checkpoint after step {step}"),
        (None, _) => message!("{} has no checkpoint: the run starts from the beginning", dir.display()),
    }
}

/// Checks that there is a state to continue from, and that the run has not passed a new end. Nothing has been changed yet.
fn check_continues(
    comm: &Comm,
    options: &Options,
    file: &JobFile,
    simulation: &Simulation,
    resumed: Option<u64>,
) -> Result<()> {
    let dir = options.output.display();
    let Some(step) = resumed else {
        comm.agree(if comm.is_root() { check_nothing_is_lost(&options.output) } else { Ok(()) })?;
        if options.restart {
            return Ok(());
        }
        let done = comm.share(comm.is_root().then(|| is_done(&options.output)));
        let what = if done { "is finished and" } else { "was interrupted before it" };
        let why = if done { "has no checkpoint" } else { "had saved its state" };
        return Err(Error::input(format!("the run in {dir} {what} {why}: there is nothing to continue from"))
            .remedy("nothing was changed; begin anew with `halocline run FILE --output DIR --force`, or elsewhere"));
    };
    let time = simulation.time();
    let passed = match timing::steps(simulation.fields().declared().clock, file.time.end) {
        Some(end) => (step > end).then(|| format!("step {step}")),
        None => matches!(file.time.end, SimulatedDuration::Seconds(end) if time > end).then(|| format!("{time} s")),
    };
    let is_new = options.resume.as_ref().is_some_and(|changed| changed.contains_key("time.end"));
    match passed.filter(|_| is_new) {
        None => Ok(()),
        Some(reached) => Err(file.origins.error(
            "time.end",
            format!("`time.end` is {}, but the run in {dir} has reached {reached}", file.time.end),
            "give a later end; for a shorter run, start a new one",
        )),
    }
}

/// Checks that the ledger names no checkpoint, where none is found.
fn check_nothing_is_lost(dir: &Path) -> Result<()> {
    // A damaged ledger names nothing that could be trusted.
    let ledger = Ledger::read(dir).unwrap_or_else(|_| Ledger::new(dir));
    let Some(last) = ledger.last_checkpoint() else { return Ok(()) };
    let what = format!(
        "the run in {} saved a checkpoint after step {}, which is not in {} any more",
        dir.display(),
        last.step,
        checkpoint::folder(dir).display()
    );
    Err(Error::input(what).remedy(
        "nothing was changed; bring the checkpoint back, or begin anew with `halocline run FILE --output DIR --force`",
    ))
}

/// The files that a run writes beside segments and checkpoints, by their names in the run directory.
fn planned(file: &JobFile, store: &Fields, trace: bool) -> Vec<String> {
    let streams = file.output.iter().filter(|(_, section)| section.every != Cadence::Never);
    let views = streams.flat_map(|(name, _)| [format!("{name}.h5"), format!("{name}.xdmf")]);
    let pictures = pictures::wanted(file, store).into_iter().map(|picture| picture.name);
    let series = series::planned(file, store.declared());
    views.chain(pictures).chain(series).chain(trace.then(|| "trace.json".to_owned())).collect()
}

/// On rank 0: takes ownership of the run directory, and starts or continues its ledger.
fn claim(
    job: &PreparedJob,
    options: &Options,
    (resumed, from): (Option<u64>, Option<TimeLevel>),
    planned: Vec<String>,
    seen: &Seen,
    key: Option<SigningKey>,
) -> Result<(Fence, Ledger)> {
    let (dir, file) = (&options.output, job.file());
    let here = || std::env::current_dir().unwrap_or_default();
    let entry = |dir: &Path| -> Result<Entry> {
        Ok(Entry {
            files: hash_files(dir, &["job.toml".to_owned()])?,
            job_file: file.to_toml(),
            program: program(),
            directory: job.directory().map_or_else(here, Path::to_owned).display().to_string(),
            ..Entry::default()
        })
    };
    let Some(changed) = &options.resume else {
        let fence = acquisition::acquire(dir, options.force, file, &planned, seen)?;
        let mut ledger = Ledger::new(dir);
        ledger.sign_with(key);
        ledger.add(Entry { what: "begin".into(), uncovered: planned, ..entry(dir)? })?;
        return Ok((fence, ledger));
    };
    let fence = acquisition::reacquire(dir, file, from, &planned, seen)?;
    let mut ledger = Ledger::read(dir).unwrap_or_else(|damage| {
        message!("warning: {}; a new one is started", damage.what());
        Ledger::new(dir)
    });
    ledger.sign_with(key);
    checkpoint::drop_later(dir, resumed, &ledger)?;
    let mut entry = entry(dir)?;
    let earlier = ledger.last_begin().map(|begin| begin.program.clone()).filter(|earlier| *earlier != entry.program);
    // Keys that earlier attempts changed without leaving a checkpoint must stay recorded.
    if ledger.entries().next().is_none() {
        // The ledger was lost: the checkpoints that are there count.
        entry.uncovered = checkpoint::names(dir)?;
    }
    let mut dropped = ledger.go_back(resumed);
    for (key, [was, is]) in changed {
        dropped.changed.entry(key.clone()).or_insert_with(|| [was.clone(), String::new()])[1] = is.clone();
    }
    if let Some(earlier) = earlier.filter(|earlier| !earlier.is_empty()) {
        message!(
            "warning: the run was made by another program, {earlier}; this is {}: results may differ",
            entry.program
        );
        dropped.changed.insert("program".into(), [earlier, entry.program.clone()]);
    }
    report_missing(dir, &ledger, file);
    let is_left = |name: &String| !planned.contains(name) && dir.join(name).symlink_metadata().is_ok();
    entry.uncovered.extend(dropped.files.into_iter().filter(is_left));
    entry.uncovered.extend(planned);
    entry.what = if resumed.is_some() { "resume" } else { "begin" }.into();
    entry.step = resumed.unwrap_or(0);
    entry.root = resumed.filter(|_| from.is_none()).and_then(|step| checkpoint::root(dir, step)).unwrap_or_default();
    entry.changed = dropped.changed;
    ledger.add(entry)?;
    Ok((fence, ledger))
}

/// Reports the segments that the ledger names and that are missing at the end of a stream. (The stream itself reports those
/// before its last segment.)
fn report_missing(dir: &Path, ledger: &Ledger, file: &JobFile) {
    let named = ledger.files();
    for stream in file.output.keys() {
        let of_stream = |name: &&&str| name.strip_prefix(stream.as_str()).is_some_and(|rest| rest.starts_with('/'));
        let segments: Vec<&str> = named.keys().filter(of_stream).copied().collect();
        let is_there = |name: &&str| {
            dir.join(name).exists() || dir.join(format!("{name}.damaged")).exists() || files::is_merged(dir, name)
        };
        let there = segments.iter().rposition(is_there);
        match &segments[there.map_or(0, |last| last + 1)..] {
            [] => {}
            [one] => message!("warning: {} is missing; its instants are lost", dir.join(one).display()),
            [first, .., last] => {
                let (first, last) = (dir.join(first), dir.join(last));
                message!("warning: {} to {} are missing; their instants are lost", first.display(), last.display());
            }
        }
    }
}

/// The attributes of output files that differ from attempt to attempt.
fn provenance(comm: &Comm, file: &JobFile) -> Vec<(String, String)> {
    let entry = |name: &str, value: String| (name.to_owned(), value);
    vec![
        entry("job_file", file.to_toml()),
        entry("version", env!("CARGO_PKG_VERSION").into()),
        entry("revision", revision().into()),
        entry("host", node()),
        entry("ranks", comm.size().to_string()),
        entry("transport", comm.kind().into()),
        entry("threads", comm.threads().count().to_string()),
        entry("start", clock::text(SystemTime::now())),
    ]
}
