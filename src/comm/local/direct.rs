//! Messages without buffers. Each is copied into a buffer in transit, so that a sender need not wait for its receiver.
use super::spare_buffers::SpareBuffers;
use super::tag::Tag;
use crate::comm::transport::{Direct, RawMessage};

pub(super) struct LocalDirect {
    tag: Tag,
    /// Receives that are not finished.
    receives: Vec<RawMessage>,
    spare: SpareBuffers,
}

impl LocalDirect {
    pub fn new(tag: Tag) -> LocalDirect {
        LocalDirect { tag, receives: vec![], spare: SpareBuffers::default() }
    }
}

// SAFETY: `start` reads the sends and `finish` writes the receives, within their lengths; no memory is accessed at other times.
unsafe impl Direct for LocalDirect {
    unsafe fn start(&mut self, sends: &[RawMessage], receives: &[RawMessage]) {
        assert!(self.receives.is_empty(), "start() of messages in progress");
        self.receives.extend(receives);
        for RawMessage { peer, at, bytes } in sends {
            let mut message = self.spare.take(*bytes);
            // SAFETY: the caller promises that this memory is valid and not written to.
            unsafe { std::ptr::copy_nonoverlapping(*at, message.as_mut_ptr(), *bytes) };
            self.tag.send(*peer, message, &self.spare);
        }
    }

    fn poll(&mut self) -> bool {
        self.tag.has_arrived(self.receives.iter().map(|message| message.peer))
    }

    fn finish(&mut self) {
        for RawMessage { peer, at, bytes } in self.receives.drain(..) {
            for (message, spare) in self.tag.receive(std::iter::once(peer)) {
                assert_eq!(message.len(), bytes, "bytes received from rank {peer}, and bytes expected");
                // SAFETY: the caller of `start` promised that this memory is valid and not accessed elsewhere.
                unsafe { std::ptr::copy_nonoverlapping(message.as_ptr(), at, bytes) };
                spare.give_back(message);
            }
        }
    }
}
