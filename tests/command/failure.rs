//! Everything that can go wrong: bad input, a rank that panics or dies, numbers that are not finite, a full disk, signals.
//! Every rank ends within seconds, with the exit code that tells scripts what to do, one message for people, and files
//! that are whole or not there.
mod support;
use halocline::config::JobFile;
use halocline::prelude::*;
use halocline::{jobs, run};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use support::Ranks::{self, Mpi, Threads};
use support::{
    Disk, Run, both, has_mpirun, instants, is_alive, nothing_half_written, outcome, run, signal, skipped, smoke, soon,
};
use tempfile::TempDir;

fn folder() -> (TempDir, PathBuf) {
    let top = tempfile::tempdir().unwrap();
    let path = top.path().join("run");
    (top, path)
}

/// Diffusion that never ends, with an instant every hundred steps, each readable at once.
fn endless(ranks: Ranks, output: &Path) -> Run {
    let keys = ["time.end=1000000000 step", "output.fields.every=100 step", "output.fields.seal=0 s"];
    run(ranks, &smoke("diffusion"), output).with_all(keys)
}

/// Asserts that the stream `fields` holds instants at steps 0, `every`, … with nothing but finite numbers in them.
fn readable(output: &Path, variable: &str, every: u64) {
    let instants = instants(output, "fields", variable);
    assert!(!instants.is_empty());
    for (i, (step, values)) in instants.iter().enumerate() {
        assert_eq!(*step, i as u64 * every, "{}", output.display());
        assert!(values.iter().all(|v| v.is_finite()), "{}: step {step}", output.display());
    }
}

#[test]
fn bad_input_is_one_message_on_any_ranks() {
    let existing = folder();
    run(Threads(1), &smoke("diffusion"), &existing.1).ends().state();
    let before = fs::read(existing.1.join("summary.json")).unwrap();
    let unwritable = Path::new("/proc/halocline");
    #[allow(clippy::type_complexity)] // a table
    let cases: [(&str, &[&str], Option<&Path>, &[&str]); 10] = [
        ("unknown key", &["grid.cels=[8]"], None, &["unknown key `grid.cels`"]),
        ("NaN", &["parameters.kappa=nan"], None, &["`parameters.kappa` = nan: is not finite"]),
        (
            "unstable step",
            &["parameters.dt=1.0"],
            None,
            &["`parameters.dt` = 1 s is unstable: at most 1.25", "leave it out"],
        ),
        (
            "too many ranks",
            &["grid.cells=[1, 1, 4]", "grid.length=[1.0, 1.0, 4.0]"],
            None,
            &["3 ranks cannot share a grid of [1, 1, 4] cells", "use 2 ranks: the largest number"],
        ),
        ("process grid of others", &["parallel.ranks=[2, 2, 1]"], None, &["[2, 2, 1]", "4 ranks", "3"]),
        ("no such field", &["output.fields.fields=[\"salt\"]"], None, &["no field `salt`", "temperature"]),
        (
            "point outside",
            &["output.p={every='1 step', points=[[1.0, 1.0, 99.0]]}"],
            None,
            &["`output.p.points[0]`", "26"],
        ),
        (
            "missing file",
            &["parameters.initial=file", "parameters.file=no/such.nc", "parameters.variable=a"],
            None,
            &["no/such.nc: No such file", "current folder"],
        ),
        ("existing output", &[], Some(&existing.1), &["holds an earlier run", "--force"]),
        ("unwritable folder", &[], Some(unwritable), &["cannot create", "/proc/halocline", "--output DIR"]),
    ];
    for (what, keys, output, texts) in cases {
        for ranks in both(3) {
            let (_top, new) = folder();
            let output = output.unwrap_or(&new);
            let ended = run(ranks, &smoke("diffusion"), output).with_all(keys.iter().copied()).ends();
            ended.fails(2, texts);
            assert!(ended.waited < soon(), "{what} on {ranks:?} took {:?}", ended.waited);
            assert!(!new.exists(), "{what} on {ranks:?} made a folder");
        }
    }
    assert_eq!(fs::read(existing.1.join("summary.json")).unwrap(), before, "the earlier run is as it was");
    nothing_half_written(&existing.1);
}

