//! Integrators: schemes for ∂q/∂t = F(q, t) over any fields, as stages of expressions.
use crate::base::{Error, Result};
use crate::model::assignment::sealed;
use crate::model::builder::Model;
use crate::model::field::Initial;
use crate::model::handle::{Field, Scalar};
use crate::model::schedule::Schedule;
use halocline_kernels::Element;
use halocline_kernels::expr::{
    Advanced, Combined, Evaluate, Expression, Location, Name, Operand, Value, advanced, combined_of,
};

/// A scheme for ∂q/∂t = F(q, t): its order of accuracy in time is the number in brackets.
///
/// ```
/// use halocline::prelude::*;
///
/// /// Burgers' equation ∂u/∂t + ∂(u²/2)/∂x = ν ∂²u/∂x².
/// fn burgers(model: &mut Model, nu: f64) -> Result<()> {
///     model.fixed_step(1e-3);
///     let u = field!(model, u: f64).initial(|at| math::sin(2.0 * math::PI * at.x)).at(Center)?;
///     model.integrate(Scheme::SspRk3, (u,), |(u,)| (nu * laplacian(u) - ddx(u.on(FaceX).powi(2)) / 2.0,))
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// \[1\] The forward Euler method: stable for real λ Δt ≥ −2, unstable for oscillations.
    Euler,
    /// \[2\] Heun's method in the form that preserves strong stability: real λ Δt ≥ −2. Shu and Osher, J. Comput. Phys. 77
    /// (1988), eq. (2.15).
    SspRk2,
    /// \[3\] The method of three stages that preserves strong stability: |imaginary λ| Δt ≤ 1.73, real λ Δt ≥ −2.51. Shu and
    /// Osher (1988), eq. (2.16).
    SspRk3,
    /// \[3\] A method of three stages with one scratch field per field: limits as [`Scheme::SspRk3`]. Williamson, J. Comput. Phys.
    /// 35 (1980), case 7.
    LowStorageRk3,
    /// \[4\] The classical method of four stages: |imaginary λ| Δt ≤ 2.83, real λ Δt ≥ −2.79. Kutta (1901).
    Rk4,
    /// \[2\] The method of Adams and Bashforth with two tendencies, the older of which is part of the state: real λ Δt ≥ −1,
    /// weakly unstable for oscillations. The first step is an Euler step. Durran, *Numerical Methods for Fluid Dynamics*, §2.4.
    AdamsBashforth2,
}

/// One pass over all fields. Array 0 holds the state, the others are scratch; the tendency is that of the array `at`.
struct Pass {
    at: usize,
    /// The time at which the tendency is taken, in steps after the beginning of the step.
    time: f64,
    lines: &'static [Line],
}

/// array `into` ← Σ factor · array + `steps` · Δt · tendency.
#[derive(Clone, Copy)]
struct Line {
    into: usize,
    terms: [(usize, f64); 2],
    steps: f64,
}

const fn line(into: usize, terms: [(usize, f64); 2], steps: f64) -> Line {
    Line { into, terms, steps }
}

