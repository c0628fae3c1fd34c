//! Raw memory: aligned, zeroed on first touch, in huge pages if it is large.
use super::{Error, Result};
use std::alloc::{Layout, alloc_zeroed, dealloc};

/// Bytes of a cache line.
pub(crate) const LINE: usize = 64;
/// Bytes of a huge page, and the size from which memory is mapped in huge pages (except under a sanitizer, which tracks
/// only memory of the allocator).
const HUGE: usize = 2 << 20;

/// A block of zeroed bytes, aligned to a cache line or, if large, to a huge page. The system clears large blocks page
/// by page on first touch. So each page is placed on the NUMA node of the thread that touches it first, and the
/// allocation itself is fast.
pub(crate) struct Memory {
    at: *mut u8,
    layout: Layout,
}
// SAFETY: a block of bytes with one owner. The borrows of `Array`, and for raw pointers the contract of
// `Array::cell_mut`, prevent data races.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    /// Returns the allocation layout of a block: size and alignment, rounded up.
    fn layout(bytes: usize) -> Layout {
        let align = if bytes >= HUGE { HUGE } else { LINE };
        Layout::from_size_align(bytes.max(1).next_multiple_of(align), align).expect("an array's size")
    }

    /// Allocates `bytes` zeroed bytes.
    ///
    /// # Errors
    /// If the system refuses the memory. Most systems grant more than they have, so this error alone does not prevent that a
    /// process runs out of memory.
    pub(crate) fn zeroed(bytes: usize) -> Result<Memory> {
        let layout = Memory::layout(bytes);
        let at = if Memory::is_mapped(layout) { Memory::map(layout) } else { Memory::allocate(layout) };
        if at.is_null() {
            let why = std::io::Error::last_os_error();
            let what = format!("the system refuses {} bytes of memory: {why}", layout.size());
            return Err(Error::failure(what).remedy("use fewer cells, or more ranks on more nodes"));
        }
        Ok(Memory { at, layout })
    }

    /// Returns a pointer to the first byte.
    pub(crate) fn at(&self) -> *mut u8 {
        self.at
    }

    /// Returns the allocated bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.layout.size()
    }

    /// Returns the bytes that [`Memory::zeroed`] allocates for `bytes` requested bytes.
    pub(crate) fn bytes_for(bytes: usize) -> usize {
        Memory::layout(bytes).size()
    }

    /// Returns true if a block of this layout is mapped, and not taken from the allocator.
    fn is_mapped(layout: Layout) -> bool {
        cfg!(all(target_os = "linux", not(halocline_sanitizer))) && layout.align() == HUGE
    }

    /// Allocates a zeroed block with the allocator.
    fn allocate(layout: Layout) -> *mut u8 {
        // SAFETY: the size is not zero.
        unsafe { alloc_zeroed(layout) }
    }

    /// Maps new pages, huge ones if the system has them. (The allocator would clear memory with this alignment itself,
    /// on one thread.) Returns null on failure.
    #[cfg(target_os = "linux")]
    fn map(layout: Layout) -> *mut u8 {
        use libc::{
            MADV_HUGEPAGE, MAP_ANONYMOUS, MAP_FAILED, MAP_PRIVATE, PROT_READ, PROT_WRITE, madvise, mmap, munmap,
        };
        let (size, access) = (layout.size(), PROT_READ | PROT_WRITE);
        // SAFETY: a new anonymous mapping overlaps no other; the unaligned parts before and after the block are
        // unmapped at once.
        unsafe {
            let all = mmap(std::ptr::null_mut(), size + HUGE, access, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if all == MAP_FAILED {
                return std::ptr::null_mut();
            }
            let before = all.cast::<u8>().align_offset(HUGE);
            let at = all.cast::<u8>().add(before);
            if before > 0 {
                munmap(all, before);
            }
            munmap(at.add(size).cast(), HUGE - before);
            madvise(at.cast(), size, MADV_HUGEPAGE);
            at
        }
    }
    #[cfg(not(target_os = "linux"))]
    fn map(layout: Layout) -> *mut u8 {
        Memory::allocate(layout)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        #[cfg(target_os = "linux")]
        if Memory::is_mapped(self.layout) {
            // SAFETY: mapped with this size, and no reference to the block remains.
            unsafe { libc::munmap(self.at.cast(), self.layout.size()) };
            return;
        }
        // SAFETY: allocated with this layout.
        unsafe { dealloc(self.at, self.layout) }
    }
}
