//! The Laplacian by central second differences, in the operations of [`crate::central`].
use super::context::Context;
use super::name::Names;
use super::node::{Evaluate, Node};
use super::operators::{Expression, Operand};
use super::read::{Leaf, Offset, along};
use super::shared::{Structures, structure};
use crate::central::{inverse_squares, weights};
use crate::element::Element;
use crate::sealed::Sealed;

/// The Laplacian of order `ORDER`, times a factor.
#[derive(Clone, Copy, Debug)]
pub struct Laplacian<E, const ORDER: usize> {
    of: E,
    /// Factors of the second differences along z, y, x.
    by: [f64; 3],
}
impl<E, const N: usize> Sealed for Laplacian<E, N> {}
impl<E: Node, const N: usize> Node for Laplacian<E, N> {
    type At = E::At;
    type Scaled = Self;
    const NAMES: Names = E::NAMES;
    const STRUCTURE: u64 = structure("laplacian", N as u64, &[E::STRUCTURE]);
    const STRUCTURES: Structures = E::STRUCTURES.with(Self::STRUCTURE);
    const LAPLACIAN: bool = true;
    const PRODUCT: bool = true;
    fn scaled(self, by: f64) -> Self {
        Laplacian { by: self.by.map(|b| b * by), ..self }
    }
    fn leaves(&mut self, f: &mut dyn FnMut(&mut Leaf, u64)) {
        self.of.leaves(f)
    }
    fn spacing(&self) -> Option<[f64; 3]> {
        self.of.spacing()
    }
}

// A macro, because a closure with an expression in it might not be inlined.
macro_rules! weighted {
    ($N:ident, $T:ident, |$k:ident| $near:expr) => {{
        let w = const { weights($N / 2) };
        let mut sum = {
            let $k = 1;
            $near
        } * $T::Real::of(w[0]);
        if const { $N >= 4 } {
            let $k = 2;
            sum = $near.fused_real($T::Real::of(w[1 % w.len()]), sum);
        }
        if const { $N >= 6 } {
            let $k = 3;
            sum = $near.fused_real($T::Real::of(w[2 % w.len()]), sum);
        }
        if const { $N >= 8 } {
            let $k = 4;
            sum = $near.fused_real($T::Real::of(w[3 % w.len()]), sum);
        }
        sum
    }};
}

impl<E: Node, const N: usize> Laplacian<E, N> {
    /// The factors of the second differences along z, y, x.
    #[inline(always)]
    fn factors<C: Context>(&self, c: &C) -> [f64; 3] {
        c.constants::<Self>(self.by)
    }

    /// The sum of two neighbours along an axis.
    #[inline(always)]
    fn pair<T: Element, C: Context>(&self, c: &C, at: Offset, axis: usize, k: isize) -> T
    where
        E: Evaluate<T>,
    {
        self.of.eval(c, along(at, axis, -k)) + self.of.eval(c, along(at, axis, k))
    }

    /// The second difference along an axis.
    #[inline(always)]
    fn second<T: Element, C: Context>(&self, c: &C, at: Offset, axis: usize) -> T
    where
        E: Evaluate<T>,
    {
        let here = self.of.eval(c, at);
        let twice = here + here;
        weighted!(N, T, |k| self.pair::<T, C>(c, at, axis, k) - twice)
    }

    /// The sum that the last factor multiplies. Equal factors along all axes, or along y and x, need a third less arithmetic.
    #[inline(always)]
    fn sum<T: Element, C: Context>(&self, c: &C, at: Offset) -> T
    where
        E: Evaluate<T>,
    {
        if const { C::EQUAL == 3 } {
            let six = self.of.eval(c, at) * T::Real::of(6.0);
            weighted!(N, T, |k| self.pair::<T, C>(c, at, 2, k)
                + self.pair::<T, C>(c, at, 1, k)
                + self.pair::<T, C>(c, at, 0, k)
                - six)
        } else if const { C::EQUAL == 2 } {
            let four = self.of.eval(c, at) * T::Real::of(4.0);
            weighted!(N, T, |k| self.pair::<T, C>(c, at, 2, k) + self.pair::<T, C>(c, at, 1, k) - four)
        } else {
            let by = self.factors(c);
            let x = self.second::<T, C>(c, at, 2) * T::Real::of(by[2]);
            let yx = self.second::<T, C>(c, at, 1).fused_real(T::Real::of(by[1]), x);
            self.second::<T, C>(c, at, 0).fused_real(T::Real::of(by[0]), yx)
        }
    }
}

impl<T: Element, E: Evaluate<T>, const N: usize> Evaluate<T> for Laplacian<E, N> {
    #[inline(always)]
    fn eval<C: Context>(&self, c: &C, at: Offset) -> T {
        let sum: T = self.sum(c, at);
        if const { C::EQUAL > 0 } { sum * T::Real::of(self.factors(c)[2]) } else { sum }
    }
    #[inline(always)]
    fn plus<C: Context>(&self, c: &C, at: Offset, term: T) -> T {
        let sum: T = self.sum(c, at);
        if const { C::EQUAL > 0 } { sum.fused_real(T::Real::of(self.factors(c)[2]), term) } else { term + sum }
    }
    #[inline(always)]
    fn minus<C: Context>(&self, c: &C, at: Offset, from: T) -> T {
        let sum: T = self.sum(c, at);
        if const { C::EQUAL > 0 } { sum.fused_real(T::Real::of(-self.factors(c)[2]), from) } else { from - sum }
    }
}

/// ∇² by central differences of second order.
pub fn laplacian<S: Operand>(of: S) -> Expression<Laplacian<S::Node, 2>> {
    laplacian_of_order::<2, S>(of)
}

/// ∇² by central differences of order 2, 4, 6 or 8: `laplacian_of_order::<8, _>(p)`.
pub fn laplacian_of_order<const ORDER: usize, S: Operand>(of: S) -> Expression<Laplacian<S::Node, ORDER>> {
    const { assert!(matches!(ORDER, 2 | 4 | 6 | 8), "a Laplacian has the order 2, 4, 6 or 8") };
    let of = of.node();
    // A constant has no spacing; its Laplacian is zero.
    let by = inverse_squares(of.spacing().unwrap_or([f64::INFINITY; 3]));
    Expression(Laplacian { of, by })
}
