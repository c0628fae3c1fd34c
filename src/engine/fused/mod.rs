//! Several steps at a time, while a tile is in cache.
//!
//! A stencil in memory can be no faster than memory: each step reads and writes every field once. But a stage is a pure
//! function of its reach, and the engine knows the whole schedule; so it computes several steps on a part of the grid that
//! stays in cache, for any kernels, and memory is read and written once for all of them. The same operations are done on
//! the same numbers, so results are the same bits.
//!
//! In the order of what happens: [`fusible`] says whether steps can be fused, [`levels`] turns them into levels, [`depth`]
//! asks for room; [`halo`] makes halos as deep as all levels together read, [`pass`] carries a front through a tile,
//! [`lane`] computes a plane of a level, [`rings`] say where its rows lie, [`edges`] make what lies beyond walls, [`ahead`]
//! asks memory for what comes next; [`choice`] finds out how many steps are best.
mod ahead;
mod choice;
mod depth;
mod edges;
mod fusible;
mod halo;
mod lane;
mod levels;
mod pass;
pub(super) mod rings;

pub(super) use depth::{Depth, bytes};

use super::{Simulation, Store, tiles};
use crate::comm::Reduce;
use crate::domain::Patch;
use crate::error::Result;
use crate::exchange::Exchange;
use crate::model::TIME;
use crate::schedule::Work;
use choice::Choice;
use edges::Edges;
use levels::Block;
use pass::Pass;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// Steps and rows of tiles among which the fastest is chosen, the likely ones first: short runs do not come to the others.
const STEPS: [usize; 4] = [4, 2, 8, 1];
const ROWS: [usize; 4] = [128, 64, 32, 16];
/// Tiles of how many sizes are tried.
const SIZES: usize = 2;
/// How a simulation fuses its steps.
pub(super) struct Fusion {
    most: usize,
    refused: Option<String>,
    blocks: BTreeMap<usize, Arc<Block>>,
    /// What is chosen among, once the first block is due.
    choice: Option<Choice>,
    /// Deep halos, by what is stale.
    deep: BTreeMap<super::Halo, Exchange>,
}

impl Fusion {
    /// All that have made halos deep.
    pub fn exchanges(&self) -> impl Iterator<Item = &Exchange> {
        self.deep.values()
    }

    /// Nothing measured yet.
    pub fn new(depth: &Depth) -> Fusion {
        let refused = depth.refused.clone();
        Fusion { most: depth.most, refused, blocks: BTreeMap::new(), choice: None, deep: BTreeMap::new() }
    }
}

impl Simulation {
    /// For people: how steps are fused, or why not.
    pub fn fusion(&self) -> String {
        let Fusion { most, refused, choice, .. } = &self.fusion;
        match (refused, choice) {
            (Some(why), _) => format!("stage by stage: {why}"),
            (None, _) if *most == 0 => "stage by stage".into(),
            (None, choice) => match choice.as_ref().and_then(Choice::settled) {
                Some(c) if c.rows == 0 => "stage by stage, which was fastest".into(),
                Some(c) if c.steps == 1 => format!("steps one by one, tiles of {} rows", c.rows),
                Some(c) => format!("fused {} steps, tiles of {} rows", c.steps, c.rows),
                None => format!("up to {most} steps fused"),
            },
        }
    }

    /// True once it is known how steps are done fastest: measuring it takes the first hundred steps or so.
    pub fn is_settled(&self) -> bool {
        let open = |choice: &Choice| choice.next(usize::MAX).2;
        self.fusion.most == 0 || self.fusion.choice.as_ref().is_some_and(|choice| !open(choice))
    }

    /// How many steps are best done at a time where at most so many can be: the same on every rank.
    pub(crate) fn steps_at_once(&self, most: u64) -> u64 {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let best = self.fusion.choice.as_ref().map_or(self.fusion.most, |choice| choice.next(most).1.steps);
        best.clamp(1, most.max(1)) as u64
    }

    /// Does some steps, at most so many, and says how many. Collective.
    pub(super) fn some_steps(&mut self, most: usize) -> Result<usize> {
        if self.fusion.most == 0 || self.has_first_items() {
            self.one_step()?;
            return Ok(1);
        }
        if self.fusion.choice.is_none() {
            self.fusion.choice = Some(Choice::between(self.candidates()));
        }
        let choice = self.fusion.choice.as_ref().expect("made above");
        let (number, candidate, open) = choice.next(most);
        let steps = candidate.steps.min(most);
        let started = Instant::now();
        match candidate.rows {
            0 => self.one_step()?,
            rows => self.run_block(steps, rows)?,
        }
        if open {
            // The slowest rank counts, and all must come to the same choice.
            let mut nanoseconds = [started.elapsed().as_nanos() as i64];
            self.comm.reduce(Reduce::Max, &mut nanoseconds);
            let seconds = nanoseconds[0] as f64 / 1e9 / steps as f64;
            self.fusion.choice.as_mut().expect("made above").measured(number, seconds);
        }
        Ok(steps)
    }

