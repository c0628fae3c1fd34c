//! The commands that start runs: `run`, `resume` and `submit`.
use super::arguments::{JobArguments, Machine, ResumeArguments, RunArguments, SubmitArguments};
use super::inspect::check;
use super::job::read;
use super::reply::{Reply, reply_to};
use crate::base::{Error, Result, message};
use crate::comm;
use crate::config::JobFile;
use crate::launch::submit::Batch;
use crate::run::{self, JobEntry, Options, PreparedJob};
use crate::saved::run_directory;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// Most threads per core, unless the job file insists.
const MOST_THREADS: usize = 4;
/// So many threads of all ranks of a process are always allowed: small machines try large numbers of ranks.
const MOST_IN_A_TEST: usize = 64;

/// A run that can start; none if the run in the directory is already complete.
pub(super) type ReadyRun = Option<(PreparedJob, Options)>;

/// Runs a prepared run on all ranks, or reports why there is none.
pub(super) fn start(ready: Result<ReadyRun>) -> Reply {
    match ready {
        Ok(None) => {
            if comm::launched_rank() == 0 {
                message::to_stdout(format_args!("the run is already complete: nothing to do\n"));
            }
            let code = if comm::launched() { run::start_without(Ok(())) } else { 0 };
            Reply { code, ..Reply::default() }
        }
        Ok(Some((job, options))) => Reply { code: run::run(&job, options), ..Reply::default() },
        // Usually every rank has read the same file: under a launcher the ranks report the error together, once.
        Err(e) if comm::launched() => Reply { code: run::start_without(Err(e)), ..Reply::default() },
        Err(e) => reply_to(Err(e)),
    }
}

/// `halocline run`: makes all checks that are possible before ranks exist.
pub(super) fn prepare_run(jobs: &[JobEntry], arguments: RunArguments) -> Result<ReadyRun> {
    let RunArguments { job, machine, output, force, resume } = arguments;
    let output = output.unwrap_or_else(|| default_directory(&job.file));
    let job = read(jobs, &job)?;
    if resume && run_directory::is_a_run(&output) {
        return continue_run(jobs, job, output, machine, false);
    }
    check_machine(&machine, job.file())?;
    // Under a launcher the ranks check the directory together, before any of them writes.
    if !comm::launched() {
        run_directory::check(&output, force)?;
    }
    let Machine { ranks, threads, trace } = machine;
    Ok(Some((job, Options { ranks, threads, output, force, resume: None, trace })))
}

/// `halocline resume`: makes all checks that are possible before ranks exist.
pub(super) fn prepare_resume(jobs: &[JobEntry], arguments: ResumeArguments) -> Result<ReadyRun> {
    let ResumeArguments { dir, set, machine, force } = arguments;
    run_directory::check_is_a_run(&dir)?;
    let job = read(jobs, &JobArguments { file: dir.join("job.toml"), set })?;
    continue_run(jobs, job, dir, machine, force)
}

/// Prepares to continue the run in `output` with the job file of `job`. Keys that change results are refused without `force`.
fn continue_run(
    jobs: &[JobEntry],
    job: PreparedJob,
    output: PathBuf,
    machine: Machine,
    force: bool,
) -> Result<ReadyRun> {
    let file = job.file();
    check_machine(&machine, file)?;
    let earlier = read(jobs, &JobArguments { file: output.join("job.toml"), set: vec![] })?;
    let (changed, physics) = file.changed_since(earlier.file());
    if let (Some(key), false) = (physics.first(), force) {
        let [before, after] = &changed[key];
        let what = format!("`{key}` was {before} and is now {after}: this changes the results of the run");
        return Err(file.origins.error(
            key,
            what,
            "start a new run, or force the change with `halocline resume DIR --force`",
        ));
    }
    if changed.is_empty() && run::is_done(&output) {
        return Ok(None);
    }
    let Machine { ranks, threads, trace } = machine;
    Ok(Some((job, Options { ranks, threads, output, force: false, resume: Some(changed), trace })))
}

/// Checks that `--ranks` and `parallel.ranks` agree, and that the machine is not asked for threads beyond reason.
fn check_machine(machine: &Machine, file: &JobFile) -> Result<()> {
    if let (Some(ranks), Some(split)) = (machine.ranks, file.parallel.ranks)
        && split.iter().product::<usize>() != ranks.get()
    {
        let parts = split.iter().product::<usize>();
        let why = format!("gives {parts} ranks, but --ranks is {ranks}\nremove one of the two");
        return Err(file.origins.wrong("parallel.ranks", format!("{split:?}"), &why));
    }
    if file.parallel.oversubscribe {
        return Ok(());
    }
    let (cores, threads) = (comm::cores(), machine.threads.map_or(1, NonZeroUsize::get));
    let most = MOST_THREADS * cores;
    let remedy = format!("at most {most} are useful, {MOST_THREADS} per core; parallel.oversubscribe=true starts more");
    let of_cores = if cores == 1 { "1 core".to_owned() } else { format!("{cores} cores") };
    if threads > most {
        let what = format!("--threads is {threads}, but this machine has {of_cores}");
        return Err(Error::input(what).remedy(remedy));
    }
    let ranks = machine.ranks.map_or(1, NonZeroUsize::get);
    if !comm::launched() && ranks <= comm::MAX_RANKS && ranks.saturating_mul(threads) > most.max(MOST_IN_A_TEST) {
        let what = format!(
            "--ranks {ranks} and {threads} thread{} each are {} threads, but this machine has {of_cores}",
            if threads == 1 { "" } else { "s" },
            ranks.saturating_mul(threads)
        );
        return Err(Error::input(what).remedy(remedy));
    }
    Ok(())
}

/// `halocline submit`: makes all checks of the runs first, so that no job waits in a queue only to fail.
pub(super) fn submit(jobs: &[JobEntry], arguments: SubmitArguments) -> Result<String> {
    let SubmitArguments { job, nodes, spare, ranks_per_node, cores_per_rank, time, margin, array, output, look, site } =
        arguments;
    let ranks = nodes.saturating_mul(ranks_per_node);
    let array = array.map(|text| match text.split_once('=') {
        Some((key, values)) => Ok((key.to_owned(), values.split(',').map(str::to_owned).collect::<Vec<_>>())),
        None => Err(Error::input(format!("--array {text}")).remedy("name a key and its values: --array KEY=A,B,C")),
    });
    let array = array.transpose()?;
    let output = output.unwrap_or_else(|| default_directory(&job.file));
    let cases: Vec<Vec<String>> = match &array {
        Some((key, values)) => values.iter().map(|v| [&job.set[..], &[format!("{key}={v}")]].concat()).collect(),
        None => vec![job.set.clone()],
    };
    for set in cases {
        check(jobs, &JobArguments { file: job.file.clone(), set }, Some(ranks))?;
    }
    let name = job.file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let arguments = [vec![job.file.display().to_string()], job.set].concat();
    let [nodes, ranks_per_node, cores_per_rank] = [nodes, ranks_per_node, cores_per_rank].map(NonZeroUsize::get);
    let batch =
        Batch { name, nodes, spare, ranks_per_node, cores_per_rank, time, margin, arguments, output, array, site };
    batch.submit(look)
}

/// The default run directory of a job file.
pub(super) fn default_directory(file: &Path) -> PathBuf {
    PathBuf::from("runs").join(file.file_stem().unwrap_or_default())
}
