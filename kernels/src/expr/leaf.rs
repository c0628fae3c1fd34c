//! The leaves of expressions: fields, scalars, profiles and constants.
use super::arithmetic::Scaled;
use super::context::Context;
use super::location::{Anywhere, LocationOfField};
use super::name::{Anonymous, Name, Names};
use super::node::{Evaluate, Node};
use super::read::{Leaf, Offset, Source};
use super::shared::{Structures, structure};
use crate::element::{Element, Real};
use crate::sealed::Sealed;
use num_complex::Complex;
use std::marker::PhantomData;

/// A field with elements `T` at the location `L`, which the compiler knows as `N`.
pub struct FieldLeaf<T, L, N = Anonymous> {
    leaf: Leaf,
    spacing: [f64; 3],
    element: PhantomData<fn() -> T>,
    location: PhantomData<fn() -> L>,
    name: PhantomData<fn() -> N>,
}
impl<T, L, N> Clone for FieldLeaf<T, L, N> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}
impl<T, L, N> Copy for FieldLeaf<T, L, N> {}
impl<T, L, N> FieldLeaf<T, L, N> {
    /// The field `id` of the model `owner`, on a grid with this spacing (z, y, x).
    pub const fn new(owner: u64, id: usize, spacing: [f64; 3]) -> Self {
        FieldLeaf {
            leaf: Leaf::new(Source::Field { owner, id }),
            spacing,
            element: PhantomData,
            location: PhantomData,
            name: PhantomData,
        }
    }
}
impl<T, L, N> Sealed for FieldLeaf<T, L, N> {}
impl<T: Element, L: LocationOfField, N: Name> Node for FieldLeaf<T, L, N> {
    type At = L;
    type Scaled = Scaled<Self>;
    const NAMES: Names = Names::NONE.with(N::KEY);
    const STRUCTURE: u64 = N::KEY;
    const STRUCTURES: Structures = Structures::NONE;
    fn scaled(self, by: f64) -> Scaled<Self> {
        Scaled { of: self, by }
    }
    fn leaves(&mut self, f: &mut dyn FnMut(&mut Leaf, u64)) {
        f(&mut self.leaf, N::KEY)
    }
    fn spacing(&self) -> Option<[f64; 3]> {
        Some(self.spacing)
    }
}
impl<T: Element, L: LocationOfField, N: Name> Evaluate<T> for FieldLeaf<T, L, N> {
    #[inline(always)]
    fn eval<C: Context>(&self, c: &C, at: Offset) -> T {
        c.field::<T, N>(&self.leaf, at)
    }
}

/// A field of real numbers in an expression of other real numbers, to which its values are rounded.
#[derive(Clone, Copy)]
pub struct Cast<U, L, N>(pub(super) FieldLeaf<U, L, N>);
impl<U, L, N> Sealed for Cast<U, L, N> {}
impl<U: Real, L: LocationOfField, N: Name> Node for Cast<U, L, N>
where
    Self: Copy,
{
    type At = L;
    type Scaled = Scaled<Self>;
    const NAMES: Names = Names::NONE.with(N::KEY);
    const STRUCTURE: u64 = N::KEY;
    const STRUCTURES: Structures = Structures::NONE;
    fn scaled(self, by: f64) -> Scaled<Self> {
        Scaled { of: self, by }
    }
    fn leaves(&mut self, f: &mut dyn FnMut(&mut Leaf, u64)) {
        self.0.leaves(f)
    }
    fn spacing(&self) -> Option<[f64; 3]> {
        self.0.spacing()
    }
}
impl<T: Real, U: Real, L: LocationOfField, N: Name> Evaluate<T> for Cast<U, L, N>
where
    Self: Copy,
{
    #[inline(always)]
    fn eval<C: Context>(&self, c: &C, at: Offset) -> T {
        T::of(Evaluate::<U>::eval(&self.0, c, at).f64())
    }
}

