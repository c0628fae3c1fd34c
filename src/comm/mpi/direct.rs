//! Messages straight from memory to memory.
use super::communicator::Communicator;
use super::requests::Requests;
use super::{count, pieces};
use crate::comm::{Direct, Span};
use mpi::ffi::*;
use std::os::raw::{c_int, c_void};
use std::rc::Rc;

pub(super) struct MpiDirect {
    most: usize,
    tag: c_int,
    requests: Requests,
}

impl MpiDirect {
    /// With at most so many bytes in an MPI call.
    pub fn new(comm: &Rc<Communicator>, most: usize, tag: c_int) -> MpiDirect {
        MpiDirect { most, tag, requests: Requests::new(comm) }
    }

    /// Calls `start` for each piece of each span.
    fn each(&self, spans: &[Span], start: impl Fn(*mut c_void, c_int, c_int, MPI_Comm, &mut MPI_Request) -> c_int) {
        for span in spans {
            for (first, n) in pieces(span.bytes, self.most) {
                let at = span.at.wrapping_add(first).cast();
                self.requests.add(|comm, request| start(at, count(n), span.peer as c_int, comm, request));
            }
        }
    }
}

impl Direct for MpiDirect {
    unsafe fn start(&mut self, sends: &[Span], receives: &[Span]) {
        assert!(self.requests.is_empty(), "start() of messages that are under way");
        let tag = self.tag;
        // SAFETY: a living communicator; `n` bytes of valid memory that is left alone until all is done, by the caller's promise.
        self.each(receives, |at, n, peer, comm, request| unsafe {
            MPI_Irecv(at, n, RSMPI_UINT8_T, peer, tag, comm, request)
        });
        // SAFETY: as above.
        self.each(sends, |at, n, peer, comm, request| unsafe {
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
