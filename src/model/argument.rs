//! Handing fields, scalars and positions to a kernel: the types must fit, or it does not compile.
use crate::model::handle::{Field, Here, ModelId, Profile, Scalar, Use, Used};
use halocline_kernels::kernel::{Arg, Args, Argument, FieldArg, Outputs};
use halocline_kernels::{Along, Element, ElementType, Extent, Position, Uniform};

/// An argument of a stage as data: what the engine puts into the table of rows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum BoundArgument {
    /// Rows of a field, by their offsets (dz, dy).
    Field { id: usize, element: ElementType, extent: Extent, rows: Vec<[isize; 2]> },
    /// A scalar, as a number of this type.
    Scalar { id: usize, element: ElementType },
    /// Coefficients along an axis, as numbers of this type.
    Profile { id: usize, axis: usize, element: ElementType },
    /// The position of the row.
    Position,
}

/// An argument, with the model of its handle.
#[derive(Clone, Debug)]
pub struct Bound {
    model: Option<ModelId>,
    argument: BoundArgument,
}

/// The arguments of a kernel on their own, and the handles that a program has to validate.
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

/// A handle that fits the argument `A` of a kernel of numbers `T`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not fit what the kernel reads here: `{A}`",
    label = "handles stand in the order of the kernel's `Reads`",
    note = "a `Field` fits a reach, a `Scalar` fits `Uniform`, a `Profile` fits `Along`, `Here` fits `Position`"
)]
pub trait Handle<T: Element, A: Arg<T>>: Sealed {
    /// The argument as data.
    fn bind(&self) -> Bound;
}
#[diagnostic::do_not_recommend]
impl<T: Element, A: FieldArg<T>> Handle<T, A> for Field<A::Element> {
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

/// Handles for all arguments: a tuple, or an array where all are fields of the kernel's own numbers.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not fit what the kernel reads: `{A}`",
    label = "one handle for each entry of the kernel's `Reads`, in the same order",
    note = "handles are a tuple, or an array where all are fields of the kernel's own numbers"
)]
pub trait Handles<T: Element, A: Args<T>>: Sealed {
    /// The arguments as data.
    fn bind(&self) -> Vec<Bound>;
}
/// Fields for all numbers that a kernel makes: an array, or a tuple where types differ.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not fit what the kernel writes: `{W}`",
    label = "one field for each number of the kernel's `Writes`, of the same type and in the same order",
    note = "fields are an array where `Writes` is one, and a tuple where it is a tuple"
)]
pub trait Targets<W: Outputs>: Sealed {
    /// The fields, in order.
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
        impl<T: Element, $($A: FieldArg<T, Element = T>),*> Handles<T, ($($A,)*)> for [Field<T>; $n] {
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

impl<T: Element, const N: usize> Targets<[T; N]> for [Field<T>; N]
where
    [T; N]: Outputs,
{
    fn fields(&self) -> Vec<Target> {
        self.iter().map(|&f| Target(f.into())).collect()
    }
}
macro_rules! targets {
    ($($T:ident $n:tt),+) => {
        impl<$($T: Element),+> Targets<($($T,)+)> for ($(Field<$T>,)+) {
            fn fields(&self) -> Vec<Target> {
                vec![$(Target(self.$n.into())),+]
            }
        }
    };
}
targets!(A 0);
targets!(A 0, B 1);
targets!(A 0, B 1, C 2);
targets!(A 0, B 1, C 2, D 3);

/// A field that a stage writes.
#[derive(Clone, Copy, Debug)]
pub struct Target(pub(crate) Use);

use sealed::Sealed;
mod sealed {
    //! Closes the traits of this file: unsafe code relies on what their implementations say.
    //!
    //! ```compile_fail,E0277
    //! use halocline::model::{Bound, Handles};
    //! use halocline_kernels::Pointwise;
    //! struct Nothing; // a kernel that reads one row would get none
    //! impl Handles<f64, (Pointwise,)> for Nothing {
    //!     fn bind(&self) -> Vec<Bound> { vec![] }
    //! }
    //! ```
    //! ```compile_fail,E0277
    //! use halocline::model::{Target, Targets};
    //! struct Any; // names a field by its number, whatever it holds
    //! impl Targets<[f64; 1]> for Any {
    //!     fn fields(&self) -> Vec<Target> { vec![] }
    //! }
    //! ```
    use crate::model::handle::{Field, Here, Profile, Scalar};

    pub trait Sealed {}
    impl<T> Sealed for Field<T> {}
    impl Sealed for Scalar {}
    impl<const AXIS: usize> Sealed for Profile<AXIS> {}
    impl Sealed for Here {}
    impl<T, const N: usize> Sealed for [Field<T>; N] {}

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

/// The fields that arguments read, each once, with the union of its stencil extents.
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

/// The scalars that arguments read.
pub(crate) fn scalar_reads(arguments: &[BoundArgument]) -> Vec<usize> {
    let scalar = |a: &BoundArgument| if let BoundArgument::Scalar { id, .. } = a { Some(*id) } else { None };
    arguments.iter().filter_map(scalar).collect()
}
