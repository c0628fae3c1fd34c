//! This rank's side of a communicator of in-process ranks.
use super::mailbox::{Channel, JobState, Key, Message};
use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

/// This rank's side of a communicator; it translates its ranks to ranks of the job.
pub(super) struct Endpoint {
    pub job: Arc<JobState>,
    /// Identifies the communicator within the job.
    pub id: u64,
    /// The ranks of this communicator, as ranks of the job.
    pub group: Vec<usize>,
    /// This rank within the communicator.
    pub rank: usize,
    /// Tags of the existing links and direct endpoints.
    pub tags: RefCell<HashSet<u32>>,
}

impl Endpoint {
    pub fn new(job: Arc<JobState>, id: u64, group: Vec<usize>, rank: usize) -> Endpoint {
        Endpoint { job, id, group, rank, tags: RefCell::default() }
    }

    fn key(&self, channel: Channel, from: usize) -> Key {
        Key { communicator: self.id, channel, from: self.group[from] }
    }

    /// Sends without waiting.
    pub fn send(&self, to: usize, channel: Channel, message: Message) {
        self.job.send(self.group[to], self.key(channel, self.rank), message);
    }

    pub fn send_bytes(&self, to: usize, channel: Channel, bytes: &[u8]) {
        self.send(to, channel, Message::Bytes(bytes.to_vec()));
    }

    /// Waits for one message from each of these ranks, and returns them in this order.
    pub fn receive(&self, channel: Channel, from: impl Iterator<Item = usize> + Clone) -> Vec<Message> {
        self.job.receive(self.group[self.rank], from.map(|r| self.key(channel, r)))
    }

    pub fn receive_bytes(
        &self,
        channel: Channel,
        from: impl Iterator<Item = usize> + Clone,
    ) -> impl Iterator<Item = Vec<u8>> {
        self.receive(channel, from).into_iter().map(|message| match message {
            Message::Bytes(bytes) => bytes,
            Message::Buffer(..) => unreachable!("only links send buffers"),
        })
    }

    /// True if [`Endpoint::receive`] would not wait.
    pub fn has_arrived(&self, channel: Channel, from: impl Iterator<Item = usize>) -> bool {
        self.job.has_arrived(self.group[self.rank], from.map(|r| self.key(channel, r)))
    }

    /// All ranks of the communicator except this one.
    pub fn others(&self) -> impl Iterator<Item = usize> + Clone + use<> {
        let rank = self.rank;
        (0..self.group.len()).filter(move |r| *r != rank)
    }
}
