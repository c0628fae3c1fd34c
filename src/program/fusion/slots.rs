//! Assigns slots of ring buffers to values. All values of one field share the planes of one ring. A new row overwrites
//! an old row that no instance will read again, if possible the row read most recently, which is still in cache.
//!
//! Plane p of the first value is stored in plane p of the ring, and plane p of a later value in plane p − `shift`. The
//! rows of each value are stored `rows` lower than the rows of the value before, so that no row is overwritten while it
//! is read. The values use a plane of the ring one after the other; then the first value uses it again, as many planes
//! later as the ring has.
use crate::model::declarations::Declarations;
use crate::model::field::FieldDeclaration;
use crate::program::fusion::fusible::span;
use crate::program::fusion::instance::{Instance, Origin, Value};
use crate::program::fusion::slot::Slot;
use halocline_kernels::Extent;

/// A use of a value: the number of planes that the wavefront has moved past the plane read, and the index of the
/// instance.
type LastUse = (isize, usize);

/// Returns the slots of all values that some instance reads, and the number of planes of each ring. The wavefront moves
/// along axis `sweep`.
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
            let producer = value.instance;
            let last = uses(declared, instances, values, sweep, v).map(|(last, _)| last).max();
            let Some(last) = last else { continue };
            let slot = match before {
                None => {
                    rings.push(0);
                    first = instances[producer].skew;
                    Slot { ring: rings.len() - 1, shift: 0, rows: 0 }
                }
                Some(before) => after(declared, instances, values, sweep, before, producer),
            };
            slots[v] = Some(slot);
            // The first value may reuse this plane after the last use.
            rings[slot.ring] = last.0 + slot.shift - first + 1;
            before = Some((slot, last, v));
        }
    }
    (slots, rings)
}

/// Returns the slot of a value that instance `producer` writes: the slot of value `old`, shifted so that no row is
/// overwritten before its last use.
fn after(
    declared: &Declarations,
    instances: &[Instance],
    values: &[Value],
    sweep: usize,
    (slot, last, old): (Slot, LastUse, usize),
    producer: usize,
) -> Slot {
    let (grid, across) = (&declared.grids[0], 1 - sweep);
    let back = last.0 - instances[producer].skew;
    let shift = slot.shift + back;
    let aligned = |l: usize| instances[l].group == instances[producer].group;
    if last.1 == producer && grid.is_flat(across) {
        // The producer itself is the last reader. It no longer reads this plane when it writes the next one.
        return Slot { shift: shift + 1, ..slot };
    }
    // The producer and the instances aligned with it may still read rows so far below the row that is written.
    let rows = uses(declared, instances, values, sweep, old).filter(|&((planes, l), _)| planes == last.0 && aligned(l));
    let rows = rows.map(|((_, l), extent)| {
        let below = if back == 0 || extent.corners {
            -span(grid, declaration(declared, values, old), extent, across)[0]
        } else {
            0
        };
        below + instances[l].row_skew - instances[producer].row_skew + isize::from(l == producer)
    });
    Slot { shift, rows: slot.rows + rows.max().unwrap_or(0).max(0), ..slot }
}

/// Returns all uses of a value, with their stencil extents. (`span` includes the cells that mirror images beyond an
/// upper boundary are copied from.)
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

/// Returns the declaration of the field of a value.
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

    /// Two aligned instances, the second a row behind, and a third that writes a field that both have read.
    fn align(model: &mut Model) -> Result<()> {
        let [p, w, v] = ["p", "w", "v"].map(|name| model.field::<f64>(name).build());
        let (p, w, v) = (p?, w?, v?);
        model.every_step(|s| {
            s.apply(Divergence, [p, w, v], [w]).apply(Uphill, [w, p], [v]).apply(Divergence, [w, v, p], [p]);
        });
        Ok(())
    }

    /// Runs the wavefront over a block and checks that every row that an instance reads is still stored, although rows
    /// overwrite each other.
    fn check_rows_are_stored(block: &Block) {
        let across = 1 - block.sweep;
        let mut stored = HashMap::new();
        let mut run = |instance: &Instance, p: isize, r: isize| {
            for ((_, from), extent) in instance.from.iter().zip(&instance.extents) {
                let Origin::Value(v) = *from else { continue };
                let slot = block.values[v].slot.expect("a value that is read has a slot");
                let range = |a: usize| -(extent.below[a] as isize)..=extent.above[a] as isize;
                let near = range(block.sweep).flat_map(|dp| range(across).map(move |dr| (dp, dr)));
                for (dp, dr) in near.filter(|(dp, dr)| extent.corners || *dp == 0 || *dr == 0) {
                    let (q, i) = (p + dp, r + dr);
                    if q >= 0 && (0..12).contains(&i) {
                        let plane = (q - slot.shift).rem_euclid(block.rings[slot.ring]);
                        let found = stored.get(&(slot.ring, plane, i - slot.rows));
                        assert_eq!(found, Some(&(v, q, i)), "row {r} of plane {p}");
                    }
                }
            }
            for &v in &instance.outputs {
                if let Some(slot) = block.values[v].slot {
                    let plane = (p - slot.shift).rem_euclid(block.rings[slot.ring]);
                    stored.insert((slot.ring, plane, r - slot.rows), (v, p, r));
                }
            }
        };
        for wavefront in 0..40 {
            for group in block.instances.chunk_by(|a, b| a.group == b.group) {
                for time in 0..20 {
                    for instance in group.iter().filter(|instance| (0..12).contains(&(time - instance.row_skew))) {
                        run(instance, wavefront - instance.skew, time - instance.row_skew);
                    }
                }
            }
        }
    }

    #[test]
    fn rows_are_not_overwritten_before_their_last_use() {
        for declare in [diffusion, waves, staggered, align] {
            for (cells, periodic) in [([24, 24, 24], true), ([24, 24, 24], false), ([1, 24, 24], true)] {
                for steps in 2..5 {
                    check_rows_are_stored(&block(steps, cells, periodic, declare));
                }
            }
        }
    }

    #[test]
    fn new_planes_reuse_the_memory_of_old_ones() {
        // Three values of three planes each; two of them reuse a plane that has just been read.
        assert_eq!(block(4, [24; 3], true, diffusion).rings, [7]);
        // p has 3 values and w, v have 4 values of 2 planes each; all but the first reuse memory.
        assert_eq!(block(4, [24; 3], true, staggered).rings, [4, 5, 5]);
    }
}
