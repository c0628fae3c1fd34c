//! A block of steps on one tile. A front moves through the tile plane by plane; each level follows it at its own distance,
//! reads planes that levels before it have left in rings in cache, and the last version of each field goes to memory. So
//! memory is read and written once for all steps. Tiles overlap by what levels compute beyond them, and need nothing of
//! each other.
use super::ahead::{Ahead, Needs};
use super::edges::Edges;
use super::levels::{Block, Level, Source};
use super::rings::{Ring, stream_ends, stride, with_memory};
use crate::engine::cells::Surroundings;
use crate::engine::{Store, with_element};
use crate::field::memory::LINE;
use crate::field::{Array, Lines};
use crate::model::TIME;
use crate::region::Region;
use crate::schedule::{Bound, Work};
use halocline_kernels::Element;
use halocline_kernels::cell::{MAX_ROWS, Place, Table};
use halocline_kernels::kernel::MAX_OUT;
use halocline_kernels::row::{RowFn, Rows};
use halocline_kernels::stream::fence;
use std::ops::Range;
use std::ptr::{null, null_mut};

/// By level: the kernel, and the scalars that it sees.
pub(super) type Kernels = Vec<(RowFn, Surroundings)>;

/// All that the tiles of a block share.
pub(super) struct Pass<'a> {
    pub store: &'a Store,
    pub block: &'a Block,
    pub kernels: Kernels,
    /// The scalars before each stage of each step.
    pub moments: &'a [Vec<f64>],
    /// By field.
    pub edges: Vec<Edges<'a>>,
    /// True if what goes to memory goes past the caches.
    pub streams: bool,
}

/// What a level computes of a tile.
struct Part {
    /// Planes along the axis of the front, and rows of each: owned ones, within walls.
    planes: Range<isize>,
    rows: Range<isize>,
    /// The plane that ends the sweep: beyond the upper wall, if any version is read there.
    end: isize,
}

/// A slot of the table of rows: where it points in a plane's first row, and how it moves from row to row.
struct Slot {
    at: *const u8,
    row: isize,
}

/// A slot that does not move evenly, since numbers along an axis end with the grid while tiles go on beyond.
enum Uneven {
    /// Coefficients along the axis of rows: the slot, the coefficient of index 0, bytes from one to the next.
    Along(usize, *const u8, isize),
    /// The place of the row.
    Place,
}

/// Where an output of a level goes.
struct Target {
    version: usize,
    field: usize,
    /// Its row in the ring, or scratch that every row uses again.
    row: *mut u8,
    step: isize,
    /// Its row in memory, for planes of the tile and the version that stands at the end.
    memory: *mut u8,
    memory_step: isize,
    lines: Lines,
    /// Bytes of its cells.
    cells: usize,
    /// When the halo is looked at.
    time: f64,
}

impl Target {
    /// Puts a row into memory; its whole lines may have been streamed already.
    #[inline(always)]
    unsafe fn store(&self, streamed: bool) {
        let Lines { left, used } = self.lines;
        // SAFETY: the caller's promise: both are rows with all their lines.
        unsafe {
            if streamed {
                stream_ends(self.memory, self.row, self.lines, self.cells);
            } else {
                std::ptr::copy_nonoverlapping(self.row.wrapping_sub(left), self.memory.wrapping_sub(left), used);
            }
        }
    }
}

