//! Alignment: instances with the same skew run side by side through a plane, row by row, if they need only rows of each
//! other. A row that one instance has just written is then still in the first-level cache when the next instance reads
//! it.
use crate::model::declarations::Declarations;
use crate::program::fusion::fusible::span;
use crate::program::fusion::instance::{Instance, Origin, Value};
use halocline_kernels::Extent;

/// Assigns consecutive instances to groups that run side by side, each instance some rows behind the one before it.
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

/// Returns how many rows instance `l` must stay behind if it joins the group of the instance before it. Returns `None`
/// if it reads values of this group beyond a physical boundary, because these are filled after a whole plane is
/// complete.
fn row_skew_of(
    declared: &Declarations,
    instances: &[Instance],
    values: &[Value],
    sweep: usize,
    l: usize,
) -> Option<isize> {
    let (grid, before, across) = (&declared.grids[0], &instances[l - 1], 1 - sweep);
    let beyond_boundaries =
        |extent: &Extent| (0..2).any(|a| grid.is_bounded(a) && extent.below[a].max(extent.above[a]) > 0);
    let mut row_skew = before.row_skew;
    for ((field, origin), extent) in instances[l].from.iter().zip(&instances[l].extents) {
        let Origin::Value(v) = *origin else { continue };
        let producer = &instances[values[v].instance];
        if producer.group == before.group {
            if beyond_boundaries(extent) {
                return None;
            }
            row_skew = row_skew.max(producer.row_skew + span(grid, &declared.fields[*field], extent, across)[1]);
        }
    }
    Some(row_skew)
}
