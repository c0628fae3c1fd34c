//! Boundary conditions: what a kernel reads beyond a wall.
use crate::base::Array;
use crate::base::Region;
use crate::model::grid::{Adjacent, Grid, Location};
use crate::program::domain::Patch;
use halocline_kernels::{Element, ElementType, Extent};
use num_complex::Complex;
use std::fmt;
use std::sync::Arc;

/// Where something is: a position in metres.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// Along z.
    pub z: f64,
    /// Along y.
    pub y: f64,
    /// Along x.
    pub x: f64,
}

/// A function of position and time.
pub type Function = Arc<dyn Fn(Point, f64) -> f64 + Send + Sync>;

/// What lies beyond a wall. Values are meant *at the wall*, second-order accurate: with u the mirror image inside, the
/// value outside is `2v − u` for a fixed value, `u ± g·distance` for a fixed gradient. Values on the faces across the
/// axis lie on the wall itself and are set there.
#[derive(Clone)]
pub enum Boundary {
    /// The field has this value at the wall (Dirichlet).
    Value(f64),
    /// The field's derivative along the axis is this at the wall (Neumann), in units of the field per metre.
    Gradient(f64),
    /// A mirror: no flux; what flows across the wall is zero at it and changes sign beyond.
    Reflecting,
    /// The value at the wall is a function of position and time.
    Function(Function),
    /// All cells beyond the wall hold this value.
    Outside(f64),
}

impl Boundary {
    /// The value at the wall as a function of position and time in seconds.
    pub fn function(f: impl Fn(Point, f64) -> f64 + Send + Sync + 'static) -> Boundary {
        Boundary::Function(Arc::new(f))
    }

    /// True if it changes with time even where the field does not.
    pub fn varies(&self) -> bool {
        matches!(self, Boundary::Function(_))
    }
}

impl fmt::Debug for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Boundary::Value(v) => write!(f, "value {v}"),
            Boundary::Gradient(g) => write!(f, "gradient {g}"),
            Boundary::Reflecting => write!(f, "reflecting"),
            Boundary::Function(_) => write!(f, "a function of position and time"),
            Boundary::Outside(v) => write!(f, "outside {v}"),
        }
    }
}

/// A field's conditions on all six sides: `[axis][lower, upper]`.
pub type Boundaries = [[Boundary; 2]; 3];

/// Fills what lies beyond the walls that a patch touches, as deep as `reach` reads. If it reads no corners, only cells
/// straight beyond owned ones; else also those beyond halo cells, which must be filled before: the walls across z first,
/// those across x last, so that an edge beyond two walls is what the later one makes of what the earlier one has made.
pub fn fill(
    array: &mut Array,
    grid: &Grid,
    patch: &Patch,
    location: Location,
    sides: &Boundaries,
    extent: &Extent,
    time: f64,
) {
    for_walls(grid, patch, |axis, side| {
        let depth = [extent.below, extent.above][side][axis];
        if depth > 0 {
            let condition = &sides[axis][side];
            let wall = Wall { grid, block: patch.block, axis, side, location, condition, time };
            wall.fill_array(array, extent, depth);
        }
    });
}

/// Sets the values that lie on walls, for fields on the faces across the axis: done whenever the field is written.
pub fn set_walls(array: &mut Array, grid: &Grid, patch: &Patch, location: Location, sides: &Boundaries, time: f64) {
    for_walls(grid, patch, |axis, side| {
        if location.axis() == Some(axis) && side == 0 {
            let condition = &sides[axis][side];
            let wall = Wall { grid, block: patch.block, axis, side, location, condition, time };
            let owned = array.owned();
            wall.set(array, owned.with(axis, 0, 1));
        }
    });
}

fn for_walls(grid: &Grid, patch: &Patch, mut action: impl FnMut(usize, usize)) {
    let block = grid.block(patch.block);
    for axis in 0..3 {
        for side in 0..2 {
            let touches = [patch.region.low[axis] == 0, patch.region.high[axis] == block.cells[axis] as isize][side];
            if touches && block.beyond(axis, side) == Adjacent::Wall {
                action(axis, side);
            }
        }
    }
}

