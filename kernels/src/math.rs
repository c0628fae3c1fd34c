//! Transcendental functions from the pure-Rust `libm`, with the same bits on every machine. The functions of the C library, and
//! so those of `std`, differ between CPUs; a lint disallows them in this project.
pub use std::f64::consts::PI;

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident = $function:ident),+ $(,)?) => {
        $($(#[$doc])* #[inline] pub fn $name(x: f64) -> f64 { libm::$function(x) })+
    };
}
functions! {
    /// e to the power of x.
    exp = exp,
    /// Natural logarithm.
    ln = log,
    /// Sine of radians.
    sin = sin,
    /// Cosine of radians.
    cos = cos,
    /// Tangent of radians.
    tan = tan,
    /// Arc sine, in radians.
    asin = asin,
    /// Arc cosine, in radians.
    acos = acos,
    /// Arc tangent, in radians.
    atan = atan,
    /// Hyperbolic sine.
    sinh = sinh,
    /// Hyperbolic cosine.
    cosh = cosh,
    /// Hyperbolic tangent.
    tanh = tanh,
}

/// x to the power of p.
#[inline]
pub fn pow(x: f64, p: f64) -> f64 {
    libm::pow(x, p)
}

/// The angle of the point (x, y), in radians.
#[inline]
pub fn atan2(y: f64, x: f64) -> f64 {
    libm::atan2(y, x)
}

/// The square root of x² + y², without intermediate overflow.
#[inline]
pub fn hypot(x: f64, y: f64) -> f64 {
    libm::hypot(x, y)
}

/// x to an integer power, by repeated squaring in a fixed order.
///
/// ```
/// assert_eq!(halocline_kernels::math::powi(1.5, 3), 3.375);
/// assert_eq!(halocline_kernels::math::powi(2.0, -2), 0.25);
/// ```
pub fn powi(x: f64, n: i32) -> f64 {
    let (mut base, mut n, mut result) = (if n < 0 { 1.0 / x } else { x }, n.unsigned_abs(), 1.0);
    while n > 0 {
        if n & 1 == 1 {
            result *= base;
        }
        base *= base;
        n >>= 1;
    }
    result
}
