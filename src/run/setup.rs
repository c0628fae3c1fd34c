//! Declares the model of a job file, with its grid, process grid and instruction set. Allocates nothing.
use crate::base::{Error, Result};
use crate::comm::Comm;
use crate::config::{Fuse, InstructionSetChoice, JobFile};
use crate::model::field::FieldDeclaration;
use crate::model::grid::Grid;
use crate::model::{Clock, Model};
use crate::run::job::PreparedJob;
use crate::run::timing::check_times;
use halocline_kernels::{ElementType, InstructionSet};

/// Declares and checks the model of a prepared job. Allocates no fields.
///
/// # Errors
/// If the job refuses its parameters, if the model has an error, or if the machine lacks the instruction set.
pub fn model(job: &PreparedJob, comm: Comm) -> Result<Model> {
    let file = job.file();
    let section = &file.grid;
    let grid = Grid::new(section.cells)
        .length(section.length)
        .origin(section.origin)
        .periodic(section.periodic.unwrap_or([false; 3]));
    let mut model = Model::new(comm, grid);
    model.instruction_set(instruction_set(file)?);
    if let Fuse::Steps(steps) = file.engine.fuse {
        model.fuse(steps.into());
    }
    if let Some(dims) = file.parallel.ranks {
        model.process_grid(dims);
    }
    job.declare(&mut model)?;
    check_times(file, model.declared.clock)?;
    check_element(file, &model)?;
    if let Some(start) = file.time.start
        && model.declared.clock == Clock::Steps
    {
        return Err(file.origins.error(
            "time.start",
            format!("`time.start` is {start}, but the job `{}` has no time, only steps", file.job),
            "remove `time.start`",
        ));
    }
    crate::program::check(&model)?;
    Ok(model)
}

/// Checks that a job that is to be computed in single precision has a field in single precision.
fn check_element(file: &JobFile, model: &Model) -> Result<()> {
    let single = |d: &FieldDeclaration| matches!(d.element, ElementType::F32 | ElementType::C32);
    if file.engine.element != ElementType::F32 || model.fields().iter().any(single) {
        return Ok(());
    }
    let what = format!("`engine.element` is \"f32\", but the job `{}` has no field in single precision", file.job);
    let remedy = "leave it out, or set it to \"f64\": the job chooses its types itself";
    Err(file.origins.error("engine.element", what, remedy))
}

fn instruction_set(file: &JobFile) -> Result<InstructionSet> {
    let set = match file.engine.instruction_set {
        InstructionSetChoice::Auto => return Ok(InstructionSet::best()),
        InstructionSetChoice::Baseline => InstructionSet::Baseline,
        InstructionSetChoice::Avx2 => InstructionSet::Avx2,
        InstructionSetChoice::Avx512 => InstructionSet::Avx512,
    };
    if set.is_available() {
        return Ok(set);
    }
    let here: Vec<&str> = InstructionSet::ALL.iter().filter(|s| s.is_available()).map(|s| s.name()).collect();
    Err(file.origins.error(
        "engine.instruction_set",
        format!("this machine does not have {}", set.name()),
        &format!("it has {}; \"auto\" takes the widest, and results do not depend on the choice", here.join(", ")),
    ))
}

/// The error for a time step `dt` that does not increase the time.
pub fn no_progress(time: f64, dt: f64) -> Error {
    Error::failure(format!("the time step has become {dt} s at t = {time} s"))
        .remedy("the solution has probably blown up: inspect the last output")
}
