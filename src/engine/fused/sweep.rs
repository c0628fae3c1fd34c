//! A block on all tiles of a rank.
use super::edges::Edges;
use super::halo;
use super::levels::{Block, Level};
use super::pass::{Kernels, Pass};
use crate::base::Result;
use crate::comm::Reduce;
use crate::engine::accumulator::Accumulator;
use crate::engine::observe::Measurement;
use crate::engine::{Phase, Simulation, Store, halos, tiles};
use crate::model::declaration::TIME;
use crate::model::stage::Work;
use crate::program::domain::Patch;
use std::sync::Arc;
use std::time::Instant;

/// Rows of tiles among which the fastest are chosen.
const ROWS: [usize; 4] = [128, 64, 32, 16];
/// Tiles of how many sizes are tried.
const SIZES: usize = 2;

impl Simulation {
    /// Rows of tiles for a block, the largest first: rings fit into this thread's share of the caches. Ranks may have
    /// patches and caches of different sizes: rank 0 decides.
    pub(super) fn sizes(&self, block: &Block) -> Vec<usize> {
        if let Some(rows) = self.store.design.tile_rows {
            return vec![rows];
        }
        let mut fits = [0; ROWS.len()];
        if let (Some(first), true) = (block.levels.first().and_then(Level::field), self.comm.is_root())
            && let Some(patch) = self.store.patches[first].first()
        {
            let moments = self.moments(block);
            let pass = self.pass(block, &moments, vec![]);
            let (t, mut last) = (1 - block.sweep, 0);
            let (low, high) = (patch.region.low[t], patch.region.high[t]);
            for (rows, fits) in ROWS.into_iter().zip(&mut fits) {
                let height = (high - low).min(rows as isize);
                let tile = patch.region.with(t, low, low + height);
                // No two that are the same.
                *fits = i64::from(height != last && pass.bytes(0, &tile) <= self.store.cache);
                last = height;
            }
        }
        self.comm.reduce(Reduce::Max, &mut fits);
        let rows: Vec<usize> =
            ROWS.into_iter().zip(fits).filter(|(_, fits)| *fits == 1).map(|(rows, _)| rows).collect();
        if rows.is_empty() { vec![ROWS[ROWS.len() - 1]] } else { rows.into_iter().take(SIZES).collect() }
    }

    /// The scalars before each stage of a block, time after time, and after the last. Time passes in between.
    pub(super) fn moments(&self, block: &Block) -> Vec<Vec<f64>> {
        let mut scalars = self.store.scalars.clone();
        let mut moments = vec![];
        for step in 0..block.steps {
            if step > 0 {
                scalars[TIME] = self.time_after(step as u64);
            }
            for stage in &block.stages {
                moments.push(scalars.clone());
                if let (Work::Scalar(f), Some(id)) = (&stage.work, stage.scalar_written) {
                    let from: Vec<f64> = stage.scalars_read.iter().map(|&s| scalars[s]).collect();
                    self.store.design.set(&mut scalars, id, f(&from));
                }
            }
        }
        moments.push(scalars);
        moments
    }

    fn pass<'a>(&'a self, block: &'a Block, moments: &'a [Vec<f64>], kernels: Kernels) -> Pass<'a> {
        let store = &self.store;
        let grid = &store.design.grids[0];
        let edges = store.design.declarations.iter().zip(&store.extent).map(|(d, extent)| Edges::new(grid, d, extent));
        let streams = store.outgrows_caches(self.comm.threads().count());
        Pass { store, block, kernels, moments, edges: edges.collect(), streams }
    }

    /// Computes a block, on tiles of so many rows: what its reductions have found, in their order. Fields are as they are
    /// after it; scalars and time are left alone. Collective.
    pub(super) fn sweep(&mut self, block: &Block, rows: usize, moments: &[Vec<f64>]) -> Result<Vec<Measurement>> {
        for (moment, stage) in &block.before {
            let Work::Point { cell: (b, index), mix } = &stage.work else { continue };
            self.mix(stage.writes[0], *b, *index, moments[*moment][TIME], mix)?;
            self.written(&stage.writes);
        }
        self.deepen(block);
        let found = self.compute(block, rows, moments);
        for f in (0..self.store.now.len()).filter(|&f| block.last[f].is_some()) {
            let Store { now, next, design, .. } = &mut self.store;
            if !next[f].is_empty() && !block.in_place[f] {
                std::mem::swap(&mut now[f], &mut next[f]);
            }
            halos::soil(design, &mut self.fresh, f);
            // Rows have gone to memory with their ends.
            if !design.declarations[f].boundaries.iter().flatten().any(|b| b.varies()) {
                self.fresh[f].push(halo::along_x(&self.store.extent[f]));
            }
        }
        if found.is_empty() {
            return Ok(vec![]);
        }
        let started = Instant::now();
        let grid = &self.store.design.grids[0];
        let measured =
            Accumulator::conclude(&self.comm, found.into_iter().map(|accumulator| (accumulator, grid)).collect());
        self.timers.spent(Phase::Reduce, started);
        Ok(measured)
    }

    /// All tiles of this rank: what reductions have found on them.
    fn compute(&mut self, block: &Block, rows: usize, moments: &[Vec<f64>]) -> Vec<Accumulator> {
        let started = Instant::now();
        let kernel = |level: &Level| {
            let row = self.rows[&Arc::as_ptr(&level.stage)].clone();
            (row, self.store.surroundings(level.bound(), &moments[level.moment]))
        };
        let pass = self.pass(block, moments, block.levels.iter().map(kernel).collect());
        let threads = self.comm.threads();
        let mut all: Vec<Accumulator> = block.levels.iter().filter_map(Level::reduces).map(Accumulator::new).collect();
        let patches = block.levels.first().and_then(Level::field).map_or(&[][..], |f| &self.store.patches[f]);
        for (patch, Patch { region, .. }) in patches.iter().enumerate() {
            let tiles = tiles::wide(region, block.sweep, rows, threads.count());
            for found in threads.map(tiles.len(), |t| pass.tile(patch, &tiles[t])) {
                all.iter_mut().zip(found).for_each(|(all, accumulator)| all.merge(accumulator));
            }
        }
        self.timers.spent(Phase::Compute, started);
        all
    }
}
