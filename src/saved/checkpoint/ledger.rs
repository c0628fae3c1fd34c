//! The ledger of a run: `DIR/ledger.jsonl`, a line for each time that something was brought to disk. Every line holds the
//! hash of the line before, so that none can be changed or left out unnoticed; a file that is named again has changed.
use super::signature;
use crate::base::{Error, Result};
use crate::files::replace;
use ed25519_dalek::{SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// `begin`, `checkpoint`, `resume` or `end`.
    pub what: String,
    /// After which step.
    pub step: u64,
    /// The root of the state.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub root: String,
    /// Files since the line before, as seen from the folder of the run, and the BLAKE3 hash of each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
    /// Keys of the job file that were changed, and their values: before, after.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub changed: BTreeMap<String, [String; 2]>,
    /// The hash of the line before.
    pub previous: String,
    /// The signature of the line as it is without one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub signature: String,
}

impl Entry {
    fn line(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers only")
    }

    /// True if the owner of this key has signed it.
    pub fn is_signed_by(&self, key: &VerifyingKey) -> bool {
        let unsigned = Entry { signature: String::new(), ..self.clone() };
        signature::is_signed(key, &unsigned.line(), &self.signature)
    }
}

/// The ledger of a run.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    dir: PathBuf,
    lines: Vec<(String, Entry)>,
    key: Option<SigningKey>,
}

impl Ledger {
    /// An empty one.
    pub fn new(dir: &Path) -> Ledger {
        Ledger { dir: dir.to_path_buf(), lines: vec![], key: None }
    }

    /// Reads the ledger of the run in `dir`; without one, it is empty.
    ///
    /// # Errors
    /// If it cannot be read, or a line is not what it was: which.
    pub fn read(dir: &Path) -> Result<Ledger> {
        let path = path(dir);
        let text = match fs::read_to_string(&path) {
            Err(e) if e.kind() == ErrorKind::NotFound => String::new(),
            text => text.map_err(|e| Error::file("read", &path, e))?,
        };
        let mut ledger = Ledger::new(dir);
        for (i, line) in text.lines().enumerate() {
            let wrong = |why: &str| Error::failure(format!("{}: line {} {why}", path.display(), i + 1));
            let entry: Entry = serde_json::from_str(line).map_err(|_| wrong("is no line of a ledger"))?;
            if entry.previous != ledger.last_hash() {
                return Err(wrong("does not follow from the line before, which was changed or left out"));
            }
            ledger.lines.push((line.to_owned(), entry));
        }
        Ok(ledger)
    }

    /// Signs the lines that are added, if there is a key.
    pub fn sign_with(&mut self, key: Option<SigningKey>) {
        self.key = key;
    }

    /// All lines.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.lines.iter().map(|(_, entry)| entry)
    }

    /// The hash of each file that it names, the last time that it does.
    pub fn files(&self) -> BTreeMap<&str, &str> {
        self.entries().flat_map(|e| &e.files).map(|(name, hash)| (name.as_str(), hash.as_str())).collect()
    }

    /// The root of the last checkpoint; empty if there is none.
    pub fn last_root(&self) -> &str {
        self.entries().rev().find(|e| e.what == "checkpoint").map_or("", |e| &e.root)
    }

    /// Forgets all that came after the checkpoint of a step (which a kill may have left without a line); without a step,
    /// everything. Returns the keys that were changed in what is forgotten.
    pub fn go_back(&mut self, step: Option<u64>) -> BTreeMap<String, [String; 2]> {
        let checkpoint = |(_, e): &(String, Entry)| e.what == "checkpoint" && Some(e.step) <= step;
        let kept = self.lines.iter().rposition(checkpoint).map_or(0, |i| i + 1);
        let mut changed = BTreeMap::new();
        for (key, [was, is]) in self.lines.drain(kept..).flat_map(|(_, entry)| entry.changed) {
            changed.entry(key).or_insert([was, String::new()])[1] = is;
        }
        changed
    }

    /// Adds a line, and writes the ledger: beside, and renamed.
    ///
    /// # Errors
    /// If it cannot be written.
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

    /// Segments of streams that are on disk and that it does not name yet, as seen from the folder of the run.
    pub fn new_segments(&self, streams: &[String]) -> Vec<String> {
        let known = self.files();
        let mut found = vec![];
        for stream in streams {
            let names = fs::read_dir(self.dir.join(stream)).into_iter().flatten().flatten();
            let names = names.map(|entry| format!("{stream}/{}", entry.file_name().to_string_lossy()));
            found.extend(names.filter(|name| name.ends_with(".h5") && !known.contains_key(name.as_str())));
        }
        found.sort();
        found
    }
}

fn path(dir: &Path) -> PathBuf {
    dir.join("ledger.jsonl")
}

/// The hashes of files in a folder.
///
/// # Errors
/// If one cannot be read.
pub(crate) fn hash_files(dir: &Path, names: &[String]) -> Result<BTreeMap<String, String>> {
    let hash = |name: &String| {
        let (path, mut hasher) = (dir.join(name), blake3::Hasher::new());
        let file = fs::File::open(&path).and_then(|mut file| std::io::copy(&mut file, &mut hasher));
        file.map_err(|e| Error::file("read back", &path, e))?;
        Ok((name.clone(), hasher.finalize().to_hex().to_string()))
    };
    names.iter().map(hash).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_line_is_seen() {
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
        again.go_back(None);
        assert_eq!((again.lines.len(), again.last_root()), (0, ""));
        let change = |was: &str, is: &str| BTreeMap::from([("k".to_owned(), [was.to_owned(), is.to_owned()])]);
        again.add(Entry { changed: change("1", "2"), ..entry("resume", 10) }).unwrap();
        again.add(Entry { changed: change("2", "3"), ..entry("resume", 10) }).unwrap();
        assert_eq!(again.go_back(None), change("1", "3"));
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
        assert!(why("{}").contains("line 1 is no line"));
    }
}
