//! Reads the job file that the command line names.
use super::arguments::JobArguments;
use crate::base::Result;
use crate::config::JobFile;
use crate::run::{JobEntry, PreparedJob};

/// The prepared job of a job file, with the keys of the command line.
pub(super) fn read(jobs: &[JobEntry], arguments: &JobArguments) -> Result<PreparedJob> {
    PreparedJob::of_file(jobs, JobFile::read(&arguments.file, &arguments.set)?)
}
