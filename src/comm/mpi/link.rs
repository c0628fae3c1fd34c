//! Persistent messages with buffers: between ranks of a node in windows, if they are small, else persistent requests.
use super::communicator::Communicator;
use super::requests::Requests;
use super::{Limits, address, count, pieces};
use crate::comm::Link;
use crate::comm::buffer::Buffer;
use crate::comm::window::{Slot, Window};
use mpi::ffi::*;
use std::mem::take;
use std::os::raw::c_int;
use std::rc::Rc;

/// Where the bytes of a message lie.
enum End {
    /// Here: MPI carries them.
    Here(Buffer),
    /// Where both ranks see them.
    Shared(Slot),
}

pub(super) struct MpiLink {
    comm: Rc<Communicator>,
    sends: Vec<End>,
    receives: Vec<End>,
    requests: Requests,
    /// How often it has been started.
    rounds: u64,
    under_way: bool,
}

/// What a rank tells a peer of the window in which it offers a place for its messages.
struct Offer {
    /// Bytes of the window, 0 if there is none, and where the slot begins.
    bytes: u64,
    start: u64,
    address: Vec<u8>,
}

impl Offer {
    /// Bytes of an offer as a message.
    const LEN: usize = 256;

    fn encode(&self) -> Vec<u8> {
        let mut bytes = [self.bytes, self.start, self.address.len() as u64].map(u64::to_ne_bytes).concat();
        bytes.extend(&self.address);
        bytes.resize(Offer::LEN, 0);
        bytes
    }

    fn decode(bytes: &[u8]) -> Offer {
        let number = |i: usize| u64::from_ne_bytes(bytes[8 * i..][..8].try_into().expect("8 bytes"));
        Offer { bytes: number(0), start: number(1), address: bytes[24..][..number(2) as usize].to_vec() }
    }
}

impl MpiLink {
    /// The ends of messages `(peer, bytes)`. Waits for the peers.
    pub fn new(
        comm: &Rc<Communicator>,
        limits: Limits,
        tag: c_int,
        sends: &[(usize, usize)],
        receives: &[(usize, usize)],
    ) -> MpiLink {
        let (out, into) = slots(comm, limits.window, tag, sends, receives);
        let ends = |ends: &[(usize, usize)], slots: Vec<Option<Slot>>| -> Vec<End> {
            let end =
                |(&(_, len), slot): (_, Option<Slot>)| slot.map_or_else(|| End::Here(Buffer::new(len)), End::Shared);
            ends.iter().zip(slots).map(end).collect()
        };
        let (sends_at, receives_at) = (ends(sends, out), ends(receives, into));
        let requests = Requests::new(comm);
        // Receives first: so they are posted before the sends that may be for them.
        for (end, &(peer, len)) in receives_at.iter().zip(receives) {
            let End::Here(buffer) = end else { continue };
            for (start, n) in pieces(len, limits.call) {
                // SAFETY: `n` bytes from `start` on are in bounds of a buffer that does not move, that the link does not
                // lend out while messages are under way, and that outlives the request.
                requests.add(|comm, request| unsafe {
                    let at = buffer.start().add(start).cast();
                    MPI_Recv_init(at, count(n), RSMPI_UINT8_T, peer as c_int, tag, comm, request)
                });
            }
        }
        for (end, &(peer, len)) in sends_at.iter().zip(sends) {
            let End::Here(buffer) = end else { continue };
            for (start, n) in pieces(len, limits.call) {
                // SAFETY: as above.
                requests.add(|comm, request| unsafe {
                    let at = buffer.start().add(start).cast();
                    MPI_Send_init(at, count(n), RSMPI_UINT8_T, peer as c_int, tag, comm, request)
                });
            }
        }
        MpiLink { comm: comm.clone(), sends: sends_at, receives: receives_at, requests, rounds: 0, under_way: false }
    }

    /// Waits for what another rank writes into shared memory, and lets MPI's messages progress meanwhile.
    fn wait(&self, done: impl Fn() -> bool) {
        for turn in 0_u64.. {
            if done() {
                return;
            }
            if turn < 200 {
                std::hint::spin_loop();
                continue;
            }
            let mut flag = 0;
            // SAFETY: a living communicator; the result goes to a local variable.
            self.comm.check(unsafe {
                let (any, tag) = (RSMPI_ANY_SOURCE, RSMPI_ANY_TAG);
                MPI_Iprobe(any, tag, self.comm.raw(), &mut flag, RSMPI_STATUS_IGNORE)
            });
            std::thread::yield_now();
        }
    }

    fn shared(ends: &[End]) -> impl Iterator<Item = &Slot> {
        ends.iter().filter_map(|end| if let End::Shared(slot) = end { Some(slot) } else { None })
    }
}

