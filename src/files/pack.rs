//! Packing of a stream into one plain file, to copy or to archive.
use super::concatenate::concatenate;
use super::hdf5;
use super::{catalogue, durable, schema, view};
use crate::base::{Error, Result};
use std::path::Path;

/// Copies all sealed segments of `stream` in `dir` into one plain file `packed`, with the same names, attributes and scales.
/// Uses 64 MB of memory at most. Calls `check` for each segment, given by its path relative to `dir`, before reading it.
///
/// # Errors
/// If there is no such stream, if a segment is missing, cannot be read or fails its check, or if the disk is full.
pub fn pack(dir: &Path, stream: &str, packed: &Path, check: impl Fn(&str) -> Result<()>) -> Result<()> {
    let (folder, view) = (catalogue::folder(dir, stream), view::path(dir, stream));
    let sealed = catalogue::scan(&folder)?.sealed;
    let segments: Vec<_> = sealed.iter().filter(|segment| !segment.instants.is_empty()).collect();
    if segments.is_empty() {
        return Err(Error::input(format!("no sealed segment of output stream {stream:?} in {}", dir.display()))
            .remedy(format!(
                "{} should hold {}; is this the directory of a run?",
                folder.display(),
                catalogue::file_name(0)
            )));
    }
    let described = hdf5::open(&view).and_then(|f| Ok((f.dataset("step")?.size(), schema::provenance(&f)?)));
    let (instants, attempts) = described.map_err(|e| hdf5::explain("read", &view, e))?;
    let found: usize = sealed.iter().map(|s| s.instants.len()).sum();
    if found < instants {
        let lost = sealed.iter().find(|segment| segment.instants.is_empty());
        let next = lost.map_or_else(|| catalogue::file_name(catalogue::next_number(&sealed)), |lost| lost.file_name());
        let next = folder.join(next);
        return Err(Error::failure(format!("{} shows {instants} instants, the segments hold {found}", view.display()))
            .remedy(format!("{} is missing or damaged: copy the whole directory", next.display())));
    }
    durable::replace(packed, |part| {
        segments.iter().try_for_each(|segment| check(&format!("{stream}/{}", segment.file_name())))?;
        concatenate(&folder, &segments, &attempts, part)
    })
}
