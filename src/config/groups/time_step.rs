//! The time step of an explicit scheme: given, or a fraction of the largest stable one.
use crate::base::{Error, Result};
use halocline_macros::parameters;

/// The time step of an explicit scheme with a known stability limit.
///
/// ```
/// use halocline::config::groups::TimeStep;
/// let formula = "Δt ≤ h²/2κ";
/// assert_eq!(TimeStep::default().within(2.0, formula)?, 1.8);
/// assert_eq!(TimeStep::fixed(1.5).within(2.0, formula)?, 1.5);
/// assert!(TimeStep::fixed(2.5).within(2.0, formula).is_err());
/// # Ok::<(), halocline::Error>(())
/// ```
#[parameters]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeStep {
    /// time step; by default `fraction` of the largest stable one
    #[parameter(unit = "s", above = 0.0)]
    pub dt: Option<f64>,
    /// time step as a fraction of the largest stable one, if `dt` is not given
    #[parameter(default = 0.9, above = 0.0, max = 1.0)]
    pub fraction: f64,
}

impl TimeStep {
    /// A time step in s.
    pub fn fixed(dt: f64) -> TimeStep {
        TimeStep { dt: Some(dt), ..TimeStep::default() }
    }

    /// A fraction of the largest stable time step.
    pub fn fraction(fraction: f64) -> TimeStep {
        TimeStep { dt: None, fraction }
    }

    /// Returns the time step in s of a scheme that is stable up to `limit` s. Errors name the `formula` of the limit, such as
    /// `Δt ≤ 1 / (2κ Σ 1/h²)`.
    ///
    /// # Errors
    /// As [`stable_step`].
    pub fn within(&self, limit: f64, formula: &str) -> Result<f64> {
        stable_step(self.dt, self.fraction * limit, limit, formula)
    }
}

/// Returns the time step in s of a scheme that is stable up to `limit` s: `parameters.dt` if it was given, or else `default`, for
/// jobs with a default of their own.
///
/// # Errors
/// If the given step exceeds the limit, or if no stable step exists. The message names the `formula` of the limit.
pub fn stable_step(given: Option<f64>, default: f64, limit: f64, formula: &str) -> Result<f64> {
    if !(limit > 0.0 && limit.is_finite()) {
        return Err(Error::input(format!("the largest stable time step would be {limit:e} s ({formula})"))
            .remedy("the grid needs an axis of more than one cell; look at the numbers that this limit is made of"));
    }
    match given.unwrap_or(default) {
        dt if dt <= limit => Ok(dt),
        dt => Err(Error::input(format!(
            "`parameters.dt` = {dt} s is unstable: at most {limit:.6e} s on this grid ({formula})"
        ))
        .remedy("leave it out to have a stable one, or use larger cells")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_as_given_or_a_fraction_of_the_limit() {
        assert_eq!(TimeStep::fraction(0.5).within(2.0, "").unwrap(), 1.0);
        assert_eq!(TimeStep::fixed(2.0).within(2.0, "").unwrap(), 2.0);
        assert_eq!(stable_step(None, 0.3, 2.0, "").unwrap(), 0.3);
        let error = TimeStep::fixed(2.5).within(2.0, "Δt ≤ 2").unwrap_err();
        assert_eq!(error.what(), "`parameters.dt` = 2.5 s is unstable: at most 2.000000e0 s on this grid (Δt ≤ 2)");
        for limit in [f64::INFINITY, f64::NAN, 0.0] {
            assert!(TimeStep::default().within(limit, "").is_err());
        }
    }
}
