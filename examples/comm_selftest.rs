//! Tries everything that ranks can do with each other, on whatever ranks there are:
//! `mpirun -n 4 comm_selftest` or `comm_selftest --ranks 4`. Or fails in a way of your choice, to see how that ends:
//! `comm_selftest panic|error|abort|hang RANK`, where RANK may be `all`.
use halocline::comm::{Launch, selftest, thread_warning};
use halocline::{Comm, Error, Result};
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let option = |name| words.iter().position(|w| w == name).and_then(|i| words.get(i + 1)?.parse().ok());
    let launch = Launch { ranks: option("--ranks"), threads: option("--threads") };
    ExitCode::from(launch.run(|comm| match &words[..] {
        [way, rank, ..] if !way.starts_with("--") => fail(&comm, way, rank),
        _ => run(&comm),
    }))
}

fn run(comm: &Comm) -> Result<()> {
    if let Some(warning) = thread_warning(comm).filter(|_| comm.is_root()) {
        eprintln!("warning: {warning}");
    }
    let start = std::time::Instant::now();
    selftest(comm)?;
    comm.barrier();
    if comm.is_root() {
        let (size, kind, threads) = (comm.size(), comm.kind(), comm.threads().count());
        println!("all well on {size} {kind} ranks with {threads} threads each, {:.0?}", start.elapsed());
    }
    Ok(())
}

fn fail(comm: &Comm, way: &str, rank: &str) -> Result<()> {
    let mine = rank == "all" || rank.split(',').any(|r| r.parse() == Ok(comm.rank()));
    match way {
        "panic" if mine => panic!("cell [3, {}, 5] of `h` is NaN", 4),
        "error" if mine => return Err(Error::failure("cannot write runs/x: disk full").remedy("free some space")),
        "input" if mine => return Err(Error::input("`grid.cells` has a zero")),
        "stop" if mine => return Err(Error::stopped("stopped at step 40: run it again to go on")),
        "abort" if mine => comm.abort(7),
        _ => {}
    }
    match rank {
        "all" if way != "hang" => {}
        // The others wait for a message, compute, or are done.
        _ if words("wait") => comm.barrier(),
        _ if words("compute") || way == "hang" => {
            std::thread::sleep(Duration::from_secs(60));
        }
        _ => {}
    }
    Ok(())
}

fn words(word: &str) -> bool {
    std::env::args().any(|w| w == word)
}
