//! Which stages and steps can be fused, and why others cannot.
use crate::engine::Layout;
use crate::model::boundary::Boundary;
use crate::model::declaration::{Clock, Design};
use crate::model::field::FieldDeclaration;
use crate::model::grid::Grid;
use crate::model::stage::{Item, Stage, Work};
use crate::program::domain::Domain;
use halocline_kernels::Extent;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most stages of a block: its tables should stay in the first cache.
pub(super) const MOST_STAGES: usize = 64;

/// Whether anything can be fused on this grid, split as it is.
///
/// # Errors
/// If not: why.
pub(super) fn grid(design: &Design, domains: &BTreeMap<Layout, Domain>) -> Result<(), String> {
    let Some(domain) = domains.get(&(0, [false; 3])) else { return Err("there is no grid".into()) };
    let grid = &design.grids[0];
    if grid.all_blocks().len() > 1 {
        return Err("the grid has several blocks".into());
    }
    if !(0..3).all(|a| grid.is_bounded(a) || grid.is_periodic(0, a)) {
        return Err("the grid does not go on at its other end".into());
    }
    if domain.dims[2] > 1 {
        return Err("rows are cut: the process grid has several parts along x".into());
    }
    Ok(())
}

/// Whether a stage can be one of a block; `reach` is how far each field is read by anyone.
///
/// # Errors
/// If not: why.
pub(super) fn stage(design: &Design, extent: &[Extent], stage: &Stage) -> Result<(), String> {
    match stage.work {
        Work::Cells { .. } | Work::Point { .. } | Work::Scalar(_) => {}
        Work::Reduce { .. } if !stage.reads.is_empty() => {}
        _ => return Err(format!("`{}` is no kernel on cells", stage.name)),
    }
    for f in stage.reads.iter().map(|r| r.0).chain(stage.writes.iter().copied()) {
        field(design, f)?;
        row(&design.grids[0], &design.declarations[f], &extent[f])?;
    }
    Ok(())
}

/// The stages of a step in their order, if whole steps can be fused.
///
/// # Errors
/// If they cannot: why.
pub(super) fn step(design: &Design) -> Result<Vec<Arc<Stage>>, String> {
    if design.stop.is_some() {
        return Err("any step may be the last".into());
    }
    if design.clock == Clock::Adaptive {
        return Err("the time step may change".into());
    }
    let mut stages = vec![];
    flatten(&design.step, &mut stages)?;
    if !stages.iter().any(|s| matches!(s.work, Work::Cells { .. })) {
        return Err("no stage works on all cells".into());
    }
    Ok(stages)
}

fn flatten(items: &[Item], stages: &mut Vec<Arc<Stage>>) -> Result<(), String> {
    for item in items {
        match item {
            Item::Stage(stage) => match stage.work {
                Work::Reduce { .. } => return Err(format!("`{}` needs all cells of a step", stage.name)),
                _ => stages.push(stage.clone()),
            },
            Item::Repeat(n, body) => (0..*n).try_for_each(|_| flatten(body, stages))?,
            Item::Until(test, ..) => return Err(format!("a loop runs until a number is {}", test.text)),
            // Done before any step is fused.
            Item::Once(_) => {}
        }
        if stages.len() > MOST_STAGES {
            return Err(format!("a step has more than {MOST_STAGES} stages"));
        }
    }
    Ok(())
}

fn field(design: &Design, f: usize) -> Result<(), String> {
    let d = &design.declarations[f];
    if d.grid != 0 || d.whole != [false; 3] {
        return Err(format!("`{}` lives on another grid or split", d.name));
    }
    if let Some(axis) = d.location.axis()
        && design.grids[0].is_bounded(axis)
    {
        let [lower, upper] = &d.boundaries[axis];
        if matches!(lower, Boundary::Gradient(_)) || lower.varies() || upper.varies() {
            return Err(format!("`{}` lies on walls, where its values follow from others", d.name));
        }
    }
    Ok(())
}

/// Halos along x are made row by row, from the row itself.
fn row(grid: &Grid, d: &FieldDeclaration, extent: &Extent) -> Result<(), String> {
    if grid.is_bounded(2) || grid.cells()[2] >= extent.below[2].max(extent.above[2]) {
        return Ok(());
    }
    Err(format!("`{}` is read farther along x than a row is long", d.name))
}

/// What a reader needs along an axis: offsets of the lowest and the highest cell. Beyond a wall lie mirror images, so one
/// who looks there from the last cell needs as much on this side of it.
pub(super) fn span(grid: &Grid, d: &FieldDeclaration, extent: &Extent, axis: usize) -> [isize; 2] {
    if grid.is_flat(axis) {
        return [0, 0];
    }
    let (below, above) = (extent.below[axis] as isize, extent.above[axis] as isize);
    if !grid.is_bounded(axis) {
        return [-below, above];
    }
    let inside =
        |beyond: isize| if beyond == 0 { 0 } else { beyond - 1 + isize::from(d.location.axis() == Some(axis)) };
    [-below.max(inside(above)), above.max(inside(below))]
}
