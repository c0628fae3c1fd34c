//! Run directories: what a run may overwrite, who may write to one, what it can be continued from, and what is checked.
mod attempts;
mod support;
use attempts::{noted, same_output};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::Ranks::Threads;
use support::{Disk, Ended, instants, outcome, resume, run, signal, smoke, verified};

/// A short run of the diffusion job.
fn short(output: &Path) -> support::Run {
    run(Threads(1), &smoke("diffusion"), output)
}

/// `halocline` with these arguments, in a directory.
fn halocline(here: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_halocline")).args(arguments).current_dir(here).output().expect("it runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

/// All files below a directory with their contents; `.lock` and `.life` aside, which every process that looks may touch.
fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = vec![];
    for entry in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        match entry.is_dir() {
            true => found.extend(contents(&entry)),
            false => found.push((entry.clone(), fs::read(&entry).unwrap())),
        }
    }
    found.sort();
    found
}

/// Asserts that it was refused as bad input with these texts, and that nothing in `dir` has changed.
fn refused(dir: &Path, run: support::Run, texts: &[&str]) {
    let before = contents(dir);
    run.ends().fails(2, texts);
    assert!(contents(dir) == before, "{texts:?}: something in {} has changed", dir.display());
}

#[test]
fn force_removes_only_what_the_run_has_written() {
    let top = tempfile::tempdir().unwrap();
    let dir = top.path().join("run");
    short(&dir).with_all(["checkpoint.every=10 step", "output.mean={every='20 step', reduce='mean'}"]).ends().state();
    let mine = ["fields_backup.h5", "fields-mine.png", "fields/notes.txt", "checkpoints/mine.h5", "fields/.x.part"];
    for name in mine {
        fs::write(dir.join(name), name).unwrap();
    }
    let picture = dir.join("fields-temperature.png");
    assert!(picture.exists() && dir.join("mean/000000.h5").exists());
    short(&dir).with_all(["--force", "output.fields.picture=false", "checkpoint.final=false"]).ends().state();
    for name in mine {
        assert_eq!(fs::read_to_string(dir.join(name)).unwrap(), name);
    }
    assert!(!picture.exists() && !dir.join("mean").exists() && !dir.join("mean.h5").exists());
    let checkpoints: Vec<_> = fs::read_dir(dir.join("checkpoints")).unwrap().collect();
    assert_eq!(checkpoints.len(), 1, "{checkpoints:?}");
    let (good, said) = verified(&dir);
    assert!(good && said.contains("not written by this run:") && said.contains("fields-mine.png"), "{said}");
    // What a new run would replace and no run has written stops it.
    fs::write(&picture, "mine").unwrap();
    refused(&dir, short(&dir).with("--force"), &["fields-temperature.png would be overwritten", "no run wrote it"]);
}

#[test]
fn nothing_is_touched_before_all_checks_have_passed() {
    let top = tempfile::tempdir().unwrap();
    let dir = top.path().join("run");
    short(&dir)
        .with("output.mean={every='20 step', reduce='mean', region={x=[0, 4]}}")
        .with("time.end=30 step")
        .ends()
        .state();
    for bad in ["parameters.field=time", "output.fields.fields=['none']", "parameters.order=3", "time.end=soon"] {
        refused(
            &dir,
            short(&dir).with_all([bad, "--force"]),
            &[bad.split('=').next().unwrap().rsplit('.').next().unwrap()],
        );
    }
    for (bad, text) in [
        ("output.b={every='1 step', fields=['none']}", "no field `none`"),
        ("grid.cells=[20, 22, 30]", "grid.cells"),
        ("time.end=20 step", "has reached step 30"),
    ] {
        refused(&dir, resume(Threads(1), &dir).with(bad), &[text]);
    }
    // With --force a stream may change, but not while it holds values over time.
    let other = "output.mean.region.x=[0, 5]";
    refused(&dir, resume(Threads(1), &dir).with_all([other, "time.end=40 step", "--force"]), &["accumulated values"]);
    resume(Threads(1), &dir).with("time.end=40 step").ends().state();
    assert!(verified(&dir).0);
}

