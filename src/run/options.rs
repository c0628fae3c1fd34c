//! [`Options`]: the command-line options of a run.
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// What the command line says about a run, in addition to the job file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Number of ranks, as threads of this process. `None`: the ranks of the MPI launcher, or 1.
    pub ranks: Option<NonZeroUsize>,
    /// Threads of each rank. `None`: as many as the rank has cores.
    pub threads: Option<NonZeroUsize>,
    /// The run directory: absent, empty, or with `force` the directory of an earlier run.
    pub output: PathBuf,
    /// True if the directory of an earlier run may be overwritten.
    pub force: bool,
    /// Continues the run in the directory from its latest state instead of starting a new one. The map holds the keys of the
    /// job file that have changed since, with their values `[before, after]`.
    pub resume: Option<BTreeMap<String, [String; 2]>>,
    /// True if a resumed run that has saved no state may start from its beginning, which drops its output.
    pub restart: bool,
    /// True if `trace.json` is written: what each rank did when.
    pub trace: bool,
}
