//! Messages without buffers.
use super::calls::{count, pieces};
use super::communicator::Communicator;
use super::requests::Requests;
use crate::comm::transport::{Direct, RawMessage};
use mpi::ffi::*;
use std::os::raw::{c_int, c_void};
use std::rc::Rc;

pub(super) struct MpiDirect {
    /// Maximum number of bytes in one MPI call.
    max_bytes: usize,
    tag: c_int,
    requests: Requests,
}

impl MpiDirect {
    pub fn new(comm: &Rc<Communicator>, max_bytes: usize, tag: c_int) -> MpiDirect {
        MpiDirect { max_bytes, tag, requests: Requests::new(comm) }
    }

    /// Calls `start` for each piece of each message.
    fn for_each_piece(
        &self,
        messages: &[RawMessage],
        start: impl Fn(*mut c_void, c_int, c_int, MPI_Comm, &mut MPI_Request) -> c_int,
    ) {
        for message in messages {
            for (first, n) in pieces(message.bytes, self.max_bytes) {
                let at = message.at.wrapping_add(first).cast();
                self.requests.add(|comm, request| start(at, count(n), message.peer as c_int, comm, request));
            }
        }
    }
}

// SAFETY: MPI accesses only the pieces of the messages, until their requests are complete. `test` and `wait` report completion
// only if MPI does; where another process has failed, the communicator completes all requests before it unwinds.
unsafe impl Direct for MpiDirect {
    unsafe fn start(&mut self, sends: &[RawMessage], receives: &[RawMessage]) {
        assert!(self.requests.is_empty(), "start() of messages in progress");
        let tag = self.tag;
        // SAFETY: a valid communicator; the caller promises `n` bytes of valid memory, not accessed until MPI has finished.
        self.for_each_piece(receives, |at, n, peer, comm, request| unsafe {
            MPI_Irecv(at, n, RSMPI_UINT8_T, peer, tag, comm, request)
        });
        // SAFETY: as above; this memory is not written to.
        self.for_each_piece(sends, |at, n, peer, comm, request| unsafe {
            MPI_Isend(at, n, RSMPI_UINT8_T, peer, tag, comm, request)
        });
    }

    fn poll(&mut self) -> bool {
        self.requests.test()
    }

    fn finish(&mut self) {
        self.requests.wait();
        self.requests.clear();
    }
}
