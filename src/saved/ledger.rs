//! The ledger of a run, `DIR/ledger.jsonl`: one line for each time that files reach the disk. Every line holds the hash of
//! the line before, so a changed or missing line is detected. A file that is named again has changed.
use super::{regular_file, signature};
use crate::base::{Error, Result};
use crate::files::{self, replace};
use ed25519_dalek::{SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// One line of the ledger.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The kind of the line: `begin`, `checkpoint`, `resume` or `end`.
    pub what: String,
    /// The number of completed steps.
    pub step: u64,
    /// The root of the hash tree of a checkpoint; in a `resume` line, of the checkpoint that the attempt continues.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub root: String,
    /// The BLAKE3 hashes of the files written since the line before, by path relative to the run directory.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
    /// Files of the run that this attempt rewrites without a new hash until it ends, by path relative to the run directory.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uncovered: Vec<String>,
    /// The text of the job file with which an attempt begins.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub job_file: String,
    /// The program of an attempt: version, revision and hash of the binary.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub program: String,
    /// The absolute path of the directory that relative paths in the job file start from.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub directory: String,
    /// The keys of the job file that a resume changed, with their values before and after.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub changed: BTreeMap<String, [String; 2]>,
    /// The hash of the line before.
    pub previous: String,
    /// The signature of this line without the signature.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub signature: String,
}

impl Entry {
    fn line(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers only")
    }

    /// True if the line carries a valid signature made with the secret part of this key.
    pub fn is_signed_by(&self, key: &VerifyingKey) -> bool {
        let unsigned = Entry { signature: String::new(), ..self.clone() };
        signature::is_signed(key, &unsigned.line(), &self.signature)
    }
}

/// What [`Ledger::go_back`] removed.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Dropped {
    /// The keys of the job file that the removed lines changed, with their values before and after.
    pub changed: BTreeMap<String, [String; 2]>,
    /// The files that only the removed lines name.
    pub files: BTreeSet<String>,
}

/// The ledger of a run, held in memory and rewritten for every new line.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    dir: PathBuf,
    lines: Vec<(String, Entry)>,
    key: Option<SigningKey>,
}

impl Ledger {
    /// An empty ledger of the run in `dir`.
    pub fn new(dir: &Path) -> Ledger {
        Ledger { dir: dir.to_path_buf(), lines: vec![], key: None }
    }

    /// Reads the ledger of the run in `dir`; it is empty if the file is absent.
    ///
    /// # Errors
    /// If the file cannot be read, or a line is malformed or does not continue the chain; the error names the line.
    pub fn read(dir: &Path) -> Result<Ledger> {
        let path = path(dir);
        let text = match regular_file::open(&path).and_then(io::read_to_string) {
            Err(e) if e.kind() == ErrorKind::NotFound => String::new(),
            text => text.map_err(|e| Error::file("read", &path, e))?,
        };
        let mut ledger = Ledger::new(dir);
        for (i, line) in text.lines().enumerate() {
            let wrong = |why: &str| Error::failure(format!("{}: line {} {why}", path.display(), i + 1));
            let entry: Entry = serde_json::from_str(line).map_err(|_| wrong("is not a line of a ledger"))?;
            if entry.previous != ledger.last_hash() {
                return Err(wrong("does not follow from the line before, which was changed or removed"));
            }
            ledger.lines.push((line.to_owned(), entry));
        }
        Ok(ledger)
    }

    /// Sets the key with which new lines are signed; without a key, they are not.
    pub fn sign_with(&mut self, key: Option<SigningKey>) {
        self.key = key;
    }

    /// The same ledger, in another directory.
    pub fn moved(self, dir: &Path) -> Ledger {
        Ledger { dir: dir.to_path_buf(), ..self }
    }

