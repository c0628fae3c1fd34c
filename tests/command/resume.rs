//! Runs that are cut short go on: on other ranks, with the same bits in the state and in all output, whatever ended them.
//! `HALOCLINE_KILLS=100` kills as many attempts of a run; it is 6 otherwise. `HALOCLINE_SEED` repeats the random choices.
mod attempts;
mod support;
use attempts::{long, noted, same_output};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use support::Ranks::{Mpi, Threads};
use support::{
    Disk, at_most, both, half_written, has_mpirun, is_alive, must_hit, nothing_half_written, outcome, patient, random,
    resume, run, signal, smoke, smokes, verified, works,
};

#[test]
fn every_job_goes_on_with_the_same_bits_on_other_ranks() {
    for (job, file) in smokes() {
        let top = tempfile::tempdir().unwrap();
        let (whole, parts) = (top.path().join("whole"), top.path().join("parts"));
        // What gathers over time is cut in between.
        let mean = [
            "output.mean={every='7 step', reduce='mean'}",
            "output.corner={every='3 step', region={x=[0, 2], y=[1, 3]}, reduce='max'}",
            "series.every=3 step",
        ];
        let expected = run(Threads(1), &file, &whole).with_all(mean).ends().state().to_owned();
        let steps =
            serde_json::from_slice::<serde_json::Value>(&fs::read(whole.join("summary.json")).unwrap()).unwrap();
        let steps = steps["steps"].as_u64().unwrap();
        let lives =
            [(Threads(2), steps / 3), (Mpi(at_most(3)), steps / 2), (Threads(4), steps / 2 + 1), (Threads(1), steps)];
        for (life, (ranks, end)) in lives.into_iter().enumerate() {
            let ranks = if has_mpirun() { ranks } else { Threads(ranks.count()) };
            let begun = match life {
                0 => run(ranks, &file, &parts).with_all(mean),
                _ => resume(ranks, &parts),
            };
            let cadence = ["checkpoint.every=5 step".to_owned(), format!("time.end={end} step")];
            let ended = begun.with_all(cadence).ends();
            if end == steps {
                assert_eq!(ended.state(), expected, "{job}");
            }
            ended.state();
        }
        same_output(&whole, &parts);
        let (whole, said) = verified(&parts);
        assert!(whole, "{job}: {said}");
        assert_eq!(noted(&parts, "resume"), [steps / 3, steps / 2, steps / 2 + 1]);
        nothing_half_written(&parts);
    }
}

#[test]
fn a_signal_saves_the_state() {
    let top = tempfile::tempdir().unwrap();
    let whole = top.path().join("whole");
    let expected = long(Threads(1), &whole).ends().state().to_owned();
    for ranks in both(at_most(3)) {
        for name in ["TERM", "USR1"] {
            // Repeated if the run was over before the signal came.
            let stopped = (0..5).find_map(|attempt| {
                let output = top.path().join(format!("{ranks:?}-{name}-{attempt}"));
                let mut running = long(ranks, &output).with("checkpoint.every=never").starts();
                running.until_file(&output.join("job.toml"));
                let all = running.all_ranks(ranks);
                signal(name, &all);
                let ended = running.ends();
                (!ended.status.success()).then_some((output, ended))
            });
            let (output, ended) = stopped.unwrap_or_else(|| panic!("SIG{name} stopped no run on {ranks:?}"));
            if let Threads(_) = ranks {
                ended.stops(&["stopped by SIG", "halocline resume"]);
            }
            assert_eq!(noted(&output, "checkpoint").len(), 1, "{}", ended.err);
            assert!(outcome(&output).unwrap().starts_with("stopped by SIG"));
            assert_eq!(resume(Threads(2), &output).ends().state(), expected);
            same_output(&whole, &output);
        }
    }
}

#[test]
fn a_person_asks_through_the_control_file() {
    let top = tempfile::tempdir().unwrap();
    let output = top.path().join("run");
    let mut running = long(Threads(2), &output)
        .with_all(["time.end=1000000 step", "checkpoint.every=never", "output.mean.every=never"])
        .starts();
    running.until_file(&output.join("job.toml"));
    fs::write(output.join("control"), "checkpoint_now\noutput_now\n").unwrap();
    running.until("checkpoint", |_| noted(&output, "checkpoint").len() == 1);
    assert!(!output.join("control").exists());
    signal("USR2", &[running.process()]);
    running.until("checkpoint", |_| noted(&output, "checkpoint").len() == 2);
    fs::write(output.join("control"), "stop").unwrap();
    let ended = running.ends();
    ended.stops(&["stopped by the control file"]);
    assert_eq!(noted(&output, "checkpoint").len(), 3);
    assert!(verified(&output).0);
}

