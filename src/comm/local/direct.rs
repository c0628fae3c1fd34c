//! Messages straight from memory to memory: copied on the way, so that a sender need not wait for its receiver.
use super::{Spare, Tag};
use crate::comm::{Direct, Span};

pub(super) struct LocalDirect {
    tag: Tag,
    receives: Vec<Span>,
    spare: Spare,
}

impl LocalDirect {
    pub fn new(tag: Tag) -> LocalDirect {
        LocalDirect { tag, receives: vec![], spare: Spare::default() }
    }
}

impl Direct for LocalDirect {
    unsafe fn start(&mut self, sends: &[Span], receives: &[Span]) {
        assert!(self.receives.is_empty(), "start() of messages that are under way");
        self.receives.extend(receives);
        for Span { peer, at, bytes } in sends {
            let mut message = self.spare.lend(*bytes);
            // SAFETY: valid memory that nobody writes to, by the caller's promise.
            message.copy_from_slice(unsafe { std::slice::from_raw_parts(*at, *bytes) });
            self.tag.post(*peer, message, &self.spare);
        }
    }

    fn poll(&mut self) -> bool {
        self.tag.have_come(self.receives.iter().map(|span| span.peer))
    }

    fn finish(&mut self) {
        for Span { peer, at, bytes } in self.receives.drain(..) {
            for (message, home) in self.tag.take(std::iter::once(peer)) {
                assert_eq!(message.len(), bytes, "bytes from rank {peer} and bytes expected of it");
                // SAFETY: as many bytes of valid memory that nobody touches, by the promise of `start`.
                unsafe { std::ptr::copy_nonoverlapping(message.as_ptr(), at, bytes) };
                home.give_back(message);
            }
        }
    }
}
