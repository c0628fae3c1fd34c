//! A block on one tile. A front moves through the tile plane by plane; each level follows it at its own distance,
//! reads planes that levels before it have left in rings in cache, and the last version of each field goes to memory. So
//! memory is read and written once for all steps. Tiles overlap by what levels compute beyond them, and need nothing of
//! each other.
use super::ahead::{Ahead, Needs};
use super::edges::Edges;
use super::homes::Home;
use super::lane::Lane;
use super::levels::{Block, Level, Version};
use super::rings::{Ring, with_memory};
use crate::base::Array;
use crate::base::Region;
use crate::base::memory::LINE;
use crate::engine::Store;
use crate::engine::accumulator::Accumulator;
use crate::engine::cells::Surroundings;
use crate::model::declaration::TIME;
use halocline_kernels::kernel::MAX_OUT;
use halocline_kernels::row::RowFn;
use halocline_kernels::stream::fence;
use std::ops::Range;
use std::ptr::null_mut;

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
pub(super) struct Part {
    /// Planes along the axis of the front, and rows of each: owned ones, within walls.
    pub planes: Range<isize>,
    pub rows: Range<isize>,
    /// The plane that ends the sweep: beyond the upper wall, if any version is read there.
    end: isize,
}

/// A tile under way.
pub(super) struct Tile<'a> {
    pass: &'a Pass<'a>,
    pub patch: usize,
    pub region: &'a Region,
    /// By version: where its planes lie, if some level reads them.
    pub rings: Vec<Option<Ring>>,
    /// Bytes of a row of any field.
    pub widest: usize,
    /// Room for rows that go to no ring.
    pub scratch: *mut u8,
}

impl Pass<'_> {
    /// The ring's plane `p` and row `r` as indices z, y, x.
    pub(super) fn index(&self, p: isize, r: isize) -> [isize; 3] {
        if self.block.sweep == 0 { [p, r, 0] } else { [r, p, 0] }
    }

    /// An index as it is counted in the grid: tiles go on beyond periodic ends.
    pub(super) fn wrapped(&self, axis: usize, mut i: isize) -> isize {
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
            let above = level.makes.iter().map(|&v| self.block.versions[v].extent.above[s] as isize).max().unwrap_or(0);
            let end = planes.end + if grid.is_bounded(s) && planes.end == n { above } else { 0 };
            Part { planes, rows: self.range(tile, t, level.grow[t]), end }
        };
        self.block.levels.iter().map(part).collect()
    }

    /// Lays out the rings of a tile: where each version lives that some level reads.
    fn rings(&self, patch: usize, parts: &[Part], memory: *mut u8) -> (Vec<Option<Ring>>, usize) {
        let Block { versions, rings, sweep, .. } = self.block;
        let t = 1 - sweep;
        let bounded = self.store.design.grids[0].is_bounded(t);
        let mut used = 0;
        let ring = |(ring, planes): (usize, &isize)| {
            let homes =
                || versions.iter().filter_map(|v| v.home.filter(|home| home.ring == ring).map(|home| (v, home)));
            let rows = |v: &Version, home: Home| {
                let beyond = |extent: [usize; 3]| if bounded { extent[t] as isize } else { 0 };
                let rows = &parts[v.level].rows;
                rows.start - beyond(v.extent.below) - home.rows..rows.end + beyond(v.extent.above) - home.rows
            };
            let first = homes().map(|(v, home)| rows(v, home).start).min().unwrap_or(0);
            let end = homes().map(|(v, home)| rows(v, home).end).max().unwrap_or(0);
            let lines = homes().next().map(|(v, _)| self.store.now[v.field][patch].lines());
            let lines = lines.expect("some version lives in each ring");
            let (ring, bytes) = Ring::new(memory.wrapping_add(used), *planes, first, end - first, lines);
            used += bytes;
            ring
        };
        let rings: Vec<Ring> = rings.iter().enumerate().map(ring).collect();
        let seen = versions.iter().map(|v| v.home.map(|home| rings[home.ring].seen_from(home)));
        (seen.collect(), used)
    }

    /// Bytes of a row of any field.
    fn widest(&self, patch: usize) -> usize {
        self.store.now.iter().filter_map(|a| a.get(patch)).map(|a| a.lines().stride()).max().unwrap_or(0)
    }

    /// Bytes of cache that a tile wants.
    pub fn bytes(&self, patch: usize, tile: &Region) -> usize {
        self.rings(patch, &self.parts(tile), null_mut()).1 + MAX_OUT * self.widest(patch)
    }

    /// Computes all levels on a tile: what those that are reductions have found, in their order.
    pub fn tile(&self, patch: usize, region: &Region) -> Vec<Accumulator> {
        let parts = self.parts(region);
        let widest = self.widest(patch);
        with_memory(self.bytes(patch, region) + LINE, |memory| {
            let (rings, used) = self.rings(patch, &parts, memory);
            let scratch = memory.wrapping_add(used);
            let tile = Tile { pass: self, patch, region, rings, widest, scratch };
            let mut lanes: Vec<Lane> = parts.iter().enumerate().map(|(l, part)| Lane::new(self, l, part)).collect();
            let first = lanes.iter().map(|lane| lane.part.planes.start + lane.level.lag).min().unwrap_or(0);
            let end = lanes.iter().map(|lane| lane.part.end + lane.level.lag).max().unwrap_or(0);
            let needs = Needs::of(self, region);
            for front in first..end {
                let mut ahead = Ahead::new(self, patch, &needs, front);
                for abreast in lanes.chunk_by_mut(|a, b| a.level.group == b.level.group) {
                    tile.plane(abreast, front - abreast[0].level.lag, &mut ahead);
                }
            }
            fence();
            lanes.into_iter().filter_map(|lane| lane.accumulator).collect()
        })
    }
}

impl Tile<'_> {
    /// A plane of the levels of a group.
    fn plane(&self, lanes: &mut [Lane], p: isize, ahead: &mut Ahead) {
        lanes.iter_mut().filter(|lane| lane.part.planes.contains(&p)).for_each(|lane| lane.begin(self, p));
        let start = lanes.iter().map(|lane| lane.part.rows.start + lane.level.behind).min().unwrap_or(0);
        let end = lanes.iter().map(|lane| lane.part.rows.end + lane.level.behind).max().unwrap_or(0);
        for time in start..end {
            for lane in lanes.iter_mut().filter(|lane| lane.part.planes.contains(&p)) {
                let r = time - lane.level.behind;
                if lane.part.rows.contains(&r) {
                    lane.compute(self, r, ahead);
                }
            }
        }
        for Lane { level, part, .. } in lanes {
            if part.planes.contains(&p) {
                level.makes.iter().for_each(|&v| self.mirror_rows(v, part, p));
                self.mirror_planes(level, part, p, 0);
            } else if (part.planes.end..part.end).contains(&p) {
                self.mirror_planes(level, part, p, 1);
            }
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
            for (r, mirror) in edges.beyond(t, side, &version.extent) {
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
            for (q, mirror) in edges.beyond(s, side, &version.extent) {
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

impl Store {
    /// The array that the last version of a field goes to.
    pub(super) fn target(&self, block: &Block, field: usize, patch: usize) -> &Array {
        let next = self.next[field].get(patch).filter(|_| !block.in_place[field]);
        next.unwrap_or(&self.now[field][patch])
    }
}
