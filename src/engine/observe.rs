//! Looking at a simulation: reductions, the hash of its state, whole fields, values that are no numbers.
use super::accumulator::Accumulator;
use super::{Phase, Simulation, cells, tiles, with_element};
use crate::base::Region;
use crate::base::Result;
use crate::engine::state_hash::{FieldHash, state_hash};
use crate::model::arguments::Bound;
use crate::model::field::Field;
use crate::model::reduction::{Op, Reduction};
use crate::model::stage::{Stage, Work};
use halocline_kernels::Element;
use halocline_kernels::kernel::MAX_OUT;
use halocline_kernels::row::{RowFn, Rows};
use ndarray::Array3;
use std::ptr::null_mut;
use std::time::Instant;
use xxhash_rust::xxh3::Xxh3;

/// What a reduction found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measurement {
    /// The value.
    pub value: f64,
    /// Where a largest or smallest value is: block and index z, y, x of the first such cell.
    pub at: Option<(usize, [usize; 3])>,
}

/// A value that is NaN or infinite.
#[derive(Clone, Debug, PartialEq)]
pub struct NonFinite {
    /// The field's name.
    pub field: String,
    /// Block of the grid.
    pub block: usize,
    /// Index z, y, x in the block.
    pub index: [usize; 3],
    /// The value, as text.
    pub value: String,
}

impl Simulation {
    /// Reduces all cells to a number, the same on every rank. Collective.
    ///
    /// # Panics
    /// If it reads farther around a cell than the schedule and the diagnostics do, so that there is no room for the halo.
    pub fn measure(&mut self, reduction: Reduction) -> Measurement {
        let mut schedule = crate::model::schedule::Schedule::default();
        schedule.reduce(crate::model::field::Scalar { id: crate::model::declaration::TIME }, reduction);
        let crate::model::stage::Item::Stage(stage) = &schedule.items[0] else {
            unreachable!("a reduction is a stage")
        };
        let Work::Reduce { kernel, bound, op } = &stage.work else { unreachable!("a reduction reduces") };
        let row = kernel(self.store.design.instructions);
        self.reduce(stage, &row, bound, *op)
    }

    pub(super) fn reduce(&mut self, stage: &Stage, row: &RowFn, bound: &[Bound], op: Op) -> Measurement {
        let Some(&(field, _)) = stage.reads.first() else { return Measurement { value: 0.0, at: None } };
        let patches = self.store.patch_regions(field);
        let around = self.store.surroundings(bound, &self.store.scalars);
        let mut all = Accumulator::new(op);
        self.overlap(stage, &patches, |this, threads, boxes| {
            let tiles = tiles::tiles(boxes, cells::bytes_per_cell(bound, &this.now), this.cache, threads.count());
            let blocks: Vec<usize> = this.patches(field).iter().map(|p| p.block).collect();
            let grid = this.grid_of(field);
            let found = threads.map(tiles.len(), |t| {
                let (patch, tile) = tiles[t];
                let n = tile.size()[2];
                let mut accumulator = Accumulator::new(op);
                this.for_rows(bound, &around, field, patch, &tile, |table, index| {
                    let mut out: Rows = [null_mut(); MAX_OUT];
                    out[0] = accumulator.room(n);
                    // The promise of a `Row`: as in `run_cells`; the written row is this thread's own.
                    row.compute(table, &out, 0..n);
                    accumulator.take(n, || grid.key(blocks[patch], index));
                });
                accumulator
            });
            found.into_iter().for_each(|accumulator| all.merge(accumulator));
        });
        let started = Instant::now();
        let measured = Accumulator::conclude(&self.comm, vec![(all, self.store.grid_of(field))]);
        self.timers.spent(Phase::Reduce, started);
        measured[0]
    }

    /// The hash of all fields, scalars and bags: the same on any number of ranks. Collective.
    ///
    /// # Errors
    /// If a bag cannot be hashed.
    pub fn state(&self) -> Result<String> {
        let names = self.store.design.declarations.iter().map(|d| d.name.as_str());
        let fields: Vec<_> = names.enumerate().map(|(f, name)| (name, self.field_hash(f))).collect();
        let mut more: Vec<u64> = self.store.scalars.iter().map(|s| s.to_bits()).collect();
        more.extend(self.bags.hash(&self.comm));
        let mut digest = Xxh3::new();
        digest.update(state_hash(&self.comm, &fields).as_bytes());
        more.iter().for_each(|word| digest.update(&word.to_le_bytes()));
        Ok(format!("{:032x}", digest.digest128()))
    }

    /// The hash of this rank's cells of a field.
    pub(super) fn field_hash(&self, f: usize) -> FieldHash {
        let (element, grid) = (self.store.design.declarations[f].element, self.store.grid_of(f));
        let mut hash = FieldHash::new(element);
        for (array, patch) in self.store.now[f].iter().zip(self.store.patches(f)) {
            let owned = patch.region;
            let [nz, ny, nx] = owned.size();
            let planes = self.comm.threads().map(nz, |z| {
                let mut hash = FieldHash::new(element);
                for y in 0..ny {
                    let index = [owned.low[0] + z as isize, owned.low[1] + y as isize, owned.low[2]];
                    hash.add_row(grid.key(patch.block, index), array.row(index, nx));
                }
                hash
            });
            planes.iter().for_each(|plane| hash.merge(plane));
        }
        hash
    }

