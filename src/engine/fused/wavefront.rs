//! Runs a block on one tile. A wavefront moves through the tile plane by plane. Each instance follows it at a distance (its
//! skew) and reads planes that earlier instances have written to ring buffers in cache; only the last value of each field is
//! written to memory. So memory is read and written once for all steps. Tiles are independent: instances compute the cells
//! around a tile that later instances need redundantly.
use crate::base::Region;
use crate::base::memory::LINE;
use crate::engine::accumulator::Accumulator;
use crate::engine::fused::context::{InstanceRange, Sweep, Tile};
use crate::engine::fused::prefetch::{Prefetch, PrefetchSet};
use crate::engine::fused::worker::Worker;
use crate::engine::scratch::with_scratch;
use crate::model::handle::TIME;
use crate::program::fusion::Instance;
use halocline_kernels::stream::fence;

/// Computes all instances on a tile. Returns the partial results of the reductions, in their order.
pub(super) fn compute(sweep: &Sweep, patch: usize, region: &Region) -> Vec<Accumulator> {
    let ranges = sweep.ranges(region);
    let widest = sweep.widest(patch);
    with_scratch(sweep.bytes(patch, region) + LINE, |memory| {
        let (rings, used) = sweep.rings(patch, &ranges, memory);
        let scratch = memory.wrapping_add(used);
        let tile = Tile { sweep, patch, region, rings, widest, scratch };
        let mut workers: Vec<Worker> =
            ranges.iter().enumerate().map(|(l, range)| Worker::new(sweep, l, range)).collect();
        let first = workers.iter().map(|worker| worker.range.planes.start + worker.instance.skew).min().unwrap_or(0);
        let end = workers.iter().map(|worker| worker.range.end + worker.instance.skew).max().unwrap_or(0);
        let set = PrefetchSet::of(sweep, region);
        for wavefront in first..end {
            let mut prefetch = Prefetch::new(sweep, patch, &set, wavefront);
            for group in workers.chunk_by_mut(|a, b| a.instance.group == b.instance.group) {
                plane(&tile, group, wavefront - group[0].instance.skew, &mut prefetch);
            }
        }
        fence();
        workers.into_iter().filter_map(|worker| worker.accumulator).collect()
    })
}

/// Computes one plane of the instances of a group.
fn plane(tile: &Tile, workers: &mut [Worker], p: isize, prefetch: &mut Prefetch) {
    workers.iter_mut().filter(|worker| worker.range.planes.contains(&p)).for_each(|worker| worker.begin(tile, p));
    let start = workers.iter().map(|worker| worker.range.rows.start + worker.instance.row_skew).min().unwrap_or(0);
    let end = workers.iter().map(|worker| worker.range.rows.end + worker.instance.row_skew).max().unwrap_or(0);
    for time in start..end {
        for worker in workers.iter_mut().filter(|worker| worker.range.planes.contains(&p)) {
            let r = time - worker.instance.row_skew;
            if worker.range.rows.contains(&r) {
                worker.compute(tile, r, prefetch);
            }
        }
    }
    for Worker { instance, range, .. } in workers {
        if range.planes.contains(&p) {
            instance.outputs.iter().for_each(|&v| mirror_rows(tile, v, range, p));
            mirror_planes(tile, instance, range, p, 0);
        } else if (range.planes.end..range.end).contains(&p) {
            mirror_planes(tile, instance, range, p, 1);
        }
    }
}

/// Fills the rows of a plane that are read beyond physical boundaries.
fn mirror_rows(tile: &Tile, v: usize, range: &InstanceRange, p: isize) {
    let Sweep { block, edges, history, .. } = tile.sweep;
    let (value, t) = (&block.values[v], 1 - block.sweep);
    let Some(ring) = &tile.rings[v] else { return };
    let n = tile.sweep.fields.declared().grids[0].cells()[t] as isize;
    let (edges, time) = (&edges[value.field], history[value.first_read][TIME]);
    for side in (0..2).filter(|&side| [range.rows.start == 0, range.rows.end == n][side]) {
        for (r, mirror) in edges.beyond(t, side, &value.extent) {
            // SAFETY: both are rows of the ring buffer, which includes the rows beyond boundaries.
            unsafe { edges.set_from_mirror(t, side, tile.sweep.index(p, r), ring.row(p, r), ring.row(p, mirror), time) }
        }
    }
}

/// Fills planes beyond physical boundaries: those below the grid as soon as their mirror image, plane `p`, is computed, and
/// those above the grid in order, plane `p` now.
fn mirror_planes(tile: &Tile, instance: &Instance, range: &InstanceRange, p: isize, side: usize) {
    let Sweep { block, edges, history, .. } = tile.sweep;
    let s = block.sweep;
    if side == 0 && (range.planes.start > 0 || !tile.sweep.fields.declared().grids[0].is_bounded(s)) {
        return;
    }
    for &v in &instance.outputs {
        let (value, Some(ring)) = (&block.values[v], &tile.rings[v]) else { continue };
        let (edges, time) = (&edges[value.field], history[value.first_read][TIME]);
        for (q, mirror) in edges.beyond(s, side, &value.extent) {
            if [mirror, q][side] != p {
                continue;
            }
            for r in range.rows.clone() {
                // SAFETY: both are rows of the ring buffer, in different planes.
                unsafe {
                    edges.set_from_mirror(s, side, tile.sweep.index(q, r), ring.row(q, r), ring.row(mirror, r), time)
                }
            }
            mirror_rows(tile, v, range, q);
        }
    }
}
