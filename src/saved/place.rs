//! [`Place`]: where a run directory is, also after it was moved or removed.
use super::attempt;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A run directory, held open, so that the system knows its present name.
pub(crate) struct Place(Option<File>);

/// What has happened to a run directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It has this name now.
    Moved(PathBuf),
    /// It was removed, or its files were.
    Removed,
}

impl Place {
    /// The directory `dir`. If it cannot be opened, no change is noticed.
    pub fn of(dir: &Path) -> Place {
        Place(OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY).open(dir).ok())
    }

    /// What has happened to the directory, which was `dir`; none if nothing has, or if that cannot be found out.
    pub fn change(&self, dir: &Path) -> Option<Change> {
        let directory = self.0.as_ref()?;
        let held = directory.metadata().ok()?;
        let is_it = |other: &Metadata| (other.dev(), other.ino()) == (held.dev(), held.ino());
        match fs::metadata(dir) {
            Ok(found) if is_it(&found) => {
                let gone = fs::metadata(dir.join(attempt::FILE)).is_err_and(|e| e.kind() == ErrorKind::NotFound);
                return gone.then_some(Change::Removed);
            }
            // A file server that does not answer has not moved anything.
            Err(e) if e.kind() != ErrorKind::NotFound && e.kind() != ErrorKind::NotADirectory => return None,
            _ => {}
        }
        let path = fs::read_link(format!("/proc/self/fd/{}", directory.as_raw_fd())).ok();
        let path = path.filter(|path| fs::metadata(path).is_ok_and(|found| is_it(&found)));
        Some(path.map_or(Change::Removed, Change::Moved))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_found_where_it_was_moved() {
        let top = tempfile::tempdir().unwrap();
        let top = top.path().canonicalize().unwrap();
        let [a, b] = ["a", "b"].map(|name| top.join(name));
        fs::create_dir(&a).unwrap();
        fs::write(a.join(attempt::FILE), "").unwrap();
        let place = Place::of(&a);
        assert_eq!(place.change(&a), None);
        fs::rename(&a, &b).unwrap();
        assert_eq!(place.change(&a), Some(Change::Moved(b.clone())));
        assert_eq!(place.change(&b), None);
        fs::create_dir(&a).unwrap();
        assert_eq!(place.change(&a), Some(Change::Moved(b.clone())), "another directory has taken the name");
        fs::remove_file(b.join(attempt::FILE)).unwrap();
        assert_eq!(place.change(&b), Some(Change::Removed));
        fs::remove_dir(&b).unwrap();
        assert_eq!(place.change(&b), Some(Change::Removed));
        assert_eq!(Place::of(&b).change(&b), None, "it was never there");
    }
}
