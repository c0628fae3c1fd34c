//! Integrators: schemes for ∂q/∂t = F(q, t) over any fields, as stages of expressions.
use crate::base::{Error, Result};
use crate::model::assignment::sealed;
use crate::model::builder::Model;
use crate::model::field::Initial;
use crate::model::handle::{Field, Scalar};
use crate::model::schedule::Schedule;
use crate::model::scheme::{Line, Pass, Scheme};
use halocline_kernels::Element;
use halocline_kernels::expr::{
    Advanced, Combined, Evaluate, Expression, Location, Name, Operand, Value, advanced, combined_of,
};
use std::panic::Location as Place;

impl Model {
    /// Integrates fields by a scheme in every step: `tendencies` returns the right-hand sides of the fields, in their order,
    /// from the fields at a stage of the scheme. The step is that of the model ([`Model::fixed_step`],
    /// [`Model::adaptive_step`]). Scratch fields are hidden, and have the boundary conditions of their fields.
    ///
    /// Boundary values that are functions of time ([`Boundary::function`](crate::model::Boundary::function)) are taken at the time
    /// of the stage whose tendencies read them, those of all fields that they read. Passes that read such values are not fused.
    ///
    /// # Errors
    /// If a scratch field has the name of another field, or the filter of [`Scheme::Leapfrog`] is not in [0, 1).
    #[track_caller]
    pub fn integrate<F: System<V>, V>(&mut self, scheme: Scheme, fields: F, tendencies: impl Fn(F) -> V) -> Result<()> {
        scheme.check()?;
        let arrays = fields.arrays(self, scheme)?;
        self.passes((scheme, Place::caller()), None, &arrays, &|fields, _| tendencies(fields));
        Ok(())
    }

    /// As [`Model::integrate`], for tendencies that depend on time: `tendencies` also gets the scalar of the time of the stage.
    ///
    /// # Errors
    /// As [`Model::integrate`].
    #[track_caller]
    pub fn integrate_with_time<F: System<V>, V>(
        &mut self,
        scheme: Scheme,
        fields: F,
        tendencies: impl Fn(F, Scalar) -> V,
    ) -> Result<()> {
        scheme.check()?;
        let arrays = fields.arrays(self, scheme)?;
        let time = self.scalar("stage_time", 0.0);
        self.passes((scheme, Place::caller()), Some(time), &arrays, &tendencies);
        Ok(())
    }

    fn passes<F: System<V>, V>(
        &mut self,
        (scheme, place): (Scheme, &'static Place<'static>),
        stage_time: Option<Scalar>,
        arrays: &[F],
        tendencies: &dyn Fn(F, Scalar) -> V,
    ) {
        let (now, dt) = (self.time(), self.dt());
        let add = |s: &mut Schedule, pass: &Pass| {
            if let Some(time) = stage_time.filter(|_| pass.at.is_some()) {
                let steps = pass.time;
                s.compute(time, [now, dt], move |[t, dt]| t + steps * dt);
            }
            s.at_time(pass.time);
            F::pass(s, arrays, pass, dt, &|fields| tendencies(fields, stage_time.unwrap_or(now)));
        };
        self.every_step(|s| {
            s.declared_at(place);
            let first = scheme.first();
            if !first.is_empty() {
                s.once(|s| first.iter().for_each(|pass| add(s, pass)));
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

/// A field, or a tuple of at most six, with tendencies `V`.
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
                match (pass.at, &pass.lines[..]) {
                    (None, [line]) => {
                        s.set(arrays[line.into], ($(combined(|a: usize| arrays[a].$i, line),)+));
                    }
                    (None, [first, second]) => {
                        $(s.set(
                            (arrays[first.into].$i, arrays[second.into].$i),
                            (combined(|a: usize| arrays[a].$i, first), combined(|a: usize| arrays[a].$i, second)),
                        );)+
                    }
                    (Some(at), [line]) => {
                        let of = tendencies(arrays[at]);
                        s.set(arrays[line.into], ($(value(|a: usize| arrays[a].$i, line, dt, of.$i.value()),)+));
                    }
                    (Some(at), [first, second]) => {
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
impl<T: Element, L: Location, N: Name, V: Value<Node: Evaluate<T, At = L>>> System<V> for Field<T, L, N> {
    fn arrays(self, model: &mut Model, scheme: Scheme) -> Result<Vec<Self>> {
        let arrays = <(Self,) as System<(V,)>>::arrays((self,), model, scheme)?;
        Ok(arrays.into_iter().map(|(array,)| array).collect())
    }

    #[allow(private_interfaces)]
    fn pass(s: &mut Schedule, arrays: &[Self], pass: &Pass, dt: Scalar, tendencies: &dyn Fn(Self) -> V) {
        let arrays: Vec<(Self,)> = arrays.iter().map(|&array| (array,)).collect();
        <(Self,) as System<(V,)>>::pass(s, &arrays, pass, dt, &|(field,)| (tendencies(field),));
    }
}
systems!(L0 N0 V0 0, L1 N1 V1 1);
systems!(L0 N0 V0 0, L1 N1 V1 1, L2 N2 V2 2);
systems!(L0 N0 V0 0, L1 N1 V1 1, L2 N2 V2 2, L3 N3 V3 3);
systems!(L0 N0 V0 0, L1 N1 V1 1, L2 N2 V2 2, L3 N3 V3 3, L4 N4 V4 4);
systems!(L0 N0 V0 0, L1 N1 V1 1, L2 N2 V2 2, L3 N3 V3 3, L4 N4 V4 4, L5 N5 V5 5);