impl Pass<'_> {
    /// The ring's plane `p` and row `r` as indices z, y, x.
    pub(super) fn index(&self, p: isize, r: isize) -> [isize; 3] {
        if self.block.sweep == 0 { [p, r, 0] } else { [r, p, 0] }
    }

    /// An index as it is counted in the grid: tiles go on beyond periodic ends.
    fn wrapped(&self, axis: usize, mut i: isize) -> isize {
        let n = self.store.design.grids[0].cells()[axis] as isize;
        while i < 0 {
            i += n
        }
        while i >= n {
            i -= n
        }
        i
    }

    /// The range of a tile along an axis, larger by what a level computes beyond it.
    pub(super) fn range(&self, tile: &Region, axis: usize, [below, above]: [isize; 2]) -> Range<isize> {
        let grid = &self.store.design.grids[0];
        let (low, high) = (tile.low[axis] - below, tile.high[axis] + above);
        match grid.is_bounded(axis) {
            true => low.max(0)..high.min(grid.cells()[axis] as isize),
            false => low..high,
        }
    }

    fn parts(&self, tile: &Region) -> Vec<Part> {
        let (s, t) = (self.block.sweep, 1 - self.block.sweep);
        let grid = &self.store.design.grids[0];
        let n = grid.cells()[s] as isize;
        let part = |level: &Level| {
            let planes = self.range(tile, s, level.grow[s]);
            let above = level.makes.iter().map(|&v| self.block.versions[v].reach.above[s] as isize).max().unwrap_or(0);
            let end = planes.end + if grid.is_bounded(s) && planes.end == n { above } else { 0 };
            Part { planes, rows: self.range(tile, t, level.grow[t]), end }
        };
        self.block.levels.iter().map(part).collect()
    }

    /// Lays out the rings of a tile: one for each version that some level reads.
    fn rings(&self, patch: usize, parts: &[Part], memory: *mut u8) -> (Vec<Option<Ring>>, usize) {
        let t = 1 - self.block.sweep;
        let bounded = self.store.design.grids[0].is_bounded(t);
        let mut used = 0;
        let rings = self.block.versions.iter().map(|version| {
            (version.planes > 0).then(|| {
                let rows = &parts[version.level].rows;
                let beyond = |reach: [usize; 3]| if bounded { reach[t] as isize } else { 0 };
                let (first, end) = (rows.start - beyond(version.reach.below), rows.end + beyond(version.reach.above));
                let lines = self.store.now[version.field][patch].lines();
                let (ring, bytes) = Ring::new(memory.wrapping_add(used), version.planes, first, end - first, lines);
                used += bytes;
                ring
            })
        });
        (rings.collect(), used)
    }

    /// Bytes of a row of any field.
    fn widest(&self, patch: usize) -> usize {
        self.store.now.iter().filter_map(|a| a.get(patch)).map(|a| stride(a.lines()) as usize).max().unwrap_or(0)
    }

    /// Bytes of cache that a tile wants.
    pub fn bytes(&self, patch: usize, tile: &Region) -> usize {
        self.rings(patch, &self.parts(tile), null_mut()).1 + MAX_OUT * self.widest(patch)
    }

    /// Computes all steps on a tile.
    pub fn tile(&self, patch: usize, tile: &Region) {
        let parts = self.parts(tile);
        let widest = self.widest(patch);
        with_memory(self.bytes(patch, tile) + LINE, |memory| {
            let (rings, used) = self.rings(patch, &parts, memory);
            let scratch = memory.wrapping_add(used);
            let mut work = Progress {
                pass: self,
                patch,
                tile,
                rings,
                scratch,
                widest,
                slots: vec![],
                uneven: vec![],
                targets: vec![],
                ahead: Ahead::NONE,
            };
            let levels = || self.block.levels.iter().zip(&parts);
            let first = levels().map(|(level, part)| part.planes.start + level.lag).min().unwrap_or(0);
            let end = levels().map(|(level, part)| part.end + level.lag).max().unwrap_or(0);
            let needs = Needs::of(self, tile);
            for front in first..end {
                work.ahead = Ahead::new(self, patch, &needs, front);
                for (l, (level, part)) in levels().enumerate() {
                    let p = front - level.lag;
                    if part.planes.contains(&p) {
                        work.plane(l, part, p);
                        work.mirror_planes(level, part, p, 0);
                    } else if (part.planes.end..part.end).contains(&p) {
                        work.mirror_planes(level, part, p, 1);
                    }
                }
            }
            fence();
        });
    }
}

/// A tile under way.
struct Progress<'a> {
    pass: &'a Pass<'a>,
    patch: usize,
    tile: &'a Region,
    rings: Vec<Option<Ring>>,
    scratch: *mut u8,
    widest: usize,
    slots: Vec<Slot>,
    uneven: Vec<Uneven>,
    targets: Vec<Target>,
    ahead: Ahead,
}

