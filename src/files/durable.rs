//! Durable file operations: a file under its final name is always complete.
use crate::base::{Error, Result};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Replaces the file `path` atomically: `write` fills a temporary file in the same directory, which is synced and renamed
/// when complete. After an error, `path` is unchanged and the temporary file is removed.
pub fn replace(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let part = part_of(path);
    let done = write(&part).and_then(|()| publish(&part, path));
    if done.is_err() {
        discard(&part);
    }
    done
}

/// Makes a folder of a run directory, if it is not there. Its parents are not made: where they are missing, the run directory
/// was moved or removed.
pub(crate) fn make_folder(folder: &Path) -> Result<()> {
    match fs::create_dir(folder) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(why("create", folder, e)),
        _ => Ok(()),
    }
}

/// Removes a file, if it exists.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::file("remove", path, e)),
        _ => Ok(()),
    }
}

/// The path of the temporary file for `path`: `.NAME.part` in the same directory.
pub(crate) fn part_of(path: &Path) -> PathBuf {
    path.with_file_name(format!(".{}.part", path.file_name().unwrap_or_default().to_string_lossy()))
}

/// Syncs a complete temporary file and renames it to its final name.
pub(crate) fn publish(part: &Path, path: &Path) -> Result<()> {
    let sync = |p: &Path| File::open(p).and_then(|f| f.sync_all()).map_err(|e| why("sync", p, e));
    // Frees the space that was reserved beyond the end.
    let trim = File::options().write(true).open(part).and_then(|f| f.set_len(f.metadata()?.len()));
    trim.map_err(|e| why("close", part, e))?;
    sync(part)?;
    fs::rename(part, path).map_err(|e| why("rename to", path, e))?;
    sync(path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

/// Reserves disk space for the first `end` bytes of a temporary file.
pub(crate) fn reserve(part: &Path, end: u64) -> Result<()> {
    use rustix::fs::{FallocateFlags, fallocate, statvfs};
    use rustix::io::{Errno, retry_on_intr};
    use rustix::process::{Resource, getrlimit};
    if getrlimit(Resource::Fsize).current.is_some_and(|limit| end > limit) {
        return Err(why("write", part, Errno::FBIG.into()));
    }
    let file = File::options().write(true).open(part).map_err(|e| Error::file("open", part, e))?;
    let reserved = match retry_on_intr(|| fallocate(&file, FallocateFlags::KEEP_SIZE, 0, end)) {
        // The file system cannot reserve space, but it reports how much is free.
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
            let held = file.metadata().map_or(0, |m| m.len());
            match retry_on_intr(|| statvfs(part)) {
                Ok(disk) if disk.f_bavail.saturating_mul(disk.f_frsize) < end.saturating_sub(held) => Err(Errno::NOSPC),
                _ => Ok(()),
            }
        }
        other => other,
    };
    reserved.map_err(|e| why("write", part, e.into()))
}

/// Reads the first byte of a file, if it has one: an error tells a disk that fails from a file that is damaged.
pub(crate) fn probe(file: &File) -> std::io::Result<()> {
    loop {
        match file.read_at(&mut [0], 0) {
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            read => return read.map(drop),
        }
    }
}

/// Converts an error of the file system to one that names the action, the path and a remedy.
pub(crate) fn why(action: &str, path: &Path, error: std::io::Error) -> Error {
    let remedy = remedy(error.raw_os_error());
    let error = Error::file(action, path, error);
    if let Some(remedy) = remedy { error.remedy(remedy) } else { error }
}

/// The remedy for a system error number, if there is one.
pub(super) fn remedy(number: Option<i32>) -> Option<&'static str> {
    match number? {
        libc::ENOSPC => Some("free space on that file system, or write elsewhere with --output DIR"),
        libc::EDQUOT => Some("your quota there is used up: free space, or write elsewhere with --output DIR"),
        libc::EACCES | libc::EROFS | libc::EPERM | libc::ENOTDIR => {
            Some("choose a directory that you may write to with --output DIR")
        }
        libc::EFBIG => {
            Some("a file would be larger than allowed: raise the limit (`ulimit -f`), or write less or smaller files")
        }
        // ENOLCK, and Linux's own ENOTSUPP, which has no name in user space.
        libc::ENOLCK | 524 => Some(
            "another process has it open, or the file system refuses locks: then export HDF5_USE_FILE_LOCKING=FALSE",
        ),
        _ => None,
    }
}

/// Removes a temporary file that will not be completed.
pub(crate) fn discard(part: &Path) {
    // A failure here must not hide the error that led to the removal; a leftover file does no harm.
    let _ = fs::remove_file(part);
}

/// Removes the temporary files of numbered files (segments, checkpoints) that killed attempts have left in a directory.
pub(crate) fn clear(folder: &Path) -> std::io::Result<()> {
    clear_except(folder, None)
}

/// As [`clear`], except for one file that is still being written.
pub(crate) fn clear_except(folder: &Path, open: Option<&Path>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix('.')?.strip_suffix(".h5.part"));
        if open != Some(&entry.path())
            && number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'))
        {
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

    #[test]
    fn a_folder_without_its_parent_is_not_made() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("run/checkpoints");
        assert!(make_folder(&folder).is_err() && !folder.parent().unwrap().exists());
        fs::create_dir(folder.parent().unwrap()).unwrap();
        make_folder(&folder).unwrap();
        make_folder(&folder).unwrap();
    }

    #[test]
    fn unfinished_files_are_removed_except_the_open_one() {
        let dir = tempfile::tempdir().unwrap();
        let paths =
            [".000001.h5.part", ".000002.h5.part", ".notes.part", "000001.h5"].map(|name| dir.path().join(name));
        paths.iter().for_each(|path| fs::write(path, "").unwrap());
        clear_except(dir.path(), Some(&paths[1])).unwrap();
        assert_eq!(paths.map(|path| path.exists()), [false, true, true, true]);
    }
}
