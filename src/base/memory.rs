//! Plain memory: aligned, zeroed when it is first touched, in huge pages where it is large.
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};

/// A cache line.
pub(crate) const LINE: usize = 64;
/// From this size on, memory is mapped in huge pages (not under a sanitizer, which sees only what an allocator gives).
const HUGE: usize = 2 << 20;

/// Zeroed bytes, aligned to a cache line, or to a huge page where they are many. The system gives many as pages that it
/// clears when they are first touched: so they lie near the thread that does, and setting up a large model takes no time.
pub(crate) struct Memory {
    at: *mut u8,
    layout: Layout,
}
// SAFETY: it is plain memory with one owner; sharing is governed by the borrows that `Array` hands out and, for rows,
// by the promise of `cell_mut`.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    fn layout(bytes: usize) -> Layout {
        let align = if bytes >= HUGE { HUGE } else { LINE };
        Layout::from_size_align(bytes.max(1).next_multiple_of(align), align).expect("an array's size")
    }

    /// So many zeros.
    pub(crate) fn zeroed(bytes: usize) -> Memory {
        let layout = Memory::layout(bytes);
        let at = if Memory::is_mapped(layout) { Memory::map(layout) } else { Memory::allocate(layout) };
        if at.is_null() {
            handle_alloc_error(layout);
        }
        Memory { at, layout }
    }

    /// Where it begins.
    pub(crate) fn at(&self) -> *mut u8 {
        self.at
    }

    /// Bytes that there are.
    pub(crate) fn bytes(&self) -> usize {
        self.layout.size()
    }

    /// Bytes that there would be where so many are asked for.
    pub(crate) fn bytes_for(bytes: usize) -> usize {
        Memory::layout(bytes).size()
    }

    fn is_mapped(layout: Layout) -> bool {
        cfg!(all(target_os = "linux", not(halocline_sanitizer))) && layout.align() == HUGE
    }

    fn allocate(layout: Layout) -> *mut u8 {
        // SAFETY: the size is not zero.
        unsafe { alloc_zeroed(layout) }
    }

    /// Fresh pages, huge ones where the system has them. (An allocator would clear so aligned memory itself, on one thread.)
    #[cfg(target_os = "linux")]
    fn map(layout: Layout) -> *mut u8 {
        use libc::{
            MADV_HUGEPAGE, MAP_ANONYMOUS, MAP_FAILED, MAP_PRIVATE, PROT_READ, PROT_WRITE, madvise, mmap, munmap,
        };
        let (size, access) = (layout.size(), PROT_READ | PROT_WRITE);
        // SAFETY: a new mapping collides with nothing; what lies before and behind the aligned part is given back at once.
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
            // SAFETY: mapped with this size, and nobody looks at it any more.
            unsafe { libc::munmap(self.at.cast(), self.layout.size()) };
            return;
        }
        // SAFETY: allocated with this layout.
        unsafe { dealloc(self.at, self.layout) }
    }
}
