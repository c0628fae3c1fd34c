//! A kernel: the new values of one cell from its neighbourhood.
use crate::cell::{Cell, CellPosition, Profile, RowPointers};
use crate::element::{Element, ElementType, Real};
use crate::extent::{Arms, Cube, Extent, Stencil};
use crate::sealed::Sealed;
use std::marker::PhantomData;

/// The computation of one cell, generic in the element type `T`.
///
/// ```
/// use halocline_kernels::prelude::*;
///
/// /// The mean of a cell and its six neighbours.
/// struct Smooth;
/// impl<R: Real> Kernel<R> for Smooth {
///     type Reads = (Star<1>,);
///     type Writes = [R; 1];
///     #[inline(always)]
///     fn cell(&self, (t,): Near<'_, R, Self>) -> [R; 1] {
///         let six = t.x::<-1>() + t.x::<1>() + t.y::<-1>() + t.y::<1>() + t.z::<-1>() + t.z::<1>();
///         [(t.here() + six) / R::of(7.0)]
///     }
/// }
/// ```
///
/// Mark `cell` (and helpers that it calls) `#[inline(always)]`: only then is it vectorised for the machine's full width.
pub trait Kernel<T: Element>: Send + Sync + 'static {
    /// A tuple with one entry per argument: a stencil ([`crate::Pointwise`], [`crate::Star`], …), [`As`], [`Uniform`],
    /// [`Along`] or [`Position`].
    type Reads: Args<T>;
    /// The values that the kernel writes: an array or a tuple of at most six numbers.
    type Writes: Outputs;
    /// The new values of one cell.
    fn cell(&self, near: Near<'_, T, Self>) -> Self::Writes;
}

/// The arguments of a kernel's `cell`: what it reads, as seen from one cell.
pub type Near<'a, T, K> = <<K as Kernel<T>>::Reads as Args<T>>::Views<'a>;

/// An argument with numbers of another type than the kernel's: `As<f32, Pointwise>` is an `f32` field, and `As<f64, Uniform>` a
/// scalar in double precision, whatever the kernel's type (an `f32` could not count beyond 2²⁴).
pub struct As<U, S>(PhantomData<(U, S)>);
/// The value of a field of `U` in the cell, as a number: [`As`]`<U, Pointwise>` without a call of `here`.
pub struct PointValue<U>(PhantomData<U>);
/// One number, the same everywhere (a time step, a residual): a scalar of the model, rounded to the kernel's type. A count or a
/// time that needs more digits than an `f32` has is an `As<f64, Uniform>`.
pub struct Uniform;
/// Coefficients that vary along one axis (0: z, 1: y, 2: x).
pub struct Along<const AXIS: usize>;
/// The position, index and key of the cell.
pub struct Position;

/// An argument as data, from which the table of row pointers is built.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument {
    /// A field: element type, stencil extent, and the offsets (dz, dy) of the rows read.
    Field {
        /// The element type.
        element: ElementType,
        /// The stencil extent.
        extent: Extent,
        /// Offsets (dz, dy) of the rows, one entry of the table each.
        rows: Vec<[isize; 2]>,
    },
    /// A pointer to one number.
    Uniform {
        /// The number's type.
        element: ElementType,
    },
    /// A pointer to the coefficient of the row's first cell.
    Along {
        /// The axis along which the coefficients vary.
        axis: usize,
        /// The element type.
        element: ElementType,
    },
    /// A pointer to a [`crate::cell::RowPosition`].
    Position,
}

/// One argument of a kernel of numbers `T`.
pub trait Arg<T: Element>: Sealed + 'static {
    /// The view of the argument from one cell.
    type View<'a>;
    /// Entries in the table of row pointers.
    const ROWS: usize;
    /// The view from cell `i` of the rows from entry `first` on.
    ///
    /// # Safety
    /// In these entries, the table must have the pointers described by [`Arg::argument`], readable over the stencil around the
    /// cell.
    unsafe fn view(table: &RowPointers, first: usize, i: usize) -> Self::View<'_>;
    /// The argument as data.
    fn argument() -> Argument;
}

/// An argument that is a field.
pub trait FieldArg<T: Element>: Arg<T> {
    /// The element type of the field.
    type Element: Element;
}

