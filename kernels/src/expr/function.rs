//! Functions of the values of one cell: elementary functions, closures of the user, and choices.
use super::context::Context;
use super::location::Combine;
use super::name::Names;
use super::node::{Evaluate, Node};
use super::read::{Leaf, Offset};
use super::shared::{Structures, structure};
use crate::element::{Element, Real};
use crate::sealed::Sealed;

/// A function of one real number.
pub trait Function1: Copy + Send + Sync + 'static {
    /// Its value.
    fn of<R: Real>(self, a: R) -> R;
}
/// A function of two real numbers.
pub trait Function2: Copy + Send + Sync + 'static {
    /// Its value.
    fn of<R: Real>(self, a: R, b: R) -> R;
}

macro_rules! functions {
    ($Trait:ident: $($(#[$doc:meta])* $F:ident($($a:ident),+) $value:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $F;
        impl $Trait for $F {
            #[inline(always)]
            fn of<R: Real>(self, $($a: R),+) -> R { $value }
        }
    )+};
}
/// Implements `Node` for a node with several operands in one cell.
macro_rules! node {
    ([$($g:tt)*] $Type:ty, at: $At:ty, $($A:ident $i:tt [$($bound:tt)*]),+) => {
        impl<$($g)* $($A),+> Sealed for $Type {}
        impl<$($g)* $($A: Node $($bound)*),+> Node for $Type where Self: Copy + Send + Sync + 'static {
            type At = $At;
            type Scaled = super::arithmetic::Scaled<Self>;
            const NAMES: Names = Names::NONE$(.and(&$A::NAMES))+;
            const STRUCTURE: u64 = structure(stringify!($Type), 0, &[$($A::STRUCTURE),+]);
            const STRUCTURES: Structures = Structures::NONE$(.and(&$A::STRUCTURES))+;
            const LAPLACIAN: bool = false $(|| $A::LAPLACIAN)+;
            fn scaled(self, by: f64) -> Self::Scaled { super::arithmetic::Scaled { of: self, by } }
            fn leaves(&mut self, f: &mut dyn FnMut(&mut Leaf, u64)) { $(self.$i.leaves(f);)+ }
            fn spacing(&self) -> Option<[f64; 3]> { None$(.or(self.$i.spacing()))+ }
        }
    };
}

/// A function of one operand.
#[derive(Clone, Copy, Debug)]
pub struct Apply1<F, A>(pub(super) F, pub(super) A);
node!([F,] Apply1<F, A>, at: A::At, A 1 []);
impl<T: Real, F: Function1, A: Evaluate<T>> Evaluate<T> for Apply1<F, A> {
    #[inline(always)]
    fn eval<C: Context>(&self, c: &C, at: Offset) -> T {
        self.0.of(self.1.eval(c, at))
    }
}

/// A function of two operands.
#[derive(Clone, Copy, Debug)]
pub struct Apply2<F, A, B>(pub(super) F, pub(super) A, pub(super) B);
node!([F,] Apply2<F, A, B>, at: <A::At as Combine<B::At>>::At, A 1 [<At: Combine<B::At>>], B 2 []);
impl<T: Real, F: Function2, A: Evaluate<T, At: Combine<B::At>>, B: Evaluate<T>> Evaluate<T> for Apply2<F, A, B> {
    #[inline(always)]
    fn eval<C: Context>(&self, c: &C, at: Offset) -> T {
        self.0.of(self.1.eval(c, at), self.2.eval(c, at))
    }
}

/// A closure of the user on the values of one operand.
#[derive(Clone, Copy)]
pub struct Map1<F, A>(pub(super) F, pub(super) A);
node!([F,] Map1<F, A>, at: A::At, A 1 []);
impl<T: Element, F: Fn(T) -> T + Copy + Send + Sync + 'static, A: Evaluate<T>> Evaluate<T> for Map1<F, A> {
    #[inline(always)]
    fn eval<C: Context>(&self, c: &C, at: Offset) -> T {
        (self.0)(self.1.eval(c, at))
    }
}

