//! Jobs and kernels against what is known exactly: discrete symbols, eigenfunctions, conserved sums, an ODE.
//!
//! The symbols here are written in the integers of a textbook, not with the weights of the code.
use halocline::comm::ranks;
use halocline::config::JobFile;
use halocline::model::Op;
use halocline::prelude::*;
use halocline_jobs::poisson;
use halocline_kernels::central::Central;
use halocline_kernels::diffusion::{Ftcs, Ftcs4};
use halocline_kernels::gray_scott::{GrayScott, Rates};
use halocline_kernels::wave::{Energy, Leapfrog, stable_step};
use std::path::Path;

/// What the body gives on three ranks, which all must agree with one.
fn agreed<R: Send + PartialEq + std::fmt::Debug>(body: impl Fn(Comm) -> Result<R> + Sync) -> R {
    let run = |n| ranks(n, 1, &body).expect("no rank panics").into_iter().collect::<Result<Vec<R>>>().expect("it runs");
    let (mut alone, three) = (run(1), run(3));
    assert!(three.iter().all(|r| *r == alone[0]), "three ranks: {three:?}, one: {alone:?}");
    alone.remove(0)
}

/// −h² times the symbol of the second difference of this order on a wave of phase θ per cell.
fn symbol(order: usize, theta: f64) -> f64 {
    let (below, weights): (f64, &[f64]) = match order {
        2 => (1.0, &[-2.0, 1.0]),
        4 => (12.0, &[-30.0, 16.0, -1.0]),
        6 => (180.0, &[-490.0, 270.0, -27.0, 2.0]),
        _ => (5040.0, &[-14350.0, 8064.0, -1008.0, 128.0, -9.0]),
    };
    let both = |(k, w): (usize, &f64)| if k == 0 { *w } else { 2.0 * w * math::cos(k as f64 * theta) };
    -weights.iter().enumerate().map(both).sum::<f64>() / below
}

/// A wave on a periodic grid: whole numbers of waves along z, y, x.
#[derive(Clone, Copy)]
struct Mode {
    cells: [usize; 3],
    waves: [usize; 3],
}
impl Mode {
    fn theta(&self, axis: usize) -> f64 {
        2.0 * math::PI * self.waves[axis] as f64 / self.cells[axis] as f64
    }
    fn at(&self, index: [usize; 3]) -> f64 {
        let phase: f64 = (0..3).map(|a| self.theta(a) * index[a] as f64).sum();
        math::cos(phase + 0.3)
    }
    /// Σₐ λ(θₐ)/hₐ².
    fn lambda(&self, order: usize, h: [f64; 3]) -> f64 {
        (0..3).map(|a| symbol(order, self.theta(a)) / (h[a] * h[a])).sum()
    }
    fn grid(&self) -> Grid {
        Grid::new(self.cells).length([1.0, 1.2, 0.9]).periodic([true; 3])
    }
}

/// The largest difference of a field from a factor times the mode.
fn distance<R: Real>(run: &Simulation, field: Field<R>, mode: Mode, factor: f64) -> f64 {
    let all = run.gather(field).remove(0);
    all.indexed_iter().map(|((z, y, x), v)| (v.f64() - factor * mode.at([z, y, x])).abs()).fold(0.0, f64::max)
}

const MODE: Mode = Mode { cells: [10, 12, 15], waves: [1, 3, 2] };