macro_rules! field_arg {
    ([$($generics:tt)*] $shape:ty) => {
        impl<T: Element, $($generics)*> Arg<T> for $shape {
            type View<'a> = Cell<'a, T, $shape>;
            const ROWS: usize = <$shape as Stencil>::ROWS;
            #[inline(always)]
            unsafe fn view(table: &RowPointers, first: usize, i: usize) -> Self::View<'_> {
                Cell::new(table, first, i)
            }
            fn argument() -> Argument {
                Argument::Field { element: T::TYPE, extent: <$shape as Stencil>::EXTENT, rows: <$shape as Stencil>::rows() }
            }
        }
        impl<T: Element, $($generics)*> FieldArg<T> for $shape {
            type Element = T;
        }
    };
}
field_arg!([const ZL: usize, const ZH: usize, const YL: usize, const YH: usize, const XL: usize, const XH: usize]
    Arms<ZL, ZH, YL, YH, XL, XH>);
field_arg!([const R: usize] Cube<R>);

impl<T: Element, U: Element, S: Stencil> Arg<T> for As<U, S> {
    type View<'a> = Cell<'a, U, S>;
    const ROWS: usize = S::ROWS;
    #[inline(always)]
    unsafe fn view(table: &RowPointers, first: usize, i: usize) -> Self::View<'_> {
        Cell::new(table, first, i)
    }
    fn argument() -> Argument {
        Argument::Field { element: U::TYPE, extent: S::EXTENT, rows: S::rows() }
    }
}
impl<T: Element, U: Element, S: Stencil> FieldArg<T> for As<U, S> {
    type Element = U;
}

impl<T: Element, U: Element> Arg<T> for PointValue<U> {
    type View<'a> = U;
    const ROWS: usize = 1;
    #[inline(always)]
    unsafe fn view(table: &RowPointers, first: usize, i: usize) -> U {
        // SAFETY: by the contract of `view`, the entry points to a row of these numbers that has the cell.
        unsafe { *(table[first] as *const U).add(i) }
    }
    fn argument() -> Argument {
        Argument::Field { element: U::TYPE, extent: Extent::POINTWISE, rows: vec![[0, 0]] }
    }
}
impl<T: Element, U: Element> FieldArg<T> for PointValue<U> {
    type Element = U;
}

impl<T: Element> Arg<T> for Uniform {
    type View<'a> = T::Real;
    const ROWS: usize = 1;
    #[inline(always)]
    unsafe fn view(table: &RowPointers, first: usize, _: usize) -> T::Real {
        // SAFETY: by the contract of `view`, the entry points to one number of this type.
        unsafe { *(table[first] as *const T::Real) }
    }
    fn argument() -> Argument {
        Argument::Uniform { element: <T::Real as Element>::TYPE }
    }
}

impl<T: Element, U: Real> Arg<T> for As<U, Uniform> {
    type View<'a> = U;
    const ROWS: usize = 1;
    #[inline(always)]
    unsafe fn view(table: &RowPointers, first: usize, _: usize) -> U {
        // SAFETY: by the contract of `view`, the entry points to one number of this type.
        unsafe { *(table[first] as *const U) }
    }
    fn argument() -> Argument {
        Argument::Uniform { element: U::TYPE }
    }
}

impl<T: Element, const AXIS: usize> Arg<T> for Along<AXIS> {
    type View<'a> = Profile<'a, T::Real, AXIS>;
    const ROWS: usize = 1;
    #[inline(always)]
    unsafe fn view(table: &RowPointers, first: usize, i: usize) -> Self::View<'_> {
        const { assert!(AXIS < 3, "axes are 0 (z), 1 (y), 2 (x)") };
        Profile::new(table, first, i)
    }
    fn argument() -> Argument {
        Argument::Along { axis: AXIS, element: <T::Real as Element>::TYPE }
    }
}

impl<T: Element> Arg<T> for Position {
    type View<'a> = CellPosition<'a>;
    const ROWS: usize = 1;
    #[inline(always)]
    unsafe fn view(table: &RowPointers, first: usize, i: usize) -> CellPosition<'_> {
        CellPosition::new(table, first, i)
    }
    fn argument() -> Argument {
        Argument::Position
    }
}

