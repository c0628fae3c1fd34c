//! Ranks that are MPI processes.
//!
//! *Architecture invariant:* the only room that names MPI. Errors in MPI calls end the job (`MPI_ERRORS_ARE_FATAL`, the default,
//! which communicators inherit), so return codes carry nothing and are not looked at.
//!
//! All calls are made by the thread that initialised MPI, since neither [`World`] nor what is made from it is `Send`. So for
//! each `unsafe` block here it is left to show that handles are alive, and that buffers are as long as the counts say and
//! stay where they are while MPI uses them.
mod direct;
mod link;

use super::{Direct, Link, Pending, RawComm, Reduce, Transport};
use crate::{Error, Result};
use mpi::Threading;
use mpi::environment::Universe;
use mpi::ffi::*;
use std::mem::{ManuallyDrop, take};
use std::os::raw::{c_int, c_void};
use std::rc::Rc;

/// MPI, started. Dropping it does not end MPI: a rank that unwinds must not wait there for the others.
pub(super) struct World {
    universe: ManuallyDrop<Universe>,
    limits: Limits,
}

/// Bytes, on all ranks the same.
#[derive(Clone, Copy)]
struct Limits {
    /// The most in one MPI call.
    call: usize,
    /// The most in a message that ranks of one node write into shared memory.
    window: usize,
}

impl Limits {
    /// MPI counts in C ints. Other limits, for tests and for libraries with trouble in large messages or shared memory, come
    /// from the environment: `HALOCLINE_MPI_CHUNK`, `HALOCLINE_MPI_WINDOW` (0: none).
    fn here() -> Limits {
        let asked = |name| std::env::var(name).ok().and_then(|bytes| bytes.parse::<usize>().ok());
        let call = asked("HALOCLINE_MPI_CHUNK").unwrap_or(1 << 30).clamp(1, c_int::MAX as usize);
        Limits { call, window: asked("HALOCLINE_MPI_WINDOW").unwrap_or(WINDOW) }
    }
}

/// Larger messages of a node are left to MPI, which copies them once.
const WINDOW: usize = 256 << 10;

impl World {
    /// Starts MPI. Collective over all processes of the launch.
    pub fn start() -> Result<World> {
        let (universe, threading) = mpi::initialize_with_threading(Threading::Funneled)
            .ok_or_else(|| Error::failure("MPI was started before halocline, which needs to start it itself"))?;
        if threading < Threading::Funneled {
            return Err(Error::failure("this MPI library cannot serve a process with several threads")
                .remedy("it grants less than MPI_THREAD_FUNNELED; load an MPI module that was built with threads"));
        }
        Ok(World { universe: ManuallyDrop::new(universe), limits: Limits::here() })
    }

    /// A communicator of all ranks, with messages of its own. Collective.
    pub fn communicator(&self) -> Rc<dyn Transport> {
        // SAFETY: MPI is initialised, and the world is valid until it is finalised.
        let world = unsafe { RSMPI_COMM_WORLD };
        let (mut comm, rank) = (world, rank(world));
        // SAFETY: as above; the result goes to a local variable.
        unsafe { MPI_Comm_split(world, 0, rank as c_int, &mut comm) };
        Rc::new(Mpi::new(comm, self.limits))
    }

    /// Ends MPI on a clean exit. Collective.
    pub fn finalize(self) {
        drop(ManuallyDrop::into_inner(self.universe));
    }
}

/// Ends all processes of the launch.
pub(super) fn abort(code: i32) -> ! {
    // SAFETY: MPI is initialised, since ranks of it exist; the world is valid.
    unsafe { MPI_Abort(RSMPI_COMM_WORLD, code) };
    signal_hook::low_level::exit(code)
}

fn rank(comm: MPI_Comm) -> usize {
    let mut rank = 0;
    // SAFETY: callers give a living communicator.
    unsafe { MPI_Comm_rank(comm, &mut rank) };
    rank as usize
}

/// Whether MPI objects of this rank may still be freed: not after the end of MPI, and not on the way out of a failure, where the
/// others may be anywhere.
fn may_free() -> bool {
    !std::thread::panicking() && !mpi::environment::is_finalized()
}

