//! Expressions as they are written: operators and methods.
use super::arithmetic::{Difference, Product, Quotient, Sum};
use super::function::*;
use super::interpolate::{Interpolated, OneSide, Shifted};
use super::leaf::{Cast, ComplexConstant, Constant, FieldLeaf};
use super::location::{Beside, Location, LocationOfField};
use super::name::Name;
use super::node::{Evaluate, Node};
use crate::element::{Element, Real};
use num_complex::Complex;

/// An expression: a tree of nodes. It is computed when a field is set to it, and takes no memory before.
#[derive(Clone, Copy, Debug)]
pub struct Expression<A>(pub A);

/// An operand of expressions: a field, a scalar, a profile or an expression.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot stand in an expression",
    note = "expressions are made of fields, scalars, profiles and `f64` numbers"
)]
pub trait Operand: Copy {
    /// The type of its node.
    type Node: Node;
    /// Its node.
    fn node(self) -> Self::Node;
}
impl<A: Node> Operand for Expression<A> {
    type Node = A;
    #[inline]
    fn node(self) -> A {
        self.0
    }
}
impl Operand for Complex<f64> {
    type Node = ComplexConstant;
    fn node(self) -> ComplexConstant {
        ComplexConstant(self)
    }
}

/// An operand or a number.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither an expression nor a number",
    note = "expressions are made of fields, scalars, profiles and `f64` numbers"
)]
pub trait Value: Copy {
    /// The type of its node.
    type Node: Node;
    /// Its node.
    fn value(self) -> Self::Node;
    /// The type of `a` times this.
    type Times<A: Node>;
    /// `a` times this.
    fn times<A: Node>(self, a: A) -> Self::Times<A>;
    /// The type of `a` divided by this.
    type Divides<A: Node>;
    /// `a` divided by this.
    fn divides<A: Node>(self, a: A) -> Self::Divides<A>;
}
impl<S: Operand> Value for S {
    type Node = S::Node;
    fn value(self) -> S::Node {
        self.node()
    }
    type Times<A: Node> = Product<A, S::Node>;
    fn times<A: Node>(self, a: A) -> Product<A, S::Node> {
        Product(a, self.node())
    }
    type Divides<A: Node> = Quotient<A, S::Node>;
    fn divides<A: Node>(self, a: A) -> Quotient<A, S::Node> {
        Quotient(a, self.node())
    }
}
impl Value for f64 {
    type Node = Constant;
    fn value(self) -> Constant {
        Constant::new(self)
    }
    type Times<A: Node> = A::Scaled;
    fn times<A: Node>(self, a: A) -> A::Scaled {
        a.scaled(self)
    }
    type Divides<A: Node> = A::Scaled;
    /// Division by a constant is multiplication by its reciprocal.
    fn divides<A: Node>(self, a: A) -> A::Scaled {
        a.scaled(1.0 / self)
    }
}

/// A condition on the values of a cell, for [`select`]: true where an expression is positive.
#[derive(Clone, Copy, Debug)]
pub struct Condition<A>(A);

/// `yes` where the condition holds, else `no`. Both are computed in all cells.
pub fn select<A: Node, B: Value, D: Value>(
    condition: Condition<A>,
    yes: B,
    no: D,
) -> Expression<Select<A, B::Node, D::Node>>
where
    Select<A, B::Node, D::Node>: Node,
{
    Expression(Select(condition.0, yes.value(), no.value()))
}

/// The type of [`upwind`].
pub type Upwind<const AXIS: usize, V, A, B> = Select<V, OneSide<A, AXIS, false>, OneSide<B, AXIS, true>>;

/// The value that flows through the faces across an axis: `below` of the cell below the face where `velocity` is positive, else
/// `above` of the cell above it. Both are expressions at the location on both sides of the face, such as cell centres.
pub fn upwind<const AXIS: usize, V: Operand, A: Operand, B: Operand>(
    velocity: V,
    below: A,
    above: B,
) -> Expression<Upwind<AXIS, V::Node, A::Node, B::Node>>
where
    <A::Node as Node>::At: Beside<AXIS>,
    <B::Node as Node>::At: Beside<AXIS>,
    Upwind<AXIS, V::Node, A::Node, B::Node>: Node,
{
    Expression(Select(velocity.node(), OneSide(below.node()), OneSide(above.node())))
}

/// The one of two slopes with the smaller absolute value if their signs agree, else zero (Roe 1986).
pub fn minmod<A: Operand, B: Operand>(a: A, b: B) -> Expression<Apply2<Minmod, A::Node, B::Node>> {
    Expression(Apply2(Minmod, a.node(), b.node()))
}

/// The harmonic mean of two slopes if their signs agree, else zero (van Leer 1974).
pub fn van_leer<A: Operand, B: Operand>(a: A, b: B) -> Expression<Apply2<VanLeer, A::Node, B::Node>> {
    Expression(Apply2(VanLeer, a.node(), b.node()))
}