    /// All lines, the oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.lines.iter().map(|(_, entry)| entry)
    }

    /// The latest hash of each file that the ledger covers.
    pub fn files(&self) -> BTreeMap<&str, &str> {
        let mut files = BTreeMap::new();
        for entry in self.entries() {
            entry.uncovered.iter().for_each(|name| _ = files.remove(name.as_str()));
            files.extend(entry.files.iter().map(|(name, hash)| (name.as_str(), hash.as_str())));
        }
        files
    }

    /// All files that the ledger names, with a hash or without, checkpoints included.
    pub fn named(&self) -> BTreeSet<String> {
        let mut named = BTreeSet::new();
        for entry in self.entries() {
            named.extend(entry.files.keys().chain(&entry.uncovered).cloned());
            if entry.what == "checkpoint" {
                named.insert(checkpoint_name(entry.step));
            }
        }
        named
    }

    /// The root of the last checkpoint; empty without a checkpoint.
    pub fn last_root(&self) -> &str {
        self.last_checkpoint().map_or("", |e| &e.root)
    }

    /// The line of the last checkpoint.
    pub fn last_checkpoint(&self) -> Option<&Entry> {
        self.entries().rev().find(|e| e.what == "checkpoint")
    }

    /// True if a line names the checkpoint of this step with this root, or without one: a ledger that replaces a lost one names
    /// what it finds.
    pub fn names_checkpoint(&self, step: u64, root: &str) -> bool {
        let is_it = |e: &Entry| ["checkpoint", "resume"].contains(&&*e.what) && e.step == step && e.root == root;
        self.entries().any(|e| is_it(e) || e.uncovered.contains(&checkpoint_name(step)))
    }

    /// True if a line names a checkpoint of this step.
    pub fn names_step(&self, step: u64) -> bool {
        let is_it = |e: &Entry| e.step == step && !e.root.is_empty();
        self.entries().any(|e| is_it(e) || e.uncovered.contains(&checkpoint_name(step)))
    }

    /// The last line with which an attempt began.
    pub fn last_begin(&self) -> Option<&Entry> {
        self.entries().rev().find(|e| ["begin", "resume"].contains(&&*e.what))
    }

    /// Removes the lines after the checkpoint of `step` (which has no line if the run was killed before it was added);
    /// without a step, all lines.
    pub fn go_back(&mut self, step: Option<u64>) -> Dropped {
        let before = self.named();
        let checkpoint = |(_, e): &(String, Entry)| e.what == "checkpoint" && Some(e.step) <= step;
        let kept = self.lines.iter().rposition(checkpoint).map_or(0, |i| i + 1);
        let mut dropped = Dropped::default();
        for (key, [was, is]) in self.lines.drain(kept..).flat_map(|(_, entry)| entry.changed) {
            dropped.changed.entry(key).or_insert([was, String::new()])[1] = is;
        }
        dropped.files = &before - &self.named();
        dropped
    }

    /// Adds a line and replaces the file atomically.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn add(&mut self, entry: Entry) -> Result<()> {
        let mut entry = Entry { previous: self.last_hash(), ..entry };
        if let Some(key) = &self.key {
            entry.signature = signature::sign(key, &entry.line());
        }
        self.lines.push((entry.line(), entry));
        let text: String = self.lines.iter().map(|(line, _)| format!("{line}\n")).collect();
        replace(&path(&self.dir), |part| fs::write(part, text).map_err(|e| Error::file("write", part, e)))
    }

    fn last_hash(&self) -> String {
        self.lines.last().map_or(String::new(), |(line, _)| blake3::hash(line.as_bytes()).to_hex().to_string())
    }

    /// The sealed segments of these streams that the ledger does not name yet, as paths relative to the run directory.
    pub fn new_segments(&self, streams: &[String]) -> Vec<String> {
        let known = self.files();
        let shown = streams.iter().flat_map(|stream| files::shown_segments(&self.dir, stream));
        shown.filter(|name| !known.contains_key(name.as_str()) && self.dir.join(name).exists()).collect()
    }
}

fn path(dir: &Path) -> PathBuf {
    dir.join(FILE)
}

/// The name of the ledger in a run directory.
pub(super) const FILE: &str = "ledger.jsonl";

/// The path of the checkpoint after `step`, relative to the run directory.
pub(super) fn checkpoint_name(step: u64) -> String {
    format!("checkpoints/{step:012}.h5")
}

/// The hashes of files that this run wrote, given as paths relative to `dir`. A segment that the run has merged and removed
/// meanwhile has none: the merged one gets its hash with a later line.
///
/// # Errors
/// If a file cannot be read.
pub(crate) fn hash_files(dir: &Path, names: &[String]) -> Result<BTreeMap<String, String>> {
    let hash = |name: &String| {
        let path = dir.join(name);
        match regular_file::open(&path).and_then(hash_file) {
            Ok(hash) => Some(Ok((name.clone(), hash))),
            Err(e) if e.kind() == ErrorKind::NotFound && files::is_merged(dir, name) => None,
            Err(e) => Some(Err(Error::file("read back", &path, e))),
        }
    };
    names.iter().filter_map(hash).collect()
}

/// The hash of a file that a ledger names. A ledger may come from elsewhere, so only regular files inside `dir` are read.
///
/// # Errors
/// If the file is outside `dir`, reached through a symbolic link, not regular, or cannot be read.
pub(crate) fn hash_named(dir: &Path, name: &str) -> Result<String> {
    let hash = regular_file::open_inside(dir, name).and_then(hash_file);
    hash.map_err(|e| Error::file("read back", dir.join(name), e))
}

