//! Message buffers.
use std::ptr::NonNull;

/// A message buffer that starts on a cache line, for packing loops and network cards.
///
/// It holds a raw pointer rather than a `Box`, since a persistent MPI request keeps a pointer to the bytes across many borrows.
pub(super) struct Buffer {
    lines: NonNull<[Line]>,
    len: usize,
}

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

// SAFETY: the buffer is the only owner of its memory, like the box from which it was made.
unsafe impl Send for Buffer {}

impl Buffer {
    /// Allocates `len` zero bytes.
    pub fn new(len: usize) -> Buffer {
        let lines = vec![Line([0; 64]); len.div_ceil(64)].into_boxed_slice();
        Buffer { lines: NonNull::from(Box::leak(lines)), len }
    }

    /// Address of the first byte, valid for reading and writing `len` bytes while the buffer exists and is not borrowed.
    pub fn start(&self) -> *mut u8 {
        self.lines.as_ptr().cast()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: the pointer came from a box, which is freed once.
        drop(unsafe { Box::from_raw(self.lines.as_ptr()) });
    }
}

impl std::ops::Deref for Buffer {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        // SAFETY: the lines are at least `len` initialised bytes contiguous and without padding, borrowed like `self`.
        unsafe { std::slice::from_raw_parts(self.start(), self.len) }
    }
}

impl std::ops::DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `deref`; the borrow is exclusive, and any byte is valid in a line.
        unsafe { std::slice::from_raw_parts_mut(self.start(), self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_and_have_the_requested_length() {
        for len in [0, 1, 63, 64, 65, 1000] {
            let mut buffer = Buffer::new(len);
            assert_eq!((buffer.len(), buffer.start() as usize % 64), (len, 0));
            assert!(buffer.iter().all(|&b| b == 0));
            buffer.fill(7);
            let moved = std::thread::spawn(move || buffer).join().unwrap();
            assert!(moved.len() == len && moved.iter().all(|&b| b == 7));
        }
    }
}
