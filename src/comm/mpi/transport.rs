//! The transport of MPI ranks.
use super::abort::abort;
use super::calls::{Limits, address, count, operation, pieces, rank};
use super::communicator::Communicator;
use super::direct::MpiDirect;
use super::link::MpiLink;
use super::reduction::MpiReduction;
use super::requests::Requests;
use crate::comm::in_flight::InFlight;
use crate::comm::raw_comm::RawComm;
use crate::comm::transport::{Direct, Link, Pending, Reduce, Transport};
use mpi::ffi::*;
use std::mem::take;
use std::os::raw::c_int;
use std::rc::Rc;

/// An MPI communicator.
pub(super) struct MpiTransport {
    comm: Rc<Communicator>,
    rank: usize,
    size: usize,
    limits: Limits,
}

impl MpiTransport {
    pub fn new(comm: Rc<Communicator>, limits: Limits) -> MpiTransport {
        let mut size = 0;
        // SAFETY: a valid communicator; the result goes to a local variable.
        unsafe { MPI_Comm_size(comm.raw(), &mut size) };
        MpiTransport { rank: rank(comm.raw()), size: size as usize, comm, limits }
    }

    /// Sends `to[r]` to rank r, and returns the value that each rank sent to this one.
    fn exchange_lengths(&self, to: &[u64]) -> Vec<u64> {
        let mut from = vec![0u64; self.size];
        assert_eq!(to.len(), self.size, "one message for each rank");
        let (send, receive) = (to.as_ptr().cast(), from.as_mut_ptr().cast());
        // SAFETY: both have one u64 per rank.
        let code = unsafe { MPI_Alltoall(send, 1, RSMPI_UINT64_T, receive, 1, RSMPI_UINT64_T, self.comm.raw()) };
        self.comm.check(code);
        from
    }

    /// Gathers the bytes of all ranks at `root`, or at every rank if it is `None`. Other ranks get `None`.
    fn gather_to(&self, root: Option<usize>, mine: &[u8]) -> Option<Vec<Vec<u8>>> {
        let mut lengths = vec![0u64; self.size];
        let (len, receive) = ([mine.len() as u64], lengths.as_mut_ptr().cast());
        let send = len.as_ptr().cast();
        // SAFETY: one u64 is sent by each rank, and `lengths` holds one of each.
        self.comm.check(unsafe { MPI_Allgather(send, 1, RSMPI_UINT64_T, receive, 1, RSMPI_UINT64_T, self.comm.raw()) });
        // All ranks know all lengths, so they cut their messages into the same pieces.
        let total: u64 = lengths.iter().sum();
        let most =
            if total <= self.limits.call as u64 { self.limits.call } else { (self.limits.call / self.size).max(1) };
        let longest = lengths.iter().copied().max().unwrap_or(0) as usize;
        let receives = root.is_none_or(|root| root == self.rank);
        let empty = |len: &u64| Vec::with_capacity(*len as usize);
        let mut all: Option<Vec<Vec<u8>>> = receives.then(|| lengths.iter().map(empty).collect());
        for (start, _) in pieces(longest, most) {
            let part = |len: usize| len.saturating_sub(start).min(most);
            let counts: Vec<c_int> = lengths.iter().map(|len| count(part(*len as usize))).collect();
            let starts: Vec<c_int> = counts.iter().scan(0, |at, n| Some(std::mem::replace(at, *at + n))).collect();
            let mut got = vec![0u8; if receives { counts.iter().map(|n| *n as usize).sum() } else { 0 }];
            let send = &mine[start.min(mine.len())..][..part(mine.len())];
            let (from, n, to) = (address(send), count(send.len()), got.as_mut_ptr().cast());
            let (counts_at, starts_at) = (counts.as_ptr(), starts.as_ptr());
            // SAFETY: `send` has `n` bytes; on receiving ranks, `got` has `counts[r]` bytes from `starts[r]` on for each rank r;
            // on the other ranks MPI ignores it.
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

/// Tag of the messages of `all_to_all`; links and direct endpoints use the tags from 1 on.
const ALL_TO_ALL: c_int = 0;

impl Transport for MpiTransport {
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
        // SAFETY: a valid communicator.
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
        // Single messages rather than MPI_Alltoallv: many pairs send nothing, and its displacements are C ints for all messages
        // together.
        let lengths = self.exchange_lengths(&to.iter().map(|bytes| bytes.len() as u64).collect::<Vec<_>>());
        let mut from: Vec<Vec<u8>> = lengths.iter().map(|len| vec![0; *len as usize]).collect();
        from[self.rank] = take(&mut to[self.rank]);
        let mut messages = InFlight::new(Requests::new(&self.comm), (from, to));
        let (from, to) = &mut *messages.memory;
        let requests = &messages.operations;
        // Each rank starts with its successor, so that not all start with rank 0.
        for step in 1..self.size {
            let peer = (self.rank + self.size - step) % self.size;
            for (start, n) in pieces(from[peer].len(), self.limits.call) {
                let at = from[peer][start..].as_mut_ptr().cast();
                // SAFETY: `n` bytes from `start` on are in bounds; `messages` keeps them, and nothing accesses them before the
                // wait below.
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
        take(&mut messages.memory.0)
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
        Box::new(MpiReduction::start(&self.comm, op, values))
    }

    fn link(&self, tag: u32, sends: &[(usize, usize)], receives: &[(usize, usize)]) -> Box<dyn Link> {
        Box::new(MpiLink::new(&self.comm, self.limits, count(tag as usize) + 1, sends, receives))
    }

    fn direct(&self, tag: u32) -> Box<dyn Direct> {
        Box::new(MpiDirect::new(&self.comm, self.limits.call, count(tag as usize) + 1))
    }

    fn split(&self, colour: usize) -> Rc<dyn Transport> {
        // MPI's colours are C ints, so the first rank that has a colour stands for it.
        let colours = self.all_gather(&colour.to_ne_bytes());
        let first = colours.iter().position(|c| **c == colour.to_ne_bytes()).expect("this rank's own is among them");
        Rc::new(MpiTransport::new(self.comm.split(count(first), count(self.rank)), self.limits))
    }

    fn raw(&self) -> Option<RawComm> {
        (!self.comm.survives()).then(|| RawComm::new(self.comm.raw(), self.comm.clone()))
    }

    fn abort(&self, code: i32) -> ! {
        abort(code)
    }
}
