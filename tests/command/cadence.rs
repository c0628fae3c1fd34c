//! When a run writes and saves: cadences in steps and in seconds, the end of a run, intervals of statistics.
mod attempts;
mod support;

use attempts::{noted, same_output};
use std::fs;
use std::path::Path;
use std::process::Command;
use support::Ranks::Threads;
use support::{Ended, at_most, instants, resume, run, smoke, verified};

/// A small diffusion with steps of 0.01 s, until 1 s.
const SMALL: [&str; 6] = [
    "grid={cells=[6, 8], length=[6, 8]}",
    "parameters={dt=0.01, order=2, width=2.0}",
    "time.end=1 s",
    "output.fields={every='0.05 s', picture=false}",
    "output.mean={every='0.07 s', reduce='mean'}",
    "checkpoint={every='0.05 s', keep=99}",
];

fn small(ranks: usize, output: &Path) -> support::Run {
    run(Threads(ranks), &smoke("diffusion"), output).with_all(SMALL)
}

fn steps(output: &Path, stream: &str) -> Vec<u64> {
    instants(output, stream, "step").into_iter().map(|(step, _)| step).collect()
}

fn summary(output: &Path) -> serde_json::Value {
    serde_json::from_str(&fs::read_to_string(output.join("summary.json")).unwrap()).unwrap()
}

/// Every fifth step until step 100.
fn fifths() -> Vec<u64> {
    (1..=20).map(|k| 5 * k).collect()
}

#[test]
fn cadences_in_seconds_have_one_rule() {
    let top = tempfile::tempdir().unwrap();
    let output = top.path().join("run");
    small(2, &output).with("replica.every=0.05 s").ends().state();
    assert_eq!(noted(&output, "checkpoint"), fifths());
    assert_eq!(steps(&output, "fields"), [vec![0], fifths()].concat());
    // One more before the first step.
    assert_eq!(summary(&output)["replicas"], 21);
    assert_eq!(steps(&output, "mean"), [7, 14, 21, 28, 35, 42, 49, 56, 63, 70, 77, 84, 91, 98, 100]);
}

#[test]
fn a_resumed_run_meets_the_instants_of_an_uninterrupted_one() {
    let top = tempfile::tempdir().unwrap();
    let (whole, parts) = (top.path().join("whole"), top.path().join("parts"));
    let expected = small(1, &whole).ends().state().to_owned();
    small(2, &parts).with("time.end=0.33 s").ends().state();
    assert_eq!(steps(&parts, "mean").last(), Some(&33), "the end is written, though an interval is cut short");
    for (ranks, end) in [(3, "0.5 s"), (1, "66 step"), (2, "1 s")] {
        resume(Threads(ranks), &parts).with(format!("time.end={end}")).ends().state();
    }
    assert_eq!(resume(Threads(1), &parts).ends().out, "the run is already complete: nothing to do\n");
    assert_eq!(summary(&parts)["state"], expected.as_str());
    same_output(&whole, &parts);
    let saved: Vec<u64> = noted(&parts, "checkpoint").into_iter().filter(|step| ![33, 66].contains(step)).collect();
    assert_eq!(saved, fifths());
    let (is_whole, said) = verified(&parts);
    assert!(is_whole, "{said}");
}

#[test]
fn a_job_without_time_has_no_seconds() {
    let top = tempfile::tempdir().unwrap();
    let keys = ["time.end", "output.fields.every", "checkpoint.every", "replica.every", "engine.check_every"];
    for key in keys {
        let output = top.path().join(key);
        let set = format!("{key}=1 h 30 min");
        let ended = run(Threads(at_most(2)), &smoke("poisson"), &output).with(&set).ends();
        let what = format!("`{key}` = \"90 min\": the job `poisson` has steps, but no time in seconds");
        ended.fails(2, &[&what, "give it in steps, such as"]);
        assert!(!output.exists(), "{key}: nothing was started");
        let program = env!("CARGO_BIN_EXE_halocline");
        let said = Command::new(program).arg("check").arg(smoke("poisson")).arg(&set).output().unwrap();
        assert_eq!(said.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&said.stderr).contains(&what), "{key}");
    }
}

#[test]
fn a_converged_run_has_its_end_in_the_output() {
    let top = tempfile::tempdir().unwrap();
    let output = top.path().join("run");
    let more = ["output.fields.every=5 step", "output.mean={every='5 step', reduce='mean', fields=['phi']}"];
    let ended = run(Threads(2), &smoke("poisson"), &output).with_all(more).ends();
    ended.state();
    assert_eq!(summary(&output)["outcome"], "converged");
    assert_eq!(summary(&output)["time_s"], serde_json::Value::Null);
    assert_eq!(steps(&output, "fields"), [0, 5, 7]);
    assert_eq!(instants(&output, "mean", "step_bnds"), [(5, vec![0.0, 5.0]), (7, vec![5.0, 7.0])]);
    let note = "the last interval of output.mean covers 2 step of 5 step";
    assert!(ended.out.contains(&format!("note: {note}\n")), "{}", ended.out);
    assert_eq!(summary(&output)["notes"], serde_json::json!([note]));
    // The record axis is the step, in each file.
    let document = fs::read_to_string(output.join("fields.xdmf")).unwrap();
    let times: Vec<&str> = document.lines().filter_map(|line| line.strip_prefix("<Time Value=")).collect();
    assert_eq!(times, ["\"0\"/>", "\"5\"/>", "\"7\"/>"]);
}

