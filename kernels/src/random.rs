//! Random numbers as functions of a seed and a key, such as the global key of a cell. They depend neither on the decomposition
//! nor on the order in which cells are visited. The generator has no state.
//!
//! The generator is Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3, SC 2011):
//! ten rounds of multiplication and exchange over a 128-bit counter, here (key, draw), under a 64-bit key, here the seed.
//! It passes the BigCrush suite (L'Ecuyer, Simard: TestU01, ACM TOMS 33, 2007).
use crate::math;

const MULTIPLIERS: [u32; 2] = [0xd251_1f53, 0xcd9e_8d57];
/// The golden ratio and √3 − 1, as fractions of 2³².
const WEYL: [u32; 2] = [0x9e37_79b9, 0xbb67_ae85];

/// Philox4x32-10: returns four random words for a counter and a key.
pub const fn philox4x32(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    let mut round = 0;
    while round < 10 {
        let low = MULTIPLIERS[0] as u64 * counter[0] as u64;
        let high = MULTIPLIERS[1] as u64 * counter[2] as u64;
        counter = [
            (high >> 32) as u32 ^ counter[1] ^ key[0],
            high as u32,
            (low >> 32) as u32 ^ counter[3] ^ key[1],
            low as u32,
        ];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        round += 1;
    }
    counter
}

/// Returns 128 random bits, independent for every (seed, key, draw).
pub const fn bits(seed: u64, key: u64, draw: u64) -> [u64; 2] {
    let counter = [key as u32, (key >> 32) as u32, draw as u32, (draw >> 32) as u32];
    let [a, b, c, d] = philox4x32(counter, [seed as u32, (seed >> 32) as u32]);
    [a as u64 | (b as u64) << 32, c as u64 | (d as u64) << 32]
}

