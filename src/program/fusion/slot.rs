//! Slots of ring buffers, which hold values while a block is computed.

/// The slot of a value in a ring buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// The index of the ring buffer.
    pub ring: usize,
    /// Plane p of the value is stored where plane p − `shift` of the first value in the ring was.
    pub shift: isize,
    /// Row r of the value is stored where row r − `rows` of the first value was.
    pub rows: isize,
}