fn diffuse<R: Real>(comm: Comm, mode: Mode, order: usize, steps: u64) -> Result<(f64, f64)> {
    let mut model = Model::new(comm, mode.grid());
    let (h, kappa) = (model.grid().spacing(), 0.7);
    let stable = if order == 2 { Ftcs::<R>::stable_step(kappa, h) } else { Ftcs4::<R>::stable_step(kappa, h) };
    let dt = model.fixed_step(0.8 * stable);
    let t = model.field::<R>("t").initial(move |at| mode.at(at.index)).build()?;
    let first = model.field::<R>("first").initial(move |at| mode.at(at.index)).build()?;
    model.every_step(|s| {
        match order {
            2 => s.apply(Ftcs::<R>::new(kappa, dt, h), [t], [t]),
            _ => s.apply(Ftcs4::<R>::new(kappa, dt, h), [t], [t]),
        };
    });
    let mut run = model.compile()?;
    run.advance(steps)?;
    let factor = 1.0 - kappa * dt * mode.lambda(order, h);
    let error = distance(&run, t, mode, math::powi(factor, steps as i32));
    // The rate at which the mode decayed, as if it had done so in one step.
    let kept = run.measure(dot(t, first)).unwrap().value / run.measure(dot(first, first)).unwrap().value;
    Ok((error, (1.0 - kept) / (kappa * dt)))
}

#[test]
fn a_mode_diffuses_by_its_symbol() {
    for order in [2, 4] {
        let (double, _) = agreed(|comm| diffuse::<f64>(comm, MODE, order, 25));
        let (single, _) = agreed(|comm| diffuse::<f32>(comm, MODE, order, 25));
        assert!(double < 1e-12 && single < 1e-5, "order {order}: {double:e}, {single:e}");
    }
}

/// The order of a quantity that is `exact` in the limit, from two grids, one twice as fine.
fn order_of(exact: f64, coarse: f64, fine: f64) -> f64 {
    math::ln(((coarse - exact) / (fine - exact)).abs()) / math::ln(2.0)
}

fn mode_of(n: usize) -> Mode {
    Mode { cells: [1, n, n], waves: [0, 1, 1] }
}

#[test]
fn diffusion_is_of_its_order() {
    let exact = 4.0 * math::PI * math::PI * (1.0 / (1.2 * 1.2) + 1.0 / (0.9 * 0.9));
    for order in [2, 4] {
        let rate = |n| agreed(|comm| diffuse::<f64>(comm, mode_of(n), order, 1)).1;
        let measured = order_of(exact, rate(24), rate(48));
        assert!((measured - order as f64).abs() < 0.02, "order {order} is {measured}");
    }
}

/// A standing wave after some steps: its distance from the discrete dispersion relation; and the symbol seen in one step.
fn stand<R: Real, const RADIUS: usize>(comm: Comm, mode: Mode, steps: u64) -> Result<(f64, f64)>
where
    Star<RADIUS>: Central<R>,
{
    let mut model = Model::new(comm, mode.grid());
    let (h, c) = (model.grid().spacing(), 1.5);
    let dt = model.fixed_step(0.7 * stable_step(RADIUS, c, h));
    // 4 sin²(ωΔt/2) = (cΔt)² Σ λ/h²
    let s = c * dt * mode.lambda(2 * RADIUS, h).sqrt() / 2.0;
    let omega_dt = 2.0 * math::asin(s);
    let before = (1.0 - math::cos(omega_dt)) / dt; // (p⁰ − p⁻¹)/Δt of cos ωt
    let first = model.field::<R>("first").initial(move |at| mode.at(at.index)).build()?;
    let p = model.field::<R>("p").initial(move |at| mode.at(at.index)).build()?;
    let q = model.field::<R>("q").initial(move |at| before * mode.at(at.index)).build()?;
    let speed = model.field::<R>("speed").initial(move |_| c).build()?;
    model.every_step(|s| {
        s.apply(Leapfrog::<R, RADIUS>::new(dt, h), [p, q, speed], [p, q]);
    });
    let mut run = model.compile()?;
    run.advance(1)?;
    let gain = before - run.measure(dot(q, first)).unwrap().value / run.measure(dot(first, first)).unwrap().value;
    run.advance(steps - 1)?;
    Ok((distance(&run, p, mode, math::cos(steps as f64 * omega_dt)), gain / (dt * c * c)))
}

