//! Sums, differences, products, quotients and constant multiples.
//!
//! A sum with a product is a fused multiply-add, which is rounded once; of two products, the first is rounded by itself. This
//! is a property of the tree, so results do not depend on the machine or the compiler.
use super::context::Context;
use super::location::Combine;
use super::name::Names;
use super::node::{Evaluate, Node};
use super::read::{Leaf, Offset};
use super::shared::{Structures, structure};
use crate::element::Element;
use crate::sealed::Sealed;

/// A node times a constant.
#[derive(Clone, Copy, Debug)]
pub struct Scaled<A> {
    pub(super) of: A,
    pub(super) by: f64,
}
impl<A> Sealed for Scaled<A> {}
impl<A: Node> Node for Scaled<A> {
    type At = A::At;
    type Scaled = Self;
    const NAMES: Names = A::NAMES;
    const STRUCTURE: u64 = structure("scaled", 0, &[A::STRUCTURE]);
    const STRUCTURES: Structures = A::STRUCTURES.with(Self::STRUCTURE);
    const LAPLACIAN: bool = A::LAPLACIAN;
    const PRODUCT: bool = true;
    const REAL: bool = A::REAL;
    fn scaled(self, by: f64) -> Self {
        Scaled { by: self.by * by, ..self }
    }
    fn leaves(&mut self, f: &mut dyn FnMut(&mut Leaf, u64)) {
        self.of.leaves(f)
    }
    fn spacing(&self) -> Option<[f64; 3]> {
        self.of.spacing()
    }
}
impl<T: Element, A: Evaluate<T>> Evaluate<T> for Scaled<A> {
    #[inline(always)]
    fn eval<C: Context>(&self, c: &C, at: Offset) -> T {
        self.of.eval(c, at) * T::Real::of(c.constant::<Self>(self.by))
    }
    #[inline(always)]
    fn plus<C: Context>(&self, c: &C, at: Offset, term: T) -> T {
        self.of.eval(c, at).fused_real(T::Real::of(c.constant::<Self>(self.by)), term)
    }
    #[inline(always)]
    fn minus<C: Context>(&self, c: &C, at: Offset, from: T) -> T {
        self.of.eval(c, at).fused_real(T::Real::of(-c.constant::<Self>(self.by)), from)
    }
    #[inline(always)]
    fn real<C: Context>(&self, c: &C, at: Offset) -> T::Real {
        self.of.real(c, at) * T::Real::of(c.constant::<Self>(self.by))
    }
}

