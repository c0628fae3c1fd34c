//! Expressions: the mathematics of a stage as it is written in a paper, `eta - dt * depth * (ddx(u) + ddy(v))`.
//!
//! An expression is a tree of types, built by operators from fields, scalars, profiles and numbers. It is evaluated in one
//! cell by code that the compiler inlines into the loop over a row, so it is as fast as a loop written by hand. The stencil is
//! found by evaluating the expression once with a context that records what is read; it cannot differ from what is read later.
//!
//! Values have a [`location`] on the cell as part of their type. Which operand of which model a leaf is, is data.
mod advance;
mod arithmetic;
mod context;
mod difference;
mod function;
mod interpolate;
mod keys;
mod kernel;
mod laplacian;
mod layout;
mod leaf;
mod linear;
pub mod location;
mod name;
mod node;
#[doc(hidden)]
pub mod operators;
mod read;
mod shared;
mod vector;

pub use advance::{Advanced, Combined, Steps, advanced, combined_of};
pub use arithmetic::{Difference, Product, Quotient, Scaled, Sum};
pub use difference::{Slope, ddx, ddy, ddz};
pub use function::{Apply1, Apply2, Map1, Map2, Select};
pub use interpolate::{Interpolated, OneSide, Shifted};
pub use kernel::{Assignable, BoundExpressions, Distance, DotProduct, Expressions, Magnitude, RealPart, Square, bind};
pub use laplacian::{Laplacian, laplacian, laplacian_of_order};
pub use layout::LayoutError;
pub use leaf::{Cast, ComplexConstant, Constant, FieldLeaf, ProfileLeaf, ScalarLeaf};
pub use location::{Anywhere, Beside, Combine, Fits, Location, LocationOfField, LocationOfValues};
pub use name::{Anonymous, Name, key};
pub use node::{Evaluate, Node, Of};
pub use num_complex::Complex64;
pub use operators::{Condition, Expression, Methods, Operand, Value, map, map2, minmod, select, upwind, van_leer};
pub use read::Source;
pub use vector::{Curls, Diverges, Gradient, curl, div, grad};

/// What a file with expressions needs.
pub mod prelude {
    pub use super::location::{Center, Corner, EdgeX, EdgeY, EdgeZ, FaceX, FaceY, FaceZ};
    pub use super::{
        Expression, FieldLeaf, Methods, Of, Operand, Value, curl, ddx, ddy, ddz, div, grad, laplacian,
        laplacian_of_order, map, map2, minmod, select, upwind, van_leer,
    };
}
