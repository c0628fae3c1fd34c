//! Kernels: the maths of one cell, with no MPI, no loop and no index arithmetic in sight.
pub mod element;
pub mod math;
pub mod random;

pub use element::{Element, ElementType, Real};
