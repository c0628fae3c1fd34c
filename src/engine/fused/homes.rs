//! Where versions of fields live. All versions of one field share the planes of one ring: a new row takes the place of an old
//! one that nobody will read again, if it can of one that was read a moment ago and is still in the nearest cache.
//!
//! Plane p of the first version lies in place p of the ring, that of a later version in place p − `turn`, each `rows` lower
//! than the one before, for a row must not be written while it is read. What holds a place goes by turns: one version after
//! the other, then the first again, as many planes later as the ring has.
use super::fusible::span;
use super::levels::{Level, Source, Version};
use crate::model::declaration::Design;
use crate::model::field::FieldDeclaration;
use halocline_kernels::Extent;

/// Where a version lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Home {
    pub ring: usize,
    /// Its plane p lies where plane p − `turn` of the first version in the ring lay, its row r where row r − `rows` lay.
    pub turn: isize,
    pub rows: isize,
}

/// The last look at a version: planes of the front since it passed the plane that is looked at, and the level that looks.
type Look = (isize, usize);

/// The homes of all versions that some level reads, and the planes of each ring. The front moves along axis `sweep`.
pub(super) fn find(
    design: &Design,
    levels: &[Level],
    versions: &[Version],
    sweep: usize,
) -> (Vec<Option<Home>>, Vec<isize>) {
    let mut homes = vec![None; versions.len()];
    let mut rings = vec![];
    for field in 0..design.declarations.len() {
        let mut before: Option<(Home, Look, usize)> = None;
        let mut first = 0;
        for (v, version) in versions.iter().enumerate().filter(|(_, version)| version.field == field) {
            let made = version.level;
            let Some(look) = looks(design, levels, versions, sweep, v).map(|(look, _)| look).max() else { continue };
            let home = match before {
                None => {
                    rings.push(0);
                    first = levels[made].lag;
                    Home { ring: rings.len() - 1, turn: 0, rows: 0 }
                }
                Some(before) => after(design, levels, versions, sweep, before, made),
            };
            homes[v] = Some(home);
            // The first version comes back to this place once nobody looks at it.
            rings[home.ring] = look.0 + home.turn - first + 1;
            before = Some((home, look, v));
        }
    }
    (homes, rings)
}

/// The home of a version that level `made` makes, where version `old` was looked at last.
fn after(
    design: &Design,
    levels: &[Level],
    versions: &[Version],
    sweep: usize,
    (home, last, old): (Home, Look, usize),
    made: usize,
) -> Home {
    let (grid, across) = (&design.grids[0], 1 - sweep);
    let back = last.0 - levels[made].lag;
    let turn = home.turn + back;
    let beside = |l: usize| levels[l].group == levels[made].group;
    if last.1 == made && grid.is_flat(across) {
        // In the next plane it does not look there any more.
        return Home { turn: turn + 1, ..home };
    }
    // Those who go abreast with the level that makes it, or it itself, look at rows that lie so far below.
    let rows = looks(design, levels, versions, sweep, old).filter(|&((front, l), _)| front == last.0 && beside(l));
    let rows = rows.map(|((_, l), extent)| {
        let below = if back == 0 || extent.corners {
            -span(grid, declaration(design, versions, old), extent, across)[0]
        } else {
            0
        };
        below + levels[l].behind - levels[made].behind + isize::from(l == made)
    });
    Home { turn, rows: home.rows + rows.max().unwrap_or(0).max(0), ..home }
}

/// All looks at a version, and how far they reach. (A mirror image that a plane beyond the upper wall is made from is looked at
/// later still: who looks beyond the wall needs as much on this side of it.)
fn looks<'a>(
    design: &'a Design,
    levels: &'a [Level],
    versions: &'a [Version],
    sweep: usize,
    v: usize,
) -> impl Iterator<Item = (Look, &'a Extent)> {
    levels.iter().enumerate().flat_map(move |(l, level)| {
        let read = level.from.iter().zip(level.extents()).filter(move |((_, from), _)| *from == Source::Version(v));
        read.map(move |(_, extent)| {
            let [low, _] = span(&design.grids[0], declaration(design, versions, v), extent, sweep);
            ((level.lag - low, l), extent)
        })
    })
}

fn declaration<'a>(design: &'a Design, versions: &[Version], v: usize) -> &'a FieldDeclaration {
    &design.declarations[versions[v].field]
}

#[cfg(test)]
mod tests {
    use super::Source;
    use crate::engine::fused::levels::{Block, Level};
    use crate::prelude::*;
    use halocline_kernels::diffusion::Ftcs;
    use halocline_kernels::wave::Leapfrog;
    use std::collections::HashMap;
    use std::sync::Arc;

    struct Gradient;
    impl Kernel<f64> for Gradient {
        type Reads = (Forward<1>, Pointwise, Pointwise);
        type Writes = [f64; 2];
        #[inline(always)]
        fn cell(&self, (p, w, v): Near<'_, f64, Self>) -> [f64; 2] {
            [w.here() + p.here() - p.z::<1>(), v.here() + p.here() - p.y::<1>()]
        }
    }

