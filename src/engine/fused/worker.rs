//! A worker computes an instance on a tile, plane by plane and row by row. The addresses of rows are computed once per plane.
use crate::base::Lines;
use crate::engine::accumulator::Accumulator;
use crate::engine::fused::context::{InstanceRange, Sweep, Tile};
use crate::engine::fused::prefetch::{PIECE, Prefetch};
use crate::engine::row_table::{PlaneRows, RowTable};
use crate::engine::scratch::stream_ends;
use crate::engine::with_element;
use crate::model::handle::TIME;
use crate::model::stage::Work;
use crate::program::fusion::{Instance, Origin};
use halocline_kernels::Element;
use halocline_kernels::cell::RowPosition;
use halocline_kernels::kernel::MAX_OUT;
use halocline_kernels::row::Rows;
use halocline_kernels::stream::stream;
use std::ptr::null_mut;

/// The destination of an output of an instance.
struct Target {
    field: usize,
    /// The first row in the ring buffer, or a scratch row that is reused for every row.
    row: *mut u8,
    step: isize,
    /// The first row in memory; null if the value is not the last one of its field, or the plane lies outside the tile.
    memory: *mut u8,
    memory_step: isize,
    lines: Lines,
    /// Bytes of the cells of a row.
    cells: usize,
    /// True if `memory` still holds old values that the kernel may read: the row is computed elsewhere and then copied.
    in_place: bool,
    /// The time in seconds for which the halo is filled.
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

/// The computation of an instance on a tile.
pub(super) struct Worker<'a> {
    sweep: &'a Sweep<'a>,
    number: usize,
    pub instance: &'a Instance,
    pub range: &'a InstanceRange,
    /// The current plane.
    plane: isize,
    table: RowTable,
    targets: Vec<Target>,
    /// True if rows are written to memory by non-temporal stores piece by piece, while they are computed.
    streams: bool,
    /// The partial result, if the instance is a reduction.
    pub accumulator: Option<Accumulator>,
}