fn stand_of<R: Real>(comm: Comm, order: usize, mode: Mode, steps: u64) -> Result<(f64, f64)> {
    match order {
        2 => stand::<R, 1>(comm, mode, steps),
        4 => stand::<R, 2>(comm, mode, steps),
        6 => stand::<R, 3>(comm, mode, steps),
        _ => stand::<R, 4>(comm, mode, steps),
    }
}

#[test]
fn a_standing_wave_follows_the_discrete_dispersion_relation() {
    for order in [2, 4, 6, 8] {
        let (double, _) = agreed(|comm| stand_of::<f64>(comm, order, MODE, 100));
        let (single, _) = agreed(|comm| stand_of::<f32>(comm, order, MODE, 100));
        assert!(double < 1e-11 && single < 1e-3, "order {order}: {double:e}, {single:e}");
    }
}

#[test]
fn waves_are_of_their_order() {
    let exact = 4.0 * math::PI * math::PI * (1.0 / (1.2 * 1.2) + 1.0 / (0.9 * 0.9));
    for order in [2, 4, 6, 8] {
        let square = |n| agreed(|comm| stand_of::<f64>(comm, order, mode_of(n), 1)).1;
        let measured = order_of(exact, square(24), square(48));
        assert!((measured - order as f64).abs() < 0.03, "order {order} is {measured}");
    }
}

#[test]
fn energy_is_conserved_between_layers_and_walls() {
    let drift = agreed(|comm| {
        let mut model = Model::new(comm, Grid::new([18, 20, 22]));
        let h = model.grid().spacing();
        let dt = model.fixed_step(0.9 * stable_step(4, 3.0, h));
        let p = model.field::<f64>("p").initial(|at| at.bell(0.1)).boundary(Boundary::Value(0.0)).build()?;
        let q = model.field::<f64>("q").build()?;
        let c = model.field::<f64>("c").initial(|at| if at.z < 0.4 { 1.5 } else { 3.0 }).build()?;
        model.every_step(|s| {
            s.apply(Leapfrog::<f64, 4>::new(dt, h), [p, q, c], [p, q]);
        });
        let mut run = model.compile()?;
        let mut energy = |steps| -> Result<f64> {
            run.advance(steps)?;
            Ok(run
                .measure(Reduction::of::<f64, _>("energy", Op::Sum, Energy::<f64, 4>::new(dt, h), [p, q, c]))
                .unwrap()
                .value)
        };
        let first = energy(1)?;
        let later = [energy(1)?, energy(50)?, energy(200)?];
        Ok(later.map(|e| (e / first - 1.0).abs()).into_iter().fold(0.0, f64::max))
    });
    assert!(drift < 1e-13, "{drift:e}");
}

fn job(text: &str, comm: Comm) -> Result<Simulation> {
    let file = JobFile::parse("test.toml", text, &[])?;
    let job = halocline::run::PreparedJob::of_file(halocline_jobs::all(), file)?;
    halocline::run::model(&job, comm)?.compile()
}

/// p(r, t) = A/r · ricker(t − r/c) until the first echo; afterwards the sponge has swallowed almost all.
#[test]
fn a_shot_arrives_as_in_the_open_and_leaves() {
    let (error, left) = agreed(|comm| {
        let text = "job = 'acoustic'\ntime.end = '1 s'\ngrid = {cells = [64, 64, 64], length = [640, 640, 640]}\n\
                    parameters = {source = [315, 315, 315], frequency = 15.0, amplitude = 100.0, dt = 1e-3, sponge = 18}";
        let mut run = job(text, comm)?;
        let pressure = run.field::<f64>("pressure").expect("a pressure");
        let (mut worst, mut largest) = (0.0_f64, 0.0_f64);
        for step in 1..=160 {
            run.advance(1)?;
            if step % 10 == 0 {
                let seen = run.gather(pressure).remove(0)[[31, 31, 43]]; // 120 m away
                let exact = 100.0 / 120.0
                    * halocline_kernels::wave::ricker(step as f64 * 1e-3 - 120.0 / 1500.0 - 1.5 / 15.0, 15.0);
                worst = worst.max((seen - exact).abs());
                largest = largest.max(exact.abs());
            }
        }
        run.advance(300)?;
        let left = run.measure(max_abs(pressure)).unwrap().value;
        Ok((worst / largest, left / largest))
    });
    assert!(error < 0.01 && left < 0.1, "error {error}, left {left}");
}

