//! Boundary conditions: sets values on and beyond physical boundaries, in whole planes of an array or in single rows of fused
//! sweeps, by the same function of a row and its mirror image.
use crate::base::{Array, Region};
use crate::engine::periodic_row::PeriodicRow;
use crate::engine::with_element;
use crate::model::boundary::{Boundaries, Boundary, Point};
use crate::model::field::FieldDeclaration;
use crate::model::grid::{Adjacent, Grid};
use crate::model::location::Location;
use crate::program::domain::Patch;
use halocline_kernels::{Element, Extent};
use std::slice::{from_raw_parts, from_raw_parts_mut};

/// Fills the halo beyond the physical boundaries that a patch touches, as deep as `extent` reads. Without corners only the
/// cells directly beyond owned cells are filled; with corners also those beyond halo cells, which must be valid. Boundaries
/// across z are filled first and those across x last, so the cells beyond two boundaries follow from the later one.
pub(super) fn fill(
    array: &mut Array,
    grid: &Grid,
    patch: &Patch,
    location: Location,
    sides: &Boundaries,
    extent: &Extent,
    time: f64,
) {
    for_boundary_faces(grid, patch, |axis, side| {
        let depth = [extent.below, extent.above][side][axis];
        if depth > 0 {
            let condition = &sides[axis][side];
            let face = BoundaryFace { grid, block: patch.block, axis, side, location, condition, time };
            face.fill_array(array, extent, depth);
        }
    });
}

/// Sets the values on physical boundaries, for fields located on the faces across the axis. Called whenever such a field is
/// written.
pub(super) fn set_boundary_faces(
    array: &mut Array,
    grid: &Grid,
    patch: &Patch,
    location: Location,
    sides: &Boundaries,
    time: f64,
) {
    for_boundary_faces(grid, patch, |axis, side| {
        if location.is_low(axis) && side == 0 {
            let condition = &sides[axis][side];
            let face = BoundaryFace { grid, block: patch.block, axis, side, location, condition, time };
            let owned = array.owned();
            face.set(array, owned.with(axis, 0, 1));
        }
    });
}

fn for_boundary_faces(grid: &Grid, patch: &Patch, mut action: impl FnMut(usize, usize)) {
    let block = grid.block(patch.block);
    for axis in 0..3 {
        for side in 0..2 {
            let touches = [patch.region.low[axis] == 0, patch.region.high[axis] == block.cells[axis] as isize][side];
            if touches && block.beyond(axis, side) == Adjacent::Boundary {
                action(axis, side);
            }
        }
    }
}

/// A face of a block on a physical boundary, and the boundary condition of a field there.
pub(super) struct BoundaryFace<'a> {
    pub(super) grid: &'a Grid,
    pub(super) block: usize,
    pub(super) axis: usize,
    /// 0: the lower end of the axis, 1: the upper one.
    pub(super) side: usize,
    pub(super) location: Location,
    pub(super) condition: &'a Boundary,
    /// In seconds.
    pub(super) time: f64,
}

