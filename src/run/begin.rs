//! The beginning of an attempt: everything is checked, then memory is allocated, then the run directory is claimed.
use super::attempt::Attempt;
use super::cadences::Cadences;
use super::checkpoints::Checkpoints;
use super::consensus::Consensus;
use super::control::Control;
use super::deadline::Deadline;
use super::finite::FiniteCheck;
use super::job::PreparedJob;
use super::options::Options;
use super::ownership::Ownership;
use super::replication::Replication;
use super::resume_state::find_resume_state;
use super::streams::{Streams, check_streams};
use super::{report, setup, timing, trace};
use crate::base::message::message;
use crate::base::{Result, clock};
use crate::comm::{Comm, node, thread_warning};
use crate::config::{JobFile, SimulatedDuration};
use crate::engine::Phase;
use crate::engine::trace::Trace;
use crate::saved::attempt::{Fence, TimeLevel};
use crate::saved::checkpoint::{self, CheckpointManager};
use crate::saved::ledger::{Entry, Ledger, hash_files};
use crate::saved::place::Place;
use crate::saved::replica::{MemorySegment, Replicas};
use crate::saved::run_directory;
use crate::saved::signature::secret_key;
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
    let check = || if resumes { run_directory::check_is_a_run(dir) } else { run_directory::check(dir, options.force) };
    comm.agree(if comm.is_root() { check() } else { Ok(()) })?;
    let model = setup::model(job, comm.clone())?;
    check_streams(file, &model)?;
    if comm.is_root() {
        timing::warnings(file, model.declared.clock).iter().for_each(|warning| eprintln!("warning: {warning}"));
    }

    let mut simulation = model.compile()?;
    let (clock, state_bytes) = (simulation.fields().declared().clock, simulation.program().bytes_of_state());
    let end = timing::steps(clock, file.time.end).map_or(file.time.end, SimulatedDuration::Steps);
    let latest = if resumes { find_resume_state(&comm, dir)? } else { None };
    let (state, in_memory) = latest.map_or((None, None), |latest| (Some(latest.saved), latest.in_memory));
    let resumed_from = state.as_ref().map(|state| state.step());
    if let Some(state) = &state {
        simulation.restore(&**state)?;
    }
    let claimed = comm.is_root().then(|| claim(file, options, resumed_from, in_memory)).transpose();
    let (fence, ledger) = comm.agree(claimed)?.unzip();
    if comm.is_root() && resumes {
        announce_resume(dir, resumed_from, in_memory.is_some());
    }
    let provenance = provenance(&comm, file);
    let moment = simulation.moment();
    let cadences = Cadences::new(file, &moment, state.as_deref());
    let from = (resumes, &moment, state.as_deref());
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
    let mut manager = CheckpointManager::new(&comm, dir, file.checkpoint.keep.get(), names, file.to_toml(), ledger);
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

/// On rank 0: takes ownership of the run directory, and starts or continues its ledger.
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
        message!("warning: {}; a new one is started", damage.what());
        Ledger::new(dir)
    });
    ledger.sign_with(key);
    // Keys that earlier attempts changed without leaving a checkpoint must stay recorded.
    let mut before = ledger.go_back(resumed);
    for (key, [was, is]) in changed {
        before.entry(key.clone()).or_insert_with(|| [was.clone(), String::new()])[1] = is.clone();
    }
    let (what, files) = (if resumed.is_some() { "resume" } else { "begin" }, hash_files(dir, &job)?);
    let step = resumed.unwrap_or(0);
    ledger.add(Entry { what: what.into(), step, files, changed: before, ..Entry::default() })?;
    Ok((fence, ledger))
}

/// The attributes of output files that differ from attempt to attempt.
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
        entry("start", clock::text(SystemTime::now())),
    ]
}
