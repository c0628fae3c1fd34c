//! Whole jobs, as processes: what they print and how they end, on in-process ranks and under `mpirun` where there is one.
use halocline::comm::{Launch, selftest};
use halocline::{Comm, Error, Result};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// The job that the processes run; nothing when called as a test.
#[test]
fn job() {
    let Ok(words) = std::env::var("HALOCLINE_TEST_JOB") else { return };
    let words: Vec<&str> = words.split(' ').collect();
    let ranks = std::env::var("HALOCLINE_TEST_RANKS").ok().and_then(|n| n.parse().ok());
    let code = Launch { ranks, threads: None }.run(|comm| match words[..] {
        [way, ranks, others] => fail(&comm, way, ranks, others),
        _ => {
            selftest(&comm)?;
            println!("all well on rank {} of {} {} ranks", comm.rank(), comm.size(), comm.kind());
            Ok(())
        }
    });
    std::process::exit(code.into());
}

/// Some ranks fail, while the others wait for them, compute, or are done.
fn fail(comm: &Comm, way: &str, ranks: &str, others: &str) -> Result<()> {
    if ranks == "all" || ranks.split(',').any(|r| r.parse() == Ok(comm.rank())) {
        return match way {
            "panic" => panic!("cell [3, {}, 5] of `h` is NaN", 4),
            "error" => Err(Error::failure("cannot write runs/x: disk full").remedy("free some space")),
            "input" => Err(Error::input("`grid.cells` has a zero")),
            "stop" => Err(Error::stopped("stopped at step 40: run it again to go on")),
            "abort" => comm.abort(7),
            _ => {
                signal_hook::low_level::raise(signal_hook::consts::SIGKILL).unwrap();
                Ok(())
            }
        };
    }
    match others {
        "wait" => comm.barrier(),
        "compute" => std::thread::sleep(Duration::from_secs(60)),
        _ => {}
    }
    Ok(())
}

/// This program again, running [`job`].
fn arguments() -> (std::path::PathBuf, [&'static str; 4]) {
    (std::env::current_exe().unwrap(), ["--exact", "job", "--nocapture", "--quiet"])
}

/// The ways to start a job: kind of ranks and command.
fn launches(job: &str, ranks: usize) -> Vec<(&'static str, Command)> {
    let (program, arguments) = arguments();
    let mut alone = Command::new(&program);
    alone.args(arguments).env("HALOCLINE_TEST_RANKS", ranks.to_string());
    let mut launches = vec![("in-process", alone)];
    if cfg!(feature = "mpi") && Command::new("mpirun").arg("--version").output().is_ok() {
        let mut mpirun = Command::new("mpirun");
        mpirun.args(["-n", &ranks.to_string()]).arg(program).args(arguments);
        launches.push(("MPI", mpirun));
    }
    for (_, command) in &mut launches {
        command.env("HALOCLINE_TEST_JOB", job).env_remove("RUST_BACKTRACE");
        // Open MPI asks for these where root runs it, and where there are more ranks than cores.
        let settings = ["ALLOW_RUN_AS_ROOT", "ALLOW_RUN_AS_ROOT_CONFIRM", "MCA_rmaps_base_oversubscribe"];
        command.envs(settings.map(|name| (format!("OMPI_{name}"), "1")));
    }
    launches
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn everything_works_on_ranks_of_both_kinds() {
    for ranks in [1, 2, 3, 4] {
        for (chunk, window) in [("1000000000", "300000"), ("1000000000", "0"), ("1000", "5000")] {
            for (kind, mut command) in launches("selftest", ranks) {
                let Output { status, stdout, stderr } =
                    command.env("HALOCLINE_MPI_CHUNK", chunk).env("HALOCLINE_MPI_WINDOW", window).output().unwrap();
                assert!(status.success(), "{ranks} {kind} ranks: {}", text(&stderr));
                for rank in 0..ranks {
                    let expected = format!("all well on rank {rank} of {ranks} {kind} ranks");
                    assert!(text(&stdout).contains(&expected), "{expected}: {}", text(&stdout));
                }
            }
        }
    }
}

#[test]
fn a_failed_job_ends_soon_with_one_message_and_its_exit_code() {
    let panic = "error: rank 1 failed: cell [3, 4, 5] of `h` is NaN (tests/comm.rs:";
    let cases = [
        ("error all end", 1, "error: cannot write runs/x: disk full"),
        ("input all end", 2, "error: `grid.cells` has a zero"),
        ("stop all end", 75, "stopped at step 40"),
        ("stop 2 end", 75, "stopped at step 40"),
        ("error 1,2 end", 1, "error: rank 1 failed: cannot write runs/x: disk full"),
        ("input 1 wait", 2, "error: rank 1 failed: `grid.cells` has a zero"),
        ("error 1,2 compute", 1, "error: rank 1 failed: cannot write runs/x: disk full"),
        ("panic 1 wait", 1, panic),
        ("panic 1 compute", 1, panic),
        // MPI_Abort says it itself.
        ("abort 1 wait", 7, "error: rank 1 failed: ended the job with exit code 7"),
        // So does the launcher here, with an exit code of its own.
        ("die 1 wait", 0, ""),
    ];
    for (job, code, message) in cases {
        for (kind, mut command) in launches(job, 3) {
            if job.starts_with("die") && kind != "MPI" {
                continue;
            }
            let start = Instant::now();
            let Output { status, stderr, .. } = command.output().unwrap();
            let (errors, took) = (text(&stderr), start.elapsed());
            match code {
                0 => assert!(!status.success(), "{kind} {job}: {errors}"),
                _ => assert_eq!(status.code(), Some(code), "{kind} {job}: {errors}"),
            }
            assert!(took < Duration::from_secs(10), "{kind} {job} took {took:?}");
            let ours: Vec<_> = errors.lines().filter(|l| l.contains("error: ") || l.contains("stopped at")).collect();
            match kind {
                "MPI" if job.starts_with("abort") || job.starts_with("die") => assert!(ours.is_empty(), "{errors}"),
                _ => assert!(ours.len() == 1 && ours[0].starts_with(message), "{kind} {job}: {errors}"),
            }
        }
    }
}

#[cfg(feature = "mpi")]
#[test]
fn singletons_under_a_launcher_are_wrong_input() {
    for (rank, speaks) in [("0", true), ("2", false)] {
        let (program, arguments) = arguments();
        let environment = [("PMI_SIZE", "3"), ("PMI_RANK", rank), ("HALOCLINE_TEST_JOB", "selftest")];
        let Output { status, stderr, .. } = Command::new(program).args(arguments).envs(environment).output().unwrap();
        assert_eq!(status.code(), Some(2));
        let expected = "error: mpiexec (PMI) started 3 ranks, but MPI sees 1";
        assert_eq!(text(&stderr).contains(expected), speaks, "{}", text(&stderr));
    }
}
