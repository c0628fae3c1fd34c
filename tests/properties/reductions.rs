//! Reductions, places of extremes and the hash of the state, on numbers of all sizes with ties.
use crate::case::REDUCTIONS;
use crate::{config, reference};
use halocline::comm::ranks;
use halocline::prelude::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
struct Numbers {
    cells: [usize; 3],
    blocks: usize,
    a: Vec<f64>,
    b: Vec<f64>,
    ranks: usize,
    threads: usize,
}

fn numbers() -> impl Strategy<Value = Numbers> {
    // Ties, zeros of both signs, and sums in which everything cancels but the last bits.
    let number = prop_oneof![
        3 => (-3..4_i8).prop_map(f64::from),
        1 => Just(-0.0),
        4 => (-1.0..1.0_f64, -100..60_i32).prop_map(|(m, e)| m * math::powi(2.0, e)),
        1 => (-1.0..1.0_f64).prop_map(|m| m * f64::MIN_POSITIVE),
    ];
    (prop::array::uniform3(2..5_usize), 1..4_usize, 1..13_usize, 1..4_usize).prop_flat_map(
        move |(cells, blocks, ranks, threads)| {
            let n = blocks * cells.iter().product::<usize>();
            let all = || prop::collection::vec(number.clone(), n);
            (all(), all()).prop_map(move |(a, b)| Numbers { cells, blocks, a, b, ranks, threads })
        },
    )
}

/// What every rank finds: all reductions with places, and the state.
type Found = (Vec<(u64, Option<(usize, [usize; 3])>)>, String);

fn measure<T: Element>(case: &Numbers, comm: Comm) -> Result<Found> {
    let mut model = Model::new(comm, Grid::blocks(case.blocks, case.cells));
    let mut field = |name: &str, parts: [&Vec<f64>; 2]| {
        let [re, im] = parts.map(Clone::clone);
        // The imaginary part in another order, so that it is not the real one.
        let value = move |at: At| Complex::new(re[at.key as usize], im[im.len() - 1 - at.key as usize]);
        model.field::<T>(name).initial(value).build()
    };
    let (a, b) = (field("a", [&case.a, &case.b])?, field("b", [&case.b, &case.a])?);
    let mut run = model.compile()?;
    let all =
        [sum(a), mean(a), max(a), min(a), max_abs(a), norm1(a), norm2(a), rms(a), dot(a, b), max_difference(a, b)];
    let mut found = |r| {
        let measured = run.measure(r).unwrap();
        (measured.value.to_bits(), measured.at)
    };
    let found = all.map(&mut found).to_vec();
    Ok((found, run.state()?))
}

/// The outcome on the wanted number of ranks, or the next below that the blocks can be dealt to.
fn on_ranks<T: Element>(case: &Numbers) -> Found {
    let legal = (1..=case.ranks).rev().find_map(|n| {
        let mut all = ranks(n, case.threads, |comm| measure::<T>(case, comm)).expect("no rank fails");
        let first = all.swap_remove(0).ok()?;
        all.into_iter().for_each(|other| assert_eq!(other.expect("legal everywhere"), first, "on {n} ranks"));
        Some(first)
    });
    legal.expect("one rank can always")
}

fn check<T: Element>(case: &Numbers) {
    let field = |re: &[f64], im: &[f64]| -> Vec<T> {
        re.iter().zip(im.iter().rev()).map(|(re, im)| T::from_parts([*re, *im])).collect()
    };
    let (a, b) = (field(&case.a, &case.b), field(&case.b, &case.a));
    let (found, state) = on_ranks::<T>(case);
    assert_eq!(found.len(), REDUCTIONS);
    for (what, (bits, at)) in found.into_iter().enumerate() {
        let (value, wanted) = (f64::from_bits(bits), reference::reduce(what, &a, &b));
        assert_eq!(value, wanted, "reduction {what}");
        // The first cell, in the order of keys, that has the value.
        let measure: Option<fn(T, T) -> f64> = match what {
            2 | 3 => Some(|a, _| a.parts()[0]),
            4 => Some(|a, _| reference::size(a.parts())),
            9 => Some(|a, b| reference::size([a.parts()[0] - b.parts()[0], a.parts()[1] - b.parts()[1]])),
            _ => None,
        };
        let first = measure.map(|f| (0..a.len()).find(|&i| f(a[i], b[i]) == wanted).expect("some cell has it"));
        let place = first.map(|key| {
            let [nz, ny, nx] = case.cells;
            (key / (nz * ny * nx), [key / nx / ny % nz, key / nx % ny, key % nx])
        });
        assert_eq!(at, place, "place of reduction {what}");
    }
    assert_eq!(state, measure::<T>(case, Comm::alone()).expect("one rank can").1);
    // One bit of one cell.
    let mut other = case.clone();
    let cell = case.ranks * 7 % case.a.len();
    other.a[cell] = T::of(other.a[cell]).parts()[0];
    let bits = if T::Real::TYPE.size() == 4 {
        f64::from(f32::from_bits((other.a[cell] as f32).to_bits() ^ 1))
    } else {
        f64::from_bits(other.a[cell].to_bits() ^ 1)
    };
    other.a[cell] = bits;
    assert_ne!(on_ranks::<T>(&other).1, state, "cell {cell}");
}

proptest! {
    #![proptest_config(config(100))]
    #[test]
    fn reductions_are_exact_and_know_where(case in numbers()) {
        check::<f32>(&case);
        check::<f64>(&case);
        check::<Complex<f32>>(&case);
        check::<Complex<f64>>(&case);
    }
}

#[test]
fn random_fields_are_keyed_by_cell() {
    let draw = |comm: Comm| -> Result<Vec<f64>> {
        let mut model = Model::new(comm, Grid::new([3, 4, 5]));
        let a = model.field::<f64>("a").initial(|at| at.normal(5) + at.uniform(6)).build()?;
        let run = model.compile()?;
        Ok(run.gather(a)[0].iter().copied().collect())
    };
    let key = |k| halocline_kernels::random::normal(5, k) + halocline_kernels::random::uniform(6, k);
    let wanted: Vec<f64> = (0..60).map(key).collect();
    for n in [1, 2, 5, 12] {
        for drawn in ranks(n, 2, draw).expect("no rank fails") {
            assert_eq!(drawn.expect("it runs"), wanted, "on {n} ranks");
        }
    }
}

#[test]
fn the_first_value_that_is_no_number_is_the_first_of_all() {
    // On six ranks each of four blocks has three parts, and the third rank has two of block 1, side by side along x.
    let found = |comm: Comm| -> Result<_> {
        let mut model = Model::new(comm, Grid::blocks(4, [2, 8]));
        model.process_grid([1, 1, if model.comm().size() == 6 { 3 } else { 1 }]);
        let _ = model.field::<f64>("fine").build()?;
        let bad = |at: At| if at.block == 1 && [[0, 0, 6], [0, 1, 3]].contains(&at.index) { f64::NAN } else { 1.0 };
        let _ = model.field::<f32>("a").initial(bad).build()?;
        let run = model.compile()?;
        Ok(run.first_non_finite(run.not_finite().map(|f| (3, f))))
    };
    for n in [1, 2, 4, 6] {
        for all in ranks(n, 1, found).expect("no rank fails") {
            let (step, finding) = all.expect("it runs").expect("there is one");
            assert_eq!(
                (step, finding.field.as_str(), finding.block, finding.index),
                (3, "a", 1, [0, 0, 6]),
                "{n} ranks"
            );
        }
    }
}
