//! What a rank was started with, to be compared with the other ranks: the job file, the options, the program.
use super::job::PreparedJob;
use super::options::Options;
use super::program_identity::program;
use crate::comm::{Inputs, OUTPUT, THE_RUN};

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
        (OUTPUT, output.display().to_string()),
        ("--force", flag(*force)),
        ("--trace", flag(*trace)),
        (THE_RUN, if resume.is_some() { "resumed" } else { "new" }.to_owned()),
    ];
    Inputs::new(options.map(|(name, value)| (name.to_owned(), value)).into_iter().chain(job.file().keys()))
}
