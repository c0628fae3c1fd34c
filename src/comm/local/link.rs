//! Persistent messages with buffers. A buffer goes to the receiver as it is, and another one takes its place.
use super::{Spare, Tag};
use crate::comm::Link;
use crate::comm::buffer::Buffer;

pub(super) struct LocalLink {
    tag: Tag,
    sends: Vec<(usize, Buffer)>,
    receives: Vec<(usize, Buffer)>,
    spare: Spare,
    under_way: bool,
}

impl LocalLink {
    /// The ends of messages `(peer, bytes)`.
    pub fn new(tag: Tag, sends: &[(usize, usize)], receives: &[(usize, usize)]) -> LocalLink {
        let ends = |list: &[(usize, usize)]| list.iter().map(|&(peer, len)| (peer, Buffer::new(len))).collect();
        LocalLink { tag, sends: ends(sends), receives: ends(receives), spare: Spare::default(), under_way: false }
    }
}

impl Link for LocalLink {
    fn outgoing(&mut self, i: usize) -> &mut [u8] {
        assert!(!self.under_way, "outgoing() between start() and finish()");
        &mut self.sends[i].1
    }

    fn start(&mut self) {
        assert!(!self.under_way, "start() of a link that is under way");
        self.under_way = true;
        for (peer, bytes) in &mut self.sends {
            let next = self.spare.lend(bytes.len());
            self.tag.post(*peer, std::mem::replace(bytes, next), &self.spare);
        }
    }

    fn poll(&mut self) -> bool {
        let done = !self.under_way || self.tag.have_come(self.receives.iter().map(|(peer, _)| *peer));
        if done {
            self.finish();
        }
        done
    }

    fn finish(&mut self) {
        if !std::mem::take(&mut self.under_way) {
            return;
        }
        let messages = self.tag.take(self.receives.iter().map(|(peer, _)| *peer));
        for ((peer, bytes), (message, home)) in self.receives.iter_mut().zip(messages) {
            assert_eq!(message.len(), bytes.len(), "bytes from rank {peer} and bytes expected of it");
            home.give_back(std::mem::replace(bytes, message));
        }
    }

    fn incoming(&self, i: usize) -> &[u8] {
        assert!(!self.under_way, "incoming() between start() and finish()");
        &self.receives[i].1
    }
}
