//! The expression of integrators: a combination of arrays and a tendency.
use super::arithmetic::{Product, Scaled, Sum};
use super::leaf::{FieldLeaf, ScalarLeaf};
use super::location::Location;
use super::node::Node;
use super::operators::Expression;
use crate::element::Element;

/// The type of [`combined_of`].
pub type Combined<T, L> = Sum<Scaled<FieldLeaf<T, L>>, Scaled<FieldLeaf<T, L>>>;
/// The type of [`advanced`].
pub type Advanced<T, L, V> = Sum<Combined<T, L>, Product<V, Scaled<ScalarLeaf>>>;

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
    Expression(Sum(combined_of(arrays).0, Product(tendency, dt.scaled(steps))))
}
