//! What the system does to a run: signals, limits, closed outputs, wrong clocks, disks that are full or hang, and launchers that
//! start ranks with different inputs.
mod support;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;
use support::Ranks::Threads;
use support::preload::{CLOCK, DISK_THAT_HANGS, INTERRUPTIONS, Preload};
use support::{Disk, Run, Running, has_mpirun, mpirun, run, signal, skipped, smoke, soon, verified};

const PROGRAM: &str = env!("CARGO_BIN_EXE_halocline");

/// The state of the smoke job.
fn expected() -> String {
    let top = tempfile::tempdir().unwrap();
    run(Threads(1), &smoke("diffusion"), &top.path().join("run")).ends().state().to_owned()
}

fn state_of(output: &Path) -> String {
    let text = fs::read_to_string(output.join("summary.json")).unwrap_or_default();
    let summary: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    summary["state"].as_str().unwrap_or_default().to_owned()
}

/// A run that goes on until it is stopped.
fn endless(output: &Path) -> Run {
    run(Threads(1), &smoke("diffusion"), output).with_all(["time.end=100000000 step", "output.fields.every=never"])
}

/// A shell command, in which `$0` is the program, `$1` the job file and `$2` the run directory.
fn shell(script: &str, output: &Path) -> Run {
    Run::of(Threads(1), Path::new("sh"), script)
        .with_all(["-c", script, PROGRAM])
        .with(smoke("diffusion").display().to_string())
        .with(output.display().to_string())
}

fn checkpoints(output: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(output.join("checkpoints")).into_iter().flatten().flatten().map(|entry| entry.path());
    files.filter(|path| path.extension().is_some_and(|e| e == "h5")).collect()
}

fn until_it_steps(running: &mut Running, output: &Path) {
    // A heartbeat follows half a second after the first step.
    let beat = || fs::metadata(output.join(".life")).and_then(|file| file.modified()).ok();
    running.until("attempt", |_| beat().is_some());
    let first = beat();
    running.until("heartbeat", |_| beat() != first);
}

