//! Carrying out copy plans: local boxes row by row; of the others, large ones that are one piece of memory on both sides
//! straight from there to there, the rest packed into one message for each neighbour.
mod copy_cells;
mod direct_transfers;
#[cfg(test)]
mod short_buffers;
#[cfg(test)]
mod tests;

use crate::base::Array;
use crate::base::Region;
use crate::comm::{Comm, Link};
use crate::program::copies::CopyRegion;
use crate::program::exchange_plan::ExchangePlan;
use crate::program::transfers::Transfer;
use copy_cells::{array_cells, copy_cells, packed_cells, source_cells};
use direct_transfers::DirectTransfers;
use std::collections::BTreeMap;

/// The arrays of all fields on this rank: `[field][patch]`.
pub type Arrays = [Vec<Array>];

/// A list of moves, ready to be made any number of times: [`Exchange::start`], [`Exchange::start_direct`], [`Exchange::finish`].
pub struct Exchange {
    local: Vec<Transfer>,
    outgoing: Vec<Message>,
    incoming: Vec<Message>,
    link: Option<Box<dyn Link>>,
    direct_transfers: Option<DirectTransfers>,
}

/// The moves that travel together, one after the other, each cut into pieces that threads may carry side by side.
struct Message {
    peer: usize,
    bytes: usize,
    /// With the place of the first byte in the message.
    pieces: Vec<(usize, Transfer)>,
}

/// Bytes of a piece; fewer are not worth another thread.
const PIECE: usize = 32 << 10;

impl Message {
    fn new(peer: usize, moves: &[Transfer]) -> Message {
        let (mut bytes, mut pieces) = (0, vec![]);
        for piece in moves.iter().flat_map(pieces_of) {
            pieces.push((bytes, piece));
            bytes += piece.bytes();
        }
        Message { peer, bytes, pieces }
    }
}

/// A move cut into thinner ones along z, or along y where it is one cell thick.
fn pieces_of(m: &Transfer) -> Vec<Transfer> {
    let target = m.copy.target;
    let axis = if target.size()[0] > 1 { 0 } else { 1 };
    let n = target.size()[axis].max(1);
    let thick = n.div_ceil(m.bytes().div_ceil(PIECE).max(1)) as isize;
    let starts = (target.low[axis]..target.high[axis]).step_by(thick as usize);
    let part = |low: isize| target.with(axis, low, (low + thick).min(target.high[axis]));
    starts.map(|low| Transfer { copy: CopyRegion { target: part(low), ..m.copy }, ..*m }).collect()
}

/// Calls `f` for pieces 0..n, on several threads where there is enough to do for them.
fn for_pieces(comm: &Comm, n: usize, bytes: usize, f: impl Fn(usize) + Sync) {
    if bytes < 2 * PIECE { (0..n).for_each(f) } else { comm.threads().for_each(n, f) }
}

impl Exchange {
    /// The exchange of a plan, whose rank is that of the communicator. Collective.
    pub fn new(comm: &Comm, plan: ExchangePlan) -> Exchange {
        let messages = |transfers: BTreeMap<usize, Vec<Transfer>>| -> Vec<Message> {
            transfers.into_iter().map(|(peer, transfers)| Message::new(peer, &transfers)).collect()
        };
        let local = plan.local.iter().flat_map(pieces_of).collect();
        let (outgoing, incoming) = (messages(plan.outgoing), messages(plan.incoming));
        let (sends, receives) = (plan.sends, plan.receives);
        let total = |all: &[Message]| -> Vec<(usize, usize)> { all.iter().map(|m| (m.peer, m.bytes)).collect() };
        // All ranks take both tags, so that tags stay the same on all of them.
        let (packed, direct) = (comm.new_tag(), comm.new_tag());
        let has_packed = !outgoing.is_empty() || !incoming.is_empty();
        let link = has_packed.then(|| comm.link(packed, &total(&outgoing), &total(&incoming)));
        let has_direct = !sends.is_empty() || !receives.is_empty();
        let direct_transfers = has_direct.then(|| DirectTransfers::new(comm, direct, sends, receives));
        Exchange { local, outgoing, incoming, link, direct_transfers }
    }

