//! MPI requests.
use super::abort::abort_job;
use super::calls::{count, null_request, rank};
use super::communicator::{Communicator, RequestList, may_free};
use crate::comm::failure::Failure;
use crate::comm::in_flight::Operations;
use mpi::ffi::*;
use std::cell::Cell;
use std::os::raw::c_int;
use std::rc::Rc;

/// Requests of one communicator, started and completed together. Their owner keeps the memory that they access, usually in an
/// [`InFlight`](crate::comm::in_flight::InFlight).
pub(super) struct Requests {
    comm: Rc<Communicator>,
    list: Rc<RequestList>,
    /// True from the start of a request until all are known to be complete.
    active: Cell<bool>,
}

impl Operations for Requests {
    fn may_access_memory(&self) -> bool {
        // After a process failure, all requests have been completed.
        self.active.get() && !self.comm.is_revoked()
    }
}

impl Requests {
    /// An empty list.
    pub fn new(comm: &Rc<Communicator>) -> Requests {
        let list = Rc::<RequestList>::default();
        comm.register(&list);
        Requests { comm: comm.clone(), list, active: Cell::new(false) }
    }

    pub fn is_empty(&self) -> bool {
        self.list.borrow().is_empty()
    }

    /// Adds a request and starts it: `start` calls MPI with the communicator and the place of the request, and returns MPI's
    /// return code.
    pub fn add(&self, start: impl FnOnce(MPI_Comm, &mut MPI_Request) -> c_int) {
        self.active.set(true);
        self.add_persistent(start);
    }

    /// Adds a persistent request without starting it: `init` is called like the argument of [`Requests::add`].
    pub fn add_persistent(&self, init: impl FnOnce(MPI_Comm, &mut MPI_Request) -> c_int) {
        let mut request = null_request();
        let code = init(self.comm.raw(), &mut request);
        self.list.borrow_mut().push(request);
        self.comm.check(code);
    }

    /// Starts all requests, which are persistent.
    ///
    /// # Safety
    /// Until the requests are complete, their memory stays allocated, nothing accesses the memory to be received, and nothing
    /// writes to the memory to be sent.
    pub unsafe fn start(&self) {
        self.active.set(true);
        let code = {
            let mut list = self.list.borrow_mut();
            // SAFETY: valid requests; the rest is the caller's promise.
            unsafe { MPI_Startall(count(list.len()), list.as_mut_ptr()) }
        };
        self.comm.check(code);
    }

    /// Waits until all requests are complete.
    pub fn wait(&self) {
        let code = {
            let mut list = self.list.borrow_mut();
            // SAFETY: valid requests, or null requests.
            unsafe { MPI_Waitall(count(list.len()), list.as_mut_ptr(), RSMPI_STATUSES_IGNORE) }
        };
        self.comm.check(code);
        if code != MPI_SUCCESS as c_int {
            // This thread is unwinding already, and the caller relies on completion.
            let message = "MPI: messages failed while another failure was handled".into();
            abort_job(rank(self.comm.raw()), Failure { code: 1, message })
        }
        self.active.set(false);
    }

    /// Returns true if all requests are complete. Does not wait.
    pub fn test(&self) -> bool {
        let mut done = 0;
        let code = {
            let mut list = self.list.borrow_mut();
            // SAFETY: valid requests, or null requests; the result goes to a local variable.
            unsafe { MPI_Testall(count(list.len()), list.as_mut_ptr(), &mut done, RSMPI_STATUSES_IGNORE) }
        };
        self.comm.check(code);
        let done = done != 0 && code == MPI_SUCCESS as c_int;
        if done {
            self.active.set(false);
        }
        done
    }

    /// Removes all requests, which are complete.
    pub fn clear(&self) {
        self.list.borrow_mut().clear();
    }

    /// Frees and removes all requests, which are persistent and complete.
    pub fn free(&self) {
        if may_free() {
            for request in self.list.borrow_mut().iter_mut() {
                // SAFETY: an inactive persistent request; MPI sets it to a null request, so it is freed once.
                unsafe { MPI_Request_free(request) };
            }
        }
        self.clear();
    }
}
