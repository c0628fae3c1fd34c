//! Files given by a user: only regular files are opened, since opening a FIFO waits for its other end, perhaps forever.
use super::{Error, Result};
use std::fs::{self, FileType};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// Checks that `path` is a regular file, or a link to one, before it is opened.
///
/// # Errors
/// An input error that names what is at `path` instead: a directory, a FIFO, a socket, a device, or nothing.
pub(crate) fn check_regular(path: &Path) -> Result<()> {
    let found = fs::metadata(path).map_err(|e| Error::file("open", path, e).as_input())?.file_type();
    match special(found) {
        None => Ok(()),
        Some(what) => Err(Error::input(format!("{} is {what}, not a file", path.display()))),
    }
}

/// What a file system entry is that is no regular file; `None` for a regular file.
fn special(found: FileType) -> Option<&'static str> {
    match found {
        _ if found.is_file() => None,
        _ if found.is_dir() => Some("a directory"),
        _ if found.is_fifo() => Some("a FIFO (a named pipe)"),
        _ if found.is_socket() => Some("a socket"),
        _ if found.is_char_device() || found.is_block_device() => Some("a device"),
        _ => Some("a special file"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_accepted() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("file"), "text").unwrap();
        std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
        check_regular(&at("file")).and_then(|()| check_regular(&at("link"))).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        let owner = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, at("fifo"), rustix::fs::FileType::Fifo, owner, 0).unwrap();
        for (path, what) in [
            (at("socket"), "a socket"),
            (at("fifo"), "a FIFO"),
            (at(""), "a directory"),
            ("/dev/zero".into(), "a device"),
            (at("none"), "No such file"),
        ] {
            let error = check_regular(&path).unwrap_err();
            assert!(error.exit_code() == 2 && error.what().contains(what), "{error}");
        }
    }
}
