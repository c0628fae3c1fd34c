//! Memory of each thread's own, for rows that are computed in cache.
use crate::base::Lines;
use crate::base::memory::{LINE, Memory};
use halocline_kernels::stream::stream;
use std::cell::RefCell;

/// Lends this thread's own memory, at least so many bytes from a cache line on. It is kept from call to call: fresh pages
/// each time cost more than fusing gains.
pub(super) fn with_scratch<R>(bytes: usize, work: impl FnOnce(*mut u8) -> R) -> R {
    thread_local! { static OWN: RefCell<Option<Memory>> = const { RefCell::new(None) } }
    OWN.with_borrow_mut(|own| {
        if own.as_ref().is_none_or(|memory| memory.bytes() < bytes) {
            *own = None;
            *own = Some(Memory::zeroed(bytes));
        }
        work(own.as_ref().map_or(std::ptr::null_mut(), Memory::at))
    })
}

/// Streams those lines of a row that [`halocline_kernels::row::RowKernel::compute_and_stream`] leaves: what is before its cells,
/// and from the last line that they do not fill to the end.
///
/// # Safety
/// Both must be the first of a row's cells, with all its lines, which nobody else looks at; `cells` are the bytes of cells.
#[inline(always)]
pub(super) unsafe fn stream_ends(to: *mut u8, from: *const u8, lines: Lines, cells: usize) {
    let Lines { left, used } = lines;
    let whole = cells / LINE * LINE;
    // SAFETY: the caller's promise.
    unsafe {
        stream(to.wrapping_sub(left), from.wrapping_sub(left), left);
        stream(to.wrapping_add(whole), from.wrapping_add(whole), used - left - whole);
    }
}
