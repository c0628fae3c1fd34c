//! Closes the traits that unsafe code relies on: only this crate implements them.
use crate::extent::{Arms, Cube};
use crate::kernel::{Along, As, Position, Uniform};
use ndarray::ArrayView3;
use num_complex::Complex;

/// Implemented for the types that a closed trait is meant for. The module is private, so no other crate can add one.
pub trait Sealed {}

impl Sealed for f32 {}
impl Sealed for f64 {}
impl<R> Sealed for Complex<R> {}
impl<T, const N: usize> Sealed for [T; N] {}
impl<T> Sealed for ArrayView3<'_, T> {}
impl<const ZL: usize, const ZH: usize, const YL: usize, const YH: usize, const XL: usize, const XH: usize> Sealed
    for Arms<ZL, ZH, YL, YH, XL, XH>
{
}
impl<const R: usize> Sealed for Cube<R> {}
impl<U, S> Sealed for As<U, S> {}
impl Sealed for Uniform {}
impl<const AXIS: usize> Sealed for Along<AXIS> {}
impl Sealed for Position {}

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
