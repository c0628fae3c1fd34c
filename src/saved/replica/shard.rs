//! A shard: the part of a state that one rank holds, as a file in the memory of a node.
//!
//! ```text
//! 16 bytes  magic           from byte 64 on  the manifest, JSON
//!  8 bytes  its length      then             boxes, each aligned to a page
//! 16 bytes  its hash
//! ```
//!
//! The first 40 bytes, the seal, are written last and erased first: a file with a valid seal is complete.
use crate::base::buffer_pool::BufferPool;
use crate::base::bytes::Bytes;
use crate::base::hyperslab::Hyperslab;
use crate::base::{Error, Result};
use crate::engine::{Part, Snapshot};
use crate::files::durable;
use crate::saved::attempt::TimeLevel;
use crate::saved::regular_file;
use halocline_kernels::ElementType;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_128;

/// The remedy where the state does not fit into the memory file system.
const MORE_MEMORY: &str = "the memory file system of this node has no room for the state twice: free some, name another with \
                           HALOCLINE_MEMORY, use more nodes, or do without (replica.every=never, replica.wall=never)";
const MAGIC: &[u8; 16] = b"halocline piece\n";
/// The size of the seal in bytes.
const SEAL: usize = 40;
/// The position of the manifest.
const MANIFEST: u64 = 64;
/// The longest manifest that is read: bounds the memory that a damaged file can ask for.
const LONGEST_MANIFEST: u64 = 1 << 30;
/// The number of bytes by which a manifest may grow before the file is created again.
const SLACK: u64 = 4096;

/// The manifest of a shard: everything except the values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The attempt that wrote the shard.
    #[serde(rename = "life")]
    pub attempt: u64,
    /// The number of completed steps.
    pub step: u64,
    /// The rank that owns the shard.
    pub rank: usize,
    /// The number of ranks of the run.
    pub ranks: usize,
    /// As in a [`Snapshot`].
    pub numbers: BTreeMap<String, u64>,
    /// As in a [`Snapshot`].
    pub parts: Vec<PartOutline>,
}

/// A part of a snapshot, without the values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PartOutline {
    pub name: String,
    #[serde(with = "crate::base::stored_type")]
    pub number: ElementType,
    pub shape: Vec<usize>,
    pub boxes: Vec<BoxOutline>,
}

/// A box of a part, without the values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BoxOutline {
    pub start: Vec<usize>,
    pub count: Vec<usize>,
    /// The position of its bytes in the file.
    pub at: u64,
    /// The XXH3 hash of its bytes, 128 bits: detects damage, not forgery.
    pub hash: String,
}

impl BoxOutline {
    /// The size of the box in bytes; none if it overflows.
    fn bytes(&self, number: ElementType) -> Option<usize> {
        bytes(&self.count, number)
    }
}

fn bytes(shape: &[usize], number: ElementType) -> Option<usize> {
    // Zero cells do not make a large extent valid.
    let cells = shape.iter().try_fold(1usize, |cells, n| cells.checked_mul((*n).max(1)))?.checked_mul(number.size())?;
    let cells = isize::try_from(cells).ok()? as usize;
    Some(if shape.contains(&0) { 0 } else { cells })
}

impl Manifest {
    /// The manifest of a snapshot; [`Shard::seal`] sets the positions and hashes of boxes.
    pub fn of(snapshot: &Snapshot, attempt: u64, (rank, ranks): (usize, usize)) -> Manifest {
        let outline = |slab: &Hyperslab| BoxOutline {
            start: slab.start.clone(),
            count: slab.count.clone(),
            // The longest position, so that the manifest does not grow when it is set.
            at: u64::MAX,
            hash: "0".repeat(32),
        };
        let parts = snapshot.parts.iter().map(|part| PartOutline {
            name: part.name.clone(),
            number: part.number,
            shape: part.shape.clone(),
            boxes: part.boxes.iter().map(outline).collect(),
        });
        let (step, numbers) = (snapshot.step, snapshot.numbers.clone());
        Manifest { attempt, step, rank, ranks, numbers, parts: parts.collect() }
    }

