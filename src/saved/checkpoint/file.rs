//! A checkpoint as a file: HDF5 in which every array lies in one piece, so that its numbers can be written and read where
//! they lie, without HDF5.
//!
//! `/fields/NAME` are the fields `[z, y, x]` (complex ones `[z, y, x, 2]`; of grids with several blocks, `/fields/NAME/BLOCK`),
//! `/streams/…` what output streams have gathered for their next instant, `/bags/…` records. `/hashes/…` are the BLAKE3 hashes
//! of their blocks. Attributes: `step`, `time` in seconds, `numbers` (names and bits), `root`, `parent`, `job_file`.
use super::tree::{self, Hash};
use crate::base::hyperslab::{ContiguousRuns, Selection};
use crate::base::{Error, Result};
use crate::comm::Comm;
use crate::engine::{Part, Saved, Snapshot};
use crate::files::{durable, hdf5};
use halocline_kernels::ElementType;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// An array's place in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct RowPosition {
    pub name: String,
    #[serde(with = "crate::base::stored_type")]
    pub number: ElementType,
    pub shape: Vec<usize>,
    /// Its first byte.
    pub offset: u64,
}

impl RowPosition {
    pub fn bytes(&self) -> u64 {
        (self.shape.iter().product::<usize>() * self.number.size()) as u64
    }
}

/// Creates the file of a snapshot, with room for its arrays and the hashes of their blocks: where each array lies.
pub(super) fn create(path: &Path, snapshot: &Snapshot, parent: &str, job_file: &str) -> Result<Vec<RowPosition>> {
    let places = lay_out(path, snapshot, parent, job_file).map_err(|e| hdf5::explain("create", path, e))?;
    let end = places.iter().map(|place| place.offset + place.bytes()).max().unwrap_or(0);
    durable::reserve(path, end).map(|()| places)
}

fn lay_out(path: &Path, snapshot: &Snapshot, parent: &str, job_file: &str) -> hdf5::Result<Vec<RowPosition>> {
    let file = hdf5::create_checked(path)?;
    let place = |part: &Part| -> hdf5::Result<RowPosition> {
        let data = hdf5::dataset(&file, &part.name, part.number, &part.shape, hdf5::Storage::Reserved)?;
        let offset = hdf5::offset(&data).unwrap_or(0);
        Ok(RowPosition { name: part.name.clone(), number: part.number, shape: part.shape.clone(), offset })
    };
    let places: Vec<RowPosition> = snapshot.parts.iter().map(place).collect::<hdf5::Result<_>>()?;
    for place in &places {
        let shape = [tree::blocks(place.bytes()) as usize, size_of::<Hash>()];
        hdf5::dataset(&file, &hashes_of(&place.name), ElementType::U8, &shape, hdf5::Storage::Reserved)?;
    }
    let numbers: Vec<String> = snapshot.numbers.iter().map(|(name, bits)| format!("{bits:016x} {name}")).collect();
    let order: Vec<&str> = places.iter().map(|place| place.name.as_str()).collect();
    hdf5::put_text(&file, "step", &snapshot.step.to_string())?;
    hdf5::put_text(&file, "time", &format!("{:?} s", snapshot.time))?;
    hdf5::put_text(&file, "numbers", &numbers.join("\n"))?;
    hdf5::put_text(&file, "arrays", &order.join("\n"))?;
    hdf5::put_text(&file, "parent", parent)?;
    hdf5::put_text(&file, "job_file", job_file)?;
    hdf5::put_text(&file, "version", env!("CARGO_PKG_VERSION"))?;
    file.close()?;
    Ok(places)
}

fn hashes_of(array: &str) -> String {
    format!("hashes/{array}")
}

/// Puts the hashes of all blocks into a file whose arrays are complete, and returns the root.
pub(super) fn complete(
    path: &Path,
    numbers: &BTreeMap<String, u64>,
    places: &[RowPosition],
    hashes: &[Vec<Hash>],
) -> Result<String> {
    let root = tree::root(numbers, arrays(places, hashes));
    let put = || -> hdf5::Result<()> {
        let file = hdf5::open_for_writing(path)?;
        for (place, hashes) in places.iter().zip(hashes).filter(|(_, hashes)| !hashes.is_empty()) {
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

fn arrays<'a>(
    places: &'a [RowPosition],
    hashes: &'a [Vec<Hash>],
) -> impl Iterator<Item = (&'a str, ElementType, &'a [usize], &'a [Hash])> {
    places.iter().zip(hashes).map(|(p, h)| (p.name.as_str(), p.number, &p.shape[..], &h[..]))
}

/// All that a checkpoint says about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Header {
    pub step: u64,
    pub numbers: BTreeMap<String, u64>,
    pub places: Vec<RowPosition>,
    /// By array and block.
    pub hashes: Vec<Vec<Hash>>,
    pub root: String,
    pub parent: String,
}

/// A checkpoint that can be read.
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    pub(super) header: Header,
    data: File,
}

/// A block that is not what it was.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Damage {
    /// Which array, by number, and which of its blocks.
    pub array: u64,
    pub block: u64,
}

