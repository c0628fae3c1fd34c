//! Handing fields, scalars and places to a kernel: the types must fit, or it does not compile.
use crate::model::field::{Field, Here, Profile, Scalar};
use halocline_kernels::kernel::{Arg, Args, Argument, FieldArg, Outputs};
use halocline_kernels::{Along, Element, ElementType, Extent, Position, Uniform};

/// An argument of a stage as data: what the engine puts into the table of rows.
#[derive(Clone, Debug, PartialEq)]
pub enum Bound {
    /// Rows of a field, by their offsets (dz, dy).
    Field {
        /// Which field.
        id: usize,
        /// How far it is read.
        extent: Extent,
        /// The rows.
        rows: Vec<[isize; 2]>,
    },
    /// A scalar, as a number of this type.
    Scalar {
        /// Which scalar.
        id: usize,
        /// The number's type.
        element: ElementType,
    },
    /// A profile, as numbers of this type.
    Profile {
        /// Which profile.
        id: usize,
        /// The axis along which it varies.
        axis: usize,
        /// The numbers.
        element: ElementType,
    },
    /// The place of the row.
    RowPosition,
}

/// A handle that fits the argument `A` of a kernel of numbers `T`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not fit what the kernel reads here: `{A}`",
    label = "handles stand in the order of the kernel's `Reads`",
    note = "a `Field` fits a reach, a `Scalar` fits `Uniform`, a `Profile` fits `Along`, `Here` fits `Position`"
)]
pub trait Handle<T: Element, A: Arg<T>> {
    /// As data.
    fn bind(&self) -> Bound;
}
#[diagnostic::do_not_recommend]
impl<T: Element, A: FieldArg<T>> Handle<T, A> for Field<A::Element> {
    fn bind(&self) -> Bound {
        let Argument::Field { extent, rows, .. } = A::argument() else { unreachable!("a field argument is a field") };
        Bound::Field { id: self.id, extent, rows }
    }
}
impl<T: Element> Handle<T, Uniform> for Scalar {
    fn bind(&self) -> Bound {
        Bound::Scalar { id: self.id, element: <T::Real as Element>::TYPE }
    }
}
impl<T: Element, const AXIS: usize> Handle<T, Along<AXIS>> for Profile<AXIS> {
    fn bind(&self) -> Bound {
        Bound::Profile { id: self.id, axis: AXIS, element: <T::Real as Element>::TYPE }
    }
}
impl<T: Element> Handle<T, Position> for Here {
    fn bind(&self) -> Bound {
        Bound::RowPosition
    }
}

/// Handles for all arguments: a tuple, or an array where all are fields of the kernel's own numbers.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not fit what the kernel reads: `{A}`",
    label = "one handle for each entry of the kernel's `Reads`, in the same order",
    note = "handles are a tuple, or an array where all are fields of the kernel's own numbers"
)]
pub trait Handles<T: Element, A: Args<T>> {
    /// As data.
    fn bind(&self) -> Vec<Bound>;
}
/// Fields for all numbers that a kernel makes: an array, or a tuple where types differ.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not fit what the kernel writes: `{W}`",
    label = "one field for each number of the kernel's `Writes`, of the same type and in the same order",
    note = "fields are an array where `Writes` is one, and a tuple where it is a tuple"
)]
pub trait Targets<W: Outputs> {
    /// Which fields.
    fn ids(&self) -> Vec<usize>;
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
    fn ids(&self) -> Vec<usize> {
        self.iter().map(|f| f.id).collect()
    }
}
macro_rules! targets {
    ($($T:ident $n:tt),+) => {
        impl<$($T: Element),+> Targets<($($T,)+)> for ($(Field<$T>,)+) {
            fn ids(&self) -> Vec<usize> {
                vec![$(self.$n.id),+]
            }
        }
    };
}
targets!(A 0);
targets!(A 0, B 1);
targets!(A 0, B 1, C 2);
targets!(A 0, B 1, C 2, D 3);
