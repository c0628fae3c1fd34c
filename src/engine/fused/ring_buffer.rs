//! Where rows lie while a block is computed: in rings of planes that stay in cache, one for all values of a
//! field that are read.
use crate::base::Lines;
use crate::base::memory::LINE;
use crate::program::fusion::Slot;

/// Planes of rows in a thread's own memory, as one value sees them: plane p lies where plane p − `planes` was.
#[derive(Clone, Copy)]
pub(super) struct RingBuffer {
    /// The first owned cell of row `first` in the first place.
    at: *mut u8,
    planes: isize,
    /// Bytes from plane to plane and from row to row.
    plane: isize,
    pub stride: isize,
    /// The lowest row that it holds.
    first: isize,
    /// The plane in the first place.
    shift: isize,
}

impl RingBuffer {
    /// A ring of rows `first..first + rows` at the beginning of some memory, and the bytes that it takes.
    pub fn new(memory: *mut u8, planes: isize, first: isize, rows: isize, lines: Lines) -> (RingBuffer, usize) {
        let stride = lines.stride() as isize;
        let plane = rows * stride + 4 * LINE as isize;
        let ring = RingBuffer { at: memory.wrapping_add(lines.left), planes, plane, stride, first, shift: 0 };
        (ring, (planes * plane) as usize)
    }

    /// As the value sees it that lives there.
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
