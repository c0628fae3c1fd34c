//! Checks all that a run has written: the ledger, the files that it names, the blocks of all checkpoints.
use super::file::Checkpoint;
use super::ledger::{Ledger, hash_files};
use super::{shelf, signature};
use crate::base::{Error, Result};
use rayon::prelude::*;
use std::path::Path;

/// Checks the run in `dir`: a line for each file. With a public key, also that its owner has signed each line of the ledger.
///
/// # Errors
/// If something is missing or is not what was written: all of it, a line each.
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
        match hash_files(dir, &[name.to_owned()]) {
            Err(e) => bad.push(e.what().to_owned()),
            Ok(found) if found[name] != expected => {
                bad.push(format!("{}: its contents are not what was written", dir.join(name).display()));
            }
            Ok(_) => good += &format!("{name}: as written\n"),
        }
    }
    for path in shelf::list(dir).iter().rev() {
        let name = path.strip_prefix(dir).unwrap_or(path).display();
        let checkpoint = match Checkpoint::open(path) {
            Ok(checkpoint) => checkpoint,
            Err(e) => {
                bad.push(e.what().to_owned());
                continue;
            }
        };
        let mut noted = ledger.entries().rev().filter(|e| e.what == "checkpoint");
        let own = noted.find(|e| e.step == checkpoint.header.step);
        let parent = noted.next().map_or("", |e| &e.root);
        if own.is_some_and(|e| e.root != checkpoint.root() || parent != checkpoint.header.parent) {
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
            good += &format!("{name}: {blocks}, root {root}…\n");
        }
        bad.extend(damaged);
    }
    if bad.is_empty() {
        return Ok(good + "everything is as it was written\n");
    }
    Err(Error::failure(format!("{} of what was written is not as it was:\n{}", bad.len(), bad.join("\n")))
        .remedy("`halocline resume` goes on from the newest checkpoint that is whole, and makes later output again"))
}
