//! The numbers that fields are made of.
use crate::sealed::Sealed;
use num_complex::Complex;
use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};

/// The type of the numbers in an array. Fields have one of the first four types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ElementType {
    /// 32-bit float.
    F32,
    /// 64-bit float.
    F64,
    /// Two 32-bit floats: real and imaginary part.
    C32,
    /// Two 64-bit floats: real and imaginary part.
    C64,
    /// 64-bit signed integer.
    I64,
    /// Byte.
    U8,
}

impl ElementType {
    /// Bytes of one number.
    pub const fn size(self) -> usize {
        match self {
            ElementType::F32 => 4,
            ElementType::F64 | ElementType::C32 | ElementType::I64 => 8,
            ElementType::C64 => 16,
            ElementType::U8 => 1,
        }
    }

    /// Real numbers in one number: 1, or 2 if complex.
    pub const fn parts(self) -> usize {
        match self {
            ElementType::F32 | ElementType::F64 | ElementType::I64 | ElementType::U8 => 1,
            ElementType::C32 | ElementType::C64 => 2,
        }
    }

    /// The name in job files and result files: `f32`, `f64`, `c32`, `c64`, `i64` or `u8`.
    pub const fn name(self) -> &'static str {
        match self {
            ElementType::F32 => "f32",
            ElementType::F64 => "f64",
            ElementType::C32 => "c32",
            ElementType::C64 => "c64",
            ElementType::I64 => "i64",
            ElementType::U8 => "u8",
        }
    }
}

/// A number that a field can hold: `f32`, `f64`, `Complex<f32>`, `Complex<f64>`. Plain bytes, any bit pattern is valid.
pub trait Element:
    Sealed
    + Copy
    + Send
    + Sync
    + 'static
    + Debug
    + Default
    + PartialEq
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + Mul<Self::Real, Output = Self>
{
    /// The float that it is made of.
    type Real: Real;
    /// The type as data.
    const TYPE: ElementType;
    /// The nearest number to `x` (imaginary part zero).
    fn of(x: f64) -> Self;
    /// Real and imaginary part in double precision.
    fn parts(self) -> [f64; 2];
    /// From real and imaginary part; a real number takes the first.
    fn from_parts(parts: [f64; 2]) -> Self;
    /// Neither NaN nor infinite.
    fn is_finite(self) -> bool;
    /// The real number `x` (imaginary part zero).
    fn from_real(x: Self::Real) -> Self;
    /// This times `factor` plus `term`. Real numbers are rounded once, the parts of complex ones twice.
    fn fused(self, factor: Self, term: Self) -> Self;
    /// This times a real `factor` plus `term`, rounded once.
    fn fused_real(self, factor: Self::Real, term: Self) -> Self;
    /// This divided by `by`.
    fn over(self, by: Self) -> Self;
    /// This divided by a real number.
    fn over_real(self, by: Self::Real) -> Self;
}

/// A real number: `f32` or `f64`. Its functions are those of [`crate::math`]: the same bits on every machine.
pub trait Real: Element<Real = Self> + PartialOrd + Div<Output = Self> {
    /// In double precision, exactly.
    fn f64(self) -> f64;
    /// This times `factor` plus `term`, rounded once: one instruction on every CPU since about 2013, and a slow function
    /// with the same bits on older ones and with the instruction set `baseline`.
    fn mul_add(self, factor: Self, term: Self) -> Self;
    /// Square root, correctly rounded.
    fn sqrt(self) -> Self;
    /// Absolute value.
    fn abs(self) -> Self;
    /// The larger; the second if they are equal (so that the sign of a zero is defined) or if either is NaN.
    fn larger(self, other: Self) -> Self;
    /// The smaller; the second if they are equal or if either is NaN.
    fn smaller(self, other: Self) -> Self;
    /// e to the power of this.
    fn exp(self) -> Self;
    /// Natural logarithm.
    fn ln(self) -> Self;
    /// Sine of radians.
    fn sin(self) -> Self;
    /// Cosine of radians.
    fn cos(self) -> Self;
    /// This to the power of `p`.
    fn powf(self, p: Self) -> Self;
}

