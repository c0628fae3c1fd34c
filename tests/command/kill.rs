//! SIGKILL at random moments, of one rank or of all: what can be opened afterwards holds complete instants only, the same
//! as those of a run that nobody killed. `HALOCLINE_KILLS=100` kills as
//! many on each kind of ranks; it is 5 otherwise. `HALOCLINE_SEED` repeats the random choices of a run of this suite.
mod support;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use support::Ranks::{self, Mpi, Threads};
use support::{
    Run, Running, at_most, half_written, has_mpirun, instants, is_alive, must_hit, nothing_half_written, patient,
    random, run, signal, smoke,
};

/// Streams of the run, and the variable that is looked at.
const STREAMS: [(&str, &str); 2] = [("fields", "temperature"), ("probe", "temperature")];
const INSTANTS: u64 = 40;
/// After this many kills in a row that came too late, the time to write is measured again: the machine is less busy now.
const MISSES: usize = 3;

type Record = BTreeMap<&'static str, Vec<(u64, Vec<f64>)>>;

/// A run that writes two streams at every tenth step, each instant in a segment of its own.
fn writer(ranks: Ranks, output: &Path) -> Run {
    run(ranks, &smoke("diffusion"), output).with_all([
        format!("time.end={} step", 10 * (INSTANTS - 1)),
        "output.fields.every=10 step".into(),
        "output.fields.seal=0 s".into(),
        "output.probe={every='10 step', seal='0 s', points=[[3.0, 4.0, 5.0], [19.0, 20.0, 25.0]]}".into(),
    ])
}

/// One that has just begun to write, in a new folder.
fn begun(ranks: Ranks, output: &Path) -> Running {
    if output.exists() {
        fs::remove_dir_all(output).unwrap();
    }
    let mut running = writer(ranks, output).starts();
    running.until_file(&output.join("job.toml"));
    running
}

/// How long it writes, on a machine that is as busy as now.
fn time_to_write(ranks: Ranks, output: &Path) -> Duration {
    let (running, since) = (begun(ranks, output), Instant::now());
    running.ends().state();
    since.elapsed()
}

/// What the streams hold; nothing for one without a file.
fn record(output: &Path) -> Record {
    let there = |stream: &str| output.join(format!("{stream}.h5")).exists();
    STREAMS.iter().map(|&(s, v)| (s, if there(s) { instants(output, s, v) } else { vec![] })).collect()
}

fn kills(ranks: Ranks) {
    let (tries, mut random, mut missed_at_all) = (support::kills(5), random(&format!("kill on {ranks:?}")), 0);
    let top = tempfile::tempdir().unwrap();
    let output = top.path().join("run");
    let mut writing = time_to_write(ranks, &output);
    let expected = record(&output);
    assert!(expected.values().all(|instants| instants.len() as u64 == INSTANTS));
    let (mut killed, mut missed, mut nothing, mut complete, mut parts, mut stuck) = (0, 0, 0, 0, 0, 0);
    while killed < tries {
        if missed == MISSES {
            (writing, missed) = (time_to_write(ranks, &output), 0);
        }
        let mut running = begun(ranks, &output);
        std::thread::sleep(writing.mul_f64(random.f64()));
        let processes = running.ranks(ranks);
        match processes.get(random.usize(..=processes.len())) {
            Some(&one) => signal("KILL", &[one]),
            None => signal("KILL", &processes),
        }
        wait_for_the_last(&processes);
        // Open MPI's launcher may hang when a rank dies while it connects. All ranks have ended, and that is what counts.
        stuck += usize::from(running.is_stuck(patient(15)));
        let ended = running.ends();
        if ended.status.success() || processes.is_empty() {
            // It was over before.
            (missed, missed_at_all) = (missed + 1, missed_at_all + 1);
            must_hit(killed, missed_at_all);
            continue;
        }
        (killed, missed) = (killed + 1, 0);
        for (stream, found) in record(&output) {
            let expected = &expected[stream];
            let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            for (i, (step, values)) in found.iter().enumerate() {
                assert!(
                    *step == expected[i].0 && bits(values) == bits(&expected[i].1),
                    "{stream}: instant {i} is torn"
                );
            }
            complete += found.len();
            nothing += usize::from(found.is_empty());
        }
        if output.join("summary.json").exists() {
            // The signal came when all was written and the ranks were taking leave.
            assert_eq!(record(&output), expected, "a run that was killed claims to have ended");
        }
        parts += usize::from(!half_written(&output).is_empty());
    }
    // Another run clears what is left, and nothing of it shows.
    writer(ranks, &output).with("--force").ends().state();
    assert_eq!(record(&output), expected);
    nothing_half_written(&output);
    println!(
        "{killed} kills on {ranks:?}: {complete} instants of two streams, all complete; {nothing} streams had none yet; \
         {parts} times an unfinished file lay beside them under its own name; {stuck} times the launcher hung"
    );
}

/// Ranks end a moment after their launcher, and may be writing until then.
fn wait_for_the_last(processes: &[u32]) {
    let since = Instant::now();
    while processes.iter().any(|&process| is_alive(process)) {
        assert!(since.elapsed() < patient(30), "a rank is still alive");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_killed_process_leaves_complete_instants() {
    kills(Threads(3));
}

#[test]
fn killed_mpi_ranks_leave_complete_instants() {
    if has_mpirun() {
        kills(Mpi(at_most(3)));
    }
}
