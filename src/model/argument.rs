//! Kernel arguments: handles of fields, scalars, profiles and positions, whose types are checked at compile time.
use crate::model::handle::{Field, Here, ModelId, Profile, Scalar, Use, Used};
use halocline_kernels::kernel::{Arg, Args, Argument, FieldArg, Outputs};
use halocline_kernels::{Along, As, Element, ElementType, Extent, Position, Real, Uniform};

/// An argument of a stage as data, from which the engine builds the row table of the kernel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum BoundArgument {
    /// Rows of a field, by their offsets (dz, dy).
    Field { id: usize, element: ElementType, extent: Extent, rows: Vec<[isize; 2]> },
    /// A scalar, converted to this element type.
    Scalar { id: usize, element: ElementType },
    /// A profile along an axis, converted to this element type.
    Profile { id: usize, axis: usize, element: ElementType },
    /// The position of the row.
    Position,
}

/// A kernel argument as data, with the identity of the model that declared its handle.
#[derive(Clone, Debug)]
pub struct Bound {
    model: Option<ModelId>,
    argument: BoundArgument,
}

/// Splits bound arguments into the arguments of a kernel and the handles that a program must validate.
pub(crate) fn unbind(bound: Vec<Bound>) -> (Vec<BoundArgument>, Vec<Use>) {
    let uses = bound.iter().filter_map(|b| {
        let (id, what) = match b.argument {
            BoundArgument::Field { id, element, .. } => (id, Used::Field(element)),
            BoundArgument::Scalar { id, .. } => (id, Used::Scalar),
            BoundArgument::Profile { id, axis, .. } => (id, Used::Profile(axis)),
            BoundArgument::Position => return None,
        };
        Some(Use { model: b.model?, id, what })
    });
    let uses = uses.collect();
    (bound.into_iter().map(|b| b.argument).collect(), uses)
}

/// A handle that fits the argument `A` of a kernel with elements `T`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not fit this argument of the kernel: `{A}`",
    label = "handles stand in the order of the kernel's `Reads`",
    note = "a `Field` fits a stencil extent, a `Scalar` fits `Uniform`, a `Profile` fits `Along`, `Here` fits `Position`"
)]
pub trait Handle<T: Element, A: Arg<T>>: Sealed {
    /// Returns the argument as data.
    fn bind(&self) -> Bound;
}
#[diagnostic::do_not_recommend]
impl<T: Element, A: FieldArg<T>, L, N> Handle<T, A> for Field<A::Element, L, N> {
    fn bind(&self) -> Bound {
        let Argument::Field { element, extent, rows } = A::argument() else {
            unreachable!("a field argument is a field")
        };
        Bound { model: Some(self.model), argument: BoundArgument::Field { id: self.id, element, extent, rows } }
    }
}
impl<T: Element> Handle<T, Uniform> for Scalar {
    fn bind(&self) -> Bound {
        Bound {
            model: Some(self.model),
            argument: BoundArgument::Scalar { id: self.id, element: <T::Real as Element>::TYPE },
        }
    }
}
impl<T: Element, U: Real> Handle<T, As<U, Uniform>> for Scalar {
    fn bind(&self) -> Bound {
        Bound { model: Some(self.model), argument: BoundArgument::Scalar { id: self.id, element: U::TYPE } }
    }
}
impl<T: Element, const AXIS: usize> Handle<T, Along<AXIS>> for Profile<AXIS> {
    fn bind(&self) -> Bound {
        Bound {
            model: Some(self.model),
            argument: BoundArgument::Profile { id: self.id, axis: AXIS, element: <T::Real as Element>::TYPE },
        }
    }
}
impl<T: Element> Handle<T, Position> for Here {
    fn bind(&self) -> Bound {
        Bound { model: None, argument: BoundArgument::Position }
    }
}

/// Handles for all arguments of a kernel: a tuple, or an array if all are fields of the kernel's element type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not fit the arguments of the kernel: `{A}`",
    label = "one handle for each entry of the kernel's `Reads`, in the same order",
    note = "handles are a tuple, or an array if all are fields of the kernel's element type"
)]
pub trait Handles<T: Element, A: Args<T>>: Sealed {
    /// Returns the arguments as data.
    fn bind(&self) -> Vec<Bound>;
}
/// Fields for all outputs of a kernel: an array, or a tuple if their types differ.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not fit the outputs of the kernel: `{W}`",
    label = "one field for each entry of the kernel's `Writes`, of the same type and in the same order",
    note = "fields are an array if `Writes` is an array, and a tuple if it is a tuple"
)]
pub trait Targets<W: Outputs>: Sealed {
    /// Returns the fields, in the order of the outputs.
    fn fields(&self) -> Vec<Target>;
}

