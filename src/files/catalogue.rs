//! The catalogue of a stream: its sealed segments, and the instants that each contributes.
use super::hdf5;
use super::records::{self, Instant};
use crate::base::Kind;
use crate::base::{Error, Result};
use std::cmp::Reverse;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A sealed segment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SealedSegment {
    /// The valid instants: all, or the first ones if a later attempt restarted before the end of this segment.
    pub(super) instants: Vec<Instant>,
    /// Number of instants in the file.
    pub(super) held: usize,
    /// The numbers of the first and the last segment that the file holds; they differ for merged segments.
    pub(super) numbers: [usize; 2],
}

impl SealedSegment {
    /// The name of the file in the directory of the stream.
    pub(super) fn file_name(&self) -> String {
        let [first, last] = self.numbers;
        if first == last { file_name(first) } else { format!("{first:06}-{last:06}.h5") }
    }
}

/// The number of the next segment of a stream.
pub(super) fn next_number(sealed: &[SealedSegment]) -> usize {
    sealed.last().map_or(0, |segment| segment.numbers[1] + 1)
}

/// The directory of the segments of stream `name` in `dir`.
pub(super) fn folder(dir: &Path, name: &str) -> PathBuf {
    dir.join(name)
}

/// The file name of segment `i`.
pub(super) fn file_name(i: usize) -> String {
    format!("{i:06}.h5")
}

/// The file name of a segment that is missing or damaged, and the reason.
pub(super) type LostSegment = (String, Error);

/// The segments on disk.
pub(super) struct Scan {
    /// All segments of the stream; lost ones have no instants.
    pub(super) sealed: Vec<SealedSegment>,
    /// The lost ones.
    pub(super) lost: Vec<LostSegment>,
    /// The file names of segments that a merged one holds as well.
    pub(super) covered: Vec<String>,
}

/// Reads the instants of all segments on disk.
///
/// # Errors
/// If the directory or an intact segment cannot be read.
pub(super) fn scan(folder: &Path) -> Result<Scan> {
    let mut found = vec![];
    match fs::read_dir(folder) {
        Err(e) if e.kind() == ErrorKind::NotFound => {}
        entries => {
            let names = entries.map_err(|e| Error::file("read", folder, e))?.flatten().map(|entry| entry.file_name());
            found.extend(names.filter_map(|name| numbers(name.to_str()?)));
        }
    }
    let (listed, covered) = in_order(found);
    let covered = covered.into_iter().map(|numbers| empty(numbers).file_name()).collect();
    let (mut sealed, mut lost): (Vec<SealedSegment>, _) = (vec![], vec![]);
    for numbers in listed {
        let name = empty(numbers).file_name();
        let path = folder.join(&name);
        let instants = match instants(&path) {
            Ok(instants) => instants,
            Err(e) => {
                lost.push((name, why_lost(&path, hdf5::explain("read", &path, e))?));
                vec![]
            }
        };
        sealed.push(SealedSegment { held: instants.len(), instants, numbers });
    }
    // Steps increase along a run. A segment that begins before the end of the previous one was written after a restart.
    let mut end = u64::MAX;
    for segment in sealed.iter_mut().rev() {
        segment.instants.retain(|instant| instant.step < end);
        end = end.min(segment.instants.first().map_or(u64::MAX, |i| i.step));
    }
    Ok(Scan { sealed, lost, covered })
}

fn empty(numbers: [usize; 2]) -> SealedSegment {
    SealedSegment { instants: vec![], held: 0, numbers }
}

/// The segments of a stream, of which the files `found` are on disk, and the files that a merged segment covers. Segments may be
/// missing in between, but a file behind a gap of more than [`LONGEST_GAP`] is not a part of the stream.
fn in_order(mut found: Vec<[usize; 2]>) -> (Vec<[usize; 2]>, Vec<[usize; 2]>) {
    // Of two that begin alike, the longer comes first.
    found.sort_by_key(|&[first, last]| (first, Reverse(last)));
    let (mut listed, mut covered, mut end) = (vec![], vec![], 0);
    for [first, last] in found {
        if last < end {
            covered.push([first, last]);
            continue;
        }
        if first < end || first - end > LONGEST_GAP {
            break;
        }
        listed.extend((end..first).map(|missing| [missing, missing]));
        listed.push([first, last]);
        end = last + 1;
    }
    (listed, covered)
}

/// Consecutive segments that can be missing: more than any run makes, few enough to list.
const LONGEST_GAP: usize = 1000;

/// The reason why a segment is lost: it is missing, or damaged as `why` tells.
///
/// # Errors
/// If the segment may be intact but cannot be read now.
fn why_lost(path: &Path, why: Error) -> Result<Error> {
    let read = File::open(path).and_then(|file| super::durable::probe(&file));
    match read {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(Error::failure(format!("{} is missing", path.display()))),
        Err(e) => Err(Error::file("read", path, e).as_input()),
        Ok(_) if why.kind() == Kind::Input => Err(why),
        Ok(_) => Ok(why),
    }
}

/// True if a segment can have this file name.
pub(crate) fn is_segment(name: &str) -> bool {
    numbers(name).is_some()
}

