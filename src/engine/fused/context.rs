//! The data that all instances of a block share on a tile: fields, kernels, scalars, ring buffers.
use crate::base::{Array, Region};
use crate::engine::boundary_fill::RowEdges;
use crate::engine::coefficients::Scalars;
use crate::engine::fields::Fields;
use crate::engine::fused::ring_buffer::RingBuffer;
use crate::program::fusion::{Block, Instance, Slot, Value};
use halocline_kernels::kernel::MAX_OUT;
use halocline_kernels::row::RowFn;
use std::ops::Range;
use std::ptr::null_mut;

/// By instance: the kernel, and the scalars that it reads.
pub(super) type Kernels = Vec<(RowFn, Scalars)>;

/// The data that all tiles of a block share.
pub(super) struct Sweep<'a> {
    pub fields: &'a Fields,
    pub block: &'a Block,
    pub kernels: Kernels,
    /// The scalars before each stage of each step.
    pub history: &'a [Vec<f64>],
    /// By field.
    pub edges: Vec<RowEdges<'a>>,
    /// True if rows are written to memory by non-temporal stores.
    pub streams: bool,
}

/// The planes and rows that an instance computes for a tile.
pub(super) struct InstanceRange {
    /// Planes along the axis of the sweep, and rows of each plane, all inside physical boundaries.
    pub planes: Range<isize>,
    pub rows: Range<isize>,
    /// The end of the sweep: includes planes beyond the upper boundary that are read.
    pub end: isize,
}

/// A tile that is being computed.
pub(super) struct Tile<'a> {
    pub sweep: &'a Sweep<'a>,
    pub patch: usize,
    pub region: &'a Region,
    /// By value: its ring buffer, if some instance reads it.
    pub rings: Vec<Option<RingBuffer>>,
    /// Bytes of the longest row of all fields.
    pub widest: usize,
    /// Memory for rows that are written to no ring buffer.
    pub scratch: *mut u8,
}

impl Sweep<'_> {
    /// The index z, y, x of the first cell of row `r` in plane `p`.
    pub fn index(&self, p: isize, r: isize) -> [isize; 3] {
        if self.block.sweep == 0 { [p, r, 0] } else { [r, p, 0] }
    }

    /// An index wrapped into the grid: tiles extend beyond periodic ends.
    pub fn wrapped(&self, axis: usize, mut i: isize) -> isize {
        let n = self.fields.declared().grids[0].cells()[axis] as isize;
        while i < 0 {
            i += n
        }
        while i >= n {
            i -= n
        }
        i
    }

    /// The range of a tile along an axis, extended by the overlap of an instance.
    pub fn range(&self, tile: &Region, axis: usize, [below, above]: [isize; 2]) -> Range<isize> {
        let grid = &self.fields.declared().grids[0];
        let (low, high) = (tile.low[axis] - below, tile.high[axis] + above);
        match grid.is_bounded(axis) {
            true => low.max(0)..high.min(grid.cells()[axis] as isize),
            false => low..high,
        }
    }

    /// By instance, the range that it computes for a tile.
    pub fn ranges(&self, tile: &Region) -> Vec<InstanceRange> {
        let (s, t) = (self.block.sweep, 1 - self.block.sweep);
        let grid = &self.fields.declared().grids[0];
        let n = grid.cells()[s] as isize;
        let range = |instance: &Instance| {
            let planes = self.range(tile, s, instance.overlap[s]);
            let above =
                instance.outputs.iter().map(|&v| self.block.values[v].extent.above[s] as isize).max().unwrap_or(0);
            let end = planes.end + if grid.is_bounded(s) && planes.end == n { above } else { 0 };
            InstanceRange { planes, rows: self.range(tile, t, instance.overlap[t]), end }
        };
        self.block.instances.iter().map(range).collect()
    }

    /// Lays out the ring buffers of a tile in `memory`: by value, its ring buffer if some instance reads it, and the bytes
    /// used.
    pub fn rings(&self, patch: usize, ranges: &[InstanceRange], memory: *mut u8) -> (Vec<Option<RingBuffer>>, usize) {
        let Block { values, rings, sweep, .. } = self.block;
        let t = 1 - sweep;
        let bounded = self.fields.declared().grids[0].is_bounded(t);
        let mut used = 0;
        let ring = |(ring, planes): (usize, &isize)| {
            let slots = || values.iter().filter_map(|v| v.slot.filter(|slot| slot.ring == ring).map(|slot| (v, slot)));
            let rows = |v: &Value, slot: Slot| {
                let beyond = |extent: [usize; 3]| if bounded { extent[t] as isize } else { 0 };
                let rows = &ranges[v.instance].rows;
                rows.start - beyond(v.extent.below) - slot.rows..rows.end + beyond(v.extent.above) - slot.rows
            };
            let first = slots().map(|(v, slot)| rows(v, slot).start).min().unwrap_or(0);
            let end = slots().map(|(v, slot)| rows(v, slot).end).max().unwrap_or(0);
            let lines = slots().next().map(|(v, _)| self.fields.now[v.field][patch].lines());
            let lines = lines.expect("each ring buffer holds some value");
            let (ring, bytes) = RingBuffer::new(memory.wrapping_add(used), *planes, first, end - first, lines);
            used += bytes;
            ring
        };
        let rings: Vec<RingBuffer> = rings.iter().enumerate().map(ring).collect();
        let seen = values.iter().map(|v| v.slot.map(|slot| rings[slot.ring].seen_from(slot)));
        (seen.collect(), used)
    }

    /// Bytes of the longest row of all fields.
    pub fn widest(&self, patch: usize) -> usize {
        self.fields.now.iter().filter_map(|a| a.get(patch)).map(|a| a.lines().stride()).max().unwrap_or(0)
    }

    /// Bytes of cache that a tile needs.
    pub fn bytes(&self, patch: usize, tile: &Region) -> usize {
        self.rings(patch, &self.ranges(tile), null_mut()).1 + MAX_OUT * self.widest(patch)
    }

    /// The array that the last value of a field is written to.
    pub fn target(&self, field: usize, patch: usize) -> &Array {
        let next = self.fields.next[field].get(patch).filter(|_| !self.block.in_place[field]);
        next.unwrap_or(&self.fields.now[field][patch])
    }
}
