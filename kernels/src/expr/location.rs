//! The locations of values on a cell, as types: its centre, its lower faces, its lower edges and its lower corner.
//!
//! Differences and interpolation lead from one location to another, and values at different locations cannot be combined:
//! ```compile_fail,E0277
//! use halocline_kernels::expr::prelude::*;
//! let (p, u) = (FieldLeaf::<f64, Center>::new(0, 0, [1.0; 3]), FieldLeaf::<f64, FaceX>::new(0, 1, [1.0; 3]));
//! let _ = Expression(p) + Expression(u); // half a cell apart
//! ```
//! ```
//! use halocline_kernels::expr::prelude::*;
//! let (p, u) = (FieldLeaf::<f64, Center>::new(0, 0, [1.0; 3]), FieldLeaf::<f64, FaceX>::new(0, 1, [1.0; 3]));
//! let _ = Expression(p).on(FaceX) + Expression(u);
//! ```
use crate::sealed::Sealed;

/// A location on a cell.
pub trait Location: Combine<Self, At = Self> + Combine<Anywhere, At = Self> + Fits<Self> + LocationOfField {
    /// True along the axes z, y, x along which it lies at the lower side of the cell, not in the middle.
    const LOW: [bool; 3];
    /// The name of the type.
    const NAME: &'static str;
}

/// A location that a field may have: a [`Location`], or [`Unlocated`].
pub trait LocationOfField: Sealed + Copy + Send + Sync + 'static {}

/// Where the values of an expression lie: at a [`Location`], or, without one, where fields without a location have theirs.
pub trait LocationOfValues: Sealed {
    /// As [`Location::LOW`].
    const LOW: [bool; 3];
}
impl LocationOfValues for Anywhere {
    const LOW: [bool; 3] = [false; 3];
}
impl LocationOfValues for Unlocated {
    const LOW: [bool; 3] = [false; 3];
}

/// The location of a number that has none: a constant, a scalar, a profile.
#[derive(Clone, Copy, Debug, Default)]
pub struct Anywhere;
impl Sealed for Anywhere {}
impl Combine<Anywhere> for Anywhere {
    type At = Anywhere;
}

/// Locations whose values can be combined by arithmetic: equal ones, or [`Anywhere`].
#[diagnostic::on_unimplemented(
    message = "values at `{Self}` and values at `{B}` lie half a cell apart and cannot be combined",
    label = "one operand is at `{Self}`, the other at `{B}`",
    note = "interpolate one of them with `.on({Self})` or `.on({B})`"
)]
pub trait Combine<B> {
    /// The location of the result.
    type At: Copy + Send + Sync + 'static;
}

/// Locations whose values can be stored in a field at `L`: `L` itself, or [`Anywhere`].
#[diagnostic::on_unimplemented(
    message = "the expression has its values at `{Self}`, the field at `{L}`",
    label = "a field at `{L}` is set to values at `{Self}`",
    note = "interpolate with `.on({L})`; a derivative lies half a cell from its operand"
)]
pub trait Fits<L> {}

/// A location with another one half a cell away along an axis (0: z, 1: y, 2: x).
#[diagnostic::on_unimplemented(
    message = "values at `{Self}` have no derivative",
    note = "derivatives are taken of expressions that contain a field"
)]
pub trait Beside<const AXIS: usize>: Location {
    /// The location half a cell away.
    type Other: Location;
}

macro_rules! locations {
    ($($(#[$doc:meta])* $L:ident [$z:literal $y:literal $x:literal] $Z:ident $Y:ident $X:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $L;
        impl Sealed for $L {}
        impl LocationOfField for $L {}
        impl LocationOfValues for $L {
            const LOW: [bool; 3] = [$z == 1, $y == 1, $x == 1];
        }
        impl Location for $L {
            const LOW: [bool; 3] = [$z == 1, $y == 1, $x == 1];
            const NAME: &'static str = stringify!($L);
        }
        impl Combine<$L> for $L { type At = $L; }
        impl Combine<Anywhere> for $L { type At = $L; }
        impl Combine<$L> for Anywhere { type At = $L; }
        impl Fits<$L> for $L {}
        impl Fits<$L> for Anywhere {}
        impl Beside<0> for $L { type Other = $Z; }
        impl Beside<1> for $L { type Other = $Y; }
        impl Beside<2> for $L { type Other = $X; }
    )+};
}
/// The location of a field that was declared without a location as a type. Expressions combine such fields with each other and
/// with numbers, cell by cell; they have no derivatives and no interpolation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unlocated;
impl Sealed for Unlocated {}
impl LocationOfField for Unlocated {}
impl Combine<Unlocated> for Unlocated {
    type At = Unlocated;
}
impl Combine<Anywhere> for Unlocated {
    type At = Unlocated;
}
impl Combine<Unlocated> for Anywhere {
    type At = Unlocated;
}
impl Fits<Unlocated> for Unlocated {}
impl Fits<Unlocated> for Anywhere {}

locations! {
    /// The centre of a cell.
    Center [0 0 0] FaceZ FaceY FaceX;
    /// The centre of the lower face across x: velocities along x on Arakawa's C grid.
    FaceX [0 0 1] EdgeY EdgeZ Center;
    /// The centre of the lower face across y.
    FaceY [0 1 0] EdgeX Center EdgeZ;
    /// The centre of the lower face across z.
    FaceZ [1 0 0] Center EdgeX EdgeY;
    /// The centre of the lower edge along z, where faces across y and x meet: the vorticity ∂v/∂x − ∂u/∂y.
    EdgeZ [0 1 1] Corner FaceX FaceY;
    /// The centre of the lower edge along y.
    EdgeY [1 0 1] FaceX Corner FaceZ;
    /// The centre of the lower edge along x.
    EdgeX [1 1 0] FaceY FaceZ Corner;
    /// The lower corner of a cell.
    Corner [1 1 1] EdgeZ EdgeY EdgeX;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_beside_another_differs_along_that_axis_alone() {
        fn check<L: Beside<0> + Beside<1> + Beside<2>>() {
            let others = [<L as Beside<0>>::Other::LOW, <L as Beside<1>>::Other::LOW, <L as Beside<2>>::Other::LOW];
            for (axis, other) in others.into_iter().enumerate() {
                for a in 0..3 {
                    assert_eq!(L::LOW[a] != other[a], a == axis, "{} along {axis}", L::NAME);
                }
            }
        }
        check::<Center>();
        check::<FaceX>();
        check::<FaceY>();
        check::<FaceZ>();
        check::<EdgeX>();
        check::<EdgeY>();
        check::<EdgeZ>();
        check::<Corner>();
    }
}
