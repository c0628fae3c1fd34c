//! The pulse: one small non-blocking reduction a block of steps, in which every rank says what it knows: what should end the
//! run, what is asked for, how far its part of a checkpoint is. All act on its result one block later, together, so that a
//! stop can neither deadlock nor tear.
use super::control::Wishes;
use crate::base::signals::{self, Signal};
use crate::comm::{Comm, Pending, Reduce};
use crate::engine::NonFinite;

/// What should end the run, as the ranks agreed on it one block ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Continue,
    /// Some rank has found a value that is not finite.
    NotFinite,
    /// A signal asks for a clean end.
    Signal(Signal),
}

/// What all ranks said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// What should end the run.
    pub verdict: Verdict,
    /// What rank 0 asks for.
    pub wishes: Wishes,
    /// The least that a rank has done of writing checkpoints, and of keeping the state in memory.
    pub done: [i64; 2],
}

/// The pulse of a run.
pub struct Pulse {
    under_way: Option<Box<dyn Pending>>,
    /// The first finding of this rank, and after which step.
    found: Option<(u64, NonFinite)>,
}

impl Pulse {
    /// No beat yet.
    pub fn new() -> Pulse {
        Pulse { under_way: None, found: None }
    }

    /// Keeps a finding, to be told with the next beat.
    pub fn report(&mut self, step: u64, finding: Option<NonFinite>) {
        if self.found.is_none() {
            self.found = finding.map(|f| (step, f));
        }
    }

    /// This rank's finding.
    pub fn found(&self) -> Option<&(u64, NonFinite)> {
        self.found.as_ref()
    }

    /// Says what this rank knows and wishes, and how far it is with saving the state; hears what all said a block ago. Collective.
    pub fn beat(&mut self, comm: &Comm, wishes: Wishes, done: [i64; 2]) -> Heard {
        let heard = self.last();
        let signal = signals::pending().map_or(0, code);
        let mine = vec![i64::from(self.found.is_some()), signal, wishes.bits(), -done[0], -done[1]];
        self.under_way = Some(comm.begin_reduce(Reduce::Max, mine));
        heard
    }

    /// Hears what was said last. Collective.
    pub fn last(&mut self) -> Heard {
        let nothing = Heard { verdict: Verdict::Continue, wishes: Wishes::default(), done: [0; 2] };
        self.under_way.take().map_or(nothing, |pending| heard(&pending.finish()))
    }
}

fn code(signal: Signal) -> i64 {
    match signal {
        Signal::User2 => 0,
        Signal::User1 => 1,
        Signal::Interrupt => 2,
        Signal::Terminate => 3,
    }
}

fn heard(all: &[i64]) -> Heard {
    let verdict = match (all[0], all[1]) {
        (1.., _) => Verdict::NotFinite,
        (_, 3) => Verdict::Signal(Signal::Terminate),
        (_, 2) => Verdict::Signal(Signal::Interrupt),
        (_, 1) => Verdict::Signal(Signal::User1),
        _ => Verdict::Continue,
    };
    Heard { verdict, wishes: Wishes::of_bits(all[2]), done: [-all[3], -all[4]] }
}
