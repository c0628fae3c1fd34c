//! [`Cadences`]: when an attempt searches for non-finite values, saves its state and keeps a replica.
use super::cadence::CadenceState;
use crate::config::{Cadence, JobFile};
use crate::engine::{Moment, Saved, Snapshot};

/// The cadences of an attempt, except those of its output streams.
pub struct Cadences {
    check: CadenceState,
    checkpoint: CadenceState,
    replica: CadenceState,
    /// True if adaptive time steps are shortened to meet the instants of checkpoints.
    align: bool,
}

/// What is due after a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// A search for non-finite values.
    pub check: bool,
    /// A checkpoint.
    pub checkpoint: bool,
    /// A replica of the state in the memory of the nodes.
    pub replica: bool,
}

impl Cadences {
    /// The cadences of a job file at `moment`, where the run resumes from a saved state if there is one.
    pub fn new(file: &JobFile, moment: &Moment, state: Option<&dyn Saved>) -> Cadences {
        let cadence = |every: Cadence, name: &str| match state {
            Some(state) => CadenceState::resumed(every, name, moment, state),
            None => CadenceState::new(every),
        };
        Cadences {
            check: cadence(file.engine.check_every, "check"),
            checkpoint: cadence(file.checkpoint.every, "checkpoint"),
            replica: cadence(file.replica.every, "replica"),
            align: file.checkpoint.align,
        }
    }

    /// True if anything is due after the step that ends at `moment`.
    pub fn are_due(&self, moment: &Moment) -> bool {
        [&self.check, &self.checkpoint, &self.replica].iter().any(|cadence| cadence.is_due(moment))
    }

    /// Counts the instants that pass with the step that ends at `moment`, and returns what is due.
    pub fn pass(&mut self, moment: &Moment) -> Due {
        Due {
            check: self.check.pass(moment),
            checkpoint: self.checkpoint.pass(moment),
            replica: self.replica.pass(moment),
        }
    }

    /// The next instant in seconds that an adaptive time step must not pass.
    pub fn next_aligned(&self) -> Option<f64> {
        self.checkpoint.next_time().filter(|_| self.align)
    }

    /// Adds the counters to a snapshot.
    pub fn save(&self, snapshot: &mut Snapshot) {
        self.check.save("check", snapshot);
        self.checkpoint.save("checkpoint", snapshot);
        self.replica.save("replica", snapshot);
    }
}
