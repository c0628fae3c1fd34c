//! What a rank was started with, to be compared with the other ranks: the job file, the options, the program.
use super::job::PreparedJob;
use super::options::Options;
use crate::comm::Inputs;
use std::fs::File;
use std::io::{self, Write};
use xxhash_rust::xxh3::Xxh3;

/// The inputs of a run.
pub(super) fn inputs(job: &PreparedJob, options: &Options) -> Inputs {
    let Options { ranks, threads, output, force, resume, restart: _, trace } = options;
    let number = |n: &Option<std::num::NonZeroUsize>| n.map_or("not given".to_owned(), |n| n.to_string());
    let flag = |given: bool| if given { "given" } else { "not given" }.to_owned();
    let output = std::path::absolute(output).unwrap_or_else(|_| output.clone());
    let options = [
        ("program", program()),
        ("--ranks", number(ranks)),
        ("--threads", number(threads)),
        ("--output", output.display().to_string()),
        ("--force", flag(*force)),
        ("--trace", flag(*trace)),
        ("the run", if resume.is_some() { "resumed" } else { "new" }.to_owned()),
    ];
    Inputs::new(options.map(|(name, value)| (name.to_owned(), value)).into_iter().chain(job.file().keys()))
}

/// The version of this program, its revision, and a hash of its executable file.
fn program() -> String {
    let hash = || -> io::Result<u64> {
        let mut hash = Hash(Xxh3::new());
        io::copy(&mut File::open(std::env::current_exe()?)?, &mut hash)?;
        Ok(hash.0.digest())
    };
    // A file that cannot be read, or was replaced since, is not compared.
    let hash = hash().map_or(String::new(), |hash| format!(", hash {hash:016x}"));
    format!("{} ({}{hash})", env!("CARGO_PKG_VERSION"), option_env!("HALOCLINE_REVISION").unwrap_or("unknown"))
}

struct Hash(Xxh3);

impl Write for Hash {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
