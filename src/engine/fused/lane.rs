//! A lane: a level on a tile, one plane after the other, row by row. Where rows lie is found once per plane.
use super::ahead::{Ahead, PIECE};
use super::levels::{Level, Source};
use super::pass::{Part, Pass, Tile};
use super::rings::stream_ends;
use crate::base::Lines;
use crate::engine::accumulator::Accumulator;
use crate::engine::with_element;
use crate::model::arguments::Bound;
use crate::model::declaration::TIME;
use crate::model::stage::Work;
use halocline_kernels::Element;
use halocline_kernels::cell::{MAX_ROWS, RowPosition, Table};
use halocline_kernels::kernel::MAX_OUT;
use halocline_kernels::row::Rows;
use halocline_kernels::stream::stream;
use std::cell::Cell;
use std::ptr::{null, null_mut};

/// A slot of the table of rows: where it points in a plane's first row, and how it moves from row to row.
struct Slot {
    at: *const u8,
    row: isize,
}

/// A slot that does not move evenly, since arrays and numbers along an axis end with the grid while tiles go on beyond.
enum Uneven {
    /// Rows of a plane in memory: the slot, row 0, bytes from row to row, how far from the tile's own row.
    Rows(usize, *const u8, isize, isize),
    /// Coefficients along the axis of rows: the slot, the coefficient of index 0, bytes from one to the next.
    Along(usize, *const u8, isize),
    /// The place of the row.
    RowPosition,
}

/// Where an output of a level goes.
struct Target {
    field: usize,
    /// Its first row in the ring, or scratch that every row uses again.
    row: *mut u8,
    step: isize,
    /// Its first row in memory, for planes of the tile and the version that stands at the end.
    memory: *mut u8,
    memory_step: isize,
    lines: Lines,
    /// Bytes of its cells.
    cells: usize,
    /// Its old values lie there, and the kernel may be reading them: it writes elsewhere first.
    in_place: bool,
    /// When the halo is looked at.
    time: f64,
}

impl Target {
    fn row(&self, i: isize) -> *mut u8 {
        self.row.wrapping_offset(i * self.step)
    }

    fn memory(&self, i: isize) -> *mut u8 {
        if self.memory.is_null() { null_mut() } else { self.memory.wrapping_offset(i * self.memory_step) }
    }
}

/// A level on a tile.
pub(super) struct Lane<'a> {
    pass: &'a Pass<'a>,
    number: usize,
    pub level: &'a Level,
    pub part: &'a Part,
    /// The plane under way.
    plane: isize,
    slots: Vec<Slot>,
    uneven: Vec<Uneven>,
    targets: Vec<Target>,
    table: Box<Table>,
    /// The place of the row, for kernels that ask: the table points at it.
    place: Box<Cell<RowPosition>>,
    /// Rows of the tile go past the caches piece by piece as they are made.
    streams: bool,
    /// What it has found so far, if it is a reduction.
    pub accumulator: Option<Accumulator>,
}

