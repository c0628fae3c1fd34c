//! The consensus of the ranks: one small non-blocking all-reduce per block of steps. Each rank votes with what it knows: a
//! reason to end the run, requests, its progress with saved states. All ranks act on the result one block later, together,
//! so a stop can neither deadlock nor leave ranks at different steps.
use super::requests::Requests;
use crate::base::signals::{self, Signal};
use crate::comm::{Comm, Pending, Reduce};

/// The vote of one rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vote {
    /// True if the rank has found a non-finite value.
    pub not_finite: bool,
    /// The requests that rank 0 has received.
    pub requests: Requests,
    /// Rounds that the rank has finished: of writing checkpoints, of keeping replicas.
    pub rounds: [i64; 2],
}

/// Whether the run continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Continue.
    Continue,
    /// Fail: some rank has found a non-finite value.
    NotFinite,
    /// Stop cleanly, because of a signal.
    Stop(Signal),
}

/// The result of a vote, the same on all ranks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// Whether the run continues.
    pub decision: Decision,
    /// The requests of rank 0.
    pub requests: Requests,
    /// The smallest number of finished rounds on any rank: of checkpoints, of replicas.
    pub rounds: [i64; 2],
}

/// The votes of a run.
#[derive(Default)]
pub struct Consensus {
    pending: Option<Box<dyn Pending>>,
}

impl Consensus {
    /// Starts a vote and returns the result of the previous one. Signals that this process has received are part of the
    /// vote. Collective.
    pub fn vote(&mut self, comm: &Comm, vote: Vote) -> Agreed {
        let agreed = self.complete();
        let signal = signals::pending().map_or(0, Signal::urgency);
        let [checkpoint, replica] = vote.rounds;
        let mine = vec![i64::from(vote.not_finite), signal, vote.requests.bits(), -checkpoint, -replica];
        self.pending = Some(comm.begin_reduce(Reduce::Max, mine));
        agreed
    }

    /// Completes the last vote and returns its result. Collective.
    pub fn complete(&mut self) -> Agreed {
        let nothing = Agreed { decision: Decision::Continue, requests: Requests::default(), rounds: [0; 2] };
        self.pending.take().map_or(nothing, |pending| agreed(&pending.finish()))
    }
}

fn agreed(maxima: &[i64]) -> Agreed {
    let decision = match (maxima[0], maxima[1]) {
        (1.., _) => Decision::NotFinite,
        (_, urgency) => Signal::of_urgency(urgency).map_or(Decision::Continue, Decision::Stop),
    };
    Agreed { decision, requests: Requests::from_bits(maxima[2]), rounds: [-maxima[3], -maxima[4]] }
}
