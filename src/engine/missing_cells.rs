//! Cells of a field for which a file of initial values has no value.

/// The cells without a value that one rank has found in one field.
#[derive(Clone, Copy, Debug)]
pub(super) struct MissingCells {
    /// Cells without a value in the file.
    pub(super) missing: i64,
    /// The lowest global key of them.
    pub(super) first_missing: i64,
    /// Cells whose value is infinite in the element type of the field.
    pub(super) infinite: i64,
    /// The lowest global key of them.
    pub(super) first_infinite: i64,
}

impl MissingCells {
    pub(super) const NONE: MissingCells =
        MissingCells { missing: 0, first_missing: i64::MAX, infinite: 0, first_infinite: i64::MAX };

    /// Counts a cell without a value.
    pub(super) fn add_missing(&mut self, key: u64) {
        self.missing += 1;
        self.first_missing = self.first_missing.min(key as i64);
    }

    /// Counts a cell with an infinite value.
    pub(super) fn add_infinite(&mut self, key: u64) {
        self.infinite += 1;
        self.first_infinite = self.first_infinite.min(key as i64);
    }
}
