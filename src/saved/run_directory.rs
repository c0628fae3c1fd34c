//! The run directory: checks, acquisition, removal of an earlier run.
use super::attempt::{self, AttemptId, Fence, TimeLevel, last_attempt};
use crate::base::{Error, Result};
use crate::config::{JobFile, WRITTEN_BY};
use crate::files::{durable, replace};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// Files that a run writes beside its streams.
const FILES: [&str; 6] = ["summary.json", "trace.json", "ledger.jsonl", "control", RANKS, attempt::FILE];
/// Directories that a run writes beside its streams.
const DIRECTORIES: [&str; 1] = ["checkpoints"];
/// The file with the number of ranks requested for the next attempt.
const RANKS: &str = ".ranks";

/// Checks that a new run may write to `dir`, without changing anything. It may if the directory is absent or empty or,
/// with `force`, if an earlier run wrote it.
///
/// # Errors
/// If it may not, or the directory cannot be read.
pub fn check(dir: &Path, force: bool) -> Result<()> {
    let name = dir.display();
    let entries = match fs::read_dir(dir) {
        Ok(mut entries) => entries.next().is_some(),
        Err(e) if e.kind() == ErrorKind::NotFound => false,
        Err(e) if e.kind() == ErrorKind::NotADirectory => {
            return Err(Error::input(format!("the output {name} is a file")).remedy("choose another with --output DIR"));
        }
        Err(e) => return Err(Error::file("read the output folder", dir, e).as_input()),
    };
    match (entries, is_a_run(dir), force) {
        (false, _, _) | (true, true, true) => Ok(()),
        (true, true, false) => Err(Error::input(format!("the output folder {name} holds an earlier run")).remedy(
            "continue it with `halocline resume DIR`, choose another with --output DIR, or overwrite it with --force",
        )),
        (true, false, _) => Err(Error::input(format!("the output folder {name} holds files that no run made"))
            .remedy("choose another with --output DIR; --force overwrites only what an earlier run made")),
    }
}

/// Acquires `dir` for a new run: removes the files of an earlier run and writes `job.toml`. Files that no run wrote
/// stay. Called on rank 0 only.
///
/// # Errors
/// As [`check`], or if a file cannot be removed or written.
pub fn acquire(dir: &Path, force: bool, file: &JobFile) -> Result<Fence> {
    check(dir, force)?;
    fs::create_dir_all(dir).map_err(|e| {
        Error::file("create the output folder", dir, e).as_input().remedy("choose another with --output DIR")
    })?;
    if is_a_run(dir) {
        clear(dir)?;
    }
    write_job(dir, file)?;
    AttemptId::first().begin(dir)
}

/// Acquires the directory of an existing run for its next attempt, with this job file, which continues `from` a replicated
/// state if there is one. Called on rank 0 only.
///
/// # Errors
/// If `dir` is not a run directory or cannot be written.
pub fn reacquire(dir: &Path, file: &JobFile, from: Option<TimeLevel>) -> Result<Fence> {
    check_is_a_run(dir)?;
    let last = last_attempt(dir);
    // The old summary would state that the run is done.
    durable::remove(&dir.join("summary.json"))?;
    write_job(dir, file)?;
    last.map_or_else(AttemptId::first, |last| last.next(from)).begin(dir)
}

fn write_job(dir: &Path, file: &JobFile) -> Result<()> {
    let write = |path: &Path| fs::write(path, file.to_toml()).map_err(|e| Error::file("write", path, e));
    replace(&dir.join("job.toml"), write).map_err(Error::as_input)
}

/// The names of the output streams of the run in `dir`, in the order of its job file.
///
/// # Errors
/// If `dir` is not a run directory, or its job file is invalid.
pub fn streams(dir: &Path) -> Result<Vec<String>> {
    check_is_a_run(dir)?;
    Ok(JobFile::read(dir.join("job.toml"), &[])?.output.keys().cloned().collect())
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
    fs::read(dir.join("job.toml")).is_ok_and(|text| text.starts_with(WRITTEN_BY.as_bytes()))
}

