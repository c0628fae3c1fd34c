//! The transport of in-process ranks.
use super::direct::LocalDirect;
use super::endpoint::Endpoint;
use super::link::LocalLink;
use super::mailbox::{Channel, JobState, Message};
use super::reduction::{LocalReduction, combine, from_bytes, to_bytes};
use super::tag::Tag;
use crate::comm::failure::Failure;
use crate::comm::raw_comm::RawComm;
use crate::comm::transport::{Direct, Link, Pending, Reduce, Transport};
use std::rc::Rc;
use std::sync::Arc;

/// A communicator of in-process ranks.
pub(super) struct LocalTransport {
    endpoint: Rc<Endpoint>,
}

impl LocalTransport {
    /// The communicator of all ranks of a job, as this rank sees it.
    pub fn world(job: Arc<JobState>, rank: usize) -> LocalTransport {
        let group = (0..job.size()).collect();
        LocalTransport { endpoint: Rc::new(Endpoint::new(job, 0, group, rank)) }
    }
}

/// Creates a communicator of one rank, on the thread of the caller.
pub(in crate::comm) fn single_rank() -> Rc<dyn Transport> {
    Rc::new(LocalTransport::world(Arc::new(JobState::new(1)), 0))
}

impl Transport for LocalTransport {
    fn rank(&self) -> usize {
        self.endpoint.rank
    }

    fn size(&self) -> usize {
        self.endpoint.group.len()
    }

    fn kind(&self) -> &'static str {
        "in-process"
    }

    fn barrier(&self) {
        self.all_gather(&[]);
    }

    fn all_gather(&self, mine: &[u8]) -> Vec<Vec<u8>> {
        self.all_to_all(vec![mine.to_vec(); self.size()])
    }

    fn gather(&self, root: usize, mine: &[u8]) -> Option<Vec<Vec<u8>>> {
        if self.rank() != root {
            self.endpoint.send_bytes(root, Channel::Collective, mine);
            return None;
        }
        let mut all: Vec<_> = self.endpoint.receive_bytes(Channel::Collective, self.endpoint.others()).collect();
        all.insert(root, mine.to_vec());
        Some(all)
    }

    fn broadcast(&self, root: usize, bytes: &mut Vec<u8>) {
        if self.rank() == root {
            self.endpoint.others().for_each(|r| self.endpoint.send_bytes(r, Channel::Collective, bytes));
        } else {
            bytes.clear();
            bytes.extend(self.endpoint.receive_bytes(Channel::Collective, std::iter::once(root)).flatten());
        }
    }

    fn all_to_all(&self, mut to: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        assert_eq!(to.len(), self.size(), "all_to_all needs one message for each rank");
        for r in self.endpoint.others() {
            self.endpoint.send(r, Channel::Collective, Message::Bytes(std::mem::take(&mut to[r])));
        }
        for (r, bytes) in
            self.endpoint.others().zip(self.endpoint.receive_bytes(Channel::Collective, self.endpoint.others()))
        {
            to[r] = bytes;
        }
        to
    }

    fn reduce(&self, op: Reduce, values: &mut [i64]) {
        let mine = to_bytes(values);
        self.endpoint.others().for_each(|r| self.endpoint.send_bytes(r, Channel::Collective, &mine));
        combine(op, values, self.endpoint.receive_bytes(Channel::Collective, self.endpoint.others()));
    }

    fn begin_reduce(&self, op: Reduce, values: Vec<i64>) -> Box<dyn Pending> {
        Box::new(LocalReduction::start(&self.endpoint, op, values))
    }

    fn link(&self, tag: u32, sends: &[(usize, usize)], receives: &[(usize, usize)]) -> Box<dyn Link> {
        Box::new(LocalLink::new(Tag::new(&self.endpoint, tag), sends, receives))
    }

    fn direct(&self, tag: u32) -> Box<dyn Direct> {
        Box::new(LocalDirect::new(Tag::new(&self.endpoint, tag)))
    }

    fn split(&self, colour: usize) -> Rc<dyn Transport> {
        // Each rank proposes an id; the ranks of a group use the one of their first rank.
        let proposal = self.endpoint.job.new_communicator();
        let all = self.all_gather(&to_bytes(&[colour as i64, proposal as i64]));
        let all: Vec<Vec<i64>> = all.iter().map(|bytes| from_bytes(bytes).collect()).collect();
        let members: Vec<usize> = (0..self.size()).filter(|&r| all[r][0] == colour as i64).collect();
        let rank = members.iter().filter(|&&r| r < self.rank()).count();
        let group = members.iter().map(|&r| self.endpoint.group[r]).collect();
        let id = all[members[0]][1] as u64;
        let endpoint = Endpoint::new(self.endpoint.job.clone(), id, group, rank);
        Rc::new(LocalTransport { endpoint: Rc::new(endpoint) })
    }

    fn raw(&self) -> Option<RawComm> {
        None
    }

    fn abort(&self, code: i32) -> ! {
        Failure::unwind(code, format!("ended the job with exit code {code}"))
    }
}
