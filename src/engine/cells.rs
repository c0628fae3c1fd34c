//! Kernels on all cells: tables of rows, tile by tile.
use super::fused::rings;
use super::wrap::Wrap;
use super::{Phase, Simulation, Store, halos, tiles};
use crate::base::Region;
use crate::base::{Array, Lines};
use crate::comm::Threads;
use crate::model::arguments::Bound;
use crate::model::field::FieldDeclaration;
use crate::model::stage::{Stage, TileFn};
use halocline_kernels::cell::{MAX_ROWS, RowPosition, Table};
use halocline_kernels::kernel::MAX_OUT;
use halocline_kernels::row::{RowFn, Rows};
use halocline_kernels::stream::fence;
use halocline_kernels::{ElementType, Extent};
use std::ptr::{null, null_mut};
use std::time::Instant;

/// A slot of the table of rows: where it points in the tile's first row, and how it moves from row to row and plane to plane.
#[derive(Clone, Copy)]
struct Slot {
    at: *const u8,
    row: isize,
    plane: isize,
}

/// The rows of a tile that a stage writes to a field: the first one, and how they follow each other.
struct Written {
    at: *mut u8,
    row: isize,
    plane: isize,
    wrap: Option<Wrap>,
    lines: Lines,
    /// Bytes of a cell.
    size: usize,
}

impl Written {
    fn of(array: &Array, low: [isize; 3], wrap: Option<Wrap>) -> Written {
        let (row, plane) = (array.row_stride(), array.plane_stride());
        Written { at: array.cell_mut(low), row, plane, wrap, lines: array.lines(), size: array.element().size() }
    }
}

/// What the kernel of a stage sees besides fields, made once per stage.
pub(super) struct Surroundings {
    pub(super) scalars: Vec<[u8; 8]>,
}

impl Store {
    pub(super) fn surroundings(&self, bound: &[Bound], scalars: &[f64]) -> Surroundings {
        let number = |b: &Bound| match b {
            Bound::Scalar { id, element: ElementType::F32 } => {
                let mut bytes = [0; 8];
                bytes[..4].copy_from_slice(&(scalars[*id] as f32).to_ne_bytes());
                bytes
            }
            Bound::Scalar { id, .. } => scalars[*id].to_ne_bytes(),
            _ => [0; 8],
        };
        Surroundings { scalars: bound.iter().map(number).collect() }
    }

    /// Calls `row` for every row of a tile with a table of the rows read, and the row's first index. Places are those of
    /// `field`: the one that is written, or read where none is.
    pub(super) fn for_rows(
        &self,
        bound: &[Bound],
        around: &Surroundings,
        field: usize,
        patch: usize,
        tile: &Region,
        mut row: impl FnMut(&Table, [isize; 3]),
    ) {
        let FieldDeclaration { grid, location, .. } = self.design.declarations[field];
        let block = self.patches(field)[patch].block;
        let axes = &self.coordinates[&(grid, block, location)];
        let low = tile.low;
        let mut place = RowPosition { index: low, key: 0, zy: [0.0; 2], x: null() };
        let place_at = &raw mut place;
        let mut slots: Vec<Slot> = Vec::with_capacity(MAX_ROWS);
        for (b, number) in bound.iter().zip(&around.scalars) {
            match b {
                Bound::Field { id, rows, .. } => {
                    let array = &self.now[*id][patch];
                    slots.extend(rows.iter().map(|[dz, dy]| Slot {
                        at: array.cell([low[0] + dz, low[1] + dy, low[2]]),
                        row: array.row_stride(),
                        plane: array.plane_stride(),
                    }));
                }
                Bound::Scalar { .. } => slots.push(Slot { at: number.as_ptr(), row: 0, plane: 0 }),
                Bound::Profile { id, axis, element } => {
                    let table = &self.profiles[&(*id, grid, block, *element)];
                    let first = (low[*axis] - table.first) as usize * table.size;
                    let step = |a: usize| if a == *axis { table.size as isize } else { 0 };
                    slots.push(Slot { at: table.bytes[first..].as_ptr(), row: step(1), plane: step(0) });
                }
                Bound::RowPosition => slots.push(Slot { at: place_at.cast_const().cast(), row: 0, plane: 0 }),
            }
        }
        let asks = bound.contains(&Bound::RowPosition);
        let mut table: Table = [null(); MAX_ROWS];
        for z in low[0]..tile.high[0] {
            for (entry, slot) in table.iter_mut().zip(&slots) {
                *entry = slot.at.wrapping_offset((z - low[0]) * slot.plane);
            }
            for y in low[1]..tile.high[1] {
                let index = [z, y, low[2]];
                if asks {
                    let key = self.design.grids[grid].key(block, index);
                    let zy = [axes[0][z as usize], axes[1][y as usize]];
                    // SAFETY: `place` is alive and only read by the row function, through the table.
                    unsafe { *place_at = RowPosition { index, key, zy, x: axes[2][low[2] as usize..].as_ptr() } };
                }
                row(&table, index);
                for (entry, slot) in table.iter_mut().zip(&slots) {
                    *entry = entry.wrapping_offset(slot.row);
                }
            }
        }
    }

