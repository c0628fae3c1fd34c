//! Compares sums with arbitrary-precision integers, rounded by comparison with both neighbours.
use super::*;
use halocline_kernels::InstructionSet;
use halocline_kernels::math::powi;
use num_bigint::BigInt;
use proptest::prelude::*;

/// A finite x as a multiple of 2⁻¹⁰⁷⁴.
fn whole(x: f64) -> BigInt {
    let (mut fraction, mut place) = (x.to_bits() % (1 << 52), x.to_bits() >> 52 & 0x7ff);
    if place > 0 {
        (fraction, place) = (fraction + (1 << 52), place - 1);
    }
    let magnitude = BigInt::from(fraction) << place;
    if x < 0.0 { -magnitude } else { magnitude }
}

fn exact(terms: &[f64]) -> BigInt {
    terms.iter().map(|&x| whole(x)).sum()
}

/// True if no other `f64` is nearer to the sum, nor as near and even.
fn is_nearest(value: f64, sum: &BigInt) -> bool {
    let limit: BigInt = (whole(f64::MAX) << 1) - whole(f64::MAX.next_down());
    // As if the exponent went on: infinity stands for 2¹⁰²⁴.
    let place = |x: f64| match x {
        f64::INFINITY => limit.clone(),
        f64::NEG_INFINITY => -limit.clone(),
        x => whole(x),
    };
    let distance = |x: f64| (sum - place(x)).magnitude().clone();
    let even = value.to_bits() & 1 == 0;
    let beaten_by = |other: f64| {
        !other.is_nan() && (distance(other) < distance(value) || distance(other) == distance(value) && !even)
    };
    match value {
        f64::INFINITY => *sum >= (&limit + whole(f64::MAX)) >> 1,
        f64::NEG_INFINITY => *sum <= -((&limit + whole(f64::MAX)) >> 1_u32),
        0.0 => value.is_sign_positive() && sum.magnitude() == &0_u32.into(),
        _ => !beaten_by(value.next_up()) && !beaten_by(value.next_down()),
    }
}

/// The sum by every method, which must all agree.
fn sum_of(terms: &[f64]) -> f64 {
    let mut one_by_one = ExactSum::new();
    terms.iter().for_each(|&x| one_by_one.add(x));
    let expected = one_by_one.words();
    for set in InstructionSet::ALL.into_iter().filter(|s| s.is_available()) {
        let mut sum = ExactSum::new();
        sum.add_slice_with(set, terms);
        assert_eq!(sum.words(), expected, "{set:?}");
    }
    assert_eq!(terms.iter().copied().collect::<ExactSum>().words(), expected);
    one_by_one.value()
}

fn check(terms: &[f64]) {
    let value = sum_of(terms);
    assert!(is_nearest(value, &exact(terms)), "{value:e} is not nearest to the sum of {} terms", terms.len());
}

/// Small reproducible numbers for the long arrays, which proptest would take too long to draw.
fn noise(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        state ^ state >> 29
    }
}

#[test]
fn a_sum_is_the_nearest_float_to_the_exact_one() {
    let tiny = f64::from_bits(1);
    let huge = f64::MAX;
    let cases: &[&[f64]] = &[
        &[],
        &[0.0],
        &[-0.0, -0.0],
        &[1.0, 1e100, 1.0, -1e100],
        &[1e308, 3.0, 1e308, -1e308, 1e-308, -1e308],
        &[huge, huge, -huge],
        &[huge, huge],
        &[-huge, -huge, tiny],
        &[huge, huge * powi(2.0, -54)],
        &[huge, powi(2.0, 969)],
        &[huge, powi(2.0, 970), -tiny],
        &[huge, powi(2.0, 970)],
        &[tiny, tiny, -tiny],
        &[tiny; 7],
        &[f64::MIN_POSITIVE, -tiny],
        &[f64::MIN_POSITIVE.next_down(), tiny],
        &[f64::MIN_POSITIVE.next_down(), -huge, huge],
        // ties: to even, and decided by the smallest possible bit far below
        &[powi(2.0, 53), 1.0],
        &[powi(2.0, 53), 3.0],
        &[powi(2.0, 53), 1.0, tiny],
        &[powi(2.0, 53), 1.0, -tiny],
        &[-powi(2.0, 53), -1.0, -tiny],
        &[powi(2.0, 54) - 1.0, 0.5, 0.5, 0.5],
        &[powi(2.0, 1014), 1.0, powi(2.0, 1015), -powi(2.0, 1014)],
    ];
    cases.iter().for_each(|terms| check(terms));
}

