//! Starting a job: its ranks, and its exit code.
use super::communicator::Comm;
use super::failure::{Aborted, Failure};
use super::launcher::Launcher;
use super::local::ranks_with_report;
use super::same_inputs::Inputs;
use super::termination::{agree_on_outcome, exit_after_grace_period, exit_code, report};
use crate::base::message::message;
use crate::base::{Error, Result, signals};
use std::io::Write;
use std::sync::{Mutex, PoisonError};
#[cfg(feature = "mpi")]
use {
    super::failure::ProcessFailed,
    super::mpi::abort_job,
    super::transport::Transport,
    std::{any::Any, panic::resume_unwind, rc::Rc},
};

/// Maximum number of in-process ranks. Each has a queue for each other one, so memory grows with the square.
pub const MAX_RANKS: usize = 1024;

/// How to start a job. Its ranks are the processes of an MPI launcher if there is one, else threads of this process.
///
/// ```
/// use halocline::comm::Launch;
/// let exit_code = Launch { ranks: Some(2), threads: None }.run(|comm| {
///     assert_eq!(comm.size(), 2);
///     Ok(())
/// });
/// assert_eq!(exit_code, 0);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Launch {
    /// Number of ranks. Default: as many as the launcher started; 1 without a launcher.
    pub ranks: Option<usize>,
    /// Threads per rank. Default: the available cores, divided among the ranks.
    pub threads: Option<usize>,
}

impl Launch {
    /// Runs `body` on all ranks and returns the exit code of the process: 0, that of the [`Error`] that ended the job, or 1 after
    /// a panic. The error is printed to standard error, once for all ranks, with the number of the rank unless all ranks have the
    /// same error.
    ///
    /// If only some ranks fail, the whole job ends within seconds; then this function may not return. MPI is initialised only
    /// under an MPI launcher: without one, as on login nodes, it is not called at all.
    pub fn run(self, body: impl Fn(Comm) -> Result<()> + Sync) -> u8 {
        self.start(false, &Inputs::default(), |comm, _| body(comm))
    }

    /// Does the same as [`Launch::run`], for a body that can continue after the failure of a rank. If the MPI library has
    /// user-level failure mitigation, and the launcher keeps the other ranks running when one fails (`mpirun --with-ft ulfm` of
    /// Open MPI 5), the surviving ranks unwind from `body`, wherever they are, and call it again with a communicator of the
    /// survivors and the number of failures so far. Otherwise this number is always 0.
    ///
    /// Nothing starts unless all ranks have the same `inputs`: the exit code is then 2, and the message names the difference.
    pub fn survive(self, inputs: &Inputs, body: impl Fn(Comm, usize) -> Result<()> + Sync) -> u8 {
        self.start(true, inputs, body)
    }

    fn start(self, survive: bool, inputs: &Inputs, body: impl Fn(Comm, usize) -> Result<()> + Sync) -> u8 {
        let launcher = Launcher::find(|name| std::env::var(name).ok());
        let reports = launcher.as_ref().is_none_or(|l| l.rank.is_none_or(|rank| rank == 0));
        let outcome = signals::install().and_then(|()| match &launcher {
            None => self.in_process(&|comm| body(comm, 0)),
            Some(launcher) => self.under_launcher(launcher, survive, inputs, &body),
        });
        let code = outcome.unwrap_or_else(|error| {
            if reports {
                report(&error);
            }
            error.exit_code()
        });
        // An error here (a closed pipe) cannot be reported any more.
        std::io::stdout().flush().ok();
        code
    }

    fn check(&self) -> Result<()> {
        for (value, option, what) in [(self.ranks, "--ranks", "rank"), (self.threads, "--threads", "thread")] {
            if value == Some(0) {
                return Err(Error::input(format!("{option} is 0")).remedy(format!("a run needs at least one {what}")));
            }
        }
        Ok(())
    }

    fn in_process(&self, body: &(impl Fn(Comm) -> Result<()> + Sync)) -> Result<u8> {
        self.check()?;
        let size = self.ranks.unwrap_or(1);
        if size > MAX_RANKS {
            let what = format!("--ranks is {size}, but ranks that are threads of one process are at most {MAX_RANKS}");
            return Err(Error::input(what).remedy("let an MPI launcher start more: mpirun -n N"));
        }
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
        let threads = self.threads.unwrap_or((cores / size).max(1));
        let timer = Mutex::new(None);
        let on_failure = |aborted: &Aborted| {
            message!("error: {aborted}");
            // Ranks that compute stop at their next message, which may be much later.
            *timer.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(exit_after_grace_period(exit_code(aborted.code)));
        };
        let codes = ranks_with_report(size, threads, on_failure, |comm| {
            let control = comm.split(0);
            agree_on_outcome(&*control, Ok(body(comm)))
                .unwrap_or_else(|failure| Failure::unwind(failure.code, failure.message))
        });
        Ok(match codes {
            Ok(codes) => codes[0],
            Err(aborted) => exit_code(aborted.code),
        })
    }

