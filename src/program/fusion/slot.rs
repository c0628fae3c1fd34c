//! Where a value lives while a block is computed.

/// Where a value lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub ring: usize,
    /// Its plane p lies where plane p − `shift` of the first value in the ring lay, its row r where row r − `rows` lay.
    pub shift: isize,
    pub rows: isize,
}