macro_rules! handles {
    ($($A:ident $H:ident $n:tt),*) => {
        impl<T: Element, $($A: Arg<T>, $H: Handle<T, $A>),*> Handles<T, ($($A,)*)> for ($($H,)*) {
            fn bind(&self) -> Vec<Bound> {
                vec![$(self.$n.bind()),*]
            }
        }
    };
}
handles!();
handles!(A0 H0 0);
handles!(A0 H0 0, A1 H1 1);
handles!(A0 H0 0, A1 H1 1, A2 H2 2);
handles!(A0 H0 0, A1 H1 1, A2 H2 2, A3 H3 3);
handles!(A0 H0 0, A1 H1 1, A2 H2 2, A3 H3 3, A4 H4 4);
handles!(A0 H0 0, A1 H1 1, A2 H2 2, A3 H3 3, A4 H4 4, A5 H5 5);
handles!(A0 H0 0, A1 H1 1, A2 H2 2, A3 H3 3, A4 H4 4, A5 H5 5, A6 H6 6);
handles!(A0 H0 0, A1 H1 1, A2 H2 2, A3 H3 3, A4 H4 4, A5 H5 5, A6 H6 6, A7 H7 7);
handles!(A0 H0 0, A1 H1 1, A2 H2 2, A3 H3 3, A4 H4 4, A5 H5 5, A6 H6 6, A7 H7 7, A8 H8 8);
handles!(A0 H0 0, A1 H1 1, A2 H2 2, A3 H3 3, A4 H4 4, A5 H5 5, A6 H6 6, A7 H7 7, A8 H8 8, A9 H9 9);

macro_rules! arrays {
    ($n:literal: $($A:ident $i:literal),*) => {
        impl<T: Element, L, N, $($A: FieldArg<T, Element = T>),*> Handles<T, ($($A,)*)> for [Field<T, L, N>; $n] {
            fn bind(&self) -> Vec<Bound> {
                vec![$(Handle::<T, $A>::bind(&self[$i])),*]
            }
        }
    };
}
arrays!(1: A 0);
arrays!(2: A 0, B 1);
arrays!(3: A 0, B 1, C 2);
arrays!(4: A 0, B 1, C 2, D 3);
arrays!(5: A 0, B 1, C 2, D 3, E 4);
arrays!(6: A 0, B 1, C 2, D 3, E 4, F 5);

impl<T: Element, L, M, const N: usize> Targets<[T; N]> for [Field<T, L, M>; N]
where
    [T; N]: Outputs,
{
    fn fields(&self) -> Vec<Target> {
        self.iter().map(|&f| Target(f.into())).collect()
    }
}
macro_rules! targets {
    ($($T:ident $L:ident $N:ident $n:tt),+) => {
        impl<$($T: Element, $L, $N),+> Targets<($($T,)+)> for ($(Field<$T, $L, $N>,)+) {
            fn fields(&self) -> Vec<Target> {
                vec![$(Target(self.$n.into())),+]
            }
        }
    };
}
targets!(A LA NA 0);
targets!(A LA NA 0, B LB NB 1);
targets!(A LA NA 0, B LB NB 1, C LC NC 2);
targets!(A LA NA 0, B LB NB 1, C LC NC 2, D LD ND 3);

/// The handle of a field that a stage writes.
#[derive(Clone, Copy, Debug)]
pub struct Target(pub(crate) Use);

use sealed::Sealed;
mod sealed {
    //! Seals the traits of this file, because unsafe code relies on their implementations.
    //!
    //! ```compile_fail,E0277
    //! use halocline::model::{Bound, Handles};
    //! use halocline_kernels::Pointwise;
    //! struct Nothing; // would give no row to a kernel that reads one
    //! impl Handles<f64, (Pointwise,)> for Nothing {
    //!     fn bind(&self) -> Vec<Bound> { vec![] }
    //! }
    //! ```
    //! ```compile_fail,E0277
    //! use halocline::model::{Target, Targets};
    //! struct Any; // would name a field by its id, without its element type
    //! impl Targets<[f64; 1]> for Any {
    //!     fn fields(&self) -> Vec<Target> { vec![] }
    //! }
    //! ```
    use crate::model::handle::{Field, Here, Profile, Scalar};

    pub trait Sealed {}
    impl<T, L, N> Sealed for Field<T, L, N> {}
    impl Sealed for Scalar {}
    impl<const AXIS: usize> Sealed for Profile<AXIS> {}
    impl Sealed for Here {}
    impl<T, L, M, const N: usize> Sealed for [Field<T, L, M>; N] {}

    macro_rules! tuples {
        ($($name:ident)*) => {
            impl<$($name),*> Sealed for ($($name,)*) {}
        };
    }
    tuples!();
    tuples!(A);
    tuples!(A B);
    tuples!(A B C);
    tuples!(A B C D);
    tuples!(A B C D E);
    tuples!(A B C D E F);
    tuples!(A B C D E F G);
    tuples!(A B C D E F G H);
    tuples!(A B C D E F G H I);
    tuples!(A B C D E F G H I J);
}

/// Returns the fields that arguments read, each once, with the union of its stencil extents.
pub(crate) fn field_reads(arguments: &[BoundArgument]) -> Vec<(usize, Extent)> {
    let mut reads: Vec<(usize, Extent)> = vec![];
    for argument in arguments {
        if let BoundArgument::Field { id, extent, .. } = argument {
            match reads.iter_mut().find(|r| r.0 == *id) {
                Some(read) => read.1 = read.1.union(extent),
                None => reads.push((*id, *extent)),
            }
        }
    }
    reads
}

/// Returns the ids of the scalars that arguments read.
pub(crate) fn scalar_reads(arguments: &[BoundArgument]) -> Vec<usize> {
    let scalar = |a: &BoundArgument| if let BoundArgument::Scalar { id, .. } = a { Some(*id) } else { None };
    arguments.iter().filter_map(scalar).collect()
}