    /// The time level of the state.
    pub fn time_level(&self) -> TimeLevel {
        TimeLevel { attempt: self.attempt, step: self.step }
    }

    /// The hashes of all boxes.
    pub fn hashes(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().flat_map(|part| &part.boxes).map(|of| of.hash.as_str())
    }

    /// Parses a manifest.
    ///
    /// # Errors
    /// If the bytes are not a valid manifest.
    pub fn read(bytes: &[u8]) -> Result<Manifest> {
        let wrong = |why: &str| Error::failure(format!("the manifest of a shard is invalid: {why}"));
        let manifest: Manifest = serde_json::from_slice(bytes).map_err(|e| wrong(&e.to_string()))?;
        if manifest.is_valid() { Ok(manifest) } else { Err(wrong("its numbers contradict each other")) }
    }

    /// True if the rank and all boxes are in range and sizes in bytes do not overflow.
    fn is_valid(&self) -> bool {
        let inside = |part: &PartOutline, of: &BoxOutline| {
            let dimensions = part.shape.len();
            let ends = of.start.iter().zip(&of.count).map(|(start, count)| start.checked_add(*count));
            of.start.len() == dimensions
                && of.count.len() == dimensions
                && ends.zip(&part.shape).all(|(end, n)| end.is_some_and(|end| end <= *n))
                && of.bytes(part.number).is_some()
        };
        let fits = |part: &PartOutline| {
            bytes(&part.shape, part.number).is_some() && part.boxes.iter().all(|of| inside(part, of))
        };
        self.rank < self.ranks && self.parts.iter().all(fits)
    }

    /// True if two shards can belong to the same state: same ranks, numbers, and parts apart from their boxes.
    pub fn agrees_with(&self, other: &Manifest) -> bool {
        let same =
            |(a, b): (&PartOutline, &PartOutline)| (&a.name, a.number, &a.shape) == (&b.name, b.number, &b.shape);
        self.ranks == other.ranks
            && self.numbers == other.numbers
            && self.parts.len() == other.parts.len()
            && self.parts.iter().zip(&other.parts).all(same)
    }

    fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("numbers and texts")
    }

    /// The manifest in a file; none if the file is not a complete shard.
    pub fn of_file(path: &Path) -> Option<Manifest> {
        let file = regular_file::open(path).ok()?;
        let mut seal = [0; SEAL];
        file.read_exact_at(&mut seal, 0).ok()?;
        let (magic, rest) = seal.split_at(MAGIC.len());
        let (length, hash) = rest.split_first_chunk()?;
        let length = u64::from_ne_bytes(*length);
        if magic != MAGIC || length > file.metadata().ok()?.len().min(LONGEST_MANIFEST) {
            return None;
        }
        let mut bytes = vec![0; length as usize];
        file.read_exact_at(&mut bytes, MANIFEST).ok()?;
        (xxh3_128(&bytes).to_le_bytes() == hash).then(|| Manifest::read(&bytes).ok())?
    }

    /// Memory for a snapshot with these boxes; reuses the memory of `older` where sizes match.
    pub fn memory(&self, older: Option<Snapshot>) -> Snapshot {
        let mut pool = BufferPool::new(older.into_iter().flat_map(|s| s.parts).flat_map(|p| p.boxes).map(|b| b.bytes));
        let parts = self.parts.iter().map(|part| {
            let slab = |of: &BoxOutline| {
                let bytes = pool.take(of.count.iter().product::<usize>() * part.number.size());
                Hyperslab { start: of.start.clone(), count: of.count.clone(), bytes }
            };
            let boxes = part.boxes.iter().map(slab).collect();
            Part { name: part.name.clone(), number: part.number, shape: part.shape.clone(), boxes }
        });
        let parts = parts.collect();
        Snapshot { step: self.step, time: 0.0, numbers: self.numbers.clone(), parts }
    }
}

/// The file of a shard. The boxes of a snapshot are maps of it.
#[derive(Debug)]
pub(super) struct ShardFile {
    path: PathBuf,
    file: File,
    /// The number of bytes before the first box.
    head: u64,
}

/// A shard that is being written or is complete.
#[derive(Debug)]
pub(super) struct Shard {
    file: ShardFile,
    header: Manifest,
    snapshot: Snapshot,
}

