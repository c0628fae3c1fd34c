//! The files that people open: one virtual file over all sealed segments, and one for ParaView.
use super::catalogue::{self, Sealed};
use super::durable;
use super::hdf5::{self, Storage, VirtualSource};
use super::layout::Layout;
use super::schema::{self, Life};
use super::xdmf;
use crate::base::Result;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the virtual file of stream `name` in `dir` lies.
pub(super) fn path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.h5"))
}

/// Renews both files, so that they show exactly the instants of these segments. Without any, they are removed.
pub(super) fn renew(dir: &Path, layout: &Layout, lives: &[Life], sealed: &[Sealed]) -> Result<()> {
    let (view, scene) = (path(dir, &layout.name), dir.join(format!("{}.xdmf", layout.name)));
    if sealed.iter().all(|segment| segment.instants.is_empty()) {
        for path in [view, scene] {
            durable::remove(&path)?;
        }
        return Ok(());
    }
    durable::replace(&view, |part| {
        write_virtual(part, layout, lives, sealed).map_err(|e| hdf5::explain("write", part, e))
    })?;
    match xdmf::document(layout, sealed) {
        Some(text) => {
            durable::replace(&scene, |part| fs::write(part, text).map_err(|e| durable::why("write", part, e)))
        }
        None => Ok(()),
    }
}

fn write_virtual(part: &Path, layout: &Layout, lives: &[Life], sealed: &[Sealed]) -> hdf5::Result<()> {
    let instants: Vec<_> = sealed.iter().flat_map(|s| s.instants.iter().copied()).collect();
    // The same text however many segments there are, since two runs seal at different moments and should compare equal.
    let comment = format!(
        "a virtual file: the fields lie in {}/*.h5, which must stay beside it; where one of these files is missing or \
         cannot be opened (see ulimit -n), its instants read as the fill value, NaN",
        layout.name
    );
    schema::create(part, layout, lives, &instants, Some(&comment), |_| {
        let mut start = 0;
        let source = |(i, s): (usize, &Sealed)| {
            let (file, count) = (format!("{}/{}", layout.name, catalogue::file_name(i)), s.instants.len());
            start += count;
            VirtualSource { file, start: start - count, count, instants: s.held }
        };
        Storage::Virtual(sealed.iter().enumerate().map(source).filter(|source| source.count > 0).collect())
    })?
    .close()
}
