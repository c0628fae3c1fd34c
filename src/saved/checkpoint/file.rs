//! The checkpoint file: HDF5 with contiguous arrays, which are written and read at their offsets without HDF5.
//!
//! `/fields/NAME` are the fields `[z, y, x]` (complex fields `[z, y, x, 2]`; on grids with several blocks,
//! `/fields/NAME/BLOCK`), `/streams/…` the accumulated values of output streams, `/bags/…` records. `/hashes/…` are the BLAKE3
//! hashes of the blocks of each array. Attributes: `step`, `time` in seconds, `numbers` (names and bits), `root`, `parent`, `job_file`, `run`.
use super::hash_tree::{self, Hash};
use crate::base::hyperslab::{ContiguousRuns, Selection};
use crate::base::{Error, Result};
use crate::comm::Comm;
use crate::engine::{Part, Saved, Snapshot};
use crate::files::{durable, hdf5};
use crate::saved::regular_file;
use halocline_kernels::ElementType;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// An array in a checkpoint file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::saved) struct StoredArray {
    pub name: String,
    #[serde(with = "crate::base::stored_type")]
    pub number: ElementType,
    pub shape: Vec<usize>,
    /// The position of its first byte in the file.
    pub offset: u64,
}

impl StoredArray {
    /// The size of the array in bytes; none if it exceeds the range of a number.
    fn checked_bytes(&self) -> Option<u64> {
        let cells = self.shape.iter().try_fold(1usize, |cells, n| cells.checked_mul(*n))?;
        Some(cells.checked_mul(self.number.size())? as u64)
    }

    /// The size of the array in bytes.
    pub fn bytes(&self) -> u64 {
        (self.shape.iter().product::<usize>() * self.number.size()) as u64
    }
}

/// Where a checkpoint comes from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    /// The text of the job file.
    pub job_file: String,
    /// The identifier of the run; empty for a program without run directory.
    pub run: String,
}

/// Creates the file of a snapshot, with reserved space for its arrays and for the hashes of their blocks. Returns the arrays
/// with their offsets.
pub(super) fn create(path: &Path, snapshot: &Snapshot, parent: &str, origin: &Origin) -> Result<Vec<StoredArray>> {
    let arrays = lay_out(path, snapshot, parent, origin).map_err(|e| hdf5::explain("create", path, e))?;
    let end = arrays.iter().map(|place| place.offset + place.bytes()).max().unwrap_or(0);
    durable::reserve(path, end).map(|()| arrays)
}

fn lay_out(path: &Path, snapshot: &Snapshot, parent: &str, origin: &Origin) -> hdf5::Result<Vec<StoredArray>> {
    let file = hdf5::create_checked(path)?;
    let place = |part: &Part| -> hdf5::Result<StoredArray> {
        let data = hdf5::dataset(&file, &part.name, part.number, &part.shape, hdf5::Storage::Reserved)?;
        let offset = hdf5::offset(&data).unwrap_or(0);
        Ok(StoredArray { name: part.name.clone(), number: part.number, shape: part.shape.clone(), offset })
    };
    let arrays: Vec<StoredArray> = snapshot.parts.iter().map(place).collect::<hdf5::Result<_>>()?;
    for place in &arrays {
        let shape = [hash_tree::blocks(place.bytes()) as usize, size_of::<Hash>()];
        hdf5::dataset(&file, &hashes_of(&place.name), ElementType::U8, &shape, hdf5::Storage::Reserved)?;
    }
    let numbers: Vec<String> = snapshot.numbers.iter().map(|(name, bits)| format!("{bits:016x} {name}")).collect();
    let order: Vec<&str> = arrays.iter().map(|place| place.name.as_str()).collect();
    hdf5::put_text(&file, "step", &snapshot.step.to_string())?;
    hdf5::put_text(&file, "time", &format!("{:?} s", snapshot.time))?;
    hdf5::put_text(&file, "numbers", &numbers.join("\n"))?;
    hdf5::put_text(&file, "arrays", &order.join("\n"))?;
    hdf5::put_text(&file, "parent", parent)?;
    hdf5::put_text(&file, "job_file", &origin.job_file)?;
    hdf5::put_text(&file, "run", &origin.run)?;
    hdf5::put_text(&file, "version", env!("CARGO_PKG_VERSION"))?;
    file.close()?;
    Ok(arrays)
}

fn hashes_of(array: &str) -> String {
    format!("hashes/{array}")
}