impl<'a> Worker<'a> {
    pub fn new(sweep: &'a Sweep<'a>, number: usize, range: &'a InstanceRange) -> Worker<'a> {
        let instance = &sweep.block.instances[number];
        Worker {
            sweep,
            number,
            instance,
            range,
            plane: 0,
            table: RowTable::new(),
            targets: vec![],
            streams: false,
            accumulator: instance.op.map(Accumulator::new),
        }
    }

    /// Starts a plane.
    pub fn begin(&mut self, tile: &Tile, plane: isize) {
        self.plane = plane;
        self.find_rows(tile);
        self.find_targets(tile);
        // Single cells and values on boundaries are set after the whole row is computed, which excludes streaming by pieces.
        let changes = |t: &Target| self.sweep.edges[t.field].has_boundary_values();
        self.streams = self.sweep.streams && self.targets.iter().any(|t| !t.memory.is_null());
        self.streams &= self.instance.points.is_empty() && !self.targets.iter().any(changes);
    }

    fn find_rows(&mut self, tile: &Tile) {
        let Sweep { fields, block, kernels, .. } = self.sweep;
        let (s, t) = (block.sweep, 1 - block.sweep);
        let grid = &fields.declared().grids[0];
        let (sweep, instance, range, plane) = (self.sweep, self.instance, self.range, self.plane);
        let arguments = fields.program.stage(instance.stage).arguments();
        let field = |n: usize, field: usize, offset: [isize; 2]| {
            let along = |a: usize| if grid.is_flat(a) { 0 } else { offset[a] };
            let (mut p, beside) = (plane + along(s), along(t));
            let r = range.rows.start + beside;
            match instance.from[n].1 {
                Origin::Memory => {
                    let array = &fields.now[field][tile.patch];
                    let stride = if t == 1 { array.row_stride() } else { array.plane_stride() };
                    if block.wraps[s] {
                        p = sweep.wrapped(s, p);
                    }
                    let ends = r < 0 || range.rows.end + beside > grid.cells()[t] as isize;
                    let wraps = (block.wraps[t] && ends).then(|| (array.cell(sweep.index(p, 0)), beside));
                    PlaneRows { at: array.cell(sweep.index(p, r)), stride, wraps }
                }
                Origin::Value(v) => {
                    let ring = tile.rings[v].expect("a value that is read has a ring buffer");
                    PlaneRows { at: ring.row(p, r), stride: ring.stride, wraps: None }
                }
            }
        };
        let profile = |id: usize, axis: usize, element| {
            let (zero, size) = fields.coefficients.at_zero(id, 0, 0, element);
            match axis {
                _ if axis == t => PlaneRows { at: zero, stride: size, wraps: Some((zero, 0)) },
                _ if axis == s => {
                    PlaneRows { at: zero.wrapping_offset(sweep.wrapped(s, plane) * size), stride: 0, wraps: None }
                }
                _ => PlaneRows { at: zero, stride: 0, wraps: None },
            }
        };
        self.table.begin_plane(arguments, &kernels[self.number].1, field, profile);
    }

    fn find_targets(&mut self, tile: &Tile) {
        let Sweep { fields, block, history, .. } = self.sweep;
        let (s, t) = (block.sweep, 1 - block.sweep);
        let (instance, range) = (self.instance, self.range);
        self.targets.clear();
        for (o, &v) in instance.outputs.iter().enumerate() {
            let value = &block.values[v];
            let field = value.field;
            let in_place = block.in_place[field];
            let array = self.sweep.target(field, tile.patch);
            let lines = array.lines();
            let cells = fields.declared().grids[0].cells()[2] * array.element().size();
            let inside = (tile.region.low[s]..tile.region.high[s]).contains(&self.plane);
            let stands = block.last[field] == Some(v) && inside;
            let memory_step = if t == 1 { array.row_stride() } else { array.plane_stride() };
            let memory = array.cell_mut(self.sweep.index(self.plane, range.rows.start));
            let (row, step) = match &tile.rings[v] {
                Some(ring) => (ring.row(self.plane, range.rows.start), ring.stride),
                // A value that no instance reads is computed on the tile only.
                None if stands && !in_place && !self.sweep.streams && instance.overlap[t] == [0, 0] => {
                    (memory, memory_step)
                }
                None => (tile.scratch.wrapping_add(o * tile.widest + lines.left), 0),
            };
            let memory = if stands && row != memory { memory } else { null_mut() };
            let time = history[value.first_read][TIME];
            self.targets.push(Target { field, row, step, memory, memory_step, lines, cells, in_place, time });
        }
    }

    /// Computes a row of the plane, and issues prefetches meanwhile.
    #[inline(always)]
    pub fn compute(&mut self, tile: &Tile, r: isize, prefetch: &mut Prefetch) {
        let Sweep { fields, block, kernels, .. } = self.sweep;
        let (sweep, plane, t) = (self.sweep, self.plane, 1 - block.sweep);
        let grid = &fields.declared().grids[0];
        let i = r - self.range.rows.start;
        let n = grid.cells()[2];
        let position = || {
            let index = sweep.index(sweep.wrapped(block.sweep, plane), sweep.wrapped(t, r));
            let field = self.instance.field.expect("an instance has a field");
            let axes = &fields.coordinates[&(0, 0, fields.declared().fields[field].location)];
            let zy = [axes[0][index[0] as usize], axes[1][index[1] as usize]];
            RowPosition { index, key: grid.key(0, index), zy, x: axes[2].as_ptr() }
        };
        let table = self.table.row(i, r, |r| sweep.wrapped(t, r), position);
        let (mut out, mut to): (Rows, Rows) = ([null_mut(); MAX_OUT], [null_mut(); MAX_OUT]);
        for (o, target) in out.iter_mut().zip(&self.targets) {
            *o = target.row(i);
        }
        let inside = (tile.region.low[t]..tile.region.high[t]).contains(&r);
        let kernel = &kernels[self.number].0;
        let (streams, accumulator) = (self.streams && inside, &mut self.accumulator);
        if let Some(accumulator) = accumulator {
            out[0] = accumulator.row_buffer(n);
        }
        for (to, target) in to.iter_mut().zip(&self.targets).filter(|(_, target)| streams && !target.in_place) {
            *to = target.memory(i);
        }
        for first in (0..n).step_by(PIECE) {
            let cells = first..n.min(first + PIECE);
            // SAFETY: the program has checked the handles of all arguments, so the table matches the kernel's arguments. Rows
            // read lie in memory, with a halo as deep as the block reads, or in ring buffers of values that earlier instances
            // have computed. Rows written lie in ring buffers of other values, in scratch, in an accumulator, or in arrays
            // that no instance reads.
            unsafe {
                match streams {
                    true => kernel.compute_and_stream(table, &out, &to, cells),
                    false => kernel.compute(table, &out, cells),
                }
            }
            prefetch.issue();
        }
        if let Some(accumulator) = accumulator {
            accumulator.add_row(n, || grid.key(0, sweep.index(plane, r)));
        }
        self.finish(r, i, inside);
    }

    /// Fills the halo at the ends of a row, and writes the row to memory if it holds the last value of its field.
    #[inline(always)]
    fn finish(&self, r: isize, i: isize, inside: bool) {
        let index = self.sweep.index(self.plane, r);
        for (o, target) in self.targets.iter().enumerate() {
            let (row, memory) = (target.row(i), target.memory(i));
            if !self.instance.points.is_empty() {
                self.points(o, index, row);
            }
            let edges = &self.sweep.edges[target.field];
            // SAFETY: the row was just written, has memory for its halo, and is accessed by this thread only. In memory, its
            // cache lines belong to no other row.
            unsafe {
                edges.set_boundary_values(index, row);
                edges.fill_ends(index, row, target.time);
                let Lines { left, used } = target.lines;
                let (from, to) = (row.wrapping_sub(left), memory.wrapping_sub(left));
                match (inside && !memory.is_null(), self.streams, self.sweep.streams && !target.in_place) {
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
        let Sweep { fields, history, .. } = self.sweep;
        let here = [self.sweep.wrapped(0, z), self.sweep.wrapped(1, y)];
        for (_, position, stage) in self.instance.points.iter().filter(|(o, ..)| *o == output) {
            let stage = fields.program.stage(*stage);
            let Work::Point { cell: (_, index), update } = &stage.work else { continue };
            if here == [index[0] as isize, index[1] as isize] {
                let time = history[*position][TIME];
                with_element!(fields.declared().fields[stage.writes[0]].element, T => {
                    // SAFETY: the cell lies in the row, which only this thread accesses.
                    let cell = unsafe { &mut *row.cast::<T>().add(index[2]) };
                    let [re, im] = Element::parts(*cell);
                    *cell = Element::from_parts([update(re, time), im]);
                });
            }
        }
    }
}
