//! Levels at the same distance behind the front go through a plane abreast, row by row, where they need no more of each
//! other than rows: what one has just written, the next finds in the nearest cache.
use super::fusible::span;
use super::levels::{Level, Source, Version};
use crate::model::declaration::Design;
use halocline_kernels::Extent;

/// Puts levels into groups that go abreast, in their order, each some rows behind the one before.
pub(super) fn line_up(design: &Design, levels: &mut [Level], versions: &[Version], sweep: usize) {
    for l in 1..levels.len() {
        let (before, lag) = (&levels[l - 1], levels[l].lag);
        let together = if before.lag == lag { rows_behind(design, levels, versions, sweep, l) } else { None };
        let group = before.group;
        match together {
            Some(behind) => (levels[l].group, levels[l].behind) = (group, behind),
            None => (levels[l].group, levels[l].behind) = (group + 1, 0),
        }
    }
}

/// How many rows level `l` has to stay behind if it joins the group of the level before it; none if it can't, since what
/// it reads beyond walls is made once a plane is whole.
fn rows_behind(design: &Design, levels: &[Level], versions: &[Version], sweep: usize, l: usize) -> Option<isize> {
    let (grid, before, across) = (&design.grids[0], &levels[l - 1], 1 - sweep);
    let beyond_walls = |extent: &Extent| (0..2).any(|a| grid.is_bounded(a) && extent.below[a].max(extent.above[a]) > 0);
    let mut behind = before.behind;
    for ((field, source), extent) in levels[l].from.iter().zip(levels[l].extents()) {
        let Source::Version(v) = *source else { continue };
        let maker = &levels[versions[v].level];
        if maker.group == before.group {
            if beyond_walls(extent) {
                return None;
            }
            behind = behind.max(maker.behind + span(grid, &design.declarations[*field], extent, across)[1]);
        }
    }
    Some(behind)
}
