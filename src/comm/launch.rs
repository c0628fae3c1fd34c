//! Where ranks come from, and how they end together.
//!
//! Ranks whose work is over, well or not, vote. If all have voted, the lowest rank with the gravest outcome speaks and all leave in
//! good order. A rank that has failed waits only shortly for the others, which may be waiting for it: then it speaks, and ends the job.
use super::fault::{self, Fault};
use super::local::ranks_watched;
use super::{Aborted, Comm, Reduce, Transport, placement};
use crate::error::Kind;
use crate::signals::{self, Signal};
use crate::{Error, Result};
use std::io::Write;
use std::time::{Duration, Instant};

/// How long a rank that failed waits for the others to end, too, before it ends them.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a job that failed may take to end in good order before it is cut off.
const GRACE: Duration = Duration::from_secs(3);

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
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
        let threads = self.threads.unwrap_or((cores / size).max(1));
        let on_failure = |aborted: &Aborted| {
            eprintln!("error: {aborted}");
            // Ranks that compute learn of it at their next message: too late, perhaps.
            cut_off(aborted.code);
        };
        let codes = ranks_watched(size, threads, on_failure, |comm| {
            let control = comm.split(0);
            settle(&*control, body(comm)).unwrap_or_else(|fault| Fault::raise(fault.code, fault.message))
        });
        Ok(match codes {
            Ok(codes) => codes[0],
            Err(aborted) => exit_code(aborted.code),
        })
    }

    #[cfg(feature = "mpi")]
    fn under(&self, launcher: &Launcher, body: &impl Fn(Comm) -> Result<()>) -> Result<u8> {
        use std::rc::Rc;
        let world = super::mpi::World::start()?;
        let transport = world.communicator();
        if let Err(error) = launcher.check(transport.size()).and_then(|()| self.check_size(launcher, transport.size()))
        {
            drop(transport);
            world.finalize();
            return Err(error);
        }
        let threads = self.threads.unwrap_or_else(|| placement::default_threads(&*transport));
        let control = transport.split(0);
        let result = fault::catch(true, || body(Comm::new(transport, Rc::new(super::Threads::new(threads)))));
        let settled = match result {
            Ok(result) => settle(&*control, result),
            Err(payload) => settle_fault(&*control, Fault::of(payload)),
        };
        let code = settled.unwrap_or_else(|fault| {
            eprintln!("error: {}", aborted(control.rank(), fault.clone()));
            super::mpi::abort(fault.code)
        });
        if code != 0 {
            // What a failed body left unfinished may keep MPI from ending.
            cut_off(code.into());
        }
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

/// The program that started this process as one of several, as its environment shows.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Launcher {
    name: &'static str,
    /// Number of ranks that it says it started.
    size: Option<usize>,
    /// This rank, by its count.
    rank: Option<usize>,
}

impl Launcher {
    fn find(variable: impl Fn(&str) -> Option<String>) -> Option<Launcher> {
        let number = |name: &str| variable(name)?.trim().parse::<usize>().ok();
        // Inner launchers come first: an mpirun inside a batch job sees the variables of both.
        let sized = [
            ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "mpirun (Open MPI)"),
            ("MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK", "mpirun (MVAPICH)"),
            ("PMI_SIZE", "PMI_RANK", "mpiexec (PMI)"),
            ("JSM_NAMESPACE_SIZE", "JSM_NAMESPACE_RANK", "jsrun"),
            ("FLUX_JOB_SIZE", "FLUX_TASK_RANK", "flux run"),
        ];
        for (size, rank, name) in sized {
            if let Some(size) = number(size) {
                return Some(Launcher { name, size: Some(size), rank: number(rank) });
            }
        }
        let pmix = variable("PMIX_RANK").is_some();
        if variable("SLURM_STEP_ID").is_some() && variable("SLURM_PROCID").is_some() {
            let size = number("SLURM_STEP_NUM_TASKS").or_else(|| number("SLURM_NTASKS"));
            // A step of one task without MPI may be an interactive shell: like no launcher.
            let launched = pmix || size.is_none_or(|size| size > 1);
            return launched.then(|| Launcher { name: "srun", size, rank: number("SLURM_PROCID") });
        }
        let unsized_launchers = [
            ("PMIX_RANK", "the launcher (PMIx)"),
            ("PALS_RANKID", "mpiexec (PALS)"),
            ("ALPS_APP_PE", "aprun"),
            ("MPI_LOCALRANKID", "mpiexec (Hydra)"),
            ("MPI_LOCALNRANKS", "mpiexec (Hydra)"),
        ];
        let found = unsized_launchers.into_iter().find(|(rank, _)| variable(rank).is_some());
        found.map(|(rank, name)| Launcher {
            name,
            size: None,
            rank: if rank.contains("LOCAL") { None } else { number(rank) },
        })
    }

    /// A launcher of another MPI than the one in this program starts as many worlds of one rank.
    #[cfg_attr(not(feature = "mpi"), allow(dead_code))]
    fn check(&self, world: usize) -> Result<()> {
        match self.size {
            Some(size) if size != world => {
                let what = format!("{} started {size} ranks, but MPI sees {world}", self.name);
                let remedy = if self.name == "srun" {
                    "srun does not speak to this program's MPI: try srun --mpi=pmix (Open MPI) or --mpi=pmi2 (MPICH); \
                     `srun --mpi=list` shows what there is"
                } else {
                    "the launcher belongs to another MPI than this program: start it with the mpirun of the MPI that it was \
                     built with (load the same module)"
                };
                Err(Error::input(what).remedy(remedy))
            }
            _ => Ok(()),
        }
    }
}

