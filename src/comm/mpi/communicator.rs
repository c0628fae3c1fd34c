//! MPI communicators, and the handling of process failures.
//!
//! MPI returns its errors, and each call is checked. With an MPI library that has failure mitigation (ULFM), an error may mean
//! that another process has failed. Then this rank revokes all communicators, so that no rank waits for one that has left,
//! completes its requests, so that MPI no longer accesses its memory, and unwinds. The surviving ranks can then create a
//! communicator without the failed ones. Any other error ends the job.
use super::abort::abort_job;
use super::calls::rank;
use super::ulfm::Ulfm;
use crate::comm::failure::{Failure, ProcessFailed};
use mpi::ffi::*;
use std::cell::{Cell, RefCell};
use std::os::raw::{c_char, c_int};
use std::rc::{Rc, Weak};

/// Requests as the communicator sees them, to complete them after a process failure.
pub(super) type RequestList = RefCell<Vec<MPI_Request>>;

/// A set of communicators that are revoked together: those that were split from one another.
struct FaultDomain {
    /// The communicator from which the first one was split.
    origin: MPI_Comm,
    /// Failure mitigation, if the ranks survive process failures.
    ulfm: Option<Ulfm>,
    members: RefCell<Vec<Weak<Communicator>>>,
    requests: RefCell<Vec<Weak<RequestList>>>,
    /// True after a process failure, once MPI has completed all requests.
    revoked: Cell<bool>,
}

/// An MPI communicator, freed when dropped.
pub(super) struct Communicator {
    raw: MPI_Comm,
    domain: Rc<FaultDomain>,
}

impl Communicator {
    /// Creates a communicator of all ranks of `origin`, in its order. With `ulfm` they survive process failures. Collective.
    pub fn first(origin: MPI_Comm, ulfm: Option<Ulfm>) -> Rc<Communicator> {
        let (members, requests, revoked) = Default::default();
        let domain = FaultDomain { origin, ulfm, members, requests, revoked };
        FaultDomain::split(&Rc::new(domain), origin, 0, 0)
    }

    /// Creates a communicator of the ranks that give the same colour, in the order of their keys. Collective.
    pub fn split(&self, colour: c_int, key: c_int) -> Rc<Communicator> {
        FaultDomain::split(&self.domain, self.raw, colour, key)
    }

    /// The MPI handle, valid as long as this value exists.
    pub fn raw(&self) -> MPI_Comm {
        self.raw
    }

    /// True if the ranks survive process failures.
    pub fn survives(&self) -> bool {
        self.domain.ulfm.is_some()
    }

    /// True after a process failure; then no request is in progress.
    pub fn is_revoked(&self) -> bool {
        self.domain.revoked.get()
    }

    /// Checks the return code of an MPI call. Unwinds or ends the job on an error, unless this thread is unwinding already.
    pub fn check(&self, code: c_int) {
        self.domain.check(code);
    }

    /// Registers requests to be completed after a process failure.
    pub fn register(&self, requests: &Rc<RequestList>) {
        add(&self.domain.requests, requests);
    }
}

impl Drop for Communicator {
    fn drop(&mut self) {
        if may_free() {
            // SAFETY: made by MPI_Comm_split, freed once. Requests keep their communicator, so none is left.
            unsafe { MPI_Comm_free(&mut self.raw) };
        }
    }
}

impl FaultDomain {
    fn split(domain: &Rc<FaultDomain>, from: MPI_Comm, colour: c_int, key: c_int) -> Rc<Communicator> {
        let mut raw = from;
        // SAFETY: a valid communicator; the result goes to a local variable.
        domain.check(unsafe { MPI_Comm_split(from, colour, key, &mut raw) });
        let member = Rc::new(Communicator { raw, domain: domain.clone() });
        add(&domain.members, &member);
        member
    }

    fn check(&self, code: c_int) {
        // A thread that is unwinding has a reason already, and is dropping its values.
        if code != MPI_SUCCESS as c_int && !std::thread::panicking() {
            self.fail(code)
        }
    }

    #[cold]
    fn fail(&self, code: c_int) -> ! {
        let members: Vec<Rc<Communicator>> = self.members.borrow().iter().filter_map(Weak::upgrade).collect();
        let all = || members.iter().map(|member| member.raw);
        let process_failed = |ulfm: &&Ulfm| all().chain([self.origin]).any(|comm| ulfm.has_failed_processes(comm));
        let Some(ulfm) = self.ulfm.as_ref().filter(process_failed) else {
            // At once: unwinding would free memory to which MPI may still write.
            abort_job(rank(self.origin), Failure { code: 1, message: format!("MPI: {}", explain(code)) })
        };
        all().chain([self.origin]).for_each(|comm| ulfm.revoke(comm));
        for list in self.requests.borrow().iter().filter_map(Weak::upgrade) {
            // One by one: MPI_Waitall may return at the first error, with other requests incomplete.
            for request in list.borrow_mut().iter_mut() {
                // SAFETY: a valid or null request; on a revoked communicator it completes.
                unsafe { MPI_Wait(request, RSMPI_STATUS_IGNORE) };
            }
        }
        self.revoked.set(true);
        ProcessFailed::unwind()
    }
}

/// True if MPI objects of this rank may be freed: not after MPI_Finalize, and not while this thread unwinds, since the other
/// ranks may be in any call.
pub(super) fn may_free() -> bool {
    !std::thread::panicking() && !mpi::environment::is_finalized()
}

/// Adds a value to a list, and removes those that have been dropped.
fn add<T>(list: &RefCell<Vec<Weak<T>>>, one: &Rc<T>) {
    let mut list = list.borrow_mut();
    list.retain(|other| other.strong_count() > 0);
    list.push(Rc::downgrade(one));
}

/// The text of an MPI error.
fn explain(code: c_int) -> String {
    let mut text = [0u8; MPI_MAX_ERROR_STRING as usize + 1];
    let mut len = 0;
    // SAFETY: the buffer has the maximum length that MPI writes.
    unsafe { MPI_Error_string(code, text.as_mut_ptr().cast::<c_char>(), &mut len) };
    String::from_utf8_lossy(&text[..len as usize]).into_owned()
}
