//! Where ranks come from.
use super::ending::{cut_off, exit_code, report, settle};
use super::fault::Fault;
use super::launcher::Launcher;
use super::local::ranks_watched;
use super::mailbox::lock;
use super::{Aborted, Comm};
use crate::base::{Error, Result, signals};
use std::io::Write;
use std::sync::Mutex;
#[cfg(feature = "mpi")]
use {
    super::Transport,
    super::ending::give_up,
    super::fault::Lost,
    std::{any::Any, panic::resume_unwind, rc::Rc},
};

/// Most ranks that one process carries: they keep a channel to each other, so memory grows with the square.
const MOST: usize = 1024;

/// Where ranks come from: from an MPI launcher if there is one, else they are threads of this process.
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
    /// Number of ranks. By default, as many as the launcher started, and 1 without one.
    pub ranks: Option<usize>,
    /// Threads of each rank. By default, they fill the cores that the ranks may use.
    pub threads: Option<usize>,
}

impl Launch {
    /// Runs `body` on all ranks and gives the exit code of the process: 0, or the one of the [`Error`] that ended it, or 1 after a panic.
    /// What went wrong is printed on the standard error, once for all ranks, with the rank's number if not all have the same error.
    ///
    /// If only some ranks fail, the whole job ends within seconds; then this function may not return. MPI is started only under an MPI
    /// launcher; without one, login nodes included, it is never touched.
    pub fn run(self, body: impl Fn(Comm) -> Result<()> + Sync) -> u8 {
        self.start(false, |comm, _| body(comm))
    }

    /// As [`Launch::run`], for a body that can begin again where it was. Where the MPI library has user-level failure mitigation, and the
    /// launcher leaves the others alone when a rank dies (`mpirun --with-ft ulfm` of Open MPI 5), all other ranks leave `body`
    /// as if by a panic, wherever they are, and call it again: with a communicator of those that are left, and with the number
    /// of times that this has happened. Elsewhere this is never more than 0.
    pub fn survive(self, body: impl Fn(Comm, usize) -> Result<()> + Sync) -> u8 {
        self.start(true, body)
    }

    fn start(self, survive: bool, body: impl Fn(Comm, usize) -> Result<()> + Sync) -> u8 {
        let launcher = Launcher::find(|name| std::env::var(name).ok());
        let speaks = launcher.as_ref().is_none_or(|l| l.rank.is_none_or(|rank| rank == 0));
        let outcome = signals::install().and_then(|()| self.check()).and_then(|()| match &launcher {
            None => self.in_process(&|comm| body(comm, 0)),
            Some(launcher) => self.under(launcher, survive, &body),
        });
        let code = outcome.unwrap_or_else(|error| {
            if speaks {
                report(&error);
            }
            error.exit_code()
        });
        // Nobody is left to be told of a closed pipe.
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
        let size = self.ranks.unwrap_or(1);
        if size > MOST {
            let what = format!("--ranks is {size}, but ranks that are threads of one process are at most {MOST}");
            return Err(Error::input(what).remedy("let an MPI launcher start more: mpirun -n N"));
        }
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
        let threads = self.threads.unwrap_or((cores / size).max(1));
        let limit = Mutex::new(None);
        let on_failure = |aborted: &Aborted| {
            eprintln!("error: {aborted}");
            // Ranks that compute learn of it at their next message: too late, perhaps.
            *lock(&limit) = Some(cut_off(exit_code(aborted.code)));
        };
        let codes = ranks_watched(size, threads, on_failure, |comm| {
            let control = comm.split(0);
            settle(&*control, Ok(body(comm))).unwrap_or_else(|fault| Fault::raise(fault.code, fault.message))
        });
        Ok(match codes {
            Ok(codes) => codes[0],
            Err(aborted) => exit_code(aborted.code),
        })
    }

    #[cfg(feature = "mpi")]
    fn under(&self, launcher: &Launcher, survive: bool, body: &impl Fn(Comm, usize) -> Result<()>) -> Result<u8> {
        use super::{Threads, fault, mpi, placement};
        let mut world = mpi::World::start()?;
        let begin = || {
            let transport = world.communicator(false);
            let size = transport.size();
            launcher.check(size).and_then(|()| self.check_size(launcher, size)).map(|()| {
                let threads = self.threads.unwrap_or_else(|| placement::default_threads(&*transport));
                Rc::new(Threads::new(threads))
            })
        };
        let threads = match fault::catch(true, begin) {
            Ok(Ok(threads)) => threads,
            Ok(Err(error)) => {
                world.finalize();
                return Err(error);
            }
            Err(payload) => give_up(world.rank(), Fault::of(payload)),
        };
        for losses in 0.. {
            let life = || {
                let transport = world.communicator(survive);
                let control = transport.split(0);
                let result = fault::catch(true, || body(Comm::new(transport, threads.clone()), losses));
                vote(&*control, result)
            };
            match fault::catch(true, life) {
                Ok(code) => {
                    // What a failed body left unfinished, or a rank that dies about now, may keep MPI from ending.
                    let _limit = (code != 0 || survive && world.can_survive()).then(|| cut_off(code));
                    world.finalize();
                    return Ok(code);
                }
                Err(payload) if payload.is::<Lost>() => {
                    super::now_outside();
                    world.bury_the_dead();
                }
                Err(payload) => give_up(world.rank(), Fault::of(payload)),
            }
        }
        unreachable!("ranks die only so often")
    }

    #[cfg(not(feature = "mpi"))]
    fn under(&self, launcher: &Launcher, _: bool, body: &(impl Fn(Comm, usize) -> Result<()> + Sync)) -> Result<u8> {
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

/// How the job ended, on all ranks; where only some failed, it ends here. Goes on unwinding where a rank has died.
#[cfg(feature = "mpi")]
fn vote(control: &dyn Transport, result: std::result::Result<Result<()>, Box<dyn Any + Send>>) -> u8 {
    let result =
        result.map_err(|payload| if payload.is::<Lost>() { resume_unwind(payload) } else { Fault::of(payload) });
    settle(control, result).unwrap_or_else(|fault| give_up(control.rank(), fault))
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
    fn the_gravest_outcome_decides() {
        let outcome = |rank| match rank {
            0 => Ok(()),
            1 => Err(Error::stopped("time is up")),
            2 => Err(Error::input("no such file")),
            _ => Err(Error::failure("NaN")),
        };
        assert_eq!(run(2, |comm| outcome(comm.rank())), 75);
        assert_eq!(run(3, |comm| outcome(comm.rank())), 2);
        assert_eq!(run(4, |comm| outcome(comm.rank())), 2, "of the lowest rank that failed");
    }

    #[test]
    fn an_error_on_one_rank_ends_those_who_wait_for_it() {
        let start = Instant::now();
        let code = run(3, |comm| match comm.rank() {
            1 => Err(Error::input("the forcing has no file for this rank")),
            _ => wait(&comm),
        });
        assert_eq!(code, 2);
        assert!(start.elapsed() < Duration::from_secs(4));
        let deadlock = run(2, |comm| if comm.rank() == 1 { wait(&comm) } else { Ok(()) });
        assert_eq!(deadlock, 1, "a rank that is done leaves another waiting");
    }
}
