//! Kernels: the computation of one cell, without MPI, loops or index arithmetic.
//!
//! A kernel declares the stencils that it reads, the values that it writes, and how the new values of one cell are computed.
//! A read outside the declared stencil does not compile. The same kernel runs in `f32`, `f64` and on complex numbers,
//! alone on ndarray arrays ([`apply`]) or in a distributed model of the crate `halocline`.
pub mod array;
pub mod cell;
pub mod central;
pub mod diffusion;
pub mod element;
pub mod expr;
pub mod gray_scott;
pub mod instruction_set;
pub mod kernel;
pub mod linear;
pub mod math;
pub mod random;
pub mod extent;
pub mod row;
mod sealed;
pub mod stream;
pub mod wave;

pub use array::apply;
pub use element::{Element, ElementType, Real};
pub use extent::{Arms, ArmsX, ArmsY, ArmsZ, Backward, Cube, Extent, Forward, Pointwise, Star, Stencil};
pub use instruction_set::InstructionSet;
pub use kernel::{Along, Args, As, Kernel, Near, Outputs, PointValue, Position, Uniform};

/// The items that a file with kernels needs: `use halocline_kernels::prelude::*;`.
pub mod prelude {
    pub use crate::math;
    pub use crate::{
        Along, Arms, ArmsX, ArmsY, ArmsZ, As, Backward, Cube, Element, Extent, Forward, InstructionSet, Kernel, Near,
        Pointwise, Position, Real, Star, Uniform,
    };
    pub use num_complex::Complex;
}
