//! The engine: a compiled model that advances. It derives halo exchanges from the schedule, computes what does not need a
//! message while messages fly, and never reads a stale halo.
pub mod bags;
mod cells;
mod timers;
pub(crate) mod exchange;
mod fits;
mod fused;
mod halos;
mod observe;
mod plan;
mod run;
mod snapshot;
pub mod state_hash;
pub mod sums;
pub mod sources;
mod accumulator;
mod tiles;
pub(crate) mod trace;
mod transform;
mod wrap;

pub use observe::{Measurement, NonFinite};
pub use plan::Plan;
use plan::line_layout;
pub(crate) use run::bytes_of;
pub use snapshot::{Part, Saved, Snapshot};
pub use timers::{Phase, StageTime, Timers};

use crate::base::Array;
use crate::base::Region;
use crate::base::{Error, Result};
use crate::comm::Comm;
use crate::engine::exchange::Exchange;
use crate::model::boundary;
use crate::model::declaration::{Clock, DT, Design, Model, TIME};
use crate::model::field::{At, Field, FieldDeclaration, Initial, Scalar};
use crate::model::grid::{Grid, Location};
use crate::model::stage::{Compile, Item, Stage, Work};
use crate::program::domain::{Domain, Patch};
use bags::RecordStore;
use halocline_kernels::cell::PROFILE_EXTENT;
use halocline_kernels::row::RowFn;
use halocline_kernels::{Element, ElementType, Extent};
use sources::Source;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A split of one of the grids: which axes are whole.
type Layout = (usize, [bool; 3]);

/// What a list of exchanged halos is known by: fields and how far.
type Halo = Vec<(usize, Extent)>;

/// A compiled model: allocated, filled, ready to advance.
pub struct Simulation {
    comm: Comm,
    pub(crate) store: Store,
    /// What of each field's halo is up to date.
    fresh: Vec<Vec<Extent>>,
    rows: BTreeMap<*const Stage, RowFn>,
    exchanges: BTreeMap<Halo, Exchange>,
    transpose_buffers: BTreeMap<*const Stage, transform::TransposeBuffers>,
    transposes: BTreeMap<*const Stage, Exchange>,
    bags: RecordStore,
    sources: Vec<Option<Box<dyn Source>>>,
    /// By source: what it has given so far.
    taken: Vec<sources::Taken>,
    /// Hashes of fields that no stage writes, once somebody has asked.
    constants: OnceCell<Vec<(String, u64)>>,
    fusion: fused::Fusion,
    /// Items that are done the first time only, and were.
    once: BTreeSet<*const Item>,
    /// Bytes that must move in a pass through a list of items, and in all so far.
    passes: BTreeMap<*const Item, u64>,
    stage_bytes: BTreeMap<*const Stage, u64>,
    moved: u64,
    steps: u64,
    started: bool,
    /// Where time goes, in seconds.
    pub(crate) timers: Timers,
}

/// Numbers along an axis of a block, with room beyond for kernels that look ahead.
struct Table {
    bytes: Vec<u8>,
    /// Index of the first number.
    first: isize,
    size: usize,
}

/// What is declared and the memory for it: all that the threads of a rank share.
pub(crate) struct Store {
    pub(crate) design: Design,
    /// Splits of grids, and what this rank owns of each field.
    domains: BTreeMap<Layout, Domain>,
    patches: Vec<Vec<Patch>>,
    /// How far some stage or diagnostic reads each field.
    extent: Vec<Extent>,
    /// Bytes of cache that a thread may count on.
    cache: usize,
    /// Which fields' rows wrap around by themselves.
    wraps: Vec<Option<wrap::Wrap>>,
    /// `[field][patch]`: the present values, and the next ones of fields that are read and written in one stage.
    now: Vec<Vec<Array>>,
    next: Vec<Vec<Array>>,
    scalars: Vec<f64>,
    /// By profile, grid, block and type of number.
    profiles: BTreeMap<(usize, usize, usize, ElementType), Table>,
    /// Positions of cells along axes, by grid, block, location.
    coordinates: BTreeMap<(usize, usize, Location), [Vec<f64>; 3]>,
}

