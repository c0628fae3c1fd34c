//! Thread-local scratch memory, for rows that are computed in cache.
use crate::base::Lines;
use crate::base::memory::{LINE, Memory};
use halocline_kernels::stream::stream;
use std::cell::RefCell;

/// Calls `work` with this thread's scratch memory of at least `bytes` bytes, aligned to a cache line. The memory is kept from
/// call to call: page faults on a new allocation cost more than fusing gains.
pub(super) fn with_scratch<R>(bytes: usize, work: impl FnOnce(*mut u8) -> R) -> R {
    thread_local! { static OWN: RefCell<Option<Memory>> = const { RefCell::new(None) } }
    OWN.with_borrow_mut(|own| {
        if own.as_ref().is_none_or(|memory| memory.bytes() < bytes) {
            *own = None;
            *own = Some(Memory::zeroed(bytes).unwrap_or_else(|e| panic!("{}", e.what())));
        }
        work(own.as_ref().map_or(std::ptr::null_mut(), Memory::at))
    })
}

/// Writes by non-temporal stores the cache lines of a row that [`halocline_kernels::row::RowKernel::compute_and_stream`] leaves out: the
/// lines before its cells, and those from the last line that the cells do not fill to the end of the row.
///
/// # Safety
/// Both pointers must be the first cell of a row, valid for all cache lines of the row, which no other thread accesses;
/// `cells` is the number of bytes of the cells.
#[inline(always)]
pub(super) unsafe fn stream_ends(to: *mut u8, from: *const u8, lines: Lines, cells: usize) {
    let Lines { left, used } = lines;
    let whole = cells / LINE * LINE;
    // SAFETY: the contract of this function.
    unsafe {
        stream(to.wrapping_sub(left), from.wrapping_sub(left), left);
        stream(to.wrapping_add(whole), from.wrapping_add(whole), used - left - whole);
    }
}
