//! Carrying out copy plans: local boxes row by row; of the others, large ones that are one piece of memory on both sides
//! straight from there to there, the rest packed into one message for each neighbour.
mod carry;
mod direct;
#[cfg(test)]
mod tests;

use crate::base::Array;
use crate::base::Region;
use crate::comm::{Comm, Link};
use crate::program::copies::Copy;
use carry::{carry, end, packed, whole};
use direct::{Planes, is_direct};
use halocline_kernels::ElementType;
use std::collections::BTreeMap;

/// A copy of cells of one field into another (usually the same), with the sign changed where a vector component turns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Move {
    /// The boxes.
    pub copy: Copy,
    /// Field to read.
    pub from: usize,
    /// Field to write.
    pub to: usize,
    /// Change the sign on the way.
    pub negate: bool,
    /// Bytes of one number.
    pub element: ElementType,
    /// It is one piece of memory on both sides, and large enough to be a message of its own.
    pub contiguous: bool,
}

impl Move {
    fn bytes(&self) -> usize {
        self.copy.target.cells() * self.element.size()
    }
}

/// The arrays of all fields on this rank: `[field][patch]`.
pub type Arrays = [Vec<Array>];

/// A list of moves, ready to be made any number of times: [`Exchange::start`], [`Exchange::launch`], [`Exchange::finish`].
pub struct Exchange {
    local: Vec<Move>,
    outgoing: Vec<Message>,
    incoming: Vec<Message>,
    link: Option<Box<dyn Link>>,
    planes: Option<Planes>,
}

/// The moves that travel together, one after the other, each cut into pieces that threads may carry side by side.
struct Message {
    peer: usize,
    bytes: usize,
    /// With the place of the first byte in the message.
    pieces: Vec<(usize, Move)>,
}

/// Bytes of a piece; fewer are not worth another thread.
const PIECE: usize = 32 << 10;

impl Message {
    fn new(peer: usize, moves: &[Move]) -> Message {
        let (mut bytes, mut pieces) = (0, vec![]);
        for piece in moves.iter().flat_map(pieces_of) {
            pieces.push((bytes, piece));
            bytes += piece.bytes();
        }
        Message { peer, bytes, pieces }
    }
}

/// A move cut into thinner ones along z, or along y where it is one cell thick.
fn pieces_of(m: &Move) -> Vec<Move> {
    let target = m.copy.target;
    let axis = if target.size()[0] > 1 { 0 } else { 1 };
    let n = target.size()[axis].max(1);
    let thick = n.div_ceil(m.bytes().div_ceil(PIECE).max(1)) as isize;
    let starts = (target.low[axis]..target.high[axis]).step_by(thick as usize);
    let part = |low: isize| target.with(axis, low, (low + thick).min(target.high[axis]));
    starts.map(|low| Move { copy: Copy { target: part(low), ..m.copy }, ..*m }).collect()
}

/// Calls `f` for pieces 0..n, on several threads where there is enough to do for them.
fn for_pieces(comm: &Comm, n: usize, bytes: usize, f: impl Fn(usize) + Sync) {
    if bytes < 2 * PIECE { (0..n).for_each(f) } else { comm.threads().for_each(n, f) }
}

/// How a move is made.
enum Way {
    Local,
    Direct,
    Packed,
}

/// The moves that a rank wants, each with its way: the same whoever asks.
fn ways(rank: usize, moves: Vec<Move>) -> impl Iterator<Item = (Move, Way)> {
    (0..moves.len()).map(move |i| match moves[i] {
        m if m.copy.from.0 == rank => (m, Way::Local),
        m if is_direct(rank, &moves, i) => (m, Way::Direct),
        m => (m, Way::Packed),
    })
}

impl Exchange {
    /// From the moves that every rank wants (`wanted(rank)`, in an order that does not depend on who asks). Collective.
    pub fn new(comm: &Comm, wanted: impl Fn(usize) -> Vec<Move>) -> Exchange {
        let me = comm.rank();
        let (mut local, mut incoming, mut outgoing) = (vec![], BTreeMap::new(), BTreeMap::new());
        let (mut sends, mut receives) = (vec![], vec![]);
        for rank in 0..comm.size() {
            for (m, way) in ways(rank, wanted(rank)) {
                let from = m.copy.from.0;
                match (way, from == me, rank == me) {
                    (Way::Local, true, true) => local.extend(pieces_of(&m)),
                    (Way::Direct, true, false) => sends.push((rank, m)),
                    (Way::Direct, false, true) => receives.push((from, m)),
                    (Way::Packed, true, false) => outgoing.entry(rank).or_insert_with(Vec::new).push(m),
                    (Way::Packed, false, true) => incoming.entry(from).or_insert_with(Vec::new).push(m),
                    _ => {}
                }
            }
        }
        let messages = |moves: BTreeMap<usize, Vec<Move>>| -> Vec<Message> {
            moves.into_iter().map(|(peer, moves)| Message::new(peer, &moves)).collect()
        };
        let (outgoing, incoming) = (messages(outgoing), messages(incoming));
        let total = |all: &[Message]| -> Vec<(usize, usize)> { all.iter().map(|m| (m.peer, m.bytes)).collect() };
        // Tags are taken by all ranks, whoever needs them.
        let (packed, direct) = (comm.new_tag(), comm.new_tag());
        let has_packed = !outgoing.is_empty() || !incoming.is_empty();
        let link = has_packed.then(|| comm.link(packed, &total(&outgoing), &total(&incoming)));
        let has_direct = !sends.is_empty() || !receives.is_empty();
        let planes = has_direct.then(|| Planes::new(comm, direct, sends, receives));
        Exchange { local, outgoing, incoming, link, planes }
    }

