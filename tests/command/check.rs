//! `check` and `run` refuse the same inputs with the same message, before any memory is allocated or file is written; and what
//! `check` predicts is what `run` does.
mod support;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use support::Ranks::{Mpi, Threads};
use support::{Disk, both, has_mpirun, instants, run, smoke, smokes, soon, verified};

/// How a command ended: its exit code, and what it printed on stdout and stderr.
struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ended {
    /// The error message, from its first line on.
    fn message(&self) -> String {
        let lines: Vec<&str> = self.err.lines().skip_while(|line| !line.starts_with("error: ")).collect();
        lines.join("\n")
    }
}

/// Runs the command with these arguments in the directory `dir`.
fn command<S: AsRef<OsStr>>(dir: &Path, arguments: impl IntoIterator<Item = S>) -> Ended {
    let program = env!("CARGO_BIN_EXE_halocline");
    let ended = Command::new(program).args(arguments).current_dir(dir).env("RUST_BACKTRACE", "0").output().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Ended { code: ended.status.code(), out: text(&ended.stdout), err: text(&ended.stderr) }
}

/// Asserts that `check` and `run` refuse these arguments with exit code 2 and the same message, that they do so soon and change
/// nothing in the directory. Returns the message.
fn both_refuse<S: AsRef<OsStr>>(dir: &Path, arguments: &[S]) -> String {
    let before = names(dir);
    let [checked, ran] = ["check", "run"].map(|name| {
        let all: Vec<OsString> =
            std::iter::once(OsString::from(name)).chain(arguments.iter().map(|a| a.as_ref().into())).collect();
        let started = Instant::now();
        let ended = command(dir, &all);
        assert!(started.elapsed() < soon(), "{all:?}");
        assert_eq!(ended.code, Some(2), "{all:?}\n{}{}", ended.out, ended.err);
        assert!(!ended.err.contains("panicked"), "{all:?}\n{}", ended.err);
        ended
    });
    // How much memory and how much of the disk is free changes from moment to moment.
    let fixed = |ended: &Ended| {
        let message = ended.message();
        let changes = ["of memory, and", "and the file system of"].into_iter().find_map(|text| message.find(text));
        message[..changes.unwrap_or(message.len())].to_owned()
    };
    assert_eq!(fixed(&checked), fixed(&ran));
    assert_eq!(names(dir), before, "nothing is made");
    checked.message()
}

/// The names of all files in a directory, and in the directories in it.
fn names(dir: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = vec![];
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        all.push(entry.path());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            all.extend(names(&entry.path()));
        }
    }
    all.sort();
    all
}

/// A directory with the job file `heat.toml` of the diffusion job.
fn folder(text: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("heat.toml"), text).unwrap();
    dir
}

const HEAT: &str = "job = 'diffusion'\ngrid.cells = [8, 12]\ntime.end = '4 step'\noutput.fields.every = '2 step'\n";

/// Every command of the page of bad inputs. The jobs of this program have other names and parameters than the job of the page, so
/// some messages differ from the page, but not between `check` and `run`.
#[test]
fn bad_inputs_are_refused_alike() {
    let (mut file, mut base, mut cases) = (String::new(), None, 0);
    for block in include_str!("../../src/cli/bad_inputs.md").split("```").skip(1).step_by(2) {
        match block.split_once('\n') {
            Some(("toml", text)) => {
                file = text.replace("job = \"heat\"", "job = \"diffusion\"");
                base.get_or_insert(file.clone());
            }
            Some(("console", text)) => {
                let line = text.lines().next().unwrap().trim_start_matches("$ halocline ");
                let job = std::mem::replace(&mut file, base.clone().unwrap());
                let Some(rest) = line.strip_prefix("check ").or(line.strip_prefix("run ")) else { continue };
                let dir = folder(&job);
                fs::write(dir.path().join("latin1.toml"), b"# \xe4\njob = 'diffusion'").unwrap();
                let rest = rest.replace("job=haet", "job=difusion");
                let arguments: Vec<String> = words(&rest);
                let whole: Vec<&str> = std::iter::once("check").chain(arguments.iter().map(String::as_str)).collect();
                if arguments.iter().any(|word| word == "4000") {
                    // More ranks than a process can have as threads: a plan for a launcher.
                    assert_eq!(command(dir.path(), &whole).code, Some(2));
                } else if command(dir.path(), &whole).code == Some(2) {
                    both_refuse(dir.path(), &arguments);
                    cases += 1;
                } else {
                    // What is wrong for the job of the page is right for this one.
                    let short =
                        ["run"].into_iter().chain(arguments.iter().map(String::as_str)).chain(["time.end=1 step"]);
                    let ran = command(dir.path(), short);
                    assert_eq!(ran.code, Some(0), "{line}: accepted by check\n{}", ran.err);
                }
            }
            _ => {}
        }
    }
    assert!(cases > 50, "{cases}");
}

