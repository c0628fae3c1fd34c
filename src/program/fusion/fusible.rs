//! Conditions under which stages and steps can be fused. Errors are the reasons, for reports.
use crate::model::boundary::Boundary;
use crate::model::declarations::{Clock, Declarations};
use crate::model::field::FieldDeclaration;
use crate::model::grid::Grid;
use crate::model::stage::{Item, Stage, StageId, Work};
use crate::program::domain::Domain;
use crate::program::layout::Layout;
use halocline_kernels::Extent;
use std::collections::BTreeMap;

/// The maximum number of stages of a block, so that its tables stay in the first-level cache.
pub(super) const MOST_STAGES: usize = 64;

/// Checks whether stages can be fused on the first grid with its decomposition.
///
/// # Errors
/// The reason, if they cannot.
pub(super) fn grid(declared: &Declarations, domains: &BTreeMap<Layout, Domain>) -> Result<(), String> {
    let Some(domain) = domains.get(&(0, [false; 3])) else { return Err("there is no grid".into()) };
    let grid = &declared.grids[0];
    if grid.all_blocks().len() > 1 {
        return Err("the grid has several blocks".into());
    }
    if !(0..3).all(|a| grid.is_bounded(a) || grid.is_periodic(0, a)) {
        return Err("an end of the grid is joined to something other than the opposite end".into());
    }
    if domain.dims[2] > 1 {
        return Err("rows are cut: the process grid has several parts along x".into());
    }
    Ok(())
}

/// Checks whether a stage can be fused. `extent` is the union of the extents at which stages read each field.
///
/// # Errors
/// The reason, if it cannot.
pub(super) fn stage(declared: &Declarations, extent: &[Extent], stage: &Stage) -> Result<(), String> {
    match stage.work {
        Work::Cells { .. } | Work::Point { .. } | Work::Scalar(_) => {}
        Work::Reduce { .. } if !stage.reads.is_empty() => {}
        _ => return Err(format!("`{}` is not a kernel on cells", stage.name)),
    }
    let varies = |f: usize| declared.fields[f].varies();
    if stage.steps_after != 0.0
        && let Some((f, _)) = stage.reads.iter().find(|(f, extent)| !extent.is_pointwise() && varies(*f))
    {
        let name = &declared.fields[*f].name;
        return Err(format!("`{}` reads boundary values of `{name}` at the time of its stage", stage.name));
    }
    for f in stage.reads.iter().map(|r| r.0).chain(stage.writes.iter().copied()) {
        field(declared, f)?;
        row(&declared.grids[0], &declared.fields[f], &extent[f])?;
    }
    Ok(())
}

/// Returns the stages of a step in their order, loops unrolled, if whole steps can be fused.
///
/// # Errors
/// The reason, if they cannot.
pub(super) fn step(declared: &Declarations) -> Result<Vec<StageId>, String> {
    if declared.stop.is_some() || declared.failure.is_some() {
        return Err("any step may be the last".into());
    }
    if declared.clock == Clock::Adaptive {
        return Err("the time step may change".into());
    }
    let mut stages = vec![];
    flatten(declared, &declared.step, &mut stages)?;
    if !stages.iter().any(|s| matches!(declared.stages[s.0].work, Work::Cells { .. })) {
        return Err("no stage works on all cells".into());
    }
    Ok(stages)
}

/// Appends the stages of a list of items to `stages`, loops unrolled.
fn flatten(declared: &Declarations, items: &[Item], stages: &mut Vec<StageId>) -> Result<(), String> {
    for item in items {
        match item {
            Item::Stage(id) => match &declared.stages[id.0] {
                Stage { name, work: Work::Reduce { .. }, .. } => {
                    return Err(format!("`{name}` needs all cells of a step"));
                }
                _ => stages.push(*id),
            },
            Item::Repeat(n, body) => (0..*n).try_for_each(|_| flatten(declared, body, stages))?,
            Item::Until(test, ..) => return Err(format!("a loop runs until a number is {}", test.text)),
            // These run before any step is fused.
            Item::Once(_) => {}
        }
        if stages.len() > MOST_STAGES {
            return Err(format!("a step has more than {MOST_STAGES} stages"));
        }
    }
    Ok(())
}

/// Checks whether a stage that uses this field can be fused.
fn field(declared: &Declarations, f: usize) -> Result<(), String> {
    let d = &declared.fields[f];
    if d.grid != 0 || d.whole != [false; 3] {
        return Err(format!("`{}` is on another grid or decomposition", d.name));
    }
    for axis in (0..3).filter(|&axis| d.location.is_low(axis) && declared.grids[0].is_bounded(axis)) {
        let [lower, upper] = &d.boundaries[axis];
        if matches!(lower, Boundary::Gradient(_)) || lower.varies() || upper.varies() {
            return Err(format!("`{}` has values on a boundary, which follow from other values", d.name));
        }
    }
    Ok(())
}

/// Checks that a row is long enough to fill its own halo along x.
fn row(grid: &Grid, d: &FieldDeclaration, extent: &Extent) -> Result<(), String> {
    if grid.is_bounded(2) || grid.cells()[2] >= extent.below[2].max(extent.above[2]) {
        return Ok(());
    }
    Err(format!("`{}` is read farther along x than a row is long", d.name))
}

/// Returns the offsets of the lowest and the highest cell that a stencil needs along an axis. Values beyond a physical
/// boundary are mirror images, so a read beyond the boundary needs as many cells on the inner side.
pub(super) fn span(grid: &Grid, d: &FieldDeclaration, extent: &Extent, axis: usize) -> [isize; 2] {
    if grid.is_flat(axis) {
        return [0, 0];
    }
    let (below, above) = (extent.below[axis] as isize, extent.above[axis] as isize);
    if !grid.is_bounded(axis) {
        return [-below, above];
    }
    let inside = |beyond: isize| if beyond == 0 { 0 } else { beyond - 1 + isize::from(d.location.is_low(axis)) };
    [-below.max(inside(above)), above.max(inside(below))]
}
