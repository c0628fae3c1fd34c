//! Ranks that survive others: a run goes on in the processes that are left, with the same bits. This needs an MPI with failure
//! mitigation: `scripts/test-ulfm`. `HALOCLINE_KILLS=100` kills as many ranks at random; it is 6 otherwise.
//! `HALOCLINE_SEED` repeats the random choices.
//!
//! Open MPI 5.0.11 itself crashes or hangs if a rank dies while it begins, or while a communicator is made, as in set-up. So where
//! that may happen, runs are supervised.
mod attempts;
mod support;
use attempts::{long, noted, same_output, sealed, supervised};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use support::Ranks::{Mpi, Threads};
use support::{Ended, Running, must_hit, outcome, random, run, signal, skipped, smokes, verified};

/// The state that a run says it ended with. Its launcher's exit code is the launcher's own affair once a rank has died.
fn state(ended: &Ended) -> &str {
    let last = ended.out.lines().rev().find_map(|line| line.strip_prefix("state "));
    last.unwrap_or_else(|| panic!("{} ended with {}\n{}{}", ended.what, ended.status, ended.out, ended.err))
}

/// Attempts that have begun in a folder.
fn begun(output: &Path) -> u64 {
    let text = fs::read_to_string(output.join(".life")).unwrap_or_default();
    serde_json::from_str::<serde_json::Value>(&text).map_or(0, |life| life["number"].as_u64().unwrap())
}

/// True if `mpirun` leaves other ranks alone when one dies; otherwise says so once.
fn ranks_can_survive() -> bool {
    static HERE: OnceLock<bool> = OnceLock::new();
    *HERE.get_or_init(|| {
        let asked = Command::new("mpirun").args(["-n", "1", "printenv", "OMPI_MCA_mpi_ft_enable"]).output();
        let can = cfg!(feature = "mpi") && asked.is_ok_and(|asked| asked.status.success());
        if !can {
            skipped("ranks that survive others", "this needs Open MPI 5, asked to let them: scripts/test-ulfm");
        }
        can
    })
}

fn kill(process: u32) {
    signal("KILL", &[process]);
}

#[test]
fn every_job_goes_on_when_a_rank_dies() {
    if !ranks_can_survive() {
        return;
    }
    for (i, (job, file)) in smokes().into_iter().enumerate() {
        let top = tempfile::tempdir().unwrap();
        let [whole, parts] = ["whole", "parts"].map(|name| top.path().join(name));
        // What gathers over time is cut in between.
        let mean = "output.mean={every='210 step', reduce='mean'}";
        let often = ["time.end=420 step", "output.fields.every=140 step", mean];
        let in_memory = ["replica.every=2 step", "checkpoint.every=never", "checkpoint.wall=never"];
        let expected = run(Threads(1), &file, &whole).with_all(often).ends().state().to_owned();
        let memory = top.path().join("memory");
        fs::create_dir(&memory).unwrap();
        let run = run(Mpi(4), &file, &parts).with_all(often).with_all(in_memory);
        // Messages of both kinds: through shared memory, and MPI's own.
        let window = if i % 2 == 0 { "262144" } else { "0" };
        let run = run.env("HALOCLINE_MEMORY", memory.to_str().unwrap()).env("HALOCLINE_MPI_WINDOW", window);
        let mut running = run.starts();
        let all = running.all_ranks(Mpi(4));
        running.until("a state in memory", |_| sealed(&memory) == 4);
        kill(all[i % 4]);
        running.until("another attempt", |_| begun(&parts) == 2);
        let mut left = running.workers();
        left.sort();
        assert!(left.iter().all(|process| all.contains(process)), "{job}: {left:?} of {all:?}");
        let ended = running.ends();
        assert_eq!(state(&ended), expected, "{job}: {}", ended.err);
        assert!(ended.err.contains(" of 4 ranks survive and continue"), "{job}: {}", ended.err);
        assert!(ended.err.contains("in the memory of the nodes"), "{job}: {}", ended.err);
        same_output(&whole, &parts);
        let (good, said) = verified(&parts);
        assert!(good, "{job}: {said}");
    }
}