fn count(n: usize) -> c_int {
    c_int::try_from(n).expect("messages are cut into pieces that a C int can count")
}

/// Where bytes begin, for MPI to read. Of an empty slice, Rust's address may be 1, which is Open MPI's `MPI_IN_PLACE`.
fn address(bytes: &[u8]) -> *const c_void {
    if bytes.is_empty() { std::ptr::null() } else { bytes.as_ptr().cast() }
}

/// A message of `len` bytes in pieces of at most `most`: (start, length) of each; none if it is empty.
fn pieces(len: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..len).step_by(most).map(move |start| (start, most.min(len - start)))
}

/// A communicator of our own.
struct Owned(MPI_Comm);

impl Drop for Owned {
    fn drop(&mut self) {
        if may_free() {
            // SAFETY: made by MPI_Comm_split, freed once. Links and reductions on it hold it, so none is left.
            unsafe { MPI_Comm_free(&mut self.0) };
        }
    }
}

struct Mpi {
    comm: Rc<Owned>,
    rank: usize,
    size: usize,
    limits: Limits,
}

impl Mpi {
    fn new(comm: MPI_Comm, limits: Limits) -> Mpi {
        let mut size = 0;
        // SAFETY: a living communicator; the result goes to a local variable.
        unsafe { MPI_Comm_size(comm, &mut size) };
        Mpi { comm: Rc::new(Owned(comm)), rank: rank(comm), size: size as usize, limits }
    }

    /// `values[r]` goes to rank r; the result is what each rank sent here.
    fn exchange_lengths(&self, to: &[u64]) -> Vec<u64> {
        let mut from = vec![0u64; self.size];
        assert_eq!(to.len(), self.size, "one message for each rank");
        let (send, receive) = (to.as_ptr().cast(), from.as_mut_ptr().cast());
        // SAFETY: both have one u64 a rank.
        unsafe { MPI_Alltoall(send, 1, RSMPI_UINT64_T, receive, 1, RSMPI_UINT64_T, self.comm.0) };
        from
    }

    /// The bytes of all ranks at `root`, or at all ranks.
    fn gather_to(&self, root: Option<usize>, mine: &[u8]) -> Option<Vec<Vec<u8>>> {
        let mut lengths = vec![0u64; self.size];
        let (send, receive) = ([mine.len() as u64], lengths.as_mut_ptr().cast());
        // SAFETY: one u64 is sent by each rank, and `lengths` has room for one of each.
        unsafe { MPI_Allgather(send.as_ptr().cast(), 1, RSMPI_UINT64_T, receive, 1, RSMPI_UINT64_T, self.comm.0) };
        // All ranks know all lengths, so they agree on the pieces without further talk.
        let total: u64 = lengths.iter().sum();
        let most =
            if total <= self.limits.call as u64 { self.limits.call } else { (self.limits.call / self.size).max(1) };
        let longest = lengths.iter().copied().max().unwrap_or(0) as usize;
        let receives = root.is_none_or(|root| root == self.rank);
        let room = |len: &u64| Vec::with_capacity(*len as usize);
        let mut all: Option<Vec<Vec<u8>>> = receives.then(|| lengths.iter().map(room).collect());
        for (start, _) in pieces(longest, most) {
            let part = |len: usize| len.saturating_sub(start).min(most);
            let counts: Vec<c_int> = lengths.iter().map(|len| count(part(*len as usize))).collect();
            let starts: Vec<c_int> = counts.iter().scan(0, |at, n| Some(std::mem::replace(at, *at + n))).collect();
            let mut got = vec![0u8; if receives { counts.iter().map(|n| *n as usize).sum() } else { 0 }];
            let send = &mine[start.min(mine.len())..][..part(mine.len())];
            let (from, n, to) = (address(send), count(send.len()), got.as_mut_ptr().cast());
            let (counts_at, starts_at) = (counts.as_ptr(), starts.as_ptr());
            // SAFETY: `send` has `n` bytes; where bytes are received, `got` has `counts[r]` of them from `starts[r]` on;
            // elsewhere MPI does not look at it.
            unsafe {
                let byte = RSMPI_UINT8_T;
                match root {
                    Some(root) => {
                        MPI_Gatherv(from, n, byte, to, counts_at, starts_at, byte, root as c_int, self.comm.0)
                    }
                    None => MPI_Allgatherv(from, n, byte, to, counts_at, starts_at, byte, self.comm.0),
                }
            };
            for (bytes, (at, n)) in all.iter_mut().flatten().zip(starts.iter().zip(&counts)) {
                bytes.extend_from_slice(&got[*at as usize..][..*n as usize]);
            }
        }
        all
    }
}

