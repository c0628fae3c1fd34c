//! Whether fields, stages and grids fit together: what only the whole model shows, checked before anything is allocated.
use super::Layout;
use crate::base::index_transform::IndexTransform;
use crate::base::{Error, Result};
use crate::model::declaration::Design;
use crate::model::field::FieldDeclaration;
use crate::model::grid::{AXES, Adjacent, Grid, Location};
use crate::model::stage::{Stage, Work};
use halocline_kernels::Extent;
use std::sync::Arc;

/// The fewest cells along each axis that a part of a layout may have: what a field reads beyond a wall is mirrored from
/// the part itself. A field on the faces across the axis has a value on the wall, and is mirrored one cell farther inside.
pub(super) fn thickness(model: &Design, layout: Layout, extent: &[Extent]) -> Result<[usize; 3]> {
    let (grid, mut thickness) = (&model.grids[layout.0], [1; 3]);
    for (d, extent) in model.declarations.iter().zip(extent).filter(|(d, _)| (d.grid, d.whole) == layout) {
        for a in (0..3).filter(|&a| grid.is_bounded(a)) {
            let on_faces = d.location.axis() == Some(a);
            let least = extent.below[a].max(extent.above[a]).max(1) + usize::from(on_faces);
            let n = grid.all_blocks().iter().map(|b| b.cells[a]).min().unwrap_or(1);
            if n < least {
                let on = if on_faces { ", which lies on faces" } else { "" };
                return Err(Error::input(format!(
                    "axis {} has {n} cells, and the field `{}`{on} needs {least}: what the schedule reads of it beyond the walls is mirrored inside",
                    AXES[a], d.name
                ))
                .remedy("use more cells, or a kernel that reads less far"));
            }
            thickness[a] = thickness[a].max(least);
        }
    }
    Ok(thickness)
}

/// Checks stages and joins.
pub(super) fn check(model: &Design, stages: &[&Arc<Stage>], extent: &[Extent]) -> Result<()> {
    for stage in stages {
        match &stage.work {
            Work::Transpose(turn) => check_transpose(model, stage, turn)?,
            Work::Point { cell: (block, index), .. } => {
                let d = &model.declarations[stage.writes[0]];
                let cells = model.grids[d.grid].block(*block).cells;
                if (0..3).any(|a| index[a] >= cells[a]) {
                    return Err(Error::input(format!(
                        "the stage `{}` changes `{}` in cell {index:?}, and the grid has {cells:?} cells",
                        stage.name, d.name
                    ))
                    .remedy("indices are [z, y, x] and begin with 0"));
                }
            }
            _ => {}
        }
    }
    let read = model.declarations.iter().zip(extent).filter(|(_, extent)| !extent.is_pointwise());
    read.map(|(d, _)| d).try_for_each(|d| check_joins(model, d))
}

/// A field that is read across joins must be made of what lies there: its own values, or those of the vector's component
/// that points the same way, at the same place of the cell.
fn check_joins(model: &Design, d: &FieldDeclaration) -> Result<()> {
    let grid = &model.grids[d.grid];
    let beyond = grid.all_blocks().iter().flat_map(|b| (0..3).flat_map(|a| [b.beyond(a, 0), b.beyond(a, 1)]));
    for turn in beyond.filter_map(|b| if let Adjacent::Block(_, turn) = b { Some(turn) } else { None }) {
        let wrong = |what: String, remedy: &str| {
            let what = format!("the field `{}` is read across a join that {what}", d.name);
            Err(Error::input(what).remedy(remedy))
        };
        let mut from = Some(d);
        if let Some((vector, axis)) = d.vector {
            let axis = turn.to[axis].axis;
            from = model.vectors[vector][axis].map(|f| &model.declarations[f]);
            if from.is_none() {
                let what = format!("turns it into the component along {}, which its vector does not have", AXES[axis]);
                return wrong(what, "name all components that turn into each other in `Model::vector`");
            }
        }
        let Some(axis) = d.location.axis() else {
            if from.is_some_and(|f| f.location != Location::Center) {
                return wrong(
                    "turns it into a component on faces".into(),
                    "put all components of a vector on faces, or all in the middle of cells",
                );
            }
            continue;
        };
        let heading = turn.to[axis];
        if heading.reversed {
            return wrong(
                format!(
                    "reverses {}, and lies on the faces across it: the face at one end would be nobody's",
                    AXES[axis]
                ),
                "turn the blocks so that the axis keeps its direction, or put the field in the middle of cells",
            );
        }
        if from.is_some_and(|f| f.location != Location::face(heading.axis)) {
            return wrong(
                format!("turns faces across {} into faces across {}", AXES[axis], AXES[heading.axis]),
                "declare the fields on both as components of a vector with `Model::vector`",
            );
        }
    }
    Ok(())
}

fn check_transpose(model: &Design, stage: &Stage, turn: &IndexTransform) -> Result<()> {
    let (from, to) = (&model.declarations[stage.reads[0].0], &model.declarations[stage.writes[0]]);
    let wrong = |what: String, remedy: &str| {
        Err(Error::input(format!("the transpose of `{}` into `{}` {what}", from.name, to.name)).remedy(remedy))
    };
    if stage.reads[0].0 == stage.writes[0] {
        return wrong("has nowhere to go".into(), "copy into another field");
    }
    if (0..3).any(|axis| turn.to.iter().all(|h| h.axis != axis)) {
        return wrong(
            format!("is turned by {:?}, which is no turn", turn.to),
            "a turn names each of Z, Y, X once, with a sign",
        );
    }
    let (source, target) = (model.grids[from.grid].all_blocks(), model.grids[to.grid].all_blocks());
    let fits = |(a, b): (&crate::model::grid::Block, &crate::model::grid::Block)| {
        (0..3).all(|i| b.cells[i] == a.cells[turn.to[i].axis])
    };
    if source.len() != target.len() || !source.iter().zip(target).all(fits) {
        let (n, m) = (source[0].cells, target[0].cells);
        let what =
            format!("copies {} × {n:?} cells into {} × {m:?}, turned by {:?}", source.len(), target.len(), turn.to);
        return wrong(
            what,
            "axis by axis, the target has as many cells as the axis of the source that it points along",
        );
    }
    Ok(())
}

/// The turn of a transpose from a grid, with the offsets of its reversed axes.
pub(super) fn transpose_turn(mut turn: IndexTransform, from: &Grid) -> IndexTransform {
    for a in (0..3).filter(|&a| turn.to[a].reversed) {
        turn.offset[a] = from.cells()[turn.to[a].axis] as isize - 1;
    }
    turn
}
