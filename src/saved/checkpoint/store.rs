//! The checkpoints in a run directory: lists them and removes old ones.
use crate::base::{Error, Result};
use crate::comm::Comm;
use crate::files::durable;
use crate::saved::ledger::{Ledger, checkpoint_name};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The directory of the checkpoints of the run in `dir`.
pub fn folder(dir: &Path) -> PathBuf {
    dir.join("checkpoints")
}

/// The path of the checkpoint after `step`.
pub(super) fn path(dir: &Path, step: u64) -> PathBuf {
    dir.join(checkpoint_name(step))
}

/// The paths of all checkpoints of the run in `dir`, the newest first.
///
/// # Errors
/// If their directory exists and cannot be read.
pub(in crate::saved) fn list(dir: &Path) -> Result<Vec<PathBuf>> {
    let folder = folder(dir);
    let unreadable = |e| Error::file("read", &folder, e).as_input();
    let entries = match fs::read_dir(&folder) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(vec![]),
        entries => entries.map_err(unreadable)?,
    };
    let mut found: Vec<(u64, PathBuf)> = vec![];
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        found.extend(step_of(&path).map(|step| (step, path)));
    }
    found.sort();
    Ok(found.into_iter().rev().map(|(_, path)| path).collect())
}

/// The names of all checkpoints of the run in `dir`, as paths relative to it.
///
/// # Errors
/// As [`list`].
pub(crate) fn names(dir: &Path) -> Result<Vec<String>> {
    Ok(list(dir)?.iter().filter_map(|path| step_of(path)).map(checkpoint_name).collect())
}

/// The step of a checkpoint, from its path; none for other files.
pub(in crate::saved) fn step_of(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    let step = name.strip_suffix(".h5")?.parse().ok()?;
    checkpoint_name(step).strip_prefix("checkpoints/").filter(|expected| *expected == name).map(|_| step)
}

/// The step of the newest checkpoint, intact or not.
///
/// # Errors
/// As [`list`].
pub(crate) fn newest_step(dir: &Path) -> Result<Option<u64>> {
    Ok(list(dir)?.first().and_then(|path| step_of(path)))
}

/// Removes all checkpoints that the ledger names except the newest `keep`, at least one.
pub(super) fn drop_older(dir: &Path, keep: usize, ledger: &Ledger) -> Result<()> {
    let named = list(dir)?.into_iter().filter(|path| step_of(path).is_some_and(|step| ledger.names_step(step)));
    let mut older = named.skip(keep.max(1));
    older.try_for_each(|path| remove(&path))
}

/// Renames the checkpoints after `step`, which were found damaged, to `….h5.damaged`, or those that the ledger does not
/// name to `….h5.unknown`, and removes incomplete files. The run that continues from `step` writes these checkpoints again.
pub(crate) fn drop_later(dir: &Path, step: Option<u64>, ledger: &Ledger) -> Result<()> {
    let folder = folder(dir);
    if folder.is_dir() {
        durable::clear(&folder).map_err(|e| Error::file("clear", &folder, e))?;
    }
    let mut later = list(dir)?.into_iter().filter(|path| step_of(path) > step);
    later.try_for_each(|path| {
        let is_named = step_of(&path).is_some_and(|step| ledger.names_step(step));
        let aside = path.with_extension(if is_named { "h5.damaged" } else { "h5.unknown" });
        fs::rename(&path, aside).map_err(|e| Error::file("rename", &path, e))
    })
}

fn remove(path: &Path) -> Result<()> {
    fs::remove_file(path).map_err(|e| Error::file("remove", path, e))
}

/// This rank's share of `0..n`.
pub(super) fn share(n: usize, comm: &Comm) -> std::ops::Range<usize> {
    let cut = |rank: usize| (n as u128 * rank as u128 / comm.size() as u128) as usize;
    cut(comm.rank())..cut(comm.rank() + 1)
}
