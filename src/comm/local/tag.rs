//! The tag of a link or direct endpoint.
use super::endpoint::Endpoint;
use super::mailbox::{Channel, Message};
use super::spare_buffers::SpareBuffers;
use crate::comm::buffer::Buffer;
use std::rc::Rc;

/// A tag in use: at most one link or direct endpoint of a communicator has it on this rank.
pub(super) struct Tag {
    endpoint: Rc<Endpoint>,
    tag: u32,
}

impl Tag {
    /// # Panics
    /// If the tag is in use.
    pub fn new(endpoint: &Rc<Endpoint>, tag: u32) -> Tag {
        assert!(endpoint.tags.borrow_mut().insert(tag), "two links with the tag {tag}");
        Tag { endpoint: endpoint.clone(), tag }
    }

    /// Sends a buffer, which the receiver puts into `spare` later.
    pub fn send(&self, to: usize, buffer: Buffer, spare: &SpareBuffers) {
        self.endpoint.send(to, Channel::Link(self.tag), Message::Buffer(buffer, spare.clone()));
    }

    /// Waits for one buffer from each of these ranks. Each is returned with the pool to which it belongs.
    pub fn receive(&self, from: impl Iterator<Item = usize> + Clone) -> Vec<(Buffer, SpareBuffers)> {
        let buffer = |message| match message {
            Message::Buffer(buffer, spare) => (buffer, spare),
            Message::Bytes(_) => unreachable!("links send buffers"),
        };
        self.endpoint.receive(Channel::Link(self.tag), from).into_iter().map(buffer).collect()
    }

    /// True if [`Tag::receive`] would not wait.
    pub fn has_arrived(&self, from: impl Iterator<Item = usize>) -> bool {
        self.endpoint.has_arrived(Channel::Link(self.tag), from)
    }
}

impl Drop for Tag {
    fn drop(&mut self) {
        self.endpoint.tags.borrow_mut().remove(&self.tag);
    }
}
