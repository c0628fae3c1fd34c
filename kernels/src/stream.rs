//! Writing past the caches: no line is read only to be overwritten, and none pushes out what is still to be read.

/// Bytes of a cache line.
pub const LINE: usize = 64;

/// Copies whole cache lines past the caches.
///
/// # Safety
/// Both must be valid for so many bytes, a multiple of [`LINE`], begin on a line, and not overlap.
#[inline(always)]
pub unsafe fn stream(to: *mut u8, from: *const u8, bytes: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the caller's promise; every CPU of this architecture has SSE2.
    unsafe {
        use std::arch::x86_64::{__m128i, _mm_load_si128, _mm_stream_si128};
        for line in (0..bytes).step_by(LINE) {
            let (to, from) = (to.add(line).cast::<__m128i>(), from.add(line).cast::<__m128i>());
            for i in 0..LINE / size_of::<__m128i>() {
                _mm_stream_si128(to.add(i), _mm_load_si128(from.add(i)));
            }
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    // SAFETY: the caller's promise.
    unsafe {
        std::ptr::copy_nonoverlapping(from, to, bytes)
    }
}

/// Makes streamed lines visible to other threads before what follows.
pub fn fence() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every CPU of this architecture has it.
    unsafe {
        std::arch::x86_64::_mm_sfence()
    }
}
