//! Streams written by separate programs: MPI ranks write the same files as one process, and a kill leaves complete instants
//! only.
mod mpirun;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// `examples/stream_torture`, which cargo builds beside the suites.
fn torture() -> PathBuf {
    let suite = std::env::current_exe().expect("a path");
    let profile = suite.ancestors().nth(2).expect("the directory of the profile");
    let program = profile.join("examples/stream_torture");
    assert!(program.is_file(), "build it first: cargo build --example stream_torture (cargo test does)");
    program
}

fn run(command: &mut Command) -> (bool, String) {
    command.envs(mpirun::SETTINGS);
    let Output { status, stdout, stderr } = command.output().expect("it starts");
    (status.success(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

fn has_mpirun() -> bool {
    mpirun::missing().inspect(|why| eprintln!("skipped: streams of MPI ranks: {why}")).is_none()
}

fn has_h5diff() -> bool {
    let there = Command::new("h5diff").arg("--version").output().is_ok();
    if !there {
        eprintln!("skipped: streams of MPI ranks: there is no h5diff");
    }
    there
}

fn count(dir: &Path) -> String {
    let (good, text) = run(Command::new(torture()).arg("count").arg(dir));
    assert!(good, "{text}");
    text.trim().to_string()
}

#[test]
fn mpi_ranks_write_what_threads_write() {
    if !has_mpirun() || !has_h5diff() {
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    let serial = dir.path().join("serial");
    let (good, text) = run(Command::new(torture()).arg("write").arg(&serial).args(["1", "7"]));
    assert!(good, "{text}");
    assert_eq!(count(&serial), "7 complete instants");
    for ranks in [1, 3, 5] {
        let (number, mut command) = (ranks.to_string(), mpirun::mpirun(ranks, &torture()));
        let parallel = dir.path().join(&number);
        let (good, text) = run(command.arg("write").arg(&parallel).args([&number, "7"]));
        assert!(good, "{text}");
        assert_eq!(count(&parallel), "7 complete instants");
        for file in ["fields.h5", "fields/000000.h5", "fields/000002.h5"] {
            let (a, b) = (serial.join(file), parallel.join(file));
            let (good, text) = run(Command::new("h5diff").args(["--exclude-path", "/provenance"]).args([a, b]));
            assert!(good, "{ranks} ranks, {file}: {text}");
        }
    }
}

#[test]
fn a_kill_leaves_complete_instants() {
    let dir = tempfile::tempdir().expect("a folder");
    let (good, text) = run(Command::new(torture()).arg("kill").arg(dir.path().join("a")).args(["10", "3"]));
    assert!(good, "{text}");
}

#[test]
fn a_killed_mpi_rank_leaves_complete_instants() {
    if !has_mpirun() {
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    let (good, text) = run(Command::new(torture()).arg("kill").arg(dir.path().join("a")).args(["2", "3", "mpirun"]));
    assert!(good, "{text}");
}
