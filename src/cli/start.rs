//! The commands that start runs: `run`, `resume`, `supervise` and `submit`.
use super::arguments::{JobArguments, Machine, ResumeArguments, RunArguments, SubmitArguments, SuperviseArguments};
use super::inspect::check;
use super::job::read;
use super::reply::{Reply, launched_rank, reply_to};
use crate::base::{Error, Result};
use crate::comm::{self, Launch};
use crate::config::{JobFile, WallTime};
use crate::launch::submit::Batch;
use crate::launch::supervise::{Hosts, Supervisor};
use crate::run::{self, JobEntry, Options, PreparedJob};
use crate::saved::ledger::{Entry, Ledger};
use crate::saved::{acquisition, run_directory};
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// A run that can start; none if the run in the directory is already complete.
pub(super) type ReadyRun = Option<(PreparedJob, Options)>;

/// Runs a prepared run on all ranks, or reports why there is none.
pub(super) fn start(ready: Result<ReadyRun>) -> Reply {
    match ready {
        Ok(None) if launched_rank() > 0 => Reply::default(),
        Ok(None) => Reply { out: "the run is already complete: nothing to do\n".into(), ..Reply::default() },
        Ok(Some((job, options))) => Reply { code: run::run(&job, options), ..Reply::default() },
        // Every rank has read the same file. Under a launcher the ranks report the error together, once.
        Err(e) if comm::launched() => Reply { code: Launch::default().run(|_| Err(e.clone())), ..Reply::default() },
        Err(e) => reply_to(Err(e)),
    }
}

/// `halocline run`: makes all checks that are possible before ranks exist.
pub(super) fn prepare_run(jobs: &[JobEntry], arguments: RunArguments) -> Result<ReadyRun> {
    let RunArguments { job, machine, output, force, resume } = arguments;
    let output = output.unwrap_or_else(|| default_directory(&job.file));
    let job = read(jobs, &job)?;
    if resume && run_directory::is_a_run(&output) {
        // A batch script that is queued again starts over if nothing was saved, unless the run is finished.
        let restart = !run::is_done(&output);
        return continue_run(jobs, job, output, machine, Resume { force: false, restart });
    }
    check_ranks(&machine, job.file())?;
    // Under a launcher the ranks check the directory together, before any of them writes.
    if !comm::launched() {
        acquisition::check(&output, force)?;
    }
    let Machine { ranks, threads, trace } = machine;
    Ok(Some((job, Options { ranks, threads, output, force, resume: None, restart: false, trace })))
}

/// `halocline resume`: makes all checks that are possible before ranks exist.
pub(super) fn prepare_resume(jobs: &[JobEntry], arguments: ResumeArguments) -> Result<ReadyRun> {
    let ResumeArguments { dir, set, machine, force } = arguments;
    run_directory::check_is_a_run(&dir)?;
    let job = read(jobs, &JobArguments { file: dir.join("job.toml"), set })?;
    let begun = Begun::of(&dir);
    if begun.job_file.as_ref().is_some_and(|text| fs::read_to_string(dir.join("job.toml")).is_ok_and(|t| t != *text))
        && launched_rank() == 0
    {
        let name = dir.join("job.toml");
        eprintln!("{} was edited: its changes count like those of the command line", name.display());
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
    check_ranks(&machine, file)?;
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
    Ok(Some((job, Options { ranks, threads, output, force: false, resume: Some(changed), restart, trace })))
}

/// Checks that `--ranks` and `parallel.ranks` agree.
fn check_ranks(machine: &Machine, file: &JobFile) -> Result<()> {
    if let (Some(ranks), Some(split)) = (machine.ranks, file.parallel.ranks)
        && split.iter().product::<usize>() != ranks.get()
    {
        let parts = split.iter().product::<usize>();
        let why = format!("gives {parts} ranks, but --ranks is {ranks}\nremove one of the two");
        return Err(file.origins.wrong("parallel.ranks", format!("{split:?}"), &why));
    }
    Ok(())
}

/// The supervisor that the arguments describe.
pub(super) fn supervisor(arguments: SuperviseArguments) -> Result<Supervisor> {
    let SuperviseArguments { dir, ranks, hosts, nodes, probe, patience: WallTime(patience), mut command } = arguments;
    let named = command.iter().position(|word| word == "--output").filter(|&i| i + 1 < command.len());
    let named = named.map(|i| PathBuf::from(command.drain(i..i + 2).nth(1).unwrap_or_default()));
    let of_run =
        || command.iter().skip_while(|word| *word != "run").nth(1).map(|file| default_directory(Path::new(file)));
    let Some(output) = dir.or(named).or_else(of_run) else {
        return Err(Error::input("no run directory is given").remedy("name it: halocline supervise DIR …"));
    };
    let hosts = NonZeroUsize::new(hosts.len()).map(|all| Hosts { names: hosts, used: nodes.unwrap_or(all), probe });
    if let Some(Hosts { names, used, .. }) = &hosts
        && used.get() > names.len()
    {
        return Err(Error::input(format!("--nodes {used}, but --hosts names only {}", names.len())));
    }
    Ok(Supervisor { output, ranks, hosts, patience, command })
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
fn default_directory(file: &Path) -> PathBuf {
    PathBuf::from("runs").join(file.file_stem().unwrap_or_default())
}
