//! The catalogue of a stream: its sealed segments, and the instants that each contributes.
use super::hdf5;
use super::records::{self, Instant};
use crate::base::Kind;
use crate::base::{Error, Result};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A sealed segment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SealedSegment {
    /// The valid instants: all, or the first ones if a later attempt restarted before the end of this segment.
    pub(super) instants: Vec<Instant>,
    /// Number of instants in the file.
    pub(super) held: usize,
}

/// The directory of the segments of stream `name` in `dir`.
pub(super) fn folder(dir: &Path, name: &str) -> PathBuf {
    dir.join(name)
}

/// The file name of segment `i`.
pub(super) fn file_name(i: usize) -> String {
    format!("{i:06}.h5")
}

/// The number of a segment that is missing or damaged, and the reason.
pub(super) type LostSegment = (usize, Error);

/// Reads the instants of all segments on disk. Lost segments have none.
///
/// # Errors
/// If the directory or an intact segment cannot be read.
pub(super) fn scan(folder: &Path) -> Result<(Vec<SealedSegment>, Vec<LostSegment>)> {
    let mut found: BTreeSet<usize> = BTreeSet::new();
    match fs::read_dir(folder) {
        Err(e) if e.kind() == ErrorKind::NotFound => {}
        entries => {
            let names = entries.map_err(|e| Error::file("read", folder, e))?.flatten().map(|entry| entry.file_name());
            found.extend(names.filter_map(|name| number(name.to_str()?)));
        }
    }
    let (mut sealed, mut lost): (Vec<SealedSegment>, _) = (vec![], vec![]);
    for i in 0..end_of_stream(&found) {
        let path = folder.join(file_name(i));
        let instants = match instants(&path) {
            Ok(instants) => instants,
            Err(e) => {
                lost.push((i, why_lost(&path, hdf5::explain("read", &path, e))?));
                vec![]
            }
        };
        sealed.push(SealedSegment { held: instants.len(), instants });
    }
    // Steps increase along a run. A segment that begins before the end of the previous one was written after a restart.
    let mut end = u64::MAX;
    for segment in sealed.iter_mut().rev() {
        segment.instants.retain(|instant| instant.step < end);
        end = end.min(segment.instants.first().map_or(u64::MAX, |i| i.step));
    }
    Ok((sealed, lost))
}

/// The number after the last segment of a stream, of which `found` are on disk. Segments may be missing in between, but a
/// file behind a gap of more than [`LONGEST_GAP`] is not a part of the stream.
fn end_of_stream(found: &BTreeSet<usize>) -> usize {
    let mut end = 0;
    for &i in found {
        if i - end > LONGEST_GAP {
            break;
        }
        end = i + 1;
    }
    end
}

/// Consecutive segments that can be missing: more than any run makes, few enough to list.
const LONGEST_GAP: usize = 1000;

/// The reason why a segment is lost: it is missing, or damaged as `why` tells.
///
/// # Errors
/// If the segment may be intact but cannot be read now.
fn why_lost(path: &Path, why: Error) -> Result<Error> {
    let read = File::open(path).and_then(|file| file.read_at(&mut [0], 0));
    match read {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(Error::failure(format!("{} is missing", path.display()))),
        Err(e) => Err(Error::file("read", path, e).as_input()),
        Ok(_) if why.kind() == Kind::Input => Err(why),
        Ok(_) => Ok(why),
    }
}

/// The number of the segment with this file name; `None` for other files.
fn number(name: &str) -> Option<usize> {
    name.strip_suffix(".h5")?.parse().ok().filter(|i| file_name(*i) == name)
}

fn instants(path: &Path) -> hdf5::Result<Vec<Instant>> {
    records::read(&hdf5::open(path)?)
}

/// Drops the instants after `step`, or all if `step` is `None`. Returns the segments to keep, and the numbers of the segments
/// to delete in descending order.
pub(super) fn keep_until(mut sealed: Vec<SealedSegment>, step: Option<u64>) -> (Vec<SealedSegment>, Vec<usize>) {
    let all = sealed.len();
    for segment in &mut sealed {
        segment.instants.retain(|i| Some(i.step) <= step);
    }
    let kept = sealed.iter().rposition(|s| !s.instants.is_empty()).map_or(0, |last| last + 1);
    sealed.truncate(kept);
    (sealed, (kept..all).rev().collect())
}

/// Encodes segments as a message.
pub(super) fn encode(sealed: &[SealedSegment]) -> Vec<u8> {
    let mut words = vec![];
    for segment in sealed {
        words.extend([segment.held as u64, segment.instants.len() as u64]);
        let of = |i: &Instant| [i.step, i.time.to_bits(), i.begin.0, i.begin.1.to_bits()];
        words.extend(segment.instants.iter().flat_map(of));
    }
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

/// Decodes the segments of a message.
pub(super) fn decode(message: &[u8]) -> Vec<SealedSegment> {
    let mut words = message.as_chunks().0.iter().map(|word| u64::from_ne_bytes(*word));
    let mut sealed = vec![];
    while let (Some(held), Some(n)) = (words.next(), words.next()) {
        let mut pair = || Some((words.next()?, f64::from_bits(words.next()?)));
        let mut instant = || {
            let ((step, time), begin) = (pair()?, pair()?);
            Some(Instant { step, time, begin })
        };
        let instants = (0..n).map_while(|_| instant()).collect();
        sealed.push(SealedSegment { instants, held: held as usize });
    }
    sealed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_drops_what_came_after_its_checkpoint() {
        let segment = |steps: &[u64]| SealedSegment {
            instants: steps.iter().map(|&s| Instant { begin: (s / 2, 0.5), ..Instant::at(s, s as f64) }).collect(),
            held: steps.len(),
        };
        let all = vec![segment(&[0, 10]), segment(&[20, 30]), segment(&[40])];
        let (kept, dropped) = keep_until(all.clone(), Some(20));
        assert_eq!(decode(&encode(&kept)), kept);
        assert_eq!(kept[1], SealedSegment { instants: all[1].instants[..1].to_vec(), held: 2 });
        assert_eq!((kept.len(), dropped), (2, vec![2]));
        assert_eq!(keep_until(all.clone(), Some(99)), (all.clone(), vec![]));
        assert_eq!(keep_until(all.clone(), Some(0)).1, [2, 1]);
        assert_eq!(keep_until(all.clone(), None), (vec![], vec![2, 1, 0]));
        // A lost segment leaves a gap.
        let gap = vec![segment(&[0, 10]), segment(&[]), segment(&[40]), segment(&[])];
        let (kept, dropped) = keep_until(gap, Some(40));
        assert_eq!((kept, dropped), (vec![segment(&[0, 10]), segment(&[]), segment(&[40])], vec![3]));
        let end = |found: &[usize]| end_of_stream(&found.iter().copied().collect());
        assert_eq!((end(&[]), end(&[0, 1, 2]), end(&[1, 5]), end(&[0, 999_999_999_999])), (0, 3, 6, 1));
        assert_eq!(end(&[usize::MAX]), 0);
        assert_eq!(["000012.h5", "12.h5", "000012.h5.damaged", "x.h5"].map(number), [Some(12), None, None, None]);
    }
}