    #[cfg(feature = "mpi")]
    fn under_launcher(
        &self,
        launcher: &Launcher,
        survive: bool,
        inputs: &Inputs,
        body: &impl Fn(Comm, usize) -> Result<()>,
    ) -> Result<u8> {
        use super::{mpi, panics, placement, threads::Threads};
        let mut world = mpi::World::start()?;
        let begin = || {
            let transport = world.communicator(false);
            let size = transport.size();
            launcher.check(size)?;
            // Before all else: ranks that disagree would wait for each other.
            inputs.compare(&*transport)?;
            self.check().and_then(|()| self.check_size(launcher, size)).map(|()| {
                let threads = self.threads.unwrap_or_else(|| placement::default_threads(&*transport));
                Rc::new(Threads::new(threads))
            })
        };
        let threads = match panics::catch(true, begin) {
            Ok(Ok(threads)) => threads,
            Ok(Err(error)) => {
                world.finalize();
                return Err(error);
            }
            Err(payload) => abort_job(world.rank(), Failure::from_payload(payload)),
        };
        for failures in 0.. {
            let attempt = || {
                let transport = world.communicator(survive);
                let control = transport.split(0);
                let result = panics::catch(true, || body(Comm::new(transport, threads.clone()), failures));
                vote(&*control, result)
            };
            match panics::catch(true, attempt) {
                Ok(code) => {
                    // Messages that a failed body left unfinished, or a process failure about now, may block MPI_Finalize.
                    let _timer = (code != 0 || survive && world.can_survive()).then(|| exit_after_grace_period(code));
                    world.finalize();
                    return Ok(code);
                }
                Err(payload) if payload.is::<ProcessFailed>() => {
                    super::clear_current_stage();
                    world.shrink();
                }
                Err(payload) => abort_job(world.rank(), Failure::from_payload(payload)),
            }
        }
        unreachable!("every failure removes a rank")
    }

    #[cfg(not(feature = "mpi"))]
    fn under_launcher(
        &self,
        launcher: &Launcher,
        _: bool,
        _: &Inputs,
        body: &(impl Fn(Comm, usize) -> Result<()> + Sync),
    ) -> Result<u8> {
        if launcher.size == Some(1) {
            return self.in_process(&|comm| body(comm, 0));
        }
        let ranks = launcher.size.map_or("ranks".into(), |n| format!("{n} ranks"));
        Err(Error::input(format!("{} started {ranks}, but this program was built without MPI", launcher.name))
            .remedy("build it with the feature `mpi`, or start one process and ask for --ranks"))
    }

    #[cfg(feature = "mpi")]
    fn check_size(&self, launcher: &Launcher, size: usize) -> Result<()> {
        match self.ranks {
            Some(ranks) if ranks != size => {
                let what = format!("--ranks is {ranks}, but {} started {size}", launcher.name);
                Err(Error::input(what).remedy(format!("leave --ranks away, or let the launcher start {ranks}")))
            }
            _ => Ok(()),
        }
    }
}

/// Agrees on the outcome of the job and returns its exit code. Ends the job if only some ranks failed. Resumes unwinding after a
/// process failure.
#[cfg(feature = "mpi")]
fn vote(control: &dyn Transport, result: std::result::Result<Result<()>, Box<dyn Any + Send>>) -> u8 {
    let result = result.map_err(|payload| {
        if payload.is::<ProcessFailed>() { resume_unwind(payload) } else { Failure::from_payload(payload) }
    });
    agree_on_outcome(control, result).unwrap_or_else(|failure| abort_job(control.rank(), failure))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn run(ranks: usize, body: impl Fn(Comm) -> Result<()> + Sync) -> u8 {
        Launch { ranks: Some(ranks), threads: Some(1) }.run(body)
    }

    fn wait(comm: &Comm) -> Result<()> {
        comm.barrier();
        Ok(())
    }

    #[test]
    fn in_process_jobs_end_with_one_exit_code() {
        for ranks in [1, 2, 3] {
            let last = ranks - 1;
            assert_eq!(run(ranks, |_| Ok(())), 0);
            assert_eq!(run(ranks, |_| Err(Error::failure("a disk is full"))), 1);
            assert_eq!(run(ranks, |_| Err(Error::input("a key is unknown"))), 2);
            assert_eq!(run(ranks, |_| Err(Error::stopped("time is up"))), 75);
            assert_eq!(run(ranks, |comm| if comm.rank() == last { Err(Error::input("no")) } else { Ok(()) }), 2);
            assert_eq!(run(ranks, |comm| if comm.rank() == last { panic!("NaN") } else { wait(&comm) }), 1);
            assert_eq!(run(ranks, |comm| if comm.rank() == last { comm.abort(9) } else { wait(&comm) }), 9);
        }
        assert_eq!(run(0, |_| Ok(())), 2);
    }

    #[test]
    fn the_most_severe_outcome_decides() {
        let outcome = |rank| match rank {
            0 => Ok(()),
            1 => Err(Error::stopped("time is up")),
            2 => Err(Error::input("no such file")),
            _ => Err(Error::failure("NaN")),
        };
        assert_eq!(run(2, |comm| outcome(comm.rank())), 75);
        assert_eq!(run(3, |comm| outcome(comm.rank())), 2);
        assert_eq!(run(4, |comm| outcome(comm.rank())), 2, "the code of the lowest rank that failed");
    }

    #[test]
    fn an_error_on_one_rank_ends_ranks_that_wait_for_it() {
        let start = Instant::now();
        let code = run(3, |comm| match comm.rank() {
            1 => Err(Error::input("the forcing has no file for this rank")),
            _ => wait(&comm),
        });
        assert_eq!(code, 2);
        assert!(start.elapsed() < Duration::from_secs(4));
        let deadlock = run(2, |comm| if comm.rank() == 1 { wait(&comm) } else { Ok(()) });
        assert_eq!(deadlock, 1, "a rank finishes while another waits for it");
    }
}
