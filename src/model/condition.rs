//! Conditions on a scalar, which end a loop or a run.
use crate::base::Error;
use crate::model::handle::{Scalar, Use};
use std::sync::Arc;

/// A condition on the value of a scalar.
#[derive(Clone)]
pub struct Condition {
    pub(crate) scalar: usize,
    pub(crate) uses: Use,
    holds: Arc<dyn Fn(f64) -> bool + Send + Sync>,
    /// The text of the condition in a printed schedule, such as `< 1e-8`.
    pub(crate) text: String,
}

/// Makes an error from all scalars of a model.
pub(crate) type ErrorOfScalars = Arc<dyn Fn(&[f64]) -> Error + Send + Sync>;

/// A condition under which a run fails.
#[derive(Clone)]
pub(crate) struct FailureCondition {
    pub condition: Condition,
    /// The scalars of the condition and of the error.
    pub uses: Vec<Use>,
    /// The error of the run.
    pub error: ErrorOfScalars,
}

impl Condition {
    fn new(scalar: Scalar, text: String, holds: impl Fn(f64) -> bool + Send + Sync + 'static) -> Condition {
        Condition { scalar: scalar.id, uses: scalar.into(), holds: Arc::new(holds), text }
    }

    /// Returns true if the condition holds for these values of all scalars of the model.
    pub(crate) fn holds(&self, scalars: &[f64]) -> bool {
        (self.holds)(scalars[self.scalar])
    }
}

impl Scalar {
    /// Returns the condition that the scalar is smaller than `limit`.
    pub fn below(self, limit: f64) -> Condition {
        Condition::new(self, format!("< {limit:e}"), move |v| v < limit)
    }

    /// Returns the condition that the scalar is larger than `limit`.
    pub fn above(self, limit: f64) -> Condition {
        Condition::new(self, format!("> {limit:e}"), move |v| v > limit)
    }
}
