//! The arguments of the command line. The doc comments are the help texts.
use crate::config::WallTime;
use clap::{Args, Parser, Subcommand};
use std::num::NonZeroUsize;
use std::path::PathBuf;

const ABOUT: &str = "Batch simulations whose results are the same bits on any number of ranks";

const MANUAL: &str = "\
A job file is TOML. `halocline describe` lists its keys, `halocline describe JOB` the keys of a job's [parameters].
Exit codes: 0 done, 75 stopped cleanly before the end (run again to continue), 2 bad input, 1 failure.

  halocline new my-waves                                 makes a crate with a job of your own
  halocline run heat.toml                                on one rank
  halocline run heat.toml --ranks 4 time.end=\"40 step\"   on four ranks, threads of this process
  mpirun -n 8 halocline run heat.toml --output runs/a    on eight MPI ranks
  mpirun -n 6 halocline resume runs/a                    continues from the latest state, with the same bits";

#[derive(Parser)]
#[command(name = "halocline", version, about = ABOUT, after_help = MANUAL, arg_required_else_help = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make a crate with a job of your own: equations, job file, test, batch script
    New(NewArguments),
    /// Run a job file
    Run(RunArguments),
    /// Continue a run from its latest state, in memory or on disk, on any number of ranks
    Resume(ResumeArguments),
    /// Verify that the files of a run are unchanged since they were written
    Verify {
        /// The run directory
        dir: PathBuf,
        /// Public Ed25519 key that must have signed the ledger (runs sign with the secret key that HALOCLINE_SIGNING_KEY names)
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
    /// Start a run, and start it again after each interruption, until it is complete
    ///
    /// The file DIR/control can request another number of ranks: `ranks = 6`.
    Supervise(SuperviseArguments),
    /// Write, print and submit a Slurm batch script, which requeues itself until the run is complete
    Submit(SubmitArguments),
    /// List the jobs, one per line
    List,
    /// Describe the parameters of a job, or the keys of a job file
    Describe {
        /// A job of `halocline list`; without it, describe the keys that all job files have
        job: Option<String>,
    },
    /// Make all checks of `run` without running, and print what the run would cost and write
    Check(CheckArguments),
    /// Pack each output stream of a run into one plain HDF5 file
    Pack {
        /// The run directory
        dir: PathBuf,
        /// File or existing directory to write to [default: STREAM.packed.h5 in the run directory]
        #[arg(short, long, value_name = "PATH")]
        output: Option<PathBuf>,
        /// Pack only this stream
        #[arg(long, value_name = "NAME")]
        stream: Option<String>,
    },
}