#[test]
fn ranks_that_do_not_know_of_each_other_are_refused() {
    let (_top, output) = folder();
    if !has_mpirun() {
        return;
    }
    let alone = || run(Threads(1), &smoke("diffusion"), &output);
    let open_mpi = alone().env("OMPI_COMM_WORLD_SIZE", "3").env("OMPI_COMM_WORLD_RANK", "0").ends();
    open_mpi.fails(2, &["started 3 ranks, but MPI sees 1", "another MPI"]);
    let slurm = alone().env("SLURM_STEP_ID", "0").env("SLURM_PROCID", "0").env("SLURM_STEP_NUM_TASKS", "4").ends();
    slurm.fails(2, &["srun started 4 ranks, but MPI sees 1", "--mpi=pmix"]);
    let wrong = run(Mpi(3), &smoke("diffusion"), &output).with_all(["--ranks", "2"]).ends();
    wrong.fails(2, &["--ranks is 2", "started 3"]);
    assert!(!output.exists());
}

/// More in-process ranks than a process can carry.
#[test]
fn ranks_without_measure_are_refused() {
    let (_top, output) = folder();
    let ended = run(Threads(20_000), &smoke("diffusion"), &output).ends();
    ended.fails(2, &["--ranks is 20000", "at most 1024", "mpirun"]);
    assert!(!output.exists());
}

/// In single precision the source grows beyond all numbers after a while.
#[test]
fn infinity_is_caught_and_good_output_stays() {
    for ranks in both(3) {
        let (_top, output) = folder();
        let keys = [
            "engine.element=f32",
            "parameters.amplitude=3e39",
            "output.fields.every=2 step",
            "output.receivers.every=never",
        ];
        let ended = run(ranks, &smoke("acoustic"), &output).with_all(keys).ends();
        ended.fails(1, &["error: `", "` is ", " in cell [", "[z, y, x] after step ", "smaller time step"]);
        assert!(ended.waited < soon());
        readable(&output, "pressure", 2);
        nothing_half_written(&output);
        assert!(outcome(&output).unwrap().contains("after step"), "the summary tells how it ended");
    }
}

#[test]
fn a_nan_in_an_input_file_is_found_in_its_cell() {
    let top = tempfile::tempdir().unwrap();
    let file = top.path().join("relief.nc");
    let values: Vec<_> =
        (0..6 * 8 * 10).map(|i| if i == (3 * 8 + 4) * 10 + 5 { "NaN".into() } else { i.to_string() }).collect();
    let text = format!(
        "netcdf relief {{ dimensions: z = 6; y = 8; x = 10; variables: double a(z, y, x); data: a = {}; }}",
        values.join(", ")
    );
    fs::write(top.path().join("relief.cdl"), text).unwrap();
    let made = Command::new("ncgen").arg("-o").arg(&file).arg(top.path().join("relief.cdl")).status();
    if !made.is_ok_and(|status| status.success()) {
        return skipped("NaN in an input file", "there is no ncgen");
    }
    let keys = [
        "grid.cells=[6, 8, 10]".to_owned(),
        "grid.length=[6.0, 8.0, 10.0]".into(),
        "parameters.initial=file".into(),
        format!("parameters.file={}", file.display()),
        "parameters.variable=a".into(),
    ];
    for ranks in both(3) {
        let (_top, output) = folder();
        // Before anything is written, with output or without.
        for quiet in [None, Some("output.fields.every=never")] {
            let ended = run(ranks, &smoke("diffusion"), &output).with_all(keys.clone()).with_all(quiet).ends();
            ended.fails(2, &["relief.nc: a: 1 of 480 values are missing, the first at [z, y, x] = [3, 4, 5]", "fill"]);
            assert!(!output.exists());
        }
    }
}

