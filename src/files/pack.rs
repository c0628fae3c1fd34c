//! Packing of a stream into one plain file, to copy or to archive.
use super::hdf5::{self, Dataset, File};
use super::records::RecordDataset;
use super::{catalogue, durable, schema, view};
use crate::base::{Error, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// Copies all sealed segments of `stream` in `dir` into one plain file `STREAM.packed.h5` in `dir`, with the same names,
/// attributes and scales. Uses 64 MB of memory at most. Returns the path of the file.
///
/// # Errors
/// If there is no such stream, if a segment is missing or cannot be read, or if the disk is full.
pub fn pack(dir: &Path, stream: &str) -> Result<PathBuf> {
    let (folder, view) = (catalogue::folder(dir, stream), view::path(dir, stream));
    let (sealed, _) = catalogue::scan(&folder)?;
    let segments = || sealed.iter().enumerate().filter(|(_, segment)| !segment.instants.is_empty());
    let Some((first, _)) = segments().next() else {
        return Err(Error::input(format!("no sealed segment of output stream {stream:?} in {}", dir.display()))
            .remedy(format!(
                "{} should hold {}; is this the directory of a run?",
                folder.display(),
                catalogue::file_name(0)
            )));
    };
    let described = hdf5::open(&view).and_then(|f| Ok((f.dataset("step")?.size(), schema::provenance(&f)?)));
    let (instants, attempts) = described.map_err(|e| hdf5::explain("read", &view, e))?;
    let found: usize = sealed.iter().map(|s| s.instants.len()).sum();
    if found < instants {
        let gap = sealed.iter().position(|segment| segment.instants.is_empty()).unwrap_or(sealed.len());
        let next = folder.join(catalogue::file_name(gap));
        return Err(Error::failure(format!("{} shows {instants} instants, the segments hold {found}", view.display()))
            .remedy(format!("{} is missing or damaged: copy the whole directory", next.display())));
    }
    let packed = dir.join(format!("{stream}.packed.h5"));
    durable::replace(&packed, |part| {
        // The first segment has all contents of the packed file, except later instants and attempts.
        let first_path = folder.join(catalogue::file_name(first));
        fs::copy(&first_path, part).map_err(|e| Error::file("copy", &first_path, e))?;
        let append = || -> hdf5::Result<()> {
            let file = hdf5::open_for_writing(part)?;
            let all = sealed.iter().flat_map(|s| s.instants.iter().copied()).collect::<Vec<_>>();
            append_provenance(&file, &attempts)?;
            let variables: Vec<Dataset> = file.datasets()?.into_iter().filter(schema::is_variable).collect();
            for v in &variables {
                hdf5::resize(v, all.len())?;
            }
            let mut start = 0;
            for (i, segment) in segments() {
                if i != first {
                    copy(
                        &hdf5::open(&folder.join(catalogue::file_name(i)))?,
                        &variables,
                        start,
                        segment.instants.len(),
                    )?;
                }
                start += segment.instants.len();
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
    })?;
    Ok(packed)
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
