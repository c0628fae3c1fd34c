//! Messages without packing: whole planes (or whole rows of one plane) that lie alike in the memory of both ranks go straight
//! from an array into the neighbour's.
//!
//! What lies between such cells in memory, the ends of rows and rows beyond y, travels with them. On both sides this is
//! halo, and where it arrives it lies beyond a corner of the patch. So no other message may come there at the same time,
//! what is packed is unpacked afterwards, and corners that an earlier exchange has left there are stale.
use crate::base::Array;
use crate::base::Region;
use crate::comm::{Comm, Direct, RawMessage};
use crate::program::transfers::Transfer;

/// The moves of a rank that need no packing.
pub(super) struct DirectTransfers {
    /// Ranks to send to, and moves.
    pub sends: Vec<(usize, Transfer)>,
    /// Ranks to hear from, and moves.
    pub receives: Vec<(usize, Transfer)>,
    messages: Box<dyn Direct>,
    under_way: bool,
    /// Where they lie this time: kept for their memory.
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

    /// Lets the messages fly.
    ///
    /// # Safety
    /// Until [`DirectTransfers::finish`] the arrays stay where they are, nobody writes to planes that are sent (halos in them
    /// included), and nobody touches those that are received.
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
        // SAFETY: spans lie in arrays, and the rest is the caller's promise.
        unsafe { self.messages.start(sends, receives) }
    }

    /// Waits until all have arrived here and there.
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

/// From the first to the last of these cells.
fn span(peer: usize, array: &Array, cells: &Region) -> RawMessage {
    assert!(array.padded().contains(cells), "{cells:?} lies outside {:?}", array.padded());
    let (first, last) = (array.cell_mut(cells.low), array.cell(cells.high.map(|h| h - 1)));
    RawMessage { peer, at: first, bytes: last as usize - first as usize + array.element().size() }
}
