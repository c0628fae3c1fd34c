//! Instances at the same distance behind the front go through a plane abreast, row by row, where they need no more of each
//! other than rows: what one has just written, the next finds in the nearest cache.
use crate::model::declarations::Declarations;
use crate::program::fusion::fusible::span;
use crate::program::fusion::instance::{Instance, Origin, Value};
use halocline_kernels::Extent;

/// Puts instances into groups that go abreast, in their order, each some rows behind the one before.
pub(super) fn align(declared: &Declarations, instances: &mut [Instance], values: &[Value], sweep: usize) {
    for l in 1..instances.len() {
        let (before, skew) = (&instances[l - 1], instances[l].skew);
        let together = if before.skew == skew { row_skew_of(declared, instances, values, sweep, l) } else { None };
        let group = before.group;
        match together {
            Some(row_skew) => (instances[l].group, instances[l].row_skew) = (group, row_skew),
            None => (instances[l].group, instances[l].row_skew) = (group + 1, 0),
        }
    }
}

/// How many rows instance `l` has to stay behind if it joins the group of the instance before it; none if it can't, since what
/// it reads beyond walls is made once a plane is whole.
fn row_skew_of(
    declared: &Declarations,
    instances: &[Instance],
    values: &[Value],
    sweep: usize,
    l: usize,
) -> Option<isize> {
    let (grid, before, across) = (&declared.grids[0], &instances[l - 1], 1 - sweep);
    let beyond_walls = |extent: &Extent| (0..2).any(|a| grid.is_bounded(a) && extent.below[a].max(extent.above[a]) > 0);
    let mut row_skew = before.row_skew;
    for ((field, origin), extent) in instances[l].from.iter().zip(&instances[l].extents) {
        let Origin::Value(v) = *origin else { continue };
        let maker = &instances[values[v].instance];
        if maker.group == before.group {
            if beyond_walls(extent) {
                return None;
            }
            row_skew = row_skew.max(maker.row_skew + span(grid, &declared.fields[*field], extent, across)[1]);
        }
    }
    Some(row_skew)
}