const RATES: Rates = Rates { diffusion_u: 2e-5, diffusion_v: 1e-5, feed: 0.04, kill: 0.06 };

/// The rates of change of u and v where nothing diffuses.
fn reaction([u, v]: [f64; 2]) -> [f64; 2] {
    [RATES.feed * (1.0 - u) - u * v * v, u * v * v - (RATES.feed + RATES.kill) * v]
}

fn react<R: Real>(comm: Comm, dt: f64, steps: u64) -> Result<[f64; 2]> {
    let mut model = Model::new(comm, Grid::new([6, 7, 9]).periodic([true, false, true]));
    let h = model.grid().spacing();
    model.fixed_step(dt);
    let u = model.field::<R>("u").initial(|_| 0.6).build()?;
    let v = model.field::<R>("v").initial(|_| 0.3).build()?;
    model.every_step(|s| {
        s.apply(GrayScott::<R>::new(RATES, dt, h), [u, v], [u, v]);
    });
    let mut run = model.compile()?;
    run.advance(steps)?;
    let values = [u, v].map(|f| [run.measure(min(f)).unwrap().value, run.measure(max(f)).unwrap().value]);
    assert!(values.iter().all(|[low, high]| low == high), "what is the same everywhere stays so: {values:?}");
    Ok(values.map(|[low, _]| low))
}

#[test]
fn a_homogeneous_mixture_follows_its_ode() {
    let euler = |dt: f64, steps: usize| {
        (0..steps).fold([0.6, 0.3], |s: [f64; 2], _| {
            let rate = reaction(s);
            [s[0] + dt * rate[0], s[1] + dt * rate[1]]
        })
    };
    // Runge–Kutta with a step of 0.01 s, exact for this purpose.
    let exact = (0..1600).fold([0.6, 0.3], |s: [f64; 2], _| {
        let step = |d: [f64; 2], dt: f64| [s[0] + dt * d[0], s[1] + dt * d[1]];
        let a = reaction(s);
        let b = reaction(step(a, 0.005));
        let c = reaction(step(b, 0.005));
        let d = reaction(step(c, 0.01));
        step([0, 1].map(|i| (a[i] + 2.0 * b[i] + 2.0 * c[i] + d[i]) / 6.0), 0.01)
    });
    let far = |a: [f64; 2], b: [f64; 2]| (a[0] - b[0]).abs().max((a[1] - b[1]).abs());
    let double = agreed(|comm| react::<f64>(comm, 0.5, 32));
    let single = agreed(|comm| react::<f32>(comm, 0.5, 32));
    assert!(far(double, euler(0.5, 32)) < 1e-14, "{double:?}");
    assert!(far(single, euler(0.5, 32)) < 1e-5, "{single:?}");
    let errors = [0.25, 0.125].map(|dt| far(agreed(|comm| react::<f64>(comm, dt, (16.0 / dt) as u64)), exact));
    let order = math::ln(errors[0] / errors[1]) / math::ln(2.0);
    assert!((order - 1.0).abs() < 0.05, "order {order} in time");
}

