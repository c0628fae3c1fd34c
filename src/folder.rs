//! The folder of a run: who may write into it, and what an earlier run left there.
use crate::config::{JobFile, WRITTEN_BY};
use crate::{Error, Result};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// What stands in a run's folder beside its streams.
const FILES: [&str; 2] = ["summary.json", "trace.json"];
const FOLDERS: [&str; 1] = ["checkpoints"];

/// Checks that a run may write into `dir`, and touches nothing: it may if the folder is absent or empty, or, with
/// `force`, if an earlier run made it.
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
        (true, true, false) => Err(Error::input(format!("the output folder {name} holds an earlier run"))
            .remedy("choose another with --output DIR, or overwrite that run with --force")),
        (true, false, _) => Err(Error::input(format!("the output folder {name} holds files that no run made"))
            .remedy("choose another with --output DIR; --force overwrites only what an earlier run made")),
    }
}

/// Makes `dir` the folder of this run: removes what an earlier run left there, writes `job.toml`. For rank 0 alone.
/// Files that no run makes stay.
pub fn claim(dir: &Path, force: bool, file: &JobFile) -> Result<()> {
    check(dir, force)?;
    fs::create_dir_all(dir).map_err(|e| {
        Error::file("create the output folder", dir, e).as_input().remedy("choose another with --output DIR")
    })?;
    if is_a_run(dir) {
        clear(dir)?;
    }
    let path = dir.join("job.toml");
    fs::write(&path, file.to_toml()).map_err(|e| Error::file("write", &path, e).as_input())
}

/// The names of the streams of the run in `dir`, in the order of its job file.
pub fn streams(dir: &Path) -> Result<Vec<String>> {
    if !is_a_run(dir) {
        let what = format!("{} is not the folder of a run: it has no job.toml that a run wrote", dir.display());
        return Err(Error::input(what).remedy("give the folder that `halocline run` named as its output"));
    }
    Ok(JobFile::read(dir.join("job.toml"), &[])?.output.keys().cloned().collect())
}

fn is_a_run(dir: &Path) -> bool {
    fs::read(dir.join("job.toml")).is_ok_and(|text| text.starts_with(WRITTEN_BY.as_bytes()))
}

/// `job.toml` goes last: cut short, this can be done again.
fn clear(dir: &Path) -> Result<()> {
    let streams = streams(dir)?;
    let remove = |path: &Path, result: std::io::Result<()>| match result {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::file("overwrite", path, e).as_input()),
        _ => Ok(()),
    };
    for folder in FOLDERS.into_iter().chain(streams.iter().map(String::as_str)) {
        let path = dir.join(folder);
        remove(&path, fs::remove_dir_all(&path))?;
    }
    let of_stream = |name: &str| {
        let extension = name.rsplit('.').next().unwrap_or_default();
        let ours = ["h5", "xdmf", "png", "part"].contains(&extension);
        let stem = name.trim_start_matches('.');
        ours && streams
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

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> JobFile {
        let text = "job = 'x'\ngrid.cells = [8]\ntime.end = '1 s'\noutput.fields.every = '1 s'";
        JobFile::parse("a.toml", text, &[]).unwrap()
    }

    #[test]
    fn only_the_folder_of_a_run_is_overwritten() {
        let top = tempfile::tempdir().unwrap();
        let dir = top.path().join("runs/a");
        claim(&dir, false, &file()).unwrap();
        assert_eq!(streams(&dir).unwrap(), ["fields"]);
        for name in [
            "fields.h5",
            "fields-T.png",
            ".fields.h5.part",
            "summary.json",
            "notes.txt",
            "other.h5",
            ".trace.json.part",
        ] {
            fs::write(dir.join(name), "x").unwrap();
        }
        fs::create_dir_all(dir.join("fields")).unwrap();
        fs::write(dir.join("fields/000000.h5"), "x").unwrap();
        let message = claim(&dir, false, &file()).unwrap_err();
        assert!(message.what().ends_with("holds an earlier run"), "{message}");
        assert!(dir.join("fields/000000.h5").exists());
        claim(&dir, true, &file()).unwrap();
        let mut left: Vec<_> = fs::read_dir(&dir).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["job.toml", "notes.txt", "other.h5"]);
    }

    #[test]
    fn a_folder_of_the_users_is_never_overwritten() {
        let top = tempfile::tempdir().unwrap();
        fs::write(top.path().join("job.toml"), "job = 'x'").unwrap();
        for force in [false, true] {
            let message = claim(top.path(), force, &file()).unwrap_err();
            assert!(message.what().ends_with("holds files that no run made"), "{message}");
        }
        let message = check(&top.path().join("job.toml"), true).unwrap_err();
        assert!(message.what().ends_with("is a file"), "{message}");
        assert!(streams(top.path()).is_err());
        assert_eq!(fs::read(top.path().join("job.toml")).unwrap(), b"job = 'x'");
        check(&top.path().join("absent"), false).unwrap();
    }
}
