//! Deep halos: before a block, fields in memory are made fresh as far around this rank's cells as its levels read, in one
//! exchange for all steps.
use super::edges::Edges;
use super::levels::Block;
use crate::base::Region;
use crate::comm::Threads;
use crate::engine::exchange::{Exchange, Move};
use crate::engine::{Halo, Layout, Phase, Simulation, Store, halos};
use crate::model::declaration::{Design, TIME};
use crate::program::copies;
use crate::program::domain::Domain;
use halocline_kernels::Extent;
use std::collections::BTreeMap;
use std::time::Instant;

impl Simulation {
    /// Makes all halos fresh that a block reads.
    pub(super) fn deepen(&mut self, block: &Block) {
        let is_fresh = |f: usize, extent: &Extent| self.fresh[f].iter().any(|r| r.covers(extent));
        let stale: Halo =
            block.halo.iter().filter(|(f, extent)| !extent.is_pointwise() && !is_fresh(*f, extent)).copied().collect();
        if stale.is_empty() {
            return;
        }
        // Rows travel with their ends.
        let ends: Vec<(usize, Extent)> = stale.iter().map(|&(f, extent)| (f, along_x(&extent))).collect();
        let ends = halos::stale(&self.fresh, &ends);
        if !ends.is_empty() {
            let patches = self.store.patch_regions(ends[0].0);
            self.start_halos(&ends, &patches, &[]);
            self.finish_halos(&ends);
        }
        let started = Instant::now();
        if !self.fusion.deep.contains_key(&stale) {
            let exchange =
                Exchange::new(&self.comm, |rank| rows(&self.store.design, &self.store.domains, &stale, rank));
            self.fusion.deep.insert(stale.clone(), exchange);
        }
        let exchange = self.fusion.deep.get_mut(&stale).expect("made above");
        exchange.start(&self.comm, &self.store.now, &self.store.now);
        self.timers.sends(exchange.traffic());
        // SAFETY: nothing is done until it has finished.
        unsafe { exchange.launch(&self.store.now, &self.store.now) };
        let started = self.timers.spent(Phase::Halos, started);
        exchange.finish(&self.comm, &self.store.now);
        let started = self.timers.spent(Phase::Wait, started);
        for &(f, _) in &stale {
            self.store.beyond_walls(f, self.comm.threads());
        }
        self.timers.spent(Phase::Halos, started);
        halos::freshen(&mut self.fresh, &stale);
    }
}

impl Store {
    /// Makes all rows beyond walls that lie in a field's arrays: those across z first, then those across y.
    fn beyond_walls(&self, f: usize, threads: &Threads) {
        let (d, grid) = (&self.design.declarations[f], &self.design.grids[0]);
        let (extent, time) = (&self.extent[f], self.scalars[TIME]);
        let edges = Edges::new(grid, d, extent);
        for array in &self.now[f] {
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
                            // SAFETY: both rows lie in the array with room for their ends, and each is made by one thread.
                            unsafe { edges.mirror(axis, side, index, array.cell_mut(index), array.cell(from), time) }
                        });
                    }
                }
            };
            fill(0, inside);
            // Planes beyond the walls across z have rows beyond those across y, too.
            let beyond_z = |deep: usize| if grid.is_bounded(0) { deep as isize } else { 0 };
            let (below, above) =
                (inside.low[0] - beyond_z(extent.below[0]), inside.high[0] + beyond_z(extent.above[0]));
            fill(1, inside.with(0, below.max(padded.low[0]), above.min(padded.high[0])));
        }
    }
}

/// The part of a reach along x.
pub(super) fn along_x(extent: &Extent) -> Extent {
    Extent { below: [0, 0, extent.below[2]], above: [0, 0, extent.above[2]], corners: false }
}

/// All rows of these halos that some rank owns, with their ends, as a rank wants them.
fn rows(design: &Design, domains: &BTreeMap<Layout, Domain>, halo: &Halo, rank: usize) -> Vec<Move> {
    let mut moves = vec![];
    for (f, extent) in halo {
        let d = &design.declarations[*f];
        let (below, above) = (extent.below[2] as isize, extent.above[2] as isize);
        let mut extent = *extent;
        (extent.below[2], extent.above[2]) = (0, 0);
        let domain = &domains[&(d.grid, d.whole)];
        for mut copy in copies::halo(&design.grids[d.grid], domain, rank, &extent) {
            copy.target = copy.target.with(2, copy.target.low[2] - below, copy.target.high[2] + above);
            let contiguous = halos::goes_unpacked(design, domain, &copy, d.element);
            moves.push(Move { copy, from: *f, to: *f, negate: false, element: d.element, contiguous });
        }
    }
    moves
}
