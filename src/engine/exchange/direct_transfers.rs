//! Transfers without packing: whole planes (or whole rows of one plane) with the same memory layout on both ranks are sent
//! directly from an array into the neighbour's array.
//!
//! A direct transfer is one contiguous span of memory, so it also carries the halo cells between the requested cells: the
//! ends of rows, and rows beyond y. On the receiving side these cells lie beyond a corner of the patch. Therefore no other
//! message may write them at the same time, packed messages are unpacked after the direct ones, and corner values from an
//! earlier exchange become stale.
use crate::base::Array;
use crate::base::Region;
use crate::comm::{Comm, Direct, RawMessage};
use crate::program::transfers::Transfer;

/// The transfers of a rank that need no packing.
pub(super) struct DirectTransfers {
    /// Destination ranks, each with its transfer.
    pub sends: Vec<(usize, Transfer)>,
    /// Source ranks, each with its transfer.
    pub receives: Vec<(usize, Transfer)>,
    messages: Box<dyn Direct>,
    under_way: bool,
    /// The memory spans of the current exchange, sent and received; kept to reuse their allocation.
    spans: [Vec<RawMessage>; 2],
}

impl DirectTransfers {
    pub fn new(
        comm: &Comm,
        tag: u32,
        sends: Vec<(usize, Transfer)>,
        receives: Vec<(usize, Transfer)>,
    ) -> DirectTransfers {
        DirectTransfers { sends, receives, messages: comm.direct(tag), under_way: false, spans: Default::default() }
    }

    /// Starts the messages.
    ///
    /// # Safety
    /// Until [`DirectTransfers::finish`] returns, the arrays must stay allocated, the spans that are sent (including the
    /// halo cells in them) must not be written, and the spans that are received must be neither read nor written.
    pub unsafe fn start(&mut self, from: &[Vec<Array>], to: &[Vec<Array>]) {
        let [sends, receives] = &mut self.spans;
        sends.clear();
        sends.extend(
            self.sends
                .iter()
                .map(|(peer, m)| span(*peer, &from[m.from][m.copy.from.1], &m.copy.transform.region(&m.copy.target))),
        );
        receives.clear();
        receives.extend(self.receives.iter().map(|(peer, m)| span(*peer, &to[m.to][m.copy.to.1], &m.copy.target)));
        self.under_way = true;
        // SAFETY: `span` checks that all spans lie in their arrays; the rest is the contract of this function.
        unsafe { self.messages.start(sends, receives) }
    }

    /// Waits until all messages are sent and received.
    pub fn finish(&mut self) {
        if self.under_way {
            self.messages.finish();
            self.under_way = false;
        }
    }

    /// True if messages may still touch the arrays.
    pub fn is_under_way(&mut self) -> bool {
        self.under_way && !self.messages.poll()
    }
}

/// The memory from the first to the last cell of a region.
fn span(peer: usize, array: &Array, cells: &Region) -> RawMessage {
    assert!(array.padded().contains(cells), "{cells:?} lies outside {:?}", array.padded());
    let (first, last) = (array.cell_mut(cells.low), array.cell(cells.high.map(|h| h - 1)));
    RawMessage { peer, at: first, bytes: last as usize - first as usize + array.element().size() }
}
