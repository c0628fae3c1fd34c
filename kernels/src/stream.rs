//! Non-temporal stores: avoid write-allocate traffic and cache pollution.

use crate::instruction_set::InstructionSet;

/// Bytes of a cache line.
pub const LINE: usize = 64;

/// Copies whole cache lines by non-temporal stores.
///
/// # Safety
/// Both must be valid for `bytes` bytes, a multiple of [`LINE`], be aligned to a cache line, and not overlap.
#[inline(always)]
pub unsafe fn stream(to: *mut u8, from: *const u8, bytes: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the contract of `stream`; every CPU of this architecture has SSE2.
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
    // SAFETY: the contract of `stream`.
    unsafe {
        std::ptr::copy_nonoverlapping(from, to, bytes)
    }
}

/// A function like [`stream`], with the widest stores of an instruction set: fewer stores occupy the write-combining buffers.
pub type Stream = unsafe fn(*mut u8, *const u8, usize);

/// The [`Stream`] for an instruction set, which must be available on this machine.
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
        // SAFETY: the contract of `stream`.
        unsafe { _mm512_stream_si512(to.add(line).cast::<__m512i>(), _mm512_load_si512(from.add(line).cast())) }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn stream_avx2(to: *mut u8, from: *const u8, bytes: usize) {
    use std::arch::x86_64::{__m256i, _mm256_load_si256, _mm256_stream_si256};
    for half in (0..bytes).step_by(LINE / 2) {
        // SAFETY: the contract of `stream`.
        unsafe { _mm256_stream_si256(to.add(half).cast::<__m256i>(), _mm256_load_si256(from.add(half).cast())) }
    }
}

/// Orders non-temporal stores before all later stores, for other threads.
pub fn fence() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every CPU of this architecture has SSE.
    unsafe {
        std::arch::x86_64::_mm_sfence()
    }
}