impl Shard {
    /// Erases the seal and returns the file and its maps, for reuse.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn detach(self) -> Result<(ShardFile, Snapshot)> {
        let Shard { file, snapshot, .. } = self;
        file.file.write_all_at(&[0; SEAL], 0).map_err(|e| durable::why("write", &file.path, e))?;
        Ok((file, snapshot))
    }

    /// Attaches a snapshot to a file: boxes that are not maps of `file` yet are moved into it.
    ///
    /// # Errors
    /// If there is not enough memory.
    pub fn attach(file: Option<ShardFile>, path: &Path, header: Manifest, mut snapshot: Snapshot) -> Result<Shard> {
        let why = |e| durable::why("write", path, e);
        let page = rustix::param::page_size() as u64;
        let paged = |bytes: usize| (bytes as u64).next_multiple_of(page);
        let length = header.bytes().len() as u64;
        let boxes = || snapshot.parts.iter().flat_map(|part| &part.boxes).map(|slab| &slab.bytes);
        let bytes: u64 = boxes().map(|bytes| paged(bytes.len())).sum();
        // The end of the boxes that are maps already.
        let end = boxes().filter_map(|bytes| bytes.offset().map(|at| at + paged(bytes.len()))).max();
        let fits = |file: &ShardFile| {
            let head = MANIFEST + length + SLACK / 4 <= file.head;
            head && end.unwrap_or(0) <= file.head + 2 * bytes
        };
        let (file, all_anew) = match file.filter(fits) {
            Some(file) => (file, false),
            None => {
                let _ = fs::remove_file(path);
                let file = File::options().read(true).write(true).create_new(true).open(path).map_err(why)?;
                let head = (MANIFEST + length + SLACK).next_multiple_of(page);
                (ShardFile { path: path.into(), file, head }, true)
            }
        };
        let mut end = if all_anew { file.head } else { end.unwrap_or(0).max(file.head) };
        let mut loose = vec![];
        for slab in snapshot.parts.iter_mut().flat_map(|part| &mut part.boxes) {
            if all_anew || slab.bytes.offset().is_none() {
                loose.push((&mut slab.bytes, end));
                end += paged(loose.last().map_or(0, |(bytes, _)| bytes.len()));
            }
        }
        // MemorySegment that is only promised ends a process when it is touched.
        durable::reserve(path, end).map_err(|e| e.remedy(MORE_MEMORY))?;
        file.file.set_len(end).map_err(why)?;
        for (bytes, at) in loose {
            // SAFETY: the file has this length and is shortened only here, after the end of all maps. Other processes only
            // read it or remove its name.
            let mut map = unsafe { Bytes::map(&file.file, at, bytes.len()).map_err(why)? };
            map.copy_from_slice(bytes);
            *bytes = map;
        }
        Ok(Shard { file, header, snapshot })
    }

    /// The encoded manifest, for another rank.
    pub fn outline(&self) -> Vec<u8> {
        self.header.bytes()
    }

    /// The size of all boxes in bytes.
    pub fn bytes(&self) -> u64 {
        self.snapshot.bytes() as u64
    }

    /// The bytes of all boxes that are not empty.
    pub fn boxes(&mut self) -> impl Iterator<Item = &mut [u8]> {
        let boxes = self.snapshot.parts.iter_mut().flat_map(|part| &mut part.boxes);
        boxes.filter(|slab| !slab.is_empty()).map(|slab| &mut *slab.bytes)
    }

    /// Writes the manifest and the seal: the shard is complete. Returns a checksum of all boxes.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn seal(&mut self) -> Result<i64> {
        let mut all = 0i64;
        for (part, outline) in self.snapshot.parts.iter().zip(&mut self.header.parts) {
            for (slab, outline) in part.boxes.iter().zip(&mut outline.boxes) {
                let hash = xxh3_128(&slab.bytes);
                // Depends on the order of boxes, too.
                all = all.wrapping_mul(31).wrapping_add(hash as i64);
                outline.hash = format!("{hash:032x}");
                outline.at = slab.bytes.offset().unwrap_or(0);
            }
        }
        let header = self.header.bytes();
        if MANIFEST + header.len() as u64 > self.file.head {
            return Err(Error::failure("the manifest of a shard does not fit before its boxes"));
        }
        let length = (header.len() as u64).to_ne_bytes();
        let seal = [&MAGIC[..], &length, &xxh3_128(&header).to_le_bytes()].concat();
        let file = &self.file.file;
        let written = file.write_all_at(&header, MANIFEST).and_then(|()| file.write_all_at(&seal, 0));
        written.map_err(|e| durable::why("write", &self.file.path, e))?;
        Ok(all)
    }
}

