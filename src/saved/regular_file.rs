//! Opens only regular files: a read from a device or a pipe may never end.
use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read, Result};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

/// Opens a file for reading; symbolic links are followed.
///
/// # Errors
/// If the file cannot be opened or is not a regular file.
pub(crate) fn open(path: &Path) -> Result<File> {
    open_with(path, 0)
}

/// The contents of a regular file.
///
/// # Errors
/// As [`open`], or if the file cannot be read.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = vec![];
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Opens a file by a name that another file states, relative to `dir`.
///
/// # Errors
/// If the name leads out of `dir` or through a symbolic link, or as [`open`].
pub(super) fn open_inside(dir: &Path, name: &str) -> Result<File> {
    let path = path_inside(dir, name)?;
    if path.symlink_metadata()?.is_symlink() {
        return Err(Error::new(ErrorKind::InvalidInput, THROUGH_A_LINK));
    }
    open_with(&path, libc::O_NOFOLLOW)
}

const THROUGH_A_LINK: &str = "it is reached through a symbolic link";

/// The path of a file by a name that another file states, relative to `dir`. The file itself need not exist.
///
/// # Errors
/// If the name leads out of `dir`, or a directory on the way is missing or a symbolic link.
pub(super) fn path_inside(dir: &Path, name: &str) -> Result<PathBuf> {
    let refuse = |why| Err(Error::new(ErrorKind::InvalidInput, why));
    let mut path = dir.to_path_buf();
    let mut components = Path::new(name).components().peekable();
    while let Some(component) = components.next() {
        let Component::Normal(component) = component else { return refuse("the name leads out of the run directory") };
        path.push(component);
        if components.peek().is_some() && path.symlink_metadata()?.is_symlink() {
            return refuse(THROUGH_A_LINK);
        }
    }
    Ok(path)
}

fn open_with(path: &Path, flags: i32) -> Result<File> {
    // Without O_NONBLOCK, opening a pipe waits for a writer.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(Error::new(ErrorKind::InvalidInput, "it is not a regular file"));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_regular_files_inside_the_directory_are_opened() {
        let top = tempfile::tempdir().unwrap();
        let dir = top.path().join("run");
        fs::create_dir_all(dir.join("fields")).unwrap();
        for name in ["outside", "run/fields/0.h5"] {
            fs::write(top.path().join(name), "x").unwrap();
        }
        symlink("/dev/zero", dir.join("zero")).unwrap();
        symlink(dir.join("fields/0.h5"), dir.join("link")).unwrap();
        symlink(top.path(), dir.join("up")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            dir.join("pipe"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        assert!(open_inside(&dir, "fields/0.h5").is_ok());
        assert!(open_inside(&dir, "./fields/0.h5").is_err());
        assert_eq!(read(&dir.join("link")).unwrap(), b"x");
        let absolute = dir.join("fields/0.h5");
        for name in [
            "../outside",
            "fields/../../outside",
            "/dev/zero",
            "zero",
            "link",
            "up/outside",
            "pipe",
            "fields",
            "",
            "a\0b",
        ]
        .into_iter()
        .chain(absolute.to_str())
        {
            assert!(open_inside(&dir, name).is_err(), "{name:?}");
        }
        assert!(open(&dir.join("zero")).is_err() && open(&dir.join("pipe")).is_err());
    }
}