/// What a rank says when its work is over.
struct Ballot {
    class: Class,
    code: u8,
    text: String,
}

/// The gravest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Failed,
    Stopped,
    Done,
}

/// Votes on how the job ended. Every rank gets the exit code, and one has printed why. The error is this rank's own, and
/// that of the whole job, since the others are not over yet: the caller prints it and ends all ranks.
fn settle(control: &dyn Transport, result: Result<()>) -> Result<u8, Fault> {
    let (class, code, text) = match &result {
        Ok(()) => (Class::Done, 0, String::new()),
        Err(e) if e.kind() == Kind::Stopped => (Class::Stopped, e.exit_code(), e.to_string()),
        Err(e) => (Class::Failed, e.exit_code(), e.to_string()),
    };
    vote(control, Ballot { class, code, text }, |alike, ballot, rank| match &result {
        Err(error) if alike => report(error),
        _ => eprintln!("error: {}", aborted(rank, Fault { code: ballot.code.into(), message: ballot.text.clone() })),
    })
}

/// The same for a rank that panicked.
#[cfg_attr(not(feature = "mpi"), allow(dead_code))]
fn settle_fault(control: &dyn Transport, fault: Fault) -> Result<u8, Fault> {
    let ballot = Ballot { class: Class::Failed, code: exit_code(fault.code), text: fault.message.clone() };
    vote(control, ballot, |_, _, rank| eprintln!("error: {}", aborted(rank, fault.clone())))
}

fn vote(control: &dyn Transport, ballot: Ballot, speak: impl FnOnce(bool, &Ballot, usize)) -> Result<u8, Fault> {
    let (rank, size) = (control.rank(), control.size());
    // Half of the hash's bits, so that its negative is a number, too.
    let hash = (xxhash_rust::xxh3::xxh3_64(ballot.text.as_bytes()) >> 1) as i64;
    let key = (ballot.class as i64) << 56 | (rank as i64) << 8 | ballot.code as i64;
    let mut pending = control.begin_reduce(Reduce::Min, vec![key, hash, -hash]);
    // Several may fail, far apart: the lowest speaks first, and then the others are ended.
    let patience = PATIENCE + PATIENCE.mul_f64(rank as f64 / size as f64);
    let (start, told_to_end) = (Instant::now(), signals::pending() == Some(Signal::Terminate));
    let mut pause = Duration::from_micros(20);
    while !pending.poll() {
        if ballot.class == Class::Failed {
            if start.elapsed() > patience {
                return Err(Fault { code: ballot.code.into(), message: ballot.text });
            }
            if control.kind() == "MPI" && !told_to_end && signals::pending() == Some(Signal::Terminate) {
                // Another rank has spoken, and the launcher ends us all.
                signal_hook::low_level::exit(ballot.code.into());
            }
        }
        std::thread::sleep(pause);
        pause = (2 * pause).min(Duration::from_millis(5));
    }
    let result = pending.finish();
    let (gravest, speaker, code) = (result[0] >> 56, (result[0] >> 8) as usize & 0xffff_ffff, result[0] as u8);
    if gravest != Class::Done as i64 && speaker == rank {
        speak(result[1] == -result[2], &ballot, rank);
    }
    Ok(code)
}

fn aborted(rank: usize, fault: Fault) -> Aborted {
    Aborted { rank, code: fault.code, message: fault.message }
}

fn report(error: &Error) {
    match error.kind() {
        Kind::Stopped => eprintln!("{error}"),
        _ => eprintln!("error: {error}"),
    }
}

/// The exit code of a process, of which the system keeps 8 bits: a failure never looks like success.
fn exit_code(code: i32) -> u8 {
    u8::try_from(code).ok().filter(|code| *code != 0).unwrap_or(1)
}

/// Ends the process in a while, whatever its threads do then.
fn cut_off(code: i32) {
    std::thread::spawn(move || {
        std::thread::sleep(GRACE);
        signal_hook::low_level::exit(exit_code(code).into());
    });
}