    /// Numbers of steps and rows of a tile that are worth a try: rings fit into this thread's share of the caches.
    fn candidates(&mut self) -> Vec<(usize, usize)> {
        let most = self.fusion.most;
        let Some(asked) = self.store.design.fuse else {
            let mut all = vec![];
            for steps in STEPS.into_iter().filter(|&k| k <= most) {
                all.extend(self.sizes(steps).into_iter().map(|rows| (steps, rows)));
            }
            // Stage by stage, messages fly while cells are computed: no rows stand for that.
            all.push((1, 0));
            return all;
        };
        self.sizes(asked).into_iter().map(|rows| (asked, rows)).collect()
    }

    /// Rows of tiles for a block of so many steps, the largest first. Ranks may have patches and caches of different
    /// sizes: rank 0 decides.
    fn sizes(&mut self, steps: usize) -> Vec<usize> {
        if let Some(rows) = self.store.design.tile_rows {
            return vec![rows];
        }
        let mut fits = [0; ROWS.len()];
        if let (Some(block), true) = (self.block(steps), self.comm.is_root())
            && let Some(first) = block.levels.first().map(|l| l.stage.writes[0])
            && let Some(patch) = self.store.patches[first].first()
        {
            let (around, moments) = (vec![], self.moments(&block).0);
            let pass = self.pass(&block, &moments, around);
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

    fn block(&mut self, steps: usize) -> Option<Arc<Block>> {
        if !self.fusion.blocks.contains_key(&steps) {
            let block = Block::of(&self.store.design, &self.store.domains, steps).ok()?;
            self.fusion.blocks.insert(steps, Arc::new(block));
        }
        self.fusion.blocks.get(&steps).cloned()
    }

    /// The scalars before each stage of each step of a block, and after it.
    fn moments(&self, block: &Block) -> (Vec<Vec<f64>>, Vec<f64>) {
        let mut scalars = self.store.scalars.clone();
        let mut moments = vec![];
        for step in 0..block.steps {
            for stage in &block.stages {
                moments.push(scalars.clone());
                if let (Work::Scalar(f), Some(id)) = (&stage.work, stage.scalar_written) {
                    let from: Vec<f64> = stage.scalars_read.iter().map(|&s| scalars[s]).collect();
                    scalars[id] = f(&from);
                }
            }
            scalars[TIME] = self.time_after(step as u64 + 1);
        }
        (moments, scalars)
    }

    fn pass<'a>(&'a self, block: &'a Block, moments: &'a [Vec<f64>], kernels: pass::Kernels) -> Pass<'a> {
        let store = &self.store;
        let grid = &store.design.grids[0];
        let edges = store.design.declarations.iter().zip(&store.reach).map(|(d, reach)| Edges::new(grid, d, reach));
        let streams = store.outgrows_caches(self.comm.threads().count());
        Pass { store, block, kernels, moments, edges: edges.collect(), streams }
    }

