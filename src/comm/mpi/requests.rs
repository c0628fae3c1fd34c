//! Messages and reductions under way.
use super::communicator::{Communicator, may_free};
use super::{count, null_request};
use mpi::ffi::*;
use std::cell::RefCell;
use std::os::raw::c_int;
use std::rc::Rc;

/// The requests of a [`Requests`], as its communicator sees them.
pub(super) type List = RefCell<Vec<MPI_Request>>;

/// Requests that have one owner, who keeps their buffers for as long as they are under way.
pub(super) struct Requests {
    comm: Rc<Communicator>,
    list: Rc<List>,
}

impl Requests {
    /// None as yet.
    pub fn new(comm: &Rc<Communicator>) -> Requests {
        let list = Rc::<List>::default();
        comm.watch(&list);
        Requests { comm: comm.clone(), list }
    }

    pub fn is_empty(&self) -> bool {
        self.list.borrow().is_empty()
    }

    /// True if MPI may touch their memory while they are under way: not once a rank has died.
    pub fn may_go_on(&self) -> bool {
        !self.comm.is_over()
    }

    /// One more, which `start` makes on the communicator: it returns what MPI returned.
    pub fn add(&self, start: impl FnOnce(MPI_Comm, &mut MPI_Request) -> c_int) {
        let mut request = null_request();
        let code = start(self.comm.raw(), &mut request);
        self.list.borrow_mut().push(request);
        self.comm.check(code);
    }

    /// Starts all, which are persistent.
    ///
    /// # Safety
    /// Until they are done, nobody touches what they receive or writes to what they send.
    pub unsafe fn start(&self) {
        let code = {
            let mut list = self.list.borrow_mut();
            // SAFETY: requests that live; the rest is the caller's promise.
            unsafe { MPI_Startall(count(list.len()), list.as_mut_ptr()) }
        };
        self.comm.check(code);
    }

    /// Waits for all.
    pub fn wait(&self) {
        let code = {
            let mut list = self.list.borrow_mut();
            // SAFETY: requests that live, or none.
            unsafe { MPI_Waitall(count(list.len()), list.as_mut_ptr(), RSMPI_STATUSES_IGNORE) }
        };
        self.comm.check(code);
    }

    /// True if all are done.
    pub fn test(&self) -> bool {
        let mut done = 0;
        let code = {
            let mut list = self.list.borrow_mut();
            // SAFETY: requests that live, or none; the result goes to a local variable.
            unsafe { MPI_Testall(count(list.len()), list.as_mut_ptr(), &mut done, RSMPI_STATUSES_IGNORE) }
        };
        self.comm.check(code);
        done != 0
    }

    /// Forgets all, which are done.
    pub fn clear(&self) {
        self.list.borrow_mut().clear();
    }

    /// Frees all, which are persistent and not under way.
    pub fn free(&self) {
        if may_free() {
            for request in self.list.borrow_mut().iter_mut() {
                // SAFETY: an inactive persistent request, freed once, since it becomes none.
                unsafe { MPI_Request_free(request) };
            }
        }
        self.clear();
    }
}
