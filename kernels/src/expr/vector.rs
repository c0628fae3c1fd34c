//! Gradient, divergence and curl of staggered fields: second order, each component half a cell from its operand.
//!
//! Components stand in tuples in the order x, y, z, as in papers, although axes are numbered z, y, x. On a grid without z, vectors
//! have the components x and y.
//!
//! ```text
//!   Center ──grad──▶ (FaceX, FaceY, FaceZ) ──curl──▶ (EdgeX, EdgeY, EdgeZ)       and ◀──curl── back, ◀──div── back
//!   Corner ──grad──▶ (EdgeX, EdgeY, EdgeZ)           EdgeZ ──curl──▶ (FaceX, FaceY) ──curl──▶ EdgeZ without z
//! ```
//! Since all differences are of the two nearest values, ∇·∇× and ∇×∇ vanish to round-off.
use super::arithmetic::{Difference, Sum};
use super::difference::{Slope, ddx, ddy, ddz};
use super::location::{Beside, Combine};
use super::node::Node;
use super::operators::{Expression, Operand};

/// The node of an operand.
type Of<S> = <S as Operand>::Node;
/// The location of an operand.
type At<S> = <<S as Operand>::Node as Node>::At;
/// The location half a cell away along an axis.
type Next<S, const AXIS: usize> = <At<S> as Beside<AXIS>>::Other;
/// The derivative along an axis.
type D<S, const AXIS: usize> = Slope<Of<S>, AXIS>;

/// The type of [`grad`].
pub type Gradient<S> = (Expression<D<S, 2>>, Expression<D<S, 1>>, Expression<D<S, 0>>);

/// The gradient (∂p/∂x, ∂p/∂y, ∂p/∂z): of values at cell centres, it lies on the faces across x, y, z. On a grid without z,
/// the last component is zero and need not be used.
///
/// ```
/// use halocline_kernels::expr::prelude::*;
/// let p = Expression(FieldLeaf::<f64, Center>::new(0, 0, [1.0; 3]));
/// let u = Expression(FieldLeaf::<f64, FaceX>::new(0, 1, [1.0; 3]));
/// let (px, _, _) = grad(p);
/// let _ = u - 0.1 * px;
/// ```
pub fn grad<S: Operand>(of: S) -> Gradient<S>
where
    At<S>: Beside<0> + Beside<1> + Beside<2>,
{
    (ddx(of), ddy(of), ddz(of))
}

/// A vector with a divergence: a tuple of the components along x and y, or x, y and z, whose derivatives lie at one location.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no divergence",
    label = "a tuple of the components along x, y, z, or x, y, is needed, whose derivatives lie at one location",
    note = "on a C grid, the components lie at `FaceX`, `FaceY`, `FaceZ`"
)]
pub trait Diverges {
    /// The node of the divergence.
    type Divergence: Node;
    /// The divergence.
    fn divergence(self) -> Self::Divergence;
}
impl<U: Operand, V: Operand> Diverges for (U, V)
where
    At<U>: Beside<2>,
    At<V>: Beside<1>,
    Next<U, 2>: Combine<Next<V, 1>>,
{
    type Divergence = Sum<D<U, 2>, D<V, 1>>;
    fn divergence(self) -> Self::Divergence {
        Sum(ddx(self.0).0, ddy(self.1).0)
    }
}
impl<U: Operand, V: Operand, W: Operand> Diverges for (U, V, W)
where
    At<U>: Beside<2>,
    At<V>: Beside<1>,
    At<W>: Beside<0>,
    Next<U, 2>: Combine<Next<V, 1>, At: Combine<Next<W, 0>>>,
{
    type Divergence = Sum<Sum<D<U, 2>, D<V, 1>>, D<W, 0>>;
    fn divergence(self) -> Self::Divergence {
        Sum(Sum(ddx(self.0).0, ddy(self.1).0), ddz(self.2).0)
    }
}

