//! Exact sums of floats.
use super::extraction::{self, CHUNK, LOWEST, TOO_LARGE};
use halocline_kernels::InstructionSet;

/// Digits of 32 bits: 2⁻¹⁰⁷⁴ … 2¹⁰²⁴ is 2098 bits; 68 digits leave 2⁶⁴ terms of the largest size and a sign.
const DIGITS: usize = 68;
/// Digit sums stay below 2³²·2³⁰ between two carries.
const MOST_DEPOSITS: u32 = 1 << 30;

/// The exact sum of any number of floats (below 2⁶⁴), rounded once, to the nearest `f64`, when it is read. So it depends
/// neither on the order of the terms nor on how ranks, threads and vectors share them, and cancellation costs nothing:
///
/// ```
/// use halocline::engine::sums::ExactSum;
/// let mut sum = ExactSum::new();
/// sum.add_slice(&[1e308, 3.0, 1e308, -1e308, 1e-308, -1e308]);
/// assert_eq!(sum.value(), 3.0);
/// ```
///
/// It holds the sum as an integer multiple of 2⁻¹⁰⁷⁴, the smallest positive `f64`, in digits of 32 bits (a Kulisch
/// accumulator: Kulisch, Computer Arithmetic and Validity, 2013), filled a chunk at a time by vector code.
/// A NaN, or infinities of both signs, make it NaN; one kind of infinity makes it that infinity. A sum of zero is +0.
#[derive(Clone, Debug)]
pub struct ExactSum {
    /// Little end first, digits may stand above 32 bits or below 0 until the next carry.
    digits: [i64; DIGITS],
    /// Number of NaN, +∞, −∞.
    specials: [i64; 3],
    /// Additions to the digits since the last carry.
    deposits: u32,
}

impl Default for ExactSum {
    fn default() -> ExactSum {
        ExactSum::new()
    }
}

impl ExactSum {
    /// Integers in [`ExactSum::words`].
    pub const WORDS: usize = DIGITS + 3;

    /// No terms: zero.
    pub fn new() -> ExactSum {
        ExactSum { digits: [0; DIGITS], specials: [0; 3], deposits: 0 }
    }

    /// Adds one term. Many are added faster by [`ExactSum::add_slice`] or `extend`.
    pub fn add(&mut self, x: f64) {
        let bits = x.to_bits();
        let field = (bits >> 52) & 0x7ff;
        let fraction = (bits & ((1 << 52) - 1)) as i64;
        let sign = if x.is_sign_negative() { -1 } else { 1 };
        match field {
            0x7ff if fraction != 0 => self.specials[0] += 1,
            0x7ff => self.specials[if sign > 0 { 1 } else { 2 }] += 1,
            0 => self.deposit(sign * fraction, 0),
            _ => self.deposit(sign * (fraction | 1 << 52), field as usize - 1),
        }
    }

    /// Adds many terms.
    pub fn add_slice(&mut self, terms: &[f64]) {
        self.add_slice_with(InstructionSet::best(), terms);
    }

    /// Adds the products `a[i]·b[i]`, each rounded to an `f64` (so a dot product has the rounding errors of its
    /// products and of one final rounding, and none of the additions).
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn add_products(&mut self, a: &[f64], b: &[f64]) {
        assert_eq!(a.len(), b.len(), "the two arrays of a dot product have different lengths");
        // Shorter than a chunk, since rows of a few hundred cells come here, too, and the buffer has to be cleared.
        let (set, mut products) = (InstructionSet::best(), [0.0; CHUNK / 4]);
        for (a, b) in a.chunks(products.len()).zip(b.chunks(products.len())) {
            let products = &mut products[..a.len()];
            let largest = extraction::multiply(set, a, b, products);
            self.add_chunk(set, products, largest, &[]);
        }
    }

    pub(super) fn add_slice_with(&mut self, set: InstructionSet, terms: &[f64]) {
        let mut chunks = terms.chunks(CHUNK).peekable();
        let mut largest = chunks.peek().map_or(0.0, |first| extraction::largest(set, first));
        while let Some(chunk) = chunks.next() {
            largest = self.add_chunk(set, chunk, largest, chunks.peek().copied().unwrap_or_default());
        }
    }

    /// Adds a chunk with the largest magnitude `largest`; returns the largest magnitude of the next chunk.
    fn add_chunk(&mut self, set: InstructionSet, chunk: &[f64], largest: f64, next: &[f64]) -> f64 {
        if largest.is_nan() || largest >= TOO_LARGE {
            chunk.iter().for_each(|&x| self.add(x));
            return extraction::largest(set, next);
        }
        let (extracted, next_largest) = extraction::extract(set, chunk, largest, next);
        if extracted.complete {
            self.deposit_extracted(&extracted);
        } else {
            self.add_wide(set, chunk, largest);
        }
        next_largest
    }

    /// Adds a chunk of finite values whose range is too wide for one extraction: about 100 bits are extracted at a time.
    fn add_wide(&mut self, set: InstructionSet, chunk: &[f64], mut largest: f64) {
        let mut rest = [0.0; CHUNK];
        let rest = &mut rest[..chunk.len()];
        rest.copy_from_slice(chunk);
        loop {
            let extracted = extraction::extract_in_place(set, rest, largest);
            self.deposit_extracted(&extracted);
            if extracted.complete {
                return;
            }
            largest = extraction::largest(set, rest);
        }
    }

