//! [`Measure`]: a number that a run reports or records, a reduction or a scalar.
use crate::model::handle::Scalar;
use crate::model::reduction::Reduction;

/// A diagnostic: a number that a run reports at its end, and at intervals if configured.
#[derive(Clone)]
pub struct Diagnostic {
    /// The name in the summary.
    pub name: String,
    /// The quantity.
    pub what: Measure,
}

/// The quantity that a diagnostic measures.
#[derive(Clone)]
pub enum Measure {
    /// A reduction of fields.
    Reduction(Box<Reduction>),
    /// A scalar.
    Scalar(Scalar),
}
impl From<Reduction> for Measure {
    fn from(r: Reduction) -> Measure {
        Measure::Reduction(Box::new(r))
    }
}
impl From<Scalar> for Measure {
    fn from(s: Scalar) -> Measure {
        Measure::Scalar(s)
    }
}
