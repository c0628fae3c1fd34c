//! Index transforms between blocks and layouts: permutations and reversals of axes, and shifts.
use crate::base::Region;
use std::ops::Neg;

/// An axis with a direction: `X`, `-Y`, …
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedAxis {
    /// The axis: 0 for z, 1 for y, 2 for x.
    pub axis: usize,
    /// Whether the direction is toward lower indices.
    pub reversed: bool,
}

/// The z axis.
pub const Z: SignedAxis = SignedAxis { axis: 0, reversed: false };
/// The y axis.
pub const Y: SignedAxis = SignedAxis { axis: 1, reversed: false };
/// The x axis.
pub const X: SignedAxis = SignedAxis { axis: 2, reversed: false };

impl Neg for SignedAxis {
    type Output = SignedAxis;
    fn neg(self) -> SignedAxis {
        SignedAxis { reversed: !self.reversed, ..self }
    }
}

/// A map of cell indices from a target to a source: axis `a` of the target maps to axis `to[a].axis` of the source,
/// possibly reversed, with an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexTransform {
    /// The signed source axis that each target axis maps to.
    pub to: [SignedAxis; 3],
    /// The offset for each target axis: source index = ± target index + offset.
    pub offset: [isize; 3],
}

impl IndexTransform {
    /// The identity.
    pub const NONE: IndexTransform = IndexTransform { to: [Z, Y, X], offset: [0; 3] };

    /// The transform that adds `cells` to the index along one axis.
    pub fn shift(axis: usize, cells: isize) -> IndexTransform {
        let mut transform = IndexTransform::NONE;
        transform.offset[axis] = cells;
        transform
    }

    /// Returns true if axes keep their order and direction, so that rows map to rows.
    pub fn is_shift(&self) -> bool {
        self.to == [Z, Y, X]
    }

    /// Returns the source index of a target index.
    pub fn index(&self, target: [isize; 3]) -> [isize; 3] {
        let mut source = [0; 3];
        for a in 0..3 {
            let sign = if self.to[a].reversed { -1 } else { 1 };
            source[self.to[a].axis] = sign * target[a] + self.offset[a];
        }
        source
    }

    /// Returns the source cells of a region of target cells.
    ///
    /// ```
    /// use halocline::{Region, base::index_transform::{IndexTransform, X, Y, Z}};
    /// let quarter = IndexTransform { to: [Z, -X, Y], offset: [0, 7, -8] };
    /// let strip = Region::new([0, 0, 8], [1, 8, 10]); // two columns beyond x = 8
    /// assert_eq!(quarter.region(&strip), Region::new([0, 0, 0], [1, 2, 8]));
    /// ```
    pub fn region(&self, target: &Region) -> Region {
        let (a, b) = (self.index(target.low), self.index(target.high.map(|h| h - 1)));
        Region { low: std::array::from_fn(|i| a[i].min(b[i])), high: std::array::from_fn(|i| a[i].max(b[i]) + 1) }
    }

    /// Returns the transform from source to target.
    pub fn inverse(&self) -> IndexTransform {
        let mut inverse = IndexTransform::NONE;
        for a in 0..3 {
            let SignedAxis { axis, reversed } = self.to[a];
            inverse.to[axis] = SignedAxis { axis: a, reversed };
            inverse.offset[axis] = if reversed { self.offset[a] } else { -self.offset[a] };
        }
        inverse
    }

    /// Returns the composition of this transform and `next`, which is applied second: target → source → source of
    /// `next`.
    pub fn then(&self, next: &IndexTransform) -> IndexTransform {
        let mut both = IndexTransform::NONE;
        for a in 0..3 {
            let SignedAxis { axis, reversed } = self.to[a];
            let onward = next.to[axis];
            both.to[a] = SignedAxis { axis: onward.axis, reversed: reversed != onward.reversed };
            both.offset[a] = if onward.reversed { -self.offset[a] } else { self.offset[a] } + next.offset[axis];
        }
        both
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverse_and_composition_agree_with_points() {
        let transforms = [
            IndexTransform { to: [Z, -X, Y], offset: [3, 7, -8] },
            IndexTransform { to: [-X, Y, -Z], offset: [1, 0, 5] },
            IndexTransform { to: [Y, Z, X], offset: [0, -2, 9] },
        ];
        for a in transforms {
            assert_eq!(a.then(&a.inverse()), IndexTransform::NONE);
            assert_eq!(a.inverse().then(&a), IndexTransform::NONE);
            for b in transforms {
                for p in [[0, 0, 0], [1, 2, 3], [-4, 5, 0]] {
                    assert_eq!(a.then(&b).index(p), b.index(a.index(p)));
                }
            }
        }
    }
}
