//! The folder of a run: who may write into it, and what an earlier run left there.
use crate::base::{Error, Result};
use crate::config::{JobFile, WRITTEN_BY};
use crate::files::durable;
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use std::{fs, process};

/// What stands in a run's folder beside its streams.
const FILES: [&str; 6] = ["summary.json", "trace.json", "ledger.jsonl", "control", RANKS, LIFE];
const FOLDERS: [&str; 1] = ["checkpoints"];
/// Which life of the run the folder belongs to.
const LIFE: &str = ".life";
/// With how many ranks it is to go on.
const RANKS: &str = ".ranks";

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
        (true, true, false) => Err(Error::input(format!("the output folder {name} holds an earlier run")).remedy(
            "go on with it: `halocline resume DIR`; or choose another with --output DIR, or overwrite it with --force",
        )),
        (true, false, _) => Err(Error::input(format!("the output folder {name} holds files that no run made"))
            .remedy("choose another with --output DIR; --force overwrites only what an earlier run made")),
    }
}

/// Makes `dir` the folder of this run: removes what an earlier run left there, writes `job.toml`. For rank 0 alone.
/// Files that no run makes stay.
pub fn claim(dir: &Path, force: bool, file: &JobFile) -> Result<Fence> {
    check(dir, force)?;
    fs::create_dir_all(dir).map_err(|e| {
        Error::file("create the output folder", dir, e).as_input().remedy("choose another with --output DIR")
    })?;
    if is_a_run(dir) {
        clear(dir)?;
    }
    write_job(dir, file)?;
    Life::first().begin(dir)
}

/// Goes on with the run whose folder is `dir`, with this job file, from a state in memory if there is one. For rank 0 alone.
pub fn claim_again(dir: &Path, file: &JobFile, from: Option<Moment>) -> Result<Fence> {
    check_is_a_run(dir)?;
    let last = last_life(dir);
    // It would say that the run is done.
    durable::remove(&dir.join("summary.json"))?;
    write_job(dir, file)?;
    let next = |last: Life| Life { number: last.number + 1, from, process: process::id(), ..last };
    last.map_or_else(Life::first, next).begin(dir)
}

fn write_job(dir: &Path, file: &JobFile) -> Result<()> {
    let write = |path: &Path| fs::write(path, file.to_toml()).map_err(|e| Error::file("write", path, e));
    crate::files::replace(&dir.join("job.toml"), write).map_err(Error::as_input)
}

/// A life of a run: its folder belongs to the last one that began. One that was cut off, taken for dead, and has a
/// successor must not write there any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Life {
    /// The run, in all of its lives.
    pub run: String,
    /// Which of its lives, from 1.
    pub number: u64,
    process: u32,
    /// The state in the memory of nodes that it goes on from.
    pub from: Option<Moment>,
}

/// A moment in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Moment {
    /// In which life.
    pub life: u64,
    /// After which step.
    pub step: u64,
}

impl Life {
    /// The first of a new run.
    fn first() -> Life {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        Life { run: format!("{now:x}-{}", process::id()), number: 1, process: process::id(), from: None }
    }

    fn begin(self, dir: &Path) -> Result<Fence> {
        let (path, text) = (dir.join(LIFE), serde_json::to_string(&self).expect("numbers and a text"));
        // Whole at any time: without it, what is in memory is not found.
        let write = |part: &Path| fs::write(part, &text).map_err(|e| Error::file("write", part, e));
        crate::files::replace(&path, write).map_err(Error::as_input)?;
        Ok(Fence { life: self, path, text })
    }
}

/// The last life of the run in a folder; none if it cannot be told.
pub fn last_life(dir: &Path) -> Option<Life> {
    serde_json::from_slice(&fs::read(dir.join(LIFE)).ok()?).ok()
}

/// When rank 0 has last been seen to step.
pub fn last_sign(dir: &Path) -> Option<SystemTime> {
    fs::metadata(dir.join(LIFE)).and_then(|file| file.modified()).ok()
}

