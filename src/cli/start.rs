//! The commands that start runs: `run`, `resume`, `supervise` and `submit`.
use super::{JobArguments, Reply, check, launched_rank, read, told};
use crate::base::{Error, Result};
use crate::comm::{self, Launch};
use crate::config::{JobFile, Wall};
use crate::launch::submit::Batch;
use crate::launch::supervise::{Hosts, Watch};
use crate::run;
use crate::run::job::JobEntry;
use crate::saved::run_directory;
use clap::Args;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub(super) struct RunArguments {
    #[command(flatten)]
    job: JobArguments,
    #[command(flatten)]
    on: Machine,
    /// Folder for the results [default: runs/ and the name of the job file]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Overwrite the results of an earlier run; files that no run made are never touched
    #[arg(long)]
    force: bool,
    /// Go on with the run in the folder, if there is one: what a batch script that is queued again says
    #[arg(long, conflicts_with = "force")]
    resume: bool,
}

#[derive(Args)]
pub(super) struct ResumeArguments {
    /// The output folder of the run
    dir: PathBuf,
    /// Set a key of the job file, such as time.end="80 step"
    #[arg(value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    on: Machine,
    /// Accept keys that change what the run computes; the ledger keeps what they were
    #[arg(long)]
    force: bool,
}

#[derive(Args)]
pub(super) struct SuperviseArguments {
    /// The output folder of the run [default: as its command says]
    dir: Option<PathBuf>,
    /// Ranks to begin with, where the command says {ranks}
    #[arg(long, value_name = "N", default_value = "1")]
    ranks: NonZeroUsize,
    /// Machines, where the command says {hosts}: the first that are there
    #[arg(long, value_name = "A,B,C", value_delimiter = ',')]
    hosts: Vec<String>,
    /// How many of the machines are used at a time, the others being spare [default: all]
    #[arg(long, value_name = "N", requires = "hosts")]
    nodes: Option<NonZeroUsize>,
    /// What tells whether a machine is there: a command of the shell that ends with 0
    #[arg(long, value_name = "COMMAND", default_value = "ssh -o BatchMode=yes -o ConnectTimeout=10 {host} true")]
    probe: String,
    /// A life that does no step for so long has lost a machine unnoticed, and is ended
    #[arg(long, value_name = "TIME", default_value = "10 min")]
    patience: Wall,
    /// What starts the run, without --resume: mpirun -n {ranks} halocline run FILE
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

impl SuperviseArguments {
    pub fn watch(self) -> Result<Watch> {
        let SuperviseArguments { dir, ranks, hosts, nodes, probe, patience: Wall(patience), mut command } = self;
        let named = command.iter().position(|word| word == "--output").filter(|&i| i + 1 < command.len());
        let named = named.map(|i| PathBuf::from(command.drain(i..i + 2).nth(1).unwrap_or_default()));
        let of_run = || command.iter().skip_while(|word| *word != "run").nth(1).map(|file| of_file(Path::new(file)));
        let Some(output) = dir.or(named).or_else(of_run) else {
            return Err(
                Error::input("which run is watched over is not said").remedy("give its folder: supervise DIR …")
            );
        };
        let hosts = NonZeroUsize::new(hosts.len()).map(|all| Hosts { names: hosts, used: nodes.unwrap_or(all), probe });
        if let Some(Hosts { names, used, .. }) = &hosts
            && used.get() > names.len()
        {
            return Err(Error::input(format!("--nodes {used}, but --hosts are {}", names.len())));
        }
        Ok(Watch { output, ranks, hosts, patience, command })
    }
}

#[derive(Args)]
pub(super) struct SubmitArguments {
    #[command(flatten)]
    job: JobArguments,
    /// Nodes
    #[arg(long, value_name = "N", default_value = "1")]
    nodes: NonZeroUsize,
    /// Further nodes, which are used when another one fails
    #[arg(long, value_name = "N", default_value = "0")]
    spare: usize,
    /// Ranks on each node
    #[arg(long, value_name = "N", default_value = "1")]
    ranks_per_node: NonZeroUsize,
    /// Cores of each rank
    #[arg(long, value_name = "N", default_value = "1")]
    cores_per_rank: NonZeroUsize,
    /// Time limit of one life of the job, as Slurm writes it: 01:30:00 or 90 (minutes)
    #[arg(long, value_name = "TIME")]
    time: String,
    /// Seconds before the time limit at which the run is told to save its state; Slurm may be half a minute late or early
    #[arg(long, value_name = "SECONDS", default_value = "120")]
    margin: u32,
    /// A job for each of several values of a key: parameters.kappa=0.1,0.2,0.4
    #[arg(long, value_name = "KEY=A,B,C")]
    array: Option<String>,
    /// Folder for the results [default: runs/ and the name of the job file]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Print the script, and no more
    #[arg(long)]
    look: bool,
    /// Options of the site for sbatch, passed on as they are: -- --partition=long --account=a1
    #[arg(last = true)]
    site: Vec<String>,
}

#[derive(Args)]
pub(super) struct Machine {
    /// Ranks as threads of this process, without an MPI launcher [default: 1]
    #[arg(long, value_name = "N")]
    ranks: Option<NonZeroUsize>,
    /// Threads of each rank [default: the cores that the launcher gave it]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Write trace.json: what each rank did when, for ui.perfetto.dev or chrome://tracing; a short run is enough
    #[arg(long)]
    trace: bool,
}

/// Nothing for a run that is done already.
pub(super) type Prepared<'a> = Option<(&'a JobEntry, JobFile, run::Options)>;

