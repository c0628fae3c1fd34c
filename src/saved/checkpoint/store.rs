//! The checkpoints in a run directory: lists them, finds the newest intact one, removes old ones.
use super::file::Checkpoint;
use crate::base::Kind;
use crate::base::message::message;
use crate::base::{Error, Result};
use crate::comm::Comm;
use crate::files::durable;
use std::fs;
use std::path::{Path, PathBuf};

/// The directory of the checkpoints of the run in `dir`.
pub fn folder(dir: &Path) -> PathBuf {
    dir.join("checkpoints")
}

/// The path of the checkpoint after `step`.
pub(super) fn path(dir: &Path, step: u64) -> PathBuf {
    folder(dir).join(format!("{step:012}.h5"))
}

/// The paths of all checkpoints of the run in `dir`, the newest first.
pub(in crate::saved) fn list(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder(dir)).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> =
        entries.filter(|path| step_of(path).is_some() && path.extension().is_some_and(|e| e == "h5")).collect();
    found.sort();
    found.reverse();
    found
}

/// The step of a checkpoint, from its path.
pub(super) fn step_of(path: &Path) -> Option<u64> {
    path.file_stem()?.to_str()?.parse().ok()
}

/// The step of the newest checkpoint, intact or not.
pub(crate) fn newest_step(dir: &Path) -> Option<u64> {
    list(dir).first().and_then(|path| step_of(path))
}

/// Removes all checkpoints except the newest `keep`, at least one.
pub(super) fn drop_older(dir: &Path, keep: usize) -> Result<()> {
    let mut older = list(dir).into_iter().skip(keep.max(1));
    older.try_for_each(|path| remove(&path))
}

/// Renames the checkpoints after `step`, which were found damaged, to `….h5.damaged` and removes incomplete files. The run
/// that continues from `step` writes these checkpoints again.
pub(crate) fn drop_later(dir: &Path, step: Option<u64>) -> Result<()> {
    let folder = folder(dir);
    if folder.is_dir() {
        durable::clear(&folder).map_err(|e| Error::file("clear", &folder, e))?;
    }
    let mut later = list(dir).into_iter().filter(|path| step_of(path) > step);
    later.try_for_each(|path| {
        let aside = path.with_extension("h5.damaged");
        fs::rename(&path, aside).map_err(|e| Error::file("rename", &path, e))
    })
}

fn remove(path: &Path) -> Result<()> {
    fs::remove_file(path).map_err(|e| Error::file("remove", path, e))
}

/// The newest intact checkpoint; none if there are no checkpoints. Each rank checks its share of the blocks. Damaged
/// checkpoints are reported on stderr. Collective.
///
/// # Errors
/// If a checkpoint cannot be read, or there are checkpoints and none is intact.
pub fn newest(comm: &Comm, dir: &Path) -> Result<Option<Checkpoint>> {
    let paths: Vec<PathBuf> = comm.share(comm.is_root().then(|| list(dir)));
    for path in &paths {
        let damage = match Checkpoint::open_shared(comm, path).and_then(|found| check(comm, &found).map(|()| found)) {
            Ok(found) => return Ok(Some(found)),
            // An unreadable file may be intact, so it is not skipped.
            Err(e) if e.kind() == Kind::Input => return Err(e),
            Err(damage) => damage,
        };
        if comm.is_root() {
            message!("warning: {}; the checkpoint before is taken", damage.what());
        }
    }
    match paths.len() {
        0 => Ok(None),
        n => Err(Error::failure(format!("of {n} checkpoints in {}, none is whole", folder(dir).display()))
            .remedy("bring back a copy, or begin anew: `halocline run` with --force")),
    }
}

fn check(comm: &Comm, checkpoint: &Checkpoint) -> Result<()> {
    let blocks = checkpoint.all_blocks();
    let mine = share(blocks.len(), comm);
    let whole = comm.threads().map(mine.len(), |i| checkpoint.is_whole(&blocks[mine.start + i]));
    let whole = whole.into_iter().zip(&blocks[mine]).try_for_each(|(whole, damage)| match whole? {
        true => Ok(()),
        false => Err(Error::failure(checkpoint.describe(damage))),
    });
    comm.agree(whole)
}

/// This rank's share of `0..n`.
pub(super) fn share(n: usize, comm: &Comm) -> std::ops::Range<usize> {
    let cut = |rank: usize| (n as u128 * rank as u128 / comm.size() as u128) as usize;
    cut(comm.rank())..cut(comm.rank() + 1)
}
