//! Bytes in this process's memory, or in a mapped file, where other processes find them after this one has ended.
use memmap2::MmapMut;
use std::fs::File;
use std::io;
use std::ops::{Deref, DerefMut};

/// Owned or file-mapped bytes. A clone is always owned.
#[derive(Debug)]
pub struct Bytes(Memory);

#[derive(Debug)]
enum Memory {
    Owned(Vec<u8>),
    /// A mapped part of a file, and the offset at which it begins.
    Mapped(MmapMut, u64),
}

impl Bytes {
    /// Maps `bytes` existing bytes of a file from offset `at`, a multiple of the page size. Zero bytes need no map.
    ///
    /// # Errors
    /// If the system cannot map them.
    ///
    /// # Safety
    /// While the bytes are mapped, the file must not be truncated and nothing else may write to this part of it.
    pub(crate) unsafe fn map(file: &File, at: u64, bytes: usize) -> io::Result<Bytes> {
        if bytes == 0 {
            return Ok(Bytes::default());
        }
        // SAFETY: by the caller's promise.
        let map = unsafe { memmap2::MmapOptions::new().offset(at).len(bytes).map_mut(file)? };
        Ok(Bytes(Memory::Mapped(map, at)))
    }

    /// The offset in the file at which mapped bytes begin; `None` for owned bytes.
    pub(crate) fn offset(&self) -> Option<u64> {
        match self.0 {
            Memory::Owned(_) => None,
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
            Memory::Owned(bytes) => bytes,
            Memory::Mapped(map, _) => map,
        }
    }
}

impl DerefMut for Bytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Memory::Owned(bytes) => bytes,
            Memory::Mapped(map, _) => map,
        }
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Bytes {
        Bytes(Memory::Owned(bytes))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_to_mapped_bytes_reach_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, [7; 3 * 4096]).unwrap();
        let file = File::options().read(true).write(true).open(&path).unwrap();
        // SAFETY: the file keeps its length, and this is its only map.
        let mut bytes = unsafe { Bytes::map(&file, 4096, 5).unwrap() };
        assert_eq!((bytes.offset(), &*bytes), (Some(4096), &[7; 5][..]));
        bytes[1] = 8;
        let copy = bytes.clone();
        drop(bytes);
        assert_eq!(std::fs::read(&path).unwrap()[4096..4102], [7, 8, 7, 7, 7, 7]);
        assert_eq!((copy.offset(), &*copy), (None, &[7, 8, 7, 7, 7][..]));
        // SAFETY: nothing is mapped.
        assert!(unsafe { Bytes::map(&file, 0, 0).unwrap() }.is_empty());
    }
}