#[test]
fn a_full_disk_leaves_what_was_complete() {
    for ranks in both(3) {
        // Full before the first instant, and after some.
        for (size, some) in [("64k", false), ("1m", true)] {
            let Some(disk) = Disk::of(size) else { return };
            let output = disk.path().join("run");
            let ended = endless(ranks, &output).ends();
            let first = "the first instant of every stream and one checkpoint take";
            ended.fails(
                if some { 1 } else { 2 },
                &[if some { "No space left" } else { first }, "free space", "--output DIR"],
            );
            assert!(ended.waited < soon(), "{ranks:?}: {:?}", ended.waited);
            assert_eq!(output.exists(), some, "{size} on {ranks:?}");
            if some {
                readable(&output, "temperature", 100);
            }
            nothing_half_written(&output);
            assert!(outcome(&output).is_none_or(|o| o.contains("No space left")), "{ranks:?}");
        }
    }
}

#[test]
fn a_rank_that_is_killed_ends_the_others() {
    if !has_mpirun() {
        return;
    }
    for victim in 0..3 {
        let (_top, output) = folder();
        let mut running = endless(Mpi(3), &output).starts();
        running.until_file(&output.join("fields.h5"));
        let ranks = running.ranks(Mpi(3));
        assert_eq!(ranks.len(), 3);
        signal("KILL", &[ranks[victim]]);
        let ended = running.ends();
        assert!(!ended.status.success() && ended.waited < soon(), "rank {victim}: {} {:?}", ended.status, ended.waited);
        let over = Instant::now();
        while ranks.iter().any(|&rank| is_alive(rank)) {
            assert!(over.elapsed() < soon(), "a rank is still alive");
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(outcome(&output), None);
        readable(&output, "temperature", 100);
    }
}

/// Waits for the end of a run that was asked to stop, and checks what it left.
fn stopped(running: support::Running, output: &Path, code: i32, by: &str) {
    let ended = running.ends();
    assert_eq!(ended.status.code(), Some(code), "{}{}", ended.out, ended.err);
    assert!(ended.waited < soon(), "{:?}", ended.waited);
    let told = ended.err.lines().filter(|line| line.starts_with(&format!("stopped by {by} after step "))).count();
    assert_eq!(told, 1, "{}", ended.err);
    assert!(!ended.err.contains("error: "), "{}", ended.err);
    assert!(outcome(output).unwrap().starts_with(&format!("stopped by {by}")));
    readable(output, "temperature", 100);
    nothing_half_written(output);
}

#[test]
fn signals_stop_a_run_well() {
    for ranks in both(3) {
        // To one of them, the last: the others hear of it. Twice at once, as `timeout` does it.
        for (name, by) in [("TERM", "SIGTERM"), ("INT", "SIGINT"), ("USR1", "SIGUSR1")] {
            let (_top, output) = folder();
            let mut running = endless(ranks, &output).starts();
            running.until_file(&output.join("fields.h5"));
            let last = *running.ranks(ranks).last().expect("ranks");
            signal(name, &[last, last]);
            stopped(running, &output, 75, by);
        }
    }
}

/// Open MPI's launcher sends it on, and then exits with 1 whatever the ranks do; MPICH's with their code.
#[test]
fn a_launcher_that_is_told_to_stop_lets_ranks_end_well() {
    if !has_mpirun() {
        return;
    }
    let (_top, output) = folder();
    let mut running = endless(Mpi(3), &output).env("OMPI_MCA_odls_base_sigkill_timeout", "5").starts();
    running.until_file(&output.join("fields.h5"));
    signal("TERM", &[running.process()]);
    let ended = running.ends();
    assert!(!ended.status.success() && ended.waited < soon(), "{} {:?}", ended.status, ended.waited);
    assert!(outcome(&output).unwrap().starts_with("stopped by SIGTERM"));
    readable(&output, "temperature", 100);
    nothing_half_written(&output);
}

/// Where a rank hangs, a first signal cannot end a run; a second one does, if it is no echo of the first.
#[test]
fn a_second_signal_ends_a_run_that_hangs() {
    if !has_mpirun() {
        return;
    }
    let (_top, output) = folder();
    let mut running = endless(Mpi(3), &output).starts();
    running.until_file(&output.join("fields.h5"));
    let ranks = running.ranks(Mpi(3));
    signal("STOP", &[ranks[2]]);
    signal("TERM", &[ranks[0]]);
    std::thread::sleep(Duration::from_millis(1200));
    assert!(is_alive(ranks[0]), "one signal is no order to die");
    signal("TERM", &[ranks[0]]);
    let ended = running.ends();
    assert!(!ended.status.success() && ended.waited < soon(), "{} {:?}", ended.status, ended.waited);
    assert_eq!(outcome(&output), None);
    readable(&output, "temperature", 100);
}

/// A job in which one rank fails in the middle of a step, as no job of ours does.
struct Faulty;

#[parameters]
struct Fault {
    /// the rank
    #[parameter(default = 1)]
    rank: usize,
    /// the number of the step, from 0
    #[parameter(default = 25)]
    step: usize,
}

impl Job for Faulty {
    const NAME: &'static str = "faulty";
    const SUMMARY: &'static str = "fails";
    type Parameters = Fault;

    fn build<R: Real>(fault: &Fault, model: &mut Model) -> Result<()> {
        use std::sync::Arc;
        use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
        let (steps, fails, last) = (Arc::new(AtomicUsize::new(0)), fault.rank == model.comm().rank(), fault.step);
        let a = model.field::<R>("a").initial(|at| at.uniform(1)).build()?;
        let count = model.scalar("steps", 0.0);
        model.every_step(move |s| {
            let counted = steps.clone();
            s.compute(count, [count], move |[n]| {
                counted.fetch_add(1, Relaxed);
                n + 1.0
            });
            s.tiles("tear", [(a, Extent::star(1))], [a], move |[old], [mut new]| {
                assert!(!fails || steps.load(Relaxed) <= last, "there is no tile of {} planes", new.dim().0);
                let (nz, ny, nx) = new.dim();
                new.assign(&old.slice(ndarray::s![old.dim().0 - nz.., ..ny, ..nx]));
            });
        });
        Ok(())
    }
}

/// Runs the job [`Faulty`] as a program of its own, for the test below; nothing when called as a test.
#[test]
fn faulty_program() {
    let Ok(output) = std::env::var("HALOCLINE_TEST_FAULTY") else { return };
    let text = "job = 'faulty'\ngrid.cells = [12, 8, 8]\ngrid.periodic = true\ntime.end = '100000 step'\n\
                output.fields = { every = '10 step', seal = '0 s' }";
    let keys: Vec<String> = std::env::var("HALOCLINE_TEST_KEYS").unwrap().split(' ').map(str::to_owned).collect();
    let ranks = std::env::var("HALOCLINE_TEST_RANKS").ok().and_then(|n| n.parse().ok());
    let file = JobFile::parse("faulty.toml", text, &keys).unwrap();
    let job = run::PreparedJob::of_file(jobs![Faulty], file).unwrap();
    let threads = std::num::NonZeroUsize::new(1);
    let options = run::Options {
        ranks,
        threads,
        output: output.into(),
        force: false,
        resume: None,
        restart: false,
        trace: false,
    };
    std::process::exit(run::run(&job, options).into());
}

#[test]
fn a_panic_on_one_rank_is_one_message_with_its_stage() {
    for ranks in both(3) {
        for rank in 0..3 {
            let (_top, output) = folder();
            let mut program = Run::of(ranks, &std::env::current_exe().unwrap(), "faulty")
                .with_all(["--exact", "faulty_program", "--nocapture", "--quiet"])
                .env("HALOCLINE_TEST_FAULTY", &output.display().to_string())
                .env("HALOCLINE_TEST_KEYS", &format!("parameters.rank={rank}"));
            if let Threads(n) = ranks {
                program = program.env("HALOCLINE_TEST_RANKS", &n.to_string());
            }
            let ended = program.ends();
            let (who, place) = (format!("rank {rank}"), "failure.rs:");
            ended.fails(1, &[&who, "there is no tile of", place, "stage `tear`", "step 25"]);
            assert!(ended.waited < soon(), "{ranks:?}: {:?}", ended.waited);
            assert_eq!(outcome(&output), None);
            readable(&output, "a", 10);
            assert_eq!(instants(&output, "fields", "a").len(), 3, "steps 0, 10, 20");
        }
    }
}
