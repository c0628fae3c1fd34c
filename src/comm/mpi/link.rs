//! Persistent messages with buffers: short messages within a node go through shared memory, the others are persistent requests.
use super::calls::{Limits, count, pieces};
use super::communicator::Communicator;
use super::handshake::agree_on_slots;
use super::requests::Requests;
use crate::comm::buffer::Buffer;
use crate::comm::in_flight::{InFlight, Operations};
use crate::comm::shared_window::WindowSlot;
use crate::comm::transport::Link;
use mpi::ffi::*;
use std::os::raw::c_int;
use std::rc::Rc;

/// The memory of a message.
enum Storage {
    /// A buffer of this process, whose contents MPI transfers.
    Private(Buffer),
    /// Memory that both ranks map.
    Shared(WindowSlot),
}

pub(super) struct MpiLink {
    comm: Rc<Communicator>,
    /// Persistent requests, and the memory of all sends and all receives.
    messages: InFlight<Requests, (Vec<Storage>, Vec<Storage>)>,
    /// Number of calls of `start`.
    rounds: u64,
    /// True between start and completion.
    in_progress: bool,
}

impl MpiLink {
    /// The messages are given as `(peer, bytes)`. Waits for the peers.
    pub fn new(
        comm: &Rc<Communicator>,
        limits: Limits,
        tag: c_int,
        sends: &[(usize, usize)],
        receives: &[(usize, usize)],
    ) -> MpiLink {
        let (send_slots, receive_slots) = agree_on_slots(comm, limits.window, tag, sends, receives);
        let storage = |messages: &[(usize, usize)], slots: Vec<Option<WindowSlot>>| -> Vec<Storage> {
            let one = |(&(_, len), slot): (_, Option<WindowSlot>)| {
                slot.map_or_else(|| Storage::Private(Buffer::new(len)), Storage::Shared)
            };
            messages.iter().zip(slots).map(one).collect()
        };
        let memory = (storage(sends, send_slots), storage(receives, receive_slots));
        let messages = InFlight::new(Requests::new(comm), memory);
        let requests = &messages.operations;
        // Receives first, so that they are posted before the sends of this rank that may delay them.
        for (storage, &(peer, len)) in messages.memory.1.iter().zip(receives) {
            let Storage::Private(buffer) = storage else { continue };
            for (start, n) in pieces(len, limits.call) {
                // SAFETY: `n` bytes from `start` on are in bounds of a buffer that does not move and that outlives the request.
                // The link returns no reference to it while messages are in progress.
                requests.add_persistent(|comm, request| unsafe {
                    let at = buffer.start().add(start).cast();
                    MPI_Recv_init(at, count(n), RSMPI_UINT8_T, peer as c_int, tag, comm, request)
                });
            }
        }
        for (storage, &(peer, len)) in messages.memory.0.iter().zip(sends) {
            let Storage::Private(buffer) = storage else { continue };
            for (start, n) in pieces(len, limits.call) {
                // SAFETY: as above.
                requests.add_persistent(|comm, request| unsafe {
                    let at = buffer.start().add(start).cast();
                    MPI_Send_init(at, count(n), RSMPI_UINT8_T, peer as c_int, tag, comm, request)
                });
            }
        }
        MpiLink { comm: comm.clone(), messages, rounds: 0, in_progress: false }
    }

    /// Waits for a change of shared memory by another rank. MPI's messages make progress meanwhile.
    fn wait(&self, done: impl Fn() -> bool) {
        for attempt in 0_u64.. {
            if done() {
                return;
            }
            if attempt < 200 {
                std::hint::spin_loop();
                continue;
            }
            let mut flag = 0;
            // SAFETY: a valid communicator; the result goes to a local variable.
            self.comm.check(unsafe {
                let (any, tag) = (RSMPI_ANY_SOURCE, RSMPI_ANY_TAG);
                MPI_Iprobe(any, tag, self.comm.raw(), &mut flag, RSMPI_STATUS_IGNORE)
            });
            std::thread::yield_now();
        }
    }

    /// The slots of those messages that are exchanged through shared memory.
    fn slots(all: &[Storage]) -> impl Iterator<Item = &WindowSlot> {
        all.iter().filter_map(|one| if let Storage::Shared(slot) = one { Some(slot) } else { None })
    }
}

impl Link for MpiLink {
    fn outgoing(&mut self, i: usize) -> &mut [u8] {
        assert!(!self.in_progress, "outgoing() between start() and finish()");
        let rounds = self.rounds;
        if let Storage::Shared(slot) = &self.messages.memory.0[i] {
            self.wait(|| slot.released() + 1 >= rounds);
        }
        match &mut self.messages.memory.0[i] {
            Storage::Private(buffer) => buffer,
            // SAFETY: the receiver has released the previous message in this buffer, and reads it again once the next one is
            // sent.
            Storage::Shared(slot) => unsafe { std::slice::from_raw_parts_mut(slot.buffer(rounds), slot.bytes()) },
        }
    }

    fn start(&mut self) {
        assert!(!self.in_progress, "start() of a link in progress");
        self.in_progress = true;
        for slot in Self::slots(&self.messages.memory.1) {
            slot.set_released(self.rounds);
        }
        for slot in Self::slots(&self.messages.memory.0) {
            self.wait(|| slot.released() + 1 >= self.rounds);
            slot.set_sent(self.rounds + 1);
        }
        self.rounds += 1;
        // SAFETY: inactive persistent requests of this link, which returns no reference to their buffers until they are complete.
        unsafe { self.messages.operations.start() };
    }

    fn poll(&mut self) -> bool {
        let arrived = Self::slots(&self.messages.memory.1).all(|slot| slot.sent() >= self.rounds);
        self.in_progress = self.in_progress && !(self.messages.operations.test() && arrived);
        !self.in_progress
    }

    fn finish(&mut self) {
        if self.in_progress {
            for slot in Self::slots(&self.messages.memory.1) {
                self.wait(|| slot.sent() >= self.rounds);
            }
            self.messages.operations.wait();
            self.in_progress = false;
        }
    }

    fn incoming(&self, i: usize) -> &[u8] {
        assert!(self.rounds > 0 && !self.in_progress, "incoming() before start() and finish()");
        match &self.messages.memory.1[i] {
            Storage::Private(buffer) => buffer,
            // SAFETY: the sender has written this message, and reuses the buffer only after this rank has started another round.
            Storage::Shared(slot) => unsafe { std::slice::from_raw_parts(slot.buffer(self.rounds - 1), slot.bytes()) },
        }
    }
}

impl Drop for MpiLink {
    fn drop(&mut self) {
        if !self.messages.operations.may_access_memory() {
            self.messages.operations.free();
        }
    }
}
