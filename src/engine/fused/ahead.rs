//! Asking for memory ahead of the front: the plane that it meets next is on its way, a few lines after each row, or piece of it. Processors
//! fetch ahead by themselves, but only within a page of 4 kB: with one row in each page, a single pass took 1.6 times as long
//! without this.
use super::levels::Source;
use super::pass::Pass;
use crate::base::Region;
use crate::base::memory::LINE;
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

/// What is to be asked for during a front, and how much after each row.
pub(super) struct Ahead {
    planes: Vec<Plane>,
    /// The next line, and how many are left of its row.
    at: *const u8,
    lines: usize,
    /// Lines that are asked for at a time.
    share: usize,
}

/// A field as the levels read it from memory: the highest plane before the front moves on, and the rows of a tile.
struct Need {
    field: usize,
    ahead: isize,
    rows: Range<isize>,
}

/// All that a tile needs from memory, and the pieces of rows that are computed meanwhile.
pub(super) struct Needs {
    fields: Vec<Need>,
    pieces: usize,
}

impl Needs {
    /// Of a tile.
    pub fn of(pass: &Pass, tile: &Region) -> Needs {
        let (s, t) = (pass.block.sweep, 1 - pass.block.sweep);
        let grid = &pass.store.design.grids[0];
        let (mut fields, mut pieces) = (Vec::<Need>::new(), 0);
        for level in &pass.block.levels {
            let rows = pass.range(tile, t, level.grow[t]);
            pieces += rows.len() * grid.cells()[2].div_ceil(PIECE);
            for ((field, source), extent) in level.from.iter().zip(level.extents()) {
                if *source != Source::Memory {
                    continue;
                }
                let far = |depth: [usize; 3], a: usize| if grid.is_flat(a) { 0 } else { depth[a] as isize };
                let ahead = far(extent.above, s) - level.lag;
                let rows = rows.start - far(extent.below, t)..rows.end + far(extent.above, t);
                match fields.iter_mut().find(|need| need.field == *field) {
                    Some(need) if need.ahead >= ahead => {}
                    Some(need) => *need = Need { field: *field, ahead, rows },
                    None => fields.push(Need { field: *field, ahead, rows }),
                }
            }
        }
        Needs { fields, pieces }
    }
}

impl Ahead {
    /// While the front is at `front`.
    pub fn new(pass: &Pass, patch: usize, needs: &Needs, front: isize) -> Ahead {
        let (s, t) = (pass.block.sweep, 1 - pass.block.sweep);
        let plane = |need: &Need| {
            let array = &pass.store.now[need.field][patch];
            let (padded, lines, mut p) = (array.padded(), array.lines(), front + 1 + need.ahead);
            if pass.block.wraps[s] {
                p = pass.wrapped(s, p);
            }
            let rows = need.rows.start.max(padded.low[t])..need.rows.end.min(padded.high[t]);
            let inside = (padded.low[s]..padded.high[s]).contains(&p);
            let row = if t == 1 { array.row_stride() } else { array.plane_stride() };
            let at = array.cell(pass.index(p, rows.start)).wrapping_sub(lines.left);
            inside.then_some(Plane { at, row, rows: rows.len(), lines: lines.used / LINE })
        };
        let planes: Vec<Plane> = needs.fields.iter().filter_map(plane).filter(|p| p.rows > 0).collect();
        let all: usize = planes.iter().map(|p| p.rows * p.lines).sum();
        Ahead { planes, at: null(), lines: 0, share: all.div_ceil(needs.pieces.max(1)) }
    }

    /// Asks for what is due after a piece of a row.
    #[inline(always)]
    pub fn some(&mut self) {
        let mut left = self.share;
        while left > 0 {
            if self.lines == 0 && !self.next_row() {
                return;
            }
            let lines = left.min(self.lines);
            for line in 0..lines {
                ask_for(self.at.wrapping_add(line * LINE));
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
fn ask_for(line: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: asking for memory has no effect on it.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T1>(line.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}
