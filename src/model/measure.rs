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
/// What is one number: a reduction or a scalar.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not one number",
    label = "a reduction or a scalar is needed here",
    note = "reduce an expression or a field: `sum(…)`, `mean(…)`, `max(…)`, `min(…)`, `norm2(…)`"
)]
pub trait Measurable {
    /// The number as data.
    fn measure(self) -> Measure;
}
impl Measurable for Reduction {
    fn measure(self) -> Measure {
        Measure::Reduction(Box::new(self))
    }
}
impl Measurable for Scalar {
    fn measure(self) -> Measure {
        Measure::Scalar(self)
    }
}
impl Measurable for Measure {
    fn measure(self) -> Measure {
        self
    }
}
