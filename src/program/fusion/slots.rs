//! Where values of fields live. All values of one field share the planes of one ring: a new row takes the place of an old
//! one that nobody will read again, if it can of one that was read a moment ago and is still in the nearest cache.
//!
//! Plane p of the first value lies in place p of the ring, that of a later value in place p − `shift`, each `rows` lower
//! than the one before, for a row must not be written while it is read. What holds a place goes by turns: one value after
//! the other, then the first again, as many planes later as the ring has.
use crate::model::declarations::Declarations;
use crate::model::field::FieldDeclaration;
use crate::program::fusion::fusible::span;
use crate::program::fusion::instance::{Instance, Origin, Value};
use crate::program::fusion::slot::Slot;
use halocline_kernels::Extent;

/// The last look at a value: planes of the front since it passed the plane that is looked at, and the instance that looks.
type LastUse = (isize, usize);

/// The homes of all values that some instance reads, and the planes of each ring. The front moves along axis `sweep`.
pub(super) fn find(
    declared: &Declarations,
    instances: &[Instance],
    values: &[Value],
    sweep: usize,
) -> (Vec<Option<Slot>>, Vec<isize>) {
    let mut slots = vec![None; values.len()];
    let mut rings = vec![];
    for field in 0..declared.fields.len() {
        let mut before: Option<(Slot, LastUse, usize)> = None;
        let mut first = 0;
        for (v, value) in values.iter().enumerate().filter(|(_, value)| value.field == field) {
            let made = value.instance;
            let Some(look) = uses(declared, instances, values, sweep, v).map(|(look, _)| look).max() else { continue };
            let slot = match before {
                None => {
                    rings.push(0);
                    first = instances[made].skew;
                    Slot { ring: rings.len() - 1, shift: 0, rows: 0 }
                }
                Some(before) => after(declared, instances, values, sweep, before, made),
            };
            slots[v] = Some(slot);
            // The first value comes back to this place once nobody looks at it.
            rings[slot.ring] = look.0 + slot.shift - first + 1;
            before = Some((slot, look, v));
        }
    }
    (slots, rings)
}

/// The home of a value that instance `made` makes, where value `old` was looked at last.
fn after(
    declared: &Declarations,
    instances: &[Instance],
    values: &[Value],
    sweep: usize,
    (slot, last, old): (Slot, LastUse, usize),
    made: usize,
) -> Slot {
    let (grid, across) = (&declared.grids[0], 1 - sweep);
    let back = last.0 - instances[made].skew;
    let shift = slot.shift + back;
    let beside = |l: usize| instances[l].group == instances[made].group;
    if last.1 == made && grid.is_flat(across) {
        // In the next plane it does not look there any more.
        return Slot { shift: shift + 1, ..slot };
    }
    // Those who go abreast with the instance that makes it, or it itself, look at rows that lie so far below.
    let rows = uses(declared, instances, values, sweep, old).filter(|&((front, l), _)| front == last.0 && beside(l));
    let rows = rows.map(|((_, l), extent)| {
        let below = if back == 0 || extent.corners {
            -span(grid, declaration(declared, values, old), extent, across)[0]
        } else {
            0
        };
        below + instances[l].row_skew - instances[made].row_skew + isize::from(l == made)
    });
    Slot { shift, rows: slot.rows + rows.max().unwrap_or(0).max(0), ..slot }
}

/// All looks at a value, and how far they reach. (A mirror image that a plane beyond the upper wall is made from is looked at
/// later still: who looks beyond the wall needs as much on this side of it.)
fn uses<'a>(
    declared: &'a Declarations,
    instances: &'a [Instance],
    values: &'a [Value],
    sweep: usize,
    v: usize,
) -> impl Iterator<Item = (LastUse, &'a Extent)> {
    instances.iter().enumerate().flat_map(move |(l, instance)| {
        let read = instance.from.iter().zip(&instance.extents).filter(move |((_, from), _)| *from == Origin::Value(v));
        read.map(move |(_, extent)| {
            let [low, _] = span(&declared.grids[0], declaration(declared, values, v), extent, sweep);
            ((instance.skew - low, l), extent)
        })
    })
}

