//! Where rows lie while a block is computed: in rings of planes that stay in cache, one for all versions of a
//! field that are read.
use super::homes::Home;
use crate::base::Lines;
use crate::base::memory::{LINE, Memory};
use halocline_kernels::stream::stream;
use std::cell::RefCell;

/// Planes of rows in a thread's own memory, as one version sees them: plane p lies where plane p − `planes` was.
#[derive(Clone, Copy)]
pub(super) struct Ring {
    /// The first owned cell of row `first` in the first place.
    at: *mut u8,
    planes: isize,
    /// Bytes from plane to plane and from row to row.
    plane: isize,
    pub stride: isize,
    /// The lowest row that it holds.
    first: isize,
    /// The plane in the first place.
    turn: isize,
}

impl Ring {
    /// A ring of rows `first..first + rows` at the beginning of some memory, and the bytes that it takes.
    pub fn new(memory: *mut u8, planes: isize, first: isize, rows: isize, lines: Lines) -> (Ring, usize) {
        let stride = lines.stride() as isize;
        let plane = rows * stride + 4 * LINE as isize;
        let ring = Ring { at: memory.wrapping_add(lines.left), planes, plane, stride, first, turn: 0 };
        (ring, (planes * plane) as usize)
    }

    /// As the version sees it that lives there.
    pub fn seen_from(self, home: Home) -> Ring {
        Ring { first: self.first + home.rows, turn: home.turn, ..self }
    }

    /// The first owned cell of a row.
    #[inline(always)]
    pub fn row(&self, plane: isize, row: isize) -> *mut u8 {
        let place = (plane - self.turn).rem_euclid(self.planes) * self.plane + (row - self.first) * self.stride;
        self.at.wrapping_offset(place)
    }
}

/// Lends this thread's own memory, at least so many bytes from a cache line on. It is kept from call to call: fresh pages
/// each time cost more than fusing gains.
pub(in crate::engine) fn with_memory<R>(bytes: usize, work: impl FnOnce(*mut u8) -> R) -> R {
    thread_local! { static OWN: RefCell<Option<Memory>> = const { RefCell::new(None) } }
    OWN.with_borrow_mut(|own| {
        if own.as_ref().is_none_or(|memory| memory.bytes() < bytes) {
            *own = None;
            *own = Some(Memory::zeroed(bytes));
        }
        work(own.as_ref().map_or(std::ptr::null_mut(), Memory::at))
    })
}

/// Streams those lines of a row that [`halocline_kernels::row::Row::compute_and_stream`] leaves: what is before its cells,
/// and from the last line that they do not fill to the end.
///
/// # Safety
/// Both must be the first of a row's cells, with all its lines, which nobody else looks at; `cells` are the bytes of cells.
#[inline(always)]
pub(in crate::engine) unsafe fn stream_ends(to: *mut u8, from: *const u8, lines: Lines, cells: usize) {
    let Lines { left, used } = lines;
    let whole = cells / LINE * LINE;
    // SAFETY: the caller's promise.
    unsafe {
        stream(to.wrapping_sub(left), from.wrapping_sub(left), left);
        stream(to.wrapping_add(whole), from.wrapping_add(whole), used - left - whole);
    }
}