impl Progress<'_> {
    /// Fills the slots for the first row of a plane.
    fn find_rows(&mut self, l: usize, part: &Part, p: isize, place: *const Place) {
        let Pass { store, block, .. } = self.pass;
        let (s, t) = (block.sweep, 1 - block.sweep);
        let grid = &store.design.grids[0];
        let level = &block.levels[l];
        let mut from = level.from.iter();
        self.slots.clear();
        self.uneven.clear();
        for (b, number) in level.bound().iter().zip(&self.pass.kernels[l].1.scalars) {
            match b {
                Bound::Field { rows, .. } => {
                    let (field, source) = *from.next().expect("one source for each field that is read");
                    let array = &store.now[field][self.patch];
                    let along = |d: &[isize; 2], a: usize| if grid.is_flat(a) { 0 } else { d[a] };
                    self.slots.extend(rows.iter().map(|d| {
                        let (p, r) = (p + along(d, s), part.rows.start + along(d, t));
                        match source {
                            Source::Memory => {
                                let row = if t == 1 { array.row_stride() } else { array.plane_stride() };
                                Slot { at: array.cell(self.pass.index(p, r)), row }
                            }
                            Source::Version(v) => {
                                let ring = self.rings[v].expect("a version that is read has a ring");
                                Slot { at: ring.row(p, r), row: ring.stride }
                            }
                        }
                    }));
                }
                Bound::Scalar { .. } => self.slots.push(Slot { at: number.as_ptr(), row: 0 }),
                Bound::Profile { id, axis, element } => {
                    let table = &store.profiles[&(*id, 0, 0, *element)];
                    let zero = table.bytes.as_ptr().wrapping_offset(-table.first * table.size as isize);
                    if *axis == t {
                        self.uneven.push(Uneven::Along(self.slots.len(), zero, table.size as isize));
                    }
                    let i = if *axis == s { self.pass.wrapped(s, p) } else { 0 };
                    self.slots.push(Slot { at: zero.wrapping_offset(i * table.size as isize), row: 0 });
                }
                Bound::Place => {
                    self.uneven.push(Uneven::Place);
                    self.slots.push(Slot { at: place.cast(), row: 0 });
                }
            }
        }
    }

    /// Finds where the first row of a plane goes.
    fn find_targets(&mut self, l: usize, part: &Part, p: isize) {
        let Pass { store, block, moments, .. } = self.pass;
        let (s, t) = (block.sweep, 1 - block.sweep);
        let level = &block.levels[l];
        self.targets.clear();
        for (o, &v) in level.makes.iter().enumerate() {
            let version = &block.versions[v];
            let field = version.field;
            let array = store.last(field, self.patch);
            let lines = array.lines();
            let cells = store.design.grids[0].cells()[2] * array.element().size();
            let stands = block.last[field] == Some(v) && (self.tile.low[s]..self.tile.high[s]).contains(&p);
            let memory_step = if t == 1 { array.row_stride() } else { array.plane_stride() };
            let memory = array.cell_mut(self.pass.index(p, part.rows.start));
            let (row, step) = match &self.rings[v] {
                Some(ring) => (ring.row(p, part.rows.start), ring.stride),
                // A level that nobody reads is computed on the tile alone.
                None if stands && !self.pass.streams && level.grow[t] == [0, 0] => (memory, memory_step),
                None => (self.scratch.wrapping_add(o * self.widest + lines.left), 0),
            };
            let memory = if stands && row != memory { memory } else { null_mut() };
            let time = moments[version.seen][TIME];
            self.targets.push(Target { version: v, field, row, step, memory, memory_step, lines, cells, time });
        }
    }

    /// Computes a plane of a level.
    fn plane(&mut self, l: usize, part: &Part, p: isize) {
        let Pass { store, block, kernels, edges, .. } = self.pass;
        let t = 1 - block.sweep;
        let level = &block.levels[l];
        let grid = &store.design.grids[0];
        let nx = grid.cells()[2];
        let mut place = Place { index: [0; 3], key: 0, zy: [0.0; 2], x: null() };
        let place_at = &raw mut place;
        self.find_rows(l, part, p, place_at);
        self.find_targets(l, part, p);
        let row = &kernels[l].0;
        let axes = &store.coordinates[&(0, 0, store.design.declarations[level.stage.writes[0]].location)];
        // Single cells are changed in whole rows.
        let streams = self.pass.streams && level.points.is_empty() && self.targets.iter().any(|t| !t.memory.is_null());
        let mut table: Table = [null(); MAX_ROWS];
        let mut out: Rows = [null_mut(); MAX_OUT];
        for (entry, slot) in table.iter_mut().zip(&self.slots) {
            *entry = slot.at;
        }
        for r in part.rows.clone() {
            for uneven in &self.uneven {
                let [z, y, _] = self.pass.index(self.pass.wrapped(block.sweep, p), self.pass.wrapped(t, r));
                match uneven {
                    Uneven::Along(slot, zero, size) => {
                        table[*slot] = zero.wrapping_offset(self.pass.wrapped(t, r) * size);
                    }
                    Uneven::Place => {
                        let (index, zy) = ([z, y, 0], [axes[0][z as usize], axes[1][y as usize]]);
                        // SAFETY: `place` is alive and only read by the row function, through the table.
                        unsafe { *place_at = Place { index, key: grid.key(0, index), zy, x: axes[2].as_ptr() } };
                    }
                }
            }
            for (o, target) in out.iter_mut().zip(&self.targets) {
                *o = target.row;
            }
            // The promise of a `RowFn`: the table follows the kernel's own arguments; rows read lie in memory, whose halo is
            // as deep as the block reads, or in rings of versions that levels before this one have made; rows written lie
            // in rings of other versions, in scratch, or in arrays that no level reads.
            let inside = (self.tile.low[t]..self.tile.high[t]).contains(&r);
            let streamed = streams && inside;
            match streamed {
                true => {
                    let mut to: Rows = [null_mut(); MAX_OUT];
                    for (to, target) in to.iter_mut().zip(&self.targets) {
                        *to = target.memory;
                    }
                    row.compute_and_stream(&table, &out, &to, nx);
                }
                false => row.compute(&table, &out, nx),
            }
            self.ahead.some();
            let index = self.pass.index(p, r);
            for (o, target) in self.targets.iter_mut().enumerate() {
                if !level.points.is_empty() {
                    self.pass.points(level, o, index, target.row);
                }
                // SAFETY: the row was just written, with room for its halo; only this thread looks at it.
                unsafe {
                    edges[target.field].on_walls(index, target.row);
                    edges[target.field].ends(index, target.row, target.time);
                    if inside && !target.memory.is_null() {
                        target.store(streamed);
                    }
                }
                target.row = target.row.wrapping_offset(target.step);
                if !target.memory.is_null() {
                    target.memory = target.memory.wrapping_offset(target.memory_step);
                }
            }
            for (entry, slot) in table.iter_mut().zip(&self.slots) {
                *entry = entry.wrapping_offset(slot.row);
            }
        }
        for i in 0..self.targets.len() {
            self.mirror_rows(self.targets[i].version, part, p);
        }
    }

    /// Makes the rows of a plane that lie beyond walls and are read there.
    fn mirror_rows(&self, v: usize, part: &Part, p: isize) {
        let Pass { block, edges, moments, .. } = self.pass;
        let (version, t) = (&block.versions[v], 1 - block.sweep);
        let Some(ring) = &self.rings[v] else { return };
        let n = self.pass.store.design.grids[0].cells()[t] as isize;
        let (edges, time) = (&edges[version.field], moments[version.seen][TIME]);
        for side in (0..2).filter(|&side| [part.rows.start == 0, part.rows.end == n][side]) {
            for (r, mirror) in edges.beyond(t, side, &version.reach) {
                // SAFETY: both are rows of the ring, which has room for those beyond walls.
                unsafe { edges.mirror(t, side, self.pass.index(p, r), ring.row(p, r), ring.row(p, mirror), time) }
            }
        }
    }

    /// Makes planes beyond walls: those below the grid once their mirror image `p` is there, those above it when it is
    /// their turn, `p`.
    fn mirror_planes(&self, level: &Level, part: &Part, p: isize, side: usize) {
        let Pass { block, edges, moments, .. } = self.pass;
        let s = block.sweep;
        if side == 0 && (part.planes.start > 0 || !self.pass.store.design.grids[0].is_bounded(s)) {
            return;
        }
        for &v in &level.makes {
            let (version, Some(ring)) = (&block.versions[v], &self.rings[v]) else { continue };
            let (edges, time) = (&edges[version.field], moments[version.seen][TIME]);
            for (q, mirror) in edges.beyond(s, side, &version.reach) {
                if [mirror, q][side] != p {
                    continue;
                }
                for r in part.rows.clone() {
                    // SAFETY: both are rows of the ring, in different planes.
                    unsafe { edges.mirror(s, side, self.pass.index(q, r), ring.row(q, r), ring.row(mirror, r), time) }
                }
                self.mirror_rows(v, part, q);
            }
        }
    }
}

impl Pass<'_> {
    /// Changes single cells of a row that has just been computed.
    fn points(&self, level: &Level, output: usize, [z, y, _]: [isize; 3], row: *mut u8) {
        let here = [self.wrapped(0, z), self.wrapped(1, y)];
        for (_, moment, stage) in level.points.iter().filter(|(o, ..)| *o == output) {
            let Work::Point { cell: (_, index), mix } = &stage.work else { continue };
            if here == [index[0] as isize, index[1] as isize] {
                let time = self.moments[*moment][TIME];
                with_element!(self.store.design.declarations[stage.writes[0]].element, T => {
                    // SAFETY: the cell lies in the row, which only this thread looks at.
                    let cell = unsafe { &mut *row.cast::<T>().add(index[2]) };
                    let [re, im] = Element::parts(*cell);
                    *cell = Element::from_parts([mix(re, time), im]);
                });
            }
        }
    }
}

impl Store {
    /// The array that the last version of a field goes to.
    pub(super) fn last(&self, field: usize, patch: usize) -> &Array {
        self.next[field].get(patch).unwrap_or(&self.now[field][patch])
    }
}
