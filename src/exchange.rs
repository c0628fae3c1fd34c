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
    outgoing: Vec<(usize, Vec<Move>)>,
    incoming: Vec<(usize, Vec<Move>)>,
    link: Option<Box<dyn Link>>,
}

impl Exchange {
    /// From the moves that every rank wants (`wanted(rank)`, in an order that does not depend on who asks). Collective.
    pub fn new(comm: &Comm, tag: u32, wanted: impl Fn(usize) -> Vec<Move>) -> Exchange {
        let me = comm.rank();
        let (mut local, mut incoming, mut outgoing) = (vec![], BTreeMap::new(), BTreeMap::new());
        for rank in 0..comm.size() {
            for m in wanted(rank) {
                match (m.copy.from.0 == me, rank == me) {
                    (true, true) => local.push(m),
                    (true, false) => outgoing.entry(rank).or_insert_with(Vec::new).push(m),
                    (false, true) => incoming.entry(m.copy.from.0).or_insert_with(Vec::new).push(m),
                    (false, false) => {}
                }
            }
        }
        let total = |messages: &BTreeMap<usize, Vec<Move>>| -> Vec<(usize, usize)> {
            messages.iter().map(|(peer, moves)| (*peer, moves.iter().map(Move::bytes).sum())).collect()
        };
        let link = (comm.size() > 1).then(|| comm.link(tag, &total(&outgoing), &total(&incoming)));
        Exchange { local, outgoing: outgoing.into_iter().collect(), incoming: incoming.into_iter().collect(), link }
    }

    /// Messages that a rank of so many would send, and their bytes.
    pub fn sent(me: usize, ranks: usize, wanted: impl Fn(usize) -> Vec<Move>) -> (usize, usize) {
        let to = |rank: usize| -> usize {
            wanted(rank).iter().filter(|m| m.copy.from.0 == me).map(Move::bytes).sum()
        };
        let messages: Vec<usize> = (0..ranks).filter(|&r| r != me).map(to).filter(|&bytes| bytes > 0).collect();
        (messages.len(), messages.iter().sum())
    }

    /// Cells that come in a message, by the patch that gets them.
    pub fn remote_targets(&self) -> impl Iterator<Item = (usize, Region)> + '_ {
        self.incoming.iter().flat_map(|(_, moves)| moves).map(|m| (m.copy.to.1, m.copy.target))
    }

    /// Messages that this rank sends, and their bytes.
    pub fn traffic(&self) -> (usize, usize) {
        (self.outgoing.len(), self.outgoing.iter().flat_map(|(_, moves)| moves).map(Move::bytes).sum())
    }

    /// Packs and sends, then makes the local copies while messages fly. `from` and `to` may be the same arrays.
    pub fn start(&mut self, comm: &Comm, from: &Arrays, to: &Arrays) {
        if let Some(link) = &mut self.link {
            // Who only sends has not waited for these messages yet.
            link.finish();
            for (i, (_, moves)) in self.outgoing.iter().enumerate() {
                let mut at = link.outgoing(i).as_mut_ptr();
                for m in moves {
                    // SAFETY: the buffer has room for all moves of this message, one after the other.
                    unsafe {
                        carry(m, end(&from[m.from][m.copy.from.1], &m.copy), packed(at, &m.copy.target, m.element));
                        at = at.add(m.bytes());
                    }
                }
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
        comm.threads().for_each(self.local.len(), copy);
    }

    /// Waits for the messages and unpacks them.
    pub fn finish(&mut self, to: &Arrays) {
        let Some(link) = &mut self.link else { return };
        link.finish();
        for (i, (_, moves)) in self.incoming.iter().enumerate() {
            let mut at = link.incoming(i).as_ptr();
            for m in moves {
                let unpack = Move { negate: false, ..*m };
                // SAFETY: the sender packed the same moves in the same order.
                unsafe {
                    let from = packed(at.cast_mut(), &m.copy.target, m.element);
                    carry(&unpack, from, whole(&to[m.to][m.copy.to.1], &m.copy.target));
                    at = at.add(m.bytes());
                }
            }
        }
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
    let rows = from.strides[2] == size as isize && to.strides[2] == size as isize;
    for z in 0..nz as isize {
        for y in 0..ny as isize {
            // SAFETY: within both ends, by the caller's promise.
            unsafe {
                let source = from.at.offset(z * from.strides[0] + y * from.strides[1]).cast_const();
                let target = to.at.offset(z * to.strides[0] + y * to.strides[1]);
                if rows {
                    std::ptr::copy_nonoverlapping(source, target, nx * size);
                } else {
                    match size {
                        4 => scatter::<u32>(source, from.strides[2], target, to.strides[2], nx),
                        8 => scatter::<u64>(source, from.strides[2], target, to.strides[2], nx),
                        _ => scatter::<[u64; 2]>(source, from.strides[2], target, to.strides[2], nx),
                    }
                }
                if m.negate {
                    match m.element {
                        ElementType::F32 | ElementType::C32 => negate::<u32>(target, nx * size / 4, 1 << 31),
                        ElementType::F64 | ElementType::C64 => negate::<u64>(target, nx * size / 8, 1 << 63),
                    }
                }
            }
        }
    }
}

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
