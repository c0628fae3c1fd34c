//! `--trace`: every call of every stage is there, on every rank, with its phases inside; sums of durations are the seconds
//! of the summary; and results are the same bits as without.
mod support;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use support::Ranks::{self, Threads};
use support::{both, nothing_half_written, run, signal, smoke};

/// A span of a rank, in nanoseconds.
struct Span {
    name: String,
    category: String,
    start: u64,
    end: u64,
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("a file")).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// The spans of each rank, those that begin first, and last longest, first. Every rank has told its name.
fn spans(output: &Path, ranks: Ranks) -> Vec<Vec<Span>> {
    let trace = json(&output.join("trace.json"));
    let mut all: Vec<Vec<Span>> = (0..ranks.count()).map(|_| vec![]).collect();
    let mut names = vec![];
    for event in trace["traceEvents"].as_array().expect("events") {
        let rank = event["pid"].as_u64().expect("a rank") as usize;
        match (event["ph"].as_str().expect("a kind"), event["name"].as_str().expect("a name")) {
            ("M", "process_name") => names.push(text(&event["args"]["name"])),
            ("M", _) => {}
            ("X", name) => {
                let nanoseconds = |key: &str| (event[key].as_f64().expect(key) * 1e3).round() as u64;
                let (name, category, start) = (name.to_owned(), text(&event["cat"]), nanoseconds("ts"));
                all[rank].push(Span { name, category, start, end: start + nanoseconds("dur") });
            }
            other => panic!("{other:?}"),
        }
    }
    for (rank, name) in names.iter().enumerate() {
        assert!(name.starts_with(&format!("rank {rank} on ")), "{names:?}");
    }
    assert_eq!(names.len(), ranks.count());
    all.iter_mut().for_each(|spans| spans.sort_by_key(|s| (s.start, std::cmp::Reverse(s.end))));
    all
}

/// Asserts that spans lie one inside the other or beside it, and phases of stages inside stages or the driver's own work.
fn nest(spans: &[Span]) {
    let mut around: Vec<&Span> = vec![];
    for span in spans {
        while around.last().is_some_and(|outer| outer.end <= span.start) {
            around.pop();
        }
        if let Some(outer) = around.last() {
            assert!(span.end <= outer.end, "{} is cut by the end of {}", span.name, outer.name);
        }
        let inside = ["compute", "edges", "halos", "wait", "reduce"].contains(&&*span.category);
        assert_eq!(inside, !around.is_empty(), "{} at {} ns", span.name, span.start);
        around.push(span);
    }
}

fn seconds(spans: &[Span], category: &str) -> f64 {
    spans.iter().filter(|s| s.category == category).map(|s| (s.end - s.start) as f64 / 1e9).sum()
}

#[test]
fn all_that_was_done_is_there_and_results_are_the_same() {
    // Fused steps, and stages with reductions in loops.
    for job in ["diffusion", "poisson"] {
        let top = tempfile::tempdir().unwrap();
        let (plain, output) = (top.path().join("plain"), top.path().join("traced"));
        let expected = run(Threads(3), &smoke(job), &plain).ends();
        assert!(!plain.join("trace.json").exists());
        for ranks in both(3) {
            let ended = run(ranks, &smoke(job), &output).with_all(["--trace", "--force"]).ends();
            assert_eq!(ended.state(), expected.state(), "{}", ended.what);
            assert!(ended.out.contains("trace.json\n"), "{}", ended.out);
            let job_file = |folder: &Path| fs::read(folder.join("job.toml")).unwrap();
            assert_eq!(job_file(&plain), job_file(&output), "{}", ended.what);
            let (spans, summary) = (spans(&output, ranks), json(&output.join("summary.json")));
            let stages = summary["time"]["stages"].as_array().expect("stages");
            let calls = stages.iter().map(|s| (text(&s["name"]), s["calls"].as_u64().expect("a number")));
            let calls: BTreeMap<String, u64> = calls.collect();
            for spans in &spans {
                nest(spans);
                let mut found = BTreeMap::new();
                for stage in spans.iter().filter(|s| s.category == "stage") {
                    *found.entry(stage.name.clone()).or_insert(0) += 1;
                }
                assert_eq!(found, calls, "{}", ended.what);
                assert!(["diagnostics", "state", "pictures"].iter().all(|n| spans.iter().any(|s| s.name == *n)));
            }
            // Phases of less than a microsecond are left out: one of a kind in each call and each step, say.
            let short = 1e-6 * (calls.values().sum::<u64>() + summary["steps"].as_u64().expect("steps")) as f64;
            for (phase, expected) in summary["seconds"].as_object().expect("seconds") {
                let (found, expected) = (seconds(&spans[0], phase), expected.as_f64().expect("a number"));
                let less = expected - found;
                assert!(less.abs() <= 0.03 * expected + short, "{}: {phase} {found} of {expected} s", ended.what);
            }
            nothing_half_written(&output);
        }
    }
}

#[test]
fn a_run_that_is_stopped_leaves_its_trace() {
    for ranks in both(3) {
        let top = tempfile::tempdir().unwrap();
        let output = top.path().join("run");
        let keys = ["--trace", "time.end=1000000000 step", "output.fields.every=100 step", "output.fields.seal=0 s"];
        let mut running = run(ranks, &smoke("diffusion"), &output).with_all(keys).starts();
        running.until_file(&output.join("fields.h5"));
        signal("TERM", &[*running.ranks(ranks).last().expect("ranks")]);
        let ended = running.ends();
        assert_eq!(ended.status.code(), Some(75), "{}{}", ended.out, ended.err);
        assert!(ended.out.contains("trace.json"), "{}", ended.out);
        spans(&output, ranks).iter().for_each(|spans| nest(spans));
        nothing_half_written(&output);
    }
}
