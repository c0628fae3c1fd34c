//! What a thread beside the run does for a checkpoint. It calls neither MPI nor HDF5: it writes bytes where it was acknowledged to.
use super::file::{BlockId, StoredArray, hash_block};
use super::hash_tree::Hash;
use crate::base::{Error, Result};
use crate::engine::Snapshot;
use crate::engine::state_hash::FieldHash;
use crate::files::durable;
use halocline_kernels::ElementType;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A checksum of each array; equal sums over all ranks mean equal arrays.
pub(super) type Sums = Vec<[u64; 2]>;

/// Writes this rank's boxes and syncs them to disk. Returns the snapshot, for reuse, and the checksums.
pub(super) fn write(path: &Path, snapshot: Snapshot, arrays: &[StoredArray]) -> Result<(Snapshot, Sums)> {
    let why = |e| durable::why("write", path, e);
    let file = File::options().write(true).open(path).map_err(why)?;
    let mut sums = vec![];
    for (part, place) in snapshot.parts.iter().zip(arrays) {
        let (size, mut hash) = (place.number.size(), FieldHash::new(element(place.number)));
        for slab in &part.boxes {
            for (at, bytes) in slab.runs(&place.shape) {
                file.write_all_at(bytes, place.offset + (at * size) as u64).map_err(why)?;
                add(&mut hash, place.number, at, bytes);
            }
        }
        sums.push(hash.sums());
    }
    file.sync_data().map_err(why)?;
    Ok((snapshot, sums))
}

/// Reads the blocks `mine` back. Returns their hashes, in the same order, and the checksums of this share.
pub(super) fn read_back(path: PathBuf, arrays: Arc<Vec<StoredArray>>, mine: Vec<BlockId>) -> Result<(Vec<Hash>, Sums)> {
    let why = |e| Error::file("read back", &path, e);
    let file = File::open(&path).map_err(why)?;
    let mut sums: Vec<FieldHash> = arrays.iter().map(|place| FieldHash::new(element(place.number))).collect();
    let mut hashes = vec![];
    for BlockId { array, block } in mine {
        let place = &arrays[array as usize];
        let (hash, bytes) = hash_block(&file, place, block).map_err(why)?;
        let first = super::hash_tree::block(block, place.bytes()).start as usize / place.number.size();
        add(&mut sums[array as usize], place.number, first, &bytes);
        hashes.push(hash);
    }
    Ok((hashes, sums.iter().map(FieldHash::sums).collect()))
}

/// The element type under which the checksum adds the numbers of an array.
fn element(number: ElementType) -> ElementType {
    if number.size() == 8 { ElementType::F64 } else { ElementType::F32 }
}

fn add(hash: &mut FieldHash, number: ElementType, first: usize, bytes: &[u8]) {
    if number == ElementType::U8 {
        // Bytes are rare and few, so each is widened to a number.
        bytes
            .iter()
            .enumerate()
            .for_each(|(i, byte)| hash.add_row((first + i) as u64, &u32::from(*byte).to_ne_bytes()));
    } else {
        hash.add_row(first as u64, bytes);
    }
}
