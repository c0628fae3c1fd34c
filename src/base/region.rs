//! Regions: half-open boxes of cell indices, in the order z, y, x.
use std::fmt;

/// A half-open box of cells: `low ≤ index < high` on every axis. Indices are signed, because halo cells may have
/// negative indices.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Region {
    /// First index on each axis.
    pub low: [isize; 3],
    /// One past the last index on each axis.
    pub high: [isize; 3],
}

impl Region {
    /// A region from its first index and one past its last index on each axis.
    pub const fn new(low: [isize; 3], high: [isize; 3]) -> Region {
        Region { low, high }
    }

    /// The region of all cells of an array of this shape, from index 0 on.
    ///
    /// ```
    /// use halocline::Region;
    /// let whole = Region::of([4, 6, 8]);
    /// assert_eq!(whole.cells(), 192);
    /// assert_eq!(whole.intersect(&Region::new([2, -1, 7], [9, 2, 9])), Region::new([2, 0, 7], [4, 2, 8]));
    /// ```
    ///
    /// # Panics
    /// If an axis has more than `isize::MAX` cells.
    pub fn of(size: [usize; 3]) -> Region {
        Region { low: [0; 3], high: size.map(|n| isize::try_from(n).expect("an axis has at most isize::MAX cells")) }
    }

    /// Returns the number of cells along each axis.
    pub fn size(&self) -> [usize; 3] {
        std::array::from_fn(|a| self.high[a].saturating_sub(self.low[a]).max(0) as usize)
    }

    /// Returns the number of cells.
    pub fn cells(&self) -> usize {
        self.size().iter().product()
    }

    /// Returns true if the region has no cell.
    pub fn is_empty(&self) -> bool {
        (0..3).any(|a| self.low[a] >= self.high[a])
    }

    /// Returns the cells that are in both regions.
    pub fn intersect(&self, other: &Region) -> Region {
        Region {
            low: std::array::from_fn(|a| self.low[a].max(other.low[a])),
            high: std::array::from_fn(|a| self.high[a].min(other.high[a])),
        }
    }

    /// Returns true if all cells of `other` are in this region.
    pub fn contains(&self, other: &Region) -> bool {
        other.is_empty() || (0..3).all(|a| self.low[a] <= other.low[a] && other.high[a] <= self.high[a])
    }

    /// Returns the region shifted by `by` on each axis.
    pub fn shift(&self, by: [isize; 3]) -> Region {
        Region {
            low: std::array::from_fn(|a| self.low[a] + by[a]),
            high: std::array::from_fn(|a| self.high[a] + by[a]),
        }
    }

    /// Returns the region enlarged by `below` and `above` cells on each axis.
    pub fn grow(&self, below: [usize; 3], above: [usize; 3]) -> Region {
        Region {
            low: std::array::from_fn(|a| self.low[a] - below[a] as isize),
            high: std::array::from_fn(|a| self.high[a] + above[a] as isize),
        }
    }

    /// Returns the region with the range `low..high` on one axis.
    pub fn with(mut self, axis: usize, low: isize, high: isize) -> Region {
        (self.low[axis], self.high[axis]) = (low, high);
        self
    }

    /// Returns the cells of the region that are not in `inner`, which must be a part of it: at most six regions that do
    /// not overlap.
    pub fn without(&self, inner: &Region) -> Vec<Region> {
        if inner.is_empty() {
            return if self.is_empty() { vec![] } else { vec![*self] };
        }
        let (mut rest, mut parts) = (*self, vec![]);
        for axis in 0..3 {
            parts.push(rest.with(axis, rest.low[axis], inner.low[axis]));
            parts.push(rest.with(axis, inner.high[axis], rest.high[axis]));
            rest = rest.with(axis, inner.low[axis], inner.high[axis]);
        }
        parts.retain(|p| !p.is_empty());
        parts
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [z, y, x]: [String; 3] = std::array::from_fn(|a| format!("{}..{}", self.low[a], self.high[a]));
        write!(f, "[{z}, {y}, {x}]")
    }
}
