//! Checks all files that a run has written: the ledger, the files that it names, the blocks of all checkpoints.
use super::checkpoint::{Checkpoint, Known, list};
use super::ledger::{Ledger, checkpoint_name, hash_named};
use super::own_files::OwnFiles;
use super::signature;
use crate::base::{Error, Result};
use crate::config::JobFile;
use crate::files;
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Checks the run in `dir` and returns a report with one line for each file. With the file of a public key, also checks
/// that every line of the ledger is signed with the secret key that belongs to it.
///
/// # Errors
/// If a file is missing or differs from what was written; the message lists all of them, one per line.
pub fn verify(dir: &Path, key: Option<&Path>) -> Result<String> {
    let key = key.map(signature::public_key).transpose()?;
    let ledger = Ledger::read(dir)?;
    let (mut good, mut bad) = (String::new(), vec![]);
    if ledger.entries().next().is_none() {
        bad.push(format!("{}: there is no ledger, so nothing can be checked but checkpoints", dir.display()));
    }
    if let Some(key) = key {
        let lines = ledger.entries().zip(1..);
        let unsigned: Vec<String> =
            lines.filter(|(entry, _)| !entry.is_signed_by(&key)).map(|(_, line)| format!("{line}")).collect();
        match unsigned.as_slice() {
            [] => good += "ledger.jsonl: all lines signed by this key\n",
            lines => bad.push(format!("ledger.jsonl: not signed by this key: line {}", lines.join(", "))),
        }
    }
    for (name, expected) in ledger.files() {
        match hash_named(dir, name) {
            Err(_) if files::is_merged(dir, name) => {}
            Err(e) => bad.push(e.what().to_owned()),
            Ok(found) if found != expected => {
                bad.push(format!("{}: its contents are not what was written", dir.join(name).display()));
            }
            Ok(_) => good += &format!("{name}: as written\n"),
        }
    }
    let checkpoints = list(dir)?;
    check_checkpoints(dir, &checkpoints, &ledger, &mut good, &mut bad);
    let mut covered = ledger.files().into_keys().map(str::to_owned).collect::<BTreeSet<_>>();
    covered.extend(checkpoints.iter().filter_map(|path| Some(path.strip_prefix(dir).ok()?.display().to_string())));
    good += &not_covered(dir, &covered);
    if bad.is_empty() {
        return Ok(good + "everything is as it was written\n");
    }
    Err(Error::failure(format!("{} of what was written is not as it was:\n{}", bad.len(), bad.join("\n")))
        .remedy("`halocline resume` goes on from the newest checkpoint that is whole, and makes later output again"))
}

/// Checks all checkpoints on disk, and that those which the ledger says are kept exist.
fn check_checkpoints(dir: &Path, checkpoints: &[PathBuf], ledger: &Ledger, good: &mut String, bad: &mut Vec<String>) {
    for step in kept(ledger) {
        let path = dir.join(checkpoint_name(step));
        if !path.exists() {
            bad.push(format!("{} is missing", path.display()));
        }
    }
    let known = Known::of(dir);
    for path in checkpoints.iter().rev() {
        let name = path.strip_prefix(dir).unwrap_or(path).display();
        let checkpoint = match Checkpoint::open(path).and_then(|c| known.check(&c).map(|()| c)) {
            Ok(checkpoint) => checkpoint,
            Err(e) => {
                bad.push(e.what().to_owned());
                continue;
            }
        };
        let mut noted = ledger.entries().rev().filter(|e| e.what == "checkpoint");
        let own = noted.find(|e| e.step == checkpoint.header.step);
        let parent = noted.next().map_or("", |e| &e.root);
        if own.is_some() && parent != checkpoint.header.parent {
            bad.push(format!("{}: it is another checkpoint than the one in the ledger", path.display()));
            continue;
        }
        let blocks = checkpoint.all_blocks();
        let wrong = |block| match checkpoint.is_whole(block) {
            Ok(whole) => (!whole).then(|| checkpoint.describe(block)),
            Err(e) => Some(e.what().to_owned()),
        };
        let damaged: Vec<String> = blocks.par_iter().filter_map(wrong).collect();
        if damaged.is_empty() {
            let (many, root) = (blocks.len(), &checkpoint.root()[..16]);
            let blocks = if many == 1 { "its block is whole".into() } else { format!("all {many} blocks whole") };
            *good += &format!("{name}: {blocks}, root {root}…\n");
        }
        bad.extend(damaged);
    }
}

/// The steps of the checkpoints that the present attempt has written and not removed since.
fn kept(ledger: &Ledger) -> Vec<u64> {
    let begun = ledger.entries().rev().take_while(|e| e.job_file.is_empty());
    let steps = begun.filter(|e| e.what == "checkpoint").map(|e| e.step);
    let job_file = ledger.last_begin().and_then(|begin| JobFile::parse("job.toml", &begin.job_file, &[]).ok());
    steps.take(job_file.map_or(1, |file| file.checkpoint.keep.get())).collect()
}

/// The files in a run directory without a hash in the ledger: those that the run rewrites as it goes on, and those that it
/// has not written. One line for each kind.
fn not_covered(dir: &Path, covered: &BTreeSet<String>) -> String {
    let own = OwnFiles::of(dir).unwrap_or_default();
    let folders = covered.iter().filter_map(|name| Some(name.split_once('/')?.0)).collect::<BTreeSet<_>>();
    let (mut rewritten, mut others) = (vec![], vec![]);
    for folder in folders.into_iter().map(Some).chain([None]) {
        let path = folder.map_or(dir.to_path_buf(), |folder| dir.join(folder));
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let name = folder.map_or(name.clone(), |folder| format!("{folder}/{name}"));
            let is_file = entry.file_type().is_ok_and(|kind| !kind.is_dir());
            if is_file && !covered.contains(&name) {
                if own.contains(&name) { rewritten.push(name) } else { others.push(name) }
            }
        }
    }
    let line = |what: &str, mut names: Vec<String>| match names.is_empty() {
        true => String::new(),
        false => {
            names.sort();
            format!("{what}: {}\n", names.join(", "))
        }
    };
    line("not covered by a hash", rewritten) + &line("not written by this run", others)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saved::ledger::Entry;
    use std::collections::BTreeMap;

    #[test]
    fn only_files_of_the_run_are_read() {
        let top = tempfile::tempdir().unwrap();
        let dir = top.path().join("run");
        fs::create_dir(&dir).unwrap();
        fs::write(top.path().join("secret"), "x").unwrap();
        fs::write(dir.join("a.h5"), "x").unwrap();
        std::os::unix::fs::symlink("/dev/zero", dir.join("zero.h5")).unwrap();
        let hash = blake3::hash(b"x").to_hex().to_string();
        let report = |names: &[&str]| {
            let files: BTreeMap<String, String> = names.iter().map(|name| (name.to_string(), hash.clone())).collect();
            Ledger::new(&dir).add(Entry { what: "begin".into(), files, ..Entry::default() }).unwrap();
            verify(&dir, None)
        };
        assert!(report(&["a.h5"]).unwrap().contains("a.h5: as written"));
        let why = report(&["/dev/zero", "../secret", "zero.h5", "/", "a.h5"]).unwrap_err().to_string();
        let expected = [
            "4 of what",
            "/dev/zero: the name leads out",
            "secret: the name leads out",
            "zero.h5: it is reached through",
        ];
        for expected in expected {
            assert!(why.contains(expected), "{expected}: {why}");
        }
    }
}