/// A leaf that is a real number, whatever the numbers of the expression, and has no location.
macro_rules! coefficient {
    ($(#[$doc:meta])* $Leaf:ident $([const $A:ident])? { $member:ident: $type:ty } -> $Scaled:ty,
     |$s:ident, $by:ident| $scaled:expr, |$f:ident| $leaves:expr, |$c:ident, $at:ident, $R:ident| $real:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $Leaf$(<const $A: usize>)? { pub(super) $member: $type }
        impl$(<const $A: usize>)? Sealed for $Leaf$(<$A>)? {}
        impl$(<const $A: usize>)? Node for $Leaf$(<$A>)? {
            type At = Anywhere;
            type Scaled = $Scaled;
            const NAMES: Names = Names::NONE;
            const STRUCTURE: u64 = structure(stringify!($Leaf), 0 $(+ $A as u64)?, &[]);
            const STRUCTURES: Structures = Structures::NONE.with(Self::STRUCTURE);
            const REAL: bool = true;
            fn scaled(self, $by: f64) -> $Scaled { let $s = self; $scaled }
            fn leaves(&mut self, $f: &mut dyn FnMut(&mut Leaf, u64)) { let $s = self; $leaves }
            fn spacing(&self) -> Option<[f64; 3]> { None }
        }
        impl<T: Element $(, const $A: usize)?> Evaluate<T> for $Leaf$(<$A>)? {
            #[inline(always)]
            fn eval<C: Context>(&self, c: &C, at: Offset) -> T {
                T::from_real(Evaluate::<T>::real(self, c, at))
            }
            #[inline(always)]
            fn real<C: Context>(&self, $c: &C, $at: Offset) -> T::Real { type $R<T> = <T as Element>::Real; let $s = self; $real }
        }
    };
}
coefficient!(
    /// A constant, in double precision until it is rounded to the numbers of the expression.
    Constant { value: f64 } -> Constant,
    |s, by| Constant { value: s.value * by }, |_f| { let _ = s; }, |c, _at, R| R::<T>::of(c.constant::<Constant>(s.value))
);
coefficient!(
    /// A scalar of a model.
    ScalarLeaf { leaf: Leaf } -> Scaled<ScalarLeaf>,
    |s, by| Scaled { of: s, by }, |f| f(&mut s.leaf, 0), |c, _at, R| c.scalar::<R<T>, ScalarLeaf>(&s.leaf)
);
coefficient!(
    /// Coefficients along an axis.
    ProfileLeaf[const A] { leaf: Leaf } -> Scaled<ProfileLeaf<A>>,
    |s, by| Scaled { of: s, by }, |f| f(&mut s.leaf, 0), |c, at, R| c.profile::<R<T>, ProfileLeaf<A>, A>(&s.leaf, at)
);

impl Constant {
    /// The constant `value`.
    pub const fn new(value: f64) -> Constant {
        Constant { value }
    }
}
impl ScalarLeaf {
    /// The scalar `id` of the model `owner`.
    pub const fn new(owner: u64, id: usize) -> ScalarLeaf {
        ScalarLeaf { leaf: Leaf::new(Source::Scalar { owner, id }) }
    }
}
impl<const AXIS: usize> ProfileLeaf<AXIS> {
    /// The profile `id` of the model `owner`.
    pub const fn new(owner: u64, id: usize) -> ProfileLeaf<AXIS> {
        ProfileLeaf { leaf: Leaf::new(Source::Profile { owner, id, axis: AXIS }) }
    }
}

/// A complex constant.
#[derive(Clone, Copy, Debug)]
pub struct ComplexConstant(pub(super) Complex<f64>);
impl Sealed for ComplexConstant {}
impl Node for ComplexConstant {
    type At = Anywhere;
    type Scaled = Self;
    const NAMES: Names = Names::NONE;
    const STRUCTURE: u64 = structure("complex", 0, &[]);
    const STRUCTURES: Structures = Structures::NONE.with(Self::STRUCTURE);
    fn scaled(self, by: f64) -> Self {
        ComplexConstant(self.0 * by)
    }
    fn leaves(&mut self, _: &mut dyn FnMut(&mut Leaf, u64)) {}
    fn spacing(&self) -> Option<[f64; 3]> {
        None
    }
}
impl<R: Real> Evaluate<Complex<R>> for ComplexConstant
where
    Complex<R>: Element,
{
    #[inline(always)]
    fn eval<C: Context>(&self, c: &C, _: Offset) -> Complex<R> {
        let [re, im, _] = c.constants::<Self>([self.0.re, self.0.im, 0.0]);
        Complex::from_parts([re, im])
    }
}
