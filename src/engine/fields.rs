//! The fields of one rank, and the scalars and coefficients that kernels read with them; shared by the threads of the rank.
use crate::base::{Array, Error, Region, Result};
use crate::comm::Threads;
use crate::engine::boundary_fill;
use crate::engine::coefficients::Coefficients;
use crate::engine::missing_cells::MissingCells;
use crate::engine::periodic_row::PeriodicRow;
use crate::engine::step_limit::StepLimit;
use crate::engine::tiles;
use crate::engine::with_element;
use crate::files::input::FieldInput;
use crate::model::declarations::{Clock, Declarations};
use crate::model::field::{At, Initial};
use crate::model::grid::Grid;
use crate::model::handle::{DT, TIME};
use crate::model::location::Location;
use crate::model::stage::Stage;
use crate::program::Program;
use crate::program::domain::{Domain, Patch};
use halocline_kernels::Element;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Arrays by field and patch.
pub(super) type Arrays = Vec<Vec<Array>>;

/// The fields of a program on one rank.
pub(crate) struct Fields {
    pub(crate) program: Arc<Program>,
    /// By field, the patches that this rank owns.
    pub(super) patches: Vec<Vec<Patch>>,
    /// The current arrays, and the next arrays of fields that one stage both reads and writes.
    pub(super) now: Arrays,
    pub(super) next: Arrays,
    pub(super) scalars: Vec<f64>,
    /// The simulated time at which boundary values are taken, in seconds: that of the step, or of a stage of an integrator.
    pub(super) boundary_time: f64,
    pub(super) coefficients: Coefficients,
    /// Positions of cells along axes, by grid, block, location.
    pub(super) coordinates: BTreeMap<(usize, usize, Location), [Vec<f64>; 3]>,
    /// By field, its periodic rows, whose halo is filled when the row is written.
    pub(super) periodic_rows: Vec<Option<PeriodicRow>>,
    /// Bytes of cache per thread.
    pub(super) cache: usize,
    /// The time that an adaptive time step does not pass.
    pub(super) limit: StepLimit,
    /// By field: the cells for which a file of initial values has no value.
    pub(super) missing: Vec<MissingCells>,
}

impl Fields {
    /// Allocates the fields of a rank and fills them with their initial values.
    ///
    /// # Errors
    /// If memory cannot be allocated, or initial values cannot be read from a file.
    pub(super) fn new(program: Arc<Program>, rank: usize, threads: &Threads) -> Result<Fields> {
        let declared = &program.declared;
        let count = declared.fields.len();
        let patches: Vec<Vec<Patch>> = (0..count).map(|f| program.domain_of(f).patches(rank)).collect();
        let allocate = |f: usize| match declared.fields[f].derived {
            true => Ok(vec![]),
            false => allocate(&program, f, &patches[f], rank),
        };
        let now = (0..count).map(allocate).collect::<Result<Arrays>>()?;
        let next = |f: usize| if program.depths.double[f] { allocate(f) } else { Ok(vec![]) };
        let next = (0..count).map(next).collect::<Result<Arrays>>()?;
        let mut fields = Fields {
            now,
            next,
            scalars: declared.scalars.iter().map(|s| s.1).collect(),
            boundary_time: 0.0,
            coefficients: Coefficients::of(declared),
            coordinates: coordinates(declared),
            periodic_rows: PeriodicRow::of(&program),
            cache: tiles::cache(),
            limit: StepLimit::new(declared.scalars[DT].1),
            missing: vec![MissingCells::NONE; count],
            patches,
            program,
        };
        (0..count).try_for_each(|f| fields.fill(f, threads))?;
        Ok(fields)
    }

    /// Allocates a derived quantity.
    ///
    /// # Errors
    /// If memory cannot be allocated.
    pub(super) fn allocate(&mut self, f: usize, rank: usize) -> Result<()> {
        self.now[f] = allocate(&self.program, f, &self.patches[f], rank)?;
        Ok(())
    }

    /// Frees the memory of all derived quantities.
    pub(super) fn free_derived(&mut self) {
        let derived = self.program.declared.fields.iter().map(|d| d.derived);
        self.now.iter_mut().zip(derived).filter(|(_, derived)| *derived).for_each(|(arrays, _)| *arrays = vec![]);
    }