    struct Divergence;
    impl Kernel<f64> for Divergence {
        type Reads = (Pointwise, Backward<1>, Backward<1>);
        type Writes = [f64; 1];
        #[inline(always)]
        fn cell(&self, (p, w, v): Near<'_, f64, Self>) -> [f64; 1] {
            [p.here() + 0.1 * (w.z::<-1>() - w.here() + v.y::<-1>() - v.here())]
        }
    }

    struct Uphill;
    impl Kernel<f64> for Uphill {
        type Reads = (ArmsY<1, 2>, Pointwise);
        type Writes = [f64; 1];
        #[inline(always)]
        fn cell(&self, (w, p): Near<'_, f64, Self>) -> [f64; 1] {
            [w.y::<2>() - w.y::<-1>() + p.here()]
        }
    }

    fn block(steps: usize, cells: [usize; 3], periodic: bool, declare: fn(&mut Model) -> Result<()>) -> Arc<Block> {
        let mut model = Model::new(Comm::alone(), Grid::new(cells).periodic([periodic; 3]));
        declare(&mut model).unwrap();
        model.fuse(steps);
        model.compile().unwrap().block(steps).unwrap()
    }

    fn diffusion(model: &mut Model) -> Result<()> {
        let t = model.field::<f64>("t").build()?;
        model.every_step(|s| _ = s.apply(Ftcs::<f64>::new(0.1, 1.0, [1.0; 3]), [t], [t]));
        Ok(())
    }

    fn waves(model: &mut Model) -> Result<()> {
        let [p, q, c] = ["p", "q", "c"].map(|name| model.field::<f64>(name).build());
        let (p, q, c) = (p?, q?, c?);
        model.every_step(|s| _ = s.apply(Leapfrog::<f64, 4>::new(0.1, [1.0; 3]), [p, q, c], [p, q]));
        Ok(())
    }

    fn staggered(model: &mut Model) -> Result<()> {
        let [p, w, v] = ["p", "w", "v"].map(|name| model.field::<f64>(name).build());
        let (p, w, v) = (p?, w?, v?);
        model.every_step(|s| _ = s.apply(Gradient, [p, w, v], [w, v]).apply(Divergence, [p, w, v], [p]));
        Ok(())
    }

    /// Two levels abreast, the second a row behind, and new values of what both have looked at.
    fn abreast(model: &mut Model) -> Result<()> {
        let [p, w, v] = ["p", "w", "v"].map(|name| model.field::<f64>(name).build());
        let (p, w, v) = (p?, w?, v?);
        model.every_step(|s| {
            s.apply(Divergence, [p, w, v], [w]).apply(Uphill, [w, p], [v]).apply(Divergence, [w, v, p], [p]);
        });
        Ok(())
    }

    /// Looks at every row that a level reads, as often as fronts pass: it is still there, though rows move into others' places.
    fn nothing_is_lost(block: &Block) {
        let across = 1 - block.sweep;
        let mut there = HashMap::new();
        let mut look = |level: &Level, p: isize, r: isize| {
            for ((_, from), extent) in level.from.iter().zip(level.extents()) {
                let Source::Version(v) = *from else { continue };
                let home = block.versions[v].home.expect("what is read lives somewhere");
                let range = |a: usize| -(extent.below[a] as isize)..=extent.above[a] as isize;
                let near = range(block.sweep).flat_map(|dp| range(across).map(move |dr| (dp, dr)));
                for (dp, dr) in near.filter(|(dp, dr)| extent.corners || *dp == 0 || *dr == 0) {
                    let (q, i) = (p + dp, r + dr);
                    if q >= 0 && (0..12).contains(&i) {
                        let place = (q - home.turn).rem_euclid(block.rings[home.ring]);
                        let found = there.get(&(home.ring, place, i - home.rows));
                        assert_eq!(found, Some(&(v, q, i)), "row {r} of plane {p}");
                    }
                }
            }
            for &v in &level.makes {
                if let Some(home) = block.versions[v].home {
                    let place = (p - home.turn).rem_euclid(block.rings[home.ring]);
                    there.insert((home.ring, place, r - home.rows), (v, p, r));
                }
            }
        };
        for front in 0..40 {
            for group in block.levels.chunk_by(|a, b| a.group == b.group) {
                for time in 0..20 {
                    for level in group.iter().filter(|level| (0..12).contains(&(time - level.behind))) {
                        look(level, front - level.lag, time - level.behind);
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_read_has_not_been_written_over() {
        for declare in [diffusion, waves, staggered, abreast] {
            for (cells, periodic) in [([24, 24, 24], true), ([24, 24, 24], false), ([1, 24, 24], true)] {
                for steps in 2..5 {
                    nothing_is_lost(&block(steps, cells, periodic, declare));
                }
            }
        }
    }

    #[test]
    fn new_planes_take_the_places_of_old_ones() {
        // Three versions of three planes each, two of which take a place that has just been looked at.
        assert_eq!(block(4, [24; 3], true, diffusion).rings, [7]);
        // Of p and w, v: 3 times 2 planes and 4 times 2, all but the first in place.
        assert_eq!(block(4, [24; 3], true, staggered).rings, [4, 5, 5]);
    }
}
