//! Attempts: each start of a run gets a number, and a fence keeps earlier attempts from writing to the run directory.
use super::regular_file;
use crate::base::{Error, Result};
use crate::files::replace;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::process;
use std::time::{SystemTime, UNIX_EPOCH};

/// The attempt file in a run directory. Its contents name the current attempt; its modification time is the heartbeat.
pub(super) const FILE: &str = ".life";

/// The identity of an attempt, which is one start of a run. The run directory belongs to the latest attempt; an earlier one that was taken for dead and
/// replaced must not write there any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptId {
    /// The identifier of the run, the same in all of its attempts.
    pub run: String,
    /// The number of this attempt, from 1.
    pub number: u64,
    process: u32,
    /// The replicated state from which this attempt continues, if it does not start from disk.
    pub from: Option<TimeLevel>,
}

/// A point in the history of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TimeLevel {
    /// The number of the attempt.
    #[serde(rename = "life")]
    pub attempt: u64,
    /// The number of completed steps.
    pub step: u64,
}

impl AttemptId {
    /// The first attempt of a new run.
    pub(super) fn first() -> AttemptId {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        AttemptId { run: format!("{now:x}-{}", process::id()), number: 1, process: process::id(), from: None }
    }

    /// The attempt that follows, started by this process from replicated state if there is any.
    pub(super) fn next(self, from: Option<TimeLevel>) -> AttemptId {
        AttemptId { number: self.number + 1, from, process: process::id(), ..self }
    }

    /// Writes the attempt file in `dir`: from now on the directory belongs to this attempt.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn begin(self, dir: &Path) -> Result<Fence> {
        let (path, text) = (dir.join(FILE), serde_json::to_string(&self).expect("numbers and a text"));
        // Replaced atomically: without this file, replicas in memory cannot be found.
        let write = |part: &Path| fs::write(part, &text).map_err(|e| Error::file("write", part, e));
        replace(&path, write).map_err(Error::as_input)?;
        Ok(Fence { attempt: self, path, text })
    }

    /// True if the numbers can be counted on and `run` can name a directory.
    fn is_valid(&self) -> bool {
        let mut components = Path::new(&self.run).components();
        let is_name = matches!((components.next(), components.next()), (Some(Component::Normal(_)), None));
        is_name && !self.run.contains('/') && self.number < u64::MAX
    }
}

/// The latest attempt of the run in `dir`; none if the attempt file is missing or invalid.
pub fn last_attempt(dir: &Path) -> Option<AttemptId> {
    let attempt: AttemptId = serde_json::from_slice(&regular_file::read(&dir.join(FILE)).ok()?).ok()?;
    Some(attempt).filter(AttemptId::is_valid)
}

/// Checks that a run directory still belongs to an attempt.
#[derive(Clone, Debug)]
pub struct Fence {
    /// The attempt that made this fence.
    pub attempt: AttemptId,
    path: PathBuf,
    text: String,
}

impl Fence {
    /// Writes the attempt file in another directory, which then belongs to the same attempt.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn begin_in(&self, dir: &Path) -> Result<()> {
        replace(&dir.join(FILE), |part| fs::write(part, &self.text).map_err(|e| Error::file("write", part, e)))
    }

    /// The same fence, for the same directory under another name.
    pub fn moved(&self, dir: &Path) -> Fence {
        Fence { path: dir.join(FILE), ..self.clone() }
    }

    /// Checks that no other attempt has begun in the run directory.
    ///
    /// # Errors
    /// If one has, or the attempt file cannot be read.
    pub fn check(&self) -> Result<()> {
        match fs::read_to_string(&self.path) {
            Ok(text) if text == self.text => Ok(()),
            Err(e) if e.kind() == ErrorKind::NotFound => {
                let dir = self.path.parent().unwrap_or(Path::new(".")).display();
                Err(Error::failure(format!("the run directory {dir} was moved or removed during the run")))
            }
            Err(e) => Err(Error::file("read", &self.path, e)),
            Ok(_) => {
                let dir = self.path.parent().unwrap_or(Path::new(".")).display();
                Err(Error::failure(format!("another run has taken over the folder {dir}"))
                    .remedy("this run stops; only one run at a time can write to a folder"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_attempt_file_names_no_attempt() {
        let dir = tempfile::tempdir().unwrap();
        let text = |run: &str, number: &str| {
            format!(r#"{{"run":{run},"number":{number},"process":1,"from":{{"life":1,"step":40}}}}"#)
        };
        let read = |bytes: &[u8]| {
            fs::write(dir.path().join(FILE), bytes).unwrap();
            last_attempt(dir.path())
        };
        let good = text(r#""a-1""#, "7");
        assert_eq!(read(good.as_bytes()).unwrap().next(None).number, 8);
        for run in [r#""""#, r#"".""#, r#""..""#, r#""/""#, r#""/a""#, r#""a/""#, r#""a/b""#, r#""../a""#, "1"] {
            assert_eq!(read(text(run, "7").as_bytes()), None, "{run}");
        }
        for number in ["-1", "18446744073709551615", "1e9", "18446744073709551616"] {
            assert_eq!(read(text(r#""a""#, number).as_bytes()), None, "{number}");
        }
        let mut random = fastrand::Rng::with_seed(11);
        for _ in 0..2000 {
            let mut bad = good.clone().into_bytes();
            let at = random.usize(..bad.len());
            bad[at] = random.u8(..);
            bad.truncate(random.usize(..bad.len() + 30).max(1));
            if let Some(attempt) = read(&bad) {
                assert!(attempt.is_valid());
            }
        }
        fs::remove_file(dir.path().join(FILE)).unwrap();
        std::os::unix::fs::symlink("/dev/zero", dir.path().join(FILE)).unwrap();
        assert_eq!(last_attempt(dir.path()), None);
    }
}
