//! Schemes for ∂q/∂t = F(q, t), as passes over the fields.
use crate::base::{Error, Result};

/// A scheme for ∂q/∂t = F(q, t): its order of accuracy in time is the number in brackets. Limits of stability are those of
/// q′ = λ q with the time step Δt, on the imaginary axis (oscillations, advection) and the real axis (decay, diffusion).
///
/// ```
/// use halocline::prelude::*;
///
/// /// Burgers' equation ∂u/∂t + ∂(u²/2)/∂x = ν ∂²u/∂x².
/// fn burgers(model: &mut Model, nu: f64) -> Result<()> {
///     model.fixed_step(1e-3);
///     let u = field!(model, u: f64).initial(|at| math::sin(2.0 * math::PI * at.x)).at(Center)?;
///     model.integrate(Scheme::SspRk3, u, |u| nu * laplacian(u) - ddx(u.on(FaceX).powi(2)) / 2.0)
/// }
/// ```
///
/// The multistep methods (Adams–Bashforth, leapfrog) have their order for a time step that does not change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scheme {
    /// \[1\] The forward Euler method: stable for real λ Δt ≥ −2, unstable for oscillations.
    Euler,
    /// \[2\] Heun's method in the form that preserves strong stability: real λ Δt ≥ −2, weakly unstable for oscillations. Shu
    /// and Osher, J. Comput. Phys. 77 (1988), eq. (2.15).
    SspRk2,
    /// \[3\] The method of three stages that preserves strong stability: |imaginary λ| Δt ≤ 1.73, real λ Δt ≥ −2.51. Shu and
    /// Osher (1988), eq. (2.16).
    SspRk3,
    /// \[3\] A method of three stages with one scratch field per field: limits as [`Scheme::SspRk3`]. Williamson, J. Comput. Phys.
    /// 35 (1980), case 7.
    LowStorageRk3,
    /// \[4\] The classical method of four stages: |imaginary λ| Δt ≤ 2.82, real λ Δt ≥ −2.78. Kutta (1901).
    Rk4,
    /// \[2\] The method of Adams and Bashforth with two tendencies, the older of which is part of the state: real λ Δt ≥ −1,
    /// weakly unstable for oscillations. The first step is an Euler step. Durran, *Numerical Methods for Fluid Dynamics*, §2.4.
    AdamsBashforth2,
    /// \[3\] The method of Adams and Bashforth with three tendencies, the older two of which are part of the state:
    /// |imaginary λ| Δt ≤ 0.72, real λ Δt ≥ −6/11. Tendencies before the start are extrapolated from those at the start and after
    /// an Euler step, so that the first step is one of Heun's method, and the order remains. Durran, §2.4.
    AdamsBashforth3,
    /// \[2 without filter, else 1\] The leapfrog method with the filter of Robert and Asselin,
    /// q̄ⁿ = qⁿ + γ (q̄ⁿ⁻¹ − 2 qⁿ + qⁿ⁺¹) with γ = `filter`, which damps the computational mode. The older values q̄ⁿ⁻¹ are part
    /// of the state; the first step is an Euler step. Stable for |imaginary λ| Δt ≤ √((1 − γ) / (1 + γ)) and real
    /// λ Δt ≥ −2 γ / (1 + γ): without filter, any decay is unstable. Classic values of γ are 0.1 to 0.2. Asselin, Mon. Weather
    /// Rev. 100 (1972); Durran, §2.4.
    Leapfrog {
        /// γ: at least 0 (no filter) and less than 1.
        filter: f64,
    },
}

/// One pass over all fields. Array 0 holds the state, the others are scratch; the tendency is that of the array `at`.
pub(super) struct Pass {
    /// The array; `None` in a pass without tendency.
    pub at: Option<usize>,
    /// The time at which the tendency and boundary values are taken, in steps after the beginning of the step.
    pub time: f64,
    /// One line, or two that are computed together. With two lines and a tendency, none changes the array `at`, because fields
    /// follow each other.
    pub lines: Vec<Line>,
}

/// array `into` ← Σ factor · array + `steps` · Δt · tendency.
#[derive(Clone, Copy)]
pub(super) struct Line {
    pub into: usize,
    pub terms: [(usize, f64); 2],
    pub steps: f64,
}

fn line(into: usize, terms: [(usize, f64); 2], steps: f64) -> Line {
    Line { into, terms, steps }
}

/// array `into` ← array `from` + `steps` · Δt · tendency.
fn from(into: usize, from: usize, steps: f64) -> Line {
    line(into, [(from, 1.0), (from, 0.0)], steps)
}

/// array `into` ← `by` · array + `steps` · Δt · tendency.
fn change(into: usize, by: f64, steps: f64) -> Line {
    line(into, [(into, by), (into, 0.0)], steps)
}

fn tendency<const N: usize>(at: usize, time: f64, lines: [Line; N]) -> Pass {
    Pass { at: Some(at), time, lines: lines.to_vec() }
}

/// A pass without tendency; `time` is that of the new values.
fn combine<const N: usize>(time: f64, lines: [Line; N]) -> Pass {
    Pass { at: None, time, lines: lines.to_vec() }
}

