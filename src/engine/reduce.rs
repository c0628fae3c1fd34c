//! Reductions: one number from all cells.
use crate::engine::accumulator::{Accumulator, Measurement};
use crate::engine::cells::{bytes_per_cell, for_rows};
use crate::engine::coefficients::Scalars;
use crate::engine::core::Core;
use crate::engine::phase::Phase;
use crate::engine::tiles;
use crate::model::reduction_op::Op;
use crate::model::stage::Stage;
use halocline_kernels::kernel::MAX_OUT;
use halocline_kernels::row::{RowFn, Rows};
use std::ptr::null_mut;
use std::time::Instant;

/// Runs a reduction that the program has checked: the result is the same on every rank. Collective.
pub(super) fn run(core: &mut Core, stage: &Stage, kernel: &RowFn, op: Op) -> Measurement {
    let Some(&(field, _)) = stage.reads.first() else { return Measurement { value: 0.0, at: None } };
    let arguments = stage.arguments();
    let patches = core.fields.patch_regions(field);
    let scalars = Scalars::of(arguments, &core.fields.scalars);
    let mut all = Accumulator::new(op);
    let Core { comm, fields, halos, timers, .. } = core;
    let threads = comm.threads();
    halos.overlap(comm, fields, timers, stage, &patches, |fields, boxes| {
        let tiles = tiles::tiles(boxes, bytes_per_cell(arguments, &fields.now), fields.cache, threads.count());
        let blocks: Vec<usize> = fields.patches(field).iter().map(|p| p.block).collect();
        let grid = fields.grid_of(field);
        let found = threads.map(tiles.len(), |t| {
            let (patch, tile) = tiles[t];
            let n = tile.size()[2];
            let mut accumulator = Accumulator::new(op);
            for_rows(fields, arguments, &scalars, field, patch, &tile, |table, index| {
                let mut out: Rows = [null_mut(); MAX_OUT];
                out[0] = accumulator.row_buffer(n);
                // SAFETY: as in `cells::run`; the written row holds `n` numbers and belongs to this thread.
                unsafe { kernel.compute(table, &out, 0..n) };
                accumulator.add_row(n, || grid.key(blocks[patch], index));
            });
            accumulator
        });
        found.into_iter().for_each(|accumulator| all.merge(accumulator));
    });
    let started = Instant::now();
    let measured = Accumulator::reduce_all(&core.comm, vec![(all, core.fields.grid_of(field))]);
    core.timers.record(Phase::Reduce, started);
    measured[0]
}