/// True if this process ignores a signal: the processes that it starts then ignore it, too.
fn is_ignored(signal: u32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[test]
fn signals_that_stop_a_run_save_its_state() {
    let top = tempfile::tempdir().unwrap();
    for name in ["TERM", "INT", "QUIT", "HUP", "XCPU", "ALRM", "USR1"] {
        if name == "HUP" && is_ignored(1) {
            support::skipped("SIGHUP", "it is ignored here, as under nohup");
            continue;
        }
        let output = top.path().join(name);
        let mut running = endless(&output).starts();
        until_it_steps(&mut running, &output);
        signal(name, &[running.process()]);
        running.ends().stops(&[&format!("stopped by SIG{name} after step"), "halocline resume"]);
        assert_eq!(checkpoints(&output).len(), 1, "{name}");
        assert!(verified(&output).0);
    }
}

#[test]
fn nohup_keeps_a_run_from_the_end_of_its_terminal() {
    let top = tempfile::tempdir().unwrap();
    let output = top.path().join("run");
    let script = "trap '' HUP; exec \"$0\" run \"$1\" --threads 1 --output \"$2\" 'time.end=100000000 step' output.fields.every=never";
    let mut running = shell(script, &output).starts();
    until_it_steps(&mut running, &output);
    signal("HUP", &[running.process()]);
    std::thread::sleep(Duration::from_millis(300));
    signal("TERM", &[running.process()]);
    running.ends().stops(&["stopped by SIGTERM"]);
}

#[test]
fn a_limit_of_the_file_size_is_an_error_with_a_remedy() {
    let top = tempfile::tempdir().unwrap();
    let output = top.path().join("run");
    // In blocks of 512 or 1024 bytes; an instant has 91,520 bytes.
    let script = "ulimit -f 64; exec \"$0\" run \"$1\" --threads 1 --output \"$2\"";
    shell(script, &output).ends().fails(1, &["File too large", "`ulimit -f`"]);
    support::nothing_half_written(&output);
}

#[test]
fn closed_and_full_outputs_end_no_run() {
    let expected = expected();
    let top = tempfile::tempdir().unwrap();
    for (i, streams) in
        [">/dev/full", "2>/dev/full", ">/dev/full 2>&1", ">&-", "2>&-", ">&- 2>&- <&-", "| head -n 1", "2>&1 | true"]
            .into_iter()
            .enumerate()
    {
        let output = top.path().join(format!("run{i}"));
        let script = format!("{{ \"$0\" run \"$1\" --threads 1 --output \"$2\"; echo $? >\"$2.code\"; }} {streams}");
        shell(&script, &output).ends();
        let code = fs::read_to_string(output.with_extension("code")).unwrap();
        assert_eq!((code.trim(), state_of(&output)), ("0", expected.clone()), "{streams}");
    }
}

#[test]
fn errors_keep_their_exit_code_where_nobody_reads_them() {
    let top = tempfile::tempdir().unwrap();
    let output = top.path().join("run");
    for streams in ["2>/dev/full", "2>&-"] {
        let script = format!("\"$0\" run \"$1\" --output \"$2\" parameters.order=3 {streams}");
        assert_eq!(shell(&script, &output).ends().status.code(), Some(2), "{streams}");
    }
    let listed = shell("\"$0\" list >/dev/full", &output).ends();
    assert_eq!(listed.status.code(), Some(1), "here the output is the result");
}

#[test]
fn any_clock_will_do() {
    let Some(library) = Preload::of(CLOCK) else { return };
    let expected = expected();
    let top = tempfile::tempdir().unwrap();
    for seconds in ["-100000", "0", "253402300800", "9000000000000000000"] {
        let output = top.path().join(seconds);
        let run = run(Threads(1), &smoke("diffusion"), &output).with("checkpoint.every=20 step");
        let run = run.env("LD_PRELOAD", library.path().to_str().unwrap()).env("TEST_CLOCK", seconds);
        assert_eq!(run.ends().state(), expected, "{seconds}");
    }
}

#[test]
fn interrupted_calls_are_repeated() {
    let Some(library) = Preload::of(INTERRUPTIONS) else { return };
    let expected = expected();
    let top = tempfile::tempdir().unwrap();
    let output = top.path().join("run");
    let preload = library.path();
    let preload = preload.to_str().unwrap();
    let begun = run(Threads(2), &smoke("diffusion"), &output).with_all(["checkpoint.every=5 step", "time.end=20 step"]);
    begun.env("LD_PRELOAD", preload).ends().state();
    let resumed = support::resume(Threads(1), &output).with("time.end=40 step").env("LD_PRELOAD", preload);
    assert_eq!(resumed.ends().state(), expected);
    assert!(verified(&output).0);
}

#[test]
fn requests_come_from_a_regular_file_only() {
    let top = tempfile::tempdir().unwrap();
    let output = top.path().join("run");
    let mut running = endless(&output).starts();
    until_it_steps(&mut running, &output);
    let control = output.join("control");
    assert!(Command::new("mkfifo").arg(&control).status().unwrap().success());
    running.until("warning", |running| running.printed().contains("write requests to a regular file of this name"));
    fs::remove_file(&control).unwrap();
    std::thread::sleep(Duration::from_millis(1200));
    fs::write(&control, "stop\n").unwrap();
    let ended = running.ends();
    ended.stops(&["stopped by the control file"]);
    assert_eq!(ended.err.matches("write requests to a regular file of this name").count(), 1, "{}", ended.err);
}

#[test]
fn a_signal_ends_a_run_whose_disk_hangs() {
    let Some(library) = Preload::of(DISK_THAT_HANGS) else { return };
    let top = tempfile::tempdir().unwrap();
    let (output, hangs) = (top.path().join("run"), top.path().join("hangs"));
    let run = endless(&output).with("checkpoint.stop_within=2 s");
    let run = run.env("LD_PRELOAD", library.path().to_str().unwrap()).env("TEST_HANGS", hangs.to_str().unwrap());
    let mut running = run.starts();
    until_it_steps(&mut running, &output);
    fs::write(&hangs, "").unwrap();
    signal("TERM", &[running.process()]);
    let ended = running.ends();
    ended.stops(&["stopped by SIGTERM", "could not be saved in time (checkpoint.stop_within)"]);
    assert!(ended.waited < soon());
}

#[test]
fn a_signal_ends_a_run_that_still_waits_for_other_ranks() {
    if !has_mpirun() {
        return;
    }
    let top = tempfile::tempdir().unwrap();
    let output = top.path().join("run");
    let arguments = ["-n", "1", PROGRAM, "run"].map(String::from).into_iter();
    let arguments = arguments.chain([smoke("diffusion").display().to_string(), "--output".into()]);
    let arguments = arguments.chain([output.display().to_string()]);
    let mut run = Run::of(Threads(1), Path::new("mpirun"), "a rank that never comes").with_all(arguments);
    for (name, value) in mpirun::SETTINGS {
        run = run.env(name, value);
    }
    let mut running = run.with_all([":", "-n", "1", "sleep", "600"]).starts();
    // SIGTERM, number 15, has a handler.
    let handles = |process: &u32| {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let mask = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigCgt:")?.trim(), 16).ok());
        mask.is_some_and(|mask| mask >> 14 & 1 == 1)
    };
    running.until("handlers", |running| running.workers().iter().any(handles));
    signal("TERM", &running.workers());
    assert!(!running.is_stuck(soon()), "{}", running.printed());
    assert!(running.printed().contains("stopped by SIGTERM during set-up"), "{}", running.printed());
    assert!(!output.exists());
}

/// Starts two ranks, the second with other arguments.
fn two_ranks(first: &[&str], second: &[&str]) -> Output {
    let file = smoke("diffusion");
    let mut command = Command::new("mpirun");
    command.envs(mpirun::SETTINGS).env("RUST_BACKTRACE", "0");
    for (i, arguments) in [first, second].into_iter().enumerate() {
        command.args(if i == 0 { &[][..] } else { &[":"] }).args(["-n", "1", PROGRAM, "run"]).arg(&file);
        command.args(["--threads", "1"].iter().filter(|_| !arguments.contains(&"--threads"))).args(arguments);
    }
    command.output().unwrap()
}

#[test]
fn ranks_with_different_inputs_do_not_start() {
    if !has_mpirun() {
        return;
    }
    let top = tempfile::tempdir().unwrap();
    let [a, b] = ["a", "b"].map(|name| top.path().join(name).display().to_string());
    let to = ["--output", &a];
    let different = "the ranks were started with different inputs: ";
    let cases: [(&[&str], &[&str], String); 8] = [
        (
            &[],
            &["parameters.wall_value=0.5"],
            format!("{different}`parameters.wall_value` is 0.25 on rank 0 and 0.5 on rank 1 of 2"),
        ),
        (
            &[],
            &["output.fields.every=7 step"],
            format!("{different}`output.fields.every` is \"10 step\" on rank 0 and \"7 step\" on rank 1 of 2"),
        ),
        (
            &[],
            &["time.end=20 step"],
            format!("{different}`time.end` is \"40 step\" on rank 0 and \"20 step\" on rank 1 of 2"),
        ),
        (&[], &["--threads", "2"], format!("{different}`--threads` is 1 on rank 0 and 2 on rank 1 of 2")),
        (&[], &["--force"], format!("{different}`--force` is not given on rank 0 and given on rank 1 of 2")),
        (&["--trace"], &[], format!("{different}`--trace` is given on rank 0 and not given on rank 1 of 2")),
        (&[], &["--output", &b], format!("{different}`--output` is {a} on rank 0 and {b} on rank 1 of 2")),
        (&[], &["parameters.kappa=nan"], "rank 1 of 2: ".into()),
    ];
    for (first, second, message) in cases {
        let own: &[&str] = if second.contains(&"--output") { &[] } else { &to };
        let ended = two_ranks(&[first, &to[..]].concat(), &[second, own].concat());
        let (code, said) = (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned());
        let errors: Vec<&str> = said.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!((code, errors.len()), (Some(2), 1), "{second:?}: {said}");
        assert!(errors[0].contains(&message), "{second:?}: {message} in {said}");
        assert!(!Path::new(&a).exists() && !Path::new(&b).exists(), "{second:?}");
    }
    assert!(two_ranks(&to, &to).status.success());
}

#[test]
fn threads_beyond_reason_are_refused_before_any_starts() {
    let top = tempfile::tempdir().unwrap();
    let output = top.path().join("run");
    // Few enough to do no harm where they are not refused.
    let cores = std::thread::available_parallelism().unwrap().get();
    let many = (4 * cores + 1).to_string();
    let asked = |arguments: &[&str]| {
        run(Threads(1), &smoke("diffusion"), &output).threads(4 * cores + 1).with_all(arguments.iter().copied()).ends()
    };
    if cores <= 8 {
        asked(&[]).fails(2, &[&format!("--threads is {many}, but this machine has"), "parallel.oversubscribe=true"]);
        assert!(!output.exists());
        asked(&["parallel.oversubscribe=true"]).state();
        let ranks = run(Threads(1), &smoke("diffusion"), &output.with_extension("b")).with_all(["--ranks", "65"]);
        ranks.ends().fails(2, &["--ranks 65 and 1 thread each are 65 threads, but this machine has"]);
    } else {
        skipped("too many threads", "this machine has many cores");
    }
}

#[test]
fn a_full_disk_keeps_the_instants_that_fit() {
    let Some(disk) = Disk::of("1m") else { return };
    let output = disk.path().join("run");
    let full = run(Threads(1), &smoke("diffusion"), &output).with("output.fields.every=1 step").ends();
    full.fails(1, &["No space left on device", "free space on that file system"]);
    let kept = support::instants(&output, "fields", "temperature");
    assert!(kept.len() > 3, "{} instants", kept.len());
    assert!(
        kept.iter().enumerate().all(|(i, (step, values))| *step == i as u64 && values.iter().all(|v| v.is_finite()))
    );
    support::nothing_half_written(&output);
}

/// A run whose directory is moved or removed while it steps, with output and checkpoints on their way.
fn displaced(ranks: support::Ranks, output: &Path, act: impl Fn()) -> support::Ended {
    let run = run(ranks, &smoke("diffusion"), output).with_all(DISPLACED);
    let mut running = run.starts();
    running.until_file(&output.join("fields.h5"));
    until_it_steps(&mut running, output);
    act();
    running.ends()
}

const DISPLACED: [&str; 4] =
    ["time.end=10000000 step", "output.fields.every=50 step", "series.every=70 step", "checkpoint.every=300 step"];

#[test]
fn a_run_whose_directory_is_moved_saves_its_state_there() {
    for ranks in support::both(2) {
        let top = tempfile::tempdir().unwrap();
        let top = top.path().canonicalize().unwrap();
        let (output, there) = (top.join("run"), top.join("there"));
        let ended = displaced(ranks, &output, || fs::rename(&output, &there).unwrap());
        let said = &ended.err;
        assert!(said.contains("stopped by the move of the run directory after step"), "{said}");
        assert!(said.contains(&format!("was moved to {} during the run", there.display())), "{said}");
        assert!(said.contains(&format!("halocline resume {}", there.display())), "{said}");
        assert!(!output.exists() && verified(&there).0, "{said}");
        support::nothing_half_written(&there);
        let step: u64 = said.split("after step ").nth(1).unwrap().split('\n').next().unwrap().parse().unwrap();
        // The bits and the instants are those of a run that nobody has disturbed.
        let end = format!("time.end={} step", step.div_ceil(50) * 50 + 50);
        let resumed = support::resume(ranks, &there).with(end.clone()).ends();
        let whole = run(ranks, &smoke("diffusion"), &output).with_all(DISPLACED).with(end).ends();
        assert_eq!(resumed.state(), whole.state());
        let [a, b] = [&there, &output].map(|dir| support::instants(dir, "fields", "temperature"));
        assert!(a == b, "the instants differ");
        assert_eq!(fs::read(there.join("series.csv")).unwrap(), fs::read(output.join("series.csv")).unwrap());
    }
}

#[test]
fn a_run_whose_directory_is_removed_saves_its_state_beside_it() {
    let top = tempfile::tempdir().unwrap();
    let top = top.path().canonicalize().unwrap();
    let (output, beside) = (top.join("run"), top.join("run-saved"));
    let ended = displaced(Threads(1), &output, || while fs::remove_dir_all(&output).is_err() {});
    ended.stops(&["the removal of the run directory", &format!("halocline resume {}", beside.display())]);
    assert_eq!(checkpoints(&beside).len(), 1, "{}", ended.err);
    let mut resumed = support::resume(Threads(1), &beside).starts();
    resumed.until("resume", |running| running.printed().contains("resuming from the checkpoint after step"));
    signal("TERM", &[resumed.process()]);
    resumed.ends().stops(&[]);
}