impl BoundaryFace<'_> {
    fn fill_array(&self, array: &mut Array, extent: &Extent, depth: usize) {
        let (axis, n) = (self.axis, self.grid.block(self.block).cells[self.axis] as isize);
        let owned = array.owned();
        // The halos of earlier axes are filled already; those of later axes are filled from the cells set here.
        let around = owned.grow(extent.below, extent.above).intersect(&array.padded());
        let across = if extent.corners { around } else { owned };
        for k in 0..depth as isize {
            let index = if self.side == 0 { -1 - k } else { n + k };
            self.set(array, across.with(axis, index, index + 1));
        }
    }

    /// Sets the cells of one plane on or beyond the boundary.
    fn set(&self, array: &mut Array, plane: Region) {
        with_element!(array.element(), T => self.set_as::<T>(array, plane))
    }

    fn set_as<T: Element>(&self, array: &mut Array, plane: Region) {
        let (mirror, _) = self.mirror_index(plane.low[self.axis]);
        let (at, from) = (plane.low, plane.with(self.axis, mirror, mirror + 1));
        let mirrored = array.view::<T>(&from);
        // SAFETY: the mirror image is a different plane: the boundary, or the midpoint between two cells, lies between them.
        let mut to = unsafe { array.view_shared_mut::<T>(&plane) };
        for (z, (mut to, mirrored)) in to.outer_iter_mut().zip(mirrored.outer_iter()).enumerate() {
            for (y, (mut to, mirrored)) in to.outer_iter_mut().zip(mirrored.outer_iter()).enumerate() {
                let first = [at[0] + z as isize, at[1] + y as isize, at[2]];
                let rows = (to.as_slice_mut(), mirrored.as_slice());
                let (Some(to), Some(mirrored)) = rows else { unreachable!("cells of a row follow each other") };
                self.row(first, to, mirrored);
            }
        }
    }

    /// The mirror image of an index on or beyond the boundary, and whether the index lies on the boundary.
    pub(super) fn mirror_index(&self, index: isize) -> (isize, bool) {
        let n = self.grid.block(self.block).cells[self.axis] as isize;
        match (self.location.is_low(self.axis), self.side) {
            (false, 0) => (-1 - index, false),
            (false, _) => (2 * n - 1 - index, false),
            (true, 0) => (if index == 0 { 1 } else { -index }, index == 0),
            (true, _) => (if index == n { n - 1 } else { 2 * n - index }, index == n),
        }
    }

    /// Sets a piece of a row that lies on or beyond the boundary from its mirror image; `first` is the index of its first
    /// cell.
    pub(super) fn row<T: Element>(&self, first: [isize; 3], to: &mut [T], mirrored: &[T]) {
        let axis = self.axis;
        let (mirror, on_boundary) = self.mirror_index(first[axis]);
        let on_faces = self.location.is_low(axis);
        let two = T::of(2.0);
        let at_boundary = |v: T, inside: T| if on_boundary { v } else { two * v - inside };
        match self.condition {
            Boundary::Value(v) => {
                let v = T::of(*v);
                to.iter_mut().zip(mirrored).for_each(|(t, m)| *t = at_boundary(v, *m));
            }
            Boundary::Gradient(g) => {
                let distance = (first[axis] - mirror) as f64 * self.grid.block(self.block).cell_length(axis);
                let rise = T::of(g * distance);
                to.iter_mut().zip(mirrored).for_each(|(t, m)| *t = *m + rise);
            }
            Boundary::Reflecting if on_faces && on_boundary => to.fill(T::default()),
            Boundary::Reflecting if on_faces => to.iter_mut().zip(mirrored).for_each(|(t, m)| *t = -*m),
            Boundary::Reflecting => to.copy_from_slice(mirrored),
            Boundary::Outside(v) => to.fill(T::of(*v)),
            Boundary::Function(f) => {
                for (i, (t, m)) in to.iter_mut().zip(mirrored).enumerate() {
                    let at = self.place([first[0], first[1], first[2] + i as isize]);
                    *t = at_boundary(T::of(f(at, self.time)), *m);
                }
            }
        }
    }

    /// The point of the boundary nearest to a cell. Indices beyond a periodic end are wrapped, so that the condition is
    /// evaluated at a position inside the grid.
    fn place(&self, index: [isize; 3]) -> Point {
        let block = self.grid.block(self.block);
        let mut at: [f64; 3] = std::array::from_fn(|a| {
            let n = block.cells[a] as isize;
            let i = if self.grid.is_periodic(self.block, a) { index[a].rem_euclid(n) } else { index[a] };
            block.coordinate(a, i, self.location)
        });
        at[self.axis] = block.origin[self.axis] + if self.side == 0 { 0.0 } else { block.length[self.axis] };
        Point { z: at[0], y: at[1], x: at[2] }
    }
}

/// The edges of one field on a grid of one block.
pub(super) struct RowEdges<'a> {
    grid: &'a Grid,
    declaration: &'a FieldDeclaration,
    /// Cells of a row.
    cells: isize,
    /// Cells of halo before and behind a row.
    extent: [isize; 2],
    wrap: Option<PeriodicRow>,
    /// The axes across which the field has values on physical boundaries.
    boundary_axes: [bool; 3],
}

