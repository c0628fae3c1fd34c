//! A piece: what one rank has of a state, as a file in a node's memory.
//!
//! ```text
//! 16 bytes  what it is      from byte 64 on  the header, JSON
//!  8 bytes  its length      then             boxes, each on pages of its own
//! 16 bytes  its hash
//! ```
//!
//! The first 40 bytes are written last and taken away first: a file that has them is a whole piece.
use crate::base::buffer_pool::BufferPool;
use crate::base::bytes::Bytes;
use crate::base::hyperslab::Hyperslab;
use crate::base::{Error, Result};
use crate::engine::{Part, Snapshot};
use crate::files::durable;
use crate::saved::folder::Moment;
use halocline_kernels::ElementType;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_128;

const MAGIC: &[u8; 16] = b"halocline piece\n";
/// Bytes that say that a piece is whole.
const SEAL: usize = 40;
/// Where the header begins.
const HEADER: u64 = 64;
/// Bytes by which a header may grow before the file is laid out anew.
const SLACK: u64 = 4096;

/// All that a piece says about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// The life of the run in which it was written.
    pub life: u64,
    /// After which step.
    pub step: u64,
    /// Whose it is, of how many.
    pub rank: usize,
    /// How many ranks.
    pub ranks: usize,
    /// As in a [`Snapshot`].
    pub numbers: BTreeMap<String, u64>,
    /// As in a [`Snapshot`].
    pub parts: Vec<PartOutline>,
}

/// A part, without its numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PartOutline {
    pub name: String,
    #[serde(with = "crate::base::stored_type")]
    pub number: ElementType,
    pub shape: Vec<usize>,
    pub boxes: Vec<BoxOutline>,
}

/// A box, without its numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BoxOutline {
    pub start: Vec<usize>,
    pub count: Vec<usize>,
    /// Where its bytes begin in the file, and their hash (XXH3, 128 bits: against what breaks, not against who lies).
    pub at: u64,
    pub hash: String,
}

impl Header {
    /// Of a snapshot, by rank and number of ranks; places and hashes are put in later.
    pub fn of(snapshot: &Snapshot, life: u64, (rank, ranks): (usize, usize)) -> Header {
        let outline = |slab: &Hyperslab| BoxOutline {
            start: slab.start.clone(),
            count: slab.count.clone(),
            // The longest there is: once they are known, the header gets no longer.
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
        Header { life, step, rank, ranks, numbers, parts: parts.collect() }
    }

    /// When it was written.
    pub fn moment(&self) -> Moment {
        Moment { life: self.life, step: self.step }
    }

    /// The hashes of all boxes.
    pub fn hashes(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().flat_map(|part| &part.boxes).map(|of| of.hash.as_str())
    }

    /// From bytes.
    ///
    /// # Errors
    /// If these are none of a header.
    pub fn read(bytes: &[u8]) -> Result<Header> {
        serde_json::from_slice(bytes)
            .map_err(|e| Error::failure(format!("a piece of the state cannot be understood: {e}")))
    }

    fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("numbers and texts")
    }

    /// The header of a file; none if it is no whole piece.
    pub fn of_file(path: &Path) -> Option<Header> {
        let file = File::open(path).ok()?;
        let mut seal = [0; SEAL];
        file.read_exact_at(&mut seal, 0).ok()?;
        let (magic, rest) = seal.split_at(MAGIC.len());
        let (length, hash) = rest.split_first_chunk()?;
        let length = u64::from_ne_bytes(*length);
        if magic != MAGIC || length > file.metadata().ok()?.len() {
            return None;
        }
        let mut bytes = vec![0; length as usize];
        file.read_exact_at(&mut bytes, HEADER).ok()?;
        (xxh3_128(&bytes).to_le_bytes() == hash).then(|| Header::read(&bytes).ok())?
    }

    /// Memory for what it outlines, older memory where that fits.
    pub fn rooms(&self, older: Option<Snapshot>) -> Snapshot {
        let mut rooms = BufferPool::new(older.into_iter().flat_map(|s| s.parts).flat_map(|p| p.boxes).map(|b| b.bytes));
        let parts = self.parts.iter().map(|part| {
            let slab = |of: &BoxOutline| {
                let bytes = rooms.take(of.count.iter().product::<usize>() * part.number.size());
                Hyperslab { start: of.start.clone(), count: of.count.clone(), bytes }
            };
            let boxes = part.boxes.iter().map(slab).collect();
            Part { name: part.name.clone(), number: part.number, shape: part.shape.clone(), boxes }
        });
        let parts = parts.collect();
        Snapshot { step: self.step, time: 0.0, numbers: self.numbers.clone(), parts }
    }
}

/// A file of which the bytes are elsewhere: in a snapshot whose boxes are maps of it.
#[derive(Debug)]
pub(super) struct Sheet {
    path: PathBuf,
    file: File,
    /// Bytes before the first box.
    head: u64,
}

/// A piece, being written or whole.
#[derive(Debug)]
pub(super) struct Piece {
    sheet: Sheet,
    header: Header,
    snapshot: Snapshot,
}