/// The bytes of boxes, by part.
pub(crate) type Boxes = Vec<Vec<Vec<u8>>>;

/// Reads the boxes of a shard that another attempt has left; none if they do not agree with their hashes. They are hashed
/// after they were copied, because that attempt may still be writing.
pub(crate) fn read(path: &Path, manifest: &Manifest) -> Option<Boxes> {
    let file = regular_file::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    let mut total = 0u64;
    let mut read = |number: ElementType, of: &BoxOutline| {
        let bytes = of.bytes(number)?;
        // Checked before memory is allocated. Boxes do not overlap in the file.
        total = total.checked_add(bytes as u64)?;
        if of.at.checked_add(bytes as u64)? > length || total > length {
            return None;
        }
        let mut bytes = vec![0; bytes];
        file.read_exact_at(&mut bytes, of.at).ok()?;
        (format!("{:032x}", xxh3_128(&bytes)) == of.hash).then_some(bytes)
    };
    let parts = manifest.parts.iter();
    parts.map(|part| part.boxes.iter().map(|of| read(part.number, of)).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with a valid seal around this manifest.
    fn sealed(path: &Path, manifest: &[u8], length: u64) -> Option<Manifest> {
        let seal = [&MAGIC[..], &length.to_ne_bytes(), &xxh3_128(manifest).to_le_bytes(), &[0; 24]].concat();
        fs::write(path, [&seal, manifest].concat()).unwrap();
        Manifest::of_file(path)
    }

    #[test]
    fn hostile_manifests_are_no_shards() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let good = r#"{"life":1,"step":2,"rank":0,"ranks":2,"numbers":{},"parts":[{"name":"t","number":"f64","shape":[4,4],"boxes":[{"start":[0,0],"count":[2,4],"at":64,"hash":"0"}]}]}"#;
        let read = |text: &str| sealed(&path, text.as_bytes(), text.len() as u64);
        let manifest = read(good).unwrap();
        assert!(super::read(&path, &manifest).is_none(), "the hash is wrong");
        let max = u64::MAX.to_string();
        for (what, with) in [
            (r#""rank":0"#, r#""rank":2"#.to_owned()),
            (r#""ranks":2"#, r#""ranks":0"#.to_owned()),
            ("[4,4]", format!("[{max},{max}]")),
            ("[4,4]", format!("[0,{max}]")),
            ("[4,4]", "[4]".to_owned()),
            ("[2,4]", format!("[{max},4]")),
            ("[2,4]", "[2,5]".to_owned()),
            ("[0,0]", format!("[{max},0]")),
            ("[0,0]", "[]".to_owned()),
        ] {
            assert_eq!(read(&good.replace(what, &with)), None, "{what} -> {with}");
        }
        for length in [u64::MAX, 1 << 40, good.len() as u64 + 1, 0] {
            assert_eq!(sealed(&path, good.as_bytes(), length), None, "{length}");
        }
        let far = read(&good.replace("\"at\":64", &format!("\"at\":{max}"))).unwrap();
        assert!(super::read(&path, &far).is_none());
        let mut random = fastrand::Rng::with_seed(9);
        for _ in 0..2000 {
            let mut bad = good.as_bytes().to_vec();
            let at = random.usize(..bad.len());
            bad[at] = b"0123456789[]{},\""[random.usize(..16)];
            if let Some(manifest) = sealed(&path, &bad, bad.len() as u64) {
                assert!(manifest.is_valid() && super::read(&path, &manifest).is_none());
            }
        }
    }
}
