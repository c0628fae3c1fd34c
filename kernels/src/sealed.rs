//! Closes the traits that unsafe code relies on: only this crate implements them.
//!
//! The outputs of a kernel are counted and typed by [`crate::Outputs`], which another crate cannot implement:
//! ```compile_fail,E0277
//! use halocline_kernels::{ElementType, Outputs};
//! struct Wide;
//! impl Outputs for Wide {
//!     type A = [f64; 64]; type B = (); type C = (); type D = (); type E = (); type F = ();
//!     fn elements() -> Vec<ElementType> { vec![ElementType::F64] }
//!     fn split(self) -> ([f64; 64], (), (), (), (), ()) { ([1.0; 64], (), (), (), (), ()) }
//! }
//! ```
//! The rows that a stencil reads are given by [`crate::Stencil`]:
//! ```compile_fail,E0277
//! use halocline_kernels::{Extent, Stencil};
//! struct Liar;
//! impl Stencil for Liar {
//!     const EXTENT: Extent = Extent::POINTWISE;
//!     const ROWS: usize = 2;
//!     fn rows() -> Vec<[isize; 2]> { vec![[0, 0]] }
//! }
//! ```
//! The size of a number comes from [`crate::Element`], the pointers of an array from [`crate::array::Inputs`]:
//! ```compile_fail,E0277
//! use halocline_kernels::array::Inputs;
//! use halocline_kernels::Pointwise;
//! struct Nowhere;
//! impl Inputs<f64, (Pointwise,)> for Nowhere {
//!     fn shapes(&self) -> Vec<Option<[usize; 3]>> { vec![] }
//!     fn cell(&self, _: usize, _: [usize; 3]) -> *const u8 { std::ptr::null() }
//! }
//! ```
//! A compiled row function is called in an `unsafe` block, or not at all:
//! ```compile_fail,E0133
//! use halocline_kernels::{InstructionSet, diffusion::Ftcs, row::erase};
//! let kernel = std::sync::Arc::new(Ftcs::<f64>::new(1.0, 0.1, [1.0; 3]));
//! let row = erase::<f64, _>(&kernel, InstructionSet::Baseline);
//! row.compute(&[std::ptr::null(); 96], &[std::ptr::null_mut(); 6], 0..4);
//! ```
//! ```compile_fail,E0133
//! use halocline_kernels::{Uniform, kernel::Arg};
//! <Uniform as Arg<f64>>::view(&[std::ptr::null(); 96], 0, 0);
//! ```
//! In an `unsafe` block that upholds the contract, both compile:
//! ```
//! use halocline_kernels::{InstructionSet, Uniform, diffusion::Ftcs, kernel::Arg, row::erase};
//! let kernel = std::sync::Arc::new(Ftcs::<f64>::new(1.0, 0.1, [1.0; 3]));
//! let row = erase::<f64, _>(&kernel, InstructionSet::Baseline);
//! let two = 2.0_f64;
//! let mut table = [std::ptr::null(); 96];
//! table[0] = (&raw const two).cast();
//! let mut new = [0.0_f64; 4];
//! let mut out = [std::ptr::null_mut(); 6];
//! out[0] = new.as_mut_ptr().cast();
//! // SAFETY: no cell is computed; the first entry points to a number of this type.
//! unsafe {
//!     row.compute(&table, &out, 0..0);
//!     assert_eq!(<Uniform as Arg<f64>>::view(&table, 0, 0), 2.0);
//! }
//! ```
use crate::extent::{Arms, Cube};
use crate::kernel::{Along, As, PointValue, Position, Uniform};
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
impl<U> Sealed for PointValue<U> {}
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
