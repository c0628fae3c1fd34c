//! Runs that keep their state in the memory of nodes go on from there when a rank or a node is lost: on other ranks and
//! nodes, with the same bits. Ranks of one machine play nodes. `HALOCLINE_KILLS=100` kills as many attempts; it
//! is 6 otherwise. `HALOCLINE_SEED` repeats the random choices.
mod attempts;
mod support;
use attempts::{long, noted, same_output, sealed};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use support::Ranks::{self, Mpi, Threads};
use support::{
    Disk, Ended, Run, Running, at_most, has_mpirun, is_alive, must_hit, patient, random, run, signal, smokes, verified,
};
use tempfile::TempDir;

/// Nodes that this machine plays, each with a memory.
struct Nodes {
    top: TempDir,
}

impl Nodes {
    fn new() -> Nodes {
        Nodes { top: tempfile::tempdir().unwrap() }
    }

    fn memory(&self) -> PathBuf {
        self.top.path().join("memory")
    }

    /// The command on ranks that are on so many of the nodes, in turn, the first of them `first`.
    fn on(&self, ranks: Ranks, nodes: usize, first: usize, arguments: &[&str]) -> Run {
        let program = env!("CARGO_BIN_EXE_halocline");
        let script = self.top.path().join(format!("on{nodes}from{first}"));
        let rank = "${OMPI_COMM_WORLD_RANK:-${PMI_RANK:-0}}";
        let text =
            format!("#!/bin/sh\nexport HALOCLINE_NODE=n$(({rank} % {nodes} + {first}))\nexec {program} \"$@\"\n");
        if !script.exists() {
            fs::write(&script, text).unwrap();
            fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::create_dir_all(self.memory()).unwrap();
        let run = Run::of(ranks, &script, arguments[0]).with_all(arguments.iter().copied());
        let run = if let Threads(n) = ranks { run.with("--ranks").with(n.to_string()) } else { run };
        run.threads(1).env("HALOCLINE_MEMORY", self.memory().to_str().unwrap())
    }

    /// All pieces of a node.
    fn pieces(&self, node: &str) -> Vec<PathBuf> {
        let runs = fs::read_dir(self.memory()).into_iter().flatten().flatten();
        let runs = runs.flat_map(|user| fs::read_dir(user.path()).into_iter().flatten().flatten());
        let files = runs.flat_map(|run| fs::read_dir(run.path().join(node)).into_iter().flatten().flatten());
        files.map(|file| file.path()).filter(|path| path.file_name().is_some_and(|name| name != "origin")).collect()
    }

    /// The attempts that have left pieces.
    fn lives(&self) -> BTreeSet<String> {
        let all = ["n0", "n1", "n2"].map(|node| self.pieces(node)).concat();
        let life = |path: &PathBuf| path.file_name()?.to_str()?.split('-').next().map(str::to_owned);
        all.iter().filter_map(life).collect()
    }

    /// What was in the memory of the node is lost.
    fn lose(&self, node: &str) {
        self.pieces(node).iter().for_each(|path| fs::remove_file(path).unwrap());
    }

    /// Nothing is left in any.
    fn are_empty(&self) {
        for node in ["n0", "n1", "n2"] {
            assert!(self.pieces(node).is_empty(), "{:?}", self.pieces(node));
        }
    }
}

/// MPI ranks, or threads where those cannot be had.
fn ranks(n: usize) -> Ranks {
    if has_mpirun() { Mpi(at_most(n)) } else { Threads(n) }
}

/// Kills one process of a run, and waits until all are gone.
fn kill(mut running: Running, all: &[u32], which: usize) -> Ended {
    signal("KILL", &[all[which % all.len()]]);
    let waiting = Instant::now();
    while all.iter().any(|&process| is_alive(process)) {
        assert!(waiting.elapsed() < patient(30), "a rank is still alive");
        std::thread::sleep(Duration::from_millis(10));
    }
    running.is_stuck(patient(15));
    running.ends()
}

const IN_MEMORY_ONLY: [&str; 3] = ["replica.every=20 step", "checkpoint.every=never", "checkpoint.wall=never"];

#[test]
fn every_job_goes_on_after_the_loss_of_a_node() {
    for (job, file) in smokes() {
        let nodes = Nodes::new();
        let (whole, parts) = (nodes.top.path().join("whole"), nodes.top.path().join("parts"));
        let file = file.to_str().unwrap();
        // Long enough to be killed on the way; what gathers over time is cut in between.
        let mean = "output.mean={every='7 step', reduce='mean'}";
        let often = ["time.end=2100 step", "output.fields.every=700 step", mean];
        let expected = run(Threads(1), Path::new(file), &whole).with_all(often).ends().state().to_owned();
        let output = parts.to_str().unwrap();
        let mut running = nodes
            .on(ranks(4), 2, 0, &["run", file, "--output", output])
            .with_all(often)
            .with_all(["replica.every=2 step", "checkpoint.every=never", "checkpoint.wall=never"])
            .starts();
        // The state after step 2. On two nodes each piece is there twice.
        let pieces = if has_mpirun() { 2 * ranks(4).count() } else { ranks(4).count() };
        running.until("state in memory", |_| sealed(&nodes.memory()) == pieces);
        let all = running.all_ranks(ranks(4));
        assert!(!kill(running, &all, 3).status.success(), "{job}: it was over before it was killed");
        assert_eq!(noted(&parts, "checkpoint"), [0; 0]);
        if has_mpirun() {
            nodes.lose("n1");
        }
        let ended = nodes.on(ranks(3), 2, 0, &["resume", output]).with("replica.every=200 step").ends();
        let from = ended.err.lines().find_map(|line| line.strip_prefix("resuming from the state after step "));
        let from = from.unwrap_or_else(|| panic!("{job}: {}", ended.err));
        assert!(from.ends_with(" in the memory of the nodes"), "{job}: {from}");
        let step: u64 = from.split(' ').next().unwrap().parse().unwrap();
        assert!(step > 0 && step.is_multiple_of(2), "{job}: {step}");
        assert_eq!(ended.state(), expected, "{job} from step {step}");
        same_output(&whole, &parts);
        let (good, said) = verified(&parts);
        assert!(good, "{job}: {said}");
        nodes.are_empty();
    }
}

/// Kills attempts of a run that saves nothing on disk, and loses nodes, but never two at once.
#[test]
fn nothing_is_lost_while_one_copy_is_left() {
    let nodes = Nodes::new();
    let (whole, output) = (nodes.top.path().join("whole"), nodes.top.path().join("run"));
    let since = Instant::now();
    let expected = long(Threads(1), &whole).ends().state().to_owned();
    let takes = since.elapsed();
    let smoke = support::smoke("diffusion");
    let arguments = ["run", smoke.to_str().unwrap(), "--output", output.to_str().unwrap(), "--resume"];
    let (kills, mut random) = (support::kills(6), random("replica"));
    let (mut killed, mut lost, mut last) = (0, 0, 0);
    let (mut ended_by_itself, mut lost_in) = (0, BTreeSet::new());
    while killed < kills {
        let on = ranks(random.usize(3..=5));
        let life = nodes.on(on, 3, 0, &arguments).with_all(attempts::LONG).with_all(IN_MEMORY_ONLY);
        let running = life.starts();
        std::thread::sleep(takes.mul_f64(random.f64()) + Duration::from_millis(50));
        let all = running.ranks(on);
        let ended = if all.is_empty() { running.ends() } else { kill(running, &all, random.usize(..9)) };
        let from = ended.err.lines().find_map(|line| line.strip_prefix("resuming from the state after step "));
        if let Some(step) = from.and_then(|rest| rest.split(' ').next()?.parse::<u64>().ok()) {
            assert!(step >= last, "{step} after {last}: {}", ended.err);
            last = step;
        } else {
            assert!(last == 0 || !ended.err.contains("starts from the beginning"), "{last}: {}", ended.err);
        }
        if ended.status.success() {
            // The attempt before may have been killed when all was done.
            assert!(ended.out.starts_with("the run is already complete") || ended.state() == expected);
            fs::remove_dir_all(&output).unwrap();
            (last, ended_by_itself, lost_in) = (0, ended_by_itself + 1, BTreeSet::new());
            must_hit(killed, ended_by_itself);
            continue;
        }
        assert!(!all.is_empty(), "an attempt failed that nothing had killed: {}", ended.err);
        killed += 1;
        // Once an attempt has kept a state of its own, all pieces are there twice again.
        let lives = nodes.lives();
        if has_mpirun() && lives.len() == 1 && lives != lost_in && random.bool() {
            nodes.lose(["n0", "n1", "n2"][random.usize(..3)]);
            (lost, lost_in) = (lost + 1, lives);
        }
    }
    let ended = nodes.on(ranks(3), 3, 0, &arguments).with_all(attempts::LONG).ends();
    assert_eq!(ended.state(), expected);
    same_output(&whole, &output);
    nodes.are_empty();
    println!(
        "{killed} attempts were killed, {lost} nodes lost, {ended_by_itself} runs came to their end: the same state"
    );
}

#[test]
fn without_a_copy_the_disk_is_fallen_back_to() {
    if !has_mpirun() {
        return;
    }
    let nodes = Nodes::new();
    let (whole, output) = (nodes.top.path().join("whole"), nodes.top.path().join("run"));
    let expected = long(Threads(1), &whole).ends().state().to_owned();
    let mut running = nodes
        .on(Mpi(2), 2, 0, &["run", support::smoke("diffusion").to_str().unwrap(), "--output", output.to_str().unwrap()])
        .with_all(attempts::LONG)
        .with_all(["replica.every=10 step", "time.end=1000000 step", "output.mean.every=never"])
        .starts();
    running.until("checkpoint", |_| noted(&output, "checkpoint").len() > 1);
    let all = running.all_ranks(Mpi(2));
    kill(running, &all, 0);
    // The piece of rank 1 in both of its places, and both states.
    for node in ["n0", "n1"] {
        let of_rank_1 = |path: &&PathBuf| path.to_str().unwrap().contains("-000001-");
        nodes.pieces(node).iter().filter(of_rank_1).for_each(|path| fs::remove_file(path).unwrap());
    }
    let saved = noted(&output, "checkpoint").last().copied().unwrap();
    let ended = nodes
        .on(Mpi(2), 2, 0, &["resume", output.to_str().unwrap()])
        .with_all(["time.end=1500 step", "output.mean.every=500 step"])
        .ends();
    assert!(ended.err.contains("in the memory of nodes, the shards of ranks [1] are lost"), "{}", ended.err);
    assert!(ended.err.contains(&format!("resuming from the checkpoint after step {saved}")), "{}", ended.err);
    if saved < 1500 {
        assert_eq!(ended.state(), expected);
    }
    nodes.are_empty();
}

#[test]
fn too_little_memory_is_an_error_before_the_first_step() {
    let Some(disk) = Disk::of("300k") else { return };
    let top = tempfile::tempdir().unwrap();
    let output = top.path().join("run");
    let ended = long(Threads(2), &output)
        .with_all(IN_MEMORY_ONLY)
        .env("HALOCLINE_MEMORY", disk.path().to_str().unwrap())
        .ends();
    ended.fails(1, &["cannot write", "No space left"]);
    let nowhere = top.path().join("file");
    fs::write(&nowhere, "").unwrap();
    let ended = long(Threads(2), &top.path().join("other"))
        .with_all(IN_MEMORY_ONLY)
        .env("HALOCLINE_MEMORY", nowhere.to_str().unwrap())
        .ends();
    ended.fails(2, &["cannot create", "HALOCLINE_MEMORY"]);
}
