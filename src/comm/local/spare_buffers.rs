//! Buffers that a sender reuses.
use crate::comm::buffer::Buffer;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Buffers of a sender's earlier messages, returned by their receivers: the two ends of a link pass buffers back and forth, so
/// that after a few rounds nothing is allocated.
#[derive(Clone, Default)]
pub(super) struct SpareBuffers(Arc<Mutex<Vec<Buffer>>>);

impl SpareBuffers {
    /// Takes a buffer of this length, or allocates one. Its contents are unspecified.
    pub fn take(&self, bytes: usize) -> Buffer {
        let mut spare = self.lock();
        let fits = spare.iter().position(|b| b.len() == bytes);
        fits.map(|i| spare.swap_remove(i)).unwrap_or_else(|| Buffer::new(bytes))
    }

    /// Returns a buffer to its sender.
    pub fn give_back(&self, buffer: Buffer) {
        self.lock().push(buffer);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Buffer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
