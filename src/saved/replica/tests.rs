use super::*;
use crate::base::Result;
use crate::comm::ranks;
use crate::comm::{Comm, Reduce};
use crate::saved::attempt::{AttemptId, TimeLevel};
use crate::saved::checkpoint::tests::model;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The result of an attempt: its final state, and the time level from which it started.
type End = (String, Option<TimeLevel>);

/// A run whose ranks are on nodes that this machine plays.
struct Play {
    memory: tempfile::TempDir,
    /// The last attempt, as the run directory would name it.
    last: Option<AttemptId>,
}

impl Play {
    fn new() -> Play {
        Play { memory: tempfile::tempdir().unwrap(), last: None }
    }

    fn attempt(number: u64, from: Option<TimeLevel>) -> AttemptId {
        let from = from.map_or("null".into(), |m| format!(r#"{{"life":{},"step":{}}}"#, m.attempt, m.step));
        serde_json::from_str(&format!(r#"{{"run":"r","number":{number},"process":1,"from":{from}}}"#)).unwrap()
    }

    /// Steps to `to` on ranks that are on these nodes, keeping the state after each of `keeps`, and breaks off.
    fn steps(&mut self, nodes: &[&str], to: u64, keeps: &[u64]) -> End {
        let (memory, last) = (self.memory.path(), self.last.clone());
        let number = last.as_ref().map_or(1, |last| last.number + 1);
        let all = ranks(nodes.len(), 1, |comm| -> Result<End> {
            let mut run = model(&comm)?.compile()?;
            let segment = MemorySegment::in_memory(&comm, "r", Path::new("/"), memory, nodes[comm.rank()]);
            let found = last.as_ref().and_then(|last| find(&comm, &segment, last));
            let from = found.as_ref().map(|found| found.time_level);
            found.map_or(Ok(()), |found| run.restore(&found))?;
            segment.retain(number, from);
            let mut replicas = Replicas::new(&comm, segment, number)?;
            for step in run.steps() + 1..=to {
                run.advance(1)?;
                let mut acknowledged = [replicas.acknowledged()];
                comm.reduce(Reduce::Min, &mut acknowledged);
                replicas.advance(acknowledged[0])?;
                if keeps.contains(&step) {
                    replicas.keep(|older| run.snapshot(older))?;
                }
            }
            replicas.wait()?;
            Ok((run.state()?, from))
        });
        let all: Vec<End> = all.unwrap().into_iter().map(|end| end.unwrap()).collect();
        assert!(all.iter().all(|end| *end == all[0]), "{all:?}");
        self.last = Some(Play::attempt(number, all[0].1));
        all[0].clone()
    }

    /// All files of a node.
    fn files(&self, node: &str) -> Vec<PathBuf> {
        let user = rustix::process::getuid().as_raw();
        let folder = self.memory.path().join(format!("halocline-{user}/r/{node}"));
        let mut files: Vec<PathBuf> = fs::read_dir(folder).into_iter().flatten().map(|e| e.unwrap().path()).collect();
        files.retain(|path| path.file_name().unwrap() != "origin");
        files.sort();
        files
    }

    /// The node is gone, and what was in its memory.
    fn lose(&self, node: &str) {
        self.files(node).iter().for_each(|path| fs::remove_file(path).unwrap());
    }
}

fn whole() -> String {
    Play::new().steps(&["a"], 12, &[]).0
}

fn at(attempt: u64, step: u64) -> Option<TimeLevel> {
    Some(TimeLevel { attempt, step })
}

#[test]
fn a_run_goes_on_from_the_memory_of_nodes_on_other_ranks_and_nodes() {
    let whole = whole();
    for before in
        [&["a"][..], &["a", "b"], &["a", "b", "a", "b"], &["a", "a", "a", "b"], &["a", "b", "c", "c", "b", "a"]]
    {
        for after in [&["a"][..], &["a", "b", "c"], &["b", "a", "b", "a"], &["a", "b", "c", "d", "a", "b", "c", "d"]] {
            let mut play = Play::new();
            play.steps(before, 5, &[2, 3, 5]);
            // What lies on nodes that are no longer part of it is not seen.
            let lost: BTreeSet<&&str> = before.iter().filter(|node| !after.contains(node)).collect();
            let from = if lost.len() < 2 { at(1, 5) } else { None };
            assert_eq!(play.steps(after, 12, &[7]), (whole.clone(), from), "from {before:?} to {after:?}");
            let again = play.steps(after, 12, &[]);
            assert_eq!(again, (whole.clone(), at(2, 7)), "from {before:?} to {after:?} and on");
        }
    }
}

#[test]
fn one_node_can_be_lost_and_not_two() {
    let whole = whole();
    let nodes = ["a", "b", "c", "a", "b", "c"];
    for lost in ["a", "b", "c"] {
        let mut play = Play::new();
        play.steps(&nodes, 6, &[3, 6]);
        play.lose(lost);
        let left: Vec<&str> = nodes.into_iter().filter(|node| *node != lost).collect();
        assert_eq!(play.steps(&left, 12, &[8]), (whole.clone(), at(1, 6)), "without {lost}");
        // What was lost is there twice again: another node can go.
        play.lose(left[0]);
        assert_eq!(play.steps(&["d", left[1]], 12, &[]), (whole.clone(), at(2, 8)), "and without {}", left[0]);
    }
    let mut play = Play::new();
    play.steps(&nodes, 6, &[3, 6]);
    play.lose("a");
    play.lose("b");
    assert_eq!(play.steps(&["c"], 12, &[]), (whole, None));
}

#[test]
fn an_attempt_that_ended_while_keeping_its_state_leaves_the_one_before() {
    let whole = whole();
    let mut play = Play::new();
    play.steps(&["a", "b"], 6, &[4, 6]);
    // The last piece of rank 1 had not been sealed anywhere.
    let unsealed = ["a", "b"].into_iter().flat_map(|node| play.files(node));
    let unsealed: Vec<_> = unsealed.filter(|path| path.to_str().unwrap().ends_with("-000001-1")).collect();
    assert_eq!(unsealed.len(), 2);
    unsealed.iter().for_each(|path| fs::write(path, b"halocline piece\n").unwrap());
    assert_eq!(play.steps(&["a", "b"], 12, &[]), (whole.clone(), at(1, 4)));
    // That attempt kept nothing, so the state before it is still the newest.
    assert_eq!(play.steps(&["a", "b"], 12, &[9]), (whole.clone(), at(1, 4)));
    assert_eq!(play.steps(&["b"], 12, &[]), (whole, at(3, 9)));
}

#[test]
fn an_attempt_that_was_taken_for_dead_is_ignored() {
    let mut play = Play::new();
    play.steps(&["a", "b"], 3, &[2, 3]);
    let first = play.last.clone();
    assert_eq!(play.steps(&["a", "b"], 4, &[]).1, at(1, 3));
    let second = play.last.take();
    // The first goes on, unseen, and so do its files.
    play.steps(&["a", "b"], 9, &[8, 9]);
    assert_eq!(first, play.last);
    play.last = second;
    assert_eq!(play.steps(&["a", "b"], 12, &[]), (whole(), None));
}

#[test]
fn damage_is_detected_and_another_copy_taken() {
    let whole = whole();
    let mut random = fastrand::Rng::with_seed(7);
    let mut from = BTreeMap::new();
    for case in 0..60 {
        let mut play = Play::new();
        play.steps(&["a", "b"], 6, &[3, 6]);
        for node in ["a", "b"].into_iter().take(1 + case % 2) {
            for path in play.files(node) {
                let mut bytes = fs::read(&path).unwrap();
                if case % 3 == 0 {
                    bytes.truncate(random.usize(..bytes.len()));
                } else {
                    let at = random.usize(..bytes.len());
                    bytes[at] ^= 1 << random.u8(..8);
                }
                fs::write(&path, bytes).unwrap();
            }
        }
        let end = play.steps(&["a", "b", "a"], 12, &[]);
        assert_eq!(end.0, whole, "case {case}");
        *from.entry(end.1.map(|time_level| time_level.step)).or_insert(0) += 1;
        assert!(case % 2 == 1 || end.1 == at(1, 6), "one good copy is enough");
    }
    // Bits between the boxes do not matter; where both copies are damaged, an older state or none is left.
    assert!(from.len() > 1, "{from:?}");
}

#[test]
fn memory_is_used_again_and_freed() {
    let mut play = Play::new();
    play.steps(&["a", "b"], 9, &[1, 2]);
    let sizes = |play: &Play| -> Vec<u64> { play.files("a").iter().map(|p| fs::metadata(p).unwrap().len()).collect() };
    let before = sizes(&play);
    assert_eq!(before.len(), 4, "two of its own, two of rank 1");
    let mut play = Play::new();
    play.steps(&["a", "b"], 9, &[1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let most = |sizes: &[u64]| *sizes.iter().max().unwrap();
    assert!(most(&sizes(&play)) <= 2 * most(&before), "{:?} {before:?}", sizes(&play));
    play.steps(&["a", "b"], 12, &[10]);
    let left: Vec<String> = play.files("a").iter().map(|p| p.file_name().unwrap().to_string_lossy().into()).collect();
    assert_eq!(left, ["000002-000000-0", "000002-000001-0"]);
}

#[test]
fn segments_of_other_runs_are_removed() {
    let memory = tempfile::tempdir().unwrap();
    let [here, gone] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let segment = |run: &str, output: &Path| MemorySegment::in_memory(&Comm::alone(), run, output, memory.path(), "a");
    fs::write(here.path().join(".life"), r#"{"run":"new","number":1,"process":1,"from":null}"#).unwrap();
    for (run, output) in [("old", here.path()), ("new", here.path()), ("lost", gone.path())] {
        segment(run, output).create().unwrap();
    }
    let runs = || {
        let all = fs::read_dir(memory.path()).unwrap().next().unwrap().unwrap().path();
        let mut runs: Vec<String> =
            fs::read_dir(all).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        runs.sort();
        runs
    };
    assert_eq!(runs(), ["lost", "new", "old"], "they may be of runs that see other file systems");
    let age = |run: &str| {
        let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(4000);
        for file in fs::read_dir(segment(run, here.path()).folder()).unwrap() {
            fs::File::open(file.unwrap().path()).unwrap().set_modified(long_ago).unwrap();
        }
    };
    ["lost", "new", "old"].into_iter().for_each(age);
    segment("new", here.path()).create().unwrap();
    assert_eq!(runs(), ["lost", "new"], "another run has taken over the folder of the old one");
    drop(gone);
    segment("new", here.path()).create().unwrap();
    assert_eq!(runs(), ["new"]);
    segment("new", here.path()).remove();
    assert_eq!(runs(), [""; 0]);
    let file = memory.path().join("file");
    fs::write(&file, "").unwrap();
    let refused =
        MemorySegment::in_memory(&Comm::alone(), "r", here.path(), &file, "a").create().unwrap_err().to_string();
    assert!(refused.contains("HALOCLINE_MEMORY"), "{refused}");
}
