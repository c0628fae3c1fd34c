//! The vectorised part of exact sums: a chunk of floats is reduced to two integers, each with its unit.
//!
//! With a unit `U` (a power of two) and `M = 1.5·2⁵²·U`, the spacing of floats near `M` is `U`. So for `|x| ≤ 2⁵⁰·U`
//! - `t = x + M` rounds x to a multiple of `U`, and `bits(t) − bits(M)` is that multiple as an integer of at most 2⁵⁰;
//! - `q = t − M` and `r = x − q` are exact, and `|r| ≤ U/2`.
//!
//! The integers add up without rounding, in any order and any number of lanes. A second round with the unit `2⁻⁵¹·U`
//! does the same for the `r`. The two rounds hold 101 bits below the largest value, which is all of the chunk unless
//! its values span more than 2⁴⁷ or so.
//! (The extraction is that of Rump, Ogita, Oishi: Accurate floating-point summation I, SIAM J. Sci. Comput. 31, 2008.)
use crate::instructions::compiled_for_each_set;

/// Most values in one chunk: 16 KiB, so that it stays in L1 between the passes, and 2¹¹·2⁵⁰ fits an `i64`.
pub(super) const CHUNK: usize = 2048;

/// Exponent of the smallest positive float, 2⁻¹⁰⁷⁴: every float is a multiple of it.
pub(super) const LOWEST: i32 = -1074;

/// 2¹⁰¹⁵: chunks with such a value are not peeled, since `M` would come too near to overflow.
pub(super) const TOO_LARGE: f64 = f64::from_bits((1015 + 1023) << 52);

/// Bits of the multiples of `U`.
const BITS: i32 = 50;
/// One 512-bit vector; more lanes would not fit the registers of the baseline.
const LANES: usize = 8;

/// The exact sum of a chunk, `Σ sums[i]·2^exponents[i]`, if nothing is left over.
pub(super) struct Peeled {
    pub sums: [i64; 2],
    pub exponents: [i32; 2],
    /// False if parts of some values lie below both units, or if there is a NaN.
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
    /// The largest |x|, NaNs left out.
    pub(super) fn largest(set; xs: &[f64]) -> f64 = largest_body;
}

compiled_for_each_set! {
    /// The sum of at most [`CHUNK`] values, none of them above `largest`, which is below [`TOO_LARGE`].
    pub(super) fn peel(set; xs: &[f64], largest: f64) -> Peeled = peel_body;
}

compiled_for_each_set! {
    /// The same, and takes what was summed out of the values.
    pub(super) fn peel_off(set; xs: &mut [f64], largest: f64) -> Peeled = peel_off_body;
}

#[inline(always)]
fn largest_body(xs: &[f64]) -> f64 {
    // A comparison with a NaN is false, so the NaN is passed over.
    let larger = |m: f64, x: f64| if x.abs() > m { x.abs() } else { m };
    let (blocks, tail) = xs.as_chunks::<{ 4 * LANES }>();
    let mut lanes = [0.0; 4 * LANES];
    for block in blocks {
        for (m, &x) in lanes.iter_mut().zip(block) {
            *m = larger(*m, x);
        }
    }
    lanes.iter().chain(tail).fold(0.0, |m, &x| larger(m, x))
}

/// The accumulators of one vector of lanes.
struct Lanes {
    m: [f64; 2],
    sums: [[i64; LANES]; 2],
    rest: [u64; LANES],
}

impl Lanes {
    #[inline(always)]
    fn new(m: [f64; 2]) -> Lanes {
        Lanes { m, sums: [[0; LANES]; 2], rest: [0; LANES] }
    }

    /// Adds x in lane i and returns what lies below both units.
    #[inline(always)]
    fn add(&mut self, i: usize, x: f64) -> f64 {
        let mut r = x;
        for (m, sums) in self.m.iter().zip(&mut self.sums) {
            let t = r + m;
            sums[i] = sums[i].wrapping_add(t.to_bits().wrapping_sub(m.to_bits()) as i64);
            r -= t - m;
        }
        self.rest[i] |= r.to_bits();
        r
    }

    #[inline(always)]
    fn finish(self, exponents: [i32; 2]) -> Peeled {
        let sums = self.sums.map(|lanes| lanes.iter().fold(0_i64, |sum, &s| sum.wrapping_add(s)));
        // Without the sign: what is left of −0 is −0.
        let complete = self.rest.iter().all(|&bits| bits << 1 == 0);
        Peeled { sums, exponents, complete }
    }
}

#[inline(always)]
fn peel_body(xs: &[f64], largest: f64) -> Peeled {
    let (exponents, m) = scales(largest);
    let mut lanes = Lanes::new(m);
    let (blocks, tail) = xs.as_chunks::<LANES>();
    for block in blocks {
        for i in 0..LANES {
            lanes.add(i, block[i]);
        }
    }
    for (i, &x) in tail.iter().enumerate() {
        lanes.add(i, x);
    }
    lanes.finish(exponents)
}

#[inline(always)]
fn peel_off_body(xs: &mut [f64], largest: f64) -> Peeled {
    let (exponents, m) = scales(largest);
    let mut lanes = Lanes::new(m);
    let (blocks, tail) = xs.as_chunks_mut::<LANES>();
    for block in blocks {
        for i in 0..LANES {
            block[i] = lanes.add(i, block[i]);
        }
    }
    for (i, x) in tail.iter_mut().enumerate() {
        *x = lanes.add(i, *x);
    }
    lanes.finish(exponents)
}
