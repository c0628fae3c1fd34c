//! Ranks and messages. The transport is a small trait; MPI is one implementation, ranks that are threads of one process
//! the other, and nothing above this room can tell which it runs on.
//!
//! *Architecture invariant:* only `comm/mpi` names MPI. Nothing names the world: whoever needs a communicator is given one.
mod buffer;
mod ending;
mod fault;
mod launch;
mod launcher;
mod local;
mod mailbox;
#[cfg(feature = "mpi")]
mod mpi;
mod placement;
mod selftest;
mod threads;
#[cfg(any(feature = "mpi", test))]
mod window;

pub(crate) use fault::{now_in, now_outside};
pub use launch::Launch;
pub use launcher::launched;
pub use local::ranks;
pub use mailbox::Aborted;
pub use placement::{default_threads, node, thread_warning};
#[doc(hidden)]
pub use selftest::selftest;
pub use threads::Threads;

use crate::base::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::Cell;
use std::rc::Rc;

/// How integers of all ranks are combined. Integers only: a floating sum would depend on the number of ranks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduce {
    /// Wrapping sum.
    Sum,
    /// Largest.
    Max,
    /// Smallest.
    Min,
}

/// The raw MPI communicator, for parallel HDF5 alone.
#[cfg(feature = "mpi")]
pub type RawComm = ::mpi::ffi::MPI_Comm;
/// Without MPI there is no raw communicator.
#[cfg(not(feature = "mpi"))]
pub type RawComm = std::convert::Infallible;

/// What a rank can do with other ranks. Messages are bytes.
///
/// All methods but the accessors, [`Transport::link`], [`Transport::direct`] and [`Transport::abort`] are collective: every rank of
/// the communicator calls them in the same order. All are called by the rank's own thread. A failure of the transport itself ends the job;
/// where ranks survive others ([`Launch::survive`]), the death of one unwinds the others from whichever call they are in.
pub trait Transport {
    /// This rank, from 0.
    fn rank(&self) -> usize;
    /// Number of ranks.
    fn size(&self) -> usize;
    /// `"MPI"` or `"in-process"`.
    fn kind(&self) -> &'static str;
    /// Waits until all ranks are here.
    fn barrier(&self);
    /// The bytes of every rank, in rank order, on every rank. Lengths may differ.
    fn all_gather(&self, mine: &[u8]) -> Vec<Vec<u8>>;
    /// The bytes of every rank, in rank order, on `root`; `None` elsewhere.
    fn gather(&self, root: usize, mine: &[u8]) -> Option<Vec<Vec<u8>>>;
    /// `root`'s bytes on every rank.
    fn broadcast(&self, root: usize, bytes: &mut Vec<u8>);
    /// `to[r]` goes to rank r; what rank r sent here is at position r of the result.
    fn all_to_all(&self, to: Vec<Vec<u8>>) -> Vec<Vec<u8>>;
    /// Element-wise over all ranks; every rank gets the result.
    fn reduce(&self, op: Reduce, values: &mut [i64]);
    /// The same without waiting: finish it with [`Pending::finish`]. One may be under way at a time, beside any other calls.
    fn begin_reduce(&self, op: Reduce, values: Vec<i64>) -> Box<dyn Pending>;
    /// A persistent set of messages, `(peer, bytes)` each, at most one per peer and direction; a peer is another rank.
    /// Making one may wait until its peers make theirs. Ends find each other by `tag`, which is unique among the living links of
    /// this communicator; both ends of a message give the same number of bytes. Both start it equally often.
    fn link(&self, tag: u32, sends: &[(usize, usize)], receives: &[(usize, usize)]) -> Box<dyn Link>;
    /// Messages without buffers, with a tag as that of a link.
    fn direct(&self, tag: u32) -> Box<dyn Direct>;
    /// A communicator of the ranks that give the same colour, in this one's order.
    fn split(&self, colour: usize) -> Rc<dyn Transport>;
    /// The MPI communicator, where this is MPI, and libraries may use it: not where ranks survive others, which those do not.
    fn raw(&self) -> Option<RawComm>;
    /// Ends all ranks of the job at once with this exit code, from any rank, without the others' help: an MPI job ends
    /// here; an in-process rank unwinds, and the others do where they wait for it.
    fn abort(&self, code: i32) -> !;
}

/// A non-blocking reduction under way.
pub trait Pending {
    /// Lets it progress; true when [`Pending::finish`] would not wait.
    fn poll(&mut self) -> bool;
    /// Waits for the result.
    fn finish(self: Box<Self>) -> Vec<i64>;
}

/// A persistent set of messages with buffers of its own, each aligned to 64 bytes.
pub trait Link {
    /// The buffer of the i-th send: fill it anew before each [`Link::start`], keep off until [`Link::finish`].
    fn outgoing(&mut self, i: usize) -> &mut [u8];
    /// Starts all sends and receives.
    fn start(&mut self);
    /// Lets messages progress; true when all are done (or none was started), as after [`Link::finish`].
    fn poll(&mut self) -> bool;
    /// Waits for all messages of the last [`Link::start`], if any.
    fn finish(&mut self);
    /// The buffer of the i-th receive, valid from [`Link::finish`] to the next [`Link::start`].
    fn incoming(&self, i: usize) -> &[u8];
}