#[test]
fn checkpoints_are_written_while_segments_are_merged() {
    let top = tempfile::tempdir().unwrap();
    let dir = top.path().join("run");
    // Segments are merged at the 256th and then at every 64th, beside a checkpoint that hashes those sealed before it.
    let often = ["time.end=330 step", "output.fields={every='1 step', seal='0 s', picture=false}"];
    short(&dir).with_all(often).with_all(["grid.cells=[6, 6, 6]", "checkpoint.every=4 step"]).ends().state();
    let (good, said) = verified(&dir);
    assert!(good && said.contains("fields/000000-000255.h5: as written"), "{said}");
    resume(Threads(1), &dir).with("time.end=340 step").ends().state();
    assert!(verified(&dir).0);
    assert_eq!(instants(&dir, "fields", "temperature").len(), 341);
}

#[test]
fn of_simultaneous_starts_exactly_one_wins() {
    let top = tempfile::tempdir().unwrap();
    for round in 0..2 {
        let dir = top.path().join(format!("{round}"));
        let all: Vec<_> = (0..3).map(|_| short(&dir).starts()).collect();
        let all: Vec<Ended> = all.into_iter().map(|running| running.ends()).collect();
        let codes: Vec<_> = all.iter().map(|ended| (ended.status.code(), ended.err.clone())).collect();
        let count = |code| codes.iter().filter(|(ended, _)| *ended == Some(code)).count();
        assert_eq!((count(0), count(2)), (1, 2), "{codes:?}");
        assert_eq!(outcome(&dir).as_deref(), Some("done"));
        let (good, said) = verified(&dir);
        assert!(good, "{said}");
    }
}

#[test]
fn a_finished_run_can_be_extended() {
    let top = tempfile::tempdir().unwrap();
    let [whole, parts, bare] = ["whole", "parts", "bare"].map(|name| top.path().join(name));
    let mean = "output.mean={every='7 step', reduce='mean'}";
    let expected = short(&whole).with_all([mean, "time.end=60 step"]).ends().state().to_owned();
    short(&parts).with(mean).ends().state();
    assert_eq!(noted(&parts, "checkpoint"), [40], "the final state is saved by default");
    assert_eq!(resume(Threads(2), &parts).with("time.end=60 step").ends().state(), expected);
    same_output(&whole, &parts);
    let (good, said) = verified(&parts);
    assert!(good, "{said}");
    // Without it there is nothing to continue from, and nothing is deleted.
    short(&bare).with("checkpoint.final=false").ends().state();
    assert!(!bare.join("checkpoints").exists());
    let longer = "time.end=60 step";
    refused(
        &bare,
        resume(Threads(1), &bare).with(longer),
        &["is finished and has no checkpoint", "nothing was changed"],
    );
    let again = short(&bare).with_all(["checkpoint.final=false", longer, "--resume"]);
    refused(&bare, again, &["is finished and has no checkpoint"]);
}