fn declaration<'a>(declared: &'a Declarations, values: &[Value], v: usize) -> &'a FieldDeclaration {
    &declared.fields[values[v].field]
}

#[cfg(test)]
mod tests {
    use super::Origin;
    use crate::prelude::*;
    use crate::program::Program;
    use crate::program::fusion::block::Block;
    use crate::program::fusion::instance::Instance;
    use halocline_kernels::diffusion::Ftcs;
    use halocline_kernels::wave::Leapfrog;
    use std::collections::HashMap;

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

    fn block(steps: usize, cells: [usize; 3], periodic: bool, declare: fn(&mut Model) -> Result<()>) -> Block {
        let mut model = Model::new(Comm::alone(), Grid::new(cells).periodic([periodic; 3]));
        declare(&mut model).unwrap();
        model.fuse(steps);
        Program::new(model, 1).unwrap().block(steps).unwrap()
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

    /// Two instances abreast, the second a row behind, and new values of what both have looked at.
    fn align(model: &mut Model) -> Result<()> {
        let [p, w, v] = ["p", "w", "v"].map(|name| model.field::<f64>(name).build());
        let (p, w, v) = (p?, w?, v?);
        model.every_step(|s| {
            s.apply(Divergence, [p, w, v], [w]).apply(Uphill, [w, p], [v]).apply(Divergence, [w, v, p], [p]);
        });
        Ok(())
    }

    /// Looks at every row that a instance reads, as often as fronts pass: it is still there, though rows move into others' places.
    fn nothing_is_lost(block: &Block) {
        let across = 1 - block.sweep;
        let mut there = HashMap::new();
        let mut look = |instance: &Instance, p: isize, r: isize| {
            for ((_, from), extent) in instance.from.iter().zip(&instance.extents) {
                let Origin::Value(v) = *from else { continue };
                let slot = block.values[v].slot.expect("what is read lives somewhere");
                let range = |a: usize| -(extent.below[a] as isize)..=extent.above[a] as isize;
                let near = range(block.sweep).flat_map(|dp| range(across).map(move |dr| (dp, dr)));
                for (dp, dr) in near.filter(|(dp, dr)| extent.corners || *dp == 0 || *dr == 0) {
                    let (q, i) = (p + dp, r + dr);
                    if q >= 0 && (0..12).contains(&i) {
                        let place = (q - slot.shift).rem_euclid(block.rings[slot.ring]);
                        let found = there.get(&(slot.ring, place, i - slot.rows));
                        assert_eq!(found, Some(&(v, q, i)), "row {r} of plane {p}");
                    }
                }
            }
            for &v in &instance.makes {
                if let Some(slot) = block.values[v].slot {
                    let place = (p - slot.shift).rem_euclid(block.rings[slot.ring]);
                    there.insert((slot.ring, place, r - slot.rows), (v, p, r));
                }
            }
        };
        for front in 0..40 {
            for group in block.instances.chunk_by(|a, b| a.group == b.group) {
                for time in 0..20 {
                    for instance in group.iter().filter(|instance| (0..12).contains(&(time - instance.row_skew))) {
                        look(instance, front - instance.skew, time - instance.row_skew);
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_read_has_not_been_written_over() {
        for declare in [diffusion, waves, staggered, align] {
            for (cells, periodic) in [([24, 24, 24], true), ([24, 24, 24], false), ([1, 24, 24], true)] {
                for steps in 2..5 {
                    nothing_is_lost(&block(steps, cells, periodic, declare));
                }
            }
        }
    }

    #[test]
    fn new_planes_take_the_places_of_old_ones() {
        // Three values of three planes each, two of which take a place that has just been looked at.
        assert_eq!(block(4, [24; 3], true, diffusion).rings, [7]);
        // Of p and w, v: 3 times 2 planes and 4 times 2, all but the first in place.
        assert_eq!(block(4, [24; 3], true, staggered).rings, [4, 5, 5]);
    }
}
