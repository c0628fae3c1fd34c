//! The expression of integrators: a combination of arrays and a tendency.
use super::arithmetic::{Product, Scaled, Sum};
use super::context::Context;
use super::leaf::{FieldLeaf, ScalarLeaf};
use super::location::{Anywhere, Location};
use super::name::Names;
use super::node::{Evaluate, Node};
use super::operators::Expression;
use super::read::{Leaf, Offset};
use super::shared::Structures;
use crate::element::Element;
use crate::sealed::Sealed;

/// The type of [`combined_of`].
pub type Combined<T, L> = Sum<Scaled<FieldLeaf<T, L>>, Scaled<FieldLeaf<T, L>>>;
/// The type of [`advanced`].
pub type Advanced<T, L, V> = Sum<Combined<T, L>, Product<V, Steps>>;

/// A number of time steps, in seconds. It has no structure: where a scheme computes two arrays from one tendency, by different
/// numbers of steps, the tendency is still common to both.
#[derive(Clone, Copy, Debug)]
pub struct Steps {
    dt: ScalarLeaf,
    number: f64,
}
impl Sealed for Steps {}
impl Node for Steps {
    type At = Anywhere;
    type Scaled = Self;
    const NAMES: Names = Names::NONE;
    const STRUCTURE: u64 = 0;
    const STRUCTURES: Structures = Structures::NONE;
    const REAL: bool = true;
    fn scaled(self, by: f64) -> Self {
        Steps { number: self.number * by, ..self }
    }
    fn leaves(&mut self, f: &mut dyn FnMut(&mut Leaf, u64)) {
        self.dt.leaves(f)
    }
    fn spacing(&self) -> Option<[f64; 3]> {
        None
    }
}
impl<T: Element> Evaluate<T> for Steps {
    #[inline(always)]
    fn eval<C: Context>(&self, c: &C, at: Offset) -> T {
        T::from_real(Evaluate::<T>::real(self, c, at))
    }
    #[inline(always)]
    fn real<C: Context>(&self, c: &C, _: Offset) -> T::Real {
        c.scalar::<T::Real, Self>(&self.dt.leaf) * <T::Real as Element>::of(self.number)
    }
}

/// The combination a · fₐ + b · f_b.
pub fn combined_of<T: Element, L: Location>([a, b]: [(FieldLeaf<T, L>, f64); 2]) -> Expression<Combined<T, L>> {
    Expression(Sum(a.0.scaled(a.1), b.0.scaled(b.1)))
}

/// The combination a · fₐ + b · f_b + `steps` · Δt · tendency.
pub fn advanced<T: Element, L: Location, V>(
    arrays: [(FieldLeaf<T, L>, f64); 2],
    (dt, steps): (ScalarLeaf, f64),
    tendency: V,
) -> Expression<Advanced<T, L, V>> {
    Expression(Sum(combined_of(arrays).0, Product(tendency, Steps { dt, number: steps })))
}
