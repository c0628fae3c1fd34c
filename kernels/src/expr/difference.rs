//! First derivatives by differences of the two nearest values: second order, half a cell from the operand.
use super::context::Context;
use super::linear::linear;
use super::location::{Beside, Location};
use super::name::Names;
use super::node::{Evaluate, Node};
use super::operators::{Expression, Operand};
use super::read::{Leaf, Offset, along};
use super::shared::{Structures, structure};
use crate::element::Element;
use crate::sealed::Sealed;

/// The difference of the values on both sides along an axis, times a factor.
#[derive(Clone, Copy, Debug)]
pub struct Slope<E, const AXIS: usize> {
    of: E,
    by: f64,
}

/// The offsets of the two values nearest to the location half a cell away.
pub(super) const fn sides<L: Location>(axis: usize) -> [isize; 2] {
    if L::LOW[axis] { [0, 1] } else { [-1, 0] }
}

linear!([const A: usize] [E::At: Beside<A>] Slope<E, A>, number: A as u64, at: <E::At as Beside<A>>::Other, |s, c, at| {
    let [below, above] = const { sides::<E::At>(A) };
    s.of.eval(c, along(at, A, above)) - s.of.eval(c, along(at, A, below))
});

fn slope<S: Operand, const A: usize>(of: S) -> Expression<Slope<S::Node, A>>
where
    <S::Node as Node>::At: Beside<A>,
{
    let of = of.node();
    // An operand with a location contains a field, which has a spacing; along a flat axis it is infinite.
    let spacing = of.spacing().map_or(f64::NAN, |h| h[A]);
    Expression(Slope { of, by: 1.0 / spacing })
}

/// ∂/∂x. Of values at cell centres, it lies on the lower faces across x; of values on these faces, at the centres.
pub fn ddx<S: Operand>(of: S) -> Expression<Slope<S::Node, 2>>
where
    <S::Node as Node>::At: Beside<2>,
{
    slope(of)
}

/// ∂/∂y: see [`ddx`].
pub fn ddy<S: Operand>(of: S) -> Expression<Slope<S::Node, 1>>
where
    <S::Node as Node>::At: Beside<1>,
{
    slope(of)
}

/// ∂/∂z: see [`ddx`].
pub fn ddz<S: Operand>(of: S) -> Expression<Slope<S::Node, 0>>
where
    <S::Node as Node>::At: Beside<0>,
{
    slope(of)
}
