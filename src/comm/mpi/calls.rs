//! Arguments of MPI calls.
use crate::comm::transport::Reduce;
use mpi::ffi::*;
use std::os::raw::{c_int, c_void};

/// Limits of message sizes in bytes, the same on all ranks.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// Maximum in one MPI call; longer messages are sent in pieces.
    pub call: usize,
    /// Maximum of a message that ranks of one node exchange through shared memory.
    pub window: usize,
}

impl Limits {
    /// The limits of this process. MPI counts in C ints. The environment can lower the limits, for tests and for MPI libraries
    /// that have problems with large messages or shared memory: `HALOCLINE_MPI_CHUNK`, `HALOCLINE_MPI_WINDOW` (0: none).
    pub fn from_environment() -> Limits {
        let variable = |name| std::env::var(name).ok().and_then(|bytes| bytes.parse::<usize>().ok());
        let call = variable("HALOCLINE_MPI_CHUNK").unwrap_or(1 << 30).clamp(1, c_int::MAX as usize);
        Limits { call, window: variable("HALOCLINE_MPI_WINDOW").unwrap_or(MAX_WINDOW_MESSAGE) }
    }
}

/// Longer messages within a node are left to MPI, which copies them once.
const MAX_WINDOW_MESSAGE: usize = 256 << 10;

/// The rank of this process in a valid communicator.
pub(super) fn rank(comm: MPI_Comm) -> usize {
    let mut rank = 0;
    // SAFETY: callers give a valid communicator; the result goes to a local variable.
    unsafe { MPI_Comm_rank(comm, &mut rank) };
    rank as usize
}

/// Converts a number of bytes or requests to a C int.
pub(super) fn count(n: usize) -> c_int {
    c_int::try_from(n).expect("messages are sent in pieces that a C int can count")
}

/// Address of bytes for MPI to read. The address of an empty slice may be 1 in Rust, which is Open MPI's `MPI_IN_PLACE`.
pub(super) fn address(bytes: &[u8]) -> *const c_void {
    if bytes.is_empty() { std::ptr::null() } else { bytes.as_ptr().cast() }
}

/// Cuts a message of `len` bytes into pieces of at most `most` bytes, each given as (start, length). An empty message has none.
pub(super) fn pieces(len: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..len).step_by(most).map(move |start| (start, most.min(len - start)))
}

/// A request that is none.
pub(super) fn null_request() -> MPI_Request {
    // SAFETY: a constant of the MPI library.
    unsafe { RSMPI_REQUEST_NULL }
}

/// Data type and operation of a reduction. The sum is one of unsigned numbers, which wraps in C too.
pub(super) fn operation(op: Reduce) -> (MPI_Datatype, MPI_Op) {
    // SAFETY: constants of the MPI library.
    unsafe {
        match op {
            Reduce::Sum => (RSMPI_UINT64_T, RSMPI_SUM),
            Reduce::Max => (RSMPI_INT64_T, RSMPI_MAX),
            Reduce::Min => (RSMPI_INT64_T, RSMPI_MIN),
        }
    }
}
