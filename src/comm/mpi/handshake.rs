//! Setting up a link: which messages go through shared memory.
use super::calls::{address, count};
use super::communicator::Communicator;
use super::requests::Requests;
use crate::comm::in_flight::InFlight;
use crate::comm::shared_window::{SharedWindow, WindowSlot};
use mpi::ffi::*;
use std::os::raw::c_int;
use std::rc::Rc;

/// Returns a slot for each send and each receive, given as `(peer, bytes)`, that is short enough and whose peer is on this node.
/// Waits for the peers.
pub(super) fn agree_on_slots(
    comm: &Rc<Communicator>,
    max_bytes: usize,
    tag: c_int,
    sends: &[(usize, usize)],
    receives: &[(usize, usize)],
) -> (Vec<Option<WindowSlot>>, Vec<Option<WindowSlot>>) {
    let is_short = |&&(_, len): &&(usize, usize)| (1..=max_bytes).contains(&len);
    let bytes: usize = sends.iter().filter(is_short).map(|&(_, len)| WindowSlot::size(len)).sum();
    let window = if bytes > 0 { SharedWindow::create(bytes) } else { None };
    let mut handshake = Handshake { comm: comm.clone(), tag, sent: InFlight::new(Requests::new(comm), vec![]) };
    let mut start = 0;
    for &(peer, len) in sends.iter().filter(is_short) {
        let offer = match &window {
            Some((_, handle)) => Offer { bytes: bytes as u64, start: start as u64, address: handle.address() },
            None => Offer { bytes: 0, start: 0, address: vec![] },
        };
        handshake.send(peer, offer.encode());
        start += WindowSlot::size(len);
    }
    let receive_slots = receives.iter().map(|end| {
        let (peer, len) = *Some(end).filter(is_short)?;
        let offer = Offer::decode(&handshake.receive(peer, Offer::LEN));
        let window = if offer.bytes > 0 { SharedWindow::open(&offer.address, offer.bytes as usize) } else { None };
        handshake.send(peer, vec![u8::from(window.is_some())]);
        Some(WindowSlot::new(&window?, offer.start as usize, len))
    });
    let receive_slots = receive_slots.collect();
    let mut start = 0;
    let send_slots = sends.iter().map(|end| {
        let (peer, len) = *Some(end).filter(is_short)?;
        let accepted = handshake.receive(peer, 1) == [1];
        let at = start;
        start += WindowSlot::size(len);
        let (window, _) = window.as_ref().filter(|_| accepted)?;
        Some(WindowSlot::new(window, at, len))
    });
    let send_slots = send_slots.collect();
    handshake.sent.operations.wait();
    (send_slots, receive_slots)
}

/// Short messages that set up a link.
struct Handshake {
    comm: Rc<Communicator>,
    tag: c_int,
    /// Messages being sent.
    sent: InFlight<Requests, Vec<Vec<u8>>>,
}

impl Handshake {
    fn send(&mut self, peer: usize, bytes: Vec<u8>) {
        let (at, n) = (address(&bytes), count(bytes.len()));
        self.sent.memory.push(bytes);
        // SAFETY: `n` bytes on the heap, which `sent` keeps until all requests are complete.
        self.sent
            .operations
            .add(|comm, request| unsafe { MPI_Isend(at, n, RSMPI_UINT8_T, peer as c_int, self.tag, comm, request) });
    }

    fn receive(&self, peer: usize, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        let (at, n, comm) = (bytes.as_mut_ptr().cast(), count(len), self.comm.raw());
        // SAFETY: `bytes` has `len` bytes.
        let code = unsafe { MPI_Recv(at, n, RSMPI_UINT8_T, peer as c_int, self.tag, comm, RSMPI_STATUS_IGNORE) };
        self.comm.check(code);
        bytes
    }
}

/// What a sender tells a receiver about the slot for their messages.
struct Offer {
    /// Size of the sender's window in bytes; 0 if it has none.
    bytes: u64,
    /// Offset of the slot in the window, in bytes.
    start: u64,
    /// Address of the window, from `WindowHandle::address`.
    address: Vec<u8>,
}

impl Offer {
    /// Length of an encoded offer in bytes.
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