/// Links use the tags from 1 on.
const ALL_TO_ALL: c_int = 0;

impl Transport for Mpi {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn kind(&self) -> &'static str {
        "MPI"
    }

    fn barrier(&self) {
        // SAFETY: a living communicator.
        unsafe { MPI_Barrier(self.comm.0) };
    }

    fn all_gather(&self, mine: &[u8]) -> Vec<Vec<u8>> {
        self.gather_to(None, mine).expect("without a root, all ranks receive")
    }

    fn gather(&self, root: usize, mine: &[u8]) -> Option<Vec<Vec<u8>>> {
        self.gather_to(Some(root), mine)
    }

    fn broadcast(&self, root: usize, bytes: &mut Vec<u8>) {
        let mut len = bytes.len() as u64;
        // SAFETY: one u64.
        unsafe { MPI_Bcast((&raw mut len).cast(), 1, RSMPI_UINT64_T, root as c_int, self.comm.0) };
        bytes.resize(len as usize, 0);
        for (start, n) in pieces(bytes.len(), self.limits.call) {
            let piece = bytes[start..start + n].as_mut_ptr().cast();
            // SAFETY: `piece` has `n` bytes.
            unsafe { MPI_Bcast(piece, count(n), RSMPI_UINT8_T, root as c_int, self.comm.0) };
        }
    }

    fn all_to_all(&self, mut to: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        // Single messages rather than MPI_Alltoallv: many pairs have nothing to say, and its counts and displacements are
        // C ints for all messages together.
        let lengths = self.exchange_lengths(&to.iter().map(|bytes| bytes.len() as u64).collect::<Vec<_>>());
        let mut from: Vec<Vec<u8>> = lengths.iter().map(|len| vec![0; *len as usize]).collect();
        from[self.rank] = take(&mut to[self.rank]);
        let mut requests = vec![];
        // Each rank begins with its successor, so that not all begin with rank 0.
        for step in 1..self.size {
            let peer = (self.rank + self.size - step) % self.size;
            for (start, n) in pieces(from[peer].len(), self.limits.call) {
                requests.push(null_request());
                let (at, request) =
                    (from[peer][start..].as_mut_ptr().cast(), requests.last_mut().expect("just pushed"));
                // SAFETY: `n` bytes from `start` on are in bounds, and nobody touches them before the wait below.
                unsafe {
                    MPI_Irecv(at, count(n), RSMPI_UINT8_T, peer as c_int, ALL_TO_ALL, self.comm.0, request);
                }
            }
        }
        for step in 1..self.size {
            let peer = (self.rank + step) % self.size;
            for (start, n) in pieces(to[peer].len(), self.limits.call) {
                requests.push(null_request());
                let (at, request) = (to[peer][start..].as_ptr().cast(), requests.last_mut().expect("just pushed"));
                // SAFETY: as above.
                unsafe {
                    MPI_Isend(at, count(n), RSMPI_UINT8_T, peer as c_int, ALL_TO_ALL, self.comm.0, request);
                }
            }
        }
        wait_all(&mut requests);
        from
    }

    fn reduce(&self, op: Reduce, values: &mut [i64]) {
        for values in values.chunks_mut((self.limits.call / 8).max(1)) {
            let mine = values.to_vec();
            let (data, op) = operation(op);
            let (from, to) = (mine.as_ptr().cast(), values.as_mut_ptr().cast());
            // SAFETY: both have `mine.len()` 64-bit integers.
            unsafe { MPI_Allreduce(from, to, count(mine.len()), data, op, self.comm.0) };
        }
    }

    fn begin_reduce(&self, op: Reduce, values: Vec<i64>) -> Box<dyn Pending> {
        let mut pending = MpiReduce {
            _comm: self.comm.clone(),
            result: vec![0; values.len()],
            values,
            request: null_request(),
            done: false,
        };
        let (data, op) = operation(op);
        let (from, to) = (pending.values.as_ptr().cast(), pending.result.as_mut_ptr().cast());
        let n = count(pending.values.len());
        // SAFETY: both have `n` 64-bit integers, which nobody touches until MPI is done, and which are not freed before.
        unsafe { MPI_Iallreduce(from, to, n, data, op, self.comm.0, &mut pending.request) };
        Box::new(pending)
    }

    fn link(&self, tag: u32, sends: &[(usize, usize)], receives: &[(usize, usize)]) -> Box<dyn Link> {
        Box::new(link::MpiLink::new(&self.comm, self.limits, count(tag as usize) + 1, sends, receives))
    }

    fn direct(&self, tag: u32) -> Box<dyn Direct> {
        Box::new(direct::MpiDirect::new(&self.comm, self.limits.call, count(tag as usize) + 1))
    }

    fn split(&self, colour: usize) -> Rc<dyn Transport> {
        // A colour may be any number here and a C int there: the first rank that has it stands for it.
        let colours = self.all_gather(&colour.to_ne_bytes());
        let first = colours.iter().position(|c| **c == colour.to_ne_bytes()).expect("this rank's own is among them");
        let mut comm = self.comm.0;
        // SAFETY: a living communicator; the result goes to a local variable.
        unsafe { MPI_Comm_split(self.comm.0, count(first), count(self.rank), &mut comm) };
        Rc::new(Mpi::new(comm, self.limits))
    }

    fn raw(&self) -> Option<RawComm> {
        Some(self.comm.0)
    }

    fn abort(&self, code: i32) -> ! {
        abort(code)
    }
}

