//! Executes exchange plans. Local copies are made row by row. Large remote transfers that are contiguous on both sides are
//! sent directly between the arrays; all others are packed into one message per neighbour.
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

/// A persistent exchange, which can be made any number of times: [`Exchange::start`], [`Exchange::start_direct`], [`Exchange::finish`].
pub struct Exchange {
    local: Vec<Transfer>,
    outgoing: Vec<Message>,
    incoming: Vec<Message>,
    link: Option<Box<dyn Link>>,
    direct_transfers: Option<DirectTransfers>,
}

/// A packed message: its transfers one after the other, cut into pieces that threads pack and unpack in parallel.
struct Message {
    peer: usize,
    bytes: usize,
    /// The pieces, each with its byte offset in the message.
    pieces: Vec<(usize, Transfer)>,
}

/// Bytes of a piece: the least work that is worth another thread.
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

/// Cuts a transfer into thinner ones along z, or along y if it is one cell thick along z.
fn pieces_of(m: &Transfer) -> Vec<Transfer> {
    let target = m.copy.target;
    let axis = if target.size()[0] > 1 { 0 } else { 1 };
    let n = target.size()[axis].max(1);
    let thick = n.div_ceil(m.bytes().div_ceil(PIECE).max(1)) as isize;
    let starts = (target.low[axis]..target.high[axis]).step_by(thick as usize);
    let part = |low: isize| target.with(axis, low, (low + thick).min(target.high[axis]));
    starts.map(|low| Transfer { copy: CopyRegion { target: part(low), ..m.copy }, ..*m }).collect()
}

/// Calls `f` for the pieces `0..n`, on all threads if the pieces have enough bytes.
fn for_pieces(comm: &Comm, n: usize, bytes: usize, f: impl Fn(usize) + Sync) {
    if bytes < 2 * PIECE { (0..n).for_each(f) } else { comm.threads().for_each(n, f) }
}

impl Exchange {
    /// Sets up the exchange of a plan made for the rank of `comm`. Collective.
    pub fn new(comm: &Comm, plan: ExchangePlan) -> Exchange {
        let messages = |transfers: BTreeMap<usize, Vec<Transfer>>| -> Vec<Message> {
            transfers.into_iter().map(|(peer, transfers)| Message::new(peer, &transfers)).collect()
        };
        let local = plan.local.iter().flat_map(pieces_of).collect();
        let (outgoing, incoming) = (messages(plan.outgoing), messages(plan.incoming));
        let (sends, receives) = (plan.sends, plan.receives);
        let total = |all: &[Message]| -> Vec<(usize, usize)> { all.iter().map(|m| (m.peer, m.bytes)).collect() };
        // Every rank takes both tags, whether it needs them or not, so that tags agree on all ranks.
        let (packed, direct) = (comm.new_tag(), comm.new_tag());
        let has_packed = !outgoing.is_empty() || !incoming.is_empty();
        let link = has_packed.then(|| comm.link(packed, &total(&outgoing), &total(&incoming)));
        let has_direct = !sends.is_empty() || !receives.is_empty();
        let direct_transfers = has_direct.then(|| DirectTransfers::new(comm, direct, sends, receives));
        Exchange { local, outgoing, incoming, link, direct_transfers }
    }

    /// The cells that are received in messages, each region with the index of its patch.
    pub fn remote_targets(&self) -> impl Iterator<Item = (usize, Region)> + '_ {
        let packed = self.incoming.iter().flat_map(|m| &m.pieces).map(|(_, m)| m);
        let direct = self.direct_transfers.iter().flat_map(|p| &p.receives).map(|(_, m)| m);
        packed.chain(direct).map(|m| (m.copy.to.1, m.copy.target))
    }

    /// The number of messages that this rank sends, and the bytes of their cells.
    pub fn traffic(&self) -> (usize, usize) {
        let direct = || self.direct_transfers.iter().flat_map(|p| &p.sends);
        let packed: usize = self.outgoing.iter().map(|m| m.bytes).sum();
        (self.outgoing.len() + direct().count(), packed + direct().map(|(_, m)| m.bytes()).sum::<usize>())
    }

    /// True while direct transfers may still access the arrays: their memory must not be freed.
    pub fn is_under_way(&mut self) -> bool {
        self.direct_transfers.as_mut().is_some_and(DirectTransfers::is_under_way)
    }

    /// Packs and sends the packed messages, then makes the local copies while the messages are in transit. `from` and `to`
    /// may be the same arrays.
    pub fn start(&mut self, comm: &Comm, from: &Arrays, to: &Arrays) {
        if let Some(link) = &mut self.link {
            // A rank that only sends must still complete its previous round here.
            link.finish();
            for (i, message) in self.outgoing.iter().enumerate() {
                let bytes = link.outgoing(i);
                assert_eq!(bytes.len(), message.bytes, "length of send buffer {i} of the link, and of its message");
                let buffer = Buffer(bytes.as_mut_ptr());
                for_pieces(comm, message.pieces.len(), message.bytes, |p| {
                    let (place, m) = &message.pieces[p];
                    // SAFETY: the buffer holds all pieces of this message one after the other, so pieces do not overlap, and the
                    // source cells lie in an array.
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
            // two transfers write the same cells.
            unsafe { copy_cells(m, source_cells(source, &m.copy), array_cells(target, &m.copy.target)) }
        };
        for_pieces(comm, self.local.len(), self.local.iter().map(Transfer::bytes).sum(), copy);
    }

    /// Starts the direct transfers, once local copies and boundary conditions no longer write to the halos sent with them.
    ///
    /// # Safety
    /// Until [`Exchange::finish`] returns, the arrays must stay allocated, the fields sent must not be written, and the cells
    /// of [`Exchange::remote_targets`] and the memory between them must be neither read nor written.
    pub unsafe fn start_direct(&mut self, from: &Arrays, to: &Arrays) {
        if let Some(direct) = &mut self.direct_transfers {
            // SAFETY: the contract of this function.
            unsafe { direct.start(from, to) }
        }
    }

    /// Waits for the messages and unpacks the packed ones. Returns true if this rank has received any.
    pub fn finish(&mut self, comm: &Comm, to: &Arrays) -> bool {
        let mut received = false;
        if let Some(direct) = &mut self.direct_transfers {
            direct.finish();
            received = !direct.receives.is_empty();
        }
        // A rank that only sends packed messages need not wait here.
        let Some(link) = self.link.as_mut().filter(|_| !self.incoming.is_empty()) else { return received };
        link.finish();
        // Corners are unpacked last: direct transfers have overwritten them with cells from between their rows.
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

/// The address of a message, shared by threads that access different pieces of it.
#[derive(Clone, Copy)]
struct Buffer(*mut u8);
// SAFETY: this is only an address; each dereference states why its pieces do not overlap.
unsafe impl Sync for Buffer {}
impl Buffer {
    fn at(&self, place: usize) -> *mut u8 {
        self.0.wrapping_add(place)
    }
}
