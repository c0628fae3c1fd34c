//! Persistent messages with buffers: a send hands its buffer over to the receiver and continues with another one.
use super::spare_buffers::SpareBuffers;
use super::tag::Tag;
use crate::comm::buffer::Buffer;
use crate::comm::transport::Link;

pub(super) struct LocalLink {
    tag: Tag,
    /// Peer and buffer of each send.
    sends: Vec<(usize, Buffer)>,
    /// Peer and buffer of each receive.
    receives: Vec<(usize, Buffer)>,
    spare: SpareBuffers,
    /// True between start and completion.
    in_progress: bool,
    /// True after the first start.
    started: bool,
}

impl LocalLink {
    /// The messages are given as `(peer, bytes)`.
    pub fn new(tag: Tag, sends: &[(usize, usize)], receives: &[(usize, usize)]) -> LocalLink {
        let buffers = |list: &[(usize, usize)]| list.iter().map(|&(peer, len)| (peer, Buffer::new(len))).collect();
        LocalLink {
            tag,
            sends: buffers(sends),
            receives: buffers(receives),
            spare: SpareBuffers::default(),
            in_progress: false,
            started: false,
        }
    }
}

impl Link for LocalLink {
    fn outgoing(&mut self, i: usize) -> &mut [u8] {
        assert!(!self.in_progress, "outgoing() between start() and finish()");
        &mut self.sends[i].1
    }

    fn start(&mut self) {
        assert!(!self.in_progress, "start() of a link in progress");
        (self.in_progress, self.started) = (true, true);
        for (peer, buffer) in &mut self.sends {
            let next = self.spare.take(buffer.len());
            self.tag.send(*peer, std::mem::replace(buffer, next), &self.spare);
        }
    }

    fn poll(&mut self) -> bool {
        let done = !self.in_progress || self.tag.has_arrived(self.receives.iter().map(|(peer, _)| *peer));
        if done {
            self.finish();
        }
        done
    }

    fn finish(&mut self) {
        if !std::mem::take(&mut self.in_progress) {
            return;
        }
        let arrived = self.tag.receive(self.receives.iter().map(|(peer, _)| *peer));
        for ((peer, buffer), (message, spare)) in self.receives.iter_mut().zip(arrived) {
            assert_eq!(message.len(), buffer.len(), "bytes received from rank {peer}, and bytes expected");
            spare.give_back(std::mem::replace(buffer, message));
        }
    }

    fn incoming(&self, i: usize) -> &[u8] {
        assert!(self.started && !self.in_progress, "incoming() before start() and finish()");
        &self.receives[i].1
    }
}