impl Scheme {
    /// The names of the scratch fields, for each field.
    fn scratch(self) -> &'static [&'static str] {
        match self {
            Scheme::Euler => &[],
            Scheme::SspRk2 => &["stage1"],
            Scheme::SspRk3 => &["stage1", "stage2"],
            Scheme::LowStorageRk3 => &["change"],
            Scheme::Rk4 => &["stage1", "stage2", "sum"],
            Scheme::AdamsBashforth2 => &["change", "change_before"],
        }
    }

    fn passes(self) -> Vec<Pass> {
        const HALF: f64 = 0.5;
        const SIXTH: f64 = 1.0 / 6.0;
        let pass = |at, time, lines| Pass { at, time, lines };
        match self {
            Scheme::Euler => vec![pass(0, 0.0, const { &[line(0, [(0, 1.0), (0, 0.0)], 1.0)] })],
            Scheme::SspRk2 => vec![
                pass(0, 0.0, const { &[line(1, [(0, 1.0), (0, 0.0)], 1.0)] }),
                pass(1, 1.0, const { &[line(0, [(0, HALF), (1, HALF)], HALF)] }),
            ],
            Scheme::SspRk3 => vec![
                pass(0, 0.0, const { &[line(1, [(0, 1.0), (0, 0.0)], 1.0)] }),
                pass(1, 1.0, const { &[line(2, [(0, 0.75), (1, 0.25)], 0.25)] }),
                pass(2, 0.5, const { &[line(0, [(0, 1.0 / 3.0), (2, 2.0 / 3.0)], 2.0 / 3.0)] }),
            ],
            // Each stage: change ← a · change + Δt F, then state ← state + b · change.
            Scheme::LowStorageRk3 => vec![
                pass(0, 0.0, const { &[line(1, [(1, 0.0), (1, 0.0)], 1.0)] }),
                pass(NONE, 0.0, const { &[line(0, [(0, 1.0), (1, 1.0 / 3.0)], 0.0)] }),
                pass(0, 1.0 / 3.0, const { &[line(1, [(1, -5.0 / 9.0), (1, 0.0)], 1.0)] }),
                pass(NONE, 0.0, const { &[line(0, [(0, 1.0), (1, 15.0 / 16.0)], 0.0)] }),
                pass(0, 0.75, const { &[line(1, [(1, -153.0 / 128.0), (1, 0.0)], 1.0)] }),
                pass(NONE, 0.0, const { &[line(0, [(0, 1.0), (1, 8.0 / 15.0)], 0.0)] }),
            ],
            Scheme::Rk4 => vec![
                pass(0, 0.0, const { &[line(1, [(0, 1.0), (0, 0.0)], HALF), line(3, [(0, 1.0), (0, 0.0)], SIXTH)] }),
                pass(
                    1,
                    0.5,
                    const { &[line(2, [(0, 1.0), (0, 0.0)], HALF), line(3, [(3, 1.0), (3, 0.0)], 2.0 * SIXTH)] },
                ),
                pass(
                    2,
                    0.5,
                    const { &[line(1, [(0, 1.0), (0, 0.0)], 1.0), line(3, [(3, 1.0), (3, 0.0)], 2.0 * SIXTH)] },
                ),
                pass(1, 1.0, const { &[line(0, [(3, 1.0), (3, 0.0)], SIXTH)] }),
            ],
            Scheme::AdamsBashforth2 => vec![
                pass(0, 0.0, const { &[line(2, [(1, 1.0), (1, 0.0)], 0.0), line(1, [(1, 0.0), (1, 0.0)], 1.0)] }),
                pass(NONE, 0.0, const { &[line(0, [(0, 1.0), (1, 1.5)], 0.0)] }),
                pass(NONE, 0.0, const { &[line(0, [(0, 1.0), (2, -0.5)], 0.0)] }),
            ],
        }
    }

    /// The pass before the first step.
    fn first(self) -> Option<Pass> {
        let change = const { &[line(1, [(1, 0.0), (1, 0.0)], 1.0)] };
        (self == Scheme::AdamsBashforth2).then_some(Pass { at: 0, time: 0.0, lines: change })
    }
}

/// The array of a pass without a tendency.
const NONE: usize = usize::MAX;

impl Model {
    /// Integrates fields by a scheme in every step: `tendencies` returns the right-hand sides of the fields, in their order,
    /// from the fields at a stage of the scheme. The step is that of the model ([`Model::fixed_step`],
    /// [`Model::adaptive_step`]). Scratch fields are hidden, and have the boundary conditions of their fields, at the time of
    /// the step.
    ///
    /// # Errors
    /// If a scratch field has the name of another field.
    pub fn integrate<F: System<V>, V>(&mut self, scheme: Scheme, fields: F, tendencies: impl Fn(F) -> V) -> Result<()> {
        let arrays = fields.arrays(self, scheme)?;
        self.passes(scheme, None, &arrays, &|fields, _| tendencies(fields));
        Ok(())
    }

    /// As [`Model::integrate`], for tendencies that depend on time: `tendencies` also gets the scalar of the time of the stage.
    ///
    /// # Errors
    /// As [`Model::integrate`].
    pub fn integrate_with_time<F: System<V>, V>(
        &mut self,
        scheme: Scheme,
        fields: F,
        tendencies: impl Fn(F, Scalar) -> V,
    ) -> Result<()> {
        let arrays = fields.arrays(self, scheme)?;
        let time = self.scalar("stage_time", 0.0);
        self.passes(scheme, Some(time), &arrays, &tendencies);
        Ok(())
    }

    fn passes<F: System<V>, V>(
        &mut self,
        scheme: Scheme,
        stage_time: Option<Scalar>,
        arrays: &[F],
        tendencies: &dyn Fn(F, Scalar) -> V,
    ) {
        let (now, dt) = (self.time(), self.dt());
        let add = |s: &mut Schedule, pass: &Pass| {
            if let Some(time) = stage_time.filter(|_| pass.at != NONE) {
                let steps = pass.time;
                s.compute(time, [now, dt], move |[t, dt]| t + steps * dt);
            }
            F::pass(s, arrays, pass, dt, &|fields| tendencies(fields, stage_time.unwrap_or(now)));
        };
        self.every_step(|s| {
            if let Some(first) = scheme.first() {
                s.once(|s| add(s, &first));
            }
            scheme.passes().iter().for_each(|pass| add(s, pass));
        });
    }

