//! Declares the model of a job file, with its grid, process grid and instruction set. Allocates nothing.
use crate::base::{Error, Result};
use crate::comm::Comm;
use crate::config::{Fuse, InstructionSetChoice, JobFile, SimulatedDuration};
use crate::model::grid::Grid;
use crate::model::{Clock, Model};
use crate::run::job::PreparedJob;
use halocline_kernels::InstructionSet;

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
    if let SimulatedDuration::Seconds(end) = file.time.end
        && model.declared.clock == Clock::Steps
    {
        return Err(file.origins.error(
            "time.end",
            format!("`time.end` is {end} s, but the job `{}` has no time step in seconds", file.job),
            "give it in steps, such as \"40 step\"",
        ));
    }
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

/// The number of steps of a run that ends at `end`; none if the time step is not known in advance.
pub fn steps(clock: Clock, end: SimulatedDuration) -> Option<u64> {
    match (end, clock) {
        (SimulatedDuration::Steps(n), _) => Some(n),
        // Round-off must not add a step.
        (SimulatedDuration::Seconds(t), Clock::Fixed(dt)) => Some((t / dt - 1e-9).ceil().max(0.0) as u64),
        (SimulatedDuration::Seconds(_), _) => None,
    }
}

/// The number of seconds of a run that ends at `end`; none if it depends on the solution, or the job has no time.
pub fn seconds(clock: Clock, end: SimulatedDuration) -> Option<f64> {
    match (end, clock) {
        (SimulatedDuration::Seconds(t), _) => Some(t),
        (SimulatedDuration::Steps(n), Clock::Fixed(dt)) => Some(n as f64 * dt),
        (SimulatedDuration::Steps(_), _) => None,
    }
}

/// The error for a time step `dt` that does not increase the time.
pub fn no_progress(time: f64, dt: f64) -> Error {
    Error::failure(format!("the time step has become {dt} s at t = {time} s"))
        .remedy("the solution has probably blown up: inspect the last output")
}
