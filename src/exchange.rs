//! Carrying out copy plans: local boxes row by row, the others packed into one message for each neighbour.
use crate::comm::{Comm, Link};
use crate::field::Array;
use crate::region::Region;
use crate::traffic::Copy;
use crate::turn::Turn;
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
}

impl Move {
    fn bytes(&self) -> usize {
        self.copy.target.cells() * self.element.size()
    }
}

/// The arrays of all fields on this rank: `[field][patch]`.
pub type Arrays = [Vec<Array>];

/// A list of moves, ready to be made any number of times.
pub struct Exchange {
    local: Vec<Move>,
    outgoing: Vec<Message>,
    incoming: Vec<Message>,
    link: Option<Box<dyn Link>>,
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

impl Exchange {
    /// From the moves that every rank wants (`wanted(rank)`, in an order that does not depend on who asks). Collective.
    pub fn new(comm: &Comm, wanted: impl Fn(usize) -> Vec<Move>) -> Exchange {
        let me = comm.rank();
        let (mut local, mut incoming, mut outgoing) = (vec![], BTreeMap::new(), BTreeMap::new());
        for rank in 0..comm.size() {
            for m in wanted(rank) {
                match (m.copy.from.0 == me, rank == me) {
                    (true, true) => local.extend(pieces_of(&m)),
                    (true, false) => outgoing.entry(rank).or_insert_with(Vec::new).push(m),
                    (false, true) => incoming.entry(m.copy.from.0).or_insert_with(Vec::new).push(m),
                    (false, false) => {}
                }
            }
        }
        let messages = |moves: BTreeMap<usize, Vec<Move>>| -> Vec<Message> {
            moves.into_iter().map(|(peer, moves)| Message::new(peer, &moves)).collect()
        };
        let (outgoing, incoming) = (messages(outgoing), messages(incoming));
        let total = |all: &[Message]| -> Vec<(usize, usize)> { all.iter().map(|m| (m.peer, m.bytes)).collect() };
        let link = (comm.size() > 1).then(|| comm.link(comm.new_tag(), &total(&outgoing), &total(&incoming)));
        Exchange { local, outgoing, incoming, link }
    }

    /// Messages that a rank of so many would send, and their bytes.
    pub fn sent(me: usize, ranks: usize, wanted: impl Fn(usize) -> Vec<Move>) -> (usize, usize) {
        let to = |rank: usize| -> usize { wanted(rank).iter().filter(|m| m.copy.from.0 == me).map(Move::bytes).sum() };
        let messages: Vec<usize> = (0..ranks).filter(|&r| r != me).map(to).filter(|&bytes| bytes > 0).collect();
        (messages.len(), messages.iter().sum())
    }

    /// Cells that come in a message, by the patch that gets them.
    pub fn remote_targets(&self) -> impl Iterator<Item = (usize, Region)> + '_ {
        self.incoming.iter().flat_map(|m| &m.pieces).map(|(_, m)| (m.copy.to.1, m.copy.target))
    }

    /// Messages that this rank sends, and their bytes.
    pub fn traffic(&self) -> (usize, usize) {
        (self.outgoing.len(), self.outgoing.iter().map(|m| m.bytes).sum())
    }

    /// Packs and sends, then makes the local copies while messages fly. `from` and `to` may be the same arrays.
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

