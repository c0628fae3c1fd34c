//! Message buffers.
use std::ptr::NonNull;

/// Bytes that begin on a cache line, so that packing loops and network cards find them aligned.
///
/// A raw pointer rather than a `Box`, since a persistent MPI request keeps a pointer to them over many borrows.
pub(super) struct Buffer {
    lines: NonNull<[Line]>,
    len: usize,
}

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

// SAFETY: the buffer owns its memory alone, as the box that it was made of.
unsafe impl Send for Buffer {}

impl Buffer {
    /// `len` zero bytes.
    pub fn new(len: usize) -> Buffer {
        let lines = vec![Line([0; 64]); len.div_ceil(64)].into_boxed_slice();
        Buffer { lines: NonNull::from(Box::leak(lines)), len }
    }

    /// The first byte. Good for reading and writing `len` bytes as long as the buffer lives and is not borrowed.
    pub fn start(&self) -> *mut u8 {
        self.lines.as_ptr().cast()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: it came from a box, which is given back once.
        drop(unsafe { Box::from_raw(self.lines.as_ptr()) });
    }
}

impl std::ops::Deref for Buffer {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        // SAFETY: the lines are at least `len` initialised bytes in one piece without padding, borrowed as self is.
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
    fn aligned_and_of_the_length_asked_for() {
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
