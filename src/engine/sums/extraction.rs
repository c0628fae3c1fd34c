//! Error-free extraction, the vectorised part of exact sums: a chunk of floats is reduced to two integers, each with its unit.
//!
//! With a unit `U` (a power of two) and `M = 1.5·2⁵²·U`, the spacing of floats near `M` is `U`. So for `|x| ≤ 2⁵⁰·U`
//! - `t = x + M` rounds x to a multiple of `U`, and `bits(t) − bits(M)` is that multiple as an integer of at most 2⁵⁰;
//! - `q = t − M` and `r = x − q` are exact, and `|r| ≤ U/2`.
//!
//! The integers add up without rounding, in any order and any number of lanes. A second round with the unit `2⁻⁵¹·U`
//! does the same for the `r`. The two rounds hold 101 bits below the largest value, which is all of the chunk unless
//! its values span more than 2⁴⁷ or so.
//! (The extraction is that of Rump, Ogita, Oishi: Accurate floating-point summation I, SIAM J. Sci. Comput. 31, 2008.)
use crate::base::instruction_sets::compiled_for_each_set;

/// Most values in one chunk: 16 KiB, so that it stays in L1 between the passes, and 2¹¹·2⁵⁰ fits an `i64`.
pub(super) const CHUNK: usize = 2048;

/// Exponent of the smallest positive float, 2⁻¹⁰⁷⁴: every float is a multiple of it.
pub(super) const LOWEST: i32 = -1074;

/// 2¹⁰¹⁵: chunks with such a value are not extracted, since `M` would come too near to overflow.
pub(super) const TOO_LARGE: f64 = f64::from_bits((1015 + 1023) << 52);

/// Bits of the multiples of `U`.
const BITS: i32 = 50;

/// The exact sum of a chunk, `Σ sums[i]·2^exponents[i]`, if nothing is left over.
pub(super) struct Extracted {
    pub sums: [i64; 2],
    pub exponents: [i32; 2],
    /// False if parts of some values lie below both units.
    pub complete: bool,
}

/// The exponent e of the least power of two above |x|: `|x| < 2^e`, for finite x.
fn exponent_above(x: f64) -> i32 {
    ((x.to_bits() >> 52) & 0x7ff) as i32 - 1022
}

/// 2^e for `-1074 ≤ e ≤ 1023`.
fn power_of_two(e: i32) -> f64 {
    f64::from_bits(if e < -1022 { 1 << (e - LOWEST) } else { ((e + 1023) as u64) << 52 })
}

/// Units and the numbers `M` for values up to `largest`.
fn scales(largest: f64) -> ([i32; 2], [f64; 2]) {
    let first = (exponent_above(largest) - BITS).max(LOWEST);
    let exponents = [first, (first - BITS - 1).max(LOWEST)];
    (exponents, exponents.map(|e| 1.5 * power_of_two(e + 52)))
}

compiled_for_each_set! {
    /// The largest |x|; NaN if there is one.
    pub(super) fn largest(set; xs: &[f64]) -> f64 = largest_body;
}

compiled_for_each_set! {
    /// The sum of at most [`CHUNK`] values, none of them above `largest`, which is below [`TOO_LARGE`]; and the largest
    /// |x| of the chunk that comes next, which has at most as many: its memory latency is hidden behind the arithmetic.
    pub(super) fn extract(set; xs: &[f64], largest: f64, next: &[f64]) -> (Extracted, f64) = extract_body;
}

compiled_for_each_set! {
    /// Like [`extract`], and subtracts the extracted part from the values.
    pub(super) fn extract_in_place(set; xs: &mut [f64], largest: f64) -> Extracted = extract_in_place_body;
}

compiled_for_each_set! {
    /// The product of each pair, and the largest of their magnitudes; NaN if there is one.
    pub(super) fn multiply(set; a: &[f64], b: &[f64], products: &mut [f64]) -> f64 = multiply_body;
}

// The loops below are plain ones: integer sums, ors and maxima may be reordered, so the compiler makes vectors of them.

/// As integers, magnitudes have the order that they have as floats, with the NaNs above infinity.
#[inline(always)]
fn magnitude(x: f64) -> i64 {
    (x.to_bits() << 1 >> 1) as i64
}

#[inline(always)]
fn largest_body(xs: &[f64]) -> f64 {
    f64::from_bits(xs.iter().fold(0, |m, &x| m.max(magnitude(x))) as u64)
}

/// The sums of multiples so far, and the bits of what lies below both units.
#[derive(Default)]
struct Sums {
    first: i64,
    second: i64,
    rest: u64,
}

impl Sums {
    /// Adds x and returns what lies below both units.
    #[inline(always)]
    fn add(&mut self, x: f64, [m, n]: [f64; 2]) -> f64 {
        let t = x + m;
        let r = x - (t - m);
        let u = r + n;
        let rest = r - (u - n);
        self.first = self.first.wrapping_add(t.to_bits() as i64);
        self.second = self.second.wrapping_add(u.to_bits() as i64);
        self.rest |= rest.to_bits();
        rest
    }

    /// Subtracts `bits(M)` once for each of the `terms`.
    #[inline(always)]
    fn finish(self, terms: usize, [m, n]: [f64; 2], exponents: [i32; 2]) -> Extracted {
        let without = |sum: i64, m: f64| sum.wrapping_sub((m.to_bits() as i64).wrapping_mul(terms as i64));
        // Ignore the sign: the remainder of −0 is −0.
        Extracted { sums: [without(self.first, m), without(self.second, n)], exponents, complete: self.rest << 1 == 0 }
    }
}

#[inline(always)]
fn extract_body(xs: &[f64], largest: f64, next: &[f64]) -> (Extracted, f64) {
    let (exponents, m) = scales(largest);
    let mut sums = Sums::default();
    let mut next_largest = 0;
    for (&x, &y) in xs.iter().zip(next) {
        sums.add(x, m);
        next_largest = next_largest.max(magnitude(y));
    }
    for &x in &xs[next.len()..] {
        sums.add(x, m);
    }
    (sums.finish(xs.len(), m, exponents), f64::from_bits(next_largest as u64))
}

#[inline(always)]
fn extract_in_place_body(xs: &mut [f64], largest: f64) -> Extracted {
    let (exponents, m) = scales(largest);
    let mut sums = Sums::default();
    for x in xs.iter_mut() {
        *x = sums.add(*x, m);
    }
    sums.finish(xs.len(), m, exponents)
}

#[inline(always)]
fn multiply_body(a: &[f64], b: &[f64], products: &mut [f64]) -> f64 {
    let mut largest = 0;
    for (product, (a, b)) in products.iter_mut().zip(a.iter().zip(b)) {
        *product = a * b;
        largest = largest.max(magnitude(*product));
    }
    f64::from_bits(largest as u64)
}
