//! Messages straight from memory to memory.
use super::{Owned, count, null_request, pieces, test_all, wait_all};
use crate::comm::{Direct, Span};
use mpi::ffi::*;
use std::os::raw::{c_int, c_void};
use std::rc::Rc;

pub(super) struct MpiDirect {
    comm: Rc<Owned>,
    most: usize,
    tag: c_int,
    requests: Vec<MPI_Request>,
}

impl MpiDirect {
    /// With at most so many bytes in an MPI call.
    pub fn new(comm: &Rc<Owned>, most: usize, tag: c_int) -> MpiDirect {
        MpiDirect { comm: comm.clone(), most, tag, requests: vec![] }
    }

    /// Calls `start` for each piece of each span.
    fn each(&mut self, spans: &[Span], start: impl Fn(*mut c_void, c_int, c_int, &mut MPI_Request)) {
        for span in spans {
            for (first, n) in pieces(span.bytes, self.most) {
                let mut request = null_request();
                start(span.at.wrapping_add(first).cast(), count(n), span.peer as c_int, &mut request);
                self.requests.push(request);
            }
        }
    }
}

impl Direct for MpiDirect {
    unsafe fn start(&mut self, sends: &[Span], receives: &[Span]) {
        assert!(self.requests.is_empty(), "start() of messages that are under way");
        let (comm, tag) = (self.comm.0, self.tag);
        // SAFETY: a living communicator; `n` bytes of valid memory that is left alone until all is done, by the caller's promise.
        self.each(receives, |at, n, peer, request| unsafe {
            MPI_Irecv(at, n, RSMPI_UINT8_T, peer, tag, comm, request);
        });
        // SAFETY: as above.
        self.each(sends, |at, n, peer, request| unsafe {
            MPI_Isend(at, n, RSMPI_UINT8_T, peer, tag, comm, request);
        });
    }

    fn poll(&mut self) -> bool {
        test_all(&mut self.requests)
    }

    fn finish(&mut self) {
        wait_all(&mut self.requests);
        self.requests.clear();
    }
}
