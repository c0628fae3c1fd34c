//! Runs that are watched over: ranks that die, attempts that stall, supervisors that die, other numbers of ranks.
mod attempts;
mod support;
use attempts::{long, noted, same_output, supervised};
use std::fs;
use std::time::{Duration, Instant};
use support::Ranks::Threads;
use support::{has_mpirun, is_alive, patient, signal, verified};

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
