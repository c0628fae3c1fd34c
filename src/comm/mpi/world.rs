//! The beginning and the end of MPI.
use super::communicator::Communicator;
use super::mitigation::Mitigation;
use super::{Limits, Mpi, Transport, rank};
use crate::base::{Error, Result};
use mpi::Threading;
use mpi::environment::Universe;
use mpi::ffi::*;
use std::mem::ManuallyDrop;
use std::rc::Rc;

/// MPI, started. Dropping it does not end MPI: a rank that unwinds must not wait there for the others.
pub(in super::super) struct World {
    universe: ManuallyDrop<Universe>,
    limits: Limits,
    /// All ranks that live, as far as is known.
    ranks: MPI_Comm,
    /// How they survive each other, if they can.
    mitigation: Option<Mitigation>,
}

impl World {
    /// Starts MPI. Collective over all processes of the launch.
    pub fn start() -> Result<World> {
        let (universe, threading) = mpi::initialize_with_threading(Threading::Funneled)
            .ok_or_else(|| Error::failure("MPI was started before halocline, which needs to start it itself"))?;
        if threading < Threading::Funneled {
            return Err(Error::failure("this MPI library cannot serve a process with several threads")
                .remedy("it grants less than MPI_THREAD_FUNNELED; load an MPI module that was built with threads"));
        }
        // SAFETY: MPI is initialised; constants of the library. Communicators inherit the handler.
        let ranks = unsafe {
            MPI_Comm_set_errhandler(RSMPI_COMM_SELF, RSMPI_ERRORS_RETURN);
            MPI_Comm_set_errhandler(RSMPI_COMM_WORLD, RSMPI_ERRORS_RETURN);
            RSMPI_COMM_WORLD
        };
        let universe = ManuallyDrop::new(universe);
        Ok(World { universe, limits: Limits::here(), ranks, mitigation: Mitigation::find() })
    }

    /// True if ranks can go on without those that die.
    pub fn can_survive(&self) -> bool {
        self.mitigation.is_some()
    }

    /// A communicator of all ranks, with messages of its own. If they are to `survive` and can, they unwind with
    /// [`Lost`](crate::comm::fault::Lost) where one of them dies. Collective.
    pub fn communicator(&self, survive: bool) -> Rc<dyn Transport> {
        let mitigation = self.mitigation.filter(|_| survive);
        Rc::new(Mpi::new(Communicator::first(self.ranks, mitigation), self.limits))
    }

    /// This rank among those that live.
    pub fn rank(&self) -> usize {
        rank(self.ranks)
    }

    /// From now on, those ranks that live are all. Collective over them.
    pub fn bury_the_dead(&mut self) {
        self.ranks = self.mitigation.map_or(self.ranks, |mitigation| mitigation.shrink(self.ranks));
    }

    /// Ends MPI on a clean exit. Collective.
    pub fn finalize(self) {
        drop(ManuallyDrop::into_inner(self.universe));
    }
}

/// Ends all processes of the launch.
pub(in super::super) fn abort(code: i32) -> ! {
    // SAFETY: MPI is initialised, since ranks of it exist; the world is valid.
    unsafe { MPI_Abort(RSMPI_COMM_WORLD, code) };
    signal_hook::low_level::exit(code)
}
