//! What the leaves of expressions read, and where their rows stand in the table of row pointers.

/// An offset from the cell along z, y, x, in cells. It is a constant once an expression is inlined.
pub type Offset = [isize; 3];

/// The offset `d` cells further along an axis.
#[inline(always)]
pub(super) const fn along(mut offset: Offset, axis: usize, d: isize) -> Offset {
    offset[axis] += d;
    offset
}

/// What a leaf reads. `owner` is the identity of the model that declared it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A field.
    Field {
        /// The model.
        owner: u64,
        /// Its number in the model.
        id: usize,
    },
    /// A scalar.
    Scalar {
        /// The model.
        owner: u64,
        /// Its number in the model.
        id: usize,
    },
    /// Coefficients along an axis.
    Profile {
        /// The model.
        owner: u64,
        /// Its number in the model.
        id: usize,
        /// The axis: 0 is z, 1 is y, 2 is x.
        axis: usize,
    },
}

/// A leaf: what it reads, and where its rows stand.
#[derive(Clone, Copy, Debug)]
pub struct Leaf {
    pub(super) source: Source,
    pub(super) rows: Rows,
}

impl Leaf {
    pub(super) const fn new(source: Source) -> Leaf {
        Leaf { source, rows: Rows::NONE }
    }
}

/// The positions of a leaf's rows in the table: first the rows of the plane of the cell, then those above and below it, then
/// the others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows {
    pub y: usize,
    pub z: usize,
    pub others: usize,
    /// Rows per plane of the others.
    pub width: usize,
}

impl Rows {
    pub const NONE: Rows = Rows { y: 0, z: 0, others: 0, width: 0 };

    /// The position of the row at an offset.
    #[inline(always)]
    pub const fn at(&self, [z, y, _]: Offset) -> usize {
        if z == 0 {
            self.y + zigzag(y)
        } else if y == 0 {
            self.z + zigzag(z)
        } else {
            self.others + zigzag(z) * self.width + zigzag(y)
        }
    }
}

/// The offsets 0, 1, −1, 2, −2, … as 0, 1, 2, 3, 4, …: positions that do not depend on the extent of the stencil.
#[inline(always)]
pub(super) const fn zigzag(d: isize) -> usize {
    if d > 0 { 2 * d as usize - 1 } else { (-2 * d) as usize }
}
