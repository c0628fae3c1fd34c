//! [`StepLimit`]: an adaptive time step ends at instants that it must not pass, then has its own length again.
use crate::model::declarations::{Clock, Declarations};
use crate::model::handle::{DT, TIME};

/// The length of an adaptive time step, and the time that it must not pass.
#[derive(Clone, Copy, Debug)]
pub(super) struct StepLimit {
    /// The length in seconds that the schedule has chosen.
    pub wanted: f64,
    /// The time in seconds that a step must not pass: the next instant of an aligned cadence, or the end of the run.
    pub time: f64,
}

impl StepLimit {
    /// No limit, and the first length of a step in seconds.
    pub fn new(wanted: f64) -> StepLimit {
        StepLimit { wanted, time: f64::INFINITY }
    }

    /// Sets a scalar. An adaptive time step is shortened to end at the limit.
    pub fn set_scalar(&mut self, declared: &Declarations, scalars: &mut [f64], id: usize, value: f64) {
        let is_step = id == DT && declared.clock == Clock::Adaptive;
        if is_step {
            self.wanted = value;
        }
        scalars[id] = if is_step { value.min(self.time - scalars[TIME]) } else { value };
    }
}
