//! The checks of a run, in one place: `run`, `check` and `submit` make the same ones, in the same order, before memory is
//! allocated or a directory is changed.
use super::input_files::{check_inputs, check_kept};
use super::job::PreparedJob;
use super::output_space::{check_path, check_place, check_space};
use super::plan::Plan;
use super::{series, setup, timing};
use crate::base::Result;
use crate::comm::Comm;
use crate::saved::acquisition;
use std::path::Path;

/// The run directory, and what becomes of it.
#[derive(Clone, Copy, Debug)]
pub struct Destination<'a> {
    /// The directory.
    pub dir: &'a Path,
    /// True if the results of an earlier run in it may be overwritten.
    pub force: bool,
    /// True if the run in it continues.
    pub resumes: bool,
}

/// Makes all checks of a run on `ranks` ranks; `memory` compares the memory that it needs with the nodes, which the caller knows.
/// Returns what the run will do, and notes for the user. Collective; `comm` may have fewer ranks than the run.
///
/// # Errors
/// If the directory cannot be used, if the job refuses its parameters, if the model or a stream has an error, if the grid cannot
/// be divided over the ranks, or if memory or the disk does not suffice.
pub fn check(
    job: &PreparedJob,
    comm: &Comm,
    ranks: usize,
    to: Destination,
    memory: impl FnOnce(&Plan) -> Result<()>,
) -> Result<(Plan, Vec<String>)> {
    comm.agree(if comm.is_root() { check_directory(to) } else { Ok(()) })?;
    let model = setup::model(job, comm.clone())?;
    // Other ranks would only repeat it; each reads its own part when the fields are filled.
    let inputs = match comm.is_root() && !to.resumes {
        true => check_kept(job.file(), &model, to.dir).and_then(|()| check_inputs(job.file(), &model)),
        false => Ok(vec![]),
    };
    let mut notes = comm.agree(inputs)?;
    notes.extend(timing::warnings(job.file(), model.declared.clock));
    notes.extend(series::note(job.file(), &model.declared));
    let plan = Plan::new(job.file(), model, ranks)?;
    memory(&plan)?;
    let full = comm.agree(if comm.is_root() { check_space(to.dir, &plan) } else { Ok(None) })?;
    notes.extend(full);
    Ok((plan, notes))
}

/// Checks that the directory can be used, without changing anything.
///
/// # Errors
/// If it cannot be made or written, or holds files that may not be overwritten.
pub fn check_directory(to: Destination) -> Result<()> {
    if to.resumes {
        return acquisition::check_resumable(to.dir);
    }
    check_path(to.dir)?;
    acquisition::check(to.dir, to.force)?;
    check_place(to.dir)
}
