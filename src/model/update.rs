//! Updates: stages whose new values a closure computes from neighbourhoods of cells, for what expressions do not say.
use crate::model::argument::{Bound, Handle};
use crate::model::handle::{Field, Here, Profile, Scalar, Use};
use crate::model::schedule::Schedule;
use halocline_kernels::kernel::{Arg, Args, Near, Outputs};
use halocline_kernels::{Along, As, Cube, Element, Kernel, PointValue, Position, Star, Stencil, Uniform};
use std::marker::PhantomData;

/// The name of stages of updates, until the names of the fields are known.
pub(crate) const UPDATE: &str = "update";

/// A field whose neighbourhood over the stencil `S` an update reads: `q.star::<1>()`, `q.cube::<1>()`.
pub struct Neighbourhood<U, S> {
    field: Field<U>,
    of: PhantomData<fn() -> S>,
}
impl<U, S> Clone for Neighbourhood<U, S> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<U, S> Copy for Neighbourhood<U, S> {}
impl<U, S> sealed::Sealed for Neighbourhood<U, S> {}

impl<T, L, N> Field<T, L, N> {
    /// The values up to `R` cells away along each axis, for [`Schedule::update`].
    pub fn star<const R: usize>(self) -> Neighbourhood<T, Star<R>> {
        self.over()
    }

    /// The values up to `R` cells away in all directions, for [`Schedule::update`].
    pub fn cube<const R: usize>(self) -> Neighbourhood<T, Cube<R>> {
        self.over()
    }

    /// The values over any stencil, such as `q.over::<ArmsX<2, 1>>()`, for [`Schedule::update`].
    pub fn over<S: Stencil>(self) -> Neighbourhood<T, S> {
        Neighbourhood { field: self.plain(), of: PhantomData }
    }
}

impl Schedule {
    /// Sets a field, or a tuple of at most six fields, to the values that a closure computes for each cell, where an expression
    /// does not suffice: for sorting, tables, branches. It reads a tuple of at most ten of these:
    ///
    /// | read | seen by the closure |
    /// |---|---|
    /// | a field `v` | the value in the cell |
    /// | `u.star::<1>()` | `u.here()`, `u.x::<-1>()`, `u.y::<1>()`, `u.z::<1>()` |
    /// | `u.cube::<1>()` | `u.here()`, `u.at::<0, 1, -1>()` with offsets along z, y, x |
    /// | `u.over::<ArmsX<2, 1>>()` | as of a star, on these arms |
    /// | a scalar | its value |
    /// | a profile | `p.here()`, `p.at::<1>()` |
    /// | [`Here`] | the position and the key of the cell |
    ///
    /// Values are plain numbers. Fields are read as earlier stages wrote them; fields that are also written have their old values
    /// in all cells. Locations are not checked: `u.x::<1>()` is the value of the next cell, wherever on the cell it lies. Write
    /// `#[inline(always)]` before a long closure: only then is it vectorised for the machine's full width.
    ///
    /// ```
    /// use halocline::prelude::*;
    ///
    /// /// Replaces each value by the median of five.
    /// fn median(model: &mut Model) -> Result<()> {
    ///     let q = field!(model, q: f64).initial(|at| at.uniform(1)).at(Center)?;
    ///     model.every_step(|s| {
    ///         s.update(q, (q.star::<1>(),), |(q,)| {
    ///             let mut near = [q.here(), q.x::<-1>(), q.x::<1>(), q.y::<-1>(), q.y::<1>()];
    ///             near.sort_unstable_by(f64::total_cmp);
    ///             near[2]
    ///         });
    ///     });
    ///     Ok(())
    /// }
    /// let mut model = Model::new(Comm::alone(), Grid::new([8, 8]));
    /// median(&mut model)?;
    /// let mut run = model.compile()?;
    /// let q = run.field::<f64>("q").unwrap();
    /// let before = run.measure(max(q))?.value;
    /// run.advance(1)?;
    /// assert!(run.measure(max(q))?.value < before);
    /// # Ok::<(), halocline::Error>(())
    /// ```
    ///
    /// A read outside the stencil does not compile:
    /// ```compile_fail,E0080
    /// use halocline::prelude::*;
    /// let mut model = Model::new(Comm::alone(), Grid::new([8, 8]));
    /// let q = field!(model, q: f64).at(Center).unwrap();
    /// model.every_step(|s| _ = s.update(q, (q.star::<1>(),), |(q,)| q.x::<2>()));
    /// ```
    /// Neither does a closure with another number of values than fields:
    /// ```compile_fail,E0308
    /// use halocline::prelude::*;
    /// let mut model = Model::new(Comm::alone(), Grid::new([8, 8]));
    /// let q = field!(model, q: f64).at(Center).unwrap();
    /// let p = field!(model, p: f64).at(Center).unwrap();
    /// model.every_step(|s| _ = s.update((p, q), (q.star::<1>(),), |(q,)| q.x::<1>()));
    /// ```
    #[track_caller]
    pub fn update<S: Updatable, R: Readable<S::Element>>(
        &mut self,
        fields: S,
        reads: R,
        f: impl for<'a> Fn(<R::Args as Args<S::Element>>::Views<'a>) -> S::Values + Send + Sync + 'static,
    ) -> &mut Self {
        let kernel = Update { f, of: PhantomData::<fn() -> (S, R)> };
        self.kernel::<S::Element, _>(UPDATE.into(), kernel, reads.bind(), &fields.targets())
    }
}