/// True if the segment `name`, given by its path relative to `dir`, is held by a merged segment on disk.
pub(crate) fn is_merged(dir: &Path, name: &str) -> bool {
    let Some((folder, name)) = name.split_once('/') else { return false };
    let Some([low, high]) = numbers(name) else { return false };
    let names = fs::read_dir(dir.join(folder)).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let mut ranges = names.filter_map(|name| numbers(name.to_str()?));
    ranges.any(|[first, last]| first <= low && high <= last && [first, last] != [low, high])
}

/// The numbers of the first and the last segment in the file of this name; `None` for other files.
pub(super) fn numbers(name: &str) -> Option<[usize; 2]> {
    let stem = name.strip_suffix(".h5")?;
    let (first, last) = stem.split_once('-').unwrap_or((stem, stem));
    let numbers = [first.parse().ok()?, last.parse().ok()?];
    Some(numbers).filter(|n| n[0] <= n[1] && n[1] < usize::MAX && empty(*n).file_name() == name)
}

fn instants(path: &Path) -> hdf5::Result<Vec<Instant>> {
    records::read(&hdf5::open(path)?)
}

/// Drops the instants after `step`, or all if `step` is `None`. Returns the segments to keep, and the file names of the
/// segments to delete, the last ones first.
pub(super) fn keep_until(mut sealed: Vec<SealedSegment>, step: Option<u64>) -> (Vec<SealedSegment>, Vec<String>) {
    for segment in &mut sealed {
        segment.instants.retain(|i| Some(i.step) <= step);
    }
    let kept = sealed.iter().rposition(|s| !s.instants.is_empty()).map_or(0, |last| last + 1);
    let dropped = sealed.split_off(kept).iter().rev().map(SealedSegment::file_name).collect();
    (sealed, dropped)
}

/// Encodes segments as a message.
pub(super) fn encode(sealed: &[SealedSegment]) -> Vec<u8> {
    let mut words = vec![];
    for segment in sealed {
        let [first, last] = segment.numbers;
        words.extend([first, last, segment.held, segment.instants.len()].map(|n| n as u64));
        let of = |i: &Instant| [i.step, i.time.to_bits(), i.begin.0, i.begin.1.to_bits()];
        words.extend(segment.instants.iter().flat_map(of));
    }
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

/// Decodes the segments of a message.
pub(super) fn decode(message: &[u8]) -> Vec<SealedSegment> {
    let mut words = message.as_chunks().0.iter().map(|word| u64::from_ne_bytes(*word));
    let mut sealed = vec![];
    while let (Some(first), Some(last), Some(held), Some(n)) = (words.next(), words.next(), words.next(), words.next())
    {
        let mut pair = || Some((words.next()?, f64::from_bits(words.next()?)));
        let mut instant = || {
            let ((step, time), begin) = (pair()?, pair()?);
            Some(Instant { step, time, begin })
        };
        let instants = (0..n).map_while(|_| instant()).collect();
        sealed.push(SealedSegment { instants, held: held as usize, numbers: [first as usize, last as usize] });
    }
    sealed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_drops_what_came_after_its_checkpoint() {
        let segment = |number: usize, steps: &[u64]| SealedSegment {
            instants: steps.iter().map(|&s| Instant { begin: (s / 2, 0.5), ..Instant::at(s, s as f64) }).collect(),
            held: steps.len(),
            numbers: [number, number],
        };
        let all = vec![segment(0, &[0, 10]), segment(1, &[20, 30]), segment(2, &[40])];
        let (kept, dropped) = keep_until(all.clone(), Some(20));
        assert_eq!(decode(&encode(&kept)), kept);
        assert_eq!(kept[1], SealedSegment { instants: all[1].instants[..1].to_vec(), held: 2, numbers: [1, 1] });
        assert_eq!((kept.len(), dropped), (2, vec!["000002.h5".to_owned()]));
        assert_eq!(keep_until(all.clone(), Some(99)), (all.clone(), vec![]));
        assert_eq!(keep_until(all.clone(), Some(0)).1, ["000002.h5", "000001.h5"]);
        assert_eq!(keep_until(all.clone(), None).1.len(), 3);
        // A lost segment leaves a gap.
        let gap = vec![segment(0, &[0, 10]), segment(1, &[]), segment(2, &[40]), segment(3, &[])];
        let (kept, dropped) = keep_until(gap, Some(40));
        assert_eq!((kept.len(), dropped), (3, vec!["000003.h5".to_owned()]));
    }

    #[test]
    fn files_are_listed_by_their_numbers() {
        let one = |numbers: &[usize]| numbers.iter().map(|&n| [n, n]).collect::<Vec<_>>();
        let listed = |found: &[usize]| in_order(one(found)).0.len();
        assert_eq!((listed(&[]), listed(&[0, 1, 2]), listed(&[1, 5]), listed(&[0, 999_999_999_999])), (0, 3, 6, 1));
        assert_eq!(listed(&[usize::MAX - 1]), 0);
        let merged = in_order(vec![[0, 0], [3, 3], [0, 2], [1, 1], [4, 5], [4, 4]]);
        assert_eq!(merged, (vec![[0, 2], [3, 3], [4, 5]], vec![[0, 0], [1, 1], [4, 4]]));
        let names = ["000012.h5", "000003-000012.h5", "12.h5", "000012.h5.damaged", "000012-000003.h5", "x.h5"];
        assert_eq!(names.map(numbers), [Some([12, 12]), Some([3, 12]), None, None, None, None]);
    }
}