/// Splits a command at spaces outside of double quotes, and removes the quotes.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut quoted) = (vec![String::new()], false);
    for c in command.chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words
}

#[test]
fn strange_command_lines_have_a_message() {
    let dir = folder(HEAT);
    fs::write(dir.path().join("file"), "").unwrap();
    std::os::unix::fs::symlink("none", dir.path().join("dangling")).unwrap();
    let long_name = format!("--output={}", "x".repeat(300));
    let long_path = format!("--output={}", "x/".repeat(2500));
    for (arguments, text) in [
        (&["heat.toml", "=3"][..], "`` is not a key"),
        (&["heat.toml", "parameters.kappa="], "no value is given"),
        (&["heat.toml", "parameters. kappa=1"], "is not a key"),
        (&["heat.toml", "'parameters.kappa'=1"], "is not a key"),
        (&["heat.toml", "parameters..kappa=1"], "is not a key"),
        (&["heat.toml", "parameters=3"], "`parameters` = 3: must be a table"),
        (&["heat.toml", "grid=[8, 8]"], "`grid` = [8, 8]: must be a table"),
        (&["heat.toml", "parameters.kappa=1", "parameters.kappa=.5"], "write 0.5"),
        (&["heat.toml", "time.end="], "`time.end`"),
        (&["heat.toml", "parameters.kappa=2020-01-01"], "must be a number"),
        (&["heat.toml", "grid.periodic='true'"], "remove the quotes"),
        (&["heat.toml", "parameters.field=3"], "put quotes around it: \"3\""),
        (&["heat.toml", "grid.cells=[]"], "must be a list of 1 to 3"),
        (&["heat.toml", "grid.length=[nan, 1.0]"], "is not finite"),
        (&["heat.toml", "grid.length=[inf, 1.0]"], "is not finite"),
        (&["heat.toml", "grid.length=[0.0, 1.0]"], "must be a number > 0"),
        (&["heat.toml", "time.end=-1 s"], "must be finite and not negative"),
        (&["heat.toml", "time.end=nan s"], "must be finite and not negative"),
        (&["heat.toml", "grid.cells=[9223372036854775808, 1, 1]"], "whole numbers go from -2^63"),
        (&["heat.toml", "grid.cells=[9223372036854775807, 1, 1]"], "more than 2^59 cells"),
        (&["heat.toml", "grid.cells=[10000000, 10000000, 10000000]"], "more than 2^59 cells"),
        (&["heat.toml", "--ranks", "99999999999999999999"], "--ranks"),
        (&["heat.toml", "--output", ""], "--output"),
        (&["heat.toml", "--output", "file"], "is a file"),
        (&["heat.toml", "--output", "file/x"], "is a file"),
        (&["heat.toml", "--output", "heat.toml/x/y"], "is a file"),
        (&["heat.toml", "--output", "dangling"], "link to nothing"),
        (&["heat.toml", "--output", "."], "holds files that no run made"),
        (&["heat.toml", "--output", "/proc/halocline"], "cannot create the output folder /proc/halocline"),
        (&["heat.toml", "--output", "/sys/halocline"], "cannot create the output folder /sys/halocline"),
        (&["heat.toml", "--output", "/dev/null"], "is a file"),
        (&["heat.toml", &long_name], "a name in it has 300 bytes"),
        (&["heat.toml", &long_path], "leave no room for file names"),
        (&["."], "is a directory, not a job file"),
        (&["/dev/zero"], "/dev/zero is a device"),
        (&["heat.toml", "none.toml"], "neither an option nor KEY=VALUE"),
    ] {
        let message = both_refuse(dir.path(), arguments);
        assert!(message.contains(text), "{arguments:?}: {text:?} in {message}");
        assert!(message.len() < 1000, "{message}");
    }
    let latin1 = [OsString::from("heat.toml"), "--output".into(), OsString::from_vec(b"caf\xe9".to_vec())];
    assert!(both_refuse(dir.path(), &latin1).contains("its path is not UTF-8"));
    let latin1 = [OsString::from_vec(b"caf\xe9.toml".to_vec())];
    assert!(both_refuse(dir.path(), &latin1).contains("No such file"));
}

