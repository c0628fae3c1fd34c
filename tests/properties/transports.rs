//! Random models on ranks of both kinds: one test body, whose ranks are threads of a process or processes under `mpirun`.
use crate::draw_case::{case, fusible_case};
use crate::mpirun;
use crate::{difference, reference::Reference, with_element};
use halocline::comm::Launch;
use halocline::prelude::*;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use std::io::Write;
use std::process::Command;

/// Random models of each of three kinds, on each number of ranks.
const MODELS: u32 = 12;

/// The ranks of a launch: a process for each under `mpirun`, else one process. Does nothing when called as a test.
#[test]
fn job() {
    let number = |name| std::env::var(name).ok().and_then(|n| n.parse::<u64>().ok());
    let (Some(ranks), Some(seed)) = (number("HALOCLINE_TEST_RANKS"), number("HALOCLINE_TEST_SEED")) else { return };
    let launch = Launch { ranks: Some(ranks as usize), threads: Some(2) };
    std::process::exit(launch.run(|comm| random_models_equal_plain_loops(&comm, seed)).into());
}

/// The body. Every rank draws the same models, and compares its own copy of what was gathered.
fn random_models_equal_plain_loops(comm: &Comm, seed: u64) -> Result<()> {
    let kinds = [case().boxed(), fusible_case(false).boxed(), fusible_case(true).boxed()];
    let mut runner = TestRunner::new(Config { rng_seed: RngSeed::Fixed(seed), ..Config::default() });
    for model in 0..MODELS {
        for kind in &kinds {
            let case = kind.new_tree(&mut runner).expect("a model is drawn").current().on_at_most(comm.size());
            // Of small models, the first ranks take part: on a communicator of their own.
            let size: usize = case.split.parts.iter().product();
            let part = comm.split(usize::from(comm.rank() >= size));
            if comm.rank() < size {
                let wrong = with_element!(case.element, T => {
                    let found = case.run_part::<T>(part)?;
                    difference(&case, &found, &Reference::<T>::new(&case).run())
                });
                if let Some(wrong) = wrong {
                    return Err(Error::failure(format!("model {model} of seed {seed}: {wrong}\n{case:#?}")));
                }
            }
        }
    }
    println!("rank {} of {} {} ranks: all equal", comm.rank(), comm.size(), comm.kind());
    Ok(())
}

/// Starts the body on a number of ranks.
fn launch(kind: &str, ranks: u64) {
    let program = std::env::current_exe().expect("a test has a program");
    let mut command = match kind {
        "MPI" => mpirun::mpirun(ranks as usize, &program),
        _ => Command::new(&program),
    };
    if kind == "MPI" {
        // Messages through shared memory, or MPI's own; in pieces on one of the numbers of ranks.
        command.env("HALOCLINE_MPI_WINDOW", if ranks.is_multiple_of(2) { "0" } else { "300000" });
        command.env("HALOCLINE_MPI_CHUNK", if ranks == 3 { "1000" } else { "1000000000" });
    }
    command.args(["--exact", "transports::job", "--nocapture", "--quiet"]).env_remove("RUST_BACKTRACE");
    command.env("HALOCLINE_TEST_RANKS", ranks.to_string()).env("HALOCLINE_TEST_SEED", (80 + ranks).to_string());
    let done = command.output().expect("it starts");
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{ranks} {kind} ranks: {err}");
    for rank in 0..ranks {
        let expected = format!("rank {rank} of {ranks} {kind} ranks: all equal");
        assert!(out.contains(&expected), "no line {expected:?}: {out}");
    }
}

#[test]
fn on_in_process_ranks() {
    [1, 4].into_iter().for_each(|ranks| launch("in-process", ranks));
}

#[test]
fn on_mpi_ranks() {
    let Some(why) = mpirun::missing() else { return [1, 2, 3, 4].into_iter().for_each(|ranks| launch("MPI", ranks)) };
    // Not `eprintln!`, which the test harness would swallow.
    let _ = writeln!(std::io::stderr(), "skipped: random models on MPI ranks: {why}");
}
