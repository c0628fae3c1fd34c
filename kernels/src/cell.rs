//! The views that a kernel reads: the neighbourhood of one cell.
//!
//! A kernel gets one pointer for every row that it may read, to the row's first cell. The engine decides whether the row is in
//! a field's array, in a ring buffer in cache, or wrapped around a periodic end, at no cost to the kernel.
use crate::element::Element;
use crate::extent::{Arms, Cube};
use std::marker::PhantomData;

/// Most rows that one kernel may read.
pub const MAX_ROWS: usize = 96;

/// Pointers to the first cell of every row that a kernel reads. Passed by reference, hence `noalias readonly` to the
/// compiler, which keeps them in registers.
pub type RowPointers = [*const u8; MAX_ROWS];

/// The view of a field with elements `U` from one cell, over the stencil `S`. Offsets are const parameters: a read outside
/// the declared stencil does not compile.
///
/// ```compile_fail
/// use halocline_kernels::prelude::*;
/// struct TooFar;
/// impl Kernel<f64> for TooFar {
///     type Reads = (Star<1>,);
///     type Writes = [f64; 1];
///     fn cell(&self, (t,): Near<'_, f64, Self>) -> [f64; 1] {
///         [t.x::<2>()] // two cells away with a stencil of radius one
///     }
/// }
/// let _ = halocline_kernels::row::erase::<f64, _>(&std::sync::Arc::new(TooFar), InstructionSet::Baseline);
/// ```
pub struct Cell<'a, U, S> {
    table: &'a RowPointers,
    first: usize,
    i: usize,
    of: PhantomData<(U, S)>,
}

impl<U, S> Clone for Cell<'_, U, S> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}
impl<U, S> Copy for Cell<'_, U, S> {}

impl<'a, U: Element, S> Cell<'a, U, S> {
    #[inline(always)]
    pub(crate) fn new(table: &'a RowPointers, first: usize, i: usize) -> Self {
        Cell { table, first, i, of: PhantomData }
    }

    #[inline(always)]
    fn load(&self, row: usize, x: isize) -> U {
        // SAFETY: `row` and `x` lie in the stencil (checked when the accessor is compiled), and by the contract of
        // `Arg::view` the rows of the table are readable over the stencil around the cell.
        unsafe { *(self.table[self.first + row] as *const U).offset(self.i as isize + x) }
    }
}

/// The position of an offset along an arm in the list of rows; fails to compile outside the arm.
const fn arm(d: isize, low: usize, high: usize, skip: usize) -> usize {
    assert!(-(low as isize) <= d && d <= high as isize, "the kernel reads outside its declared stencil");
    if d == 0 {
        0
    } else if d < 0 {
        (1 + skip + low).wrapping_add_signed(d)
    } else {
        skip + low + d as usize
    }
}

impl<U: Element, const ZL: usize, const ZH: usize, const YL: usize, const YH: usize, const XL: usize, const XH: usize>
    Cell<'_, U, Arms<ZL, ZH, YL, YH, XL, XH>>
{
    /// The value in this cell.
    #[inline(always)]
    pub fn here(&self) -> U {
        self.load(0, 0)
    }

    /// The value `D` cells away along x.
    #[inline(always)]
    pub fn x<const D: isize>(&self) -> U {
        const { arm(D, XL, XH, 0) };
        self.load(0, D)
    }

    /// The value `D` cells away along y.
    #[inline(always)]
    pub fn y<const D: isize>(&self) -> U {
        self.load(const { arm(D, YL, YH, 0) }, 0)
    }

    /// The value `D` cells away along z.
    #[inline(always)]
    pub fn z<const D: isize>(&self) -> U {
        self.load(const { arm(D, ZL, ZH, YL + YH) }, 0)
    }
}

impl<U: Element, const R: usize> Cell<'_, U, Cube<R>> {
    /// The value in this cell.
    #[inline(always)]
    pub fn here(&self) -> U {
        self.at::<0, 0, 0>()
    }

    /// The value `Z`, `Y`, `X` cells away along the three axes.
    #[inline(always)]
    pub fn at<const Z: isize, const Y: isize, const X: isize>(&self) -> U {
        let row = const {
            let r = R as isize;
            assert!(-r <= Z && Z <= r && -r <= Y && Y <= r, "the kernel reads outside its declared stencil");
            assert!(-r <= X && X <= r, "the kernel reads outside its declared stencil");
            ((Z + r) * (2 * r + 1) + Y + r) as usize
        };
        self.load(row, X)
    }
}

/// Coefficients that vary along one axis (0: z, 1: y, 2: x), viewed from one cell.
pub struct Profile<'a, R, const AXIS: usize> {
    row: *const u8,
    i: usize,
    of: PhantomData<&'a R>,
}

/// How far from its cell a kernel may read a profile.
pub const PROFILE_EXTENT: usize = 8;

impl<'a, R: Element, const AXIS: usize> Profile<'a, R, AXIS> {
    #[inline(always)]
    pub(crate) fn new(table: &'a RowPointers, first: usize, i: usize) -> Self {
        Profile { row: table[first], i: if AXIS == 2 { i } else { 0 }, of: PhantomData }
    }

    /// The coefficient of this cell.
    #[inline(always)]
    pub fn here(&self) -> R {
        self.at::<0>()
    }

    /// The coefficient `D` cells away along the axis.
    #[inline(always)]
    pub fn at<const D: isize>(&self) -> R {
        const { assert!(D.unsigned_abs() <= PROFILE_EXTENT, "the kernel reads a profile too far away") };
        // SAFETY: profiles are tabulated over the grid and `PROFILE_EXTENT` cells beyond.
        unsafe { *(self.row as *const R).offset(self.i as isize + D) }
    }
}

/// The position of a row in the grid, set by the engine.
#[derive(Clone, Copy, Debug)]
pub struct RowPosition {
    /// Global index of the row's first cell, z, y, x.
    pub index: [isize; 3],
    /// Global key of the row's first cell; keys rise by one along x.
    pub key: u64,
    /// Position of the row along z and y, in metres (or radians, where the grid is a sphere).
    pub zy: [f64; 2],
    /// Positions of its cells along x.
    pub x: *const f64,
}

/// The position of a cell: see the kernel argument [`crate::Position`].
pub struct CellPosition<'a> {
    place: &'a RowPosition,
    i: usize,
}

impl<'a> CellPosition<'a> {
    #[inline(always)]
    pub(crate) fn new(table: &'a RowPointers, first: usize, i: usize) -> Self {
        // SAFETY: by the contract of `Arg::view`, this entry points to a `RowPosition`.
        CellPosition { place: unsafe { &*(table[first] as *const RowPosition) }, i }
    }

    /// Position along z.
    #[inline(always)]
    pub fn z(&self) -> f64 {
        self.place.zy[0]
    }

    /// Position along y.
    #[inline(always)]
    pub fn y(&self) -> f64 {
        self.place.zy[1]
    }

    /// Position along x.
    #[inline(always)]
    pub fn x(&self) -> f64 {
        // SAFETY: `x` points at the positions of all cells of the row.
        unsafe { *self.place.x.add(self.i) }
    }

    /// Global index z, y, x.
    #[inline(always)]
    pub fn index(&self) -> [usize; 3] {
        let [z, y, x] = self.place.index;
        [z as usize, y as usize, x as usize + self.i]
    }

    /// The global key of the cell, the same on any number of ranks: for random numbers.
    #[inline(always)]
    pub fn key(&self) -> u64 {
        self.place.key + self.i as u64
    }
}
