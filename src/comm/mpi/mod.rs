//! Ranks that are MPI processes.
//!
//! *Architecture invariant:* the only room that names MPI. Each call that can fail is checked, by the communicator that it uses.
//!
//! All calls are made by the thread that initialised MPI, since neither [`World`] nor what is made from it is `Send`. So for
//! each `unsafe` block here it is left to show that handles are alive, and that buffers are as long as the counts say and
//! stay where they are while MPI uses them.
mod communicator;
mod direct;
mod link;
mod mitigation;
mod requests;
mod world;

pub(super) use world::{World, abort};

use super::{Direct, Link, Pending, RawComm, Reduce, Transport};
use communicator::Communicator;
use mpi::ffi::*;
use requests::Requests;
use std::mem::take;
use std::os::raw::{c_int, c_void};
use std::rc::Rc;

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

fn rank(comm: MPI_Comm) -> usize {
    let mut rank = 0;
    // SAFETY: callers give a living communicator.
    unsafe { MPI_Comm_rank(comm, &mut rank) };
    rank as usize
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

struct Mpi {
    comm: Rc<Communicator>,
    rank: usize,
    size: usize,
    limits: Limits,
}

impl Mpi {
    fn new(comm: Rc<Communicator>, limits: Limits) -> Mpi {
        let mut size = 0;
        // SAFETY: a living communicator; the result goes to a local variable.
        unsafe { MPI_Comm_size(comm.raw(), &mut size) };
        Mpi { rank: rank(comm.raw()), size: size as usize, comm, limits }
    }

    /// `values[r]` goes to rank r; the result is what each rank sent here.
    fn exchange_lengths(&self, to: &[u64]) -> Vec<u64> {
        let mut from = vec![0u64; self.size];
        assert_eq!(to.len(), self.size, "one message for each rank");
        let (send, receive) = (to.as_ptr().cast(), from.as_mut_ptr().cast());
        // SAFETY: both have one u64 a rank.
        let code = unsafe { MPI_Alltoall(send, 1, RSMPI_UINT64_T, receive, 1, RSMPI_UINT64_T, self.comm.raw()) };
        self.comm.check(code);
        from
    }

    /// The bytes of all ranks at `root`, or at all ranks.
    fn gather_to(&self, root: Option<usize>, mine: &[u8]) -> Option<Vec<Vec<u8>>> {
        let mut lengths = vec![0u64; self.size];
        let (len, receive) = ([mine.len() as u64], lengths.as_mut_ptr().cast());
        let send = len.as_ptr().cast();
        // SAFETY: one u64 is sent by each rank, and `lengths` has room for one of each.
        self.comm.check(unsafe { MPI_Allgather(send, 1, RSMPI_UINT64_T, receive, 1, RSMPI_UINT64_T, self.comm.raw()) });
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
            self.comm.check(unsafe {
                let (byte, comm) = (RSMPI_UINT8_T, self.comm.raw());
                match root {
                    Some(root) => MPI_Gatherv(from, n, byte, to, counts_at, starts_at, byte, root as c_int, comm),
                    None => MPI_Allgatherv(from, n, byte, to, counts_at, starts_at, byte, comm),
                }
            });
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
        self.comm.check(unsafe { MPI_Barrier(self.comm.raw()) });
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
        let code = unsafe { MPI_Bcast((&raw mut len).cast(), 1, RSMPI_UINT64_T, root as c_int, self.comm.raw()) };
        self.comm.check(code);
        bytes.resize(len as usize, 0);
        for (start, n) in pieces(bytes.len(), self.limits.call) {
            let piece = bytes[start..start + n].as_mut_ptr().cast();
            // SAFETY: `piece` has `n` bytes.
            let code = unsafe { MPI_Bcast(piece, count(n), RSMPI_UINT8_T, root as c_int, self.comm.raw()) };
            self.comm.check(code);
        }
    }

    fn all_to_all(&self, mut to: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        // Single messages rather than MPI_Alltoallv: many pairs have nothing to say, and its counts and displacements are
        // C ints for all messages together.
        let lengths = self.exchange_lengths(&to.iter().map(|bytes| bytes.len() as u64).collect::<Vec<_>>());
        let mut from: Vec<Vec<u8>> = lengths.iter().map(|len| vec![0; *len as usize]).collect();
        from[self.rank] = take(&mut to[self.rank]);
        let requests = Requests::new(&self.comm);
        // Each rank begins with its successor, so that not all begin with rank 0.
        for step in 1..self.size {
            let peer = (self.rank + self.size - step) % self.size;
            for (start, n) in pieces(from[peer].len(), self.limits.call) {
                let at = from[peer][start..].as_mut_ptr().cast();
                // SAFETY: `n` bytes from `start` on are in bounds, and nobody touches them before the wait below.
                requests.add(|comm, request| unsafe {
                    MPI_Irecv(at, count(n), RSMPI_UINT8_T, peer as c_int, ALL_TO_ALL, comm, request)
                });
            }
        }
        for step in 1..self.size {
            let peer = (self.rank + step) % self.size;
            for (start, n) in pieces(to[peer].len(), self.limits.call) {
                let at = to[peer][start..].as_ptr().cast();
                // SAFETY: as above.
                requests.add(|comm, request| unsafe {
                    MPI_Isend(at, count(n), RSMPI_UINT8_T, peer as c_int, ALL_TO_ALL, comm, request)
                });
            }
        }
        requests.wait();
        from
    }

    fn reduce(&self, op: Reduce, values: &mut [i64]) {
        for values in values.chunks_mut((self.limits.call / 8).max(1)) {
            let mine = values.to_vec();
            let (data, op) = operation(op);
            let (from, to) = (mine.as_ptr().cast(), values.as_mut_ptr().cast());
            // SAFETY: both have `mine.len()` 64-bit integers.
            self.comm.check(unsafe { MPI_Allreduce(from, to, count(mine.len()), data, op, self.comm.raw()) });
        }
    }

    fn begin_reduce(&self, op: Reduce, values: Vec<i64>) -> Box<dyn Pending> {
        let mut pending =
            MpiReduce { result: vec![0; values.len()], values, request: Requests::new(&self.comm), done: false };
        let (data, op) = operation(op);
        let (from, to) = (pending.values.as_ptr().cast(), pending.result.as_mut_ptr().cast());
        let n = count(pending.values.len());
        // SAFETY: both have `n` 64-bit integers, which nobody touches until MPI is done, and which are not freed before.
        pending.request.add(|comm, request| unsafe { MPI_Iallreduce(from, to, n, data, op, comm, request) });
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
        Rc::new(Mpi::new(self.comm.split(count(first), count(self.rank)), self.limits))
    }

    fn raw(&self) -> Option<RawComm> {
        (!self.comm.survives()).then(|| self.comm.raw())
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

struct MpiReduce {
    values: Vec<i64>,
    result: Vec<i64>,
    request: Requests,
    done: bool,
}

impl Pending for MpiReduce {
    fn poll(&mut self) -> bool {
        self.done = self.done || self.request.test();
        self.done
    }

    fn finish(mut self: Box<Self>) -> Vec<i64> {
        self.request.wait();
        self.done = true;
        take(&mut self.result)
    }
}

impl Drop for MpiReduce {
    fn drop(&mut self) {
        if !self.done && self.request.may_go_on() {
            // MPI may still use them, and to wait here could be for ever.
            std::mem::forget((take(&mut self.values), take(&mut self.result)));
        }
    }
}
