//! [`run`]: the attempts of a run in one process.
use super::begin::begin;
use super::end::finish;
use super::heartbeat::Heartbeat;
use super::inputs::inputs;
use super::job::PreparedJob;
use super::options::Options;
use super::recovery::{BeforeFailure, Recovery};
use super::stop_limit;
use crate::base::{Error, Result};
use crate::comm::{Comm, Inputs, Launch, THE_RUN};
use std::sync::OnceLock;
use std::time::Instant;

/// Runs a job on all ranks and returns the exit code of this process. Where the MPI library can repair a communicator, the
/// surviving ranks of a failure continue with another attempt, in the same processes.
pub fn run(job: &PreparedJob, options: Options) -> u8 {
    stop_limit::start();
    let launch = Launch { ranks: options.ranks.map(Into::into), threads: options.threads.map(Into::into) };
    let known = OnceLock::new();
    launch.survive(&inputs(job, &options), |comm, failures| {
        let before = BeforeFailure::share(&known, &comm, &options);
        if failures == 0 {
            return attempt(job, &options, comm, None);
        }
        match Recovery::after_failure(before, &comm, &options) {
            // A job file that does not fit the smaller number of ranks is not an error of its author.
            Recovery::Continue(options, heartbeat) => {
                attempt(job, &options, comm, heartbeat).map_err(Error::not_as_input)
            }
            Recovery::Ended(end) => end,
        }
    })
}

/// Ends a process that has no run to start, because of the error `why` or because the run is complete, together with the other
/// ranks, which must agree. Returns its exit code.
pub fn start_without(why: Result<()>) -> u8 {
    let inputs = match &why {
        Ok(()) => Inputs::new([(THE_RUN.to_owned(), "complete".to_owned())]),
        Err(e) => Inputs::wrong(e),
    };
    Launch::default().survive(&inputs, |_, _| why.clone())
}

/// One attempt of the run. `heartbeat` covers the time until the first step.
fn attempt(job: &PreparedJob, options: &Options, comm: Comm, heartbeat: Option<Heartbeat>) -> Result<()> {
    let mut attempt = begin(job, options, comm)?;
    drop(heartbeat);
    stop_limit::set(job.file().checkpoint.stop_within.0);
    let stepping = Instant::now();
    let outcome = attempt.step_to_end();
    let seconds = stepping.elapsed().as_secs_f64();
    let outcome = attempt.saved_elsewhere(outcome);
    finish(attempt, outcome, seconds)
}
