//! The files that users open: a virtual file over all sealed segments, and one for ParaView.
use super::catalogue::{self, SealedSegment};
use super::durable;
use super::hdf5::{self, Storage, VirtualSource};
use super::layout::Layout;
use super::schema::{self, Provenance};
use crate::base::Result;
use std::fs;
use std::path::{Path, PathBuf};

/// The path of the virtual file of stream `name` in `dir`.
pub(super) fn path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.h5"))
}

/// The path of the document for ParaView.
fn xdmf(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.xdmf"))
}

/// Removes the temporary files of both, if there are any.
pub(super) fn discard_parts(dir: &Path, name: &str) {
    [path(dir, name), xdmf(dir, name)].iter().for_each(|path| durable::discard(&durable::part_of(path)));
}

/// Rewrites both files so that they show exactly the instants of these segments. Without instants, it removes them.
pub(super) fn renew(dir: &Path, layout: &Layout, attempts: &[Provenance], sealed: &[SealedSegment]) -> Result<()> {
    let (view, xdmf) = (path(dir, &layout.name), xdmf(dir, &layout.name));
    if sealed.iter().all(|segment| segment.instants.is_empty()) {
        for path in [view, xdmf] {
            durable::remove(&path)?;
        }
        return Ok(());
    }
    durable::replace(&view, |part| {
        write_virtual(part, layout, attempts, sealed).map_err(|e| hdf5::explain("write", part, e))
    })?;
    match super::xdmf::document(layout, sealed) {
        Some(text) => durable::replace(&xdmf, |part| fs::write(part, text).map_err(|e| durable::why("write", part, e))),
        None => Ok(()),
    }
}

fn write_virtual(part: &Path, layout: &Layout, attempts: &[Provenance], sealed: &[SealedSegment]) -> hdf5::Result<()> {
    let instants: Vec<_> = sealed.iter().flat_map(|s| s.instants.iter().copied()).collect();
    // The text does not depend on the number of segments: two runs seal at different times and should compare equal.
    let comment = format!(
        "a virtual file: the fields lie in {}/*.h5, which must stay beside it; where one of these files is missing or \
         cannot be opened (see ulimit -n), its instants read as the fill value, NaN",
        layout.name
    );
    let file = schema::create(part, layout, attempts, &instants, Some(&comment), |_| {
        let mut start = 0;
        let source = |s: &SealedSegment| {
            let (file, count) = (format!("{}/{}", layout.name, s.file_name()), s.instants.len());
            start += count;
            VirtualSource { file, start: start - count, count, instants: s.held }
        };
        Storage::Virtual(sealed.iter().map(source).filter(|source| source.count > 0).collect())
    })?;
    let provenance = file.group("provenance")?;
    let names: Vec<String> = sealed.iter().map(SealedSegment::file_name).collect();
    hdf5::put_text(&provenance, SEGMENTS, &names.join(" "))?;
    drop(provenance);
    file.close()
}

/// The attribute of `/provenance` with the file names of the segments of a virtual file.
const SEGMENTS: &str = "segments";

/// The segments that the virtual file of stream `name` in `dir` shows, lost ones included, as paths relative to `dir`; none
/// if there is no such file.
pub(crate) fn shown_segments(dir: &Path, name: &str) -> Vec<String> {
    let path = path(dir, name);
    // HDF5 opens whatever is there: a pipe would block it.
    if !fs::metadata(&path).is_ok_and(|file| file.is_file()) {
        return vec![];
    }
    let group = hdf5::open(&path).and_then(|file| file.group("provenance"));
    let names = group.ok().and_then(|group| hdf5::text(&group, SEGMENTS)).unwrap_or_default();
    // A file may claim anything.
    let names = names.split(' ').filter(|file| catalogue::is_segment(file));
    names.map(|file| format!("{name}/{file}")).collect()
}

/// The segments of stream `name` in `dir` that were sealed or merged just before the run was killed, so that the virtual file
/// does not show them yet: files with the contents of a segment whose numbers continue those of the shown ones. Paths are
/// relative to `dir`.
pub(crate) fn unshown_segments(dir: &Path, name: &str) -> Vec<String> {
    let shown = shown_segments(dir, name);
    let last = shown.iter().filter_map(|path| catalogue::numbers(path.rsplit('/').next()?)).map(|n| n[1]).max();
    let mut next = last.map_or(0, |last| last + 1);
    let entries = fs::read_dir(catalogue::folder(dir, name)).into_iter().flatten().flatten();
    let files = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut found: Vec<([usize; 2], String)> =
        files.filter_map(|file| Some((catalogue::numbers(&file)?, file))).collect();
    found.sort();
    let is_written = |path: &Path| {
        let regular = fs::metadata(path).is_ok_and(|file| file.is_file());
        regular && hdf5::open(path).and_then(|file| file.group("provenance")).is_ok()
    };
    let mut unshown = vec![];
    for ([first, last], file) in found {
        let path = format!("{name}/{file}");
        if first <= next && !shown.contains(&path) && is_written(&dir.join(&path)) {
            next = next.max(last + 1);
            unshown.push(path);
        }
    }
    unshown
}
