//! Reductions: every rank sends its values to every other rank, and combines all of them.
use super::endpoint::Endpoint;
use super::mailbox::Channel;
use crate::comm::transport::{Pending, Reduce};
use std::rc::Rc;

/// A non-blocking reduction in progress.
pub(super) struct LocalReduction {
    endpoint: Rc<Endpoint>,
    op: Reduce,
    values: Vec<i64>,
}

impl LocalReduction {
    /// Sends this rank's values.
    pub fn start(endpoint: &Rc<Endpoint>, op: Reduce, values: Vec<i64>) -> LocalReduction {
        let mine = to_bytes(&values);
        endpoint.others().for_each(|r| endpoint.send_bytes(r, Channel::Reduce, &mine));
        LocalReduction { endpoint: endpoint.clone(), op, values }
    }
}

impl Pending for LocalReduction {
    fn poll(&mut self) -> bool {
        self.endpoint.has_arrived(Channel::Reduce, self.endpoint.others())
    }

    fn finish(mut self: Box<Self>) -> Vec<i64> {
        combine(self.op, &mut self.values, self.endpoint.receive_bytes(Channel::Reduce, self.endpoint.others()));
        self.values
    }
}

pub(super) fn to_bytes(values: &[i64]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_ne_bytes()).collect()
}

pub(super) fn from_bytes(bytes: &[u8]) -> impl Iterator<Item = i64> {
    bytes.chunks_exact(8).map(|b| i64::from_ne_bytes(b.try_into().expect("chunks of 8 bytes")))
}

/// Reduces the values of other ranks into `values`, element by element.
pub(super) fn combine(op: Reduce, values: &mut [i64], others: impl Iterator<Item = Vec<u8>>) {
    for other in others {
        assert_eq!(other.len(), 8 * values.len(), "ranks reduce different numbers of values");
        for (value, other) in values.iter_mut().zip(from_bytes(&other)) {
            *value = match op {
                Reduce::Sum => value.wrapping_add(other),
                Reduce::Max => other.max(*value),
                Reduce::Min => other.min(*value),
            };
        }
    }
}
