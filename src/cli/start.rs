//! The commands that start runs: `run` and `resume`.
use super::arguments::{JobArguments, Machine, ResumeArguments, RunArguments};
use super::job::read;
use super::reply::{Reply, reply_to};
use crate::base::message::{self, message};
use crate::base::{Error, Result};
use crate::comm;
use crate::config::JobFile;
use crate::run::{self, Destination, JobEntry, Options, PreparedJob};
use crate::saved::ledger::{Entry, Ledger};
use crate::saved::run_directory;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// Most threads per core, unless the job file insists.
const MOST_THREADS: usize = 4;
/// The number of threads of a process, over all its ranks, that is allowed on any machine: users try large numbers of ranks on
/// small machines.
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
    plan_run(jobs, arguments, check_machine)
}

/// As [`prepare_run`], for a run that may start on another machine.
pub(super) fn plan_elsewhere(jobs: &[JobEntry], arguments: RunArguments) -> Result<ReadyRun> {
    plan_run(jobs, arguments, check_ranks)
}

fn plan_run(
    jobs: &[JobEntry],
    arguments: RunArguments,
    check_machine: impl Fn(&Machine, &JobFile) -> Result<()>,
) -> Result<ReadyRun> {
    let RunArguments { job, machine, output, force, resume } = arguments;
    let output = output.unwrap_or_else(|| default_directory(&job.file));
    let job = read(jobs, &job)?;
    if resume && run_directory::is_a_run(&output) {
        // A batch script that is queued again starts over if nothing was saved, unless the run is finished.
        let restart = !run::is_done(&output);
        return continue_run(jobs, job, output, machine, Resume { force: false, restart });
    }
    check_machine(&machine, job.file())?;
    // Under a launcher the ranks check the directory together, before any of them writes.
    if !comm::launched() {
        run::check_directory(Destination { dir: &output, force, resumes: false })?;
    }
    let Machine { ranks, threads, trace } = machine;
    let ranks = ranks.or_else(|| in_process(job.file()));
    Ok(Some((job, Options { ranks, threads, output, force, resume: None, restart: false, trace })))
}

/// `halocline resume`: makes all checks that are possible before ranks exist.
pub(super) fn prepare_resume(jobs: &[JobEntry], arguments: ResumeArguments) -> Result<ReadyRun> {
    let ResumeArguments { dir, set, machine, force } = arguments;
    run_directory::check_is_a_run(&dir)?;
    let job = read(jobs, &JobArguments { file: dir.join("job.toml"), set })?;
    let begun = Begun::of(&dir);
    if begun.job_file.as_ref().is_some_and(|text| fs::read_to_string(dir.join("job.toml")).is_ok_and(|t| t != *text))
        && comm::launched_rank() == 0
    {
        let name = dir.join("job.toml");
        message!("{} was edited: its changes count like those of the command line", name.display());
    }
    continue_run(jobs, job.with_directory(begun.directory), dir, machine, Resume { force, restart: false })
}

/// How a run is to be continued.
struct Resume {
    /// Accept keys that change results.
    force: bool,
    /// Start from the beginning if nothing was saved.
    restart: bool,
}

/// What the ledger of a run says about the beginning of its last attempt.
struct Begun {
    job_file: Option<String>,
    directory: Option<PathBuf>,
}

impl Begun {
    /// Reads the ledger of the run in `dir`. A damaged one is reported when the run continues.
    fn of(dir: &Path) -> Begun {
        let ledger = Ledger::read(dir).ok();
        let begin = ledger.as_ref().and_then(Ledger::last_begin);
        let text = |text: &dyn Fn(&Entry) -> String| begin.map(text).filter(|text| !text.is_empty());
        Begun {
            job_file: text(&|begin| begin.job_file.clone()),
            directory: text(&|begin| begin.directory.clone()).map(PathBuf::from),
        }
    }
}

/// Prepares to continue the run in `output` with the job file of `job`. Keys that change results are refused without `force`.
fn continue_run(
    jobs: &[JobEntry],
    job: PreparedJob,
    output: PathBuf,
    machine: Machine,
    Resume { force, restart }: Resume,
) -> Result<ReadyRun> {
    let file = job.file();
    check_machine(&machine, file)?;
    // `job.toml` may have been edited; the ledger has it as it was. A text of another version may have other keys.
    let recorded = Begun::of(&output).job_file.and_then(|text| JobFile::parse("job.toml", &text, &[]).ok());
    let earlier = match recorded {
        Some(recorded) => PreparedJob::of_file(jobs, recorded)?,
        None => read(jobs, &JobArguments { file: output.join("job.toml"), set: vec![] })?,
    };
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
    let ranks = ranks.or_else(|| in_process(job.file()));
    Ok(Some((job, Options { ranks, threads, output, force: false, resume: Some(changed), restart, trace })))
}

/// Without a launcher and without `--ranks`, the number of ranks is that of the process grid, if the job file has one.
fn in_process(file: &JobFile) -> Option<NonZeroUsize> {
    file.parallel.count().filter(|_| !comm::launched()).and_then(NonZeroUsize::new)
}

/// Checks that `--ranks` and `parallel.ranks` agree.
fn check_ranks(machine: &Machine, file: &JobFile) -> Result<()> {
    if let (Some(ranks), Some(split), Some(parts)) = (machine.ranks, file.parallel.ranks, file.parallel.count())
        && parts != ranks.get()
    {
        let why = format!("gives {parts} ranks, but --ranks is {ranks}\nremove one of the two");
        return Err(file.origins.wrong("parallel.ranks", format!("{split:?}"), &why));
    }
    Ok(())
}

/// Checks that `--ranks` and `parallel.ranks` agree, and that this machine is not asked for threads beyond reason.
fn check_machine(machine: &Machine, file: &JobFile) -> Result<()> {
    check_ranks(machine, file)?;
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

/// The default run directory of a job file.
pub(super) fn default_directory(file: &Path) -> PathBuf {
    PathBuf::from("runs").join(file.file_stem().unwrap_or_default())
}
