//! Whole jobs in new processes: their output and exit codes, on in-process ranks and, if it is installed, under `mpirun`.
mod mpirun;

use halocline::comm::{Launch, RawMessage, Reduce, selftest};
use halocline::{Comm, Error, Result};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// The job that the processes run; does nothing when called as a test.
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

/// Some ranks fail, while the others wait for them, compute, or have finished.
fn fail(comm: &Comm, way: &str, ranks: &str, others: &str) -> Result<()> {
    if ranks == "all" || ranks.split(',').any(|r| r.parse() == Ok(comm.rank())) {
        return match way {
            "panic" => panic!("cell [3, {}, 5] of `h` is NaN", 4),
            "error" => Err(Error::failure("cannot write runs/x: disk full").remedy("free some space")),
            "input" => Err(Error::input("`grid.cells` has a zero")),
            "stop" => Err(Error::stopped("stopped at step 40: run it again to go on")),
            "abort" => comm.abort(7),
            "unfinished" => unwind_with_messages_in_progress(comm),
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

/// Panics while a link, a message without a buffer and a reduction wait for other ranks.
fn unwind_with_messages_in_progress(comm: &Comm) -> ! {
    let peer = (comm.rank() + 1) % comm.size();
    let mut memory = vec![0_u8; 1_000_000];
    let receive = RawMessage { peer, at: memory.as_mut_ptr(), bytes: memory.len() };
    // Leaked: the messages are not finished.
    std::mem::forget(memory);
    let mut link = comm.link(1, &[], &[(peer, 1_000_000)]);
    let mut direct = comm.direct(2);
    link.start();
    // SAFETY: the memory is never freed, and not accessed here.
    unsafe { direct.start(&[], &[receive]) };
    let _pending = comm.begin_reduce(Reduce::Sum, vec![1; 1000]);
    panic!("in the middle")
}

/// The command that runs [`job`] in a new process.
fn arguments() -> (std::path::PathBuf, [&'static str; 4]) {
    (std::env::current_exe().unwrap(), ["--exact", "job", "--nocapture", "--quiet"])
}

/// The commands that start a job, with the kind of its ranks.
fn launches(job: &str, ranks: usize) -> Vec<(&'static str, Command)> {
    let (program, arguments) = arguments();
    let mut alone = Command::new(&program);
    alone.args(arguments).env("HALOCLINE_TEST_RANKS", ranks.to_string());
    let mut launches = vec![("in-process", alone)];
    if mpirun::missing().is_none() {
        let mut mpirun = mpirun::mpirun(ranks, &program);
        mpirun.args(arguments);
        launches.push(("MPI", mpirun));
    }
    for (_, command) in &mut launches {
        command.env("HALOCLINE_TEST_JOB", job).env_remove("RUST_BACKTRACE");
    }
    launches
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_self_test_passes_on_ranks_of_both_kinds() {
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
fn a_failed_job_ends_within_seconds_with_one_message_and_its_exit_code() {
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
        ("unfinished 1 wait", 1, "error: rank 1 failed: in the middle (tests/comm.rs:"),
        // MPI_Abort prints the message itself.
        ("abort 1 wait", 7, "error: rank 1 failed: ended the job with exit code 7"),
        // Here the launcher prints the message, and has its own exit code.
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
fn a_launcher_of_another_mpi_is_wrong_input() {
    for (rank, reports) in [("0", true), ("2", false)] {
        let (program, arguments) = arguments();
        let environment = [("PMI_SIZE", "3"), ("PMI_RANK", rank), ("HALOCLINE_TEST_JOB", "selftest")];
        let Output { status, stderr, .. } = Command::new(program).args(arguments).envs(environment).output().unwrap();
        assert_eq!(status.code(), Some(2));
        let expected = "error: mpiexec (PMI) started 3 ranks, but MPI sees 1";
        assert_eq!(text(&stderr).contains(expected), reports, "{}", text(&stderr));
    }
}