/// Stores the hashes of all blocks in a file whose arrays are complete, and returns the root of the hash tree.
pub(super) fn complete(
    path: &Path,
    numbers: &BTreeMap<String, u64>,
    arrays: &[StoredArray],
    hashes: &[Vec<Hash>],
) -> Result<String> {
    let root = hash_tree::root(numbers, tree_of(arrays, hashes));
    let put = || -> hdf5::Result<()> {
        let file = hdf5::open_for_writing(path)?;
        for (place, hashes) in arrays.iter().zip(hashes).filter(|(_, hashes)| !hashes.is_empty()) {
            let data = file.dataset(&hashes_of(&place.name))?;
            let span = (vec![0, 0], vec![hashes.len(), size_of::<Hash>()]);
            hdf5::write(&data, &[span], hashes.as_flattened(), false)?;
        }
        hdf5::put_text(&file, "root", &root)?;
        file.close()
    };
    put().map_err(|e| hdf5::explain("write", path, e))?;
    Ok(root)
}

fn tree_of<'a>(
    arrays: &'a [StoredArray],
    hashes: &'a [Vec<Hash>],
) -> impl Iterator<Item = (&'a str, ElementType, &'a [usize], &'a [Hash])> {
    arrays.iter().zip(hashes).map(|(p, h)| (p.name.as_str(), p.number, &p.shape[..], &h[..]))
}

/// The metadata of a checkpoint: everything except its arrays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::saved) struct Header {
    pub step: u64,
    pub numbers: BTreeMap<String, u64>,
    pub arrays: Vec<StoredArray>,
    /// The hash of each block, by array and block.
    pub hashes: Vec<Vec<Hash>>,
    pub root: String,
    pub parent: String,
    /// The identifier of the run that wrote the file; empty if it states none.
    pub run: String,
}

/// An open checkpoint.
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    pub(in crate::saved) header: Header,
    data: File,
}

/// The identifier of a block.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::saved) struct BlockId {
    /// The index of the array.
    pub array: u64,
    /// The index of the block in the array.
    pub block: u64,
}

impl Checkpoint {
    /// Opens a checkpoint and checks its metadata, but not its blocks.
    ///
    /// # Errors
    /// If the file cannot be read, or its metadata does not agree with its root hash.
    pub fn open(path: &Path) -> Result<Checkpoint> {
        Checkpoint::with(path, Checkpoint::header(path)?)
    }

    /// Opens a checkpoint on all ranks; rank 0 reads the metadata. Collective.
    ///
    /// # Errors
    /// As [`Checkpoint::open`].
    pub fn open_shared(comm: &Comm, path: &Path) -> Result<Checkpoint> {
        let header = if comm.is_root() { Checkpoint::header(path).map(Some) } else { Ok(None) };
        let header = comm.share(comm.agree(header)?);
        comm.agree(Checkpoint::with(path, header))
    }

    fn header(path: &Path) -> Result<Header> {
        // HDF5 reports an unreadable file like a damaged one, so this is checked before.
        let length = |file: File| durable::probe(&file).and_then(|()| Ok(file.metadata()?.len()));
        let length = regular_file::open(path).and_then(length).map_err(|e| unreadable(path, e))?;
        let header = read(path, length).map_err(|e| hdf5::explain("read", path, e))?;
        let whole = |h: &Header| hash_tree::root(&h.numbers, tree_of(&h.arrays, &h.hashes)) == h.root;
        header.filter(whole).ok_or_else(|| Error::file("read", path, DAMAGED))
    }

