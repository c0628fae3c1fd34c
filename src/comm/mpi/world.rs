//! Initialising and finalising MPI.
use super::calls::{Limits, rank};
use super::communicator::Communicator;
use super::transport::MpiTransport;
use super::ulfm::Ulfm;
use crate::base::{Error, Result};
use crate::comm::transport::Transport;
use mpi::Threading;
use mpi::environment::Universe;
use mpi::ffi::*;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::rc::Rc;

/// Initialised MPI. It stays on the thread that initialised it. Dropping it does not finalise MPI: a rank that unwinds must not
/// wait for the others in MPI_Finalize.
pub(in crate::comm) struct World {
    universe: ManuallyDrop<Universe>,
    limits: Limits,
    /// All ranks that have not failed, as far as is known.
    ranks: MPI_Comm,
    /// Failure mitigation, if the library and the launcher have it.
    ulfm: Option<Ulfm>,
    /// MPI's handles are integers in some libraries: this field is what makes the type `!Send`.
    _not_send: PhantomData<*const ()>,
}

impl World {
    /// Initialises MPI. Collective over all processes of the launch.
    ///
    /// # Errors
    /// If MPI was initialised before, or does not support processes with several threads.
    pub fn start() -> Result<World> {
        let (universe, threading) = mpi::initialize_with_threading(Threading::Funneled)
            .ok_or_else(|| Error::failure("MPI was initialised before halocline, which has to initialise it itself"))?;
        if threading < Threading::Funneled {
            return Err(Error::failure("this MPI library does not support processes with several threads").remedy(
                "it provides less than MPI_THREAD_FUNNELED; load an MPI module that was built with thread support",
            ));
        }
        // SAFETY: MPI is initialised; constants of the library. New communicators inherit the error handler.
        let ranks = unsafe {
            MPI_Comm_set_errhandler(RSMPI_COMM_SELF, RSMPI_ERRORS_RETURN);
            MPI_Comm_set_errhandler(RSMPI_COMM_WORLD, RSMPI_ERRORS_RETURN);
            RSMPI_COMM_WORLD
        };
        let universe = ManuallyDrop::new(universe);
        Ok(World { universe, limits: Limits::from_environment(), ranks, ulfm: Ulfm::find(), _not_send: PhantomData })
    }

    /// True if ranks can survive process failures.
    pub fn can_survive(&self) -> bool {
        self.ulfm.is_some()
    }

    /// Creates a communicator of all ranks. With `survive`, and if they can, the ranks unwind with
    /// [`ProcessFailed`](crate::comm::failure::ProcessFailed) when one of them fails. Collective.
    pub fn communicator(&self, survive: bool) -> Rc<dyn Transport> {
        let ulfm = self.ulfm.filter(|_| survive);
        Rc::new(MpiTransport::new(Communicator::first(self.ranks, ulfm), self.limits))
    }

    /// This rank among those that have not failed.
    pub fn rank(&self) -> usize {
        rank(self.ranks)
    }

    /// Removes the ranks that have failed. Collective over the surviving ranks.
    pub fn shrink(&mut self) {
        self.ranks = self.ulfm.map_or(self.ranks, |ulfm| ulfm.shrink(self.ranks));
    }

    /// Finalises MPI, for a clean exit. Collective.
    pub fn finalize(self) {
        drop(ManuallyDrop::into_inner(self.universe));
    }
}