/// The kernel of an update: a closure of what `R` reads, which returns values for the fields `S`.
struct Update<F, S, R> {
    f: F,
    of: PhantomData<fn() -> (S, R)>,
}
impl<T, F, S, R> Kernel<T> for Update<F, S, R>
where
    T: Element,
    S: Updatable<Element = T>,
    R: Readable<T>,
    F: for<'a> Fn(<R::Args as Args<T>>::Views<'a>) -> S::Values + Send + Sync + 'static,
{
    type Reads = R::Args;
    type Writes = S::Writes;
    #[inline(always)]
    fn cell(&self, near: Near<'_, T, Self>) -> S::Writes {
        S::written((self.f)(near))
    }
}

/// A field or a tuple of at most six fields, which [`Schedule::update`] sets.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be updated",
    label = "a field, or a tuple of at most six fields, is needed"
)]
pub trait Updatable: sealed::Sealed + 'static {
    /// The numbers of the first field.
    type Element: Element;
    /// The new values of a cell: a number, or as many as fields.
    type Values;
    /// The outputs of the kernel.
    #[doc(hidden)]
    type Writes: Outputs;
    /// The values as outputs.
    #[doc(hidden)]
    fn written(values: Self::Values) -> Self::Writes;
    /// The fields.
    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn targets(&self) -> Vec<Use>;
}
impl<T: Element, L: 'static, N: 'static> Updatable for Field<T, L, N> {
    type Element = T;
    type Values = T;
    type Writes = [T; 1];
    #[inline(always)]
    fn written(value: T) -> [T; 1] {
        [value]
    }
    #[allow(private_interfaces)]
    fn targets(&self) -> Vec<Use> {
        vec![(*self).into()]
    }
}
macro_rules! updatable {
    ($First:ident $($T:ident $L:ident $N:ident $i:tt),+) => {
        impl<$($T: Element, $L: 'static, $N: 'static),+> Updatable for ($(Field<$T, $L, $N>,)+) {
            type Element = $First;
            type Values = ($($T,)+);
            type Writes = ($($T,)+);
            #[inline(always)]
            fn written(values: Self::Values) -> Self::Writes {
                values
            }
            #[allow(private_interfaces)]
            fn targets(&self) -> Vec<Use> {
                vec![$(self.$i.into()),+]
            }
        }
    };
}
updatable!(T0 T0 L0 N0 0);
updatable!(T0 T0 L0 N0 0, T1 L1 N1 1);
updatable!(T0 T0 L0 N0 0, T1 L1 N1 1, T2 L2 N2 2);
updatable!(T0 T0 L0 N0 0, T1 L1 N1 1, T2 L2 N2 2, T3 L3 N3 3);
updatable!(T0 T0 L0 N0 0, T1 L1 N1 1, T2 L2 N2 2, T3 L3 N3 3, T4 L4 N4 4);
updatable!(T0 T0 L0 N0 0, T1 L1 N1 1, T2 L2 N2 2, T3 L3 N3 3, T4 L4 N4 4, T5 L5 N5 5);

/// What an update reads: a tuple of at most ten fields, neighbourhoods, scalars, profiles and [`Here`].
#[diagnostic::on_unimplemented(
    message = "an update cannot read `{Self}`",
    label = "a tuple of at most ten fields, neighbourhoods, scalars, profiles and `Here` is needed",
    note = "a tuple of one has a comma: `(q.star::<1>(),)`"
)]
pub trait Readable<T: Element>: sealed::Sealed + 'static {
    /// The arguments of the kernel.
    #[doc(hidden)]
    type Args: Args<T>;
    /// The arguments as data.
    #[doc(hidden)]
    fn bind(&self) -> Vec<Bound>;
}

/// One thing that an update reads.
#[diagnostic::on_unimplemented(
    message = "an update cannot read `{Self}`",
    label = "a field, a neighbourhood such as `q.star::<1>()`, a scalar, a profile or `Here` is needed"
)]
pub trait ReadableOne<T: Element>: sealed::Sealed + 'static {
    /// The argument of the kernel.
    #[doc(hidden)]
    type Arg: Arg<T>;
    /// The argument as data.
    #[doc(hidden)]
    fn bind_one(&self) -> Bound;
}
macro_rules! readable {
    ($([$($g:tt)*] $Type:ty, $Arg:ty, |$s:ident| $handle:expr;)+) => {$(
        impl<T: Element, $($g)*> ReadableOne<T> for $Type {
            type Arg = $Arg;
            fn bind_one(&self) -> Bound {
                let $s = self;
                Handle::<T, $Arg>::bind($handle)
            }
        }
    )+};
}
readable! {
    [U: Element, L: 'static, N: 'static] Field<U, L, N>, PointValue<U>, |s| s;
    [U: Element, S: Stencil] Neighbourhood<U, S>, As<U, S>, |s| &s.field;
    [] Scalar, Uniform, |s| s;
    [const AXIS: usize] Profile<AXIS>, Along<AXIS>, |s| s;
    [] Here, Position, |s| s;
}

macro_rules! tuples {
    ($($R:ident $i:tt),+) => {
        impl<T: Element, $($R: ReadableOne<T>),+> Readable<T> for ($($R,)+) {
            type Args = ($($R::Arg,)+);
            fn bind(&self) -> Vec<Bound> {
                vec![$(self.$i.bind_one()),+]
            }
        }
        impl<$($R),+> sealed::Sealed for ($($R,)+) {}
    };
}
tuples!(A 0);
tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
tuples!(A 0, B 1, C 2, D 3);
tuples!(A 0, B 1, C 2, D 3, E 4);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);

mod sealed {
    //! Seals the traits of this file, because unsafe code relies on their implementations: a kernel reads the rows of `Args`,
    //! which `bind` must name.
    use crate::model::handle::{Field, Here, Profile, Scalar};

    pub trait Sealed {}
    impl<T, L, N> Sealed for Field<T, L, N> {}
    impl Sealed for Scalar {}
    impl<const AXIS: usize> Sealed for Profile<AXIS> {}
    impl Sealed for Here {}
}