fn null_request() -> MPI_Request {
    // SAFETY: a constant of the MPI library.
    unsafe { RSMPI_REQUEST_NULL }
}

/// As unsigned numbers the sum wraps in C, too.
fn operation(op: Reduce) -> (MPI_Datatype, MPI_Op) {
    // SAFETY: constants of the MPI library.
    unsafe {
        match op {
            Reduce::Sum => (RSMPI_UINT64_T, RSMPI_SUM),
            Reduce::Max => (RSMPI_INT64_T, RSMPI_MAX),
            Reduce::Min => (RSMPI_INT64_T, RSMPI_MIN),
        }
    }
}

fn wait_all(requests: &mut [MPI_Request]) {
    // SAFETY: callers give requests that are theirs, with buffers that live and are not borrowed.
    unsafe { MPI_Waitall(count(requests.len()), requests.as_mut_ptr(), RSMPI_STATUSES_IGNORE) };
}

fn test_all(requests: &mut [MPI_Request]) -> bool {
    let mut done = 0;
    // SAFETY: as for `wait_all`.
    unsafe { MPI_Testall(count(requests.len()), requests.as_mut_ptr(), &mut done, RSMPI_STATUSES_IGNORE) };
    done != 0
}

struct MpiReduce {
    _comm: Rc<Owned>,
    values: Vec<i64>,
    result: Vec<i64>,
    request: MPI_Request,
    done: bool,
}

impl Pending for MpiReduce {
    fn poll(&mut self) -> bool {
        self.done = self.done || test_all(std::slice::from_mut(&mut self.request));
        self.done
    }

    fn finish(mut self: Box<Self>) -> Vec<i64> {
        wait_all(std::slice::from_mut(&mut self.request));
        self.done = true;
        take(&mut self.result)
    }
}

impl Drop for MpiReduce {
    fn drop(&mut self) {
        if !self.done {
            // MPI may still use them, and to wait here could be for ever.
            std::mem::forget((take(&mut self.values), take(&mut self.result)));
        }
    }
}