pub(super) fn start(prepared: Result<Prepared>) -> Reply {
    match prepared {
        Ok(None) if launched_rank() > 0 => Reply::default(),
        Ok(None) => {
            Reply { out: "it is done already, and nothing was asked for beyond that\n".into(), ..Reply::default() }
        }
        Ok(Some((entry, file, options))) => Reply { code: run::run(entry, file, options), ..Reply::default() },
        // Every rank has read the same file: together they say it once, whatever the launcher does with ranks that fail.
        Err(e) if comm::launched() => Reply { code: Launch::default().run(|_| Err(e.clone())), ..Reply::default() },
        Err(e) => told(Err(e)),
    }
}

/// All of a run that can be checked before ranks exist.
pub(super) fn prepare(jobs: &[JobEntry], arguments: RunArguments) -> Result<Prepared<'_>> {
    let RunArguments { job, on, output, force, resume } = arguments;
    let (entry, file) = read(jobs, &job)?;
    let output = output.unwrap_or_else(|| of_file(&job.file));
    if resume && run_directory::is_a_run(&output) {
        return go_on(jobs, file, entry, output, on, false);
    }
    on.check(&file)?;
    // Under a launcher the ranks check it together, before one of them begins to write.
    if !comm::launched() {
        run_directory::check(&output, force)?;
    }
    let Machine { ranks, threads, trace } = on;
    Ok(Some((entry, file, run::Options { ranks, threads, output, force, resume: None, trace })))
}

/// The same for a run that goes on.
pub(super) fn prepare_again(jobs: &[JobEntry], arguments: ResumeArguments) -> Result<Prepared<'_>> {
    let ResumeArguments { dir, set, on, force } = arguments;
    run_directory::check_is_a_run(&dir)?;
    let (entry, file) = read(jobs, &JobArguments { file: dir.join("job.toml"), set })?;
    go_on(jobs, file, entry, dir, on, force)
}

fn go_on<'a>(
    jobs: &[JobEntry],
    file: JobFile,
    entry: &'a JobEntry,
    output: PathBuf,
    on: Machine,
    force: bool,
) -> Result<Prepared<'a>> {
    on.check(&file)?;
    let (_, earlier) = read(jobs, &JobArguments { file: output.join("job.toml"), set: vec![] })?;
    let (changed, physics) = file.changed_since(&earlier);
    if let (Some(key), false) = (physics.first(), force) {
        let [before, after] = &changed[key];
        let what = format!("`{key}` was {before} and is {after} now: it changes what the run computes");
        return Err(file.source.error(key, what, "begin another run, or insist with `halocline resume DIR --force`"));
    }
    if changed.is_empty() && run::is_done(&output) {
        return Ok(None);
    }
    let Machine { ranks, threads, trace } = on;
    Ok(Some((entry, file, run::Options { ranks, threads, output, force: false, resume: Some(changed), trace })))
}

impl Machine {
    fn check(&self, file: &JobFile) -> Result<()> {
        if let (Some(ranks), Some(split)) = (self.ranks, file.parallel.ranks)
            && split.iter().product::<usize>() != ranks.get()
        {
            let parts = split.iter().product::<usize>();
            let why = format!("is {parts} ranks, but --ranks is {ranks}\nleave one of them out");
            return Err(file.source.wrong("parallel.ranks", format!("{split:?}"), &why));
        }
        Ok(())
    }
}

/// Checks all that can be checked here, so that nothing waits in a queue to fail at once.
pub(super) fn submit(jobs: &[JobEntry], arguments: SubmitArguments) -> Result<String> {
    let SubmitArguments { job, nodes, spare, ranks_per_node, cores_per_rank, time, margin, array, output, look, site } =
        arguments;
    let ranks = nodes.saturating_mul(ranks_per_node);
    let array = array.map(|text| match text.split_once('=') {
        Some((key, values)) => Ok((key.to_owned(), values.split(',').map(str::to_owned).collect::<Vec<_>>())),
        None => Err(Error::input(format!("--array {text}")).remedy("give a key and its values: --array KEY=A,B,C")),
    });
    let array = array.transpose()?;
    let output = output.unwrap_or_else(|| of_file(&job.file));
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

/// The folder of a run whose user names none.
fn of_file(file: &Path) -> PathBuf {
    PathBuf::from("runs").join(file.file_stem().unwrap_or_default())
}