/// Returns a multiple of 2⁻⁵³ in [0, 1).
const fn fraction(bits: u64) -> f64 {
    (bits >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
}

/// Returns a random number that is uniform in [0, 1).
///
/// ```
/// use halocline_kernels::random::uniform;
/// assert_eq!(uniform(1, 42), uniform(1, 42));
/// assert_ne!(uniform(1, 42), uniform(2, 42));
/// ```
pub fn uniform(seed: u64, key: u64) -> f64 {
    uniform_draw(seed, key, 0)
}

/// Returns a random number that is uniform in [0, 1), for several independent draws with one key.
pub fn uniform_draw(seed: u64, key: u64, draw: u64) -> f64 {
    fraction(bits(seed, key, draw)[0])
}

/// Returns a normally distributed random number, mean 0, variance 1, |x| < 8.58 (Box and Muller, Ann. Math. Stat. 29, 1958).
pub fn normal(seed: u64, key: u64) -> f64 {
    normal_draw(seed, key, 0)
}

/// Returns a normally distributed random number, for several independent draws with one key. It uses the same bits as
/// [`uniform_draw`] with this draw; use different draws for independent numbers.
pub fn normal_draw(seed: u64, key: u64, draw: u64) -> f64 {
    let [a, b] = bits(seed, key, draw);
    // In (0, 1], so the logarithm is finite.
    let radius = (-2.0 * math::ln(1.0 - fraction(a))).sqrt();
    radius * math::cos(2.0 * math::PI * fraction(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        // From the known-answer tests that come with the authors' Random123: zeros, ones, digits of π.
        assert_eq!(philox4x32([0; 4], [0; 2]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
        assert_eq!(philox4x32([u32::MAX; 4], [u32::MAX; 2]), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
        assert_eq!(
            philox4x32([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]),
            [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]
        );
        assert_eq!(bits(0, 0, 0), [0xe169c58d_6627e8d5, 0x9b00dbd8_bc57ac4c]);
    }

    #[test]
    fn fractions_stay_below_one() {
        assert_eq!(fraction(0), 0.0);
        assert_eq!(fraction(u64::MAX), 1.0_f64.next_down());
    }

    /// Mean, variance, third and fourth moment about zero.
    fn moments(numbers: impl Iterator<Item = f64> + Clone) -> [f64; 4] {
        let n = numbers.clone().count() as f64;
        [1, 2, 3, 4].map(|p| numbers.clone().map(|x| math::powi(x, p)).sum::<f64>() / n)
    }

    const N: u64 = 200_000;

    #[test]
    fn uniform_moments_and_histogram() {
        for (seed, draw) in [(0, 0), (1, 0), (0, 1), (u64::MAX, 7)] {
            let numbers = (0..N).map(|key| uniform_draw(seed, key, draw));
            let mut counts = [0_u32; 100];
            for (p, m) in moments(numbers.clone()).iter().enumerate() {
                // Five standard deviations of the mean of x^p, which is below 0.3/√N for each.
                assert!((m - 1.0 / (p + 2) as f64).abs() < 5.0 * 0.3 / (N as f64).sqrt(), "moment {}: {m}", p + 1);
            }
            numbers.for_each(|x| counts[(x * 100.0) as usize] += 1);
            let expected = N as f64 / 100.0;
            let chi2: f64 = counts.iter().map(|&c| (c as f64 - expected) * (c as f64 - expected) / expected).sum();
            // 99 degrees of freedom: mean 99, standard deviation 14.
            assert!((42.0..170.0).contains(&chi2), "χ² = {chi2}");
        }
    }

    #[test]
    fn normal_moments_and_tails() {
        let numbers = (0..N).map(|key| normal(3, key));
        // Variances of x, x², x³, x⁴ are 1, 2, 15, 96.
        for ((m, expected), variance) in
            moments(numbers.clone()).iter().zip([0.0, 1.0, 0.0, 3.0]).zip([1.0, 2.0, 15.0, 96.0_f64])
        {
            assert!((m - expected).abs() < 5.0 * (variance / N as f64).sqrt(), "{m} instead of {expected}");
        }
        for (limit, share) in [(1.0, 0.317_310_5), (2.0, 0.045_500_3), (3.0, 0.002_699_8)] {
            let outside = numbers.clone().filter(|x| x.abs() > limit).count() as f64;
            let expected = share * N as f64;
            assert!((outside - expected).abs() < 5.0 * expected.sqrt(), "{outside} beyond {limit}, not {expected}");
        }
    }

    #[test]
    fn neighbours_are_independent() {
        type Pair = fn(u64) -> (f64, f64);
        let pairs: [Pair; 5] = [
            |k| (uniform(0, k), uniform(0, k + 1)),
            |k| (uniform(0, k), uniform(0, k + (1 << 32))),
            |k| (uniform(0, k), uniform(1, k)),
            |k| (uniform_draw(0, k, 0), uniform_draw(0, k, 1)),
            |k| (uniform(k, 0), uniform(0, k + 1)),
        ];
        for (i, pair) in pairs.into_iter().enumerate() {
            let covariance = (0..N).map(pair).map(|(a, b)| (a - 0.5) * (b - 0.5)).sum::<f64>() / N as f64;
            assert!(covariance.abs() < 5.0 / 12.0 / (N as f64).sqrt(), "pair {i}: covariance {covariance}");
        }
    }

    #[test]
    fn one_bit_of_any_input_flips_half_of_the_output() {
        for bit in 0..64 {
            let flipped = |f: &dyn Fn(u64) -> [u64; 2]| -> u32 {
                (0..64)
                    .map(|i| {
                        (0..2).map(|w| (f(i << 40 | i)[w] ^ f((i << 40 | i) ^ 1 << bit)[w]).count_ones()).sum::<u32>()
                    })
                    .sum()
            };
            for count in [flipped(&|i| bits(i, 5, 0)), flipped(&|i| bits(5, i, 0)), flipped(&|i| bits(5, 0, i))] {
                // Of 8192 bits half, with a standard deviation of 45.
                assert!((4096 - 230..4096 + 230).contains(&count), "bit {bit}: {count}");
            }
        }
    }
}