#[test]
fn long_arrays_of_every_range() {
    // Widths of the exponent range around and far beyond what one extraction holds; 2049 needs a second chunk.
    for (width, middle) in
        [(0, 1023), (10, 1023), (46, 900), (48, 1023), (52, 30), (101, 60), (102, 1980), (400, 1023), (2046, 1023)]
    {
        for n in [1, 7, 8, 9, 31, 2047, 2048, 2049, 5000] {
            let mut draw = noise(width * 7919 + n as u64);
            let mut terms: Vec<f64> = (0..n)
                .map(|_| {
                    let exponent = (middle + draw() % (width + 1)).saturating_sub(width / 2).min(2046);
                    f64::from_bits(draw() << 63 | exponent << 52 | draw() >> 12)
                })
                .collect();
            check(&terms);
            // All but the lowest bits cancel.
            terms.extend(terms.clone().iter().rev().map(|x| -x));
            terms.push(f64::from_bits(draw() % 5));
            check(&terms);
        }
    }
}

#[test]
fn the_largest_multiples_do_not_overflow_a_chunk() {
    let below_two = 2.0_f64.next_down();
    for sign in [1.0, -1.0] {
        check(&[sign * below_two; 20_000]);
        check(&[sign * f64::MAX; 4096]);
        check(&[sign * f64::MAX * powi(2.0, -9); 20_000]);
    }
}

#[test]
fn not_finite_terms() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    for n in [1, 3000] {
        let with = |special: &[f64]| {
            let mut terms = vec![1e300; n];
            terms.extend(special);
            terms.extend([1e-300; 5]);
            sum_of(&terms)
        };
        assert_eq!(with(&[inf]), inf);
        assert_eq!(with(&[-inf, -inf]), -inf);
        assert!(with(&[inf, -inf]).is_nan());
        assert!(with(&[nan]).is_nan() && with(&[-nan, inf]).is_nan());
    }
    assert!(sum_of(&[0.0, nan, 0.0]).is_nan());
}

#[test]
fn words_of_very_many_sums_add_up() {
    // 2³¹ − 1 equal ranks, each with a sum whose digits are as large as can be.
    for x in [1.0 - f64::EPSILON, -f64::MIN_POSITIVE, f64::MAX, -f64::from_bits(1)] {
        let ranks = (1_i64 << 31) - 1;
        let sum: ExactSum = [x, x / 3.0, -x / 7.0].into_iter().collect();
        let words = sum.words().map(|w| w.wrapping_mul(ranks));
        assert!(is_nearest(ExactSum::from_words(&words).value(), &(exact(&[x, x / 3.0, -x / 7.0]) * ranks)));
    }
}

#[test]
fn products_are_rounded_once_each() {
    let mut draw = noise(5);
    let a: Vec<f64> = (0..5000).map(|_| draw() as i64 as f64).collect();
    let b: Vec<f64> = (0..5000).map(|_| draw() as i64 as f64 * 1e-19).collect();
    let products: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a * b).collect();
    let mut sum = ExactSum::new();
    sum.add_products(&a, &b);
    assert_eq!(sum.value(), sum_of(&products));
}