/// A function of the user's of the values in a cell: `map(q, |q: f64| q * q * (1.0 - q))`.
pub fn map<T: Element, A: Operand<Node: Evaluate<T>>, F: Fn(T) -> T + Copy + Send + Sync + 'static>(
    a: A,
    f: F,
) -> Expression<Map1<F, A::Node>> {
    Expression(Map1(f, a.node()))
}

/// A function of the user's of two values in a cell.
pub fn map2<T, A, B, F>(a: A, b: B, f: F) -> Expression<Map2<F, A::Node, B::Node>>
where
    T: Element,
    A: Operand<Node: Evaluate<T>>,
    B: Operand<Node: Evaluate<T>>,
    F: Fn(T, T) -> T + Copy + Send + Sync + 'static,
{
    Expression(Map2(f, a.node(), b.node()))
}

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident $F:ident;)+) => {$(
        $(#[$doc])*
        fn $name(self) -> Expression<Apply1<$F, Self::Node>> { Expression(Apply1($F, self.node())) }
    )+};
}

/// The methods of operands.
pub trait Methods: Operand {
    /// Interpolates to another location by the mean of the nearest values, second order.
    fn on<L: Location>(self, _: L) -> Expression<Interpolated<Self::Node, L>>
    where
        <Self::Node as Node>::At: Location,
    {
        Expression(Interpolated::new(self.node()))
    }

    /// The value `Z`, `Y`, `X` cells away.
    fn shift<const Z: isize, const Y: isize, const X: isize>(
        self,
    ) -> Expression<Shifted<Self::Node, <Self::Node as Node>::At, Z, Y, X>> {
        Expression(Shifted::new(self.node()))
    }

    /// The value `D` cells away along x.
    fn x<const D: isize>(self) -> Expression<Shifted<Self::Node, <Self::Node as Node>::At, 0, 0, D>> {
        self.shift::<0, 0, D>()
    }

    /// The value `D` cells away along y.
    fn y<const D: isize>(self) -> Expression<Shifted<Self::Node, <Self::Node as Node>::At, 0, D, 0>> {
        self.shift::<0, D, 0>()
    }

    /// The value `D` cells away along z.
    fn z<const D: isize>(self) -> Expression<Shifted<Self::Node, <Self::Node as Node>::At, D, 0, 0>> {
        self.shift::<D, 0, 0>()
    }

    /// The value with the same index at another location, without interpolation.
    fn as_if_on<L: Location>(self, _: L) -> Expression<Shifted<Self::Node, L, 0, 0, 0>> {
        Expression(Shifted::new(self.node()))
    }

    /// The larger of this and another value; the other if they are equal.
    fn max<B: Value>(self, other: B) -> Expression<Apply2<Larger, Self::Node, B::Node>> {
        Expression(Apply2(Larger, self.node(), other.value()))
    }

    /// The smaller of this and another value; the other if they are equal.
    fn min<B: Value>(self, other: B) -> Expression<Apply2<Smaller, Self::Node, B::Node>> {
        Expression(Apply2(Smaller, self.node(), other.value()))
    }

    /// This to a whole power, by repeated multiplication.
    fn powi(self, exponent: i32) -> Expression<Apply1<Powi, Self::Node>> {
        Expression(Apply1(Powi { exponent }, self.node()))
    }

    /// This to a real power.
    fn powf(self, exponent: f64) -> Expression<Apply1<Powf, Self::Node>> {
        Expression(Apply1(Powf { exponent }, self.node()))
    }

    functions! {
        /// The rounded value. Where a product meets a sum, the result is rounded once; with this, the product is rounded before, as
        /// in programs without fused multiply-add.
        rounded Rounded;
        /// The absolute value.
        abs Abs;
        /// The square root, correctly rounded.
        sqrt Sqrt;
        /// e to the power of this.
        exp Exp;
        /// The natural logarithm.
        ln Ln;
        /// The sine of radians.
        sin Sin;
        /// The cosine of radians.
        cos Cos;
        /// 1, 0 or −1.
        sign Sign;
    }

    /// The condition that this is larger than another value.
    fn above<B: Value>(self, other: B) -> Condition<Difference<Self::Node, B::Node>> {
        Condition(Difference(self.node(), other.value()))
    }

    /// The condition that this is smaller than another value.
    fn below<B: Value>(self, other: B) -> Condition<Difference<B::Node, Self::Node>> {
        Condition(Difference(other.value(), self.node()))
    }

    /// The condition that this is positive.
    fn positive(self) -> Condition<Self::Node> {
        Condition(self.node())
    }
}
impl<S: Operand> Methods for S {}

