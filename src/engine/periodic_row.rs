//! Periodic rows: where x is periodic and not decomposed, the halo at both ends of a row is filled as soon as the row is
//! written, while it is in L1 cache. Fetching both ends of every row again later takes 6 % of a 7-point stencil's time.
use crate::model::field::FieldDeclaration;
use crate::model::grid::{Adjacent, Grid};
use crate::program::Program;
use crate::program::layout::layout_of;
use halocline_kernels::Extent;

/// The periodic rows of a field: their length, halo and element size.
#[derive(Clone, Copy)]
pub(super) struct PeriodicRow {
    /// Cells of a row.
    cells: isize,
    /// Halo cells before and after a row.
    below: isize,
    above: isize,
    /// Bytes of a cell.
    size: usize,
}

impl PeriodicRow {
    /// Rows of `cells` cells, with the halo widths before and after them.
    pub(super) fn new(cells: isize, [below, above]: [isize; 2], size: usize) -> PeriodicRow {
        PeriodicRow { cells, below, above, size }
    }

    /// By field, its periodic rows, if it has any. The same on every rank.
    pub(super) fn of(program: &Program) -> Vec<Option<PeriodicRow>> {
        let periodic_row = |(d, extent): (&FieldDeclaration, &Extent)| {
            let (grid, domain) = (&program.declared.grids[d.grid], &program.domains[&layout_of(d)]);
            let (below, above, cells) = (extent.below[2], extent.above[2], cells_of_row(grid)?);
            // Values on boundaries are set after the rows are written.
            let on_boundary = (0..3).any(|a| d.location.is_low(a) && grid.is_bounded(a));
            let wraps = below + above > 0 && domain.dims[2] == 1 && cells >= below.max(above) && !on_boundary;
            let [cells, below, above] = [cells, below, above].map(|n| n as isize);
            wraps.then(|| PeriodicRow { cells, below, above, size: d.element.size() })
        };
        program.declared.fields.iter().zip(&program.extent).map(periodic_row).collect()
    }

    /// The halo that is valid once all rows are written.
    pub(super) fn extent(&self) -> Extent {
        Extent { below: [0, 0, self.below as usize], above: [0, 0, self.above as usize], corners: false }
    }

    /// Copies the cells `first..first + n` of a row that have a periodic image in its halo; `at` points to cell `first`.
    ///
    /// # Safety
    /// These cells and the halo must be valid, and no other thread may access the halo.
    #[inline]
    pub(super) unsafe fn fill_halo(&self, at: *mut u8, first: isize, n: isize) {
        // SAFETY: the contract of this function; images lie in the halo.
        unsafe {
            match self.size {
                4 => self.fill_halo_as::<u32>(at.cast(), first, n),
                8 => self.fill_halo_as::<u64>(at.cast(), first, n),
                _ => self.fill_halo_as::<[u64; 2]>(at.cast(), first, n),
            }
        }
    }

    #[inline(always)]
    unsafe fn fill_halo_as<U: Copy>(&self, at: *mut U, first: isize, n: isize) {
        // Volatile, to keep the compiler from vectorising a loop over a cell or two, where the setup costs more.
        // SAFETY: as in `fill_halo`.
        let copy = |cell: isize, by: isize| unsafe {
            let value = at.offset(cell - first).read_volatile();
            at.offset(cell - first + by).write_volatile(value);
        };
        (first..(first + n).min(self.above)).for_each(|cell| copy(cell, self.cells));
        (first.max(self.cells - self.below)..first + n).for_each(|cell| copy(cell, -self.cells));
    }
}

/// The cells of a row, if all blocks of the grid have equally many and are periodic along x.
fn cells_of_row(grid: &Grid) -> Option<usize> {
    let cells = grid.cells()[2];
    let wraps = |(b, block): (usize, &crate::model::grid::Block)| {
        let lands = |side: usize| match block.beyond(2, side) {
            Adjacent::Block(to, turn) => to == b && turn.is_shift(),
            Adjacent::Boundary => false,
        };
        block.cells[2] == cells && lands(0) && lands(1)
    };
    grid.all_blocks().iter().enumerate().all(wraps).then_some(cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_a_row_fill_its_whole_halo() {
        let periodic_row = PeriodicRow { cells: 5, below: 2, above: 3, size: 4 };
        for cut in 0..5 {
            let mut row: Vec<u32> = [9, 9, 0, 1, 2, 3, 4, 9, 9, 9].to_vec();
            for (first, n) in [(cut, 5 - cut), (0, cut)] {
                // SAFETY: the vector has two cells before the row and three after it.
                unsafe { periodic_row.fill_halo(row.as_mut_ptr().offset(2 + first).cast(), first, n) };
            }
            assert_eq!(row, [3, 4, 0, 1, 2, 3, 4, 0, 1, 2]);
        }
    }
}
