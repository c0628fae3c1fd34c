//! [`CadenceState`]: a cadence of the job file and its counter, the one rule for outputs, checkpoints, replicas and checks.
use crate::config::Cadence;
use crate::engine::{Moment, Saved, Snapshot};

/// A cadence, and how many of its instants have passed.
///
/// Instant k of a cadence in seconds is at k times its interval. It is met by the first step that ends there or later; instants
/// that one step passes are met together. The counter is part of the saved state, so a resumed run neither repeats nor omits an
/// instant.
pub struct CadenceState {
    every: Cadence,
    /// The number of instants that have passed, which exceeds the integers for an interval far below a step.
    passed: f64,
}

impl CadenceState {
    /// The cadence at the start of a run.
    pub fn new(every: Cadence) -> CadenceState {
        CadenceState { every, passed: 0.0 }
    }

    /// The cadence called `name` in a run that resumes at `moment` from a saved state: with the saved counter, or, if the state
    /// has none for this interval, with all instants until now counted as passed.
    pub fn resumed(every: Cadence, name: &str, moment: &Moment, state: &dyn Saved) -> CadenceState {
        let [interval, counter] = keys(name);
        let saved = state.number(&counter).filter(|_| state.number(&interval) == bits(every));
        CadenceState { every, passed: saved.map_or_else(|| reached(every, moment), f64::from_bits) }
    }

    /// True if an instant passes with the step that ends at `moment`.
    pub fn is_due(&self, moment: &Moment) -> bool {
        reached(self.every, moment) > self.passed
    }

    /// Counts the instants that pass with the step that ends at `moment`, and returns whether there are any.
    pub fn pass(&mut self, moment: &Moment) -> bool {
        let is_due = self.is_due(moment);
        self.passed = self.passed.max(reached(self.every, moment));
        is_due
    }

    /// The next instant in seconds; none for a cadence in steps.
    pub fn next_time(&self) -> Option<f64> {
        match self.every {
            Cadence::Seconds(seconds) => Some((self.passed + 1.0) * seconds),
            Cadence::Never | Cadence::Steps(_) => None,
        }
    }

    /// The cadence in the job file.
    pub fn every(&self) -> Cadence {
        self.every
    }

    /// Adds the counter to a snapshot, as the cadence called `name`.
    pub fn save(&self, name: &str, snapshot: &mut Snapshot) {
        let Some(interval) = bits(self.every) else { return };
        snapshot.numbers.extend(keys(name).into_iter().zip([interval, self.passed.to_bits()]));
    }
}

/// The instants of a cadence until `moment`.
fn reached(every: Cadence, moment: &Moment) -> f64 {
    match every {
        Cadence::Never => 0.0,
        Cadence::Steps(steps) => (moment.step / steps) as f64,
        Cadence::Seconds(seconds) => moment.whole_intervals(seconds),
    }
}

/// The names of the interval and the counter of a cadence in a saved state.
fn keys(name: &str) -> [String; 2] {
    ["interval", "passed"].map(|what| format!("cadence/{name}/{what}"))
}

/// The interval as a number of a saved state; none for a cadence whose counter follows from the step.
fn bits(every: Cadence) -> Option<u64> {
    match every {
        Cadence::Seconds(seconds) => Some(seconds.to_bits()),
        Cadence::Never | Cadence::Steps(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Result;
    use crate::base::hyperslab::Selection;
    use halocline_kernels::ElementType;

    struct State(Snapshot);

    impl Saved for State {
        fn step(&self) -> u64 {
            self.0.step
        }
        fn number(&self, name: &str) -> Option<u64> {
            self.0.numbers.get(name).copied()
        }
        fn part(&self, _: &str) -> Option<(ElementType, Vec<usize>)> {
            None
        }
        fn read(&self, _: &str, _: &[Selection]) -> Result<Vec<Vec<u8>>> {
            unreachable!("a cadence has no arrays")
        }
    }

    fn moment(step: u64, dt: f64) -> Moment {
        let time = step as f64 * dt;
        Moment { step, time, dt, round_off: 4.0 * f64::EPSILON * time }
    }

    /// The steps until `last` with an instant, if the run is saved and resumed after each step.
    fn met(every: Cadence, last: u64, dt: f64) -> Vec<u64> {
        let mut cadence = CadenceState::new(every);
        let mut steps = vec![];
        for step in 1..=last {
            if cadence.pass(&moment(step, dt)) {
                steps.push(step);
            }
            assert!(!cadence.is_due(&moment(step, dt)), "met once");
            let mut snapshot = Snapshot::default();
            cadence.save("x", &mut snapshot);
            cadence = CadenceState::resumed(every, "x", &moment(step, dt), &State(snapshot));
        }
        steps
    }

    #[test]
    fn a_resumed_cadence_continues() {
        assert_eq!(met(Cadence::Seconds(0.05), 100, 0.01), (1..=20).map(|k| 5 * k).collect::<Vec<_>>());
        assert_eq!(met(Cadence::Steps(30), 100, 0.01), [30, 60, 90]);
        assert_eq!(met(Cadence::Never, 100, 0.01), [0; 0]);
    }

    #[test]
    fn another_interval_starts_from_the_time() {
        let mut snapshot = Snapshot::default();
        let mut cadence = CadenceState::new(Cadence::Seconds(0.5));
        cadence.pass(&moment(7, 0.1));
        cadence.save("x", &mut snapshot);
        let resumed = CadenceState::resumed(Cadence::Seconds(0.2), "x", &moment(7, 0.1), &State(snapshot));
        assert_eq!(resumed.next_time().map(|time| (10.0 * time).round()), Some(8.0));
        assert!(resumed.is_due(&moment(8, 0.1)));
    }
}