fn hash_file(mut file: File) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut file, &mut hasher)?;
    Ok(hasher.finalize().to_hex().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_line_is_detected() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::read(dir.path()).unwrap();
        let entry = |what: &str, step| Entry { what: what.into(), step, root: format!("r{step}"), ..Entry::default() };
        ledger.add(Entry { files: BTreeMap::from([("a".into(), "1".into())]), ..entry("begin", 0) }).unwrap();
        ledger.add(entry("checkpoint", 10)).unwrap();
        ledger.add(Entry { files: BTreeMap::from([("a".into(), "2".into())]), ..entry("checkpoint", 20) }).unwrap();
        let mut again = Ledger::read(dir.path()).unwrap();
        assert_eq!(again.lines, ledger.lines);
        assert_eq!((again.files()["a"], again.last_root()), ("2", "r20"));
        again.go_back(Some(10));
        assert_eq!((again.files()["a"], again.last_root()), ("1", "r10"));
        again.go_back(Some(11));
        assert_eq!(again.last_root(), "r10");
        assert!(again.names_checkpoint(10, "r10") && !again.names_checkpoint(10, "r11") && !again.names_step(11));
        let dropped = again.go_back(None);
        assert_eq!(dropped.files, BTreeSet::from(["a".to_owned(), "checkpoints/000000000010.h5".to_owned()]));
        assert_eq!((again.lines.len(), again.last_root()), (0, ""));
        let change = |was: &str, is: &str| BTreeMap::from([("k".to_owned(), [was.to_owned(), is.to_owned()])]);
        again.add(Entry { changed: change("1", "2"), ..entry("resume", 10) }).unwrap();
        again.add(Entry { changed: change("2", "3"), ..entry("resume", 10) }).unwrap();
        let dropped = again.go_back(None);
        assert_eq!(dropped, Dropped { changed: change("1", "3"), files: BTreeSet::new() });
        fs::write(path(dir.path()), ledger.lines.iter().map(|(line, _)| format!("{line}\n")).collect::<String>())
            .unwrap();

        let text = fs::read_to_string(path(dir.path())).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let why = |text: &str| {
            fs::write(path(dir.path()), text).unwrap();
            Ledger::read(dir.path()).unwrap_err().to_string()
        };
        assert!(why(&text.replace("r10", "r11")).contains("line 3 does not follow"));
        assert!(why(&[lines[0], lines[2]].join("\n")).contains("line 2 does not follow"));
        assert!(why("{}").contains("line 1 is not a line"));
    }

    #[test]
    fn a_file_that_is_rewritten_has_no_hash_until_it_gets_a_new_one() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::new(dir.path());
        let files = |hash: &str| BTreeMap::from([("fields.h5".to_owned(), hash.to_owned())]);
        ledger.add(Entry { what: "end".into(), files: files("1"), ..Entry::default() }).unwrap();
        ledger.add(Entry { what: "resume".into(), uncovered: vec!["fields.h5".into()], ..Entry::default() }).unwrap();
        assert!(ledger.files().is_empty());
        assert_eq!(ledger.named(), BTreeSet::from(["fields.h5".to_owned()]));
        ledger.add(Entry { what: "end".into(), files: files("2"), ..Entry::default() }).unwrap();
        assert_eq!(Ledger::read(dir.path()).unwrap().files()["fields.h5"], "2");
    }

    #[test]
    fn a_segment_that_was_merged_meanwhile_has_no_hash() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("fields")).unwrap();
        for name in ["fields/000000-000002.h5", "fields/000003.h5"] {
            fs::write(dir.path().join(name), "x").unwrap();
        }
        let hashed = |numbers: &[usize]| {
            let names: Vec<String> = numbers.iter().map(|number| format!("fields/{number:06}.h5")).collect();
            hash_files(dir.path(), &names).map(|hashes| hashes.into_keys().collect::<Vec<_>>())
        };
        assert_eq!(hashed(&[0, 2, 3]).unwrap(), ["fields/000003.h5"]);
        assert!(hashed(&[3, 4]).unwrap_err().what().contains("fields/000004.h5"));
    }

    #[test]
    fn hostile_ledgers_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::new(dir.path());
        let entry = |step| Entry { what: "checkpoint".into(), step, root: format!("r{step}"), ..Entry::default() };
        for step in 1..4 {
            let files = BTreeMap::from([(format!("fields/{step}.h5"), "00".repeat(32))]);
            ledger.add(Entry { files, ..entry(step) }).unwrap();
        }
        let good = fs::read(path(dir.path())).unwrap();
        let last = good[..good.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap();
        let mut random = fastrand::Rng::with_seed(5);
        for case in 0..1000 {
            let mut bad = good.clone();
            let at = random.usize(..bad.len());
            if case % 2 == 0 {
                bad[at] ^= 1 << random.u8(..8)
            } else {
                bad.truncate(at)
            }
            fs::write(path(dir.path()), &bad).unwrap();
            // The chain does not cover the last line, and a ledger may end after any line.
            let read = Ledger::read(dir.path());
            assert!(read.is_err() || case % 2 == 1 || at >= last, "case {case}");
        }
        let deep = format!("{{\"what\":{}", "[".repeat(1 << 16));
        for bad in [deep.as_bytes(), b"\xff\xfe", b"[]", b"{\"what\":\"end\",\"step\":1e30,\"previous\":\"\"}"] {
            fs::write(path(dir.path()), bad).unwrap();
            assert!(Ledger::read(dir.path()).is_err());
        }
        fs::remove_file(path(dir.path())).unwrap();
        std::os::unix::fs::symlink("/dev/zero", path(dir.path())).unwrap();
        assert!(Ledger::read(dir.path()).unwrap_err().to_string().contains("not a regular file"));
    }
}
