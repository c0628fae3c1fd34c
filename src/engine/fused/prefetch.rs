//! Asking for memory ahead of the wavefront: the plane that it meets next is on its way, a few lines after each row, or piece of it. Processors
//! fetch ahead by themselves, but only within a page of 4 kB: with one row in each page, a single pass took 1.6 times as long
//! without this.
use crate::base::Region;
use crate::base::memory::LINE;
use crate::engine::fused::context::Sweep;
use crate::program::fusion::Origin;
use std::ops::Range;
use std::ptr::null;

/// Cells of a row between which memory is asked for: all lines of a long row at once would keep the core waiting.
pub(super) const PIECE: usize = 1024;

/// A plane of rows of one field in memory, from one line on.
#[derive(Clone, Copy)]
struct Plane {
    at: *const u8,
    row: isize,
    rows: usize,
    lines: usize,
}

/// What is to be asked for during a wavefront, and how much after each row.
pub(super) struct Prefetch {
    planes: Vec<Plane>,
    /// The next line, and how many are left of its row.
    at: *const u8,
    lines: usize,
    /// Lines that are asked for at a time.
    lines_per_piece: usize,
}

/// A field as the instances read it from memory: the highest plane before the wavefront moves on, and the rows of a tile.
struct PrefetchRows {
    field: usize,
    ahead: isize,
    rows: Range<isize>,
}

/// All that a tile needs from memory, and the pieces of rows that are computed meanwhile.
pub(super) struct PrefetchSet {
    fields: Vec<PrefetchRows>,
    pieces: usize,
}

impl PrefetchSet {
    /// Of a tile.
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
    /// While the wavefront is at `wavefront`.
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

    /// Asks for what is due after a piece of a row.
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
    // SAFETY: asking for memory has no effect on it.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T1>(line.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}