#[derive(Args)]
pub(super) struct NewArguments {
    /// Directory to make; its name is the name of the crate
    #[arg(value_name = "NAME")]
    pub directory: PathBuf,
    /// Directory with the sources of halocline that the crate uses [default: the one this program was built from, if it
    /// exists; otherwise the same revision in the repository]
    #[arg(long, value_name = "DIR")]
    pub path: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct JobArguments {
    /// The job file
    pub file: PathBuf,
    /// Set a key of the job file. A value is TOML, otherwise a string: grid.cells=[64,64] or time.end="40 step"
    #[arg(value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

#[derive(Args)]
pub(super) struct RunArguments {
    #[command(flatten)]
    pub job: JobArguments,
    #[command(flatten)]
    pub machine: Machine,
    /// Run directory for the results [default: runs/ and the name of the job file]
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Overwrite the results of an earlier run; other files are never touched
    #[arg(long)]
    pub force: bool,
    /// Continue the run in the directory, if there is one: for batch scripts that are queued again
    #[arg(long, conflicts_with = "force")]
    pub resume: bool,
}

#[derive(Args)]
pub(super) struct CheckArguments {
    #[command(flatten)]
    pub run: RunArguments,
    /// Ranks that share a node [default: all, or one per core of this machine if there are more than four per core]
    #[arg(long, value_name = "N", value_parser = count)]
    pub ranks_per_node: Option<NonZeroUsize>,
    /// Memory of a node, such as 256GB [default: what is free on this machine]
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub memory: Option<u64>,
}

#[derive(Args)]
pub(super) struct ResumeArguments {
    /// The run directory
    pub dir: PathBuf,
    /// Set a key of the job file, such as time.end="80 step"
    #[arg(value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    #[command(flatten)]
    pub machine: Machine,
    /// Accept changes of keys that affect the results; the ledger records the previous values
    #[arg(long)]
    pub force: bool,
}

#[derive(Args)]
pub(super) struct SuperviseArguments {
    /// The run directory [default: as in the command]
    pub dir: Option<PathBuf>,
    /// Ranks of the first attempt, for {ranks} in the command
    #[arg(long, value_name = "N", default_value = "1", value_parser = count)]
    pub ranks: NonZeroUsize,
    /// Hosts, for {hosts} in the command: the first that are up are used
    #[arg(long, value_name = "A,B,C", value_delimiter = ',')]
    pub hosts: Vec<String>,
    /// Number of hosts in use, the others are spare [default: all]
    #[arg(long, value_name = "N", requires = "hosts", value_parser = count)]
    pub nodes: Option<NonZeroUsize>,
    /// Shell command that exits with 0 if a host is up
    #[arg(long, value_name = "COMMAND", default_value = "ssh -o BatchMode=yes -o ConnectTimeout=10 {host} true")]
    pub probe: String,
    /// Stop an attempt that has completed no step for this time, as after an unnoticed loss of a node
    #[arg(long, value_name = "TIME", default_value = "10 min")]
    pub patience: WallTime,
    /// Command that starts an attempt, without --resume: mpirun -n {ranks} halocline run FILE
    #[arg(last = true, required = true)]
    pub command: Vec<String>,
}

#[derive(Args)]
pub(super) struct SubmitArguments {
    #[command(flatten)]
    pub job: JobArguments,
    /// Number of nodes
    #[arg(long, value_name = "N", default_value = "1", value_parser = count)]
    pub nodes: NonZeroUsize,
    /// Number of spare nodes, used when another node fails
    #[arg(long, value_name = "N", default_value = "0")]
    pub spare: usize,
    /// Ranks on each node
    #[arg(long, value_name = "N", default_value = "1", value_parser = count)]
    pub ranks_per_node: NonZeroUsize,
    /// CPUs of each rank [default: nodes are not shared, and their ranks divide all CPUs]
    #[arg(long, value_name = "N", value_parser = count)]
    pub cores_per_rank: Option<NonZeroUsize>,
    /// Time limit of one attempt, as Slurm writes it: 01:30:00 or 90 (minutes)
    #[arg(long, value_name = "TIME")]
    pub time: String,
    /// Seconds before the time limit at which the run saves its state; Slurm may be half a minute late or early
    #[arg(long, value_name = "SECONDS", default_value = "120")]
    pub margin: u32,
    /// Submit a job array, one job for each value of a key: parameters.kappa=0.1,0.2,0.4 or grid.cells=[64,64],[128,128]. One
    /// list alone is the list of values: parameters.kappa=[0.1,0.2,0.4]
    #[arg(long, value_name = "KEY=A,B,C")]
    pub array: Option<String>,
    /// Run directory for the results [default: runs/ and the name of the job file]
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Only print the script
    #[arg(long)]
    pub look: bool,
    /// Site-specific options for sbatch, passed on unchanged: -- --partition=long --account=a1
    #[arg(last = true)]
    pub site: Vec<String>,
}

#[derive(Args)]
pub(super) struct Machine {
    /// Ranks as threads of this process, without an MPI launcher [default: the product of parallel.ranks, or 1]
    #[arg(long, value_name = "N", value_parser = count)]
    pub ranks: Option<NonZeroUsize>,
    /// Threads of each rank [default: the cores that the launcher assigns to it]
    #[arg(long, value_name = "N", value_parser = count)]
    pub threads: Option<NonZeroUsize>,
    /// Write trace.json: what each rank did when, for ui.perfetto.dev or chrome://tracing; a short run is enough
    #[arg(long)]
    pub trace: bool,
}

/// Parses a number of ranks, threads or nodes.
fn count(text: &str) -> Result<NonZeroUsize, String> {
    let number: usize = text.parse().map_err(|_| "must be a whole number, at least 1".to_owned())?;
    NonZeroUsize::new(number).ok_or_else(|| "must be at least 1".into())
}

/// Parses a number of bytes with a unit.
fn bytes(text: &str) -> Result<u64, String> {
    let number = text.trim_end_matches(|c: char| c.is_alphabetic() || c == ' ');
    let unit = match text[number.len()..].trim() {
        "" | "B" => 1.0,
        "kB" | "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "TB" => 1e12,
        "KiB" => 1024.0,
        "MiB" => 1048576.0,
        "GiB" => 1073741824.0,
        "TiB" => 1099511627776.0,
        _ => return Err("units are kB, MB, GB, TB, KiB, MiB, GiB, TiB".into()),
    };
    match number.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok((number * unit) as u64),
        _ => Err("a size is a number and a unit, such as 256GB".into()),
    }
}
