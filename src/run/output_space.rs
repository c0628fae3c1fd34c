//! Checks the place of a run directory, without changing anything: whether the directory can be made there, and whether its
//! file system has room for what the run writes.
use super::plan::Plan;
use crate::base::{Error, Result};
use indicatif::DecimalBytes;
use rustix::fs::{Access, access, statvfs};
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Bytes that the paths of files in a run directory add to the path of the directory.
const LONGEST_NAME: usize = 128;
/// The most bytes of a path, and of a name in it, on Linux.
const LONGEST_PATH: usize = 4096;
const LONGEST_PART: usize = 255;

/// Checks that the path of a run directory can be used at all: it is not too long, and it is UTF-8, which the HDF5 library
/// needs.
///
/// # Errors
/// If it cannot.
pub fn check_path(dir: &Path) -> Result<()> {
    if dir.to_str().is_none() {
        return Err(refused(dir, "its path is not UTF-8, and HDF5 accepts no other path"));
    }
    let absolute = std::path::absolute(dir).unwrap_or_else(|_| dir.to_path_buf());
    let (length, longest) = (absolute.as_os_str().len(), LONGEST_PATH - LONGEST_NAME);
    if length > longest {
        return Err(refused(
            dir,
            &format!("its path has {length} bytes, and more than {longest} leave no room for file names"),
        ));
    }
    match absolute.iter().map(OsStr::len).find(|&bytes| bytes > LONGEST_PART) {
        Some(bytes) => {
            Err(refused(dir, &format!("a name in it has {bytes} bytes, and at most {LONGEST_PART} are possible")))
        }
        None => Ok(()),
    }
}

/// Checks that the directory `dir` can be made, or written if it exists.
///
/// # Errors
/// If a part of its path is not a directory, is a link to nothing, or is not writable.
pub fn check_place(dir: &Path) -> Result<()> {
    let (parent, found) = existing(dir).map_err(|(part, why)| refused(dir, &format!("{}: {why}", shown(&part))))?;
    if !found.is_dir() {
        return Err(refused(dir, &format!("{} is not a folder", shown(&parent))));
    }
    if let Err(e) = access(&parent, Access::WRITE_OK | Access::EXEC_OK) {
        let why = std::io::Error::from(e);
        return Err(refused(dir, &format!("{} is not writable: {why}", shown(&parent))));
    }
    if is_pseudo(&parent) {
        return Err(refused(dir, &format!("the file system of {} stores no files", shown(&parent))));
    }
    Ok(())
}

fn refused(dir: &Path, why: &str) -> Error {
    Error::input(format!("cannot create the output folder {}: {why}", shown(dir)))
        .remedy("choose another with --output DIR")
}

/// Checks that the file system of `dir` has room for the first instant of every stream and one checkpoint. Returns a warning if
/// it has no room for all that the run writes.
///
/// # Errors
/// If it has less room than that.
pub fn check_space(dir: &Path, plan: &Plan) -> Result<Option<String>> {
    let Some(free) = free_bytes(dir) else { return Ok(None) };
    let least = plan.least_bytes();
    if least > free {
        let what = format!(
            "the first instant of every stream and one checkpoint take {}, and the file system of {} has {} left",
            DecimalBytes(least),
            shown(dir),
            DecimalBytes(free)
        );
        return Err(
            Error::input(what).remedy("free space, write fewer fields, or choose another folder with --output DIR")
        );
    }
    let all = plan.bytes_of_streams().map(|bytes| bytes.saturating_add(plan.bytes_of_checkpoints()));
    Ok(all.filter(|all| *all > free).map(|all| {
        format!(
            "the run writes {}, and the file system of {} has {} left\n  write less often, or move finished segments away",
            DecimalBytes(all),
            shown(dir),
            DecimalBytes(free)
        )
    }))
}

/// Returns the bytes that are free on the file system of `dir`, which need not exist. None if the system does not tell.
fn free_bytes(dir: &Path) -> Option<u64> {
    let (parent, _) = existing(dir).ok()?;
    let system = statvfs(&parent).ok().filter(|system| system.f_blocks > 0)?;
    system.f_bavail.checked_mul(system.f_frsize)
}

/// The last part of a path that exists, and what is there; or the first part that cannot be looked at, with the error.
fn existing(dir: &Path) -> std::result::Result<(PathBuf, fs::Metadata), (PathBuf, std::io::Error)> {
    for part in dir.ancestors() {
        let part = if part.as_os_str().is_empty() { Path::new(".") } else { part };
        match fs::metadata(part) {
            Ok(found) => return Ok((part.to_path_buf(), found)),
            Err(e) if e.kind() == ErrorKind::NotFound => {
                if fs::symlink_metadata(part).is_ok() {
                    let to_nothing = std::io::Error::new(ErrorKind::NotFound, "it is a link to nothing");
                    return Err((part.to_path_buf(), to_nothing));
                }
            }
            Err(e) if e.kind() == ErrorKind::NotADirectory => {}
            Err(e) => return Err((part.to_path_buf(), e)),
        }
    }
    Err((dir.to_path_buf(), std::io::Error::from(ErrorKind::NotFound)))
}

/// True for file systems of the kernel, in which no file can be made.
fn is_pseudo(path: &Path) -> bool {
    #[cfg(target_os = "linux")]
    return rustix::fs::statfs(path).is_ok_and(|system| {
        // Of /proc and /sys.
        [0x9fa0, 0x6265_6572].contains(&system.f_type)
    });
    #[cfg(not(target_os = "linux"))]
    return false;
}

/// A path for messages, with its middle left out if it is long.
fn shown(path: &Path) -> String {
    let text: Vec<char> = path.to_string_lossy().chars().collect();
    match text.len() {
        0..=200 => text.into_iter().collect(),
        n => text[..90].iter().chain(&['…']).chain(&text[n - 90..]).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_places_for_a_directory_pass() {
        let top = tempfile::tempdir().unwrap();
        let at = |name: &str| top.path().join(name);
        fs::write(at("file"), "").unwrap();
        symlink(at("none"), at("dangling")).unwrap();
        symlink(top.path(), at("link")).unwrap();
        for good in [".", "new", "a/b/c", "link/new", "with space", "100%d", "two\nlines"] {
            check_path(&at(good)).and_then(|()| check_place(&at(good))).unwrap_or_else(|e| panic!("{good}: {e}"));
        }
        check_place(Path::new("new")).unwrap();
        let latin1 = std::ffi::OsString::from_vec(b"caf\xe9".to_vec());
        for (bad, why) in [
            (at("file/x"), "is not a folder"),
            (at("dangling"), "link to nothing"),
            (at("dangling/x"), "link to nothing"),
            (at(&"x".repeat(300)), "a name in it has 300 bytes"),
            (at(&"x/".repeat(2500)), "leave no room"),
            (top.path().join(latin1), "not UTF-8"),
            ("/proc/halocline".into(), "stores no files"),
        ] {
            let error = check_path(&bad).and_then(|()| check_place(&bad)).unwrap_err();
            let text = error.what();
            assert!(text.starts_with("cannot create the output folder ") && text.contains(why), "{error}");
            assert!(error.exit_code() == 2 && text.chars().count() < 600, "{error}");
        }
        assert_eq!(fs::read_dir(top.path()).unwrap().count(), 3, "nothing is made");
    }
}