/// At random moments, in runs that save their state in both ways and write much. Where MPI itself gives up, another attempt is started.
#[test]
fn ranks_die_at_random() {
    if !ranks_can_survive() {
        return;
    }
    const BUSY: [&str; 2] = ["replica.every=30 step", "output.fields.every=20 step"];
    let top = tempfile::tempdir().unwrap();
    let [whole, parts] = ["whole", "parts"].map(|name| top.path().join(name));
    let since = Instant::now();
    let expected = long(Threads(1), &whole).with_all(BUSY).ends().state().to_owned();
    let takes = since.elapsed();
    let (kills, mut random) = (support::kills(6), random("survive"));
    let (mut killed, mut runs, mut went_on, mut restarted) = (0, 0, 0, 0);
    while killed < kills {
        let ranks = random.usize(2..=5);
        let mut running = supervised(ranks, &parts, &["--patience", "10 s"]).with_all(BUSY).starts();
        // Open MPI does not survive a death while it begins.
        running.until("first attempt", |_| begun(&parts) > 0);
        for _ in 0..random.usize(1..ranks) {
            // Some die while the others are on their way to go on.
            let soon = [Duration::from_millis(30), takes / 2][random.usize(..2)];
            std::thread::sleep(soon.mul_f64(random.f64()));
            let left: Vec<u32> = running.workers().into_iter().filter(|&p| p != running.process()).collect();
            if outcome(&parts).is_none() && left.len() > 1 {
                kill(left[random.usize(..left.len())]);
                killed += 1;
            }
        }
        let ended = running.ends();
        assert_eq!(outcome(&parts).as_deref(), Some("done"), "{}{}", ended.out, ended.err);
        // Who is killed when all is done takes the last word along.
        if let Some(state) = ended.out.lines().rev().find_map(|line| line.strip_prefix("state ")) {
            assert_eq!(state, expected);
        }
        same_output(&whole, &parts);
        let (good, said) = verified(&parts);
        assert!(good, "{said}");
        let lives = ended.err.lines().filter(|line| line.starts_with("supervise: attempt ")).count();
        (runs, restarted) = (runs + 1, restarted + lives);
        must_hit(killed, runs);
        went_on += ended.err.matches("ranks survive and continue").count();
        fs::remove_dir_all(&parts).unwrap();
    }
    println!(
        "{killed} ranks were killed in {runs} runs: {went_on} times those that were left went on, {restarted} times another \
         attempt was started; always the same output and state"
    );
}

#[test]
fn those_that_are_left_go_on_from_disk_or_begin_anew() {
    if !ranks_can_survive() {
        return;
    }
    let top = tempfile::tempdir().unwrap();
    let [whole, parts, fresh] = ["whole", "parts", "fresh"].map(|name| top.path().join(name));
    let expected = long(Threads(1), &whole).ends().state().to_owned();
    let first = |running: &Running| running.workers().into_iter().filter(|&p| p != running.process()).min().unwrap();
    let mut running = supervised(3, &parts, &["--patience", "10 s"]).starts();
    running.until("checkpoint", |_| noted(&parts, "checkpoint").len() > 1);
    kill(first(&running));
    let ended = running.ends();
    assert_eq!(state(&ended), expected);
    assert!(ended.err.contains("resuming from the checkpoint after step "), "{}", ended.err);
    same_output(&whole, &parts);
    let mut running = supervised(3, &fresh, &["--patience", "10 s"])
        .with("checkpoint.every=never")
        .with("checkpoint.wall=never")
        .starts();
    running.until_file(&fresh.join("fields"));
    kill(first(&running));
    let ended = running.ends();
    assert_eq!(state(&ended), expected);
    assert!(ended.err.contains("has no checkpoint: the run starts from the beginning"), "{}", ended.err);
    same_output(&whole, &fresh);
}

/// A process grid of the job file's own cannot be had with fewer.
#[test]
fn a_run_that_cannot_go_on_with_fewer_says_so() {
    if !ranks_can_survive() {
        return;
    }
    let top = tempfile::tempdir().unwrap();
    let output = top.path().join("run");
    let mut running = long(Mpi(4), &output).with("parallel.ranks=[2, 2, 1]").starts();
    let all = running.all_ranks(Mpi(4));
    running.until("checkpoint", |_| noted(&output, "checkpoint").len() > 1);
    kill(all[3]);
    let ended = running.ends();
    ended.fails(1, &["3 ranks"]);
    assert_eq!(outcome(&output), None);
}
