//! Where ranks come from.
use super::ending::{cut_off, exit_code, report, settle};
use super::fault::Fault;
use super::launcher::Launcher;
use super::local::ranks_watched;
use super::mailbox::lock;
use super::{Aborted, Comm};
use crate::{Error, Result, signals};
use std::io::Write;
use std::sync::Mutex;

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
        let launcher = Launcher::find(|name| std::env::var(name).ok());
        let speaks = launcher.as_ref().is_none_or(|l| l.rank.is_none_or(|rank| rank == 0));
        let outcome = signals::install().and_then(|()| self.check()).and_then(|()| match &launcher {
            None => self.in_process(&body),
            Some(launcher) => self.under(launcher, &body),
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
            *lock(&limit) = Some(cut_off(aborted.code));
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
    fn under(&self, launcher: &Launcher, body: &impl Fn(Comm) -> Result<()>) -> Result<u8> {
        use super::{Threads, fault, mpi, placement};
        use std::rc::Rc;
        let world = mpi::World::start()?;
        let transport = world.communicator();
        let size = transport.size();
        if let Err(error) = launcher.check(size).and_then(|()| self.check_size(launcher, size)) {
            drop(transport);
            world.finalize();
            return Err(error);
        }
        let threads = self.threads.unwrap_or_else(|| placement::default_threads(&*transport));
        let control = transport.split(0);
        let result = fault::catch(true, || body(Comm::new(transport, Rc::new(Threads::new(threads)))));
        let code = settle(&*control, result.map_err(Fault::of)).unwrap_or_else(|fault| {
            eprintln!("error: {}", Aborted { rank: control.rank(), code: fault.code, message: fault.message });
            super::ending::until_read(std::io::stderr());
            mpi::abort(fault.code)
        });
        // What a failed body left unfinished may keep MPI from ending.
        let _limit = (code != 0).then(|| cut_off(code.into()));
        drop(control);
        world.finalize();
        Ok(code)
    }

    #[cfg(not(feature = "mpi"))]
    fn under(&self, launcher: &Launcher, body: &(impl Fn(Comm) -> Result<()> + Sync)) -> Result<u8> {
        if launcher.size == Some(1) {
            return self.in_process(body);
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
