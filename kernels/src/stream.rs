//! Writing past the caches: no line is read only to be overwritten, and none pushes out what is still to be read.

use crate::instruction_set::InstructionSet;

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

/// The same with the widest stores of an instruction set: few of them fill the queue in which they wait for memory.
pub type Stream = unsafe fn(*mut u8, *const u8, usize);

/// The one for an instruction set, which the machine must have.
pub fn stream_with(set: InstructionSet) -> Stream {
    match set {
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx512 => stream_avx512,
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx2 => stream_avx2,
        _ => stream,
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn stream_avx512(to: *mut u8, from: *const u8, bytes: usize) {
    use std::arch::x86_64::{__m512i, _mm512_load_si512, _mm512_stream_si512};
    for line in (0..bytes).step_by(LINE) {
        // SAFETY: the caller's promise.
        unsafe { _mm512_stream_si512(to.add(line).cast::<__m512i>(), _mm512_load_si512(from.add(line).cast())) }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn stream_avx2(to: *mut u8, from: *const u8, bytes: usize) {
    use std::arch::x86_64::{__m256i, _mm256_load_si256, _mm256_stream_si256};
    for half in (0..bytes).step_by(LINE / 2) {
        // SAFETY: the caller's promise.
        unsafe { _mm256_stream_si256(to.add(half).cast::<__m256i>(), _mm256_load_si256(from.add(half).cast())) }
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
