//! Reads the text of a job file.
use super::suggestion::suggestion;
use crate::base::regular_file::check_regular;
use crate::base::{Error, Result};
use std::path::Path;

/// The text of the job file at `path`.
///
/// # Errors
/// If it cannot be read or is not UTF-8. The message suggests similar names in the directory.
pub(super) fn read(path: &Path) -> Result<String> {
    let name = path.display();
    let jobs_beside = |dir: &Path| -> Vec<String> {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut names: Vec<String> = entries
            .filter(|path| path.extension().is_some_and(|e| e == "toml"))
            .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
            .collect();
        names.sort();
        names
    };
    if path.is_dir() {
        let error = Error::input(format!("{name} is a directory, not a job file"));
        let files = jobs_beside(path);
        return Err(if files.is_empty() { error } else { error.remedy(format!("it contains {}", files.join(", "))) });
    }
    if path.exists() {
        check_regular(path).map_err(|e| e.remedy("a job file is a regular file: every rank reads it"))?;
    }
    let bytes = std::fs::read(path).map_err(|e| {
        let error = Error::file("read", path, &e).as_input();
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let beside = jobs_beside(parent);
        if beside.is_empty() || e.kind() != std::io::ErrorKind::NotFound {
            return error;
        }
        let beside: Vec<&str> = beside.iter().map(String::as_str).collect();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        error.remedy(suggestion(&name, &beside, &format!("the directory {} contains", parent.display())))
    })?;
    String::from_utf8(bytes).map_err(|e| {
        let (at, byte) = (e.utf8_error().valid_up_to(), e.as_bytes()[e.utf8_error().valid_up_to()]);
        let line = e.as_bytes()[..at].iter().filter(|&&b| b == b'\n').count() + 1;
        Error::input(format!("{name}:{line}: not UTF-8: byte {at} is 0x{byte:02x}"))
            .remedy("a job file is TOML in UTF-8; is this a binary file, or saved in another encoding?")
    })
}
