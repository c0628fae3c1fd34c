//! The ends of rows and the rows beyond walls: what [`crate::model::boundary::fill`] and the exchange of halos do to fields in
//! memory, done to single rows wherever they lie.
use crate::engine::with_element;
use crate::engine::wrap::Wrap;
use crate::model::boundary::Wall;
use crate::model::field::FieldDeclaration;
use crate::model::grid::Grid;
use halocline_kernels::Extent;
use std::slice::{from_raw_parts, from_raw_parts_mut};

/// The edges of one field on a grid of one block.
pub(super) struct Edges<'a> {
    grid: &'a Grid,
    declaration: &'a FieldDeclaration,
    /// Cells of a row.
    cells: isize,
    /// Cells of halo before and behind a row.
    extent: [isize; 2],
    wrap: Option<Wrap>,
    /// The axis across which it lies on walls.
    on_walls: Option<usize>,
}

impl<'a> Edges<'a> {
    /// Of a field that is read as far as `reach`.
    pub fn new(grid: &'a Grid, declaration: &'a FieldDeclaration, extent: &Extent) -> Edges<'a> {
        let cells = grid.cells()[2] as isize;
        let extent = [extent.below[2] as isize, extent.above[2] as isize];
        let wraps = !grid.is_bounded(2) && extent != [0, 0];
        let wrap = wraps.then(|| Wrap::new(cells, extent, declaration.element.size()));
        let on_walls = declaration.location.axis().filter(|&axis| grid.is_bounded(axis));
        Edges { grid, declaration, cells, extent, wrap, on_walls }
    }

    fn wall(&self, axis: usize, side: usize, time: f64) -> Wall<'a> {
        let condition = &self.declaration.boundaries[axis][side];
        Wall { grid: self.grid, block: 0, axis, side, location: self.declaration.location, condition, time }
    }

    /// Sets cells on or beyond a wall from their mirror image, in a row that begins with cell `first`.
    unsafe fn set(&self, wall: &Wall, first: [isize; 3], to: *mut u8, mirrored: *const u8, cells: usize) {
        with_element!(self.declaration.element, T => {
            // SAFETY: the caller's promise: two pieces of rows, apart from each other.
            let (to, mirrored) = unsafe { (from_raw_parts_mut(to.cast::<T>(), cells), from_raw_parts(mirrored.cast::<T>(), cells)) };
            wall.row(first, to, mirrored);
        });
    }

    /// True if some of its values lie on walls.
    pub fn lies_on_walls(&self) -> bool {
        self.on_walls.is_some()
    }

    /// Sets values that lie on walls, in a row of owned cells that has just been computed.
    ///
    /// # Safety
    /// `row` must be the first of the row's cells, all valid, and nobody else may look at them.
    #[inline]
    pub unsafe fn on_walls(&self, index: [isize; 3], row: *mut u8) {
        let Some(axis) = self.on_walls else { return };
        if index[axis] == 0 {
            // What such a wall holds does not follow from other cells (see `fusible`), so any will do as mirror image.
            with_element!(self.declaration.element, T => {
                let wall = self.wall(axis, 0, 0.0);
                // SAFETY: the caller's promise.
                let row = |n: usize| unsafe { from_raw_parts_mut(row.cast::<T>(), n) };
                match self.cells as usize {
                    _ if axis == 2 => wall.row(index, row(1), &[T::default()]),
                    n => wall.row(index, row(n), &vec![T::default(); n]),
                }
            });
        }
    }

    /// Sets the halo cells before and behind a row.
    ///
    /// # Safety
    /// As [`Edges::on_walls`], and the halo cells must be valid.
    #[inline(always)]
    pub unsafe fn ends(&self, index: [isize; 3], row: *mut u8, time: f64) {
        // SAFETY: the caller's promise.
        unsafe {
            match &self.wrap {
                Some(wrap) => wrap.row(row, 0, self.cells),
                None if self.extent != [0, 0] => self.walls_of_row(index, row, time),
                None => {}
            }
        }
    }

    unsafe fn walls_of_row(&self, index: [isize; 3], row: *mut u8, time: f64) {
        let size = self.declaration.element.size() as isize;
        for side in 0..2 {
            let wall = self.wall(2, side, time);
            for k in 0..self.extent[side] {
                let x = if side == 0 { -1 - k } else { self.cells + k };
                let (mirror, _) = wall.mirror(x);
                let first = [index[0], index[1], x];
                // SAFETY: both cells lie in the row and its halo, and are not the same.
                unsafe { self.set(&wall, first, row.wrapping_offset(x * size), row.wrapping_offset(mirror * size), 1) }
            }
        }
    }

    /// The rows or planes beyond the walls across an axis that a reader of `reach` looks at, each with its mirror image.
    pub fn beyond(
        &self,
        axis: usize,
        side: usize,
        extent: &Extent,
    ) -> impl Iterator<Item = (isize, isize)> + use<'_, 'a> {
        let n = self.grid.cells()[axis] as isize;
        let depth = [extent.below, extent.above][side][axis] as isize;
        let depth = if self.grid.is_bounded(axis) { depth } else { 0 };
        let wall = self.wall(axis, side, 0.0);
        (0..depth).map(move |k| if side == 0 { -1 - k } else { n + k }).map(move |i| (i, wall.mirror(i).0))
    }

    /// Makes a row beyond the wall across z or y from its mirror image, with its ends.
    ///
    /// # Safety
    /// As [`Edges::ends`]; `mirrored` is another such row.
    pub unsafe fn mirror(
        &self,
        axis: usize,
        side: usize,
        index: [isize; 3],
        row: *mut u8,
        mirrored: *const u8,
        time: f64,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            self.set(&self.wall(axis, side, time), index, row, mirrored, self.cells as usize);
            self.ends(index, row, time);
        }
    }
}