impl Store {
    /// The split that a field lives in.
    pub(crate) fn domain_of(&self, f: usize) -> &Domain {
        let d = &self.design.declarations[f];
        &self.domains[&(d.grid, d.whole)]
    }

    /// The grid that a field lives on.
    pub(crate) fn grid_of(&self, f: usize) -> &Grid {
        &self.design.grids[self.design.declarations[f].grid]
    }

    /// What this rank owns of a field.
    pub(crate) fn patches(&self, f: usize) -> &[Patch] {
        &self.patches[f]
    }

    /// The arrays of a field on this rank.
    pub(crate) fn arrays(&self, f: usize) -> &[Array] {
        &self.now[f]
    }

    fn patch_regions(&self, f: usize) -> Vec<Region> {
        self.now[f].iter().map(Array::owned).collect()
    }
}

/// Does the same generic work for the type that a field has.
macro_rules! with_element {
    ($element:expr, $T:ident => $work:expr) => {
        match $element {
            halocline_kernels::ElementType::F32 => {
                type $T = f32;
                $work
            }
            halocline_kernels::ElementType::F64 => {
                type $T = f64;
                $work
            }
            halocline_kernels::ElementType::C32 => {
                type $T = num_complex::Complex<f32>;
                $work
            }
            halocline_kernels::ElementType::C64 => {
                type $T = num_complex::Complex<f64>;
                $work
            }
        }
    };
}
pub(crate) use with_element;

impl Simulation {
    pub(crate) fn new(model: Model) -> Result<Simulation> {
        model.check()?;
        let Model { comm, design: model } = model;
        let Plan { stages, domains, extent, depth } = Plan::of(&model, comm.size())?;
        let mine = |d: &FieldDeclaration| domains[&(d.grid, d.whole)].patches(comm.rank());
        let patches: Vec<Vec<Patch>> = model.declarations.iter().map(mine).collect();
        let allocate = |f: usize| -> Vec<Array> {
            let d: &FieldDeclaration = &model.declarations[f];
            let flat = [0, 1, 2].map(|a| model.grids[d.grid].is_flat(a));
            let halo = &depth.halo[f];
            patches[f].iter().map(|p| Array::new(d.element, p.region, halo.below, halo.above, flat)).collect()
        };
        let count = model.declarations.len();
        let now = (0..count).map(allocate).collect();
        let next = (0..count).map(|f| if depth.double[f] { allocate(f) } else { vec![] }).collect();
        let compiled = |kernel: &Compile| kernel(model.instructions);
        let rows = stages.iter().filter_map(|s| match &s.work {
            Work::Cells { kernel, .. } | Work::Reduce { kernel, .. } => Some((Arc::as_ptr(s), compiled(kernel))),
            _ => None,
        });
        let rows = rows.collect();
        let sources = model.sources.iter().map(|(name, open)| match comm.rank() {
            0 => open().map(Some).map_err(|e| Error::input(format!("source `{name}`: {}", e.what()))),
            _ => Ok(None),
        });
        let sources = sources.collect::<Result<Vec<_>>>();
        let sources = comm.agree(sources)?;
        let bags = RecordStore::new(&comm, &model.bags);
        let store = Store {
            patches,
            cache: tiles::cache(),
            wraps: wrap::Wrap::of(&model, &domains, &extent),
            coordinates: coordinates(&model),
            profiles: profiles(&model),
            scalars: model.scalars.iter().map(|s| s.1).collect(),
            domains,
            extent,
            now,
            next,
            design: model,
        };
        let mut simulation = Simulation {
            fresh: vec![vec![]; count],
            exchanges: BTreeMap::new(),
            transpose_buffers: BTreeMap::new(),
            transposes: BTreeMap::new(),
            once: BTreeSet::new(),
            timers: Timers::default(),
            passes: BTreeMap::new(),
            stage_bytes: BTreeMap::new(),
            moved: 0,
            steps: 0,
            started: false,
            comm,
            store,
            rows,
            bags,
            taken: vec![sources::Taken::default(); sources.len()],
            constants: OnceCell::new(),
            sources,
            fusion: fused::Fusion::new(depth),
        };
        let filled = (0..count).try_for_each(|f| simulation.fill(f));
        simulation.comm.clone().agree(filled)?;
        Ok(simulation)
    }