impl<U: Real, L: LocationOfField, N: Name> FieldLeaf<U, L, N> {
    /// The field in an expression of other real numbers, to which its values are rounded.
    pub fn cast(self) -> Expression<Cast<U, L, N>> {
        Expression(Cast(self))
    }
}

/// Implements the arithmetic operators for an operand type: `expression_operators! { [generics] Type, its node; … }`.
#[doc(hidden)]
#[macro_export]
macro_rules! expression_operators {
    ($([$($g:tt)*] $Type:ty, $Own:ty;)+) => {$(
        $crate::expression_operators!(@sum [$($g)*] $Type, $Own, Add add Sum);
        $crate::expression_operators!(@sum [$($g)*] $Type, $Own, Sub sub Difference);
        $crate::expression_operators!(@product [$($g)*] $Type, $Own, Mul mul Times times);
        $crate::expression_operators!(@product [$($g)*] $Type, $Own, Div div Divides divides);
        impl<$($g)*> std::ops::Mul<$Type> for f64 {
            type Output = $crate::expr::Expression<<$Own as $crate::expr::Node>::Scaled>;
            fn mul(self, of: $Type) -> Self::Output {
                $crate::expr::Expression($crate::expr::Node::scaled($crate::expr::Operand::node(of), self))
            }
        }
        impl<$($g)*> std::ops::Div<$Type> for f64
        where
            $crate::expr::Anywhere: $crate::expr::Combine<<$Own as $crate::expr::Node>::At>,
        {
            type Output = $crate::expr::Expression<$crate::expr::Quotient<$crate::expr::Constant, $Own>>;
            fn div(self, by: $Type) -> Self::Output {
                $crate::expr::Expression($crate::expr::Value::divides(by, $crate::expr::Constant::new(self)))
            }
        }
        impl<$($g)*> std::ops::Neg for $Type {
            type Output = $crate::expr::Expression<<$Own as $crate::expr::Node>::Scaled>;
            fn neg(self) -> Self::Output {
                $crate::expr::Expression($crate::expr::Node::scaled($crate::expr::Operand::node(self), -1.0))
            }
        }
        impl<$($g)*> std::ops::Mul<$Type> for $crate::expr::Complex64
        where
            $crate::expr::Anywhere: $crate::expr::Combine<<$Own as $crate::expr::Node>::At>,
        {
            type Output = $crate::expr::Expression<$crate::expr::Product<$crate::expr::ComplexConstant, $Own>>;
            fn mul(self, of: $Type) -> Self::Output {
                $crate::expr::Expression($crate::expr::Value::times(of, $crate::expr::Operand::node(self)))
            }
        }
    )+};
    (@sum [$($g:tt)*] $Type:ty, $Own:ty, $Trait:ident $function:ident $Op:ident) => {
        impl<B_: $crate::expr::Value, $($g)*> std::ops::$Trait<B_> for $Type
        where
            $Own: $crate::expr::Node<At: $crate::expr::Combine<<B_::Node as $crate::expr::Node>::At>>,
        {
            type Output = $crate::expr::Expression<$crate::expr::$Op<$Own, B_::Node>>;
            fn $function(self, b: B_) -> Self::Output {
                $crate::expr::operators::$function($crate::expr::Operand::node(self), b.value())
            }
        }
        impl<$($g)*> std::ops::$Trait<$Type> for f64
        where
            $crate::expr::Anywhere: $crate::expr::Combine<<$Own as $crate::expr::Node>::At>,
        {
            type Output = $crate::expr::Expression<$crate::expr::$Op<$crate::expr::Constant, $Own>>;
            fn $function(self, b: $Type) -> Self::Output {
                $crate::expr::operators::$function($crate::expr::Constant::new(self), $crate::expr::Operand::node(b))
            }
        }
    };
    (@product [$($g:tt)*] $Type:ty, $Own:ty, $Trait:ident $function:ident $Of:ident $of:ident) => {
        impl<B_: $crate::expr::Value, $($g)*> std::ops::$Trait<B_> for $Type
        where
            $Own: $crate::expr::Node<At: $crate::expr::Combine<<B_::Node as $crate::expr::Node>::At>>,
        {
            type Output = $crate::expr::Expression<B_::$Of<$Own>>;
            fn $function(self, b: B_) -> Self::Output {
                $crate::expr::Expression(b.$of($crate::expr::Operand::node(self)))
            }
        }
    };
}

/// a + b.
#[doc(hidden)]
pub fn add<A, B>(a: A, b: B) -> Expression<Sum<A, B>> {
    Expression(Sum(a, b))
}
/// a − b.
#[doc(hidden)]
pub fn sub<A, B>(a: A, b: B) -> Expression<Difference<A, B>> {
    Expression(Difference(a, b))
}

crate::expression_operators! {
    [A: Node] Expression<A>, A;
}