/// The divergence ∂u/∂x + ∂v/∂y + ∂w/∂z of `(u, v, w)`, or ∂u/∂x + ∂v/∂y of `(u, v)`: of a vector on the faces of a C grid, it
/// lies at the cell centres.
///
/// ```
/// use halocline_kernels::expr::prelude::*;
/// let eta = Expression(FieldLeaf::<f64, Center>::new(0, 0, [1.0; 3]));
/// let u = Expression(FieldLeaf::<f64, FaceX>::new(0, 1, [1.0; 3]));
/// let v = Expression(FieldLeaf::<f64, FaceY>::new(0, 2, [1.0; 3]));
/// let _ = eta - 0.1 * div((u, v));
/// ```
/// Components in another order have derivatives at different locations:
/// ```compile_fail,E0277
/// use halocline_kernels::expr::prelude::*;
/// let u = Expression(FieldLeaf::<f64, FaceX>::new(0, 1, [1.0; 3]));
/// let w = Expression(FieldLeaf::<f64, FaceZ>::new(0, 2, [1.0; 3]));
/// let _ = div((u, w)); // ∂w/∂y lies on edges
/// ```
pub fn div<V: Diverges>(vector: V) -> Expression<V::Divergence> {
    Expression(vector.divergence())
}

/// What has a curl: the components of a vector along x, y, z, or x, y; or a stream function.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no curl",
    label = "a tuple of the components along x, y, z, or x, y, or one expression is needed",
    note = "the components lie at `FaceX`, `FaceY`, `FaceZ`, or at `EdgeX`, `EdgeY`, `EdgeZ`"
)]
pub trait Curls {
    /// The components of the curl.
    type Curl;
    /// The curl.
    fn curl(self) -> Self::Curl;
}
impl<U: Operand, V: Operand, W: Operand> Curls for (U, V, W)
where
    At<U>: Beside<0> + Beside<1>,
    At<V>: Beside<0> + Beside<2>,
    At<W>: Beside<1> + Beside<2>,
    Next<W, 1>: Combine<Next<V, 0>>,
    Next<U, 0>: Combine<Next<W, 2>>,
    Next<V, 2>: Combine<Next<U, 1>>,
{
    type Curl = (
        Expression<Difference<D<W, 1>, D<V, 0>>>,
        Expression<Difference<D<U, 0>, D<W, 2>>>,
        Expression<Difference<D<V, 2>, D<U, 1>>>,
    );
    fn curl(self) -> Self::Curl {
        let (u, v, w) = self;
        (
            Expression(Difference(ddy(w).0, ddz(v).0)),
            Expression(Difference(ddz(u).0, ddx(w).0)),
            Expression(Difference(ddx(v).0, ddy(u).0)),
        )
    }
}
impl<U: Operand, V: Operand> Curls for (U, V)
where
    At<U>: Beside<1>,
    At<V>: Beside<2>,
    Next<V, 2>: Combine<Next<U, 1>>,
{
    type Curl = Expression<Difference<D<V, 2>, D<U, 1>>>;
    fn curl(self) -> Self::Curl {
        Expression(Difference(ddx(self.1).0, ddy(self.0).0))
    }
}
impl<S: Operand> Curls for S
where
    At<S>: Beside<1> + Beside<2>,
{
    type Curl = (Expression<D<S, 1>>, Expression<<D<S, 2> as Node>::Scaled>);
    fn curl(self) -> Self::Curl {
        (ddy(self), -ddx(self))
    }
}

/// The curl: of `(u, v, w)` the tuple (∂w/∂y − ∂v/∂z, ∂u/∂z − ∂w/∂x, ∂v/∂x − ∂u/∂y), on the edges along x, y, z of components
/// on faces, and on faces of components on edges; of `(u, v)` the component along z, ∂v/∂x − ∂u/∂y, on the edges along z; of one
/// expression ψ that stands for the component along z, the components along x and y, (∂ψ/∂y, −∂ψ/∂x).
///
/// ```
/// use halocline_kernels::expr::prelude::*;
/// let u = Expression(FieldLeaf::<f64, FaceX>::new(0, 1, [1.0; 3]));
/// let v = Expression(FieldLeaf::<f64, FaceY>::new(0, 2, [1.0; 3]));
/// let w = Expression(FieldLeaf::<f64, FaceZ>::new(0, 3, [1.0; 3]));
/// let omega = curl((u, v, w));
/// let back = curl(omega);
/// let _ = u + back.0;
/// let _ = curl((u, v)) - omega.2;
/// ```
pub fn curl<V: Curls>(of: V) -> V::Curl {
    of.curl()
}