#[test]
fn an_extended_run_continues_the_interval_that_its_end_cut_short() {
    let top = tempfile::tempdir().unwrap();
    let (whole, parts) = (top.path().join("whole"), top.path().join("parts"));
    let more = [
        "output.fields.every=8 step",
        "output.mean={every='7 step', reduce='mean'}",
        "output.highest={every='6 step', reduce='max', element='f32'}",
        "checkpoint.every=1000 step",
    ];
    let expected = run(Threads(1), &smoke("diffusion"), &whole).with_all(more).ends().state().to_owned();
    run(Threads(2), &smoke("diffusion"), &parts).with_all(more).with("time.end=20 step").ends().state();
    assert_eq!(steps(&parts, "fields"), [0, 8, 16, 20]);
    assert_eq!(steps(&parts, "mean"), [7, 14, 20]);
    assert_eq!(resume(Threads(3), &parts).with("time.end=40 step").ends().state(), expected);
    assert_eq!(steps(&parts, "fields"), [0, 8, 16, 24, 32, 40], "20 was no instant of the cadence");
    assert_eq!(steps(&parts, "mean"), [7, 14, 21, 28, 35, 40]);
    same_output(&whole, &parts);
    assert!(verified(&parts).0);
}

#[test]
fn values_beyond_single_precision_are_counted() {
    let top = tempfile::tempdir().unwrap();
    let output = top.path().join("run");
    let more = ["parameters.wall_value=1e300", "output.fields.element=f32", "checkpoint.every=1000 step"];
    let ended = run(Threads(3), &smoke("diffusion"), &output).with_all(more).with("time.end=20 step").ends();
    ended.state();
    let count = |output: &Path| -> u64 {
        let all = instants(output, "fields", "temperature");
        all.iter().flat_map(|(_, values)| values).filter(|value| value.is_infinite()).count() as u64
    };
    let said = |count: u64| {
        format!(
            "output.fields: values beyond the largest f32 are infinity in the file: {count}, the first in `temperature` after \
             step 10 at cell [0, 0, 0]"
        )
    };
    assert!(count(&output) > 0);
    assert!(ended.err.contains(&format!("warning: {}", said(count(&output)))), "{}", ended.err);
    assert_eq!(summary(&output)["notes"], serde_json::json!([said(count(&output))]));
    // The count is part of the state.
    let ended = resume(Threads(1), &output).with("time.end=40 step").ends();
    assert!(ended.err.contains(&said(count(&output))), "{}: {}", count(&output), ended.err);
    let quiet =
        run(Threads(1), &smoke("diffusion"), &top.path().join("quiet")).with("output.fields.element=f32").ends();
    assert_eq!(
        (summary(&top.path().join("quiet"))["notes"].clone(), quiet.err),
        (serde_json::Value::Null, String::new())
    );
}

#[test]
fn a_stream_has_no_name_of_another_file() {
    let top = tempfile::tempdir().unwrap();
    let output = top.path().join("run");
    let start = |name: &str| -> Ended {
        run(Threads(1), &smoke("diffusion"), &output).with(format!("output={{'{name}'={{every='10 step'}}}}")).ends()
    };
    for name in ["control", "checkpoints", "job", "ledger", "series", "summary", "trace"] {
        start(name).fails(2, &[&format!("`output.{name}` is not a valid stream name"), "use another name"]);
    }
    for name in ["a.b", "a/b", "..", ".hidden", "-x", "", "x y", "é", &"x".repeat(99)] {
        start(name).fails(2, &["is not a valid stream name", "letters, digits"]);
    }
    let taken = run(Threads(1), &smoke("diffusion"), &output).with("parameters.field=time").ends();
    taken.fails(2, &["the name \"time\" is there twice", "time, step"]);
    assert!(!output.exists());
    start("a-b_2").state();
}

#[test]
fn a_cadence_that_cannot_be_met_is_noted() {
    let top = tempfile::tempdir().unwrap();
    let output = top.path().join("run");
    let ended = small(1, &output).with_all(["output.fields.every=2 s", "output.mean.every=1 ms"]).ends();
    ended.state();
    for said in [
        "`output.fields.every` = \"2 s\" is longer than the run, 1 s: only the initial and the final state are written",
        "`output.mean.every` = \"0.001 s\" is shorter than the time step, 0.01 s: every step is written",
    ] {
        assert!(ended.err.contains(&format!("note: {said}")), "{}", ended.err);
    }
    assert_eq!((steps(&output, "fields"), steps(&output, "mean").len()), (vec![0, 100], 100));
    let aligned = small(1, &top.path().join("aligned")).with("output.fields={every='0.025 s', align=true}").ends();
    aligned.fails(2, &["`output.fields.every` = \"0.025 s\"", "no multiple of the fixed time step, 0.01 s"]);
    small(1, &top.path().join("fits")).with("output.fields={every='0.05 s', align=true}").ends().state();
}