/// A tuple of arguments.
pub trait Args<T: Element>: Sealed + 'static {
    /// The views of the arguments from one cell.
    type Views<'a>;
    /// Entries in the table of row pointers.
    const ROWS: usize;
    /// The views from cell `i`.
    ///
    /// # Safety
    /// As [`Arg::view`], for all arguments in their order.
    unsafe fn views(table: &RowPointers, i: usize) -> Self::Views<'_>;
    /// The arguments as data.
    fn arguments() -> Vec<Argument>;
}
macro_rules! args {
    ($($A:ident),*) => {
        impl<T: Element, $($A: Arg<T>),*> Args<T> for ($($A,)*) {
            type Views<'a> = ($($A::View<'a>,)*);
            const ROWS: usize = 0 $(+ $A::ROWS)*;
            #[inline(always)]
            #[allow(unused_assignments, unused_mut, unused_variables, clippy::unused_unit)]
            unsafe fn views(table: &RowPointers, i: usize) -> Self::Views<'_> {
                let mut first = 0;
                ($({
                    // SAFETY: the caller's contract, for this argument's entries.
                    let view = unsafe { $A::view(table, first, i) };
                    first += $A::ROWS;
                    view
                },)*)
            }
            fn arguments() -> Vec<Argument> {
                vec![$($A::argument()),*]
            }
        }
    };
}
args!();
args!(A);
args!(A, B);
args!(A, B, C);
args!(A, B, C, D);
args!(A, B, C, D, E);
args!(A, B, C, D, E, F);
args!(A, B, C, D, E, F, G);
args!(A, B, C, D, E, F, G, H);
args!(A, B, C, D, E, F, G, H, I);
args!(A, B, C, D, E, F, G, H, I, J);

/// Most values that one kernel may write.
pub const MAX_OUT: usize = 6;

/// The outputs of a kernel: one to six numbers, as an array or a tuple. Absent outputs are `()`, which costs neither memory
/// nor time.
pub trait Outputs: Sealed {
    /// First.
    type A: Copy + 'static;
    /// Second.
    type B: Copy + 'static;
    /// Third.
    type C: Copy + 'static;
    /// Fourth.
    type D: Copy + 'static;
    /// Fifth.
    type E: Copy + 'static;
    /// Sixth.
    type F: Copy + 'static;
    /// The element types of the outputs.
    fn elements() -> Vec<ElementType>;
    /// The six outputs, `()` for absent ones.
    #[allow(clippy::type_complexity)] // it is a plain list
    fn split(self) -> (Self::A, Self::B, Self::C, Self::D, Self::E, Self::F);
}
macro_rules! outputs {
    ($n:literal, [$($name:ident)*], [$($slot:ident = $type:ty),*], $all:expr) => {
        impl<T: Element> Outputs for [T; $n] {
            $(type $slot = $type;)*
            fn elements() -> Vec<ElementType> {
                vec![T::TYPE; $n]
            }
            #[inline(always)]
            #[allow(clippy::unused_unit)]
            fn split(self) -> (Self::A, Self::B, Self::C, Self::D, Self::E, Self::F) {
                let [$($name),*] = self;
                $all
            }
        }
    };
}
outputs!(1, [a], [A = T, B = (), C = (), D = (), E = (), F = ()], (a, (), (), (), (), ()));
outputs!(2, [a b], [A = T, B = T, C = (), D = (), E = (), F = ()], (a, b, (), (), (), ()));
outputs!(3, [a b c], [A = T, B = T, C = T, D = (), E = (), F = ()], (a, b, c, (), (), ()));
outputs!(4, [a b c d], [A = T, B = T, C = T, D = T, E = (), F = ()], (a, b, c, d, (), ()));
outputs!(5, [a b c d e], [A = T, B = T, C = T, D = T, E = T, F = ()], (a, b, c, d, e, ()));
outputs!(6, [a b c d e f], [A = T, B = T, C = T, D = T, E = T, F = T], (a, b, c, d, e, f));

macro_rules! tuple_outputs {
    ([$($T:ident $name:ident)*], [$($slot:ident = $type:ty),*], $all:expr) => {
        impl<$($T: Element),*> Outputs for ($($T,)*) {
            $(type $slot = $type;)*
            fn elements() -> Vec<ElementType> {
                vec![$($T::TYPE),*]
            }
            #[inline(always)]
            #[allow(clippy::unused_unit)]
            fn split(self) -> (Self::A, Self::B, Self::C, Self::D, Self::E, Self::F) {
                let ($($name,)*) = self;
                $all
            }
        }
    };
}
tuple_outputs!([P a], [A = P, B = (), C = (), D = (), E = (), F = ()], (a, (), (), (), (), ()));
tuple_outputs!([P a Q b], [A = P, B = Q, C = (), D = (), E = (), F = ()], (a, b, (), (), (), ()));
tuple_outputs!([P a Q b R c], [A = P, B = Q, C = R, D = (), E = (), F = ()], (a, b, c, (), (), ()));
tuple_outputs!([P a Q b R c S d], [A = P, B = Q, C = R, D = S, E = (), F = ()], (a, b, c, d, (), ()));
tuple_outputs!([P a Q b R c S d V e], [A = P, B = Q, C = R, D = S, E = V, F = ()], (a, b, c, d, e, ()));
tuple_outputs!([P a Q b R c S d V e W f], [A = P, B = Q, C = R, D = S, E = V, F = W], (a, b, c, d, e, f));
