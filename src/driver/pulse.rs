//! The pulse: one small non-blocking reduction a step, in which every rank says what should end the run. All act on its
//! result one step later, together, so that a stop can neither deadlock nor tear.
use crate::comm::{Comm, Pending, Reduce};
use crate::engine::Finding;
use crate::signals::{self, Signal};

/// What the ranks agreed on, one step ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Continue,
    /// Some rank has found a value that is not finite.
    NotFinite,
    /// A signal asks for a clean end.
    Signal(Signal),
}

/// The pulse of a run.
pub struct Pulse {
    under_way: Option<Box<dyn Pending>>,
    /// The first finding of this rank, and after which step.
    found: Option<(u64, Finding)>,
}

impl Pulse {
    /// No beat yet.
    pub fn new() -> Pulse {
        Pulse { under_way: None, found: None }
    }

    /// Keeps a finding, to be told with the next beat.
    pub fn report(&mut self, step: u64, finding: Option<Finding>) {
        if self.found.is_none() {
            self.found = finding.map(|f| (step, f));
        }
    }

    /// This rank's finding.
    pub fn found(&self) -> Option<&(u64, Finding)> {
        self.found.as_ref()
    }

    /// Says what this rank knows, and hears what all knew a step ago. Collective.
    pub fn beat(&mut self, comm: &Comm) -> Verdict {
        let verdict = self.under_way.take().map_or(Verdict::Continue, |pending| heard(&pending.finish()));
        let signal = signals::pending().map_or(0, code);
        let mine = vec![i64::from(self.found.is_some()), signal];
        self.under_way = Some(comm.begin_reduce(Reduce::Max, mine));
        verdict
    }

    /// Hears what was said last. Collective.
    pub fn last(&mut self) -> Verdict {
        self.under_way.take().map_or(Verdict::Continue, |pending| heard(&pending.finish()))
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

fn heard(all: &[i64]) -> Verdict {
    match (all[0], all[1]) {
        (1.., _) => Verdict::NotFinite,
        (_, 3) => Verdict::Signal(Signal::Terminate),
        (_, 2) => Verdict::Signal(Signal::Interrupt),
        (_, 1) => Verdict::Signal(Signal::User1),
        _ => Verdict::Continue,
    }
}