macro_rules! real {
    ($t:ident, $type:ident, $($name:ident = $function:ident),+) => {
        impl Element for $t {
            type Real = $t;
            const TYPE: ElementType = ElementType::$type;
            #[inline(always)]
            fn of(x: f64) -> $t { x as $t }
            #[inline(always)]
            fn parts(self) -> [f64; 2] { [self as f64, 0.0] }
            #[inline(always)]
            fn from_parts(parts: [f64; 2]) -> $t { parts[0] as $t }
            #[inline(always)]
            fn is_finite(self) -> bool { <$t>::is_finite(self) }
            #[inline(always)]
            fn from_real(x: $t) -> $t { x }
            #[inline(always)]
            fn fused(self, factor: $t, term: $t) -> $t { <$t>::mul_add(self, factor, term) }
            #[inline(always)]
            fn fused_real(self, factor: $t, term: $t) -> $t { <$t>::mul_add(self, factor, term) }
            #[inline(always)]
            fn over(self, by: $t) -> $t { self / by }
            #[inline(always)]
            fn over_real(self, by: $t) -> $t { self / by }
        }
        impl Real for $t {
            #[inline(always)]
            fn f64(self) -> f64 { self as f64 }
            #[inline(always)]
            fn mul_add(self, factor: $t, term: $t) -> $t { <$t>::mul_add(self, factor, term) }
            #[inline(always)]
            fn sqrt(self) -> $t { <$t>::sqrt(self) }
            #[inline(always)]
            fn abs(self) -> $t { <$t>::abs(self) }
            #[inline(always)]
            fn larger(self, other: $t) -> $t { if self > other { self } else { other } }
            #[inline(always)]
            fn smaller(self, other: $t) -> $t { if self < other { self } else { other } }
            $(#[inline] fn $name(self) -> $t { libm::$function(self) })+
            #[inline]
            fn powf(self, p: $t) -> $t { real!(@pow $t)(self, p) }
        }
    };
    (@pow f32) => { libm::powf };
    (@pow f64) => { libm::pow };
}
real!(f32, F32, exp = expf, ln = logf, sin = sinf, cos = cosf);
real!(f64, F64, exp = exp, ln = log, sin = sin, cos = cos);

macro_rules! complex {
    ($t:ident, $type:ident) => {
        impl Element for Complex<$t> {
            type Real = $t;
            const TYPE: ElementType = ElementType::$type;
            #[inline(always)]
            fn of(x: f64) -> Self {
                Complex::new(x as $t, 0.0)
            }
            #[inline(always)]
            fn parts(self) -> [f64; 2] {
                [self.re as f64, self.im as f64]
            }
            #[inline(always)]
            fn from_parts(parts: [f64; 2]) -> Self {
                Complex::new(parts[0] as $t, parts[1] as $t)
            }
            #[inline(always)]
            fn is_finite(self) -> bool {
                self.re.is_finite() && self.im.is_finite()
            }
            #[inline(always)]
            fn from_real(x: $t) -> Self {
                Complex::new(x, 0.0)
            }
            #[inline(always)]
            fn fused(self, factor: Self, term: Self) -> Self {
                Complex::new(
                    self.re.mul_add(factor.re, (-self.im).mul_add(factor.im, term.re)),
                    self.re.mul_add(factor.im, self.im.mul_add(factor.re, term.im)),
                )
            }
            #[inline(always)]
            fn fused_real(self, factor: $t, term: Self) -> Self {
                Complex::new(self.re.mul_add(factor, term.re), self.im.mul_add(factor, term.im))
            }
            #[inline(always)]
            fn over(self, by: Self) -> Self {
                self / by
            }
            #[inline(always)]
            fn over_real(self, by: $t) -> Self {
                Complex::new(self.re / by, self.im / by)
            }
        }
    };
}
complex!(f32, C32);
complex!(f64, C64);
