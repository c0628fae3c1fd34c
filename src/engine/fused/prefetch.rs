//! Software prefetch ahead of the wavefront: a few cache lines of the next plane are prefetched after each piece of a row.
//! Hardware prefetchers stop at the end of a page of 4 kB: with one row in each page, a single pass took 1.6 times as long
//! without software prefetch.
use crate::base::Region;
use crate::base::memory::LINE;
use crate::engine::fused::context::Sweep;
use crate::program::fusion::Origin;
use std::ops::Range;
use std::ptr::null;

/// Cells of a row between prefetches: prefetching all lines of a long row at once would stall the core.
pub(super) const PIECE: usize = 1024;

/// The rows of a plane of one field that remain to be prefetched.
#[derive(Clone, Copy)]
struct Plane {
    at: *const u8,
    row: isize,
    rows: usize,
    lines: usize,
}

/// The planes to prefetch at one position of the wavefront, and how many lines after each piece of a row.
pub(super) struct Prefetch {
    planes: Vec<Plane>,
    /// The next line, and the number of lines left in its row.
    at: *const u8,
    lines: usize,
    /// Lines prefetched after each piece of a row.
    lines_per_piece: usize,
}

/// A field that instances read from memory: the highest plane read, relative to the wavefront, and the rows of the tile.
struct PrefetchRows {
    field: usize,
    ahead: isize,
    rows: Range<isize>,
}

/// The fields that a tile reads from memory, and the number of pieces of rows computed per plane.
pub(super) struct PrefetchSet {
    fields: Vec<PrefetchRows>,
    pieces: usize,
}

impl PrefetchSet {
    /// The prefetch set of a tile.
    pub fn of(sweep: &Sweep, tile: &Region) -> PrefetchSet {
        let (s, t) = (sweep.block.sweep, 1 - sweep.block.sweep);
        let grid = &sweep.fields.declared().grids[0];
        let (mut fields, mut pieces) = (Vec::<PrefetchRows>::new(), 0);
        for instance in &sweep.block.instances {
            let rows = sweep.range(tile, t, instance.overlap[t]);
            pieces += rows.len() * grid.cells()[2].div_ceil(PIECE);
            for ((field, origin), extent) in instance.from.iter().zip(&instance.extents) {
                if *origin != Origin::Memory {
                    continue;
                }
                let far = |depths: [usize; 3], a: usize| if grid.is_flat(a) { 0 } else { depths[a] as isize };
                let ahead = far(extent.above, s) - instance.skew;
                let rows = rows.start - far(extent.below, t)..rows.end + far(extent.above, t);
                match fields.iter_mut().find(|need| need.field == *field) {
                    Some(need) if need.ahead >= ahead => {}
                    Some(need) => *need = PrefetchRows { field: *field, ahead, rows },
                    None => fields.push(PrefetchRows { field: *field, ahead, rows }),
                }
            }
        }
        PrefetchSet { fields, pieces }
    }
}

impl Prefetch {
    /// The prefetches at a position of the wavefront: the planes read at the next one.
    pub fn new(sweep: &Sweep, patch: usize, set: &PrefetchSet, wavefront: isize) -> Prefetch {
        let (s, t) = (sweep.block.sweep, 1 - sweep.block.sweep);
        let plane = |need: &PrefetchRows| {
            let array = &sweep.fields.now[need.field][patch];
            let (padded, lines, mut p) = (array.padded(), array.lines(), wavefront + 1 + need.ahead);
            if sweep.block.wraps[s] {
                p = sweep.wrapped(s, p);
            }
            let rows = need.rows.start.max(padded.low[t])..need.rows.end.min(padded.high[t]);
            let inside = (padded.low[s]..padded.high[s]).contains(&p);
            let row = if t == 1 { array.row_stride() } else { array.plane_stride() };
            let at = array.cell(sweep.index(p, rows.start)).wrapping_sub(lines.left);
            inside.then_some(Plane { at, row, rows: rows.len(), lines: lines.used / LINE })
        };
        let planes: Vec<Plane> = set.fields.iter().filter_map(plane).filter(|p| p.rows > 0).collect();
        let all: usize = planes.iter().map(|p| p.rows * p.lines).sum();
        Prefetch { planes, at: null(), lines: 0, lines_per_piece: all.div_ceil(set.pieces.max(1)) }
    }

    /// Prefetches the lines due after a piece of a row.
    #[inline(always)]
    pub fn issue(&mut self) {
        let mut left = self.lines_per_piece;
        while left > 0 {
            if self.lines == 0 && !self.next_row() {
                return;
            }
            let lines = left.min(self.lines);
            for line in 0..lines {
                prefetch_line(self.at.wrapping_add(line * LINE));
            }
            self.at = self.at.wrapping_add(lines * LINE);
            self.lines -= lines;
            left -= lines;
        }
    }

    fn next_row(&mut self) -> bool {
        let Some(plane) = self.planes.last_mut() else { return false };
        (self.at, self.lines) = (plane.at, plane.lines);
        plane.at = plane.at.wrapping_offset(plane.row);
        plane.rows -= 1;
        if plane.rows == 0 {
            self.planes.pop();
        }
        true
    }
}

#[inline(always)]
fn prefetch_line(line: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch is only a hint, valid for any address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T1>(line.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}
