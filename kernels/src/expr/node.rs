//! The nodes of expressions: typed trees, which the compiler inlines into the loop over the cells of a row.
use super::context::Context;
use super::name::Names;
use super::read::{Leaf, Offset};
use super::shared::Structures;
use crate::element::Element;
use crate::sealed::Sealed;

/// A node of an expression, whatever its numbers.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an expression",
    note = "expressions are made of fields, scalars, profiles and numbers; operands must lie at one location"
)]
pub trait Node: Sealed + Copy + Send + Sync + 'static {
    /// The location of its values.
    type At: Copy + Send + Sync + 'static;
    /// The type of a constant multiple: nodes that have a factor multiply it, so that no operation is added.
    type Scaled: Node<At = Self::At>;
    /// The names of the fields in it.
    const NAMES: Names;
    /// The structure of the node: the same number for nodes that differ in constants only, 0 if something in it has no name.
    const STRUCTURE: u64;
    /// The structures of the nodes with constants in it.
    const STRUCTURES: Structures;
    /// True if it is a product: a sum with it is rounded once.
    const PRODUCT: bool = false;
    /// True if there is a Laplacian in it.
    const LAPLACIAN: bool = false;
    /// True if it is a real coefficient, also where the numbers are complex.
    const REAL: bool = false;
    /// This times a constant.
    fn scaled(self, by: f64) -> Self::Scaled;
    /// Calls `f` with every leaf and the key of its name.
    fn leaves(&mut self, f: &mut dyn FnMut(&mut Leaf, u64));
    /// The spacing (z, y, x) of the grid, from the first field in it.
    fn spacing(&self) -> Option<[f64; 3]>;
}

/// A node whose values are numbers `T`. Its arithmetic is defined by the tree alone, hence the same on every machine: where a
/// product meets a sum, the result is rounded once.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an expression of numbers `{T}`",
    label = "an expression of numbers `{T}` is needed here",
    note = "all fields of an expression have the same element type; `.cast()` converts a field"
)]
pub trait Evaluate<T: Element>: Node {
    /// The value at an offset from the cell.
    fn eval<C: Context>(&self, c: &C, at: Offset) -> T;
    /// `term` plus this.
    #[inline(always)]
    fn plus<C: Context>(&self, c: &C, at: Offset, term: T) -> T {
        term + self.eval(c, at)
    }
    /// `from` minus this.
    #[inline(always)]
    fn minus<C: Context>(&self, c: &C, at: Offset, from: T) -> T {
        from - self.eval(c, at)
    }
    /// The value of a real coefficient; only called if [`Node::REAL`].
    #[inline(always)]
    fn real<C: Context>(&self, _: &C, _: Offset) -> T::Real {
        unreachable!("only real coefficients have a real value")
    }
}

/// An expression with numbers `T` at the location `L`, as a bound: `fn flux<R: Real>(q: impl Operand<Node: Of<R, Center>>)`.
pub trait Of<T: Element, L>: Evaluate<T, At = L> + Node<Scaled: Evaluate<T>> {}
impl<T: Element, L, A: Evaluate<T, At = L> + Node<Scaled: Evaluate<T>>> Of<T, L> for A {}