#[test]
fn strange_job_files_have_a_message() {
    for (text, message) in [
        (&b""[..], "`job` is missing"),
        (b"\xef\xbb\xbf", "`job` is missing"),
        (b"job = 'diffusion'\njob = 'diffusion'", "heat.toml:2: not TOML: duplicate key"),
        (b"job = 'diffusion'\rgrid.cells = [8]", "carriage return"),
        (
            b"job = 'diffusion'\ngrid.cells = [8, 012]",
            "heat.toml:2: not TOML: `012` is not a number: it begins with a zero",
        ),
        (b"job = 'diffusion'\ngrid.cells = [\n 8,\n .5]", "heat.toml:4: not TOML: `.5` is not a number"),
        (b"\xff\xfej\0o\0b\0", "not UTF-8"),
        (b"job = 'diffusion'\0", "not TOML"),
        (b"[job]\nname = 'x'", "`job`"),
    ] {
        let dir = folder("");
        fs::write(dir.path().join("heat.toml"), text).unwrap();
        let got = both_refuse(dir.path(), &["heat.toml"]);
        assert!(got.contains(message), "{message:?} in {got}");
    }
    // A byte order mark, tabs and line ends of Windows are TOML.
    let windows = format!("\u{feff}{}", HEAT.replace('\n', "\r\n").replace(" = ", "\t=\t"));
    let dir = folder(&windows);
    let ran = command(dir.path(), ["run", "heat.toml", "--output", "out"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
}

#[test]
fn strange_names_of_run_directories_work() {
    let dir = folder(HEAT);
    for name in ["with space", "100%d %b", "two\nlines", "quote'\"", "-dash", "é", "$HOME;x", "a//b/../c"] {
        let ran = command(dir.path(), ["run", "heat.toml", &format!("--output={name}")]);
        assert_eq!(ran.code, Some(0), "{name:?}\n{}", ran.err);
        let output = dir.path().join(name);
        assert_eq!(instants(&output, "fields", "temperature").len(), 3, "{name:?}");
        assert!(verified(&output).0, "{name:?}");
    }
}

/// Terabytes on any machine of today.
const HUGE: &str = "grid.cells=[20000, 20000, 20000]";

#[test]
fn a_grid_larger_than_memory_is_refused_before_memory_is_touched() {
    for ranks in both(3) {
        let top = tempfile::tempdir().unwrap();
        let output = top.path().join("new");
        let ended = run(ranks, &smoke("diffusion"), &output).with(HUGE).ends();
        let texts = [
            "`grid.cells` = [20000, 20000, 20000]: the 3 ranks 0 to 2 on the node",
            "TB each of memory",
            "use fewer cells",
        ];
        ended.fails(2, &texts);
        assert!(ended.waited < soon() && !output.exists(), "{ranks:?}");
    }
    let dir = folder(HEAT);
    let alone = both_refuse(dir.path(), &["heat.toml", HUGE]);
    assert!(alone.contains("rank 0 needs") && alone.contains("of memory, and"), "{alone}");
    // A size that overflows is refused even where memory may be overcommitted.
    let overflow =
        both_refuse(dir.path(), &["heat.toml", "grid.cells=[1000000, 1000000, 500000]", "parallel.overcommit=true"]);
    assert!(["memory", "address space", "file system"].iter().any(|what| overflow.contains(what)), "{overflow}");
}

#[test]
fn a_limit_of_the_process_is_obeyed() {
    let dir = folder(HEAT);
    let limited = |arguments: &str| {
        let line = format!("ulimit -v 3000000 && exec \"$0\" {arguments} --threads 1");
        let shell =
            Command::new("sh").args(["-c", &line, env!("CARGO_BIN_EXE_halocline")]).current_dir(dir.path()).output();
        let ended = shell.unwrap();
        (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
    };
    let (code, small) = limited("run heat.toml --output small");
    assert_eq!(code, Some(0), "{small}");
    // 3 GB of fields and copies.
    let (code, large) = limited("run heat.toml grid.cells=[512,512,512] --output large");
    assert!(code == Some(2) && large.contains("are left by ulimit -v"), "{code:?} {large}");
    // Without the check, the allocation fails: an error, not an abort.
    let (code, refused) = limited("run heat.toml grid.cells=[600,600,600] parallel.overcommit=true --output large");
    assert!(
        code == Some(2) && refused.contains("rank 0 cannot allocate the field `temperature`"),
        "{code:?} {refused}"
    );
    assert!(!dir.path().join("large").exists());
}

#[test]
fn memory_is_compared_with_the_nodes_of_a_plan() {
    let heat3d = support::jobs().join("diffusion/heat3d.toml");
    let check = |arguments: &[&str]| {
        let all = ["check", heat3d.to_str().unwrap(), "--output=/tmp/halocline-none"]
            .into_iter()
            .chain(arguments.iter().copied());
        command(Path::new("/"), all)
    };
    // 3.2 GB on one rank.
    let small = check(&["--memory", "2GB"]);
    assert!(
        small.code == Some(2) && small.err.contains("rank 0 needs 3.") && small.err.contains("2.00 GB are on a node"),
        "{}",
        small.err
    );
    assert_eq!(check(&["--memory", "4GB"]).code, Some(0));
    assert_eq!(check(&["--memory", "2GB", "--ranks", "2", "--ranks-per-node", "1"]).code, Some(0));
    let together = check(&["--memory", "2GB", "--ranks", "2", "--ranks-per-node", "2"]);
    assert!(
        together.code == Some(2) && together.err.contains("the 2 ranks 0 to 1 on a node need 3."),
        "{}",
        together.err
    );
    let ignored = check(&["--memory", "2GB", "parallel.overcommit=true"]);
    assert_eq!(ignored.code, Some(0), "{}", ignored.err);
    for (size, why) in
        [("2 parsec", "units are"), ("-1GB", "a number and a unit"), ("GB", "a number and a unit"), ("nanGB", "a")]
    {
        let bad = check(&[&format!("--memory={size}")]);
        assert!(bad.code == Some(2) && bad.err.contains(why), "{size}: {}", bad.err);
    }
    // Many ranks are planned at once.
    let started = Instant::now();
    let many = check(&["--memory", "2GB", "--ranks", "16384"]);
    assert!(many.code == Some(0) && started.elapsed() < soon(), "{}", many.err);
    assert!(many.out.contains("16384 ranks (at most 134217728)"), "{}", many.out);
}

#[test]
fn steps_without_end_are_refused() {
    let dir = folder(HEAT);
    for end in ["1000000000000000000 step", "18446744073709551615 step", "1e300 s", "1e300 year"] {
        let message = both_refuse(dir.path(), &["heat.toml", &format!("time.end={end}")]);
        assert!(message.contains("`time.end` = ") && message.contains("more than 2^53 steps"), "{message}");
    }
    assert_eq!(
        command(dir.path(), ["check", "heat.toml", "time.end=9007199254740992 step", "output.fields.every=never"]).code,
        Some(0)
    );
}

#[test]
fn checkpoints_hold_what_streams_accumulate_and_no_more_are_counted_than_written() {
    let dir = folder(HEAT);
    let said = |keys: &[&str]| command(dir.path(), [&["check", "heat.toml"], keys].concat()).out;
    assert!(said(&[]).contains("a checkpoint takes 768 B on disk"), "{}", said(&[]));
    let mean = said(&["output.fields.reduce=mean"]);
    assert!(mean.contains("a checkpoint takes 1.54 kB on disk"), "{mean}");
    let many = said(&["checkpoint.keep=100000000000", "checkpoint.wall=never"]);
    assert!(many.contains("all that are kept up to 768 B"), "{many}");
    let every = said(&["checkpoint.keep=100000000000", "checkpoint.wall=never", "checkpoint.every=2 step"]);
    assert!(every.contains("all that are kept up to 2.30 kB"), "{every}");
}

/// The stream `fields` of every job: as many instants as predicted, and files of at least the predicted size.
#[test]
fn predictions_hold() {
    for (job, file) in smokes() {
        let top = tempfile::tempdir().unwrap();
        let output = top.path().join("run");
        let checked = command(top.path(), ["check", file.to_str().unwrap(), "--output", "run"]);
        assert_eq!(checked.code, Some(0), "{job}: {}", checked.err);
        run(Threads(1), &file, &output).ends().state();
        let streams: Vec<&str> =
            checked.out.lines().filter_map(|line| line.trim().strip_prefix("the stream `")).collect();
        assert!(!streams.is_empty(), "{job}: {}", checked.out);
        for line in streams {
            let (name, rest) = line.split_once('`').unwrap();
            let predicted: Option<usize> = rest
                .trim()
                .strip_prefix("writes ")
                .map(|rest| rest.trim_start_matches("up to "))
                .and_then(|rest| rest.split(' ').next()?.parse().ok());
            let steps = halocline::files::input::variable(output.join(format!("{name}.h5")), "step").unwrap();
            match rest.contains("up to") {
                true => assert!(Some(steps.dims[0].1) <= predicted, "{job}: {line}"),
                false => assert_eq!(Some(steps.dims[0].1), predicted, "{job}: {line}"),
            }
        }
    }
}

#[test]
fn the_largest_number_of_ranks_is_possible_and_one_more_is_not() {
    for (job, file) in smokes() {
        let check = |ranks: &str| {
            command(Path::new("/"), ["check", file.to_str().unwrap(), "--output=/tmp/halocline-none", "--ranks", ranks])
        };
        let out = check("1").out;
        let most = out
            .split("(at most ")
            .nth(1)
            .and_then(|rest| rest.split(')').next())
            .unwrap_or_else(|| panic!("{job}: {out}"));
        assert_eq!(check(most).code, Some(0), "{job}: {most}: {}", check(most).err);
        let more = (most.parse::<usize>().unwrap() + 1).to_string();
        assert_eq!(check(&more).code, Some(2), "{job}: {more}: {}", check(&more).out);
    }
}

#[test]
fn a_process_grid_sets_the_number_of_ranks() {
    let dir = folder(HEAT);
    let ran = command(dir.path(), ["run", "heat.toml", "parallel.ranks=[2, 2]", "--threads=1", "--output=grid"]);
    assert!(ran.code == Some(0) && ran.out.contains("on 4 in-process ranks"), "{}{}", ran.out, ran.err);
}

#[test]
fn an_earlier_run_is_found_by_check() {
    let dir = folder(HEAT);
    assert_eq!(command(dir.path(), ["run", "heat.toml"]).code, Some(0));
    let message = both_refuse(dir.path(), &["heat.toml"]);
    assert!(message.contains("runs/heat holds an earlier run"), "{message}");
    assert_eq!(command(dir.path(), ["check", "heat.toml", "--force"]).code, Some(0));
    let done = command(dir.path(), ["check", "heat.toml", "--resume"]);
    assert!(done.code == Some(0) && done.out.contains("already complete"), "{}{}", done.out, done.err);
}

#[test]
fn a_disk_that_is_too_small_is_found_before_the_run() {
    let Some(disk) = Disk::of("64k") else { return };
    let output = format!("--output={}", disk.path().join("run").display());
    let file = smoke("diffusion");
    let message = both_refuse(disk.path(), &[file.to_str().unwrap(), &output]);
    assert!(message.contains("the first instant of every stream and one checkpoint take"), "{message}");
    disk.remount("size=1m");
    let all = [file.to_str().unwrap(), &output, "time.end=100000 step"];
    let warned = command(disk.path(), ["check"].into_iter().chain(all));
    assert!(warned.code == Some(0) && warned.out.contains("note: the run writes"), "{}{}", warned.out, warned.err);
    disk.remount("ro");
    let message = both_refuse(disk.path(), &[file.to_str().unwrap(), &output]);
    assert!(message.contains("cannot write to") && message.contains("Read-only file system"), "{message}");
}

#[test]
fn submit_makes_the_checks_of_a_run() {
    let dir = folder(HEAT);
    let submit = |arguments: &[&str]| {
        command(dir.path(), ["submit", "heat.toml", "--time=10", "--look"].iter().chain(arguments))
    };
    assert_eq!(submit(&[]).code, Some(0), "{}", submit(&[]).err);
    for (bad, text) in [
        ("time.end=1000000000000000000 step", "more than 2^53 steps"),
        ("output.fields.fields=['salt']", "no field `salt`"),
        ("--output=heat.toml/x", "is a file"),
        ("--nodes=1000000", "cannot share a grid"),
    ] {
        let refused = submit(&[bad]);
        assert!(refused.code == Some(2) && refused.err.contains(text), "{bad}: {}{}", refused.out, refused.err);
    }
}

/// Under a launcher, all ranks agree on the error, and one prints it.
#[test]
fn ranks_of_a_launcher_refuse_as_one() {
    if !has_mpirun() {
        return;
    }
    let dir = folder(HEAT);
    for (argument, text) in
        [("time.end=1e300 s", "more than 2^53 steps"), ("parameters.kappa=.5", "write 0.5"), (HUGE, "use fewer cells")]
    {
        let output = dir.path().join("new");
        run(Mpi(3), &dir.path().join("heat.toml"), &output).with(argument).ends().fails(2, &[text]);
        assert!(!output.exists(), "{argument}");
    }
}