    /// First values of a field, in parallel over its rows.
    fn fill(&mut self, f: usize) -> Result<()> {
        let Store { design, now, coordinates, patches, .. } = &mut self.store;
        let d = &design.declarations[f];
        let grid = &design.grids[d.grid];
        for (array, patch) in now[f].iter_mut().zip(&patches[f]) {
            match &d.initial {
                Initial::Zero => {}
                Initial::Function(value) => {
                    let block = grid.block(patch.block);
                    let axes = &coordinates[&(d.grid, patch.block, d.location)];
                    let flat = [0, 1, 2].map(|a| grid.is_flat(a));
                    let middle = [0, 1, 2].map(|a| block.origin[a] + 0.5 * block.length[a]);
                    let owned = patch.region;
                    let [nz, ny, nx] = owned.size();
                    let shared: &Array = array;
                    with_element!(d.element, T => self.comm.threads().for_each(nz * ny, |i| {
                        let (z, y) = (owned.low[0] + (i / ny) as isize, owned.low[1] + (i % ny) as isize);
                        let row = owned.with(0, z, z + 1).with(1, y, y + 1);
                        // SAFETY: every row is filled by one thread.
                        let mut cells = unsafe { shared.view_shared_mut::<T>(&row) };
                        for (i, cell) in cells.iter_mut().enumerate().take(nx) {
                            let index = [z, y, owned.low[2] + i as isize];
                            let at = At {
                                z: axes[0][z as usize],
                                y: axes[1][y as usize],
                                x: axes[2][index[2] as usize],
                                block: patch.block,
                                index: index.map(|i| i as usize),
                                key: grid.key(patch.block, index),
                                middle,
                                flat,
                            };
                            *cell = T::from_parts(value(at));
                        }
                    }))
                }
                Initial::File(path, variable, factor) => {
                    let values = crate::files::input::field(path, variable, grid.cells(), &patch.region)?;
                    with_element!(d.element, T => {
                        let mut cells = array.view_mut::<T>(&patch.region);
                        cells.iter_mut().zip(values).for_each(|(c, v)| *c = T::of(v * factor));
                    })
                }
            }
            boundary::set_walls(array, grid, patch, d.location, &d.boundaries, 0.0);
        }
        Ok(())
    }

    /// The communicator.
    pub fn comm(&self) -> &Comm {
        &self.comm
    }

    /// The split of the first grid.
    pub fn domain(&self) -> Option<&Domain> {
        self.store.domains.get(&(0, [false; 3]))
    }

    /// Steps done.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The simulated time in seconds.
    pub fn time(&self) -> f64 {
        self.store.scalars[TIME]
    }

    /// A scalar's value, the same on every rank.
    pub fn scalar(&self, s: Scalar) -> f64 {
        self.store.scalars[s.id]
    }

    /// The bags of this rank.
    pub fn bags(&self) -> &RecordStore {
        &self.bags
    }

    /// Bytes of memory in fields on this rank.
    pub fn memory(&self) -> usize {
        self.store.now.iter().chain(&self.store.next).flatten().map(Array::bytes).sum()
    }

    /// Moves the clock at the end of a step.
    fn tick(&mut self) {
        self.store.scalars[TIME] = self.time_after(1);
        self.steps += 1;
        self.time_passes();
    }

    /// The simulated time after so many more steps, in seconds, if all are as long as the last one.
    pub(crate) fn time_after(&self, steps: u64) -> f64 {
        match self.store.design.clock {
            Clock::Steps => 0.0,
            Clock::Fixed(dt) => (self.steps + steps) as f64 * dt,
            Clock::Adaptive => self.store.scalars[TIME] + steps as f64 * self.store.scalars[DT],
        }
    }

