//! Streams written by separate programs: MPI ranks write the same files as one process, and a kill leaves complete instants
//! only.
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
    // As root, and with more ranks than cores.
    let settings = ["OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "OMPI_MCA_rmaps_base_oversubscribe"];
    command.envs(settings.map(|name| (name, "1")));
    let Output { status, stdout, stderr } = command.output().expect("it starts");
    (status.success(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

fn has(program: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok();
    if !there {
        eprintln!("skipped: no {program} here");
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
    if !cfg!(feature = "mpi") || !has("mpirun") || !has("h5diff") {
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    let serial = dir.path().join("serial");
    let (good, text) = run(Command::new(torture()).arg("write").arg(&serial).args(["1", "7"]));
    assert!(good, "{text}");
    assert_eq!(count(&serial), "7 complete instants");
    for ranks in ["1", "3", "5"] {
        let parallel = dir.path().join(ranks);
        let program = torture();
        let (good, text) =
            run(Command::new("mpirun").args(["-n", ranks]).arg(program).arg("write").arg(&parallel).args([ranks, "7"]));
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
    if !cfg!(feature = "mpi") || !has("mpirun") {
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    let (good, text) = run(Command::new(torture()).arg("kill").arg(dir.path().join("a")).args(["2", "3", "mpirun"]));
    assert!(good, "{text}");
}