/// A closure of the user on the values of two operands.
#[derive(Clone, Copy)]
pub struct Map2<F, A, B>(pub(super) F, pub(super) A, pub(super) B);
node!([F,] Map2<F, A, B>, at: <A::At as Combine<B::At>>::At, A 1 [<At: Combine<B::At>>], B 2 []);
impl<T, F, A, B> Evaluate<T> for Map2<F, A, B>
where
    T: Element,
    F: Fn(T, T) -> T + Copy + Send + Sync + 'static,
    A: Evaluate<T, At: Combine<B::At>>,
    B: Evaluate<T>,
{
    #[inline(always)]
    fn eval<C: Context>(&self, c: &C, at: Offset) -> T {
        (self.0)(self.1.eval(c, at), self.2.eval(c, at))
    }
}

/// The second operand where the first is positive, else the third. All are computed.
#[derive(Clone, Copy, Debug)]
pub struct Select<A, B, D>(pub(super) A, pub(super) B, pub(super) D);
node!([] Select<A, B, D>, at: <<A::At as Combine<B::At>>::At as Combine<D::At>>::At,
    A 0 [<At: Combine<B::At, At: Combine<D::At>>>], B 1 [], D 2 []);
impl<T: Real, A: Evaluate<T, At: Combine<B::At, At: Combine<D::At>>>, B: Evaluate<T>, D: Evaluate<T>> Evaluate<T>
    for Select<A, B, D>
{
    #[inline(always)]
    fn eval<C: Context>(&self, c: &C, at: Offset) -> T {
        // All are read before the test: what an expression reads must not depend on values.
        let (test, yes, no) = (self.0.eval(c, at), self.1.eval(c, at), self.2.eval(c, at));
        if test > T::of(0.0) { yes } else { no }
    }
}

functions! { Function1:
    /// The value itself.
    Rounded(a) a;
    /// The absolute value.
    Abs(a) a.abs();
    /// The square root, correctly rounded.
    Sqrt(a) a.sqrt();
    /// e to the power of a.
    Exp(a) a.exp();
    /// The natural logarithm.
    Ln(a) a.ln();
    /// The sine of radians.
    Sin(a) a.sin();
    /// The cosine of radians.
    Cos(a) a.cos();
    /// 1, 0 or −1: the sign.
    Sign(a) if a > R::of(0.0) { R::of(1.0) } else if a < R::of(0.0) { R::of(-1.0) } else { R::of(0.0) };
}

functions! { Function2:
    /// The larger of two; the second if they are equal.
    Larger(a, b) a.larger(b);
    /// The smaller of two; the second if they are equal.
    Smaller(a, b) a.smaller(b);
    /// The one with the smaller absolute value if the signs agree, else zero: Roe's limiter.
    Minmod(a, b) {
        let least = if a.abs() < b.abs() { a } else { b };
        if a * b > R::of(0.0) { least } else { R::of(0.0) }
    };
    /// The harmonic mean if the signs agree, else zero: van Leer's limiter.
    VanLeer(a, b) {
        let product = a * b;
        if product > R::of(0.0) { R::of(2.0) * product / (a + b) } else { R::of(0.0) }
    };
}

/// A power with a real exponent.
#[derive(Clone, Copy, Debug)]
pub struct Powf {
    pub(super) exponent: f64,
}
impl Function1 for Powf {
    #[inline(always)]
    fn of<R: Real>(self, a: R) -> R {
        a.powf(R::of(self.exponent))
    }
}

/// A power with a whole exponent, by repeated multiplication.
#[derive(Clone, Copy, Debug)]
pub struct Powi {
    pub(super) exponent: i32,
}
impl Function1 for Powi {
    #[inline(always)]
    fn of<R: Real>(self, a: R) -> R {
        powi(a, self.exponent)
    }
}

/// a to the power of n, by squares.
#[inline(always)]
fn powi<R: Real>(a: R, n: i32) -> R {
    let (mut base, mut left, mut product) = (a, n.unsigned_abs(), R::of(1.0));
    while left > 0 {
        if left % 2 == 1 {
            product = product * base;
        }
        base = base * base;
        left /= 2;
    }
    if n < 0 { R::of(1.0) / product } else { product }
}