    fn with(path: &Path, header: Header) -> Result<Checkpoint> {
        let data = regular_file::open(path).map_err(|e| unreadable(path, e))?;
        Ok(Checkpoint { path: path.to_path_buf(), header, data })
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The root of the hash tree in hexadecimal digits: equal for equal states.
    pub fn root(&self) -> &str {
        &self.header.root
    }

    /// All blocks of all arrays.
    pub(in crate::saved) fn all_blocks(&self) -> Vec<BlockId> {
        blocks_of(&self.header.arrays).collect()
    }

    /// True if a block is what it was.
    ///
    /// # Errors
    /// If that cannot be acknowledged, since the file cannot be read.
    pub(in crate::saved) fn is_whole(&self, BlockId { array, block }: &BlockId) -> Result<bool> {
        let Header { arrays, hashes, .. } = &self.header;
        let (place, expected) = (&arrays[*array as usize], &hashes[*array as usize][*block as usize]);
        match hash_block(&self.data, place, *block) {
            Ok((hash, _)) => Ok(hash == *expected),
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => Ok(false),
            Err(e) => Err(unreadable(&self.path, e)),
        }
    }

    /// The message for a damaged block: file, array, first index.
    pub(in crate::saved) fn describe(&self, BlockId { array, block }: &BlockId) -> String {
        let place = &self.header.arrays[*array as usize];
        let name = place.name.strip_prefix("fields/").unwrap_or(&place.name);
        let first = hash_tree::block(*block, place.bytes()).start as usize / place.number.size();
        let (mut rest, mut index) = (first, vec![0; place.shape.len()]);
        for a in (0..index.len()).rev() {
            (index[a], rest) = (rest % place.shape[a].max(1), rest / place.shape[a].max(1));
        }
        let path = self.path.display();
        format!("{path}: block {block} of `{name}`, from {index:?} on, is not what was written")
    }
}

/// The error for a file that may be intact but cannot be read now.
fn unreadable(path: &Path, why: std::io::Error) -> Error {
    Error::file("read", path, why)
        .as_input()
        .remedy("make it readable, or move it away to continue from the checkpoint before")
}

const DAMAGED: &str = "it is damaged: its contents do not agree with its hash";

/// Reads the header of a checkpoint of `length` bytes; none if it is incomplete or inconsistent.
fn read(path: &Path, length: u64) -> hdf5::Result<Option<Header>> {
    let file = hdf5::open(path)?;
    let text = |name: &str| hdf5::text(&file, name);
    let (Some(step), Some(numbers), Some(order), Some(root), Some(parent)) =
        (text("step"), text("numbers"), text("arrays"), text("root"), text("parent"))
    else {
        return Ok(None);
    };
    let number = |line: &str| {
        let (bits, name) = line.split_once(' ')?;
        Some((name.to_owned(), u64::from_str_radix(bits, 16).ok()?))
    };
    let numbers: Option<BTreeMap<String, u64>> = numbers.lines().map(number).collect();
    let (mut arrays, mut hashes, mut total) = (vec![], vec![], 0u64);
    for name in order.lines() {
        let data = file.dataset(name)?;
        let Some(number) = hdf5::element_type(&data) else { return Ok(None) };
        let place =
            StoredArray { name: name.into(), number, shape: data.shape(), offset: hdf5::offset(&data).unwrap_or(0) };
        // All arrays lie in the file, one after the other: this bounds the memory that a damaged header can ask for.
        let end = place.checked_bytes().and_then(|bytes| place.offset.checked_add(bytes));
        match end.filter(|end| *end <= length).and_then(|_| total.checked_add(place.bytes())) {
            Some(sum) if sum <= length => total = sum,
            _ => return Ok(None),
        }
        let data = file.dataset(&hashes_of(name))?;
        let blocks = hash_tree::blocks(place.bytes()) as usize;
        let is_table =
            data.shape() == [blocks, size_of::<Hash>()] && hdf5::element_type(&data) == Some(ElementType::U8);
        if !is_table || (blocks * size_of::<Hash>()) as u64 > length {
            return Ok(None);
        }
        let span = (vec![0, 0], vec![blocks, size_of::<Hash>()]);
        let bytes = if blocks == 0 { vec![] } else { hdf5::read_bytes(&data, &span)? };
        hashes.push(bytes.as_chunks().0.to_vec());
        arrays.push(place);
    }
    let (Ok(step), Some(numbers)) = (step.parse(), numbers) else { return Ok(None) };
    Ok(Some(Header { step, numbers, arrays, hashes, root, parent, run: text("run").unwrap_or_default() }))
}

/// The identifiers of all blocks of these arrays.
pub(super) fn blocks_of(arrays: &[StoredArray]) -> impl Iterator<Item = BlockId> {
    let blocks = |(array, place): (usize, &StoredArray)| {
        (0..hash_tree::blocks(place.bytes())).map(move |block| BlockId { array: array as u64, block })
    };
    arrays.iter().enumerate().flat_map(blocks)
}

/// Reads a block; returns its hash and its bytes.
pub(super) fn hash_block(file: &File, place: &StoredArray, block: u64) -> std::io::Result<(Hash, Vec<u8>)> {
    let range = hash_tree::block(block, place.bytes());
    let mut bytes = vec![0; (range.end - range.start) as usize];
    file.read_exact_at(&mut bytes, place.offset + range.start)?;
    Ok((*blake3::hash(&bytes).as_bytes(), bytes))
}

impl Saved for Checkpoint {
    fn step(&self) -> u64 {
        self.header.step
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.header.numbers.get(name).copied()
    }

    fn part(&self, name: &str) -> Option<(ElementType, Vec<usize>)> {
        self.header.arrays.iter().find(|p| p.name == name).map(|p| (p.number, p.shape.clone()))
    }

    fn read(&self, part: &str, boxes: &[Selection]) -> Result<Vec<Vec<u8>>> {
        let place = self.header.arrays.iter().find(|p| p.name == part).expect("an array that was asked for before");
        let size = place.number.size();
        let read = |(start, count): &Selection| {
            let runs = ContiguousRuns::new(start, count, &place.shape);
            let mut bytes = vec![0; runs.number * runs.length * size];
            let length = runs.length * size;
            for (at, piece) in runs.starts().zip(bytes.chunks_exact_mut(length.max(1))) {
                let at = place.offset + (at * size) as u64;
                self.data.read_exact_at(piece, at).map_err(|e| Error::file("read", &self.path, e))?;
            }
            Ok(bytes)
        };
        boxes.iter().map(read).collect()
    }
}
