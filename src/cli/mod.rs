//! The command line. `list`, `describe`, `check`, `verify` and `pack` never start MPI: login nodes forbid it.
mod start;

use crate::base::Result;
use crate::comm::Comm;
use crate::config::{self, JobFile, Row};
use crate::files;
use crate::model::field::FieldDeclaration;
use crate::program::Program;
use crate::run;
use crate::run::job::JobEntry;
use crate::saved::{self, run_directory};
use clap::{Args, Parser, Subcommand};
use comfy_table::{ContentArrangement, Table, presets};
use indicatif::DecimalBytes;
use start::{ResumeArguments, RunArguments, SubmitArguments, SuperviseArguments};
use std::ffi::OsString;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const ABOUT: &str = "Batch simulations whose results are the same bits on any number of ranks";

const MANUAL: &str = "\
A job file is TOML; `halocline describe` lists its keys, `halocline describe JOB` those of a job's [parameters].
Exit codes: 0 done, 75 stopped cleanly before the end (run it again to go on), 2 bad input, 1 failure.

  halocline run heat.toml                                on one rank
  halocline run heat.toml --ranks 4 time.end=\"40 step\"   on four ranks that are threads of this process
  mpirun -n 8 halocline run heat.toml --output runs/a    on eight MPI ranks
  mpirun -n 6 halocline resume runs/a                    goes on from its latest state, with the same bits";

#[derive(Parser)]
#[command(name = "halocline", version, about = ABOUT, after_help = MANUAL, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a job file
    Run(RunArguments),
    /// Go on with a run from its latest state, in memory or on disk, on any number of ranks
    Resume(ResumeArguments),
    /// Check that all that a run has written is as it was written
    Verify {
        /// The output folder of the run
        dir: PathBuf,
        /// A public Ed25519 key, whose owner has to have signed the ledger (HALOCLINE_SIGNING_KEY names the secret one to runs)
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
    /// Start a run, and start it again whenever it is cut short, until it is done
    ///
    /// DIR/control can ask for another number of ranks on the way: `ranks = 6`.
    Supervise(SuperviseArguments),
    /// Write a batch script for Slurm, print it, and submit it: the run goes on by itself until it is done
    Submit(SubmitArguments),
    /// List the jobs, a line each
    List,
    /// Describe the parameters of a job, or the keys of a job file
    Describe {
        /// One of `halocline list`; without it, the keys of every job file are described
        job: Option<String>,
    },
    /// Make all checks of a run without running, and say what it will cost
    Check {
        #[command(flatten)]
        job: JobArguments,
        /// Ranks to plan for [default: those of parallel.ranks, or 1]
        #[arg(long, value_name = "N")]
        ranks: Option<NonZeroUsize>,
    },
    /// Make one plain HDF5 file of each stream of a run
    Pack {
        /// The output folder of the run
        dir: PathBuf,
    },
}

#[derive(Args)]
struct JobArguments {
    /// The job file
    file: PathBuf,
    /// Set a key of the job file. A value is TOML and, where it is not, a text: grid.cells=[64,64] or time.end="40 step"
    #[arg(value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// What a command prints, and its exit code.
#[derive(Debug, Default)]
struct Reply {
    out: String,
    err: String,
    code: u8,
}

/// The whole command line over these jobs: a job crate's `main` is `halocline::main(jobs![…])`.
pub fn main(jobs: &[JobEntry]) -> ExitCode {
    let reply = reply(jobs, std::env::args_os());
    if !reply.err.is_empty() && launched_rank() > 0 {
        // Rank 0 says the same, and most launchers then end the others. Still here after a while, this rank's error is its own.
        // (Open MPI's took more than a second on a busy machine.)
        std::thread::sleep(std::time::Duration::from_secs(5));
    }
    // Whoever closes the pipe early (`| head`) has read enough; and where stderr is gone, there is nobody to tell.
    let printed = io::stdout().write_all(reply.out.as_bytes()).and_then(|()| io::stdout().flush());
    let _ = io::stderr().write_all(reply.err.as_bytes());
    match printed {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            let _ = writeln!(io::stderr(), "error: cannot write the answer: {e}");
            ExitCode::from(1)
        }
        _ => ExitCode::from(reply.code),
    }
}

fn reply(jobs: &[JobEntry], arguments: impl IntoIterator<Item = OsString>) -> Reply {
    let command = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments.command,
        Err(e) => {
            let (text, code) = (e.render().to_string(), u8::try_from(e.exit_code()).unwrap_or(2));
            return if e.use_stderr() {
                Reply { err: text, code, ..Reply::default() }
            } else {
                Reply { out: text, code, ..Reply::default() }
            };
        }
    };
    let result = match command {
        Command::Run(arguments) => return start::start(start::prepare(jobs, arguments)),
        Command::Resume(arguments) => return start::start(start::prepare_again(jobs, arguments)),
        Command::Verify { dir, key } => {
            run_directory::check_is_a_run(&dir).and_then(|()| saved::verify(&dir, key.as_deref()))
        }
        Command::Supervise(arguments) => match arguments.watch().and_then(|watch| watch.run()) {
            Ok(code) => return Reply { code, ..Reply::default() },
            Err(e) => Err(e),
        },
        Command::Submit(arguments) => start::submit(jobs, arguments),
        Command::List => Ok(list(jobs)),
        Command::Describe { job: None } => Ok(manual()),
        Command::Describe { job: Some(job) } => JobEntry::find(jobs, &job).map(describe),
        Command::Check { job, ranks } => check(jobs, &job, ranks),
        Command::Pack { dir } => pack(&dir),
    };
    told(result)
}

