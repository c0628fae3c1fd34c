//! Several segments in one plain file.
use super::catalogue::SealedSegment;
use super::hdf5::{self, Dataset, File};
use super::records::RecordDataset;
use super::{durable, schema};
use crate::base::{Error, Result};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Writes the instants of these segments of a stream, at least one, to the new file `part`. Uses 64 MB of memory at most.
///
/// # Errors
/// If a segment cannot be read or the file cannot be written.
pub(super) fn concatenate(
    folder: &Path,
    segments: &[&SealedSegment],
    attempts: &[schema::Provenance],
    part: &Path,
) -> Result<()> {
    let (first, others) = segments.split_first().expect("one segment at least");
    // The first segment has all contents of the new file, except later instants and attempts.
    let path = folder.join(first.file_name());
    fs::copy(&path, part).map_err(|e| durable::why(&format!("copy {} to", path.display()), part, e))?;
    // A copy of a read-only file is read-only.
    let mut permissions = fs::metadata(part).map_err(|e| Error::file("read", part, e))?.permissions();
    permissions.set_mode(permissions.mode() | 0o200);
    fs::set_permissions(part, permissions).map_err(|e| Error::file("write", part, e))?;
    let append = || -> hdf5::Result<()> {
        let file = hdf5::open_for_writing(part)?;
        let all = segments.iter().flat_map(|s| s.instants.iter().copied()).collect::<Vec<_>>();
        append_provenance(&file, attempts)?;
        let variables: Vec<Dataset> = file.datasets()?.into_iter().filter(schema::is_variable).collect();
        for v in &variables {
            hdf5::resize(v, all.len())?;
        }
        let mut start = first.instants.len();
        for segment in others {
            let count = segment.instants.len();
            copy(&hdf5::open(&folder.join(segment.file_name()))?, &variables, start, count)?;
            start += count;
        }
        for kind in RecordDataset::found_in(&file) {
            let data = file.dataset(kind.name())?;
            hdf5::resize(&data, all.len())?;
            kind.put(&data, &all, true, false)?;
        }
        drop(variables);
        file.close()
    };
    append().map_err(|e| hdf5::explain("write", part, e))
}

const BLOCK: usize = 64 << 20;

/// Copies the first `count` instants of each variable to instants `start..` of the packed file, at most [`BLOCK`] bytes at a
/// time.
fn copy(from: &File, variables: &[Dataset], start: usize, count: usize) -> hdf5::Result<()> {
    for to in variables {
        let source = from.dataset(to.name().trim_start_matches('/'))?;
        let (shape, size) = (source.shape(), source.dtype()?.size());
        // One index at a time on the leading axes, as many indices as fit on the next axis, all of the remaining axes.
        let (mut axis, mut below) = (shape.len() - 1, size);
        while axis > 0 && below * shape[axis] <= BLOCK {
            below *= shape[axis];
            axis -= 1;
        }
        let length = (BLOCK / below).max(1);
        let mut ends = shape.clone();
        ends[0] = count;
        let mut at = vec![0; shape.len()];
        while at[0] < count {
            let mut block: Vec<usize> = (0..shape.len()).map(|a| if a < axis { 1 } else { ends[a] }).collect();
            block[axis] = length.min(ends[axis] - at[axis]);
            let bytes = hdf5::read_bytes(&source, &(at.clone(), block.clone()))?;
            let mut place = at.clone();
            place[0] += start;
            hdf5::write(to, &[(place, block.clone())], &bytes, false)?;
            at[axis] += block[axis];
            for a in (1..=axis).rev() {
                if at[a] == ends[a] {
                    (at[a], at[a - 1]) = (0, at[a - 1] + 1);
                }
            }
        }
    }
    Ok(())
}

fn append_provenance(file: &File, attempts: &[schema::Provenance]) -> hdf5::Result<()> {
    let provenance = file.group("provenance")?;
    for (attempt, attributes) in attempts.iter().enumerate().skip(provenance.len() as usize) {
        schema::put_provenance(&provenance, attempt, attributes)?;
    }
    Ok(())
}
