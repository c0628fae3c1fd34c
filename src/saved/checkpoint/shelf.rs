//! The checkpoints of a run: which there are, and which is the newest that can be trusted.
use super::file::Checkpoint;
use crate::base::Kind;
use crate::base::{Error, Result};
use crate::comm::Comm;
use crate::files::durable;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the checkpoints of the run in `dir` lie.
pub fn folder(dir: &Path) -> PathBuf {
    dir.join("checkpoints")
}

/// The file of the checkpoint after a step.
pub(super) fn path(dir: &Path, step: u64) -> PathBuf {
    folder(dir).join(format!("{step:012}.h5"))
}

/// All checkpoints, the newest first.
pub(super) fn list(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder(dir)).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> =
        entries.filter(|path| step_of(path).is_some() && path.extension().is_some_and(|e| e == "h5")).collect();
    found.sort();
    found.reverse();
    found
}

/// After which step a checkpoint was written.
pub(super) fn step_of(path: &Path) -> Option<u64> {
    path.file_stem()?.to_str()?.parse().ok()
}

/// After which step the newest checkpoint was written, whether it is whole or not.
pub(crate) fn newest_step(dir: &Path) -> Option<u64> {
    list(dir).first().and_then(|path| step_of(path))
}

/// Removes all but the newest `keep`.
pub(super) fn drop_older(dir: &Path, keep: usize) -> Result<()> {
    let mut older = list(dir).into_iter().skip(keep.max(1));
    older.try_for_each(|path| remove(&path))
}

/// Puts those after a step aside, which were found damaged, and removes what was cut short: a run that goes on from there
/// writes them anew.
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

/// The newest checkpoint that is whole, all ranks checking their shares of the blocks; damaged ones are named on stderr.
/// Collective.
///
/// # Errors
/// If one cannot be read, or there are some and none is whole.
pub fn newest(comm: &Comm, dir: &Path) -> Result<Option<Checkpoint>> {
    let paths: Vec<PathBuf> = comm.share(comm.is_root().then(|| list(dir)));
    for path in &paths {
        let damage = match Checkpoint::open_shared(comm, path).and_then(|found| check(comm, &found).map(|()| found)) {
            Ok(found) => return Ok(Some(found)),
            // What cannot be read now may be whole: nothing is decided on that.
            Err(e) if e.kind() == Kind::Input => return Err(e),
            Err(damage) => damage,
        };
        if comm.is_root() {
            eprintln!("warning: {}; the checkpoint before is taken", damage.what());
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

/// This rank's part of 0..n.
pub(super) fn share(n: usize, comm: &Comm) -> std::ops::Range<usize> {
    let cut = |rank: usize| (n as u128 * rank as u128 / comm.size() as u128) as usize;
    cut(comm.rank())..cut(comm.rank() + 1)
}