    /// Waits for the messages and unpacks them.
    pub fn finish(&mut self, comm: &Comm, to: &Arrays) {
        let Some(link) = &mut self.link else { return };
        link.finish();
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

/// One end of a copy: the first cell, and bytes from cell to cell along the target's axes.
#[derive(Clone, Copy)]
struct End {
    at: *mut u8,
    strides: [isize; 3],
}

/// Cells of an array in its own order of axes.
fn whole(array: &Array, region: &Region) -> End {
    assert!(array.padded().contains(region), "{region:?} lies outside {:?}", array.padded());
    let strides = [array.plane_stride(), array.row_stride(), array.element().size() as isize];
    End { at: array.cell_mut(region.low), strides }
}

/// The source cells of a copy, walked along the target's axes.
fn end(array: &Array, copy: &Copy) -> End {
    let Turn { to, .. } = copy.turn;
    let own = whole(array, &copy.turn.region(&copy.target)).strides;
    let strides = to.map(|h| if h.reversed { -own[h.axis] } else { own[h.axis] });
    End { at: array.cell_mut(copy.turn.index(copy.target.low)), strides }
}

/// Cells packed one after the other.
fn packed(at: *mut u8, region: &Region, element: ElementType) -> End {
    let ([_, ny, nx], size) = (region.size(), element.size() as isize);
    End { at, strides: [(ny * nx) as isize * size, nx as isize * size, size] }
}

/// # Safety
/// Both ends must be valid for all cells of the move, and not overlap.
unsafe fn carry(m: &Move, from: End, to: End) {
    let [nz, ny, nx] = m.copy.target.size();
    let size = m.element.size();
    let rows = from.strides[2] == size as isize && to.strides[2] == size as isize && nx * size > SHORT;
    // What is not copied row by row goes cell by cell along the longer axis: a face across x is a cell or two wide.
    let (inner, outer, lines, cells) = if nx < ny { (1, 2, nx, ny) } else { (2, 1, ny, nx) };
    for z in 0..nz as isize {
        let at = |axis: usize, i: isize| {
            let place = |end: End| end.at.wrapping_offset(z * end.strides[0] + i * end.strides[axis]);
            (place(from).cast_const(), place(to))
        };
        if rows {
            for (source, target) in (0..ny as isize).map(|y| at(1, y)) {
                // SAFETY: within both ends, by the caller's promise.
                unsafe { std::ptr::copy_nonoverlapping(source, target, nx * size) }
            }
        } else {
            for (source, target) in (0..lines as isize).map(|i| at(outer, i)) {
                let (step, stride) = (from.strides[inner], to.strides[inner]);
                // SAFETY: as above.
                unsafe {
                    match size {
                        4 => scatter::<u32>(source, step, target, stride, cells),
                        8 => scatter::<u64>(source, step, target, stride, cells),
                        _ => scatter::<[u64; 2]>(source, step, target, stride, cells),
                    }
                }
            }
        }
        if m.negate {
            for (_, target) in (0..ny as isize).map(|y| at(1, y)) {
                // SAFETY: as above.
                unsafe {
                    match m.element {
                        ElementType::F32 | ElementType::C32 => negate::<u32>(target, nx * size / 4, 1 << 31),
                        ElementType::F64 | ElementType::C64 => negate::<u64>(target, nx * size / 8, 1 << 63),
                    }
                }
            }
        }
    }
}

/// Bytes of a row up to which a call to copy it costs more than going cell by cell.
const SHORT: usize = 64;

/// # Safety
/// `n` cells must be valid on both sides.
unsafe fn scatter<U: std::marker::Copy>(from: *const u8, step: isize, to: *mut u8, stride: isize, n: usize) {
    for i in 0..n as isize {
        // SAFETY: by the caller's promise. In a message a wide number may follow a narrow one, so nothing is aligned.
        unsafe { to.offset(i * stride).cast::<U>().write_unaligned(from.offset(i * step).cast::<U>().read_unaligned()) }
    }
}

/// Changes the sign of floats by their bits, which is exact for all numbers. Only rows can be negated.
///
/// # Safety
/// `n` floats must be valid.
unsafe fn negate<U: std::marker::Copy + std::ops::BitXorAssign>(at: *mut u8, n: usize, sign: U) {
    for i in 0..n {
        // SAFETY: by the caller's promise; not aligned, as above.
        unsafe {
            let mut bits = at.cast::<U>().add(i).read_unaligned();
            bits ^= sign;
            at.cast::<U>().add(i).write_unaligned(bits);
        }
    }
}
