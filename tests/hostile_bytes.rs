//! Files of which no byte can be trusted: readers give errors, never panics. A short, deterministic run of what the targets in
//! `fuzz/` do at length, from the same valid files: truncations, and random changes from a fixed seed.
use halocline::fuzzing;
use std::fs;
use std::path::Path;

/// The files of a target's corpus, by name.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("a file")).collect()
}

/// Changes a file in a few places.
fn change(bytes: &mut Vec<u8>, random: &mut fastrand::Rng) {
    const NUMBERS: [u64; 6] = [0, 1, 0x7fff_ffff, 0xffff_ffff, i64::MAX as u64, u64::MAX];
    const TEXTS: [&str; 6] = ["0", "-1", "4294967296", "18446744073709551615", "1e400", "99999999999999999999999"];
    for _ in 0..random.usize(1..4) {
        if bytes.is_empty() {
            return;
        }
        let at = random.usize(..bytes.len());
        match random.usize(..7) {
            0 => bytes[at] ^= 1 << random.usize(..8),
            1 => bytes[at] = random.u8(..),
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..(at + random.usize(1..9)).min(bytes.len()))),
            4 => {
                let copy = bytes[at..(at + random.usize(1..65)).min(bytes.len())].to_vec();
                let to = random.usize(..bytes.len());
                bytes.splice(to..to, copy);
            }
            // A binary number, of 4 or 8 bytes, at a border of 4.
            5 => {
                let number = random.choice(NUMBERS).expect("one of them");
                let number = if random.bool() { number.to_be_bytes() } else { number.to_le_bytes() };
                let number = if random.bool() { &number[..] } else { &number[4..] };
                let at = at / 4 * 4;
                bytes.iter_mut().skip(at).zip(number).for_each(|(byte, new)| *byte = *new);
            }
            // The next number in a text.
            _ => {
                if let Some(first) = (at..bytes.len()).find(|&i| bytes[i].is_ascii_digit()) {
                    let after = (first..bytes.len()).find(|&i| !bytes[i].is_ascii_digit()).unwrap_or(bytes.len());
                    bytes.splice(first..after, random.choice(TEXTS).expect("one of them").bytes());
                }
            }
        }
    }
}

/// Tries a reader on all files of its corpus: as they are, cut anywhere, and changed.
fn try_all(target: &str, changes: usize, mut accepts: impl FnMut(&[u8]) -> bool) {
    let mut random = fastrand::Rng::with_seed(7);
    let files = corpus(target);
    assert!(!files.is_empty(), "{target}: no files");
    for file in &files {
        assert!(accepts(file), "{target}: a valid file is refused, so that changed ones mean nothing");
        let cuts = file.len().div_ceil(300);
        (0..file.len()).step_by(cuts).for_each(|length| _ = accepts(&file[..length]));
        for _ in 0..changes / files.len() {
            let mut bytes = file.clone();
            change(&mut bytes, &mut random);
            accepts(&bytes);
        }
    }
}

#[test]
fn netcdf3() {
    try_all("netcdf3", 6000, fuzzing::netcdf3);
}

#[test]
fn job_files() {
    try_all("job_file", 2000, fuzzing::job_file);
}

#[test]
fn ledgers() {
    try_all("ledger", 2000, fuzzing::ledger);
}

#[test]
fn checkpoints() {
    try_all("checkpoint", 400, fuzzing::checkpoint);
}

#[test]
fn replica_shards() {
    try_all("shard", 1000, |bytes| {
        fuzzing::shard(bytes);
        fuzzing::shard(&fuzzing::sealed_shard(bytes))
    });
}
