//! Files that are complete under their final name, whatever happens while they are written.
use crate::{Error, Result};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Writes `path` anew: `write` fills a file of another name beside it, which is synced and renamed when complete. Whatever
/// goes wrong, `path` is what it was before or all that it should be, and the other file is gone.
pub fn replace(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let part = part_of(path);
    let done = write(&part).and_then(|()| publish(&part, path));
    if done.is_err() {
        discard(&part);
    }
    done
}

/// The name under which `path` is written: `.NAME.part` beside it.
pub(super) fn part_of(path: &Path) -> PathBuf {
    path.with_file_name(format!(".{}.part", path.file_name().unwrap_or_default().to_string_lossy()))
}

/// Brings a complete file to disk and gives it its final name.
pub(super) fn publish(part: &Path, path: &Path) -> Result<()> {
    let sync = |p: &Path| File::open(p).and_then(|f| f.sync_all()).map_err(|e| Error::file("sync", p, e));
    sync(part)?;
    fs::rename(part, path).map_err(|e| Error::file("rename to", path, e))?;
    sync(path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

/// Removes a file that will not be completed.
pub(super) fn discard(part: &Path) {
    // Nothing depends on its absence, so a failure here must not hide the error that led to it.
    let _ = fs::remove_file(part);
}

/// Removes what lives that were killed left in a folder.
pub(super) fn clear(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_string_lossy().starts_with('.') && name.to_string_lossy().ends_with(".part") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.txt");
        replace(&path, |p| fs::write(p, "old").map_err(|e| Error::file("write", p, e))).unwrap();
        let failed = replace(&path, |p| {
            fs::write(p, "half").unwrap();
            Err(Error::failure("cut short"))
        });
        assert_eq!(failed.unwrap_err().what(), "cut short");
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