    /// True if the fields are so large that nothing of them is left in the caches when a thread comes back to it: what is
    /// written should not push out what is still to be read.
    pub(super) fn outgrows_caches(&self, threads: usize) -> bool {
        self.now.iter().chain(&self.next).flatten().map(Array::bytes).sum::<usize>() / threads > 2 * self.cache
    }

    /// The arrays that a stage writes: the next ones of fields that it also reads.
    fn targets(&self, stage: &Stage) -> Vec<&[Array]> {
        stage.writes.iter().map(|&f| if reads(stage, f) { &self.next[f][..] } else { &self.now[f][..] }).collect()
    }
}

impl Simulation {
    /// Calls `work` on boxes that cover the patches of a stage: those that need no message first, the rest when the
    /// messages are here.
    pub(super) fn overlap(
        &mut self,
        stage: &Stage,
        patches: &[Region],
        mut work: impl FnMut(&Store, &Threads, &[(usize, Region)]),
    ) {
        let stale = halos::stale(&self.fresh, &stage.reads);
        let all: Vec<(usize, Region)> = patches.iter().copied().enumerate().collect();
        if stale.is_empty() {
            let started = Instant::now();
            work(&self.store, self.comm.threads(), &all);
            self.timers.spent(Phase::Compute, started);
            return;
        }
        let inner = self.start_halos(&stale, patches, &stage.reads);
        let started = Instant::now();
        work(&self.store, self.comm.threads(), &inner.iter().copied().enumerate().collect::<Vec<_>>());
        self.timers.spent(Phase::Compute, started);
        self.finish_halos(&stale);
        if inner != patches {
            let started = Instant::now();
            let rest: Vec<(usize, Region)> = all
                .iter()
                .flat_map(|&(p, region)| halos::edges(region, inner[p]).into_iter().map(move |e| (p, e)))
                .collect();
            work(&self.store, self.comm.threads(), &rest);
            self.timers.spent(Phase::Edges, started);
        }
    }

    /// What was next is now.
    pub(super) fn swap(&mut self, stage: &Stage) {
        for &f in &stage.writes {
            if reads(stage, f) {
                let Store { now, next, .. } = &mut self.store;
                std::mem::swap(&mut now[f], &mut next[f]);
            }
        }
        self.written(&stage.writes);
    }