impl Scheme {
    /// Checks the coefficients.
    ///
    /// # Errors
    /// If the filter of [`Scheme::Leapfrog`] is not in [0, 1).
    pub(super) fn check(self) -> Result<()> {
        match self {
            Scheme::Leapfrog { filter } if !(0.0..1.0).contains(&filter) => {
                Err(Error::input(format!("the filter of the leapfrog scheme is {filter}"))
                    .remedy("it must be at least 0 (no filter) and less than 1; classic values are 0.1 to 0.2"))
            }
            _ => Ok(()),
        }
    }

    /// The names of the scratch fields, for each field.
    pub(super) fn scratch(self) -> &'static [&'static str] {
        match self {
            Scheme::Euler => &[],
            Scheme::SspRk2 => &["stage1"],
            Scheme::SspRk3 => &["stage1", "stage2"],
            Scheme::LowStorageRk3 => &["change"],
            Scheme::Rk4 => &["stage1", "stage2", "sum"],
            Scheme::AdamsBashforth2 => &["change", "change_before"],
            Scheme::AdamsBashforth3 => &["change", "change_before", "sum"],
            Scheme::Leapfrog { .. } => &["before", "after"],
        }
    }

    /// The passes of a step.
    pub(super) fn passes(self) -> Vec<Pass> {
        const HALF: f64 = 0.5;
        const SIXTH: f64 = 1.0 / 6.0;
        match self {
            Scheme::Euler => vec![tendency(0, 0.0, [from(0, 0, 1.0)])],
            Scheme::SspRk2 => {
                vec![tendency(0, 0.0, [from(1, 0, 1.0)]), tendency(1, 1.0, [line(0, [(0, HALF), (1, HALF)], HALF)])]
            }
            Scheme::SspRk3 => vec![
                tendency(0, 0.0, [from(1, 0, 1.0)]),
                tendency(1, 1.0, [line(2, [(0, 0.75), (1, 0.25)], 0.25)]),
                tendency(2, 0.5, [line(0, [(0, 1.0 / 3.0), (2, 2.0 / 3.0)], 2.0 / 3.0)]),
            ],
            // Each stage: change ← a · change + Δt F, then state ← state + b · change.
            Scheme::LowStorageRk3 => vec![
                tendency(0, 0.0, [change(1, 0.0, 1.0)]),
                combine(1.0 / 3.0, [line(0, [(0, 1.0), (1, 1.0 / 3.0)], 0.0)]),
                tendency(0, 1.0 / 3.0, [change(1, -5.0 / 9.0, 1.0)]),
                combine(0.75, [line(0, [(0, 1.0), (1, 15.0 / 16.0)], 0.0)]),
                tendency(0, 0.75, [change(1, -153.0 / 128.0, 1.0)]),
                combine(0.75, [line(0, [(0, 1.0), (1, 8.0 / 15.0)], 0.0)]),
            ],
            Scheme::Rk4 => vec![
                tendency(0, 0.0, [from(1, 0, HALF), from(3, 0, SIXTH)]),
                tendency(1, 0.5, [from(2, 0, HALF), from(3, 3, 2.0 * SIXTH)]),
                tendency(2, 0.5, [from(1, 0, 1.0), from(3, 3, 2.0 * SIXTH)]),
                tendency(1, 1.0, [from(0, 3, SIXTH)]),
            ],
            Scheme::AdamsBashforth2 => vec![
                tendency(0, 0.0, [from(2, 1, 0.0), change(1, 0.0, 1.0)]),
                combine(0.0, [line(0, [(0, 1.0), (1, 1.5)], 0.0)]),
                combine(0.0, [line(0, [(0, 1.0), (2, -0.5)], 0.0)]),
            ],
            Scheme::AdamsBashforth3 => vec![
                combine(0.0, [line(3, [(1, -4.0 / 3.0), (2, 5.0 / 12.0)], 0.0), from(2, 1, 0.0)]),
                tendency(0, 0.0, [from(3, 3, 23.0 / 12.0), change(1, 0.0, 1.0)]),
                combine(0.0, [line(0, [(0, 1.0), (3, 1.0)], 0.0)]),
            ],
            // after ← before + 2 Δt F; before ← q̄ = q + γ (before − 2 q + after).
            Scheme::Leapfrog { filter } => vec![
                tendency(
                    0,
                    0.0,
                    [from(2, 1, 2.0), line(1, [(0, 1.0 - 2.0 * filter), (1, 2.0 * filter)], 2.0 * filter)],
                ),
                combine(0.0, [from(0, 2, 0.0)]),
            ],
        }
    }

    /// The passes before the first step.
    pub(super) fn first(self) -> Vec<Pass> {
        match self {
            Scheme::AdamsBashforth2 => vec![tendency(0, 0.0, [change(1, 0.0, 1.0)])],
            // The tendencies one and two steps before the start are 2 F₀ − F₁ and 3 F₀ − 2 F₁, where F₁ is that after an Euler
            // step: an error of the square of the step, like that of the step itself before it accumulates.
            Scheme::AdamsBashforth3 => vec![
                tendency(0, 0.0, [change(1, 0.0, 1.0), from(3, 0, 1.0)]),
                tendency(3, 1.0, [change(2, 0.0, 1.0)]),
                combine(0.0, [line(1, [(1, 2.0), (2, -1.0)], 0.0), line(2, [(1, 3.0), (2, -2.0)], 0.0)]),
            ],
            // q₀ − Δt F, so that the first step is q₀ + Δt F.
            Scheme::Leapfrog { .. } => vec![tendency(0, 0.0, [from(1, 0, -1.0)])],
            _ => vec![],
        }
    }
}