#[test]
fn an_edited_job_file_counts_like_the_command_line() {
    let top = tempfile::tempdir().unwrap();
    let dir = top.path().join("run");
    let expected = short(&top.path().join("whole")).ends().state().to_owned();
    short(&dir).with("time.end=20 step").ends().state();
    let job = dir.join("job.toml");
    let text = fs::read_to_string(&job).unwrap();
    let edit = |from: &str, to: &str| {
        assert!(text.contains(from), "{text}");
        fs::write(&job, text.replace(from, to)).unwrap();
    };
    edit("kappa = 1.0", "kappa = 0.5");
    let (good, said) = verified(&dir);
    assert!(!good && said.contains("job.toml: its contents are not what was written"), "{said}");
    refused(
        &dir,
        resume(Threads(1), &dir),
        &["job.toml was edited", "job.toml:", "`parameters.kappa` was 1.0 and is now 0.5"],
    );
    edit("\"20 step\"", "\"40 step\"");
    let ended = resume(Threads(1), &dir).ends();
    assert_eq!(ended.state(), expected);
    assert!(ended.err.contains("job.toml was edited"), "{}", ended.err);
    let ledger = fs::read_to_string(dir.join("ledger.jsonl")).unwrap();
    assert!(ledger.contains(r#""time.end":["\"20 step\"","\"40 step\""]"#), "{ledger}");
    assert!(verified(&dir).0);
}

#[test]
fn another_program_is_reported_and_recorded() {
    let top = tempfile::tempdir().unwrap();
    let (dir, other) = (top.path().join("run"), top.path().join("other"));
    short(&dir).with("time.end=20 step").ends().state();
    // A program that does the same and has another hash.
    fs::copy(env!("CARGO_BIN_EXE_halocline"), &other).unwrap();
    let mut bytes = fs::read(&other).unwrap();
    bytes.push(0);
    fs::write(&other, bytes).unwrap();
    let ended = Command::new(&other).arg("resume").arg(&dir).arg("time.end=30 step").output().unwrap();
    assert!(ended.status.success() && said(&ended).contains("was made by another program"), "{}", said(&ended));
    assert!(fs::read_to_string(dir.join("ledger.jsonl")).unwrap().contains(r#""program":["#));
    let again = resume(Threads(1), &dir).with("checkpoint.keep=3").ends();
    again.state();
    assert!(again.err.contains("was made by another program"), "{}", again.err);
    let same = resume(Threads(1), &dir).with("checkpoint.keep=4").ends();
    assert!(!same.err.contains("another program"), "{}", same.err);
}

#[test]
fn only_checkpoints_that_the_ledger_knows_are_used() {
    let top = tempfile::tempdir().unwrap();
    let (dir, other) = (top.path().join("run"), top.path().join("other"));
    let expected = short(&top.path().join("whole")).with("time.end=60 step").ends().state().to_owned();
    short(&dir).with("checkpoint.every=10 step").ends().state();
    let checkpoint = |dir: &Path, step: u64| dir.join(format!("checkpoints/{step:012}.h5"));
    fs::copy(checkpoint(&dir, 40), checkpoint(&dir, 50)).unwrap();
    short(&other).with_all(["parameters.kappa=0.5", "time.end=55 step"]).ends().state();
    fs::copy(checkpoint(&other, 55), checkpoint(&dir, 55)).unwrap();
    let (good, text) = verified(&dir);
    assert!(!good && text.contains("000000000050.h5 holds the state after step 40"), "{text}");
    assert!(text.contains("000000000055.h5: the ledger does not know this checkpoint"), "{text}");
    let ended = resume(Threads(2), &dir).with("time.end=60 step").ends();
    assert_eq!(ended.state(), expected);
    for text in ["000000000050.h5 holds the state after step 40", "does not know this checkpoint", "after step 40"] {
        assert!(ended.err.contains(text), "{text}: {}", ended.err);
    }
    // The copies are moved aside, not removed.
    for step in [50, 55] {
        assert!(checkpoint(&dir, step).with_extension("h5.unknown").exists());
    }
    let (good, text) = verified(&dir);
    assert!(good, "{text}");
    // Without a ledger nothing can be compared, and the run goes on.
    fs::remove_file(dir.join("ledger.jsonl")).unwrap();
    resume(Threads(1), &dir).with("time.end=70 step").ends().state();
    assert!(verified(&dir).0);
}

#[test]
fn a_run_whose_checkpoints_are_gone_does_not_start_over() {
    let top = tempfile::tempdir().unwrap();
    let dir = top.path().join("run");
    let often = "checkpoint.every=10 step";
    short(&dir).with(often).ends().state();
    // As if interrupted.
    fs::remove_file(dir.join("summary.json")).unwrap();
    let (checkpoints, aside) = (dir.join("checkpoints"), top.path().join("aside"));
    fs::rename(&checkpoints, &aside).unwrap();
    let lost = ["saved a checkpoint after step 40", "checkpoints any more", "nothing was changed"];
    refused(&dir, resume(Threads(2), &dir), &lost);
    refused(&dir, short(&dir).with_all([often, "--resume"]), &lost);
    // A directory that cannot be read is not one without checkpoints.
    fs::write(&checkpoints, "").unwrap();
    for again in [resume(Threads(2), &dir), short(&dir).with_all([often, "--resume"]), short(&dir).with("--force")] {
        refused(&dir, again, &["cannot read", "run/checkpoints"]);
    }
    fs::remove_file(&checkpoints).unwrap();
    fs::rename(&aside, &checkpoints).unwrap();
    resume(Threads(1), &dir).with("time.end=50 step").ends().state();
}

#[test]
fn what_is_missing_is_noticed() {
    let top = tempfile::tempdir().unwrap();
    let dir = top.path().join("run");
    let often = ["output.fields.seal=0 s", "checkpoint.every=10 step", "--trace"];
    short(&dir).with_all(often).ends().state();
    let (good, text) = verified(&dir);
    assert!(good, "{text}");
    for name in [
        "fields.h5",
        "fields.xdmf",
        "fields-temperature.png",
        "trace.json",
        "summary.json",
        "job.toml",
        "fields/000001.h5",
        "fields/000004.h5",
        "checkpoints/000000000040.h5",
        "checkpoints/000000000030.h5",
    ] {
        let (path, aside) = (dir.join(name), top.path().join("aside"));
        fs::rename(&path, &aside).unwrap();
        if name != "job.toml" {
            let (good, text) = verified(&dir);
            assert!(!good && text.contains(name), "{name}: {text}");
        }
        fs::rename(&aside, &path).unwrap();
    }
    // Missing segments are reported by a resume, the last one, too.
    for name in ["fields/000001.h5", "fields/000004.h5"] {
        fs::remove_file(dir.join(name)).unwrap();
    }
    let ended = resume(Threads(1), &dir).with("time.end=60 step").ends();
    ended.state();
    for name in ["fields/000001.h5", "fields/000004.h5"] {
        assert!(ended.err.contains(&format!("{name} is missing; its instants are lost")), "{}", ended.err);
    }
}

#[test]
fn streams_are_packed_with_their_hashes() {
    let top = tempfile::tempdir().unwrap();
    let dir = top.path().join("run");
    short(&dir).with_all(["output.none.every=never", "output.fields.seal=0 s"]).ends().state();
    let packed = halocline(top.path(), &["pack", "run"]);
    assert!(
        packed.status.success() && said(&packed).contains("none: no instants, nothing to pack"),
        "{}",
        said(&packed)
    );
    let file = halocline(top.path(), &["pack", "run", "-o", "one.h5"]);
    assert!(file.status.success() && top.path().join("one.h5").exists(), "{}", said(&file));
    assert_eq!(instants(&dir, "fields", "temperature"), instants(&dir, "fields.packed", "temperature"));
    let again = halocline(top.path(), &["pack", "run", "-o", "one.h5"]);
    assert!(again.status.code() == Some(2) && said(&again).contains("one.h5 exists"), "{}", said(&again));
    let other = halocline(top.path(), &["pack", "run", "--stream", "others", "-o", "two.h5"]);
    assert!(
        other.status.code() == Some(2) && said(&other).contains("its streams are fields, none"),
        "{}",
        said(&other)
    );
    // A stray file with a huge number is not a segment of the stream.
    fs::copy(dir.join("fields/000000.h5"), dir.join("fields/999999999999.h5")).unwrap();
    assert!(halocline(top.path(), &["pack", "run", "-o", "two.h5"]).status.success());
    let segment = dir.join("fields/000002.h5");
    let mut bytes = fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let bad = halocline(top.path(), &["pack", "run", "-o", "three.h5"]);
    assert_eq!(bad.status.code(), Some(1), "{}", said(&bad));
    assert!(said(&bad).contains("fields/000002.h5: its contents are not what was written"), "{}", said(&bad));
    assert!(!top.path().join("three.h5").exists());
    fs::remove_file(&segment).unwrap();
    let bad = halocline(top.path(), &["pack", "run", "-o", "three.h5"]);
    assert!(said(&bad).contains("fields/000002.h5 is missing"), "{}", said(&bad));
}

#[test]
fn a_limit_of_the_file_size_kills_no_command() {
    let top = tempfile::tempdir().unwrap();
    short(&top.path().join("run")).ends().state();
    let command = "ulimit -f 100; exec \"$0\" pack run -o packed.h5";
    let bash = Command::new("bash").args(["-c", command, env!("CARGO_BIN_EXE_halocline")]).current_dir(&top).output();
    let ended = bash.unwrap();
    assert_eq!(ended.status.code(), Some(1), "{}", said(&ended));
    let left: Vec<_> = fs::read_dir(&top).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["run"], "{}", said(&ended));
}

#[test]
fn a_read_only_directory_is_one_message() {
    let Some(disk) = Disk::of("20m") else { return };
    let dir = disk.path().join("run");
    short(&dir).ends().state();
    disk.remount("ro");
    resume(Threads(1), &dir)
        .with("time.end=60 step")
        .ends()
        .fails(2, &["cannot write to", "Read-only file system", "resume it there"]);
    let packed = halocline(disk.path(), &["pack", "run"]);
    assert!(
        packed.status.code() == Some(2) && said(&packed).contains("halocline pack DIR -o FILE"),
        "{}",
        said(&packed)
    );
    let top = tempfile::tempdir().unwrap();
    let file = top.path().join("packed.h5");
    let packed = halocline(disk.path(), &["pack", "run", "-o", file.to_str().unwrap()]);
    assert!(packed.status.success() && file.exists(), "{}", said(&packed));
    disk.remount("rw");
    resume(Threads(1), &dir).with("time.end=60 step").ends().state();
}

#[test]
fn a_control_file_from_before_stops_nothing() {
    let top = tempfile::tempdir().unwrap();
    let dir = top.path().join("run");
    short(&dir).with("time.end=20 step").ends().state();
    fs::write(dir.join("control"), "stop").unwrap();
    let ended = resume(Threads(1), &dir).with("time.end=5000 step").ends();
    ended.state();
    assert!(ended.err.contains("is from before this attempt"), "{}", ended.err);
    assert!(!dir.join("control").exists());
    // One that cannot be read is reported, and the run goes on until it is asked to stop.
    let mut endless =
        resume(Threads(1), &dir).with_all(["time.end=100000000 step", "output.fields.every=never"]).starts();
    endless.until_file(&dir.join("fields.h5"));
    endless.until("an attempt", |_| !dir.join("summary.json").exists());
    fs::create_dir(dir.join("control")).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1500));
    signal("TERM", &[endless.process()]);
    endless
        .ends()
        .stops(&["control is a directory, not a file; write requests to a regular file", "stopped by SIGTERM"]);
}

#[test]
fn a_relative_input_path_holds_wherever_the_run_is_resumed() {
    if !support::works("ncgen", "-h") {
        return support::skipped("a relative input path", "there is no ncgen");
    }
    let top = tempfile::tempdir().unwrap();
    let source = top.path().join("source");
    fs::create_dir(&source).unwrap();
    let values: Vec<String> = (0..96).map(|i| format!("{}", i % 7)).collect();
    let text = format!(
        "netcdf in {{ dimensions: z = 4; y = 4; x = 6; variables: double t(z, y, x); data: t = {}; }}",
        values.join(", ")
    );
    fs::write(source.join("in.cdl"), text).unwrap();
    let made = Command::new("ncgen").args(["-o", "in.nc", "in.cdl"]).current_dir(&source).status().unwrap();
    assert!(made.success());
    let job = smoke("diffusion").display().to_string();
    let keys = ["parameters.initial=file", "parameters.file=in.nc", "parameters.variable=t"];
    let begin = |output: &str, end: &str| {
        let begun = halocline(&source, &[&["run", &job][..], &SMALL, &keys, &["--output", output, end]].concat());
        assert!(begun.status.success(), "{}", said(&begun));
        begun
    };
    let whole = begin("whole", "time.end=20 step");
    begin("run", "time.end=10 step");
    let elsewhere = halocline(top.path(), &["resume", "source/run", "time.end=20 step"]);
    assert!(elsewhere.status.success(), "{}", said(&elsewhere));
    let state = |output: &Output| said(output).lines().find(|line| line.starts_with("state ")).map(str::to_owned);
    assert_eq!(state(&elsewhere), state(&whole));
}

/// A grid of a hundred cells.
const SMALL: [&str; 2] = ["grid.cells=[4, 4, 6]", "grid.length=[4.0, 4.0, 6.0]"];

#[test]
fn hundreds_of_segments_are_read_with_a_low_limit_of_open_files() {
    let top = tempfile::tempdir().unwrap();
    let dir = top.path().join("run");
    let often = ["output.fields.every=1 step", "output.fields.seal=0 s", "time.end=330 step"];
    short(&dir).with_all(SMALL).with_all(often).with("output.fields.picture=false").ends().state();
    let files = fs::read_dir(dir.join("fields")).unwrap().count();
    assert!(files < 90, "{files} segments");
    let (good, text) = verified(&dir);
    assert!(good, "{text}");
    // Files that other tests of this process have open are inherited, and would count.
    let count = "for fd in /proc/self/fd/*; do fd=${fd##*/}; [ \"$fd\" -gt 2 ] && eval \"exec $fd>&-\"; done; \
                 ulimit -n 128 && h5dump -d /temperature -y \"$0\" | sed /ATTRIBUTE/q | grep -c -i nan";
    let nan = Command::new("bash").args(["-c", count]).arg(dir.join("fields.h5")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&nan.stdout).trim(), "0", "{}", said(&nan));
    resume(Threads(2), &dir).with("time.end=340 step").ends().state();
    let steps: Vec<u64> = instants(&dir, "fields", "temperature").iter().map(|(step, _)| *step).collect();
    assert_eq!(steps, (0..=340).collect::<Vec<_>>());
    assert!(verified(&dir).0);
    assert!(halocline(top.path(), &["pack", "run", "-o", "packed.h5"]).status.success());
}
