//! The run directory: what makes a directory one, and the requests that wait in it for the next attempt.
use super::regular_file;
use crate::base::{Error, Result};
use crate::config::{JobFile, WRITTEN_BY};
use std::fs;
use std::io::Read;
use std::path::Path;

/// The job file of a run directory.
pub(super) const JOB: &str = "job.toml";
/// The file with the number of ranks requested for the next attempt.
pub(super) const RANKS: &str = ".ranks";

/// The names of the output streams of the run in `dir`, in the order of its job file.
///
/// # Errors
/// If `dir` is not a run directory, or its job file is invalid.
pub fn streams(dir: &Path) -> Result<Vec<String>> {
    check_is_a_run(dir)?;
    Ok(JobFile::read(dir.join(JOB), &[])?.output.keys().cloned().collect())
}

/// Checks that `dir` is a run directory.
///
/// # Errors
/// If it is not.
pub fn check_is_a_run(dir: &Path) -> Result<()> {
    if !is_a_run(dir) {
        let what = format!("{} is not the folder of a run: it has no job.toml that a run wrote", dir.display());
        return Err(Error::input(what).remedy("give the folder that `halocline run` named as its output"));
    }
    Ok(())
}

/// True if `dir` is a run directory: a run wrote its `job.toml`.
pub fn is_a_run(dir: &Path) -> bool {
    let mut start = vec![0; WRITTEN_BY.len()];
    let read = regular_file::open(&dir.join(JOB)).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start == WRITTEN_BY.as_bytes()
}

/// Stores the number of ranks with which the next attempt of the run in `dir` is to start.
///
/// # Errors
/// If the file cannot be written.
pub fn request_ranks(dir: &Path, ranks: u32) -> Result<()> {
    let path = dir.join(RANKS);
    fs::write(&path, ranks.to_string()).map_err(|e| Error::file("write", &path, e))
}

/// The number of ranks requested for the next attempt of the run in `dir`; the request is removed.
pub fn take_requested_ranks(dir: &Path) -> Option<usize> {
    let path = dir.join(RANKS);
    let requested = fs::read_to_string(&path).ok()?.parse().ok();
    let _ = fs::remove_file(&path);
    requested
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_directory_has_a_job_file_that_a_run_wrote() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(JOB);
        fs::write(&path, "job = 'x'").unwrap();
        assert!(!is_a_run(dir.path()) && streams(dir.path()).is_err());
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        assert!(!is_a_run(dir.path()));
    }
}