fn told(result: Result<String>) -> Reply {
    match result {
        Ok(out) => Reply { out, ..Reply::default() },
        Err(e) => Reply { err: format!("error: {e}\n"), code: e.exit_code(), ..Reply::default() },
    }
}

fn read<'a>(jobs: &'a [JobEntry], arguments: &JobArguments) -> Result<(&'a JobEntry, JobFile)> {
    let mut file = JobFile::read(&arguments.file, &arguments.set)?;
    Ok((JobEntry::of_file(jobs, &mut file)?, file))
}

fn list(jobs: &[JobEntry]) -> String {
    columns(None, jobs.iter().map(|entry| vec![entry.name().to_owned(), entry.summary().to_owned()]).collect())
}

/// Parameters, fields and schedule of a job: the latter two as they follow from the default parameters.
fn describe(entry: &JobEntry) -> String {
    let rows = entry.describe();
    let mut text = format!("{}: {}\n\n", entry.name(), entry.summary());
    if rows.is_empty() {
        text += "It has no parameters.\n";
    } else {
        text += "[parameters] of its job files; on the command line, parameters.KEY=VALUE\n\n";
        text += &keys(rows);
    }
    let name = entry.name();
    let example = format!("job = '{name}'\ngrid.cells = [64, 64, 64]\ngrid.periodic = true\ntime.end = '1 step'");
    let model = JobFile::parse("example", &example, &[]).and_then(|mut file| {
        entry.check(&mut file)?;
        run::model(entry, &file, Comm::alone())
    });
    match model {
        Ok(model) => {
            let header = ["field", "unit", "at", "numbers", "meaning"].map(str::to_owned);
            let row = |d: &FieldDeclaration| {
                let at = d
                    .location
                    .axis()
                    .map_or("cell centres".into(), |a| format!("{} faces", crate::model::grid::AXES[a]));
                vec![d.name.clone(), d.unit.clone(), at, d.element.name().into(), d.long_name.clone()]
            };
            let fields = columns(Some(header.to_vec()), model.fields().iter().map(row).collect());
            let schedule = model.describe_schedule().join("\n");
            text += &format!(
                "\n{fields}\nIts schedule, with default parameters on a three-dimensional grid\n\n{schedule}\n"
            );
        }
        Err(e) => text += &format!("\nIts fields and schedule cannot be shown with default parameters: {}\n", e.what()),
    }
    text
}

fn manual() -> String {
    format!("The keys of a job file; on the command line, KEY=VALUE\n\n{}", keys(config::describe::<JobFile>()))
}

fn check(jobs: &[JobEntry], arguments: &JobArguments, ranks: Option<NonZeroUsize>) -> Result<String> {
    let (entry, file) = read(jobs, arguments)?;
    let wanted = file.parallel.ranks.map(|split| split.iter().product());
    let ranks = ranks.map(NonZeroUsize::get).or(wanted).unwrap_or(1);
    let model = run::model(entry, &file, Comm::alone())?;
    run::check_streams(&file, &model)?;
    let program = Program::new(model, ranks)?;
    let [z, y, x] = file.grid.cells;
    let (end, element) = (file.time.end, file.engine.element.element_type().name());
    let memory =
        (0..ranks).map(|rank| program.memory(rank)).collect::<Result<Vec<u64>>>()?.into_iter().max().unwrap_or(0);
    let (messages, bytes) = program.messages().into_iter().max_by_key(|m| m.1).unwrap_or((0, 0));
    let mut text = format!(
        "{}: no errors found\n  {} on {z} × {y} × {x} cells of {element}, until {end}\n",
        arguments.file.display(),
        entry.name()
    );
    let s = if ranks == 1 { "" } else { "s" };
    text += &format!(
        "  {ranks} rank{s}, process grid {:?}, {} of fields on a rank\n",
        program.process_grid(),
        DecimalBytes(memory)
    );
    text += &format!("  a step moves {} in memory", DecimalBytes(program.bytes_per_step()));
    if ranks > 1 {
        text += &format!(
            ", and sends {messages} messages with {} in all from the busiest rank",
            DecimalBytes(bytes as u64)
        );
    }
    let state = program.bytes_of_state();
    text += &format!("\n  a checkpoint takes {} on disk\n", DecimalBytes(state));
    if file.replica.is_on() {
        // Its own part and another rank's, of two states in turns.
        let each = DecimalBytes(4 * state.div_ceil(ranks as u64));
        text += &format!("  keeping the state in memory takes up to {each} of each rank's node\n");
    }
    Ok(text)
}

fn pack(dir: &Path) -> Result<String> {
    let streams = run_directory::streams(dir)?;
    let paths: Result<Vec<PathBuf>> = streams.iter().map(|stream| files::pack(dir, stream)).collect();
    Ok(paths?.iter().map(|path| format!("{}\n", path.display())).collect())
}

fn keys(rows: Vec<Row>) -> String {
    let header = ["key", "type", "unit", "default", "range", "meaning"].map(str::to_owned);
    let cells = |row: Row| vec![row.name, row.kind, row.unit, row.default, row.range, row.description];
    columns(Some(header.to_vec()), rows.into_iter().map(cells).collect())
}

/// Aligned columns without lines; on a terminal, long texts wrap inside their column.
fn columns(header: Option<Vec<String>>, rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if let Some(header) = header {
        table.set_header(header);
    }
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt() + "\n"
}

/// This process's rank as its launcher names it, before MPI has started; 0 without a launcher.
fn launched_rank() -> usize {
    ["OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok()?.parse().ok())
        .unwrap_or(0)
}

#[cfg(doc)]
#[doc = include_str!("bad_inputs.md")]
pub mod bad_inputs {}

#[cfg(test)]
mod tests;