    /// Declares a hidden field with the grid, location and boundaries of another one.
    fn scratch<T: Element, L, N>(&mut self, like: Field<T, L, N>, what: &str) -> Result<Field<T, L, N>> {
        let Some(declared) = self.declared.fields.get(like.id).filter(|_| self.declared.owns(like.into())) else {
            return Err(Error::input("a field of another model is integrated"));
        };
        let mut declaration = declared.clone();
        declaration.name = format!("{}_{what}", declaration.name);
        declaration.standard_name = None;
        (declaration.output, declaration.vector, declaration.initial) = (false, None, Initial::Zero);
        self.add_field(declaration)
    }
}

/// A tuple of at most six fields with tendencies `V`.
#[diagnostic::on_unimplemented(
    message = "the fields `{Self}` cannot have the tendencies `{V}`",
    label = "as many tendencies as fields, each at the location of its field and with its numbers"
)]
pub trait System<V>: sealed::Sealed + Copy {
    /// Declares the scratch fields of a scheme, and returns all arrays.
    #[doc(hidden)]
    fn arrays(self, model: &mut Model, scheme: Scheme) -> Result<Vec<Self>>;
    /// Adds a pass to a schedule.
    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn pass(s: &mut Schedule, arrays: &[Self], pass: &Pass, dt: Scalar, tendencies: &dyn Fn(Self) -> V);
}

/// The new value by one line of a pass. Its fields have no names, because the tendency may read other arrays by these names.
fn value<T: Element, L: Location, N: Name, V>(
    array: impl Fn(usize) -> Field<T, L, N>,
    line: &Line,
    dt: Scalar,
    tendency: V,
) -> Expression<Advanced<T, L, V>> {
    advanced(line.terms.map(|(i, by)| (array(i).anonymous(), by)), (dt.node(), line.steps), tendency)
}

/// The new value by one line of a pass without tendency.
fn combined<T: Element, L: Location, N: Name>(
    array: impl Fn(usize) -> Field<T, L, N>,
    line: &Line,
) -> Expression<Combined<T, L>> {
    combined_of(line.terms.map(|(i, by)| (array(i).anonymous(), by)))
}

macro_rules! systems {
    ($($L:ident $N:ident $V:ident $i:tt),+) => {
        impl<T: Element, $($L: Location, $N: Name, $V: Value<Node: Evaluate<T, At = $L>>),+> System<($($V,)+)>
            for ($(Field<T, $L, $N>,)+)
        {
            fn arrays(self, model: &mut Model, scheme: Scheme) -> Result<Vec<Self>> {
                let mut arrays = vec![self];
                for name in scheme.scratch() {
                    arrays.push(($(model.scratch(self.$i, name)?,)+));
                }
                Ok(arrays)
            }

            #[allow(private_interfaces)]
            fn pass(s: &mut Schedule, arrays: &[Self], pass: &Pass, dt: Scalar, tendencies: &dyn Fn(Self) -> ($($V,)+)) {
                match (pass.at, pass.lines) {
                    (NONE, [line]) => {
                        s.set(arrays[line.into], ($(combined(|a: usize| arrays[a].$i, line),)+));
                    }
                    (at, [line]) => {
                        let of = tendencies(arrays[at]);
                        s.set(arrays[line.into], ($(value(|a: usize| arrays[a].$i, line, dt, of.$i.value()),)+));
                    }
                    (at, [first, second]) => {
                        let of = tendencies(arrays[at]);
                        $(s.set(
                            (arrays[first.into].$i, arrays[second.into].$i),
                            (
                                value(|a: usize| arrays[a].$i, first, dt, of.$i.value()),
                                value(|a: usize| arrays[a].$i, second, dt, of.$i.value()),
                            ),
                        );)+
                    }
                    (_, lines) => unreachable!("a pass has one or two lines, not {}", lines.len()),
                }
            }
        }
    };
}
systems!(L0 N0 V0 0);
systems!(L0 N0 V0 0, L1 N1 V1 1);
systems!(L0 N0 V0 0, L1 N1 V1 1, L2 N2 V2 2);
systems!(L0 N0 V0 0, L1 N1 V1 1, L2 N2 V2 2, L3 N3 V3 3);
systems!(L0 N0 V0 0, L1 N1 V1 1, L2 N2 V2 2, L3 N3 V3 3, L4 N4 V4 4);
systems!(L0 N0 V0 0, L1 N1 V1 1, L2 N2 V2 2, L3 N3 V3 3, L4 N4 V4 4, L5 N5 V5 5);