    /// Does some steps at a time, on tiles of so many rows.
    fn run_block(&mut self, steps: usize, rows: usize) -> Result<()> {
        let Some(block) = self.block(steps) else { return self.one_step() };
        let (begun, moved) = (Instant::now(), self.moved);
        let (moments, after) = self.moments(&block);
        for (moment, stage) in &block.before {
            let Work::Point { cell: (b, index), mix } = &stage.work else { continue };
            self.mix(stage.writes[0], *b, *index, moments[*moment][TIME], mix)?;
            self.written(&stage.writes);
        }
        crate::comm::now_in("fused steps", self.steps);
        self.deepen(&block);
        let started = Instant::now();
        let kernel = |level: &levels::Level| {
            let row = self.rows[&Arc::as_ptr(&level.stage)].clone();
            (row, self.store.surroundings(level.bound(), &moments[level.moment]))
        };
        let kernels = block.levels.iter().map(kernel).collect();
        let pass = self.pass(&block, &moments, kernels);
        let first = block.levels[0].stage.writes[0];
        let threads = self.comm.threads();
        for (patch, Patch { region, .. }) in self.store.patches[first].iter().enumerate() {
            let tiles = tiles::wide(region, block.sweep, rows, threads.count());
            threads.for_each(tiles.len(), |t| pass.tile(patch, &tiles[t]));
        }
        self.clockwork.compute += started.elapsed().as_secs_f64();
        self.count_steps(steps as u64);
        for f in (0..self.store.now.len()).filter(|&f| block.last[f].is_some()) {
            let Store { now, next, design, .. } = &mut self.store;
            if !next[f].is_empty() {
                std::mem::swap(&mut now[f], &mut next[f]);
            }
            super::halos::soil(design, &mut self.fresh, f);
            // Rows have gone to memory with their ends.
            if !design.declarations[f].boundaries.iter().flatten().any(|b| b.varies()) {
                self.fresh[f].push(halo::along_x(&self.store.reach[f]));
            }
        }
        self.store.scalars = after;
        self.steps += steps as u64;
        self.time_passes();
        let name = if steps == 1 { "1 step".to_owned() } else { format!("{steps} steps fused") };
        self.clockwork.stage(&name, begun.elapsed().as_secs_f64(), self.moved - moved);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::comm::ranks;
    use crate::prelude::*;

    /// Two fields of different types: one is read on both sides, the other ahead.
    struct Mix;
    impl Kernel<f64> for Mix {
        type Reads = (Star<2>, As<f32, Ahead<1>>);
        type Writes = (f64, f32);
        #[inline(always)]
        fn cell(&self, (a, b): Near<'_, f64, Self>) -> (f64, f32) {
            let around = a.x::<-2>() + a.x::<1>() + a.y::<-1>() + a.y::<2>() + a.z::<-2>() + a.z::<1>();
            let ahead = b.x::<1>() + b.y::<1>() - b.z::<1>();
            (0.5 * a.here() + 0.08 * around + f64::from(b.here()), 0.25 * ahead - a.here() as f32)
        }
    }

    fn model(comm: &Comm, cells: [usize; 3], periodic: bool) -> Result<Model> {
        let mut model = Model::new(comm.clone(), Grid::new(cells).periodic([periodic, false, periodic]));
        let a = model.field::<f64>("a").initial(|at| at.uniform(1)).boundary(Boundary::Value(0.5)).build()?;
        let b = model.field::<f32>("b").location(Location::FaceX).initial(|at| at.uniform(2));
        let b = b.boundary(Boundary::Reflecting).build()?;
        model.fixed_step(0.5);
        model.every_step(|s| {
            s.at_point("source", a, [3, 4, 5], |old, time| old + 0.25 * time);
            s.apply(Mix, (a, b), (a, b));
        });
        Ok(model)
    }

    /// The state after some steps, and how they were done. Without caches all rows go past them.
    fn state(fuse: usize, caches: bool, cells: [usize; 3], periodic: bool, on: (usize, usize)) -> (String, String) {
        let all = ranks(on.0, on.1, |comm| {
            let mut model = model(&comm, cells, periodic)?;
            model.fuse(fuse);
            let mut run = model.compile()?;
            run.store.cache = if caches { usize::MAX / 8 } else { 0 };
            run.advance(7)?;
            Ok::<_, Error>((run.state()?, run.fusion()))
        });
        all.unwrap().swap_remove(0).unwrap()
    }

    #[test]
    fn rows_that_go_past_the_caches_are_whole() {
        for cells in [[9, 10, 7], [12, 9, 16], [8, 11, 151], [6, 9, 1030]] {
            for periodic in [false, true] {
                let (plain, how) = state(0, true, cells, periodic, (1, 1));
                assert_eq!(how, "stage by stage");
                for (fuse, on) in [(0, (1, 2)), (1, (1, 1)), (2, (1, 3)), (3, (2, 1)), (7, (1, 1))] {
                    for caches in [false, true] {
                        let (found, how) = state(fuse, caches, cells, periodic, on);
                        assert_eq!(found, plain, "{cells:?}, periodic {periodic}, {on:?}, caches {caches}: {how}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_fused_says_why() {
        let why = |change: fn(&mut Model)| {
            let mut model = model(&Comm::alone(), [9, 10, 7], false).unwrap();
            change(&mut model);
            model.compile().unwrap().fusion()
        };
        assert!(
            why(|model| model.fuse(4)).starts_with("fused 4") || why(|model| model.fuse(4)) == "up to 4 steps fused"
        );
        assert!(why(|model| model.process_grid([1, 1, 1])).starts_with("up to"));
        let time = why(|model| _ = model.adaptive_step(0.1));
        assert_eq!(time, "stage by stage: the time step may change");
        let stop = why(|model| {
            let norm = model.scalar("norm", 1.0);
            model.stop_when(norm.below(0.5));
        });
        assert_eq!(stop, "stage by stage: any step may be the last");
        assert_eq!(why(|model| model.fuse(99)), "stage by stage: 99 steps have 198 stages, and at most 64 are fused");
    }
}
