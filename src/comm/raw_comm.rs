//! The MPI communicator as other libraries see it.
#[cfg(feature = "mpi")]
use {::mpi::ffi::MPI_Comm, std::any::Any, std::rc::Rc};

/// An MPI communicator for other libraries (parallel HDF5). It is opaque, and keeps the communicator allocated: safe code can
/// neither invent one nor outlive it.
#[cfg(feature = "mpi")]
#[derive(Clone)]
pub struct RawComm {
    handle: MPI_Comm,
    _owner: Rc<dyn Any>,
}

#[cfg(feature = "mpi")]
impl RawComm {
    /// A communicator that is not freed before `owner` is dropped.
    pub(super) fn new(handle: MPI_Comm, owner: Rc<dyn Any>) -> RawComm {
        RawComm { handle, _owner: owner }
    }

    /// The MPI handle, valid as long as this value exists.
    pub fn handle(&self) -> MPI_Comm {
        self.handle
    }
}

/// Without MPI there is no raw communicator: this type has no values.
#[cfg(not(feature = "mpi"))]
#[derive(Clone)]
pub enum RawComm {}