/// Slots for those messages that are small enough, and whose other end is on this node. Waits for the peers.
fn slots(
    comm: &Rc<Communicator>,
    most: usize,
    tag: c_int,
    sends: &[(usize, usize)],
    receives: &[(usize, usize)],
) -> (Vec<Option<Slot>>, Vec<Option<Slot>>) {
    let small = |&&(_, len): &&(usize, usize)| (1..=most).contains(&len);
    let bytes: usize = sends.iter().filter(small).map(|&(_, len)| Slot::room(len)).sum();
    let window = if bytes > 0 { Window::new(bytes) } else { None };
    let mut talk = Talk { comm: comm.clone(), tag, requests: Requests::new(comm), bytes: vec![] };
    let mut start = 0;
    for &(peer, len) in sends.iter().filter(small) {
        let offer = match &window {
            Some((_, door)) => Offer { bytes: bytes as u64, start: start as u64, address: door.address() },
            None => Offer { bytes: 0, start: 0, address: vec![] },
        };
        talk.say(peer, offer.encode());
        start += Slot::room(len);
    }
    let into = receives.iter().map(|end| {
        let (peer, len) = *Some(end).filter(small)?;
        let offer = Offer::decode(&talk.hear(peer, Offer::LEN));
        let window = if offer.bytes > 0 { Window::open(&offer.address, offer.bytes as usize) } else { None };
        talk.say(peer, vec![u8::from(window.is_some())]);
        Some(Slot::new(&window?, offer.start as usize, len))
    });
    let into = into.collect();
    let mut start = 0;
    let out = sends.iter().map(|end| {
        let (peer, len) = *Some(end).filter(small)?;
        let taken = talk.hear(peer, 1) == [1];
        let at = start;
        start += Slot::room(len);
        let (window, _) = window.as_ref().filter(|_| taken)?;
        Some(Slot::new(window, at, len))
    });
    let out = out.collect();
    talk.requests.wait();
    (out, into)
}

/// Short messages while a link is made.
struct Talk {
    comm: Rc<Communicator>,
    tag: c_int,
    requests: Requests,
    /// What is being said.
    bytes: Vec<Vec<u8>>,
}

impl Talk {
    fn say(&mut self, peer: usize, bytes: Vec<u8>) {
        let (at, n) = (address(&bytes), count(bytes.len()));
        self.bytes.push(bytes);
        // SAFETY: `n` bytes on the heap, which are kept until all requests are done.
        self.requests
            .add(|comm, request| unsafe { MPI_Isend(at, n, RSMPI_UINT8_T, peer as c_int, self.tag, comm, request) });
    }

    fn hear(&self, peer: usize, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        let (at, n, comm) = (bytes.as_mut_ptr().cast(), count(len), self.comm.raw());
        // SAFETY: room for `len` bytes.
        let code = unsafe { MPI_Recv(at, n, RSMPI_UINT8_T, peer as c_int, self.tag, comm, RSMPI_STATUS_IGNORE) };
        self.comm.check(code);
        bytes
    }
}

impl Link for MpiLink {
    fn outgoing(&mut self, i: usize) -> &mut [u8] {
        assert!(!self.under_way, "outgoing() between start() and finish()");
        let rounds = self.rounds;
        if let End::Shared(slot) = &self.sends[i] {
            self.wait(|| slot.taken() + 1 >= rounds);
        }
        match &mut self.sends[i] {
            End::Here(buffer) => buffer,
            // SAFETY: the receiver has taken the message that was here, and looks here again once the next one is sent.
            End::Shared(slot) => unsafe { std::slice::from_raw_parts_mut(slot.buffer(rounds), slot.bytes()) },
        }
    }

    fn start(&mut self) {
        assert!(!self.under_way, "start() of a link that is under way");
        self.under_way = true;
        for slot in Self::shared(&self.receives) {
            slot.take(self.rounds);
        }
        for slot in Self::shared(&self.sends) {
            self.wait(|| slot.taken() + 1 >= self.rounds);
            slot.send(self.rounds + 1);
        }
        self.rounds += 1;
        // SAFETY: inactive persistent requests of this link, whose buffers are not lent out from here to their end.
        unsafe { self.requests.start() };
    }

    fn poll(&mut self) -> bool {
        let arrived = Self::shared(&self.receives).all(|slot| slot.sent() >= self.rounds);
        self.under_way = self.under_way && !(self.requests.test() && arrived);
        !self.under_way
    }

    fn finish(&mut self) {
        if self.under_way {
            for slot in Self::shared(&self.receives) {
                self.wait(|| slot.sent() >= self.rounds);
            }
            self.requests.wait();
            self.under_way = false;
        }
    }

    fn incoming(&self, i: usize) -> &[u8] {
        assert!(!self.under_way, "incoming() between start() and finish()");
        match &self.receives[i] {
            End::Here(buffer) => buffer,
            // SAFETY: the sender has written it, and comes back here once this rank has started again.
            End::Shared(slot) => unsafe {
                std::slice::from_raw_parts(slot.buffer(self.rounds.saturating_sub(1)), slot.bytes())
            },
        }
    }
}

impl Drop for MpiLink {
    fn drop(&mut self) {
        if self.under_way && self.requests.may_go_on() {
            // MPI may still use the buffers, and to wait here could be for ever.
            std::mem::forget((take(&mut self.sends), take(&mut self.receives)));
        } else {
            self.requests.free();
        }
    }
}
