//! Tries everything that ranks can do with each other, on whatever ranks there are:
//! `mpirun -n 4 comm_selftest`, or `comm_selftest 4` on in-process ranks. A first test of a new machine.
use halocline::comm::{Launch, selftest, thread_warning};
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let ranks = std::env::args().nth(1).and_then(|n| n.parse().ok());
    let exit_code = Launch { ranks, threads: None }.run(|comm| {
        let warning = thread_warning(&comm);
        let start = Instant::now();
        selftest(&comm)?;
        comm.barrier();
        if comm.is_root() {
            let (size, kind, threads) = (comm.size(), comm.kind(), comm.threads().count());
            println!("all well on {size} {kind} ranks with {threads} threads each, {:.0?}", start.elapsed());
            warning.into_iter().for_each(|text| eprintln!("warning: {text}"));
        }
        Ok(())
    });
    ExitCode::from(exit_code)
}
