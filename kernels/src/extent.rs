//! Stencils: the cells of a field that a kernel may read around its cell, as types ([`Stencil`]) and as data ([`Extent`]).
//!
//! ```text
//!   Pointwise        Star<1>      Forward<1>     Backward<1>    Cube<1>
//!                 ·            ·                      · · ·
//!    ●          · ● ·          ● ·        · ●         · ● ·      (and the same along z)
//!                 ·                         ·         · · ·
//! ```

use crate::sealed::Sealed;
use std::fmt;

/// A stencil extent: cells below and above the centre on each axis (z, y, x), and whether corners are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Extent {
    /// Cells toward lower indices.
    pub below: [usize; 3],
    /// Cells toward higher indices.
    pub above: [usize; 3],
    /// True if cells off the axes are read, too.
    pub corners: bool,
}

impl Extent {
    /// The centre only.
    pub const POINTWISE: Extent = Extent { below: [0; 3], above: [0; 3], corners: false };

    /// `r` cells along every axis, without corners.
    pub const fn star(r: usize) -> Extent {
        Extent { below: [r; 3], above: [r; 3], corners: false }
    }

    /// `r` cells along every axis and all corners.
    pub const fn cube(r: usize) -> Extent {
        Extent { below: [r; 3], above: [r; 3], corners: true }
    }

    /// The smallest extent that covers both.
    pub fn union(&self, other: &Extent) -> Extent {
        Extent {
            below: std::array::from_fn(|a| self.below[a].max(other.below[a])),
            above: std::array::from_fn(|a| self.above[a].max(other.above[a])),
            corners: self.corners || other.corners,
        }
    }

    /// True if this extent contains `other`.
    pub fn covers(&self, other: &Extent) -> bool {
        self.union(other) == *self
    }

    /// True if only the centre is read.
    pub fn is_pointwise(&self) -> bool {
        self.below == [0; 3] && self.above == [0; 3]
    }
}

impl fmt::Display for Extent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let along = |a: usize| match (self.below[a], self.above[a], ["z", "y", "x"][a]) {
            (0, 0, _) => None,
            (below, above, axis) if below == above => Some(format!("±{below} along {axis}")),
            (below, above, axis) => Some(format!("−{below} to +{above} along {axis}")),
        };
        let axes: Vec<String> = (0..3).filter_map(along).collect();
        match &axes[..] {
            [] => write!(f, "the cell itself"),
            _ => write!(f, "{}{}", axes.join(", "), if self.corners { ", with corners" } else { "" }),
        }
    }
}

/// A stencil as a type. Rows are identified by their offsets (dz, dy), in the order of the row pointers.
pub trait Stencil: Sealed + Send + Sync + 'static {
    /// The extent of the stencil.
    const EXTENT: Extent;
    /// The number of rows read.
    const ROWS: usize;
    /// The offsets (dz, dy) of the rows.
    fn rows() -> Vec<[isize; 2]>;
}

/// Arms along the axes, no corners: `ZL` cells below and `ZH` above along z, and so on for y and x.
/// One-sided arms matter on staggered grids, where they halve the communication volume.
pub struct Arms<const ZL: usize, const ZH: usize, const YL: usize, const YH: usize, const XL: usize, const XH: usize>;

/// The centre only.
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

/// `R` cells in every direction, with all corners.
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
