//! Exchange plans: the local copies, packed messages and direct messages of a rank in an exchange.
use crate::base::Region;
use crate::program::transfers::Transfer;
use std::collections::{BTreeMap, BTreeSet};

/// The route of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    /// A copy within the rank.
    Local,
    /// A message sent from array to array, without packing.
    Direct,
    /// A part of the packed message between two ranks.
    Packed,
}

/// Returns the incoming transfers of a rank, each with its route. The result is the same on sender and receiver.
fn routes(rank: usize, transfers: Vec<Transfer>) -> impl Iterator<Item = (Transfer, Route)> {
    (0..transfers.len()).map(move |i| match transfers[i] {
        t if t.copy.from.0 == rank => (t, Route::Local),
        t if is_direct(rank, &transfers, i) => (t, Route::Direct),
        t => (t, Route::Packed),
    })
}

/// Returns true if the i-th incoming transfer of a rank is a direct message: its cells are contiguous, and no local
/// copy and no other contiguous transfer writes the memory between them at the same time.
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
    /// Transfers of the packed messages to send, by receiving rank.
    pub outgoing: BTreeMap<usize, Vec<Transfer>>,
    /// Transfers of the packed messages to receive, by sending rank.
    pub incoming: BTreeMap<usize, Vec<Transfer>>,
    /// Direct messages to send: receiving rank and transfer.
    pub sends: Vec<(usize, Transfer)>,
    /// Direct messages to receive: sending rank and transfer.
    pub receives: Vec<(usize, Transfer)>,
}

impl ExchangePlan {
    /// The plan of rank `me`. `incoming_of(rank)` returns the incoming transfers of a rank, in the same order on every
    /// rank that calls it. `peers` contains `me` and at least the ranks that receive cells of `me`.
    pub fn new(me: usize, peers: &BTreeSet<usize>, incoming_of: impl Fn(usize) -> Vec<Transfer>) -> ExchangePlan {
        let mut plan = ExchangePlan::default();
        for &rank in peers {
            for (t, route) in routes(rank, incoming_of(rank)) {
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

    /// Returns, for each rank, the number of messages that it sends and the bytes of their cells.
    pub fn sent(ranks: usize, incoming_of: impl Fn(usize) -> Vec<Transfer>) -> Vec<(usize, usize)> {
        let mut sent = vec![(0, 0); ranks];
        for rank in 0..ranks {
            let mut packed = BTreeSet::new();
            for (t, route) in routes(rank, incoming_of(rank)).filter(|(_, route)| *route != Route::Local) {
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
