//! Communicators of our own, and what becomes of them when a rank dies.
//!
//! MPI's errors are returned, and each call is checked. Where the MPI library has failure mitigation, an error may mean that a rank
//! has died. Then this rank revokes all communicators, so that nobody waits in vain, brings its messages to their end, so that
//! memory is its own again, and unwinds; those that are left can then make a communicator without the dead. Any other error ends the
//! job.
use super::mitigation::Mitigation;
use super::rank;
use super::requests::List;
use crate::comm::ending::give_up;
use crate::comm::fault::{Fault, Lost};
use mpi::ffi::*;
use std::cell::{Cell, RefCell};
use std::os::raw::{c_char, c_int};
use std::rc::{Rc, Weak};

/// What communicators that were split from one another have in common.
struct Family {
    /// What the first was split from.
    origin: MPI_Comm,
    /// How they survive each other, if they do.
    mitigation: Option<Mitigation>,
    members: RefCell<Vec<Weak<Communicator>>>,
    requests: RefCell<Vec<Weak<List>>>,
    /// True once a rank has died, and MPI touches no memory any more that was given to it here.
    over: Cell<bool>,
}

/// An MPI communicator, freed when dropped.
pub(super) struct Communicator {
    raw: MPI_Comm,
    family: Rc<Family>,
}

impl Communicator {
    /// The first of a family: all ranks of `origin`, in its order. With `mitigation` they go on without those that die. Collective.
    pub fn first(origin: MPI_Comm, mitigation: Option<Mitigation>) -> Rc<Communicator> {
        let (members, requests, over) = Default::default();
        let family = Family { origin, mitigation, members, requests, over };
        Family::split(&Rc::new(family), origin, 0, 0)
    }

    /// A communicator of the ranks that give the same colour, in the order of their keys. Collective.
    pub fn split(&self, colour: c_int, key: c_int) -> Rc<Communicator> {
        Family::split(&self.family, self.raw, colour, key)
    }

    pub fn raw(&self) -> MPI_Comm {
        self.raw
    }

    /// True if ranks go on without those that die.
    pub fn survives(&self) -> bool {
        self.family.mitigation.is_some()
    }

    /// True if a rank has died, so that nothing is under way any more.
    pub fn is_over(&self) -> bool {
        self.family.over.get()
    }

    /// Looks at what an MPI call has returned. Unwinds if it is an error.
    pub fn check(&self, code: c_int) {
        self.family.check(code);
    }

    /// Requests that are brought to their end should a rank die.
    pub fn watch(&self, requests: &Rc<List>) {
        add(&self.family.requests, requests);
    }
}

impl Drop for Communicator {
    fn drop(&mut self) {
        if may_free() {
            // SAFETY: made by MPI_Comm_split, freed once. Requests on it hold it, so none is left.
            unsafe { MPI_Comm_free(&mut self.raw) };
        }
    }
}

impl Family {
    fn split(family: &Rc<Family>, from: MPI_Comm, colour: c_int, key: c_int) -> Rc<Communicator> {
        let mut raw = from;
        // SAFETY: a living communicator; the result goes to a local variable.
        family.check(unsafe { MPI_Comm_split(from, colour, key, &mut raw) });
        let member = Rc::new(Communicator { raw, family: family.clone() });
        add(&family.members, &member);
        member
    }

    fn check(&self, code: c_int) {
        // One that unwinds already has its reason, and drops what it had.
        if code != MPI_SUCCESS as c_int && !std::thread::panicking() {
            self.fail(code)
        }
    }

    #[cold]
    fn fail(&self, code: c_int) -> ! {
        let members: Vec<Rc<Communicator>> = self.members.borrow().iter().filter_map(Weak::upgrade).collect();
        let all = || members.iter().map(|member| member.raw);
        let lost = |mitigation: &&Mitigation| all().chain([self.origin]).any(|comm| mitigation.has_lost(comm));
        let Some(mitigation) = self.mitigation.as_ref().filter(lost) else {
            // Here and now: MPI may still write to memory that would be given back on the way out.
            give_up(rank(self.origin), Fault { code: 1, message: format!("MPI: {}", explain(code)) })
        };
        all().chain([self.origin]).for_each(|comm| mitigation.revoke(comm));
        for list in self.requests.borrow().iter().filter_map(Weak::upgrade) {
            // One by one: of several, MPI may return with the first error.
            for request in list.borrow_mut().iter_mut() {
                // SAFETY: a living request or none; on a revoked communicator it comes to its end.
                unsafe { MPI_Wait(request, RSMPI_STATUS_IGNORE) };
            }
        }
        self.over.set(true);
        Lost::go_on_without()
    }
}

/// Whether MPI objects of this rank may still be freed: not after the end of MPI, and not on the way out of a failure, where the
/// others may be anywhere.
pub(super) fn may_free() -> bool {
    !std::thread::panicking() && !mpi::environment::is_finalized()
}

/// Adds one to a list of those that live.
fn add<T>(list: &RefCell<Vec<Weak<T>>>, one: &Rc<T>) {
    let mut list = list.borrow_mut();
    list.retain(|other| other.strong_count() > 0);
    list.push(Rc::downgrade(one));
}

fn explain(code: c_int) -> String {
    let mut text = [0u8; MPI_MAX_ERROR_STRING as usize + 1];
    let mut len = 0;
    // SAFETY: room for as much as MPI ever writes.
    unsafe { MPI_Error_string(code, text.as_mut_ptr().cast::<c_char>(), &mut len) };
    String::from_utf8_lossy(&text[..len as usize]).into_owned()
}
