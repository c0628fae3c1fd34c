//! Index maps between blocks and layouts: axes exchanged and reversed, origins moved.
use crate::base::Region;
use std::ops::Neg;

/// An axis with a direction: `X`, `-Y`, …
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedAxis {
    /// 0: z, 1: y, 2: x.
    pub axis: usize,
    /// Toward lower indices.
    pub reversed: bool,
}

/// Along z.
pub const Z: SignedAxis = SignedAxis { axis: 0, reversed: false };
/// Along y.
pub const Y: SignedAxis = SignedAxis { axis: 1, reversed: false };
/// Along x.
pub const X: SignedAxis = SignedAxis { axis: 2, reversed: false };

impl Neg for SignedAxis {
    type Output = SignedAxis;
    fn neg(self) -> SignedAxis {
        SignedAxis { reversed: !self.reversed, ..self }
    }
}

/// A map of cell indices: axis `a` of the target becomes axis `to[a].axis` of the source, reversed or not, and moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexTransform {
    /// Where each target axis points in the source.
    pub to: [SignedAxis; 3],
    /// Source index = ± target index + offset, by target axis.
    pub offset: [isize; 3],
}

impl IndexTransform {
    /// The index map that changes nothing.
    pub const NONE: IndexTransform = IndexTransform { to: [Z, Y, X], offset: [0; 3] };

    /// The index map that moves by `cells` along one axis.
    pub fn shift(axis: usize, cells: isize) -> IndexTransform {
        let mut turn = IndexTransform::NONE;
        turn.offset[axis] = cells;
        turn
    }

    /// True if axes keep their order and direction: rows stay rows.
    pub fn is_shift(&self) -> bool {
        self.to == [Z, Y, X]
    }

    /// The source index of a target index.
    pub fn index(&self, target: [isize; 3]) -> [isize; 3] {
        let mut source = [0; 3];
        for a in 0..3 {
            let sign = if self.to[a].reversed { -1 } else { 1 };
            source[self.to[a].axis] = sign * target[a] + self.offset[a];
        }
        source
    }

    /// The source cells of a box of target cells.
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

    /// The map from source to target.
    pub fn inverse(&self) -> IndexTransform {
        let mut inverse = IndexTransform::NONE;
        for a in 0..3 {
            let SignedAxis { axis, reversed } = self.to[a];
            inverse.to[axis] = SignedAxis { axis: a, reversed };
            inverse.offset[axis] = if reversed { self.offset[a] } else { -self.offset[a] };
        }
        inverse
    }

    /// First this map, then `next`: target → source → source of the source.
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
        let turns = [
            IndexTransform { to: [Z, -X, Y], offset: [3, 7, -8] },
            IndexTransform { to: [-X, Y, -Z], offset: [1, 0, 5] },
            IndexTransform { to: [Y, Z, X], offset: [0, -2, 9] },
        ];
        for a in turns {
            assert_eq!(a.then(&a.inverse()), IndexTransform::NONE);
            assert_eq!(a.inverse().then(&a), IndexTransform::NONE);
            for b in turns {
                for p in [[0, 0, 0], [1, 2, 3], [-4, 5, 0]] {
                    assert_eq!(a.then(&b).index(p), b.index(a.index(p)));
                }
            }
        }
    }
}
