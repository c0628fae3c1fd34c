//! A run from start to end. This placeholder will be replaced by the real driver.
use crate::config::JobFile;
use crate::job::JobEntry;
use crate::{Error, Result};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// What the command line says about a run, beside the job file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Ranks as threads of this process; `None`: as the MPI launcher says, or 1.
    pub ranks: Option<NonZeroUsize>,
    /// Threads of each rank; `None`: as many as the rank's cores.
    pub threads: Option<NonZeroUsize>,
    /// The folder of the run, which rank 0 claims with [`crate::folder::claim`].
    pub output: PathBuf,
    /// True if a folder that an earlier run made may be overwritten.
    pub force: bool,
}

/// Runs a job and returns the exit code of this process.
pub fn run(entry: &JobEntry, _file: JobFile, options: Options) -> u8 {
    eprintln!("error: `{}` cannot run into {} yet", entry.name(), options.output.display());
    1
}

/// Makes one plain file of a stream's segments.
pub fn pack(dir: &Path, stream: &str) -> Result<PathBuf> {
    Err(Error::failure(format!("cannot pack {} of {} yet", stream, dir.display())))
}