/// Rank 0 still steps. Where this cannot be told, nobody hears it.
pub fn give_sign(dir: &Path) {
    let file = fs::File::options().append(true).open(dir.join(LIFE));
    let _ = file.and_then(|file| file.set_modified(SystemTime::now()));
}

/// Tells a life whether the folder is still its own.
#[derive(Clone, Debug)]
pub struct Fence {
    /// Whose.
    pub life: Life,
    path: PathBuf,
    text: String,
}

impl Fence {
    /// # Errors
    /// If another life of the run has begun.
    pub fn check(&self) -> Result<()> {
        match fs::read_to_string(&self.path) {
            Ok(text) if text == self.text => Ok(()),
            Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::file("read", &self.path, e)),
            _ => {
                let dir = self.path.parent().unwrap_or(Path::new(".")).display();
                Err(Error::failure(format!("another run has taken over the folder {dir}"))
                    .remedy("this one ends; only one run at a time can write there"))
            }
        }
    }
}

/// The names of the streams of the run in `dir`, in the order of its job file.
pub fn streams(dir: &Path) -> Result<Vec<String>> {
    check_is_a_run(dir)?;
    Ok(JobFile::read(dir.join("job.toml"), &[])?.output.keys().cloned().collect())
}

/// # Errors
/// If no run made the folder.
pub fn check_is_a_run(dir: &Path) -> Result<()> {
    if !is_a_run(dir) {
        let what = format!("{} is not the folder of a run: it has no job.toml that a run wrote", dir.display());
        return Err(Error::input(what).remedy("give the folder that `halocline run` named as its output"));
    }
    Ok(())
}

/// True if an earlier run made the folder.
pub fn is_a_run(dir: &Path) -> bool {
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

/// Notes with how many ranks a run is to go on.
///
/// # Errors
/// If it cannot be written.
pub fn want_ranks(dir: &Path, ranks: u32) -> Result<()> {
    let path = dir.join(RANKS);
    fs::write(&path, ranks.to_string()).map_err(|e| Error::file("write", &path, e))
}

/// The outcome that the summary in a run's folder tells; none without one.
pub fn outcome(dir: &Path) -> Option<String> {
    let text = fs::read_to_string(dir.join("summary.json")).ok()?;
    let summary: serde_json::Value = serde_json::from_str(&text).ok()?;
    summary["outcome"].as_str().map(str::to_owned)
}

/// True if the run in a folder has come to its end.
pub fn is_done(dir: &Path) -> bool {
    outcome(dir).is_some_and(|outcome| is_an_end(&outcome))
}

/// True for the outcome of a run that has come to its end.
pub fn is_an_end(outcome: &str) -> bool {
    matches!(outcome, "done" | "converged")
}

/// With how many ranks the run was asked to go on, once.
pub fn take_ranks(dir: &Path) -> Option<usize> {
    let path = dir.join(RANKS);
    let wanted = fs::read_to_string(&path).ok()?.parse().ok();
    let _ = fs::remove_file(&path);
    wanted
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
            "ledger.jsonl",
            "control",
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
        assert_eq!(left, [".life", "job.toml", "notes.txt", "other.h5"]);
    }

    #[test]
    fn a_folder_belongs_to_the_last_life() {
        let dir = tempfile::tempdir().unwrap();
        let first = claim(dir.path(), false, &file()).unwrap();
        first.check().unwrap();
        let from = Some(Moment { life: 1, step: 40 });
        let second = claim_again(dir.path(), &file(), from).unwrap();
        second.check().unwrap();
        assert_eq!((&second.life.run, second.life.number, second.life.from), (&first.life.run, 2, from));
        assert_eq!(last_life(dir.path()), Some(second.life.clone()));
        assert!(first.check().unwrap_err().what().starts_with("another run has taken over"));
        claim(dir.path(), true, &file()).unwrap();
        assert!(second.check().is_err());
        assert_ne!(last_life(dir.path()).unwrap().run, first.life.run, "another run");
        assert!(claim_again(&dir.path().join("none"), &file(), None).is_err());
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
