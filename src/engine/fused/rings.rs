//! Where rows lie while a block is computed: in rings of planes that stay in cache, one for each version of a field.
use crate::field::Lines;
use crate::field::memory::{LINE, Memory};
use std::cell::RefCell;

/// Planes of rows in a thread's own memory: plane p lies where plane p − `planes` was.
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
}

impl Ring {
    /// A ring of rows `first..first + rows` at the beginning of some memory, and the bytes that it takes.
    pub fn new(memory: *mut u8, planes: isize, first: isize, rows: isize, lines: Lines) -> (Ring, usize) {
        let stride = stride(lines);
        let plane = rows * stride + 4 * LINE as isize;
        let ring = Ring { at: memory.wrapping_add(lines.left), planes, plane, stride, first };
        (ring, (planes * plane) as usize)
    }

    /// The first owned cell of a row.
    #[inline(always)]
    pub fn row(&self, plane: isize, row: isize) -> *mut u8 {
        let place = plane.rem_euclid(self.planes) * self.plane + (row - self.first) * self.stride;
        self.at.wrapping_offset(place)
    }
}

/// Bytes from row to row, so that rows do not fight for the same sets of the first cache.
pub(in crate::engine) fn stride(lines: Lines) -> isize {
    let used = lines.used;
    (if used % 4096 < 2 * LINE { used + 2 * LINE } else { used }) as isize
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

/// Copies whole cache lines past the caches, so that no line is read only to be overwritten.
///
/// # Safety
/// Both must be valid for so many bytes, a multiple of a cache line, and begin on one.
#[inline(always)]
pub(in crate::engine) unsafe fn stream(to: *mut u8, from: *const u8, bytes: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the caller's promise; every CPU of this architecture has SSE2.
    unsafe {
        use std::arch::x86_64::{__m128i, _mm_load_si128, _mm_stream_si128};
        for i in (0..bytes).step_by(16) {
            _mm_stream_si128(to.add(i).cast::<__m128i>(), _mm_load_si128(from.add(i).cast::<__m128i>()));
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    // SAFETY: the caller's promise; a thread's own memory does not overlap a field.
    unsafe {
        std::ptr::copy_nonoverlapping(from, to, bytes)
    }
}

/// Makes streamed lines visible to other threads before what follows.
pub(in crate::engine) fn fence() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every CPU of this architecture has it.
    unsafe {
        std::arch::x86_64::_mm_sfence()
    }
}