macro_rules! binary {
    ($(#[$doc:meta])* $Op:ident, $Scaled:ty, |$s:ident, $by:ident| $scaled:expr, product: $product:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $Op<A, B>(pub(super) A, pub(super) B);
        impl<A, B> Sealed for $Op<A, B> {}
        impl<A: Node<At: Combine<B::At>>, B: Node> Node for $Op<A, B> {
            type At = <A::At as Combine<B::At>>::At;
            type Scaled = $Scaled;
            const NAMES: Names = A::NAMES.and(&B::NAMES);
            const STRUCTURE: u64 = structure(stringify!($Op), 0, &[A::STRUCTURE, B::STRUCTURE]);
            const STRUCTURES: Structures = A::STRUCTURES.and(&B::STRUCTURES);
            const LAPLACIAN: bool = A::LAPLACIAN || B::LAPLACIAN;
            const PRODUCT: bool = $product;
            const REAL: bool = A::REAL && B::REAL;
            fn scaled(self, $by: f64) -> Self::Scaled { let $s = self; $scaled }
            fn leaves(&mut self, f: &mut dyn FnMut(&mut Leaf, u64)) { self.0.leaves(f); self.1.leaves(f) }
            fn spacing(&self) -> Option<[f64; 3]> { self.0.spacing().or(self.1.spacing()) }
        }
    };
}
binary!(/// a + b.
    Sum, Scaled<Self>, |s, by| Scaled { of: s, by }, product: false);
binary!(/// a − b.
    Difference, Scaled<Self>, |s, by| Scaled { of: s, by }, product: false);
binary!(/// a · b. A constant multiple is taken of a.
    Product, Product<A::Scaled, B>, |s, by| Product(s.0.scaled(by), s.1), product: true);
binary!(/// a / b. A constant multiple is taken of a.
    Quotient, Quotient<A::Scaled, B>, |s, by| Quotient(s.0.scaled(by), s.1), product: false);

impl<T: Element, A: Evaluate<T, At: Combine<B::At>>, B: Evaluate<T>> Evaluate<T> for Sum<A, B> {
    #[inline(always)]
    fn eval<C: Context>(&self, c: &C, at: Offset) -> T {
        let Sum(a, b) = self;
        if A::REAL && B::REAL {
            T::from_real(a.real(c, at) + b.real(c, at))
        } else if A::PRODUCT && !B::PRODUCT {
            a.plus(c, at, b.eval(c, at))
        } else {
            b.plus(c, at, a.eval(c, at))
        }
    }
    #[inline(always)]
    fn real<C: Context>(&self, c: &C, at: Offset) -> T::Real {
        self.0.real(c, at) + self.1.real(c, at)
    }
}

impl<T: Element, A: Evaluate<T, At: Combine<B::At>>, B: Evaluate<T>> Evaluate<T> for Difference<A, B> {
    #[inline(always)]
    fn eval<C: Context>(&self, c: &C, at: Offset) -> T {
        let Difference(a, b) = self;
        if A::REAL && B::REAL {
            T::from_real(a.real(c, at) - b.real(c, at))
        } else if A::PRODUCT && !B::PRODUCT {
            a.plus(c, at, -b.eval(c, at))
        } else {
            b.minus(c, at, a.eval(c, at))
        }
    }
    #[inline(always)]
    fn real<C: Context>(&self, c: &C, at: Offset) -> T::Real {
        self.0.real(c, at) - self.1.real(c, at)
    }
}

impl<T: Element, A: Evaluate<T, At: Combine<B::At>>, B: Evaluate<T>> Evaluate<T> for Product<A, B> {
    #[inline(always)]
    fn eval<C: Context>(&self, c: &C, at: Offset) -> T {
        let Product(a, b) = self;
        match (A::REAL, B::REAL) {
            (true, true) => T::from_real(a.real(c, at) * b.real(c, at)),
            (true, false) => b.eval(c, at) * a.real(c, at),
            (false, true) => a.eval(c, at) * b.real(c, at),
            (false, false) => a.eval(c, at) * b.eval(c, at),
        }
    }
    #[inline(always)]
    fn plus<C: Context>(&self, c: &C, at: Offset, term: T) -> T {
        let Product(a, b) = self;
        match (A::REAL, B::REAL) {
            (true, false) => b.eval(c, at).fused_real(a.real(c, at), term),
            (false, true) => a.eval(c, at).fused_real(b.real(c, at), term),
            _ => a.eval(c, at).fused(b.eval(c, at), term),
        }
    }
    #[inline(always)]
    fn minus<C: Context>(&self, c: &C, at: Offset, from: T) -> T {
        let Product(a, b) = self;
        match (A::REAL, B::REAL) {
            (true, false) => b.eval(c, at).fused_real(-a.real(c, at), from),
            (false, true) => a.eval(c, at).fused_real(-b.real(c, at), from),
            _ => (-a.eval(c, at)).fused(b.eval(c, at), from),
        }
    }
    #[inline(always)]
    fn real<C: Context>(&self, c: &C, at: Offset) -> T::Real {
        self.0.real(c, at) * self.1.real(c, at)
    }
}

impl<T: Element, A: Evaluate<T, At: Combine<B::At>>, B: Evaluate<T>> Evaluate<T> for Quotient<A, B> {
    #[inline(always)]
    fn eval<C: Context>(&self, c: &C, at: Offset) -> T {
        let Quotient(a, b) = self;
        match (A::REAL, B::REAL) {
            (true, true) => T::from_real(a.real(c, at) / b.real(c, at)),
            (false, true) => a.eval(c, at).over_real(b.real(c, at)),
            _ => a.eval(c, at).over(b.eval(c, at)),
        }
    }
    #[inline(always)]
    fn real<C: Context>(&self, c: &C, at: Offset) -> T::Real {
        self.0.real(c, at) / self.1.real(c, at)
    }
}
