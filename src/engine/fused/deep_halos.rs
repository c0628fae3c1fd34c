//! Deep halos: before a block runs, one exchange makes the halos of all fields valid as deep as the instances of all its steps
//! read.
use crate::base::Region;
use crate::comm::Threads;
use crate::engine::boundary_fill::RowEdges;
use crate::engine::core::Core;
use crate::engine::exchange::Exchange;
use crate::engine::fields::Fields;
use crate::engine::halos;
use crate::engine::phase::Phase;
use crate::model::handle::TIME;
use crate::program::fusion::Block;
use crate::program::halo_validity::{Halo, along_x, mark_valid, stale};
use crate::program::transfers;
use halocline_kernels::Extent;
use std::collections::BTreeMap;
use std::time::Instant;

/// The exchanges of deep halos, by the halos that they make valid.
#[derive(Default)]
pub(super) struct DeepHalos(BTreeMap<Halo, Exchange>);

impl DeepHalos {
    /// True if messages may still touch the arrays.
    pub fn is_under_way(&mut self) -> bool {
        self.0.values_mut().any(Exchange::is_under_way)
    }

    /// Makes all halos valid that a block reads.
    pub fn make_valid(&mut self, core: &mut Core, block: &Block) {
        let valid = &core.halos.valid;
        let is_valid = |f: usize, extent: &Extent| valid[f].iter().any(|r| r.covers(extent));
        let reads = block.halo.iter().filter(|(f, extent)| !extent.is_pointwise() && !is_valid(*f, extent));
        let deep: Halo = reads.copied().collect();
        if deep.is_empty() {
            return;
        }
        // Rows are exchanged with the halo at their ends, which must be valid first.
        let ends: Vec<(usize, Extent)> = deep.iter().map(|&(f, extent)| (f, along_x(&extent))).collect();
        let ends = stale(valid, &ends);
        let Core { comm, fields, halos, timers, .. } = core;
        halos.exchange(comm, fields, timers, &ends);
        let started = Instant::now();
        let exchange = self.0.entry(deep.clone()).or_insert_with(|| {
            let program = &fields.program;
            let wanted = |rank| transfers::of_rows(&program.declared, &program.domains, &deep, rank);
            halos::plan(comm, program, &deep, wanted)
        });
        exchange.start(comm, &fields.now, &fields.now);
        timers.record_messages(exchange.traffic());
        // SAFETY: no array is accessed until `finish` has returned.
        unsafe { exchange.start_direct(&fields.now, &fields.now) };
        let started = timers.record(Phase::Halos, started);
        exchange.finish(comm, &fields.now);
        let started = timers.record(Phase::Wait, started);
        for &(f, _) in &deep {
            fill_beyond_boundaries(fields, f, comm.threads());
        }
        timers.record(Phase::Halos, started);
        mark_valid(&mut halos.valid, &deep);
    }
}

/// Fills all rows of a field's arrays beyond physical boundaries: those across z first, then those across y.
fn fill_beyond_boundaries(fields: &Fields, f: usize, threads: &Threads) {
    let (d, grid) = (&fields.declared().fields[f], &fields.declared().grids[0]);
    let (extent, time) = (&fields.program.extent[f], fields.scalars[TIME]);
    let edges = RowEdges::new(grid, d, extent);
    for array in &fields.now[f] {
        let padded = array.padded();
        let x = array.owned().low[2];
        let mut inside = padded;
        for a in (0..2).filter(|&a| grid.is_bounded(a)) {
            inside = inside.with(a, inside.low[a].max(0), inside.high[a].min(grid.cells()[a] as isize));
        }
        let fill = |axis: usize, rows: Region| {
            for side in 0..2 {
                for (i, mirror) in edges.beyond(axis, side, extent) {
                    if i < padded.low[axis] || i >= padded.high[axis] {
                        continue;
                    }
                    let across = 1 - axis;
                    let first = rows.low[across];
                    threads.for_each((rows.high[across] - first) as usize, |r| {
                        let mut index = [0, 0, x];
                        (index[axis], index[across]) = (i, first + r as isize);
                        let mut from = index;
                        from[axis] = mirror;
                        // SAFETY: both rows lie in the array with the halo at their ends; each row is written by one thread.
                        unsafe {
                            edges.set_from_mirror(axis, side, index, array.cell_mut(index), array.cell(from), time)
                        }
                    });
                }
            }
        };
        fill(0, inside);
        // Planes beyond the boundaries across z also have rows beyond the boundaries across y.
        let beyond_z = |deep: usize| if grid.is_bounded(0) { deep as isize } else { 0 };
        let (below, above) = (inside.low[0] - beyond_z(extent.below[0]), inside.high[0] + beyond_z(extent.above[0]));
        fill(1, inside.with(0, below.max(padded.low[0]), above.min(padded.high[0])));
    }
}
