//! Finds the newest checkpoint from which a run can continue.
use super::file::Checkpoint;
use super::known::Known;
use super::store::{folder, list, path, share};
use crate::base::message::message;
use crate::base::{Error, Kind, Result};
use crate::comm::Comm;
use std::path::{Path, PathBuf};

/// The newest intact checkpoint that the ledger knows; none if there are no checkpoints. Each rank checks its share of the
/// blocks. Checkpoints that are damaged, or that the ledger does not know, are reported on stderr. Collective.
///
/// # Errors
/// If a checkpoint cannot be read, or there are checkpoints and none can be used.
pub fn newest(comm: &Comm, dir: &Path) -> Result<Option<Checkpoint>> {
    let paths: Vec<PathBuf> = comm.share(comm.agree(comm.is_root().then(|| list(dir)).transpose())?);
    let known = comm.is_root().then(|| Known::of(dir));
    let is_known = |found: &Checkpoint| comm.agree(known.as_ref().map_or(Ok(()), |known| known.check(found)));
    for path in &paths {
        let opened = Checkpoint::open_shared(comm, path).and_then(|found| is_known(&found).map(|()| found));
        let damage = match opened.and_then(|found| check(comm, &found).map(|()| found)) {
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
        n => Err(Error::failure(format!("of {n} checkpoints in {}, none is whole and known", folder(dir).display()))
            .remedy("bring back a copy, or begin anew: `halocline run` with --force")),
    }
}

/// The root of the checkpoint after `step`; none if it cannot be read.
pub(crate) fn root(dir: &Path, step: u64) -> Option<String> {
    Checkpoint::open(&path(dir, step)).ok().map(|checkpoint| checkpoint.root().to_owned())
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
