//! What a thread beside the run does for a checkpoint. It calls neither MPI nor HDF5: it writes bytes where it was told to.
use super::file::{Damage, RowPosition, hash_block};
use super::tree::Hash;
use crate::base::{Error, Result};
use crate::engine::Snapshot;
use crate::engine::state_hash::FieldHash;
use crate::files::durable;
use halocline_kernels::ElementType;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What of each array has been seen: equal sums over all ranks mean equal arrays.
pub(super) type Sums = Vec<[u64; 2]>;

/// Writes this rank's boxes and brings them to disk: the snapshot, to be used again, and what was written.
pub(super) fn write(path: &Path, snapshot: Snapshot, places: &[RowPosition]) -> Result<(Snapshot, Sums)> {
    let why = |e| durable::why("write", path, e);
    let file = File::options().write(true).open(path).map_err(why)?;
    let mut sums = vec![];
    for (part, place) in snapshot.parts.iter().zip(places) {
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

/// Reads blocks back: their hashes, in the same order, and what was read.
pub(super) fn read_back(path: PathBuf, places: Arc<Vec<RowPosition>>, mine: Vec<Damage>) -> Result<(Vec<Hash>, Sums)> {
    let why = |e| Error::file("read back", &path, e);
    let file = File::open(&path).map_err(why)?;
    let mut sums: Vec<FieldHash> = places.iter().map(|place| FieldHash::new(element(place.number))).collect();
    let mut hashes = vec![];
    for Damage { array, block } in mine {
        let place = &places[array as usize];
        let (hash, bytes) = hash_block(&file, place, block).map_err(why)?;
        let first = super::tree::block(block, place.bytes()).start as usize / place.number.size();
        add(&mut sums[array as usize], place.number, first, &bytes);
        hashes.push(hash);
    }
    Ok((hashes, sums.iter().map(FieldHash::sums).collect()))
}

/// As what the numbers of an array are seen by sums over them.
fn element(number: ElementType) -> ElementType {
    if number.size() == 8 { ElementType::F64 } else { ElementType::F32 }
}

fn add(hash: &mut FieldHash, number: ElementType, first: usize, bytes: &[u8]) {
    if number == ElementType::U8 {
        // Rare and small: each byte as a number of its own.
        bytes
            .iter()
            .enumerate()
            .for_each(|(i, byte)| hash.add_row((first + i) as u64, &u32::from(*byte).to_ne_bytes()));
    } else {
        hash.add_row(first as u64, bytes);
    }
}