proptest! {
    #[test]
    fn any_terms_in_any_order_and_any_split(
        mut terms in prop::collection::vec(any::<u64>().prop_map(f64::from_bits).prop_filter("finite", |x| x.is_finite()), 0..60),
        cancelled in 0_usize..60, seed: u64, parts in 1_usize..5,
    ) {
        let mirror: Vec<f64> = terms.iter().take(cancelled).map(|x| -x).collect();
        terms.extend(mirror);
        check(&terms);
        let value = sum_of(&terms);

        let mut draw = noise(seed);
        for i in (1..terms.len()).rev() {
            terms.swap(i, draw() as usize % (i + 1));
        }
        let mut shares = vec![ExactSum::new(); parts];
        terms.iter().for_each(|&x| shares[draw() as usize % parts].add(x));
        let mut merged = ExactSum::new();
        shares.iter().for_each(|share| merged.merge(share));
        prop_assert_eq!(merged.value().to_bits(), value.to_bits());
        prop_assert_eq!(merged.words(), terms.iter().copied().collect::<ExactSum>().words());
    }

    #[test]
    fn extremes_against_a_plain_search(
        values in prop::collection::vec(prop_oneof![
            20 => Just(-0.0), 20 => Just(0.0), 20 => Just(f64::INFINITY), 20 => Just(f64::NEG_INFINITY), 20 => -3.0..3.0,
            20 => any::<u64>().prop_map(f64::from_bits), 1 => Just(f64::NAN), 1 => Just(-f64::NAN),
        ], 0..70), cut in 0_usize..70, swap: bool,
    ) {
        let first_key = u64::MAX / 2 - 20;  // the keys cross the sign bit
        let nan = values.iter().position(|x| x.is_nan());
        // `total_cmp` puts −0 below +0; the first of equals is wanted.
        let smallest = nan.or((0..values.len()).min_by(|&a, &b| values[a].total_cmp(&values[b])));
        let largest = nan.or((0..values.len()).rev().max_by(|&a, &b| values[a].total_cmp(&values[b])));
        let cut = cut.min(values.len());
        for (empty, expected) in [(ArgExtreme::smallest(), smallest), (ArgExtreme::largest(), largest)] {
            // All NaNs are the same one here.
            let bits = |x: f64| if x.is_nan() { f64::NAN.to_bits() } else { x.to_bits() };
            let expected = expected.map(|i| (bits(values[i]), first_key + i as u64));
            let mut one_by_one = empty;
            values.iter().enumerate().rev().for_each(|(i, &x)| one_by_one.add(first_key + i as u64, x));
            prop_assert_eq!(one_by_one.get().map(|(x, key)| (bits(x), key)), expected);
            for set in InstructionSet::ALL.into_iter().filter(|s| s.is_available()) {
                let (mut low, mut high) = (empty, empty);
                low.add_row_with(set, first_key, &values[..cut]);
                high.add_row_with(set, first_key + cut as u64, &values[cut..]);
                let merged = if swap { high.merge(&low); high } else { low.merge(&high); low };
                prop_assert_eq!(merged.get().map(|(x, key)| (bits(x), key)), expected);
            }
        }
    }
}

#[test]
fn ranks_agree_with_one() {
    let mut draw = noise(11);
    let mut values: Vec<f64> = (0..3001).map(|_| f64::from_bits(draw() & !(1 << 62))).collect();
    // The largest value twice, and between them the keys cross the sign bit.
    (values[500], values[2500]) = (2.0, 2.0);
    let first_key = (1 << 63) - 1000;
    let of = |comm: Comm| {
        let cut = |rank: usize| rank * values.len() / comm.size();
        let (from, to) = (cut(comm.rank()), cut(comm.rank() + 1));
        let mine = &values[from..to];
        let mut sums = [ExactSum::new(), ExactSum::new()];
        sums[0].add_slice(mine);
        sums[1].add_products(mine, mine);
        let mut extremes = [ArgExtreme::smallest(), ArgExtreme::largest(), ArgExtreme::largest()];
        extremes[0].add_row(first_key + from as u64, mine);
        extremes[1].add_row(first_key + from as u64, mine);
        all_sum(&comm, &mut sums);
        all_arg_extreme(&comm, &mut extremes);
        (sums.map(|s| s.value().to_bits()), extremes.map(|e| e.get().map(|(v, k)| (v.to_bits(), k))))
    };
    let alone = of(Comm::alone());
    assert_eq!((alone.1[1], alone.1[2]), (Some((2.0_f64.to_bits(), first_key + 500)), None));
    for n in [2, 3, 4, 7] {
        for got in crate::comm::ranks(n, 1, of).unwrap() {
            assert_eq!(got, alone, "{n} ranks");
        }
    }
}
