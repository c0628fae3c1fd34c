//! Runs that are watched over: ranks that die, attempts that stall, supervisors that die, other numbers of ranks.
mod attempts;
mod support;
use attempts::{long, noted, same_output, supervised};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use support::Ranks::Threads;
use support::preload::{CLOCK, Preload};
use support::{has_mpirun, is_alive, patient, signal, smoke, verified};

#[test]
fn a_supervisor_that_was_killed_has_a_successor() {
    let top = tempfile::tempdir().unwrap();
    let (whole, output) = (top.path().join("whole"), top.path().join("run"));
    let longer = "time.end=6000 step";
    let expected = long(Threads(1), &whole).with(longer).ends().state().to_owned();
    let mut first = supervised(2, &output, &[]).with(longer).starts();
    first.until("first checkpoint", |_| !noted(&output, "checkpoint").is_empty());
    let orphans = first.workers();
    assert!(!orphans.is_empty(), "a supervisor without ranks");
    signal("KILL", &[first.process()]);
    // What it had started goes on, until it finds that it has been taken over from.
    let ended = supervised(2, &output, &[]).with(longer).ends();
    assert_eq!(ended.state(), expected);
    same_output(&whole, &output);
    let (good, said) = verified(&output);
    assert!(good, "{said}");
    let since = Instant::now();
    while orphans.iter().any(|&process| is_alive(process)) {
        assert!(since.elapsed() < patient(30), "what a dead supervisor has started is still alive");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_life_that_stalls_is_ended_and_the_next_one_begins() {
    let top = tempfile::tempdir().unwrap();
    let (whole, output) = (top.path().join("whole"), top.path().join("run"));
    let expected = long(Threads(1), &whole).ends().state().to_owned();
    let mut running = supervised(2, &output, &["--patience", "3 s"]).starts();
    running.until("first checkpoint", |_| !noted(&output, "checkpoint").is_empty());
    // All that steps is stopped, as where a machine has fallen silent.
    let silent = running.workers();
    let silent: Vec<u32> = silent.into_iter().filter(|&process| process != running.process()).collect();
    assert!(!silent.is_empty(), "a supervisor without ranks");
    signal("STOP", &silent);
    let ended = running.ends();
    assert!(ended.err.contains("supervise: no heartbeat for a long time"), "{}", ended.err);
    assert_eq!(ended.state(), expected);
    same_output(&whole, &output);
    signal("KILL", &silent);
}

#[test]
fn a_supervised_run_outlives_its_ranks_and_changes_their_number() {
    let top = tempfile::tempdir().unwrap();
    let (whole, output) = (top.path().join("whole"), top.path().join("run"));
    let expected = long(Threads(1), &whole).ends().state().to_owned();
    let mut running = supervised(2, &output, &[]).starts();
    running.until("first checkpoint", |_| !noted(&output, "checkpoint").is_empty());
    signal("KILL", &running.workers());
    running.until("second attempt", |_| noted(&output, "resume").len() == 1);
    let saved = noted(&output, "checkpoint").len();
    running.until("checkpoint", |_| noted(&output, "checkpoint").len() > saved);
    fs::write(output.join("control"), "ranks = 3").unwrap();
    let ended = running.ends();
    assert!(
        ended.err.contains("supervise: attempt 1 was ") && ended.err.contains("to continue on 3 ranks"),
        "{}",
        ended.err
    );
    assert_eq!(ended.state(), expected);
    assert!(ended.out.contains(if has_mpirun() { "on 3 MPI ranks" } else { "on 3 in-process ranks" }), "{}", ended.out);
    same_output(&whole, &output);
}

/// `halocline supervise` with these words after it.
fn supervise(output: &Path, words: &[&str]) -> support::Run {
    let program = env!("CARGO_BIN_EXE_halocline");
    support::Run::of(Threads(1), Path::new(program), "supervise")
        .with_all(["supervise", &output.display().to_string()])
        .with_all(words.iter().copied())
}

#[test]
fn a_stop_is_obeyed_whatever_the_clock_says() {
    let Some(library) = Preload::of(CLOCK) else { return };
    let top = tempfile::tempdir().unwrap();
    let output = top.path().join("run");
    let (program, file) = (env!("CARGO_BIN_EXE_halocline"), smoke("diffusion").display().to_string());
    // To this clock, all files of the disk are many years old.
    let run = supervise(&output, &["--", program, "run", &file, "--threads", "1", "time.end=100000000 step"]);
    let run = run.env("LD_PRELOAD", library.path().to_str().unwrap()).env("TEST_CLOCK", "4102444800");
    let mut running = run.starts();
    running.until_file(&output.join("job.toml"));
    std::thread::sleep(Duration::from_secs(1));
    fs::write(output.join("control"), "stop\n").unwrap();
    let ended = running.ends();
    ended.stops(&["stopped by the control file"]);
    assert!(!ended.err.contains("supervise: attempt"), "{}", ended.err);
}

#[test]
fn failures_that_recur_are_not_repeated() {
    let top = tempfile::tempdir().unwrap();
    let (program, file) = (env!("CARGO_BIN_EXE_halocline"), smoke("diffusion").display().to_string());
    for (key, code, message) in
        [("parameters.order=3", 2, "parameters.order"), ("parameters.wall_value=1.7e308", 1, "`temperature` is ")]
    {
        let output = top.path().join(code.to_string());
        let words =
            ["--", program, "run", &file, "--threads", "1", "parameters.initial=bell", "time.end=400 step", key];
        let ended = supervise(&output, &words).ends();
        assert_eq!(ended.status.code(), Some(code), "{key}: {}", ended.err);
        assert!(ended.err.contains(message) && !ended.err.contains("supervise: attempt"), "{key}: {}", ended.err);
    }
}

#[test]
fn attempts_that_fail_at_once_are_followed_by_a_pause() {
    let top = tempfile::tempdir().unwrap();
    let output = top.path().join("run");
    let ended = supervise(&output, &["--", "sh", "-c", "exit 3"]).ends();
    ended.fails(1, &["attempt 1 was interrupted (exit code 3)", "in 2 s\n", "in 4 s\n", "3 consecutive attempts"]);
    // A signal ends the pause.
    let mut running = supervise(&output, &["--", "sh", "-c", "exit 3"]).starts();
    running.until("pause", |running| running.printed().contains("in 4 s"));
    signal("TERM", &[running.process()]);
    assert_eq!(running.ends().status.code(), Some(75));
}