/// Kills attempts of a run at random moments, each on a random number of ranks: one process, or all.
#[test]
fn a_run_that_is_killed_again_and_again_ends_with_the_same_bits() {
    let top = tempfile::tempdir().unwrap();
    let (whole, output) = (top.path().join("whole"), top.path().join("run"));
    let since = Instant::now();
    let expected = long(Threads(1), &whole).ends().state().to_owned();
    let takes = since.elapsed();
    let (kills, mut random) = (support::kills(6), random("resume"));
    let (mut killed, mut lost, mut cut, mut missed, mut last) = (0, 0, 0, 0, 0);
    while killed < kills {
        let n = random.usize(1..=at_most(4));
        let ranks = if has_mpirun() && random.bool() { Mpi(n) } else { Threads(n) };
        let begun = long(ranks, &output).with("--resume");
        let mut running = begun.starts();
        std::thread::sleep(takes.mul_f64(0.6 * random.f64()) + Duration::from_millis(50));
        if random.bool() {
            // Aimed at a checkpoint: while it is written, read back, or given its name.
            let since = Instant::now();
            while half_written(&output.join("checkpoints")).is_empty() && since.elapsed() < takes {
                std::thread::sleep(Duration::from_micros(200));
            }
            std::thread::sleep(Duration::from_millis(30).mul_f64(random.f64()));
        }
        let all = running.ranks(ranks);
        match all.get(random.usize(..=all.len())) {
            Some(&one) => signal("KILL", &[one]),
            None => signal("KILL", &all),
        }
        let waiting = Instant::now();
        while all.iter().any(|&process| is_alive(process)) {
            assert!(waiting.elapsed() < patient(30), "a rank is still alive");
            std::thread::sleep(Duration::from_millis(20));
        }
        running.is_stuck(patient(15));
        let ended = running.ends();
        if ended.status.success() {
            // It came to its end, or the attempt before did and was killed then: once more from the beginning.
            assert!(ended.out.starts_with("the run is already complete") || ended.state() == expected);
            missed += 1;
            must_hit(killed, missed);
            fs::remove_dir_all(&output).unwrap();
            last = 0;
            continue;
        }
        if output.join("ledger.jsonl").exists() {
            // Nothing that was saved is lost, and all of it is whole.
            let saved = noted(&output, "checkpoint").last().copied().unwrap_or(0);
            assert!(saved >= last, "{saved} after {last}");
            last = saved;
            let (good, said) = verified(&output);
            assert!(good, "{said}");
        }
        killed += 1;
        cut += usize::from(!half_written(&output.join("checkpoints")).is_empty());
        lost += usize::from(last == 0);
    }
    assert_eq!(resume_or_begin(&output).state(), expected);
    same_output(&whole, &output);
    println!(
        "{killed} attempts were killed, {cut} of them during a checkpoint, {lost} before the first: the same state and output"
    );
}

fn resume_or_begin(output: &Path) -> support::Ended {
    long(Threads(2), output).with("--resume").ends()
}

#[test]
fn damage_is_named_and_the_checkpoint_before_is_taken() {
    let top = tempfile::tempdir().unwrap();
    let (whole, output) = (top.path().join("whole"), top.path().join("run"));
    let expected = long(Threads(1), &whole).ends().state().to_owned();
    long(Threads(2), &output).with("time.end=420 step").ends().state();
    assert_eq!(noted(&output, "checkpoint"), [100, 200, 300, 400, 420]);
    let newest = output.join("checkpoints/000000000420.h5");
    let mut bytes = fs::read(&newest).unwrap();
    // In the field, which lies first.
    bytes[200_000] ^= 4;
    fs::write(&newest, &bytes).unwrap();
    let (good, said) = verified(&output);
    assert!(!good && said.contains("000000000420.h5: block 0 of `temperature`"), "{said}");
    let ended = resume(Threads(3), &output).with("time.end=1500 step").ends();
    assert!(
        ended.err.contains("000000000420.h5: block 0 of `temperature`, from [0, 0, 0] on, is not what"),
        "{}",
        ended.err
    );
    assert!(ended.err.contains("resuming from the checkpoint after step 400"), "{}", ended.err);
    assert_eq!(ended.state(), expected);
    same_output(&whole, &output);

    let segment = output.join("fields/000000.h5");
    let mut bytes = fs::read(&segment).unwrap();
    let last = bytes.len() - 9;
    bytes[last] ^= 1;
    fs::write(&segment, &bytes).unwrap();
    let (good, said) = verified(&output);
    assert!(!good && said.contains("fields/000000.h5: its contents are not what was written"), "{said}");
}