    fn deposit_extracted(&mut self, extracted: &extraction::Extracted) {
        for (&sum, exponent) in extracted.sums.iter().zip(extracted.exponents) {
            self.deposit(sum, (exponent - LOWEST) as usize);
        }
    }

    /// Adds `value · 2^(place − 1074)`.
    fn deposit(&mut self, value: i64, place: usize) {
        let (digit, shift) = (place / 32, place % 32);
        let wide = (value as i128) << shift;
        self.digits[digit] += wide as u32 as i64;
        self.digits[digit + 1] += (wide >> 32) as u32 as i64;
        self.digits[digit + 2] += (wide >> 64) as i64;
        self.count_deposit();
    }

    fn count_deposit(&mut self) {
        self.deposits += 1;
        if self.deposits == MOST_DEPOSITS {
            self.carry();
        }
    }

    /// Brings all digits into 0 … 2³²−1; the last one carries the sign.
    fn carry(&mut self) {
        let mut carry = 0;
        for digit in &mut self.digits[..DIGITS - 1] {
            let sum = *digit + carry;
            *digit = sum & 0xffff_ffff;
            carry = sum >> 32;
        }
        self.digits[DIGITS - 1] += carry;
        self.deposits = 0;
    }

    /// Adds the terms of another sum.
    pub fn merge(&mut self, other: &ExactSum) {
        let mut other = other.clone();
        other.carry();
        self.digits.iter_mut().zip(other.digits).for_each(|(a, b)| *a += b);
        self.specials.iter_mut().zip(other.specials).for_each(|(a, b)| *a += b);
        self.count_deposit();
    }

    /// This sum as integers. Equal sums have equal words; adding the words of up to 2³¹ − 1 sums element by element gives words of
    /// the merged sum (see [`ExactSum::from_words`]), which is what an integer reduction over ranks does.
    pub fn words(&self) -> [i64; ExactSum::WORDS] {
        let mut sum = self.clone();
        sum.carry();
        let mut words = [0; ExactSum::WORDS];
        words[..DIGITS].copy_from_slice(&sum.digits);
        words[DIGITS..].copy_from_slice(&sum.specials);
        words
    }

    /// The sum with these words, or the merged sum if the words of several sums were added.
    pub fn from_words(words: &[i64; ExactSum::WORDS]) -> ExactSum {
        let mut sum = ExactSum::new();
        sum.digits.copy_from_slice(&words[..DIGITS]);
        sum.specials.copy_from_slice(&words[DIGITS..]);
        sum.carry();
        sum
    }

    /// The exact sum, rounded to the nearest `f64` (ties to even).
    pub fn value(&self) -> f64 {
        match self.specials {
            [0, 0, 0] => self.finite_value(),
            [0, _, 0] => f64::INFINITY,
            [0, 0, _] => f64::NEG_INFINITY,
            _ => f64::NAN,
        }
    }

    fn finite_value(&self) -> f64 {
        let mut sum = self.clone();
        sum.carry();
        let negative = sum.digits[DIGITS - 1] < 0;
        if negative {
            sum.digits.iter_mut().for_each(|d| *d = -*d);
            sum.carry();
        }
        let Some(highest) = sum.digits.iter().rposition(|&d| d != 0) else { return 0.0 };

        // The three highest digits have at least 65 bits (or are all there is): 53 for the result, the others to round by.
        let lowest = highest.saturating_sub(2);
        let head = (0..3).fold(0_u128, |head, i| head | (sum.digits[lowest + i] as u128) << (32 * i));
        let anything_below = sum.digits[..lowest].iter().any(|&d| d != 0);
        let dropped_bits = (128 - head.leading_zeros()).saturating_sub(53);
        let kept = (head >> dropped_bits) as u64;
        let dropped = head & ((1 << dropped_bits) - 1);
        let half = (1_u128 << dropped_bits) >> 1;
        let up = dropped_bits > 0 && (dropped > half || dropped == half && (anything_below || kept & 1 == 1));

        // The top bit of `kept` carries into the exponent, and so does rounding up to the next power of two; without any
        // dropped bits this is a subnormal or the next binade, whose bits are the integer itself.
        let place = (32 * lowest) as u64 + dropped_bits as u64;
        let bits = ((place << 52) + kept + up as u64).min(f64::INFINITY.to_bits());
        if negative { -f64::from_bits(bits) } else { f64::from_bits(bits) }
    }
}

impl Extend<f64> for ExactSum {
    fn extend<I: IntoIterator<Item = f64>>(&mut self, terms: I) {
        let (set, mut terms, mut chunk) = (InstructionSet::best(), terms.into_iter(), [0.0; CHUNK]);
        loop {
            let mut n = 0;
            for (slot, x) in chunk.iter_mut().zip(&mut terms) {
                *slot = x;
                n += 1;
            }
            self.add_slice_with(set, &chunk[..n]);
            if n < CHUNK {
                return;
            }
        }
    }
}

impl FromIterator<f64> for ExactSum {
    fn from_iter<I: IntoIterator<Item = f64>>(terms: I) -> ExactSum {
        let mut sum = ExactSum::new();
        sum.extend(terms);
        sum
    }
}
