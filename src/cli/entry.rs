//! [`main`]: the entry point of a program of jobs.
use super::arguments::{Arguments, Command};
use super::check::check;
use super::inspect::{describe, list, manual};
use super::new::new;
use super::pack::pack;
use super::reply::{Reply, reply_to};
use super::start::{prepare_resume, prepare_run, start};
use super::submit::submit;
use super::supervised::supervisor;
use crate::comm;
use crate::run::JobEntry;
use crate::saved::{self, run_directory};
use clap::Parser;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

/// Runs the command line for these jobs and returns the exit code. The `main` of a job crate is `halocline::main(jobs![…])`.
pub fn main(jobs: &[JobEntry]) -> ExitCode {
    crate::base::open_files::raise_limit();
    // Without the handler a command is killed at the limit, as it would be anyway.
    let _ = crate::base::signals::survive_file_limit();
    let reply = reply(jobs, std::env::args_os());
    if !reply.err.is_empty() && comm::launched_rank() > 0 {
        // Rank 0 prints the same error, and most launchers then end the other ranks. If this rank still exists after a while, the
        // error is its own. (Open MPI took more than a second on a busy machine.)
        std::thread::sleep(std::time::Duration::from_secs(5));
    }
    // A pipe that is closed early (`| head`) is not an error, and a closed stderr cannot be reported.
    let printed = io::stdout().write_all(reply.out.as_bytes()).and_then(|()| io::stdout().flush());
    let _ = io::stderr().write_all(reply.err.as_bytes());
    match printed {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            let _ = writeln!(io::stderr(), "error: cannot write to stdout: {e}");
            ExitCode::from(1)
        }
        _ => ExitCode::from(reply.code),
    }
}

/// Executes a command line.
pub(super) fn reply(jobs: &[JobEntry], arguments: impl IntoIterator<Item = OsString>) -> Reply {
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
        Command::Run(arguments) => return start(prepare_run(jobs, arguments)),
        Command::Resume(arguments) => return start(prepare_resume(jobs, arguments)),
        Command::Verify { dir, key } => {
            run_directory::check_is_a_run(&dir).and_then(|()| saved::verify(&dir, key.as_deref()))
        }
        Command::Supervise(arguments) => match supervisor(arguments).and_then(|supervisor| supervisor.run()) {
            Ok(code) => return Reply { code, ..Reply::default() },
            Err(e) => Err(e),
        },
        Command::Submit(arguments) => submit(jobs, arguments),
        Command::New(arguments) => new(arguments),
        Command::List => Ok(list(jobs)),
        Command::Describe { job: None } => Ok(manual()),
        Command::Describe { job: Some(job) } => JobEntry::find(jobs, &job).map(describe),
        Command::Check(arguments) => check(jobs, arguments),
        Command::Pack { dir, output, stream } => pack(&dir, output.as_deref(), stream.as_deref()),
    };
    reply_to(result)
}