#[test]
fn output_that_is_damaged_does_not_keep_a_run_from_going_on() {
    let top = tempfile::tempdir().unwrap();
    let output = top.path().join("run");
    let often = ["output.fields.every=100 step", "output.fields.seal=0 s"];
    long(Threads(2), &output).with_all(often).with("time.end=420 step").ends().state();
    let segment = output.join("fields/000002.h5");
    fs::write(&segment, b"no HDF5").unwrap();
    let ended = resume(Threads(3), &output).with("time.end=700 step").ends();
    assert!(ended.err.contains("fields/000002.h5") && ended.err.contains("its instants are lost"), "{}", ended.err);
    ended.state();
    assert_eq!(fs::read(output.join("fields/000002.h5.damaged")).unwrap(), b"no HDF5");
    let steps = Command::new("h5dump").args(["-d", "/step", "-y"]).arg(output.join("fields.h5")).output().unwrap();
    let steps = String::from_utf8_lossy(&steps.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(steps.contains("DATA { 0, 100, 300, 400, 500, 600, 700 }"), "{steps}");
    let (good, said) = verified(&output);
    assert!(!good && said.contains("fields/000002.h5"), "{said}");
    // What cannot be read is not taken for damaged.
    let newest = output.join("checkpoints/000000000700.h5");
    fs::rename(&newest, output.join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(output.join("nowhere"), &newest).unwrap();
    resume(Threads(2), &output).with("time.end=800 step").ends().fails(2, &["cannot read", "No such file"]);
    assert!(newest.is_symlink());
}

#[test]
fn a_full_disk_costs_what_came_after_the_last_checkpoint() {
    let top = tempfile::tempdir().unwrap();
    let whole = top.path().join("whole");
    let expected = long(Threads(1), &whole).ends().state().to_owned();
    for ranks in both(at_most(3)) {
        // Two checkpoints of 0.9 MB are kept while a third is written.
        let Some(disk) = Disk::of("2300k") else { return };
        let output = disk.path().join("run");
        let ended = long(ranks, &output).with("output.fields.every=never").with("output.mean.every=never").ends();
        ended.fails(1, &["No space left", "free space"]);
        assert_eq!(noted(&output, "checkpoint"), [100, 200]);
        disk.remount("ro");
        let ended = resume(ranks, &output).ends();
        assert!(!ended.status.success() && ended.err.contains("Read-only file system"), "{}", ended.err);
        disk.remount("rw,size=20m");
        assert_eq!(resume(ranks, &output).ends().state(), expected);
        assert!(verified(&output).0);
        nothing_half_written(&output);
    }
}

#[test]
fn a_run_that_has_a_successor_leaves_the_folder_alone() {
    let top = tempfile::tempdir().unwrap();
    let output = top.path().join("run");
    let endless = ["time.end=10000000 step", "output.mean.every=never"];
    let mut first = long(Threads(2), &output).with_all(endless).starts();
    first.until("checkpoints", |_| noted(&output, "checkpoint").len() > 1);
    signal("STOP", &[first.process()]);
    let from = noted(&output, "checkpoint");
    let mut second = resume(Threads(2), &output).starts();
    second.until("checkpoint", |_| noted(&output, "checkpoint").last() > from.last());
    signal("CONT", &[first.process()]);
    let ended = first.ends();
    ended.fails(1, &["another run has taken over the folder"]);
    let now = noted(&output, "checkpoint").len();
    second.until("checkpoint", |_| noted(&output, "checkpoint").len() > now);
    signal("TERM", &[second.process()]);
    second.ends().stops(&["the state is saved"]);
    assert_eq!(noted(&output, "resume").len(), 1);
    let (good, said) = verified(&output);
    assert!(good, "{said}");
    // One that was longer than its first end is not done because it once was.
    let longer = top.path().join("longer");
    long(Threads(1), &longer).with("time.end=200 step").ends().state();
    let mut killed = resume(Threads(1), &longer).with("time.end=10000000 step").starts();
    killed.until("checkpoint", |_| noted(&longer, "checkpoint").len() > 3);
    signal("KILL", &[killed.process()]);
    killed.ends();
    let again = resume(Threads(1), &longer).with("time.end=10000000 step").starts();
    std::thread::sleep(Duration::from_millis(500));
    signal("TERM", &[again.process()]);
    again.ends().stops(&["stopped by SIGTERM"]);
}

#[test]
fn without_a_checkpoint_a_run_begins_anew() {
    let top = tempfile::tempdir().unwrap();
    let (whole, output) = (top.path().join("whole"), top.path().join("run"));
    let often = ["output.fields.every=100 step", "output.fields.seal=0 s", "checkpoint.every=never"];
    let expected = long(Threads(1), &whole).with_all(often).ends().state().to_owned();
    let mut running = long(Threads(2), &output).with_all(often).starts();
    running.until_file(&output.join("fields/000002.h5"));
    signal("KILL", &[running.process()]);
    running.ends();
    fs::write(output.join("ledger.jsonl"), "{}").unwrap();
    let before = fs::read(output.join("fields.h5")).unwrap();
    resume(Threads(3), &output).ends().fails(2, &["there is nothing to continue from", "nothing was changed"]);
    assert_eq!(fs::read(output.join("fields.h5")).unwrap(), before);
    let ended = long(Threads(3), &output).with_all(often).with("--resume").ends();
    assert!(ended.err.contains("ledger.jsonl: line 1 is not a line of a ledger; a new one"), "{}", ended.err);
    assert!(ended.err.contains("has no checkpoint: the run starts from the beginning"), "{}", ended.err);
    assert_eq!(ended.state(), expected);
    same_output(&whole, &output);
    assert!(verified(&output).0);
}

#[test]
fn what_would_change_results_is_refused_and_noted_if_forced() {
    let top = tempfile::tempdir().unwrap();
    let output = top.path().join("run");
    run(Threads(1), &smoke("diffusion"), &output).with("checkpoint.every=10 step").ends().state();
    let done = resume(Threads(1), &output).ends();
    assert!(done.status.success() && done.out.starts_with("the run is already complete"), "{}{}", done.out, done.err);
    let other = "parameters.kappa=0.02";
    resume(Threads(1), &output).with(other).ends().fails(2, &["`parameters.kappa` was", "--force"]);
    let longer = "time.end=60 step";
    resume(Threads(1), &output).with_all([other, longer, "--force"]).ends().state();
    let text = fs::read_to_string(output.join("ledger.jsonl")).unwrap();
    assert!(text.contains(r#""parameters.kappa":["#), "{text}");
    let nothing = top.path().join("none");
    resume(Threads(1), &nothing).ends().fails(2, &["is not the folder of a run"]);
    run(Threads(1), &smoke("diffusion"), &output).ends().fails(2, &["holds an earlier run", "halocline resume"]);
    // In a batch script the same line begins and goes on.
    run(Threads(1), &smoke("diffusion"), &nothing).with("--resume").ends().state();
}

#[test]
fn a_signed_ledger_tells_who_has_written_it() {
    if !works("openssl", "version") {
        return support::skipped("signatures", "there is no openssl");
    }
    let top = tempfile::tempdir().unwrap();
    let output = top.path().join("run");
    let path = |name: &str| top.path().join(name).display().to_string();
    let openssl = |arguments: &[&str]| {
        let done = Command::new("openssl").args(arguments).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    for key in ["key", "other"] {
        openssl(&["genpkey", "-algorithm", "ed25519", "-out", &path(key)]);
        openssl(&["pkey", "-in", &path(key), "-pubout", "-out", &path(&format!("{key}.pub"))]);
    }
    let often = "checkpoint.every=10 step";
    let signed =
        |key: &str| run(Threads(1), &smoke("diffusion"), &output).with(often).env("HALOCLINE_SIGNING_KEY", key);
    signed(&path("key.pub")).ends().fails(2, &["is not a secret Ed25519 key", "openssl genpkey"]);
    signed(&path("key")).ends().state();
    let verify = |key: &str| {
        let said =
            Command::new(env!("CARGO_BIN_EXE_halocline")).arg("verify").arg(&output).args(["--key", key]).output();
        let said = said.unwrap();
        (said.status.success(), String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned())
    };
    let (good, said) = verify(&path("key.pub"));
    assert!(good && said.contains("all lines signed by this key"), "{said}");
    let (good, said) = verify(&path("other.pub"));
    assert!(!good && said.contains("not signed by this key: line 1, 2"), "{said}");
    // An attempt without the key.
    resume(Threads(1), &output).with("time.end=60 step").ends().state();
    let (good, said) = verify(&path("key.pub"));
    assert!(!good && said.contains("not signed by this key: line 6, "), "{said}");
}
