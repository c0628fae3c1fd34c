//! The operations that combine the numbers of all cells in a reduction.

/// The operation that combines the numbers of all cells in a reduction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// The exact sum, rounded once.
    Sum,
    /// The exact sum divided by the number of cells.
    Mean,
    /// The square root of the exact sum.
    RootOfSum,
    /// The square root of the mean.
    RootOfMean,
    /// The largest number, and its position.
    Max,
    /// The smallest number, and its position.
    Min,
}

impl Op {
    /// Returns true if the result of the operation has a position.
    pub(crate) fn has_position(self) -> bool {
        matches!(self, Op::Max | Op::Min)
    }
}