impl<'a> RowEdges<'a> {
    /// The row edges of a field that is read as far as `extent`.
    pub fn new(grid: &'a Grid, declaration: &'a FieldDeclaration, extent: &Extent) -> RowEdges<'a> {
        let cells = grid.cells()[2] as isize;
        let extent = [extent.below[2] as isize, extent.above[2] as isize];
        let wraps = !grid.is_bounded(2) && extent != [0, 0];
        let wrap = wraps.then(|| PeriodicRow::new(cells, extent, declaration.element.size()));
        let boundary_axes = [0, 1, 2].map(|axis| declaration.location.is_low(axis) && grid.is_bounded(axis));
        RowEdges { grid, declaration, cells, extent, wrap, boundary_axes }
    }

    fn face(&self, axis: usize, side: usize, time: f64) -> BoundaryFace<'a> {
        let condition = &self.declaration.boundaries[axis][side];
        BoundaryFace { grid: self.grid, block: 0, axis, side, location: self.declaration.location, condition, time }
    }

    /// Sets cells on or beyond a boundary from their mirror image, in a row that begins with cell `first`.
    unsafe fn set(&self, face: &BoundaryFace, first: [isize; 3], to: *mut u8, mirrored: *const u8, cells: usize) {
        with_element!(self.declaration.element, T => {
            // SAFETY: by the contract of the callers, both are valid for `cells` elements and do not overlap.
            let (to, mirrored) = unsafe { (from_raw_parts_mut(to.cast::<T>(), cells), from_raw_parts(mirrored.cast::<T>(), cells)) };
            face.row(first, to, mirrored);
        });
    }

    /// True if some values of the field lie on a physical boundary.
    pub fn has_boundary_values(&self) -> bool {
        self.boundary_axes.contains(&true)
    }

    /// Sets the values that lie on a physical boundary, in a row of owned cells that has just been computed.
    ///
    /// # Safety
    /// `row` must point to the first cell of a valid row, and no other thread may access the row.
    #[inline]
    pub unsafe fn set_boundary_values(&self, index: [isize; 3], row: *mut u8) {
        for axis in (0..3).filter(|&axis| self.boundary_axes[axis] && index[axis] == 0) {
            // In fused sweeps a value on a boundary does not depend on other cells (see `fusible`), so any mirror image will do.
            with_element!(self.declaration.element, T => {
                let face = self.face(axis, 0, 0.0);
                // SAFETY: the contract of this function.
                let row = |n: usize| unsafe { from_raw_parts_mut(row.cast::<T>(), n) };
                match self.cells as usize {
                    _ if axis == 2 => face.row(index, row(1), &[T::default()]),
                    n => face.row(index, row(n), &vec![T::default(); n]),
                }
            });
        }
    }

    /// Sets the halo cells at both ends of a row.
    ///
    /// # Safety
    /// As [`RowEdges::set_boundary_values`], and the halo cells must be valid.
    #[inline(always)]
    pub unsafe fn fill_ends(&self, index: [isize; 3], row: *mut u8, time: f64) {
        // SAFETY: the contract of this function.
        unsafe {
            match &self.wrap {
                Some(wrap) => wrap.fill_halo(row, 0, self.cells),
                None if self.extent != [0, 0] => self.fill_bounded_ends(index, row, time),
                None => {}
            }
        }
    }

    unsafe fn fill_bounded_ends(&self, index: [isize; 3], row: *mut u8, time: f64) {
        let size = self.declaration.element.size() as isize;
        for side in 0..2 {
            let face = self.face(2, side, time);
            for k in 0..self.extent[side] {
                let x = if side == 0 { -1 - k } else { self.cells + k };
                let (mirror, _) = face.mirror_index(x);
                let first = [index[0], index[1], x];
                // SAFETY: both cells lie in the row or its halo, and differ.
                unsafe { self.set(&face, first, row.wrapping_offset(x * size), row.wrapping_offset(mirror * size), 1) }
            }
        }
    }

    /// The indices of the rows or planes beyond the boundary across an axis that a read of `extent` accesses, each with its
    /// mirror image.
    pub fn beyond(
        &self,
        axis: usize,
        side: usize,
        extent: &Extent,
    ) -> impl Iterator<Item = (isize, isize)> + use<'_, 'a> {
        let n = self.grid.cells()[axis] as isize;
        let depth = [extent.below, extent.above][side][axis] as isize;
        let depth = if self.grid.is_bounded(axis) { depth } else { 0 };
        let face = self.face(axis, side, 0.0);
        (0..depth).map(move |k| if side == 0 { -1 - k } else { n + k }).map(move |i| (i, face.mirror_index(i).0))
    }

    /// Sets a row beyond the boundary across z or y from its mirror image, including its ends.
    ///
    /// # Safety
    /// As [`RowEdges::fill_ends`]; `mirrored` must be another valid row.
    pub unsafe fn set_from_mirror(
        &self,
        axis: usize,
        side: usize,
        index: [isize; 3],
        row: *mut u8,
        mirrored: *const u8,
        time: f64,
    ) {
        // SAFETY: the contract of this function.
        unsafe {
            self.set(&self.face(axis, side, time), index, row, mirrored, self.cells as usize);
            self.fill_ends(index, row, time);
        }
    }
}
