//! Runs a block of instances on all tiles of a rank.
use crate::base::Result;
use crate::comm::Reduce;
use crate::engine::accumulator::{Accumulator, Measurement};
use crate::engine::boundary_fill::RowEdges;
use crate::engine::coefficients::Scalars;
use crate::engine::core::Core;
use crate::engine::fields::Fields;
use crate::engine::fused::context::{Kernels, Sweep};
use crate::engine::fused::deep_halos::DeepHalos;
use crate::engine::fused::wavefront;
use crate::engine::phase::Phase;
use crate::engine::points;
use crate::engine::step_limit::StepLimit;
use crate::engine::tiles;
use crate::model::handle::TIME;
use crate::model::stage::Work;
use crate::program::domain::Patch;
use crate::program::fusion::{Block, Instance};
use crate::program::halo_validity::{along_x, invalidate};
use std::time::Instant;

/// Candidate numbers of rows of a tile.
const ROWS: [usize; 4] = [128, 64, 32, 16];
/// How many of the candidate sizes are measured.
const SIZES: usize = 2;

/// The numbers of rows of a tile to measure for a block, the largest first, such that its ring buffers fit into a thread's
/// share of the cache. Ranks may have patches and caches of different sizes, so rank 0 decides. Collective.
pub(super) fn sizes(core: &Core, block: &Block) -> Vec<usize> {
    let fields = &core.fields;
    if let Some(rows) = fields.declared().tile_rows {
        return vec![rows];
    }
    let mut fits = [0; ROWS.len()];
    if let (Some(first), true) = (block.instances.first().and_then(|i| i.field), core.comm.is_root())
        && let Some(patch) = fields.patches(first).first()
    {
        let (history, _) = scalar_history(core, block);
        let sweep = sweep(core, block, &history, vec![]);
        let (t, mut last) = (1 - block.sweep, 0);
        let (low, high) = (patch.region.low[t], patch.region.high[t]);
        for (rows, fits) in ROWS.into_iter().zip(&mut fits) {
            let height = (high - low).min(rows as isize);
            let tile = patch.region.with(t, low, low + height);
            // Skip sizes that the patch cuts to the same height.
            *fits = i64::from(height != last && sweep.bytes(0, &tile) <= fields.cache);
            last = height;
        }
    }
    core.comm.reduce(Reduce::Max, &mut fits);
    let rows: Vec<usize> = ROWS.into_iter().zip(fits).filter(|(_, fits)| *fits == 1).map(|(rows, _)| rows).collect();
    if rows.is_empty() { vec![ROWS[ROWS.len() - 1]] } else { rows.into_iter().take(SIZES).collect() }
}

/// The scalars before each stage of each step of a block, and after the last stage, with the time of each step; then the
/// limit of the time step after the last stage.
pub(super) fn scalar_history(core: &Core, block: &Block) -> (Vec<Vec<f64>>, StepLimit) {
    let (program, fields) = (&core.fields.program, &core.fields);
    let (mut scalars, mut limit) = (fields.scalars.clone(), fields.limit);
    let mut history = vec![];
    for step in 0..block.steps {
        if step > 0 {
            scalars[TIME] = fields.time_after(core.steps, step as u64);
        }
        for &stage in &block.stages {
            history.push(scalars.clone());
            let stage = program.stage(stage);
            if let (Work::Scalar(f), Some(id)) = (&stage.work, stage.scalar_written) {
                let from: Vec<f64> = stage.scalars_read.iter().map(|&s| scalars[s]).collect();
                limit.set_scalar(&program.declared, &mut scalars, id, f(&from));
            }
        }
    }
    history.push(scalars);
    (history, limit)
}

fn sweep<'a>(core: &'a Core, block: &'a Block, history: &'a [Vec<f64>], kernels: Kernels) -> Sweep<'a> {
    let fields = &core.fields;
    let grid = &fields.declared().grids[0];
    let edges = fields.declared().fields.iter().zip(&fields.program.extent);
    let edges = edges.map(|(d, extent)| RowEdges::new(grid, d, extent)).collect();
    let streams = fields.outgrows_caches(core.comm.threads().count());
    Sweep { fields, block, kernels, history, edges, streams }
}

/// Computes a block on tiles of `rows` rows. Updates the fields, but neither scalars nor time. Returns the results of its
/// reductions, in their order. Collective.
///
/// # Errors
/// If a cell that a stage changes does not exist.
pub(super) fn run(
    core: &mut Core,
    deep: &mut DeepHalos,
    block: &Block,
    rows: usize,
    history: &[Vec<f64>],
) -> Result<Vec<Measurement>> {
    let program = core.program();
    for &(position, stage) in &block.before {
        let stage = program.stage(stage);
        let Work::Point { cell: (b, index), update } = &stage.work else { continue };
        points::update(core, stage.writes[0], *b, *index, history[position][TIME], update)?;
        core.written(&stage.writes);
    }
    deep.make_valid(core, block);
    let found = compute(core, block, rows, history);
    for f in (0..core.fields.now.len()).filter(|&f| block.last[f].is_some()) {
        let Fields { now, next, .. } = &mut core.fields;
        if !next[f].is_empty() && !block.in_place[f] {
            std::mem::swap(&mut now[f], &mut next[f]);
        }
        invalidate(&program.declared, &mut core.halos.valid, f);
        // Rows were written to memory with the halo at their ends.
        if !program.declared.fields[f].varies() {
            core.halos.valid[f].push(along_x(&program.extent[f]));
        }
    }
    if found.is_empty() {
        return Ok(vec![]);
    }
    let started = Instant::now();
    let grid = &program.declared.grids[0];
    let measured = Accumulator::reduce_all(&core.comm, found.into_iter().map(|found| (found, grid)).collect());
    core.timers.record(Phase::Reduce, started);
    Ok(measured)
}

/// Computes all tiles of this rank. Returns the partial results of reductions.
fn compute(core: &mut Core, block: &Block, rows: usize, history: &[Vec<f64>]) -> Vec<Accumulator> {
    let started = Instant::now();
    let program = core.program();
    let kernel = |instance: &Instance| {
        let arguments = program.stage(instance.stage).arguments();
        (core.kernel(instance.stage).clone(), Scalars::of(arguments, &history[instance.position]))
    };
    let sweep = sweep(core, block, history, block.instances.iter().map(kernel).collect());
    let threads = core.comm.threads();
    let mut all: Vec<Accumulator> = block.instances.iter().filter_map(|i| i.op).map(Accumulator::new).collect();
    let patches = block.instances.first().and_then(|i| i.field).map_or(&[][..], |f| core.fields.patches(f));
    for (patch, Patch { region, .. }) in patches.iter().enumerate() {
        let tiles = tiles::overlapping_tiles(region, block.sweep, rows, threads.count());
        for found in threads.map(tiles.len(), |t| wavefront::compute(&sweep, patch, &tiles[t])) {
            all.iter_mut().zip(found).for_each(|(all, found)| all.merge(found));
        }
    }
    core.timers.record(Phase::Compute, started);
    all
}