    /// Runs a kernel on all cells.
    pub(super) fn run_cells(&mut self, stage: &Stage, row: &RowFn, bound: &[Bound]) {
        let Some(&first) = stage.writes.first() else { return };
        let patches = self.store.patch_regions(first);
        let around = self.store.surroundings(bound, &self.store.scalars);
        self.overlap(stage, &patches, |this, threads, boxes| {
            let targets = this.targets(stage);
            let tiles = tiles::tiles(boxes, bytes_per_cell(bound, &this.now), this.cache, threads.count());
            let streams = this.outgrows_caches(threads.count());
            threads.for_each(tiles.len(), |t| {
                let (patch, tile) = tiles[t];
                let (low, n) = (tile.low, tile.size()[2]);
                let written = |(arrays, &f): (&&[Array], &usize)| Written::of(&arrays[patch], low, this.wraps[f]);
                let written: Vec<Written> = targets.iter().zip(&stage.writes).map(written).collect();
                // Whole rows are computed in a thread's own memory and go past the caches from there, with their halos.
                let whole = this.patches[first][patch].region.size()[2] == n;
                let room = |rows: &Written| rows.lines.stride();
                let own = if streams && whole { written.iter().map(room).sum() } else { 0 };
                rings::with_memory(own, |mut own_rows| {
                    let mut own_row = |rows: &Written| {
                        let at = own_rows.wrapping_add(rows.lines.left);
                        own_rows = own_rows.wrapping_add(room(rows));
                        at
                    };
                    let own_rows: Vec<*mut u8> =
                        if own > 0 { written.iter().map(&mut own_row).collect() } else { vec![] };
                    let mut out: Rows = [null_mut(); MAX_OUT];
                    this.for_rows(bound, &around, first, patch, &tile, |table, [z, y, x]| {
                        let place = |rows: &Written| {
                            rows.at.wrapping_offset((z - low[0]) * rows.plane + (y - low[1]) * rows.row)
                        };
                        for (o, rows) in out.iter_mut().zip(&written) {
                            *o = place(rows);
                        }
                        let to = out;
                        for (o, at) in out.iter_mut().zip(&own_rows) {
                            *o = *at;
                        }
                        // The promise of a `Row`: the table follows the kernel's own arguments, whose halos are fresh (or
                        // whose cells are owned); written rows are `n` owned cells of arrays that the stage does not read,
                        // or the thread's own.
                        match own {
                            0 => row.compute(table, &out, 0..n),
                            _ => row.compute_and_stream(table, &out, &to, 0..n),
                        }
                        for (at, rows) in out.iter().zip(&written) {
                            if let Some(wrap) = &rows.wrap {
                                // SAFETY: the cells were just written; their images in the row's halo are this tile's alone.
                                unsafe { wrap.row(*at, x, n as isize) }
                            }
                        }
                        for (at, rows) in own_rows.iter().zip(&written) {
                            // SAFETY: both are rows with all their lines; in the field these belong to no other row, and
                            // its halo is stale once the row is written.
                            unsafe { rings::stream_ends(place(rows), *at, rows.lines, n * rows.size) }
                        }
                    });
                });
                fence();
            });
        });
        self.swap(stage);
        for &f in &stage.writes {
            self.fresh[f].extend(self.store.wraps[f].map(|wrap| wrap.extent()));
        }
    }

    /// Runs a stage that takes tiles as ndarray views.
    pub(super) fn run_tiles(&mut self, stage: &Stage, work: &TileFn) {
        let Some(&first) = stage.writes.first() else { return };
        let patches = self.store.patch_regions(first);
        self.overlap(stage, &patches, |this, threads, boxes| {
            let targets = this.targets(stage);
            let bytes: usize = stage.reads.iter().map(|(f, _)| this.design.declarations[*f].element.size()).sum();
            let tiles = tiles::tiles(boxes, bytes.max(8), this.cache, threads.count());
            threads.for_each(tiles.len(), |t| {
                let (patch, tile) = tiles[t];
                let inputs: Vec<&Array> = stage.reads.iter().map(|(f, _)| &this.now[*f][patch]).collect();
                let outputs: Vec<&Array> = targets.iter().map(|arrays| &arrays[patch]).collect();
                work(&inputs, &outputs, tile);
            });
        });
        self.swap(stage);
    }
}

fn reads(stage: &Stage, field: usize) -> bool {
    stage.reads.iter().any(|r| r.0 == field)
}

/// Bytes of all planes that a stencil touches, per cell of a plane.
pub(super) fn bytes_per_cell(bound: &[Bound], arrays: &[Vec<Array>]) -> usize {
    let field = |b: &Bound| match b {
        Bound::Field { id, extent, .. } => {
            let Extent { below, above, .. } = extent;
            arrays[*id].first().map_or(0, |a| a.element().size() * (1 + below[0] + above[0]))
        }
        _ => 0,
    };
    bound.iter().map(field).sum::<usize>().max(8)
}