/// A piece of memory that is sent to another rank, or received from it.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// The other rank.
    pub peer: usize,
    /// The first byte.
    pub at: *mut u8,
    /// How many.
    pub bytes: usize,
}

/// Messages straight from memory to memory, wherever that lies each time. Those of one rank to another find their places
/// there by their order.
pub trait Direct {
    /// Starts all sends and receives. Those before must be finished.
    ///
    /// # Safety
    /// Until [`Direct::finish`], all spans are valid memory, nobody touches those received, and nobody writes to those sent.
    unsafe fn start(&mut self, sends: &[Span], receives: &[Span]);
    /// Lets messages progress; true when [`Direct::finish`] would not wait.
    fn poll(&mut self) -> bool;
    /// Waits for all messages of the last [`Direct::start`], if any.
    fn finish(&mut self);
}

/// A communicator as everything above sees it: a transport, and this rank's threads.
#[derive(Clone)]
pub struct Comm {
    transport: Rc<dyn Transport>,
    threads: Rc<Threads>,
    tags: Rc<Cell<u32>>,
}

impl Comm {
    /// A communicator over a transport.
    pub fn new(transport: Rc<dyn Transport>, threads: Rc<Threads>) -> Comm {
        Comm { transport, threads, tags: Rc::default() }
    }

    /// One rank, alone, on this thread: enough for a library user, a doctest or a notebook.
    ///
    /// ```
    /// let comm = halocline::Comm::alone();
    /// assert_eq!((comm.rank(), comm.size()), (0, 1));
    /// ```
    pub fn alone() -> Comm {
        Comm::new(local::alone(), Rc::new(Threads::new(1)))
    }

    /// This rank's threads.
    pub fn threads(&self) -> &Threads {
        &self.threads
    }

    /// A communicator of the ranks that give the same colour.
    pub fn split(&self, colour: usize) -> Comm {
        Comm::new(self.transport.split(colour), self.threads.clone())
    }

    /// A tag for a [`Transport::link`], another one with each call. All ranks ask for their tags in the same order.
    pub fn new_tag(&self) -> u32 {
        self.tags.update(|tag| tag + 1);
        self.tags.get()
    }

    /// What rank 0 has, on every rank. Collective.
    ///
    /// ```
    /// let seen = halocline::comm::ranks(3, 1, |comm| comm.share(comm.is_root().then_some("it is noon".to_owned())));
    /// assert_eq!(seen.unwrap(), ["it is noon"; 3]);
    /// ```
    pub fn share<T: Serialize + DeserializeOwned>(&self, on_root: Option<T>) -> T {
        let mut text = serde_json::to_vec(&on_root).expect("rank 0 has something that can be written down");
        self.broadcast(0, &mut text);
        serde_json::from_slice::<Option<T>>(&text).ok().flatten().expect("as rank 0 has written it down")
    }

    /// The same outcome for all ranks: `result` if it is `Ok` everywhere, else the error of the lowest rank that has one,
    /// which its text names unless all have failed. Collective.
    ///
    /// ```
    /// use halocline::{Error, comm::ranks};
    /// let outcomes = ranks(2, 1, |comm| {
    ///     let mine = if comm.is_root() { Ok(()) } else { Err(Error::failure("disk full")) };
    ///     comm.agree(mine).unwrap_err().to_string()
    /// });
    /// assert_eq!(outcomes.unwrap(), ["rank 1 of 2: disk full", "rank 1 of 2: disk full"]);
    /// ```
    pub fn agree<T>(&self, result: Result<T>) -> Result<T> {
        // The lowest rank that failed, and whether all did.
        let mut votes = if result.is_err() { [self.rank() as i64, 1] } else { [i64::MAX, 0] };
        self.reduce(Reduce::Min, &mut votes);
        let [speaker, all] = votes;
        if speaker == i64::MAX {
            return result;
        }
        let mut text = result.err().map(|e| encode(&e)).unwrap_or_default();
        self.broadcast(speaker as usize, &mut text);
        let place = if all == 1 { String::new() } else { format!("rank {speaker} of {}: ", self.size()) };
        Err(decode(&text, &place))
    }

    /// True on the rank that speaks.
    pub fn is_root(&self) -> bool {
        self.rank() == 0
    }
}

impl std::ops::Deref for Comm {
    type Target = dyn Transport;
    fn deref(&self) -> &Self::Target {
        &*self.transport
    }
}

/// An error as bytes: kind, length of its text, text, remedy.
fn encode(error: &Error) -> Vec<u8> {
    let text = error.to_string();
    let mut bytes = vec![error.exit_code()];
    bytes.extend((error.what().len() as u64).to_ne_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

fn decode(bytes: &[u8], place: &str) -> Error {
    let (head, text) = bytes.split_at(9);
    let text = String::from_utf8_lossy(text);
    let what = u64::from_ne_bytes(head[1..].try_into().expect("8 bytes")) as usize;
    let (what, remedy) = text.split_at(what);
    let what = format!("{place}{what}");
    let error = match head[0] {
        2 => Error::input(what),
        75 => Error::stopped(what),
        _ => Error::failure(what),
    };
    match remedy.strip_prefix("\n  ") {
        Some(remedy) => error.remedy(remedy),
        None => error,
    }
}