    /// Cells that come in a message, by the patch that gets them.
    pub fn remote_targets(&self) -> impl Iterator<Item = (usize, Region)> + '_ {
        let packed = self.incoming.iter().flat_map(|m| &m.pieces).map(|(_, m)| m);
        let direct = self.direct_transfers.iter().flat_map(|p| &p.receives).map(|(_, m)| m);
        packed.chain(direct).map(|m| (m.copy.to.1, m.copy.target))
    }

    /// Messages that this rank sends, and the bytes of their cells.
    pub fn traffic(&self) -> (usize, usize) {
        let direct = || self.direct_transfers.iter().flat_map(|p| &p.sends);
        let packed: usize = self.outgoing.iter().map(|m| m.bytes).sum();
        (self.outgoing.len() + direct().count(), packed + direct().map(|(_, m)| m.bytes()).sum::<usize>())
    }

    /// True if messages are on their way from array to array: their memory must not be freed.
    pub fn is_under_way(&mut self) -> bool {
        self.direct_transfers.as_mut().is_some_and(DirectTransfers::is_under_way)
    }

    /// Packs and sends what is packed, then makes the local copies while it flies. `from` and `to` may be the same arrays.
    pub fn start(&mut self, comm: &Comm, from: &Arrays, to: &Arrays) {
        if let Some(link) = &mut self.link {
            // Who only sends has not waited for these messages yet.
            link.finish();
            for (i, message) in self.outgoing.iter().enumerate() {
                let bytes = link.outgoing(i);
                assert_eq!(bytes.len(), message.bytes, "length of send buffer {i} of the link, and of its message");
                let buffer = Buffer(bytes.as_mut_ptr());
                for_pieces(comm, message.pieces.len(), message.bytes, |p| {
                    let (place, m) = &message.pieces[p];
                    // SAFETY: the buffer has room for all pieces of this message, one after the other.
                    unsafe {
                        let to = packed_cells(buffer.at(*place), &m.copy.target, m.element);
                        copy_cells(m, source_cells(&from[m.from][m.copy.from.1], &m.copy), to);
                    }
                });
            }
            link.start();
        }
        let copy = |i: usize| {
            let m = &self.local[i];
            let (source, target) = (&from[m.from][m.copy.from.1], &to[m.to][m.copy.to.1]);
            // SAFETY: source cells are owned, target cells are a halo (or another array): they do not overlap, and no
            // two moves write the same cells.
            unsafe { copy_cells(m, source_cells(source, &m.copy), array_cells(target, &m.copy.target)) }
        };
        for_pieces(comm, self.local.len(), self.local.iter().map(Transfer::bytes).sum(), copy);
    }

    /// Sends what needs no packing, once nothing more is written to its halos: local copies and walls are done.
    ///
    /// # Safety
    /// Until [`Exchange::finish`] the arrays stay where they are, nobody writes to the fields sent, and nobody touches cells of
    /// [`Exchange::remote_targets`] and what lies between them.
    pub unsafe fn start_direct(&mut self, from: &Arrays, to: &Arrays) {
        if let Some(direct) = &mut self.direct_transfers {
            // SAFETY: the caller's promise.
            unsafe { direct.start(from, to) }
        }
    }

    /// Waits for the messages, and unpacks what is packed. True if there were any for this rank.
    pub fn finish(&mut self, comm: &Comm, to: &Arrays) -> bool {
        let mut received = false;
        if let Some(direct) = &mut self.direct_transfers {
            direct.finish();
            received = !direct.receives.is_empty();
        }
        // Who only sends need not wait here.
        let Some(link) = self.link.as_mut().filter(|_| !self.incoming.is_empty()) else { return received };
        link.finish();
        // Corners come onto what has travelled between the cells of whole planes.
        for (i, message) in self.incoming.iter().enumerate() {
            let bytes = link.incoming(i);
            assert_eq!(bytes.len(), message.bytes, "length of receive buffer {i} of the link, and of its message");
            let buffer = Buffer(bytes.as_ptr().cast_mut());
            for_pieces(comm, message.pieces.len(), message.bytes, |p| {
                let (place, m) = &message.pieces[p];
                let unpack = Transfer { negate: false, ..*m };
                // SAFETY: the sender packed the same pieces in the same order; nothing writes to the buffer.
                unsafe {
                    let from = packed_cells(buffer.at(*place), &m.copy.target, m.element);
                    copy_cells(&unpack, from, array_cells(&to[m.to][m.copy.to.1], &m.copy.target));
                }
            });
        }
        true
    }
}

/// The start of a message, for threads that work on different pieces of it.
#[derive(Clone, Copy)]
struct Buffer(*mut u8);
// SAFETY: a plain address; each use says why its pieces do not collide.
unsafe impl Sync for Buffer {}
impl Buffer {
    fn at(&self, place: usize) -> *mut u8 {
        self.0.wrapping_add(place)
    }
}
