//! Bytes in memory of this process, or in a file that is mapped: when the process has ended, others find them there.
use crate::base::hyperslab::Hyperslab;
use memmap2::MmapMut;
use std::fs::File;
use std::io;
use std::ops::{Deref, DerefMut};

/// Bytes, wherever they lie.
#[derive(Debug)]
pub struct Bytes(Memory);

#[derive(Debug)]
enum Memory {
    /// This process's alone.
    Own(Vec<u8>),
    /// A file, from this byte on.
    Mapped(MmapMut, u64),
}

impl Bytes {
    /// Those of a file, which are there already, `at` on a page. None need no map.
    ///
    /// # Errors
    /// If the system cannot map them.
    ///
    /// # Safety
    /// As long as they are mapped, the file is not made shorter, and nobody else writes there.
    pub(crate) unsafe fn map(file: &File, at: u64, bytes: usize) -> io::Result<Bytes> {
        if bytes == 0 {
            return Ok(Bytes::default());
        }
        // SAFETY: by the caller's promise.
        let map = unsafe { memmap2::MmapOptions::new().offset(at).len(bytes).map_mut(file)? };
        Ok(Bytes(Memory::Mapped(map, at)))
    }

    /// Where in a file they begin, if they lie in one.
    pub(crate) fn place(&self) -> Option<u64> {
        match self.0 {
            Memory::Own(_) => None,
            Memory::Mapped(_, at) => Some(at),
        }
    }
}

impl Default for Bytes {
    fn default() -> Bytes {
        vec![].into()
    }
}

impl Deref for Bytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Memory::Own(bytes) => bytes,
            Memory::Mapped(map, _) => map,
        }
    }
}

impl DerefMut for Bytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Memory::Own(bytes) => bytes,
            Memory::Mapped(map, _) => map,
        }
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Bytes {
        Bytes(Memory::Own(bytes))
    }
}

impl Clone for Bytes {
    fn clone(&self) -> Bytes {
        self.to_vec().into()
    }
}

impl PartialEq for Bytes {
    fn eq(&self, other: &Bytes) -> bool {
        **self == **other
    }
}

/// Memory that is used again.
pub(crate) struct BufferPool(Vec<Bytes>);

impl BufferPool {
    /// That of boxes which are no longer needed.
    pub fn of(older: impl Iterator<Item = Hyperslab>) -> BufferPool {
        BufferPool(older.map(|slab| slab.bytes).collect())
    }

    /// So many bytes, whatever they are.
    pub fn take(&mut self, bytes: usize) -> Bytes {
        match self.0.iter().position(|room| room.len() == bytes) {
            Some(i) => self.0.swap_remove(i),
            None => vec![0; bytes].into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_to_a_map_stands_in_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, [7; 3 * 4096]).unwrap();
        let file = File::options().read(true).write(true).open(&path).unwrap();
        // SAFETY: the file stays as long, and this is its only map.
        let mut bytes = unsafe { Bytes::map(&file, 4096, 5).unwrap() };
        assert_eq!((bytes.place(), &*bytes), (Some(4096), &[7; 5][..]));
        bytes[1] = 8;
        let copy = bytes.clone();
        drop(bytes);
        assert_eq!(std::fs::read(&path).unwrap()[4096..4102], [7, 8, 7, 7, 7, 7]);
        assert_eq!((copy.place(), &*copy), (None, &[7, 8, 7, 7, 7][..]));
        // SAFETY: nothing is mapped.
        assert!(unsafe { Bytes::map(&file, 0, 0).unwrap() }.is_empty());
    }

    #[test]
    fn rooms_of_the_same_size_are_used_again() {
        let slab = |n: usize| Hyperslab { start: vec![0], count: vec![n], bytes: vec![n as u8; n].into() };
        let mut rooms = BufferPool::of([slab(3), slab(5)].into_iter());
        assert_eq!([rooms.take(5), rooms.take(5)], [vec![5; 5].into(), vec![0; 5].into()]);
    }
}