/// Reaction turns u into v; only feed and loss change their sum. Diffusion moves both about.
fn balance<R: Real>(comm: Comm) -> Result<f64> {
    let mut model = Model::new(comm, Grid::new([12, 13, 14]).periodic([true, false, true]));
    let (h, dt) = (model.grid().spacing(), 0.2);
    model.fixed_step(dt);
    let u = model.field::<R>("u").initial(|at| at.uniform(1)).build()?;
    let v = model.field::<R>("v").initial(|at| at.uniform(2)).build()?;
    model.every_step(|s| {
        s.apply(GrayScott::<R>::new(RATES, dt, h), [u, v], [u, v]);
    });
    let mut run = model.compile()?;
    let cells = run.gather(u)[0].len() as f64;
    let mut worst: f64 = 0.0;
    for _ in 0..10 {
        let before = [run.measure(sum(u)).unwrap().value, run.measure(sum(v)).unwrap().value];
        run.advance(1)?;
        let after = [run.measure(sum(u)).unwrap().value, run.measure(sum(v)).unwrap().value];
        let gain = dt * (RATES.feed * (cells - before[0]) - (RATES.feed + RATES.kill) * before[1]);
        worst = worst.max((after[0] + after[1] - before[0] - before[1] - gain).abs() / cells);
    }
    Ok(worst)
}

#[test]
fn mass_is_balanced() {
    let (double, single) = (agreed(balance::<f64>), agreed(balance::<f32>));
    assert!(double < 1e-15 && single < 1e-7, "{double:e}, {single:e}");
}

/// The potential of three eigenfunctions of the discrete Laplacian: the error relative to the largest value, iterations.
fn potential<R: Real>(comm: Comm, walls: poisson::Walls) -> Result<(f64, f64)> {
    let (n, length) = ([12, 10, 14], [1.2, 1.0, 1.4]);
    let mut model = Model::new(comm, Grid::new(n).length(length).periodic([false, true, false]));
    // Waves along z, y, x: half waves where there are walls, whole ones around.
    let modes = [([1, 0, 2], 1.0), ([2, 1, 1], -0.5), ([3, 2, 1], 0.25)];
    let grounded = walls == poisson::Walls::Grounded;
    let value = move |waves: [usize; 3], at: [usize; 3]| -> f64 {
        let place = |a: usize| math::PI * waves[a] as f64 * (at[a] as f64 + 0.5) / n[a] as f64;
        let wall = |a: usize| if grounded { math::sin(place(a)) } else { math::cos(place(a)) };
        wall(0) * math::cos(2.0 * place(1)) * wall(2)
    };
    let eigenvalue = move |waves: [usize; 3]| -> f64 {
        let theta = |a: usize| math::PI * waves[a] as f64 / n[a] as f64 * if a == 1 { 2.0 } else { 1.0 };
        (0..3).map(|a| symbol(2, theta(a)) * (n[a] as f64 / length[a]) * (n[a] as f64 / length[a])).sum()
    };
    let tolerance = if R::TYPE.size() == 8 { 1e-13 } else { 1e-5 };
    let p = poisson::Parameters { walls, tolerance, iterations_per_step: 1, ..Default::default() };
    let density = move |at: At| modes.iter().map(|(waves, weight)| weight * value(*waves, at.index)).sum();
    poisson::declare::<R>(&p, density, &mut model)?;
    let mut run = model.compile()?;
    let phi = run.field::<R>("phi").expect("a potential");
    let mut steps = 0.0;
    run.start()?;
    while !run.is_finished() {
        run.advance(1)?;
        steps += 1.0;
        assert!(steps < 50.0, "three eigenvectors take three iterations but for rounding");
    }
    let (mut error, mut largest) = (0.0_f64, 0.0_f64);
    for ((z, y, x), v) in run.gather(phi)[0].indexed_iter() {
        let exact: f64 = modes.iter().map(|(w, weight)| weight * value(*w, [z, y, x]) / eigenvalue(*w)).sum();
        error = error.max((v.f64() - exact).abs());
        largest = largest.max(exact.abs());
    }
    Ok((error / largest, steps))
}

#[test]
fn the_potential_of_eigenfunctions_takes_an_iteration_for_each() {
    for walls in [poisson::Walls::Grounded, poisson::Walls::Insulated] {
        let (double, n) = agreed(|comm| potential::<f64>(comm, walls));
        let (single, m) = agreed(|comm| potential::<f32>(comm, walls));
        assert!(double < 1e-12 && single < 1e-4, "{double:e}, {single:e}");
        assert!(n == 3.0 && m <= 6.0, "{n} iterations, {m} in single precision");
    }
}

