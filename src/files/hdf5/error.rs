//! HDF5's errors in the user's terms.
use crate::base::Error;
use crate::files::durable;
use hdf5_sys::h5::herr_t;
use std::path::Path;

/// Turns the status of an HDF5 function into a result.
pub(super) fn check(status: herr_t) -> ::hdf5::Result<()> {
    ::hdf5::h5check(status).map(|_| ())
}

/// Converts an HDF5 error to one that names the action, the file, the system's reason and the remedy.
pub(crate) fn explain(action: &str, path: &Path, error: ::hdf5::Error) -> Error {
    let frames: Vec<String> = match error.stack() {
        Some(stack) => stack.iter().map(|f| f.desc().to_string()).collect(),
        None => vec![error.to_string()],
    };
    explain_frames(action, path, &frames)
}

/// Does the same as [`explain`] with the messages of the error stack, outermost first.
fn explain_frames(action: &str, path: &Path, frames: &[String]) -> Error {
    let says = |text: &str| frames.iter().any(|f| f.contains(text));
    let number = frames.iter().find_map(|f| {
        let digits = f.split_once("errno = ")?.1;
        digits[..digits.find(|c: char| !c.is_ascii_digit())?].parse::<i32>().ok()
    });
    let reason = match (number, frames.last()) {
        (Some(n), _) => std::io::Error::from_raw_os_error(n).to_string(),
        (None, Some(innermost)) => innermost.clone(),
        (None, None) => "unknown error".to_string(),
    };
    // Where the file ends is only in this frame: `truncated file: eof = 4096, sblock->base_addr = 0, stored_eof = 9000`.
    let reason = match frames.iter().find(|f| f.contains("truncated file")) {
        Some(frame) => match (number_after(frame, "file: eof = "), number_after(frame, "stored_eof = ")) {
            (Some(found), Some(whole)) => format!("the file is truncated: it has {found} of {whole} bytes"),
            _ => "the file is truncated".into(),
        },
        None => reason,
    };
    let error = Error::file(action, path, reason);
    let locked = says("unable to lock file") || says("file locking");
    // A locked file may be intact, so this is not a damaged file.
    let error = if locked && action == "read" { error.as_input() } else { error };
    let remedy = if locked {
        durable::remedy(Some(libc::ENOLCK))
    } else if says("NO_SPACE") || says("No space left") {
        durable::remedy(Some(libc::ENOSPC))
    } else {
        durable::remedy(number)
    };
    if let Some(remedy) = remedy { error.remedy(remedy) } else { error }
}

/// The whole number that follows `label` in a text.
fn number_after(text: &str, label: &str) -> Option<u64> {
    let rest = text.split_once(label)?.1;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_speak_the_systems_words_and_name_the_remedy() {
        let full = "file write failed: time = Tue, filename = 'a.h5', file descriptor = 5, errno = 28, error message = 'No \
                    space left on device', buf = 0x1";
        let explain = |inner: &str| {
            explain_frames("write", Path::new("a.h5"), &["can't write data".into(), inner.into()]).to_string()
        };
        assert!(explain(full).starts_with("cannot write a.h5: No space left on device"), "{}", explain(full));
        assert!(explain(full).contains("free space"));
        let locks = "unable to lock file, errno = 524, error message = 'Unknown error 524'";
        assert!(explain(locks).contains("HDF5_USE_FILE_LOCKING=FALSE"), "{}", explain(locks));
        assert!(explain("file locking is not possible").contains("HDF5_USE_FILE_LOCKING=FALSE"));
        let short = "truncated file: eof = 4096, sblock->base_addr = 0, stored_eof = 9000";
        assert_eq!(explain(short), "cannot write a.h5: the file is truncated: it has 4096 of 9000 bytes");
        assert_eq!(explain("bad magic"), "cannot write a.h5: bad magic");
    }

    #[test]
    fn a_broken_file_is_an_error_and_nothing_is_printed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("broken.h5");
        std::fs::write(&path, b"\x89HDF\r\n\x1a\n and no more").unwrap();
        let error = explain("open", &path, crate::files::hdf5::open(&path).unwrap_err());
        assert!(error.what().starts_with("cannot open ") && error.what().contains("broken.h5: "), "{error}");
    }
}
