//! What suites about runs of several attempts share.
#![allow(dead_code)] // each suite uses its part
use crate::support::Ranks::Threads;
use crate::support::{self, Ranks, has_mpirun, run, smoke, streams, works};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Asserts that two runs have written the same, where and when apart.
pub fn same_output(a: &Path, b: &Path) {
    assert!(works("h5diff", "--version"), "h5diff is missing: scripts/setup test");
    for stream in streams(&a.join("job.toml")) {
        let files = [a, b].map(|dir| dir.join(format!("{stream}.h5")));
        if files.iter().all(|file| !file.exists()) {
            continue; // It ended before the first instant of this stream.
        }
        let differs = Command::new("h5diff").args(["--exclude-path", "/provenance"]).args(&files).output().unwrap();
        let said = String::from_utf8_lossy(&differs.stdout);
        assert!(differs.status.success(), "{stream}: {said}");
    }
    let [left, right] = [a, b].map(|dir| fs::read(dir.join("series.csv")).ok());
    assert!(left == right, "series.csv differs in {} and {}", a.display(), b.display());
}

/// Pieces in the second of their two places below a folder in memory that are whole: the second state of an attempt, if all are there.
pub fn sealed(folder: &Path) -> usize {
    let is_whole = |path: &Path| fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"halocline piece"));
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries
        .map(|path| match path.is_dir() {
            true => sealed(&path),
            false => usize::from(path.to_str().unwrap().ends_with("-1") && is_whole(&path)),
        })
        .sum()
}

/// The steps of a run as the ledger has them noted.
pub fn noted(dir: &Path, what: &str) -> Vec<u64> {
    let text = fs::read_to_string(dir.join("ledger.jsonl")).unwrap_or_default();
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines.filter(|line| line["what"] == what).map(|line| line["step"].as_u64().unwrap()).collect()
}

/// A run of some seconds.
pub fn long(ranks: Ranks, output: &Path) -> support::Run {
    run(ranks, &smoke("diffusion"), output).with_all(LONG)
}

pub const LONG: [&str; 5] = [
    "grid.cells=[48, 48, 48]",
    "time.end=1500 step",
    "output.fields.every=300 step",
    "output.mean={every='500 step', reduce='mean'}",
    "checkpoint.every=100 step",
];

/// `halocline supervise` of the same on so many MPI ranks, or where there are none, threads.
pub fn supervised(ranks: usize, output: &Path, more: &[&str]) -> support::Run {
    let program = env!("CARGO_BIN_EXE_halocline");
    let command = match has_mpirun() {
        true => vec!["mpirun", "-n", "{ranks}", program, "run"],
        false => vec![program, "run", "--ranks", "{ranks}"],
    };
    let run = support::Run::of(Threads(1), Path::new(program), "supervise")
        .with_all(["supervise", &output.display().to_string(), "--ranks", &ranks.to_string()])
        .with_all(more.iter().copied())
        .with("--")
        .with_all(command)
        .with(smoke("diffusion").display().to_string())
        .with_all(LONG)
        .with_all(["--threads", "1"]);
    support::mpirun::SETTINGS.iter().fold(run, |run, (name, value)| run.env(name, value))
}