impl<'a> Lane<'a> {
    pub fn new(pass: &'a Pass<'a>, number: usize, part: &'a Part) -> Lane<'a> {
        let level = &pass.block.levels[number];
        Lane {
            pass,
            number,
            level,
            part,
            plane: 0,
            slots: vec![],
            uneven: vec![],
            targets: vec![],
            table: Box::new([null(); MAX_ROWS]),
            place: Box::new(Cell::new(RowPosition { index: [0; 3], key: 0, zy: [0.0; 2], x: null() })),
            streams: false,
            accumulator: level.reduces().map(Accumulator::new),
        }
    }

    /// Takes a plane.
    pub fn begin(&mut self, tile: &Tile, plane: isize) {
        self.plane = plane;
        self.find_rows(tile);
        self.find_targets(tile);
        // Where single cells or values on walls are set, it is done in whole rows.
        let changes = |t: &Target| self.pass.edges[t.field].lies_on_walls();
        self.streams = self.pass.streams && self.targets.iter().any(|t| !t.memory.is_null());
        self.streams &= self.level.points.is_empty() && !self.targets.iter().any(changes);
    }

    fn find_rows(&mut self, tile: &Tile) {
        let Pass { store, block, .. } = self.pass;
        let (s, t) = (block.sweep, 1 - block.sweep);
        let grid = &store.design.grids[0];
        let (level, part) = (self.level, self.part);
        let mut from = level.from.iter();
        self.slots.clear();
        self.uneven.clear();
        for (b, number) in level.bound().iter().zip(&self.pass.kernels[self.number].1.scalars) {
            match b {
                Bound::Field { rows, .. } => {
                    let (field, source) = *from.next().expect("one source for each field that is read");
                    let array = &store.now[field][tile.patch];
                    let along = |d: &[isize; 2], a: usize| if grid.is_flat(a) { 0 } else { d[a] };
                    for d in rows {
                        let (mut p, beside) = (self.plane + along(d, s), along(d, t));
                        let r = part.rows.start + beside;
                        self.slots.push(match source {
                            Source::Memory => {
                                let row = if t == 1 { array.row_stride() } else { array.plane_stride() };
                                if block.wraps[s] {
                                    p = self.pass.wrapped(s, p);
                                }
                                let ends = r < 0 || part.rows.end + beside > grid.cells()[t] as isize;
                                if block.wraps[t] && ends {
                                    let zero = array.cell(self.pass.index(p, 0));
                                    self.uneven.push(Uneven::Rows(self.slots.len(), zero, row, beside));
                                }
                                Slot { at: array.cell(self.pass.index(p, r)), row }
                            }
                            Source::Version(v) => {
                                let ring = tile.rings[v].expect("a version that is read has a ring");
                                Slot { at: ring.row(p, r), row: ring.stride }
                            }
                        });
                    }
                }
                Bound::Scalar { .. } => self.slots.push(Slot { at: number.as_ptr(), row: 0 }),
                Bound::Profile { id, axis, element } => {
                    let table = &store.profiles[&(*id, 0, 0, *element)];
                    let zero = table.bytes.as_ptr().wrapping_offset(-table.first * table.size as isize);
                    if *axis == t {
                        self.uneven.push(Uneven::Along(self.slots.len(), zero, table.size as isize));
                    }
                    let i = if *axis == s { self.pass.wrapped(s, self.plane) } else { 0 };
                    self.slots.push(Slot { at: zero.wrapping_offset(i * table.size as isize), row: 0 });
                }
                Bound::RowPosition => {
                    self.uneven.push(Uneven::RowPosition);
                    self.slots.push(Slot { at: self.place.as_ptr().cast_const().cast(), row: 0 });
                }
            }
        }
    }

    fn find_targets(&mut self, tile: &Tile) {
        let Pass { store, block, moments, .. } = self.pass;
        let (s, t) = (block.sweep, 1 - block.sweep);
        let (level, part) = (self.level, self.part);
        self.targets.clear();
        for (o, &v) in level.makes.iter().enumerate() {
            let version = &block.versions[v];
            let field = version.field;
            let in_place = block.in_place[field];
            let array = store.target(block, field, tile.patch);
            let lines = array.lines();
            let cells = store.design.grids[0].cells()[2] * array.element().size();
            let inside = (tile.region.low[s]..tile.region.high[s]).contains(&self.plane);
            let stands = block.last[field] == Some(v) && inside;
            let memory_step = if t == 1 { array.row_stride() } else { array.plane_stride() };
            let memory = array.cell_mut(self.pass.index(self.plane, part.rows.start));
            let (row, step) = match &tile.rings[v] {
                Some(ring) => (ring.row(self.plane, part.rows.start), ring.stride),
                // A level that nobody reads is computed on the tile alone.
                None if stands && !in_place && !self.pass.streams && level.grow[t] == [0, 0] => (memory, memory_step),
                None => (tile.scratch.wrapping_add(o * tile.widest + lines.left), 0),
            };
            let memory = if stands && row != memory { memory } else { null_mut() };
            let time = moments[version.seen][TIME];
            self.targets.push(Target { field, row, step, memory, memory_step, lines, cells, in_place, time });
        }
    }

    /// Computes a row of its plane, and asks for memory meanwhile.
    #[inline(always)]
    pub fn compute(&mut self, tile: &Tile, r: isize, ahead: &mut Ahead) {
        let Pass { store, block, kernels, .. } = self.pass;
        let t = 1 - block.sweep;
        let i = r - self.part.rows.start;
        let n = store.design.grids[0].cells()[2];
        for (entry, slot) in self.table.iter_mut().zip(&self.slots) {
            *entry = slot.at.wrapping_offset(i * slot.row);
        }
        for uneven in &self.uneven {
            let index = self.pass.index(self.pass.wrapped(block.sweep, self.plane), self.pass.wrapped(t, r));
            match uneven {
                Uneven::Rows(slot, zero, row, beside) => {
                    self.table[*slot] = zero.wrapping_offset(self.pass.wrapped(t, r + beside) * row);
                }
                Uneven::Along(slot, zero, size) => {
                    self.table[*slot] = zero.wrapping_offset(self.pass.wrapped(t, r) * size);
                }
                Uneven::RowPosition => {
                    let field = self.level.field().expect("a level works on some field");
                    let axes = &store.coordinates[&(0, 0, store.design.declarations[field].location)];
                    let zy = [axes[0][index[0] as usize], axes[1][index[1] as usize]];
                    let key = store.design.grids[0].key(0, index);
                    self.place.set(RowPosition { index, key, zy, x: axes[2].as_ptr() });
                }
            }
        }
        let (mut out, mut to): (Rows, Rows) = ([null_mut(); MAX_OUT], [null_mut(); MAX_OUT]);
        for (o, target) in out.iter_mut().zip(&self.targets) {
            *o = target.row(i);
        }
        // The promise of a `Row`: the table follows the kernel's own arguments; rows read lie in memory, whose halo is as
        // deep as the block reads, or in rings of versions that levels before this one have made; rows written lie in rings
        // of other versions, in scratch, in a tally, or in arrays that no level reads.
        let inside = (tile.region.low[t]..tile.region.high[t]).contains(&r);
        let row = &kernels[self.number].0;
        let (streams, accumulator) = (self.streams && inside, &mut self.accumulator);
        if let Some(accumulator) = accumulator {
            out[0] = accumulator.room(n);
        }
        for (to, target) in to.iter_mut().zip(&self.targets).filter(|(_, target)| streams && !target.in_place) {
            *to = target.memory(i);
        }
        for first in (0..n).step_by(PIECE) {
            let cells = first..n.min(first + PIECE);
            match streams {
                true => row.compute_and_stream(&self.table, &out, &to, cells),
                false => row.compute(&self.table, &out, cells),
            }
            ahead.some();
        }
        if let Some(accumulator) = accumulator {
            accumulator.take(n, || store.design.grids[0].key(0, self.pass.index(self.plane, r)));
        }
        self.finish(r, i, inside);
    }

    /// Makes the ends of a row, and puts it into memory if it stands at the end.
    #[inline(always)]
    fn finish(&self, r: isize, i: isize, inside: bool) {
        let index = self.pass.index(self.plane, r);
        for (o, target) in self.targets.iter().enumerate() {
            let (row, memory) = (target.row(i), target.memory(i));
            if !self.level.points.is_empty() {
                self.points(o, index, row);
            }
            let edges = &self.pass.edges[target.field];
            // SAFETY: the row was just written, with room for its halo; only this thread looks at it. In memory, its lines
            // belong to no other row.
            unsafe {
                edges.on_walls(index, row);
                edges.ends(index, row, target.time);
                let Lines { left, used } = target.lines;
                let (from, to) = (row.wrapping_sub(left), memory.wrapping_sub(left));
                match (inside && !memory.is_null(), self.streams, self.pass.streams && !target.in_place) {
                    (false, ..) => {}
                    (true, _, false) => std::ptr::copy_nonoverlapping(from, to, used),
                    (true, true, true) => stream_ends(memory, row, target.lines, target.cells),
                    (true, false, true) => stream(to, from, used),
                }
            }
        }
    }

    /// Changes single cells of a row that has just been computed.
    fn points(&self, output: usize, [z, y, _]: [isize; 3], row: *mut u8) {
        let Pass { store, moments, .. } = self.pass;
        let here = [self.pass.wrapped(0, z), self.pass.wrapped(1, y)];
        for (_, moment, stage) in self.level.points.iter().filter(|(o, ..)| *o == output) {
            let Work::Point { cell: (_, index), mix } = &stage.work else { continue };
            if here == [index[0] as isize, index[1] as isize] {
                let time = moments[*moment][TIME];
                with_element!(store.design.declarations[stage.writes[0]].element, T => {
                    // SAFETY: the cell lies in the row, which only this thread looks at.
                    let cell = unsafe { &mut *row.cast::<T>().add(index[2]) };
                    let [re, im] = Element::parts(*cell);
                    *cell = Element::from_parts([mix(re, time), im]);
                });
            }
        }
    }
}
