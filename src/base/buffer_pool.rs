//! Reuse of buffers whose contents are no longer needed.
use crate::base::bytes::Bytes;

/// Buffers to be reused.
pub(crate) struct BufferPool(Vec<Bytes>);

impl BufferPool {
    /// Takes over buffers that are no longer needed.
    pub fn new(buffers: impl Iterator<Item = Bytes>) -> BufferPool {
        BufferPool(buffers.collect())
    }

    /// Removes and returns a buffer of exactly `bytes` bytes, with arbitrary contents; allocates one if the pool has none.
    pub fn take(&mut self, bytes: usize) -> Bytes {
        match self.0.iter().position(|buffer| buffer.len() == bytes) {
            Some(i) => self.0.swap_remove(i),
            None => vec![0; bytes].into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_of_the_same_size_are_reused() {
        let mut pool = BufferPool::new([vec![3; 3].into(), vec![5; 5].into()].into_iter());
        assert_eq!([pool.take(5), pool.take(5)], [vec![5; 5].into(), vec![0; 5].into()]);
    }
}