impl Checkpoint {
    /// Opens a checkpoint, and checks all but its blocks.
    ///
    /// # Errors
    /// If it cannot be read, or what it holds does not belong together.
    pub fn open(path: &Path) -> Result<Checkpoint> {
        Checkpoint::with(path, Checkpoint::header(path)?)
    }

    /// The same by all ranks, one of which reads what it says about itself. Collective.
    ///
    /// # Errors
    /// As [`Checkpoint::open`].
    pub fn open_shared(comm: &Comm, path: &Path) -> Result<Checkpoint> {
        let header = if comm.is_root() { Checkpoint::header(path).map(Some) } else { Ok(None) };
        let header = comm.share(comm.agree(header)?);
        comm.agree(Checkpoint::with(path, header))
    }

    fn header(path: &Path) -> Result<Header> {
        // HDF5 does not tell what cannot be read from what is damaged.
        File::open(path).and_then(|file| file.read_at(&mut [0], 0)).map_err(|e| unreadable(path, e))?;
        let header = read(path).map_err(|e| hdf5::explain("read", path, e))?;
        let whole = |h: &Header| tree::root(&h.numbers, arrays(&h.places, &h.hashes)) == h.root;
        header.filter(whole).ok_or_else(|| Error::file("read", path, DAMAGED))
    }

    fn with(path: &Path, header: Header) -> Result<Checkpoint> {
        let data = File::open(path).map_err(|e| unreadable(path, e))?;
        Ok(Checkpoint { path: path.to_path_buf(), header, data })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The hash of all of it, the same for the same state.
    pub fn root(&self) -> &str {
        &self.header.root
    }

    /// All blocks of all arrays.
    pub(super) fn all_blocks(&self) -> Vec<Damage> {
        blocks_of(&self.header.places).collect()
    }

    /// True if a block is what it was.
    ///
    /// # Errors
    /// If that cannot be told, since the file cannot be read.
    pub(super) fn is_whole(&self, Damage { array, block }: &Damage) -> Result<bool> {
        let Header { places, hashes, .. } = &self.header;
        let (place, expected) = (&places[*array as usize], &hashes[*array as usize][*block as usize]);
        match hash_block(&self.data, place, *block) {
            Ok((hash, _)) => Ok(hash == *expected),
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => Ok(false),
            Err(e) => Err(unreadable(&self.path, e)),
        }
    }

    /// For people: which block that is.
    pub(super) fn describe(&self, Damage { array, block }: &Damage) -> String {
        let place = &self.header.places[*array as usize];
        let name = place.name.strip_prefix("fields/").unwrap_or(&place.name);
        let first = tree::block(*block, place.bytes()).start as usize / place.number.size();
        let (mut rest, mut index) = (first, vec![0; place.shape.len()]);
        for a in (0..index.len()).rev() {
            (index[a], rest) = (rest % place.shape[a].max(1), rest / place.shape[a].max(1));
        }
        let path = self.path.display();
        format!("{path}: block {block} of `{name}`, from {index:?} on, is not what was written")
    }
}

/// The file may be whole, but the system does not give it out.
fn unreadable(path: &Path, why: std::io::Error) -> Error {
    Error::file("read", path, why)
        .as_input()
        .remedy("see that it can be read, or move it elsewhere to go on from the one before")
}

const DAMAGED: &str = "it is damaged: its contents do not agree with its hash";

fn read(path: &Path) -> hdf5::Result<Option<Header>> {
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
    let (mut places, mut hashes) = (vec![], vec![]);
    for name in order.lines() {
        let data = file.dataset(name)?;
        let Some(number) = hdf5::element_type(&data) else { return Ok(None) };
        let place =
            RowPosition { name: name.into(), number, shape: data.shape(), offset: hdf5::offset(&data).unwrap_or(0) };
        let data = file.dataset(&hashes_of(name))?;
        let blocks = tree::blocks(place.bytes()) as usize;
        if data.shape() != [blocks, size_of::<Hash>()] {
            return Ok(None);
        }
        let span = (vec![0, 0], vec![blocks, size_of::<Hash>()]);
        let bytes = if blocks == 0 { vec![] } else { hdf5::read_bytes(&data, &span)? };
        hashes.push(bytes.as_chunks().0.to_vec());
        places.push(place);
    }
    let (Ok(step), Some(numbers)) = (step.parse(), numbers) else { return Ok(None) };
    Ok(Some(Header { step, numbers, places, hashes, root, parent }))
}

/// All blocks of arrays.
pub(super) fn blocks_of(places: &[RowPosition]) -> impl Iterator<Item = Damage> {
    let blocks = |(array, place): (usize, &RowPosition)| {
        (0..tree::blocks(place.bytes())).map(move |block| Damage { array: array as u64, block })
    };
    places.iter().enumerate().flat_map(blocks)
}

/// The hash of a block as it lies in the file, and its bytes.
pub(super) fn hash_block(file: &File, place: &RowPosition, block: u64) -> std::io::Result<(Hash, Vec<u8>)> {
    let range = tree::block(block, place.bytes());
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
        self.header.places.iter().find(|p| p.name == name).map(|p| (p.number, p.shape.clone()))
    }

    fn read(&self, part: &str, boxes: &[Selection]) -> Result<Vec<Vec<u8>>> {
        let place = self.header.places.iter().find(|p| p.name == part).expect("an array that was asked for before");
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