/// A wall of a block, and what a field does there.
pub(crate) struct Wall<'a> {
    pub(crate) grid: &'a Grid,
    pub(crate) block: usize,
    pub(crate) axis: usize,
    /// 0: the lower end of the axis, 1: the upper one.
    pub(crate) side: usize,
    pub(crate) location: Location,
    pub(crate) condition: &'a Boundary,
    /// In seconds.
    pub(crate) time: f64,
}

impl Wall<'_> {
    fn fill_array(&self, array: &mut Array, extent: &Extent, depth: usize) {
        let (axis, n) = (self.axis, self.grid.block(self.block).cells[self.axis] as isize);
        let owned = array.owned();
        // Halos of the axes before are filled already, of those after not yet: their walls fill them from here.
        let around = owned.grow(extent.below, extent.above).intersect(&array.padded());
        let across = if extent.corners { around } else { owned };
        for k in 0..depth as isize {
            let index = if self.side == 0 { -1 - k } else { n + k };
            self.set(array, across.with(axis, index, index + 1));
        }
    }

    /// Sets the cells of one plane at or beyond the wall.
    fn set(&self, array: &mut Array, plane: Region) {
        match array.element() {
            ElementType::F32 => self.set_as::<f32>(array, plane),
            ElementType::F64 => self.set_as::<f64>(array, plane),
            ElementType::C32 => self.set_as::<Complex<f32>>(array, plane),
            ElementType::C64 => self.set_as::<Complex<f64>>(array, plane),
        }
    }

    fn set_as<T: Element>(&self, array: &mut Array, plane: Region) {
        let (mirror, _) = self.mirror(plane.low[self.axis]);
        let (at, from) = (plane.low, plane.with(self.axis, mirror, mirror + 1));
        let mirrored = array.view::<T>(&from);
        // SAFETY: the mirror image is another plane, since the wall or the middle between two cells lies between them.
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

    /// The index that the value of this index (on the wall or beyond it) is mirrored from, and whether it lies on the wall.
    pub(crate) fn mirror(&self, index: isize) -> (isize, bool) {
        let n = self.grid.block(self.block).cells[self.axis] as isize;
        match (self.location.axis() == Some(self.axis), self.side) {
            (false, 0) => (-1 - index, false),
            (false, _) => (2 * n - 1 - index, false),
            (true, 0) => (if index == 0 { 1 } else { -index }, index == 0),
            (true, _) => (if index == n { n - 1 } else { 2 * n - index }, index == n),
        }
    }

    /// Sets a piece of a row that lies on the wall or beyond it from its mirror image; `first` is the index of its first
    /// cell.
    pub(crate) fn row<T: Element>(&self, first: [isize; 3], to: &mut [T], mirrored: &[T]) {
        let axis = self.axis;
        let (mirror, on_wall) = self.mirror(first[axis]);
        let on_faces = self.location.axis() == Some(axis);
        let two = T::of(2.0);
        let at_wall = |v: T, inside: T| if on_wall { v } else { two * v - inside };
        match self.condition {
            Boundary::Value(v) => {
                let v = T::of(*v);
                to.iter_mut().zip(mirrored).for_each(|(t, m)| *t = at_wall(v, *m));
            }
            Boundary::Gradient(g) => {
                let distance = (first[axis] - mirror) as f64 * self.grid.block(self.block).cell_length(axis);
                let rise = T::of(g * distance);
                to.iter_mut().zip(mirrored).for_each(|(t, m)| *t = *m + rise);
            }
            Boundary::Reflecting if on_faces && on_wall => to.fill(T::default()),
            Boundary::Reflecting if on_faces => to.iter_mut().zip(mirrored).for_each(|(t, m)| *t = -*m),
            Boundary::Reflecting => to.copy_from_slice(mirrored),
            Boundary::Outside(v) => to.fill(T::of(*v)),
            Boundary::Function(f) => {
                for (i, (t, m)) in to.iter_mut().zip(mirrored).enumerate() {
                    let at = self.place([first[0], first[1], first[2] + i as isize]);
                    *t = at_wall(T::of(f(at, self.time)), *m);
                }
            }
        }
    }

    /// The point of the wall before a cell. Adjacent a periodic end lies the other end, and the function is that of its
    /// places.
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
