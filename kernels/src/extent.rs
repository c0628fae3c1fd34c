//! What a kernel may read of a field around its cell: reaches, as types and as data.
//!
//! ```text
//!   Pointwise        Star<1>      Forward<1>     Backward<1>    Cube<1>
//!                 ·            ·                      · · ·
//!    ●          · ● ·          ● ·        · ●         · ● ·      (and the same along z)
//!                 ·                         ·         · · ·
//! ```

use crate::sealed::Sealed;

/// A reach as data: cells below and above the own one on each axis (z, y, x), and whether corners are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Extent {
    /// Cells toward lower indices.
    pub below: [usize; 3],
    /// Cells toward higher indices.
    pub above: [usize; 3],
    /// Cells off the axes are read too.
    pub corners: bool,
}

impl Extent {
    /// The own cell only.
    pub const POINTWISE: Extent = Extent { below: [0; 3], above: [0; 3], corners: false };

    /// `r` cells along every axis, without corners.
    pub const fn star(r: usize) -> Extent {
        Extent { below: [r; 3], above: [r; 3], corners: false }
    }

    /// `r` cells along every axis and all corners.
    pub const fn cube(r: usize) -> Extent {
        Extent { below: [r; 3], above: [r; 3], corners: true }
    }

    /// The smallest reach that holds both.
    pub fn union(&self, other: &Extent) -> Extent {
        Extent {
            below: std::array::from_fn(|a| self.below[a].max(other.below[a])),
            above: std::array::from_fn(|a| self.above[a].max(other.above[a])),
            corners: self.corners || other.corners,
        }
    }

    /// True if all that `other` reads lies in this one.
    pub fn covers(&self, other: &Extent) -> bool {
        self.union(other) == *self
    }

    /// True if only the own cell is read.
    pub fn is_pointwise(&self) -> bool {
        self.below == [0; 3] && self.above == [0; 3]
    }
}

/// A reach as a type. Rows are named by their offset (dz, dy), in the order of the pointers that the engine gives.
pub trait Stencil: Sealed + Send + Sync + 'static {
    /// The reach as data.
    const EXTENT: Extent;
    /// How many rows are touched.
    const ROWS: usize;
    /// Their offsets (dz, dy).
    fn rows() -> Vec<[isize; 2]>;
}

/// Arms along the axes, no corners: `ZL` cells below and `ZH` above along z, and so on for y and x.
/// One-sided arms matter on staggered grids, where they halve what is exchanged.
pub struct Arms<const ZL: usize, const ZH: usize, const YL: usize, const YH: usize, const XL: usize, const XH: usize>;

/// The own cell only.
pub type Pointwise = Arms<0, 0, 0, 0, 0, 0>;
/// `R` cells both ways along every axis, no corners.
pub type Star<const R: usize> = Arms<R, R, R, R, R, R>;
/// `R` cells toward higher indices along every axis.
pub type Forward<const R: usize> = Arms<0, R, 0, R, 0, R>;
/// `R` cells toward lower indices along every axis.
pub type Backward<const R: usize> = Arms<R, 0, R, 0, R, 0>;
/// `L` cells below and `H` above along x only.
pub type ArmsX<const L: usize, const H: usize> = Arms<0, 0, 0, 0, L, H>;
/// `L` cells below and `H` above along y only.
pub type ArmsY<const L: usize, const H: usize> = Arms<0, 0, L, H, 0, 0>;
/// `L` cells below and `H` above along z only.
pub type ArmsZ<const L: usize, const H: usize> = Arms<L, H, 0, 0, 0, 0>;

/// `R` cells every way, with all corners.
pub struct Cube<const R: usize>;

impl<const ZL: usize, const ZH: usize, const YL: usize, const YH: usize, const XL: usize, const XH: usize> Stencil
    for Arms<ZL, ZH, YL, YH, XL, XH>
{
    const EXTENT: Extent = Extent { below: [ZL, YL, XL], above: [ZH, YH, XH], corners: false };
    const ROWS: usize = 1 + YL + YH + ZL + ZH;
    fn rows() -> Vec<[isize; 2]> {
        let arm = |low: usize, high: usize| (-(low as isize)..=high as isize).filter(|&d| d != 0);
        let (y, z) = (arm(YL, YH).map(|d| [0, d]), arm(ZL, ZH).map(|d| [d, 0]));
        [[0, 0]].into_iter().chain(y).chain(z).collect()
    }
}

impl<const R: usize> Stencil for Cube<R> {
    const EXTENT: Extent = Extent::cube(R);
    const ROWS: usize = (2 * R + 1) * (2 * R + 1);
    fn rows() -> Vec<[isize; 2]> {
        let r = R as isize;
        (-r..=r).flat_map(|z| (-r..=r).map(move |y| [z, y])).collect()
    }
}
