//! How a reduction combines the numbers of all cells.

/// How the numbers of all cells are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// The exact sum, rounded once.
    Sum,
    /// The exact sum over the number of cells.
    Mean,
    /// The square root of the exact sum.
    RootOfSum,
    /// The square root of the mean.
    RootOfMean,
    /// The largest, and where it is.
    Max,
    /// The smallest, and where it is.
    Min,
}

impl Op {
    /// True if the operation reports where its value is.
    pub(crate) fn has_position(self) -> bool {
        matches!(self, Op::Max | Op::Min)
    }
}