    /// A whole field on every rank, a block each, `[z, y, x]`. For tests and small grids. Collective.
    pub fn gather<T: Element>(&self, field: Field<T>) -> Vec<Array3<T>> {
        let mut mine = vec![];
        for array in &self.store.now[field.id] {
            for value in array.view::<T>(&array.owned()) {
                value.parts().iter().for_each(|p| mine.extend(p.to_le_bytes()));
            }
        }
        let blocks = self.store.grid_of(field.id).all_blocks();
        let mut whole: Vec<Array3<T>> = blocks.iter().map(|b| Array3::from_elem(b.cells, T::default())).collect();
        for (rank, bytes) in self.comm.all_gather(&mine).iter().enumerate() {
            let mut numbers = bytes.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().expect("eight bytes")));
            for patch in self.store.domain_of(field.id).patches(rank) {
                let Region { low, high } = patch.region;
                let range = |a: usize| low[a] as usize..high[a] as usize;
                let mut part = whole[patch.block].slice_mut(ndarray::s![range(0), range(1), range(2)]);
                for value in &mut part {
                    let mut next = || numbers.next().expect("as many numbers as the rank owns");
                    *value = T::from_parts([next(), next()]);
                }
            }
        }
        whole
    }

    /// The first value (in global order) that is NaN or infinite, on this rank.
    pub fn not_finite(&self) -> Option<NonFinite> {
        for (f, d) in self.store.design.declarations.iter().enumerate() {
            // Patches of one block may lie side by side, so that the first patch need not hold the first cell.
            let mut first: Option<(u64, NonFinite)> = None;
            for (array, patch) in self.store.now[f].iter().zip(self.store.patches(f)) {
                let owned = patch.region;
                let [nz, ny, _] = owned.size();
                let found = with_element!(d.element, T => self.comm.threads().map(nz, |z| {
                    let plane = owned.low[0] + z as isize;
                    for y in 0..ny as isize {
                        let row = owned.with(0, plane, plane + 1).with(1, owned.low[1] + y, owned.low[1] + y + 1);
                        let cells = array.view::<T>(&row);
                        // Without a branch a value, so that the common case is one vectorised pass.
                        if !cells.iter().fold(true, |all, v| all & v.is_finite()) {
                            let (x, v) = cells.iter().enumerate().find(|(_, v)| !v.is_finite())?;
                            let [re, im] = v.parts();
                            let value = if T::TYPE.parts() == 2 { format!("{re} + {im}i") } else { format!("{re}") };
                            return Some(([plane, row.low[1], owned.low[2] + x as isize], value));
                        }
                    }
                    None
                }));
                if let Some((index, value)) = found.into_iter().flatten().next() {
                    let key = self.store.grid_of(f).key(patch.block, index);
                    if first.as_ref().is_none_or(|(least, _)| key < *least) {
                        let index = index.map(|i| i as usize);
                        first = Some((key, NonFinite { field: d.name.clone(), block: patch.block, index, value }));
                    }
                }
            }
            if let Some((_, finding)) = first {
                return Some(finding);
            }
        }
        None
    }

    /// The first of all ranks' findings: that of the earliest step and, among those, of the first field and cell. The same
    /// on every rank. Collective.
    pub fn first_finding(&self, mine: Option<(u64, NonFinite)>) -> Option<(u64, NonFinite)> {
        let order = |f: &NonFinite| {
            let field = self.store.design.declarations.iter().position(|d| d.name == f.field).unwrap_or(0);
            (field, self.store.grid_of(field).key(f.block, f.index.map(|i| i as isize)))
        };
        let all = self.comm.all_gather(
            &mine
                .map(|(step, f)| {
                    let (field, key) = order(&f);
                    let mut bytes: Vec<u8> = [step, field as u64, key].iter().flat_map(|w| w.to_le_bytes()).collect();
                    bytes.extend(f.value.as_bytes());
                    bytes
                })
                .unwrap_or_default(),
        );
        let word = |b: &[u8], i: usize| u64::from_le_bytes(b[8 * i..8 * i + 8].try_into().expect("eight bytes"));
        let found = all.iter().filter(|b| b.len() > 24).min_by_key(|b| [0, 1, 2].map(|i| word(b, i)))?;
        let (step, field) = (word(found, 0), word(found, 1) as usize);
        let (block, index) = self.store.grid_of(field).cell_of(word(found, 2));
        let value = String::from_utf8_lossy(&found[24..]).into_owned();
        Some((step, NonFinite { field: self.store.design.declarations[field].name.clone(), block, index, value }))
    }
}
