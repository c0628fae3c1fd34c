//! Random models against plain loops written differently: the same bits on any split, any threads, any instruction set.
mod blocks;
mod case;
mod draw_case;
mod failures;
mod fixed_models;
#[path = "../mpirun/mod.rs"]
mod mpirun;
mod reductions;
mod reference;
mod run_case;
mod stencils;
mod transports;

use case::Case;
use draw_case::{case, fusible_case, large_case};
use halocline::prelude::*;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use reference::Reference;
use run_case::Outcome;
use std::cell::Cell;

/// Always the same cases, unless `PROPTEST_CASES` or `PROPTEST_RNG_SEED` ask for others.
fn config(cases: u32) -> Config {
    let default = Config::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { cases };
    let rng_seed = if default.rng_seed == RngSeed::Random { RngSeed::Fixed(8) } else { default.rng_seed };
    Config { cases, rng_seed, failure_persistence: None, ..default }
}

/// Does the same generic work for the element type of a case.
macro_rules! with_element {
    ($element:expr, $T:ident => $work:expr) => {{
        macro_rules! with {
            ($t:ty) => {{
                type $T = $t;
                $work
            }};
        }
        match $element {
            halocline_kernels::ElementType::F32 => with!(f32),
            halocline_kernels::ElementType::F64 => with!(f64),
            halocline_kernels::ElementType::C32 => with!(Complex<f32>),
            halocline_kernels::ElementType::C64 => with!(Complex<f64>),
            _ => unreachable!("fields hold real or complex floating-point numbers"),
        }
    }};
}
pub(crate) use with_element;

/// The first difference between an outcome and the reference; none if their bits are the same.
fn difference(case: &Case, found: &Outcome, wanted: &Outcome) -> Option<String> {
    let [_, ny, nx] = case.cells;
    for (f, (found, wanted)) in found.fields.iter().zip(&wanted.fields).enumerate() {
        // Two numbers a cell.
        if let Some(i) = (0..wanted.len()).find(|&i| found[i] != wanted[i]) {
            let cell = [i / 2 / nx / ny, i / 2 / nx % ny, i / 2 % nx];
            let [found, wanted] = [found[i], wanted[i]].map(f64::from_bits);
            return Some(format!("field {f}, cell {cell:?}: {found:?} instead of {wanted:?}"));
        }
    }
    let [found, wanted] =
        [found, wanted].map(|outcome| outcome.scalars.iter().map(|b| f64::from_bits(*b)).collect::<Vec<_>>());
    (found != wanted).then(|| format!("scalars {found:?} instead of {wanted:?}"))
}

/// Checks a model on one rank and on its split. Was the split fused?
fn check(case: &Case) -> bool {
    with_element!(case.element, T => {
        let wanted = Reference::<T>::new(case).run();
        let alone = case.run::<T>(Comm::alone(), None, InstructionSet::Baseline).expect("it runs on one rank");
        let split = case.run_split::<T>();
        for (ranks, found) in [("one rank", &alone), ("the split", &split)] {
            assert_eq!(difference(case, found, &wanted), None, "on {ranks}");
        }
        assert_eq!(alone.state, split.state, "state");
        split.fused
    })
}

proptest! {
    #![proptest_config(config(4000))]
    #[test]
    fn random_models_equal_plain_loops(case in case()) {
        check(&case);
    }
}

/// Checks a number of models, of which at least `least` in 10 have to be fused.
fn fused(cases: u32, stretches: bool, least: u32) {
    let (all, fused) = (Cell::new(0), Cell::new(0));
    let each = |case: Case| {
        all.set(all.get() + 1);
        fused.set(fused.get() + u32::from(check(&case)));
        Ok(())
    };
    TestRunner::new(config(cases)).run(&fusible_case(stretches), each).unwrap();
    assert!(10 * fused.get() > least * all.get(), "only {} of {} were fused", fused.get(), all.get());
}

#[test]
fn fused_steps_equal_plain_loops() {
    fused(4000, false, 3);
}

#[test]
fn fused_stretches_equal_plain_loops() {
    fused(3000, true, 4);
}

proptest! {
    #![proptest_config(config(40))]
    #[test]
    fn large_models_equal_plain_loops(case in large_case()) {
        check(&case);
    }
}
