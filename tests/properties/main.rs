//! Random models against plain loops written differently: the same bits on any split, any threads, any instruction set.
mod blocks;
mod case;
mod failures;
mod reductions;
mod reference;
mod rooms;
mod stencils;

use case::{Case, case, fusible_case, large_case};
use halocline::prelude::*;
use halocline_kernels::ElementType;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use reference::Reference;
use std::cell::Cell;

/// Always the same cases, unless `PROPTEST_CASES` or `PROPTEST_RNG_SEED` ask for others.
fn config(cases: u32) -> Config {
    let default = Config::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { cases };
    let rng_seed = if default.rng_seed == RngSeed::Random { RngSeed::Fixed(8) } else { default.rng_seed };
    Config { cases, rng_seed, failure_persistence: None, ..default }
}

fn agrees<T: Element>(case: &Case) -> bool {
    let wanted = Reference::<T>::new(case).run();
    let alone = case.run::<T>(Comm::alone(), None, InstructionSet::Baseline).expect("it runs on one rank");
    let split = case.run_split::<T>();
    for (who, found) in [("one rank", &alone), ("the split", &split)] {
        for (f, (found, wanted)) in found.fields.iter().zip(&wanted.fields).enumerate() {
            let cell = |i: usize| {
                let [_, ny, nx] = case.cells;
                [i / 2 / nx / ny, i / 2 / nx % ny, i / 2 % nx]
            };
            let wrong = (0..wanted.len())
                .find(|&i| found[i] != wanted[i])
                .map(|i| (cell(i), f64::from_bits(found[i]), f64::from_bits(wanted[i])));
            assert_eq!(wrong, None, "field {f} on {who}: (cell, found, wanted)");
        }
        assert_eq!(
            found.scalars.iter().map(|b| f64::from_bits(*b)).collect::<Vec<_>>(),
            wanted.scalars.iter().map(|b| f64::from_bits(*b)).collect::<Vec<_>>(),
            "scalars on {who}"
        );
    }
    assert_eq!(alone.state, split.state, "state");
    split.fused
}

/// Was some split fused?
fn check(case: &Case) -> bool {
    match case.element {
        ElementType::F32 => agrees::<f32>(case),
        ElementType::F64 => agrees::<f64>(case),
        ElementType::C32 => agrees::<Complex<f32>>(case),
        ElementType::C64 => agrees::<Complex<f64>>(case),
        _ => unreachable!("fields hold real or complex floating-point numbers"),
    }
}

proptest! {
    #![proptest_config(config(4000))]
    #[test]
    fn random_models_equal_plain_loops(case in case()) {
        check(&case);
    }
}

/// Checks so many models, of which so many of 10 have to be fused.
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