    /// Fills a field with its initial values, in parallel over its rows.
    ///
    /// # Errors
    /// If a file cannot be read or does not have these cells.
    fn fill(&mut self, f: usize, threads: &Threads) -> Result<()> {
        let Fields { program, now, coordinates, patches, missing, .. } = self;
        let d = &program.declared.fields[f];
        let grid = program.grid_of(f);
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
                    with_element!(d.element, T => threads.for_each(nz * ny, |i| {
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
                Initial::File(input) => {
                    let parts = FieldInput::open(input, d, (grid, &program.declared.axes))?.read(&patch.region)?;
                    let part = |p: usize, i: usize| parts.get(p).map_or(0.0, |values| values[i]);
                    let (low, [_, ny, nx]) = (patch.region.low, patch.region.size());
                    let key = |i: usize| {
                        let within = [i / nx / ny, i / nx % ny, i % nx];
                        grid.key(patch.block, std::array::from_fn(|a| low[a] + within[a] as isize))
                    };
                    let filled = input.fill.map_or([f64::NAN; 2], |fill| [fill, 0.0]);
                    with_element!(d.element, T => {
                        let mut cells = array.view_mut::<T>(&patch.region);
                        for (i, cell) in cells.iter_mut().enumerate() {
                            let mut value = [part(0, i), part(1, i)];
                            if value[0].is_nan() || value[1].is_nan() {
                                missing[f].add_missing(key(i));
                                value = filled;
                            }
                            *cell = T::from_parts(value);
                            if cell.parts().iter().any(|v| v.is_infinite()) {
                                missing[f].add_infinite(key(i));
                            }
                        }
                    })
                }
            }
            boundary_fill::set_boundary_faces(array, grid, patch, d.location, &d.boundaries, 0.0);
        }
        Ok(())
    }

    /// What the model declares.
    pub(crate) fn declared(&self) -> &Declarations {
        &self.program.declared
    }

    /// The decomposition of a field.
    pub(crate) fn domain_of(&self, f: usize) -> &Domain {
        self.program.domain_of(f)
    }

    /// The grid of a field.
    pub(crate) fn grid_of(&self, f: usize) -> &Grid {
        self.program.grid_of(f)
    }

    /// The patches of a field that this rank owns.
    pub(crate) fn patches(&self, f: usize) -> &[Patch] {
        &self.patches[f]
    }

    /// The arrays of a field on this rank.
    pub(crate) fn arrays(&self, f: usize) -> &[Array] {
        &self.now[f]
    }

    /// The owned cells of a field, patch by patch.
    pub(super) fn patch_regions(&self, f: usize) -> Vec<Region> {
        self.now[f].iter().map(Array::owned).collect()
    }

    /// The arrays that a stage writes: the next arrays of fields that it also reads, the current arrays of others.
    pub(super) fn targets(&self, stage: &Stage) -> Vec<&[Array]> {
        let target = |&f: &usize| if stage.reads_field(f) { &self.next[f][..] } else { &self.now[f][..] };
        stage.writes.iter().map(target).collect()
    }

    /// Bytes of all arrays.
    pub(super) fn bytes(&self) -> usize {
        self.now.iter().chain(&self.next).flatten().map(Array::bytes).sum()
    }

    /// True if the fields are much larger than the caches, so that written rows are evicted before they are read again and
    /// non-temporal stores save cache space and bandwidth.
    pub(super) fn outgrows_caches(&self, threads: usize) -> bool {
        self.bytes() / threads > 2 * self.cache
    }

    /// Sets a scalar.
    pub(super) fn set_scalar(&mut self, id: usize, value: f64) {
        self.limit.set_scalar(&self.program.declared, &mut self.scalars, id, value);
    }

    /// The simulated time in seconds after `more` steps beyond `steps`, all of the length of the last one.
    pub(super) fn time_after(&self, steps: u64, more: u64) -> f64 {
        match self.declared().clock {
            Clock::Steps => 0.0,
            Clock::Fixed(dt) => (steps + more) as f64 * dt,
            Clock::Adaptive => self.scalars[TIME] + more as f64 * self.scalars[DT],
        }
    }
}

fn coordinates(declared: &Declarations) -> BTreeMap<(usize, usize, Location), [Vec<f64>; 3]> {
    let mut all = BTreeMap::new();
    for (g, grid) in declared.grids.iter().enumerate() {
        for (b, block) in grid.all_blocks().iter().enumerate() {
            for location in Location::ALL {
                let axis = |a: usize| (0..block.cells[a]).map(|i| block.coordinate(a, i as isize, location)).collect();
                all.insert((g, b, location), [axis(0), axis(1), axis(2)]);
            }
        }
    }
    all
}

/// Allocates the arrays of a field on a rank.
fn allocate(program: &Program, f: usize, patches: &[Patch], rank: usize) -> Result<Vec<Array>> {
    let (d, grid, halo) = (&program.declared.fields[f], program.grid_of(f), &program.depths.halo[f]);
    let flat = [0, 1, 2].map(|a| grid.is_flat(a));
    let array = |p: &Patch| Array::try_new(d.element, p.region, halo.below, halo.above, flat);
    patches.iter().map(array).collect::<Result<Vec<Array>>>().map_err(|e| {
        let what = format!("rank {rank} cannot allocate the field `{}`: {}", d.name, e.what());
        Error::input(what).remedy("use fewer cells, or more ranks on more nodes")
    })
}