impl Piece {
    /// The file and its maps, to be used again: from now on it is no piece.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn open_up(self) -> Result<(Sheet, Snapshot)> {
        let Piece { sheet, snapshot, .. } = self;
        sheet.file.write_all_at(&[0; SEAL], 0).map_err(|e| durable::why("write", &sheet.path, e))?;
        Ok((sheet, snapshot))
    }

    /// Gives all boxes of a snapshot places in a file: those that are maps of this sheet have one.
    ///
    /// # Errors
    /// If there is no room in memory.
    pub fn lay(sheet: Option<Sheet>, path: &Path, header: Header, mut snapshot: Snapshot) -> Result<Piece> {
        let why = |e| durable::why("write", path, e);
        let page = rustix::param::page_size() as u64;
        let paged = |bytes: usize| (bytes as u64).next_multiple_of(page);
        let length = header.bytes().len() as u64;
        let boxes = || snapshot.parts.iter().flat_map(|part| &part.boxes).map(|slab| &slab.bytes);
        let bytes: u64 = boxes().map(|bytes| paged(bytes.len())).sum();
        // The end of what has a place already.
        let end = boxes().filter_map(|bytes| bytes.offset().map(|at| at + paged(bytes.len()))).max();
        let fits = |sheet: &Sheet| {
            let head = HEADER + length + SLACK / 4 <= sheet.head;
            head && end.unwrap_or(0) <= sheet.head + 2 * bytes
        };
        let (sheet, all_anew) = match sheet.filter(fits) {
            Some(sheet) => (sheet, false),
            None => {
                let _ = fs::remove_file(path);
                let file = File::options().read(true).write(true).create_new(true).open(path).map_err(why)?;
                let head = (HEADER + length + SLACK).next_multiple_of(page);
                (Sheet { path: path.into(), file, head }, true)
            }
        };
        let mut end = if all_anew { sheet.head } else { end.unwrap_or(0).max(sheet.head) };
        let mut loose = vec![];
        for slab in snapshot.parts.iter_mut().flat_map(|part| &mut part.boxes) {
            if all_anew || slab.bytes.offset().is_none() {
                loose.push((&mut slab.bytes, end));
                end += paged(loose.last().map_or(0, |(bytes, _)| bytes.len()));
            }
        }
        // Room that is only promised ends a process when it is touched.
        durable::reserve(path, end)?;
        sheet.file.set_len(end).map_err(why)?;
        for (bytes, at) in loose {
            // SAFETY: the file has this length, and gets shorter only here, behind all maps. Other processes only read it,
            // or remove its name.
            let mut map = unsafe { Bytes::map(&sheet.file, at, bytes.len()).map_err(why)? };
            map.copy_from_slice(bytes);
            *bytes = map;
        }
        Ok(Piece { sheet, header, snapshot })
    }

    /// Its header, for another rank.
    pub fn outline(&self) -> Vec<u8> {
        self.header.bytes()
    }

    /// Its bytes.
    pub fn bytes(&self) -> u64 {
        self.snapshot.bytes() as u64
    }

    /// The bytes of all boxes that hold any.
    pub fn boxes(&mut self) -> impl Iterator<Item = &mut [u8]> {
        let boxes = self.snapshot.parts.iter_mut().flat_map(|part| &mut part.boxes);
        boxes.filter(|slab| !slab.is_empty()).map(|slab| &mut *slab.bytes)
    }

    /// Makes a whole piece of it, and returns a number that is the same for the same bytes.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn seal(&mut self) -> Result<i64> {
        let mut all = 0i64;
        for (part, outline) in self.snapshot.parts.iter().zip(&mut self.header.parts) {
            for (slab, outline) in part.boxes.iter().zip(&mut outline.boxes) {
                let hash = xxh3_128(&slab.bytes);
                // Boxes that change places are noticed, too.
                all = all.wrapping_mul(31).wrapping_add(hash as i64);
                outline.hash = format!("{hash:032x}");
                outline.at = slab.bytes.offset().unwrap_or(0);
            }
        }
        let header = self.header.bytes();
        if HEADER + header.len() as u64 > self.sheet.head {
            return Err(Error::failure("the header of a piece of the state has outgrown its place"));
        }
        let length = (header.len() as u64).to_ne_bytes();
        let seal = [&MAGIC[..], &length, &xxh3_128(&header).to_le_bytes()].concat();
        let file = &self.sheet.file;
        let written = file.write_all_at(&header, HEADER).and_then(|()| file.write_all_at(&seal, 0));
        written.map_err(|e| durable::why("write", &self.sheet.path, e))?;
        Ok(all)
    }
}

/// The bytes of boxes, by part.
pub(crate) type Boxes = Vec<Vec<Vec<u8>>>;

/// The boxes of a piece that another life has left, if they are what was written. They are hashed after they were copied: that
/// life may not know yet that it is over, and write on.
pub(crate) fn read(path: &Path, header: &Header) -> Option<Boxes> {
    let file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    let read = |number: ElementType, of: &BoxOutline| {
        let bytes = of.count.iter().try_fold(number.size(), |bytes, n| bytes.checked_mul(*n))?;
        // Before there is memory for what a damaged header says.
        if of.at.checked_add(bytes as u64)? > length {
            return None;
        }
        let mut bytes = vec![0; bytes];
        file.read_exact_at(&mut bytes, of.at).ok()?;
        (format!("{:032x}", xxh3_128(&bytes)) == of.hash).then_some(bytes)
    };
    header.parts.iter().map(|part| part.boxes.iter().map(|of| read(part.number, of)).collect()).collect()
}
