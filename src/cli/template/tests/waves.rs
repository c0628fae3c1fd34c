//! The job against theory, and on several ranks, which are threads of the test.
use halocline::comm::ranks;
use halocline::prelude::*;
use model::{Parameters, Waves};

const DEPTH: f64 = 100.0;
const WIDTH: f64 = 1e4;

/// Advances the waves on `n` ranks. Returns the surface at its end, the time and the hash of the state.
fn advance(n: usize, grid: &Grid, steps: u64) -> (Vec<f64>, f64, String) {
    let body = |comm: Comm| -> Result<_> {
        let mut model = Model::new(comm, grid.clone());
        Waves::build::<f64>(&Parameters { depth: DEPTH, width: WIDTH }, &mut model)?;
        let mut run = model.compile()?;
        run.advance(steps)?;
        let eta = run.gather(run.field::<f64>("eta").expect("a field in double precision"));
        Ok((eta.iter().flatten().copied().collect(), run.time(), run.state()?))
    };
    let mut results = ranks(n, 1, body).expect("no rank panics");
    results.remove(0).expect("the model runs")
}

/// The largest difference from d'Alembert's solution: a bell splits into two of half the height, which move at √(gH).
fn error(cells: usize) -> f64 {
    let (length, speed) = (2e5, (9.81 * DEPTH).sqrt());
    let steps = cells as u64 * 2 / 5;
    let (eta, time, _) = advance(1, &Grid::new([cells]).length([length]), steps);
    // The scheme stores velocities of half a step before the surface; they are zero at first.
    let time = time * (1.0 - 0.5 / steps as f64);
    let bell = |x: f64| math::exp(-(x / WIDTH) * (x / WIDTH));
    let exact = |x: f64| 0.5 * (bell(x - speed * time) + bell(x + speed * time));
    let position = |i: usize| (i as f64 + 0.5) * length / cells as f64 - 0.5 * length;
    eta.iter().enumerate().map(|(i, eta)| (eta - exact(position(i))).abs()).fold(0.0, f64::max)
}

#[test]
fn a_bell_splits_into_two() {
    let errors = [error(200), error(400)];
    assert!(errors[1] < 2e-3, "the errors are {errors:?}");
    // Second order: with half the spacing, a quarter of the error.
    assert!((errors[0] / errors[1] - 4.0).abs() < 0.3, "the errors are {errors:?}");
}

#[test]
fn the_bits_do_not_depend_on_ranks() {
    let grid = Grid::new([40, 60]).length([8e4, 1.2e5]).periodic([false, true]);
    let alone = advance(1, &grid, 30);
    for n in 2..=4 {
        assert!(advance(n, &grid, 30) == alone, "on {n} ranks");
    }
}
