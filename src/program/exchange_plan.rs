//! The plan of an exchange: which transfers a rank makes by itself, which it sends and receives, packed or not.
use crate::base::Region;
use crate::program::transfers::Transfer;
use std::collections::{BTreeMap, BTreeSet};

/// How a transfer is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    /// A copy within the rank.
    Local,
    /// A message from array to array.
    Direct,
    /// A part of the packed message to the rank.
    Packed,
}

/// The transfers that a rank wants, each with its route: the same on the sender and on the receiver.
fn routes(rank: usize, transfers: Vec<Transfer>) -> impl Iterator<Item = (Transfer, Route)> {
    (0..transfers.len()).map(move |i| match transfers[i] {
        t if t.copy.from.0 == rank => (t, Route::Local),
        t if is_direct(rank, &transfers, i) => (t, Route::Direct),
        t => (t, Route::Packed),
    })
}

/// Whether the i-th move that a rank wants goes unpacked: if what lies between its cells is touched by no other move on
/// the way, neither one within the rank nor another that goes unpacked.
pub(crate) fn is_direct(rank: usize, transfers: &[Transfer], i: usize) -> bool {
    let m = &transfers[i];
    let all = |cells: Region, axis: usize| cells.with(axis, isize::MIN, isize::MAX);
    let planes = if m.copy.target.size()[0] > 1 { all(m.copy.target, 1) } else { m.copy.target };
    let touched = all(planes, 2);
    let collides = |other: &Transfer| {
        let meets = other.to == m.to && other.copy.to == m.copy.to && !other.copy.target.intersect(&touched).is_empty();
        meets && (other.contiguous || other.copy.from.0 == rank)
    };
    let mut others = transfers.iter().enumerate().filter(|(j, _)| *j != i);
    m.contiguous && m.copy.from.0 != rank && !others.any(|(_, other)| collides(other))
}

/// The transfers of one rank in an exchange, by what the rank does with them.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct ExchangePlan {
    /// Copies within the rank.
    pub local: Vec<Transfer>,
    /// Packed messages by the rank that they go to.
    pub outgoing: BTreeMap<usize, Vec<Transfer>>,
    /// Packed messages by the rank that they come from.
    pub incoming: BTreeMap<usize, Vec<Transfer>>,
    /// Unpacked messages to send: peer and transfer.
    pub sends: Vec<(usize, Transfer)>,
    /// Unpacked messages to receive: peer and transfer.
    pub receives: Vec<(usize, Transfer)>,
}

impl ExchangePlan {
    /// The plan of rank `me`. `wanted(rank)` lists the transfers that a rank wants, in an order that does not depend on which
    /// rank asks; `peers` holds at least the ranks that want cells of `me`, and `me`.
    pub fn new(me: usize, peers: &BTreeSet<usize>, wanted: impl Fn(usize) -> Vec<Transfer>) -> ExchangePlan {
        let mut plan = ExchangePlan::default();
        for &rank in peers {
            for (t, route) in routes(rank, wanted(rank)) {
                let from = t.copy.from.0;
                match (route, from == me, rank == me) {
                    (Route::Local, true, true) => plan.local.push(t),
                    (Route::Direct, true, false) => plan.sends.push((rank, t)),
                    (Route::Direct, false, true) => plan.receives.push((from, t)),
                    (Route::Packed, true, false) => plan.outgoing.entry(rank).or_default().push(t),
                    (Route::Packed, false, true) => plan.incoming.entry(from).or_default().push(t),
                    _ => {}
                }
            }
        }
        plan
    }

    /// By rank, the messages that it sends and the bytes of their cells, in one pass over all ranks.
    pub fn sent(ranks: usize, wanted: impl Fn(usize) -> Vec<Transfer>) -> Vec<(usize, usize)> {
        let mut sent = vec![(0, 0); ranks];
        for rank in 0..ranks {
            let mut packed = BTreeSet::new();
            for (t, route) in routes(rank, wanted(rank)).filter(|(_, route)| *route != Route::Local) {
                let (messages, bytes) = &mut sent[t.copy.from.0];
                if route == Route::Direct || packed.insert(t.copy.from.0) {
                    *messages += 1;
                }
                *bytes += t.bytes();
            }
        }
        sent
    }
}
