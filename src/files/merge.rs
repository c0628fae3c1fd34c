//! Merging of small segments as a run goes on, so that a stream has a few hundred files however often it is sealed: a program
//! that reads the virtual file to the end holds all of its segments open, most systems allow a process 1024 open files, and HDF5
//! shows the fill value for a segment that it cannot open.
use super::catalogue::SealedSegment;
use super::concatenate::concatenate;
use super::durable;
use super::schema::Provenance;
use crate::base::Result;
use std::fs;
use std::ops::Range;
use std::path::Path;

/// Segments of a stream above which small ones are merged.
const MOST: usize = 256;
/// Segments that are sealed between two attempts to merge.
const EVERY: usize = 64;
/// The size to which segments are merged, in bytes. Larger copies would hold up the run.
const SIZE: u64 = 64 << 20;

/// True if a stream with this number of segments should merge the small ones.
pub(super) fn is_due(segments: usize) -> bool {
    segments >= MOST && segments.is_multiple_of(EVERY)
}

/// Merges neighbouring small segments into new files, and returns all segments of the stream then, and the file names of those
/// that were merged and are to be removed once the virtual file no longer names them.
///
/// # Errors
/// If a file cannot be read or written; all segments are then as before.
pub(super) fn merge(
    folder: &Path,
    sealed: &[SealedSegment],
    attempts: &[Provenance],
) -> Result<(Vec<SealedSegment>, Vec<String>)> {
    let bytes = |s: &SealedSegment| fs::metadata(folder.join(s.file_name())).ok().map(|m| m.len());
    // A segment whose last instants were dropped, or that is lost, stays as it is.
    let sizes: Vec<Option<u64>> =
        sealed.iter().map(|s| bytes(s).filter(|_| s.held == s.instants.len() && s.held > 0)).collect();
    let (mut merged, mut replaced, mut at) = (vec![], vec![], 0);
    for group in groups(&sizes) {
        merged.extend_from_slice(&sealed[at..group.start]);
        at = group.end;
        let parts: Vec<&SealedSegment> = sealed[group].iter().collect();
        let instants: Vec<_> = parts.iter().flat_map(|s| s.instants.iter().copied()).collect();
        let numbers = [parts[0].numbers[0], parts[parts.len() - 1].numbers[1]];
        let segment = SealedSegment { held: instants.len(), instants, numbers };
        let path = folder.join(segment.file_name());
        durable::replace(&path, |part| concatenate(folder, &parts, attempts, part))?;
        replaced.extend(parts.iter().map(|s| s.file_name()));
        merged.push(segment);
    }
    merged.extend_from_slice(&sealed[at..]);
    Ok((merged, replaced))
}

/// The groups of neighbouring segments to merge: small ones, as many as make [`SIZE`] bytes.
fn groups(sizes: &[Option<u64>]) -> Vec<Range<usize>> {
    let (mut groups, mut start, mut bytes) = (vec![], 0, 0);
    for (i, size) in sizes.iter().enumerate() {
        let small = size.filter(|size| *size <= SIZE / 4);
        match small {
            Some(size) if bytes + size <= SIZE => bytes += size,
            _ => {
                groups.push(start..i);
                (start, bytes) = small.map_or((i + 1, 0), |size| (i, size));
            }
        }
    }
    groups.push(start..sizes.len());
    groups.retain(|group| group.len() > 1);
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_merged_up_to_a_size() {
        let small = |n: usize| vec![Some(1000); n];
        assert_eq!(groups(&small(300)).first(), Some(&(0..300)));
        assert_eq!(groups(&[&small(3)[..], &[None], &small(2)].concat()), [0..3, 4..6]);
        assert_eq!(groups(&[Some(SIZE / 4); 7]), [0..4, 4..7]);
        assert_eq!(groups(&[Some(SIZE), Some(1), Some(1), Some(2 * SIZE), Some(1)]).first(), Some(&(1..3)));
        // Large segments stay as they are.
        assert!(groups(&vec![Some(SIZE); 500]).is_empty());
        assert!(groups(&[]).is_empty());
    }
}