    /// Messages that a rank of so many would send, and the bytes of their cells.
    pub fn sent(me: usize, ranks: usize, wanted: impl Fn(usize) -> Vec<Move>) -> (usize, usize) {
        let (mut messages, mut bytes) = (0, 0);
        for rank in (0..ranks).filter(|&r| r != me) {
            let mut packed = 0;
            for (m, way) in ways(rank, wanted(rank)).filter(|(m, _)| m.copy.from.0 == me) {
                match way {
                    Way::Direct => messages += 1,
                    _ => packed = 1,
                }
                bytes += m.bytes();
            }
            messages += packed;
        }
        (messages, bytes)
    }

    /// Cells that come in a message, by the patch that gets them.
    pub fn remote_targets(&self) -> impl Iterator<Item = (usize, Region)> + '_ {
        let packed = self.incoming.iter().flat_map(|m| &m.pieces).map(|(_, m)| m);
        let direct = self.planes.iter().flat_map(|p| &p.receives).map(|(_, m)| m);
        packed.chain(direct).map(|m| (m.copy.to.1, m.copy.target))
    }

    /// Messages that this rank sends, and the bytes of their cells.
    pub fn traffic(&self) -> (usize, usize) {
        let planes = || self.planes.iter().flat_map(|p| &p.sends);
        let packed: usize = self.outgoing.iter().map(|m| m.bytes).sum();
        (self.outgoing.len() + planes().count(), packed + planes().map(|(_, m)| m.bytes()).sum::<usize>())
    }

    /// True if messages are on their way from array to array: their memory must not be freed.
    pub fn is_under_way(&mut self) -> bool {
        self.planes.as_mut().is_some_and(Planes::is_under_way)
    }

    /// Packs and sends what is packed, then makes the local copies while it flies. `from` and `to` may be the same arrays.
    pub fn start(&mut self, comm: &Comm, from: &Arrays, to: &Arrays) {
        if let Some(link) = &mut self.link {
            // Who only sends has not waited for these messages yet.
            link.finish();
            for (i, message) in self.outgoing.iter().enumerate() {
                let buffer = Buffer(link.outgoing(i).as_mut_ptr());
                for_pieces(comm, message.pieces.len(), message.bytes, |p| {
                    let (place, m) = &message.pieces[p];
                    // SAFETY: the buffer has room for all pieces of this message, one after the other.
                    unsafe {
                        let to = packed(buffer.at(*place), &m.copy.target, m.element);
                        carry(m, end(&from[m.from][m.copy.from.1], &m.copy), to);
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
            unsafe { carry(m, end(source, &m.copy), whole(target, &m.copy.target)) }
        };
        for_pieces(comm, self.local.len(), self.local.iter().map(Move::bytes).sum(), copy);
    }

    /// Sends what needs no packing, once nothing more is written to its halos: local copies and walls are done.
    ///
    /// # Safety
    /// Until [`Exchange::finish`] the arrays stay where they are, nobody writes to the fields sent, and nobody touches cells of
    /// [`Exchange::remote_targets`] and what lies between them.
    pub unsafe fn launch(&mut self, from: &Arrays, to: &Arrays) {
        if let Some(planes) = &mut self.planes {
            // SAFETY: the caller's promise.
            unsafe { planes.start(from, to) }
        }
    }

    /// Waits for the messages, and unpacks what is packed. True if there were any for this rank.
    pub fn finish(&mut self, comm: &Comm, to: &Arrays) -> bool {
        let mut received = false;
        if let Some(planes) = &mut self.planes {
            planes.finish();
            received = !planes.receives.is_empty();
        }
        // Who only sends need not wait here.
        let Some(link) = self.link.as_mut().filter(|_| !self.incoming.is_empty()) else { return received };
        link.finish();
        // Corners come onto what has travelled between the cells of whole planes.
        for (i, message) in self.incoming.iter().enumerate() {
            let buffer = Buffer(link.incoming(i).as_ptr().cast_mut());
            for_pieces(comm, message.pieces.len(), message.bytes, |p| {
                let (place, m) = &message.pieces[p];
                let unpack = Move { negate: false, ..*m };
                // SAFETY: the sender packed the same pieces in the same order; nothing writes to the buffer.
                unsafe {
                    let from = packed(buffer.at(*place), &m.copy.target, m.element);
                    carry(&unpack, from, whole(&to[m.to][m.copy.to.1], &m.copy.target));
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
