//! From a job file to a model: grid, process grid, instruction set, and what can be checked before anything is allocated.
use crate::base::{Error, Result};
use crate::comm::Comm;
use crate::config::{Fuse, InstructionSet as Wanted, JobFile, Span};
use crate::model::grid::Grid;
use crate::model::{Clock, Model};
use crate::run::job::JobEntry;
use halocline_kernels::InstructionSet;

/// Declares the model of a job file. Allocates nothing.
///
/// # Errors
/// If the job refuses its parameters, or the machine has no such instruction set.
pub fn model(entry: &JobEntry, file: &JobFile, comm: Comm) -> Result<Model> {
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
    entry.build(file, &mut model)?;
    if let Span::Seconds(end) = file.time.end
        && model.declared.clock == Clock::Steps
    {
        return Err(file.source.error(
            "time.end",
            format!("`time.end` is {end} s, but the steps of `{}` take no time", entry.name()),
            "give it in steps, such as \"40 step\"",
        ));
    }
    crate::program::check(&model)?;
    Ok(model)
}

fn instruction_set(file: &JobFile) -> Result<InstructionSet> {
    let set = match file.engine.instruction_set {
        Wanted::Auto => return Ok(InstructionSet::best()),
        Wanted::Baseline => InstructionSet::Baseline,
        Wanted::Avx2 => InstructionSet::Avx2,
        Wanted::Avx512 => InstructionSet::Avx512,
    };
    if set.is_here() {
        return Ok(set);
    }
    let here: Vec<&str> = InstructionSet::ALL.iter().filter(|s| s.is_here()).map(|s| s.name()).collect();
    Err(file.source.error(
        "engine.instruction_set",
        format!("this machine does not have {}", set.name()),
        &format!("it has {}; \"auto\" takes the widest, and results do not depend on it", here.join(", ")),
    ))
}

/// The number of steps until the end, where the time step is known beforehand.
pub fn steps(clock: Clock, end: Span) -> Option<u64> {
    match (end, clock) {
        (Span::Steps(n), _) => Some(n),
        // A little less than a whole step more is round-off.
        (Span::Seconds(t), Clock::Fixed(dt)) => Some((t / dt - 1e-9).ceil().max(0.0) as u64),
        (Span::Seconds(_), _) => None,
    }
}

/// Checks that streams and fields fit together.
///
/// # Errors
/// If a stream names a field that there is not, or a region or point outside the grid.
pub fn check_streams(file: &JobFile, model: &Model) -> Result<()> {
    let known: Vec<&str> = model.fields().iter().map(|d| d.name.as_str()).collect();
    let grid = model.grid();
    for (name, stream) in &file.output {
        for field in stream.fields.iter().flatten() {
            if !known.contains(&field.as_str()) {
                let key = format!("output.{name}.fields");
                let remedy = crate::config::suggestion(field, &known, "there are");
                return Err(file.source.error(&key, format!("the job has no field `{field}`"), &remedy));
            }
            if model.fields().iter().any(|d| d.name == *field && d.grid != 0) {
                let what = format!("the field `{field}` lives on a grid of the job's own");
                return Err(file.source.error(
                    &format!("output.{name}.fields"),
                    what,
                    "only fields of `[grid]` are written",
                ));
            }
        }
        for point in stream.points.iter().flatten() {
            if let Some(a) = (0..3).find(|&a| !grid.is_flat(a) && cell_at(grid, *point, a).is_none()) {
                let (axis, block) = (crate::model::grid::AXES[a], grid.block(0));
                let (low, high) = (block.origin[a], block.origin[a] + block.length[a]);
                return Err(file.source.error(
                    &format!("output.{name}.points"),
                    format!("the point {point:?} lies outside the grid along {axis}"),
                    &format!("{axis} goes from {low} to {high}"),
                ));
            }
        }
    }
    Ok(())
}

/// The cell along an axis that holds a position.
pub fn cell_at(grid: &Grid, point: [f64; 3], axis: usize) -> Option<usize> {
    let block = grid.block(0);
    let index = ((point[axis] - block.origin[axis]) / block.cell_length(axis)).floor();
    let n = block.cells[axis];
    // The upper end of the grid belongs to the last cell.
    let index =
        if index == n as f64 && point[axis] <= block.origin[axis] + block.length[axis] { index - 1.0 } else { index };
    (index >= 0.0 && index < n as f64).then_some(index as usize)
}

/// An error for a time step that a run cannot take.
pub fn no_progress(time: f64, dt: f64) -> Error {
    Error::failure(format!("the time step has become {dt} s at t = {time} s"))
        .remedy("the solution has probably blown up: look at the last output")
}