/// Removes all files of the run in `dir`. `job.toml` is removed last, so an interrupted removal can be repeated.
fn clear(dir: &Path) -> Result<()> {
    let streams = streams(dir)?;
    let remove = |path: &Path, result: std::io::Result<()>| match result {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::file("overwrite", path, e).as_input()),
        _ => Ok(()),
    };
    for directory in DIRECTORIES.into_iter().chain(streams.iter().map(String::as_str)) {
        let path = dir.join(directory);
        remove(&path, fs::remove_dir_all(&path))?;
    }
    let of_stream = |name: &str| {
        let extension = name.rsplit('.').next().unwrap_or_default();
        let known = ["h5", "xdmf", "png", "part"].contains(&extension);
        let stem = name.trim_start_matches('.');
        known
            && streams
                .iter()
                .any(|s| stem.strip_prefix(s.as_str()).is_some_and(|rest| rest.starts_with(['.', '-', '_'])))
    };
    for entry in fs::read_dir(dir).map_err(|e| Error::file("read", dir, e).as_input())?.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let of_run = |file: &&str| name == **file || name == format!(".{file}.part");
        if FILES.iter().any(of_run) || of_stream(&name) {
            remove(&entry.path(), fs::remove_file(entry.path()))?;
        }
    }
    let job = dir.join("job.toml");
    remove(&job, fs::remove_file(&job))
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

    fn file() -> JobFile {
        let text = "job = 'x'\ngrid.cells = [8]\ntime.end = '1 s'\noutput.fields.every = '1 s'";
        JobFile::parse("a.toml", text, &[]).unwrap()
    }

    #[test]
    fn only_a_run_directory_is_overwritten() {
        let top = tempfile::tempdir().unwrap();
        let dir = top.path().join("runs/a");
        acquire(&dir, false, &file()).unwrap();
        assert_eq!(streams(&dir).unwrap(), ["fields"]);
        for name in [
            "fields.h5",
            "fields-T.png",
            ".fields.h5.part",
            "summary.json",
            "notes.txt",
            "other.h5",
            ".trace.json.part",
            "ledger.jsonl",
            "control",
        ] {
            fs::write(dir.join(name), "x").unwrap();
        }
        fs::create_dir_all(dir.join("fields")).unwrap();
        fs::write(dir.join("fields/000000.h5"), "x").unwrap();
        let message = acquire(&dir, false, &file()).unwrap_err();
        assert!(message.what().ends_with("holds an earlier run"), "{message}");
        assert!(dir.join("fields/000000.h5").exists());
        acquire(&dir, true, &file()).unwrap();
        let mut left: Vec<_> = fs::read_dir(&dir).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [".life", "job.toml", "notes.txt", "other.h5"]);
    }

    #[test]
    fn a_run_directory_belongs_to_the_last_attempt() {
        let dir = tempfile::tempdir().unwrap();
        let first = acquire(dir.path(), false, &file()).unwrap();
        first.check().unwrap();
        let from = Some(TimeLevel { attempt: 1, step: 40 });
        let second = reacquire(dir.path(), &file(), from).unwrap();
        second.check().unwrap();
        assert_eq!((&second.attempt.run, second.attempt.number, second.attempt.from), (&first.attempt.run, 2, from));
        assert_eq!(last_attempt(dir.path()), Some(second.attempt.clone()));
        assert!(first.check().unwrap_err().what().starts_with("another run has taken over"));
        acquire(dir.path(), true, &file()).unwrap();
        assert!(second.check().is_err());
        assert_ne!(last_attempt(dir.path()).unwrap().run, first.attempt.run, "another run");
        assert!(reacquire(&dir.path().join("none"), &file(), None).is_err());
    }

    #[test]
    fn files_of_the_user_are_never_overwritten() {
        let top = tempfile::tempdir().unwrap();
        fs::write(top.path().join("job.toml"), "job = 'x'").unwrap();
        for force in [false, true] {
            let message = acquire(top.path(), force, &file()).unwrap_err();
            assert!(message.what().ends_with("holds files that no run made"), "{message}");
        }
        let message = check(&top.path().join("job.toml"), true).unwrap_err();
        assert!(message.what().ends_with("is a file"), "{message}");
        assert!(streams(top.path()).is_err());
        assert_eq!(fs::read(top.path().join("job.toml")).unwrap(), b"job = 'x'");
        check(&top.path().join("absent"), false).unwrap();
    }
}
