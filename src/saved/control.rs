//! The file `DIR/control`, in which users write requests to a run.
use super::regular_file;
use crate::base::regular_file::check_regular;
use crate::base::{Error, Result};
use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// The name of the file.
pub(crate) const FILE: &str = "control";
/// Most bytes that are read: requests are short.
const MOST: u64 = 1 << 16;

/// The text of the file; none if there is no file.
///
/// # Errors
/// If it is not a regular file, or cannot be read.
pub(crate) fn read(dir: &Path) -> Result<Option<String>> {
    let path = dir.join(FILE);
    let file = match regular_file::open(&path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        // Says what it is, if not a file.
        file => file.map_err(|e| check_regular(&path).err().unwrap_or(Error::file("read", &path, e)))?,
    };
    let mut bytes = vec![];
    file.take(MOST).read_to_end(&mut bytes).map_err(|e| Error::file("read", &path, e))?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Removes the file, whose requests would count again.
///
/// # Errors
/// If it cannot be removed.
pub(crate) fn remove(dir: &Path) -> Result<()> {
    let path = dir.join(FILE);
    fs::remove_file(&path).map_err(|e| Error::file("remove", &path, e))
}

/// True if the file requests a stop; then it is removed. For the time between two attempts.
pub(crate) fn take_stop(dir: &Path) -> bool {
    let path = dir.join(FILE);
    let text = regular_file::open(&path).and_then(|file| io::read_to_string(file.take(MOST)));
    let stops = text.is_ok_and(|text| text.lines().any(|line| line.trim() == "stop"));
    if stops {
        let _ = fs::remove_file(&path);
    }
    stops
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    #[test]
    fn only_a_regular_file_makes_requests() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        assert_eq!(read(dir.path()).unwrap(), None);
        fs::write(&path, b"stop\n\xff").unwrap();
        assert_eq!(read(dir.path()).unwrap().as_deref(), Some("stop\n\u{fffd}"));
        remove(dir.path()).unwrap();
        assert!(!path.exists());
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        assert!(read(dir.path()).is_err() && !take_stop(dir.path()));
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        assert!(read(dir.path()).is_err() && !take_stop(dir.path()));
        fs::remove_file(&path).unwrap();
        fs::write(&path, "checkpoint_now\n stop \n").unwrap();
        assert!(take_stop(dir.path()) && !path.exists() && !take_stop(dir.path()));
        fs::write(&path, "output_now\n").unwrap();
        assert!(!take_stop(dir.path()) && path.exists(), "the next attempt reads it");
    }
}