#[test]
fn iterations_are_the_same_on_any_number_of_ranks() {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("poisson/smoke.toml")).expect("a file");
    let iterations = |n: usize| {
        let counts = ranks(n, 1, |comm| -> Result<u64> {
            let mut run = job(&text, comm)?;
            run.start()?;
            while !run.is_finished() {
                run.advance(1)?;
            }
            Ok(run.steps())
        });
        counts.expect("no rank panics").remove(0).expect("it runs")
    };
    let alone = iterations(1);
    assert!((2..20).contains(&alone), "{alone} steps");
    for n in [2, 3, 4, 6, 8, 12] {
        assert_eq!(iterations(n), alone, "on {n} ranks");
    }
}

#[test]
fn bad_parameters_are_one_clear_error() {
    for (parameters, says) in [
        (
            "job = 'diffusion'\nparameters.dt = 0.5",
            "`parameters.dt` = 0.5 s is unstable: at most 6.510417e-4 s on this grid",
        ),
        (
            "job = 'diffusion'\nparameters.order = 3",
            "`parameters.order` = 3: there is no such scheme\n  orders are 2 and 4",
        ),
        ("job = 'diffusion'\nparameters.order = 5", "must be a whole number from 2 to 4"),
        ("job = 'diffusion'\nparameters.kappa = nan", "is not finite"),
        ("job = 'diffusion'\nparameters.kappa = 0", "> 0"),
        ("job = 'diffusion'\nparameters.initial = 'file'", "set parameters.file and parameters.variable"),
        ("job = 'diffusion'\nparameters.field = 'a b'", "`a b` is not a valid field name"),
        ("job = 'acoustic'\nparameters.order = 5", "orders are 2, 4, 6 and 8"),
        ("job = 'acoustic'\nparameters = {dt = 1.0, sponge = 0}", "is unstable"),
        ("job = 'acoustic'\nparameters = {frequency = 1e6}", "carry at most"),
        ("job = 'acoustic'\nparameters = {sponge = 8}", "it can be at most 7 cells wide"),
        ("job = 'acoustic'\nparameters = {source = [9.0, 0, 0], sponge = 0}", "lies outside the grid along z"),
        ("job = 'acoustic'\nparameters = {source = [1.0], sponge = 0}", "positions are [z, y, x]"),
        ("job = 'acoustic'\nparameters = {interface = 0.5}", "set parameters.deep_speed too"),
        ("job = 'acoustic'\nparameters = {source = [nan, 0, 0], sponge = 0}", "is not finite"),
        ("job = 'gray_scott'\nparameters.dt = 9", "is unstable"),
        ("job = 'gray_scott'\nparameters.radius = 0.05", "cells of 0.0625 m along x do not resolve it"),
        ("job = 'diffusion'\nparameters.width = 0.06", "`parameters.width` = 0.06 m: cells of 0.0625 m"),
        ("job = 'poisson'\nparameters.width = 0.06", "use at least 0.0625 m, or smaller cells"),
        ("job = 'poisson'\nparameters.width = 0.2\ngrid.periodic = true", "use at most a sixth of the period"),
        (
            "job = 'poisson'\nparameters.positions = [[0.5, 0.5, 0.5]]",
            "2 `parameters.charges`, but 1 `parameters.positions`",
        ),
        ("job = 'poisson'\nparameters.tolerance = 0", "> 0"),
    ] {
        let text = format!("{parameters}\ngrid.cells = [16, 16, 16]\ntime.end = '2 step'\n");
        let error = job(&text, Comm::alone()).err().unwrap_or_else(|| panic!("no error: {parameters}"));
        assert_eq!(error.exit_code(), 2, "{error}");
        assert!(error.to_string().contains(says), "{parameters}\n{error}");
    }
}
