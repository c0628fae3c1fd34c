//! Ring buffers of planes that stay in cache while a block is computed. All values of a field that are read share one.
use crate::base::Lines;
use crate::base::memory::LINE;
use crate::program::fusion::Slot;

/// A ring buffer of planes in a thread's scratch memory, with the offsets of one value: plane p takes the slot of plane
/// p − `planes`.
#[derive(Clone, Copy)]
pub(super) struct RingBuffer {
    /// The first owned cell of row `first` in the first slot.
    at: *mut u8,
    planes: isize,
    /// Bytes from plane to plane and from row to row.
    plane: isize,
    pub stride: isize,
    /// The lowest row that it holds.
    first: isize,
    /// The plane in the first slot.
    shift: isize,
}

impl RingBuffer {
    /// A ring buffer of rows `first..first + rows` at the start of `memory`, and the bytes that it takes.
    pub fn new(memory: *mut u8, planes: isize, first: isize, rows: isize, lines: Lines) -> (RingBuffer, usize) {
        let stride = lines.stride() as isize;
        let plane = rows * stride + 4 * LINE as isize;
        let ring = RingBuffer { at: memory.wrapping_add(lines.left), planes, plane, stride, first, shift: 0 };
        (ring, (planes * plane) as usize)
    }

    /// The ring buffer with the offsets of the value in `slot`.
    pub fn seen_from(self, slot: Slot) -> RingBuffer {
        RingBuffer { first: self.first + slot.rows, shift: slot.shift, ..self }
    }

    /// The first owned cell of a row.
    #[inline(always)]
    pub fn row(&self, plane: isize, row: isize) -> *mut u8 {
        let place = (plane - self.shift).rem_euclid(self.planes) * self.plane + (row - self.first) * self.stride;
        self.at.wrapping_offset(place)
    }
}