    /// A field's handle by name and type, for those who did not declare it.
    pub fn field<T: Element>(&self, name: &str) -> Option<Field<T>> {
        let found = self.store.design.declarations.iter().position(|d| d.name == name && d.element == T::TYPE);
        found.map(Field::handle)
    }

    /// Lets the last step end here, in seconds: an adaptive time step is cut to it.
    pub(crate) fn end_at(&mut self, time: f64) {
        self.store.design.end = time;
    }
}

impl Drop for Simulation {
    /// On the way out of a failure, messages may still leave or reach these arrays: their memory is left alone.
    fn drop(&mut self) {
        if self.exchanges.values_mut().chain(self.fusion.exchanges()).any(Exchange::is_under_way) {
            std::mem::forget(std::mem::take(&mut self.store.now));
        }
    }
}

fn coordinates(model: &Design) -> BTreeMap<(usize, usize, Location), [Vec<f64>; 3]> {
    let mut all = BTreeMap::new();
    for (g, grid) in model.grids.iter().enumerate() {
        for (b, block) in grid.all_blocks().iter().enumerate() {
            for location in [Location::Center, Location::FaceZ, Location::FaceY, Location::FaceX] {
                let axis = |a: usize| (0..block.cells[a]).map(|i| block.coordinate(a, i as isize, location)).collect();
                all.insert((g, b, location), [axis(0), axis(1), axis(2)]);
            }
        }
    }
    all
}

/// Profiles in both precisions, for every block of every grid.
fn profiles(model: &Design) -> BTreeMap<(usize, usize, usize, ElementType), Table> {
    let mut all = BTreeMap::new();
    let blocks = model
        .grids
        .iter()
        .enumerate()
        .flat_map(|(g, grid)| grid.all_blocks().iter().enumerate().map(move |(b, block)| (g, b, block)));
    for (g, b, block) in blocks {
        for (p, profile) in model.profiles.iter().enumerate() {
            let beyond = PROFILE_EXTENT as isize;
            let places = -beyond..block.cells[profile.axis] as isize + beyond;
            let values: Vec<f64> =
                places.map(|i| (profile.value)(block.coordinate(profile.axis, i, profile.location))).collect();
            let table = |bytes, size| Table { bytes, first: -beyond, size };
            let single = values.iter().flat_map(|v| (*v as f32).to_ne_bytes()).collect();
            let double = values.iter().flat_map(|v| v.to_ne_bytes()).collect();
            all.insert((p, g, b, ElementType::F32), table(single, 4));
            all.insert((p, g, b, ElementType::F64), table(double, 8));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use crate::comm::ranks;
    use crate::prelude::*;
    use halocline_kernels::diffusion::Ftcs;

    fn heat(comm: &Comm, cells: usize) -> Result<Simulation> {
        let mut model = Model::new(comm.clone(), Grid::new([cells, 12]).periodic([true, true]));
        let t = model.field::<f64>("t").initial(|at| at.uniform(1)).build()?;
        model.every_step(|s| {
            s.apply(Ftcs::new(0.1, 1.0, [f64::INFINITY, 1.0, 1.0]), [t], [t]);
        });
        model.compile()
    }

    #[test]
    fn two_simulations_share_a_communicator() {
        let states = ranks(3, 1, |comm| -> Result<[String; 2]> {
            let (mut a, mut b) = (heat(&comm, 9)?, heat(&comm, 10)?);
            b.advance(1)?;
            a.advance(2)?;
            b.advance(1)?;
            Ok([a.state()?, b.state()?])
        });
        let alone = [9, 10].map(|cells| {
            let mut run = heat(&Comm::alone(), cells).unwrap();
            run.advance(2).unwrap();
            run.state().unwrap()
        });
        for state in states.unwrap() {
            assert_eq!(state.unwrap(), alone);
        }
    }
}
