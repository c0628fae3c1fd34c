//! The commands that start runs: `run`, `resume` and `submit`.
use super::arguments::{JobArguments, Machine, ResumeArguments, RunArguments, SubmitArguments};
use super::inspect::check;
use super::job::read;
use super::reply::{Reply, launched_rank, reply_to};
use crate::base::{Error, Result};
use crate::comm::{self, Launch};
use crate::config::JobFile;
use crate::launch::submit::Batch;
use crate::run::{self, JobEntry, Options, PreparedJob};
use crate::saved::run_directory;
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
        return continue_run(jobs, job, output, machine, false);
    }
    check_ranks(&machine, job.file())?;
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
    check_ranks(&machine, file)?;
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
