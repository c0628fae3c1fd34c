//! The models of `examples/models`, held to theory: the same bits on any ranks, fused or not, and the numbers of their schemes.
#![allow(clippy::disallowed_methods)] // tolerances do not depend on the last bit
use halocline::comm::ranks;
use halocline::prelude::*;
use halocline::saved::checkpoint::{self, CheckpointManager};
use std::path::Path;

#[path = "../examples/models/mod.rs"]
mod models;
use models::*;

/// The state and the diagnostics of a model after some steps.
type Outcome = (String, Vec<(String, f64)>);

/// Runs a model, and requires the same bits on 1, 2, 3, 4, 6 and 12 ranks, with one step at a time, and if it is saved on some ranks
/// and resumed on others.
fn same_everywhere(
    grid: impl Fn() -> Grid + Sync,
    steps: u64,
    declare: impl Fn(&mut Model) -> Result<()> + Sync,
) -> Outcome {
    let compile = |comm: Comm, fuse: Option<usize>| -> Result<Simulation> {
        let mut model = Model::new(comm, grid());
        fuse.into_iter().for_each(|steps| model.fuse(steps));
        declare(&mut model)?;
        model.compile()
    };
    let run = |n: usize, threads: usize, fuse: Option<usize>, saved: Option<&Path>| -> Outcome {
        let body = |comm: Comm| -> Result<Outcome> {
            let mut run = compile(comm, fuse)?;
            if let Some(dir) = saved {
                run.restore(&checkpoint::newest(run.comm(), dir)?.expect("one was saved"))?;
            }
            run.advance(steps - run.steps())?;
            let results = run.diagnostics().into_iter().map(|(name, value)| (name, value.value)).collect();
            Ok((run.state()?, results))
        };
        let mut results: Vec<Outcome> =
            ranks(n, threads, body).expect("no rank panics").into_iter().map(|r| r.expect("the model runs")).collect();
        results.remove(0)
    };
    let save = |n: usize, after: u64, dir: &Path| {
        let body = |comm: Comm| -> Result<()> {
            let mut run = compile(comm, None)?;
            run.advance(after)?;
            let mut manager = CheckpointManager::in_folder(run.comm(), dir, 1)?;
            manager.save(run.snapshot(None))?;
            manager.wait()
        };
        ranks(n, 1, body).expect("no rank panics").into_iter().for_each(|r| r.expect("the state is saved"));
    };
    let alone = run(1, 1, None, None);
    for (n, after, on) in [(3, steps / 2, 2), (2, 1, 4)] {
        let dir = tempfile::tempdir().expect("a directory");
        save(n, after, dir.path());
        assert_eq!(run(on, 1, None, Some(dir.path())), alone, "saved on {n} ranks, resumed on {on}");
    }
    for (n, threads, fuse) in
        [(1, 2, Some(1)), (1, 2, Some(3)), (2, 1, None), (3, 1, Some(2)), (4, 2, None), (6, 1, None), (12, 1, None)]
    {
        assert_eq!(run(n, threads, fuse, None), alone, "on {n} ranks, {fuse:?} steps at a time");
    }
    alone
}

/// The value of the only diagnostic, after `steps` steps on one rank.
fn value(grid: Grid, steps: u64, declare: impl FnOnce(&mut Model) -> Result<()>) -> f64 {
    let mut model = Model::new(Comm::alone(), grid);
    declare(&mut model).expect("the model is declared");
    let mut run = model.compile().expect("the model compiles");
    run.advance(steps).expect("the model runs");
    run.diagnostics()[0].1.value
}

/// 2 sin(k h / 2) / h, the wave number of central differences over a distance h.
fn wave_number(k: f64, h: f64) -> f64 {
    2.0 * math::sin(k * h / 2.0) / h
}

#[test]
fn poincare_waves_of_shallow_water() {
    // A wave η = cos kx and v in geostrophic phase, forward-backward in time: ω² = f² + g H K².
    let (n, depth, f) = (64, 100.0, 0.02_f64);
    let h = 1000.0;
    let k = 2.0 * math::PI / (n as f64 * h);
    let omega =
        (f * f * math::powi(math::cos(k * h / 2.0), 2) + 9.81 * depth * math::powi(wave_number(k, h), 2)).sqrt();
    let grid = || Grid::new([24, n]).length([24.0 * h, n as f64 * h]).periodic([true, true]);
    let declare = |dt: f64| {
        let p = shallow_water::Parameters { depth, coriolis: f, dt };
        move |model: &mut Model| shallow_water::shallow_water(&p, model, move |at| math::cos(k * at.x))
    };
    same_everywhere(grid, 40, declare(1.0));
    // u ∝ sin ωt vanishes after half a period, and is largest after a quarter.
    let dt = 0.05;
    let half = (math::PI / omega / dt).round() as u64;
    let speed = |steps| value(grid(), steps, declare(dt));
    let (at_half, at_quarter) = (speed(half), speed(half / 2));
    assert!(at_half < 0.01 * at_quarter, "{at_half} of {at_quarter}");
}

#[test]
fn energy_and_vorticity_of_poincare_waves() {
    // From rest with η = cos kx. Potential vorticity, ζ − f η / H, keeps its first value, and half a period later the share
    // g H k² / ω² of η, which is the wave, has the other sign: ζ = −2 (f / H) (g H k² / ω²) cos kx.
    let (n, depth, f, h, dt) = (64, 100.0, 0.001_f64, 1000.0, 0.05);
    let k = 2.0 * math::PI / (n as f64 * h);
    let gravity = 9.81 * depth * math::powi(wave_number(k, h), 2);
    let omega = (f * f * math::powi(math::cos(k * h / 2.0), 2) + gravity).sqrt();
    let mut model = Model::new(Comm::alone(), Grid::new([4, n]).length([4.0 * h, n as f64 * h]).periodic([true; 2]));
    let p = shallow_water::Parameters { depth, coriolis: f, dt };
    shallow_water::shallow_water(&p, &mut model, move |at| math::cos(k * at.x)).unwrap();
    let mut run = model.compile().unwrap();
    let energy = |run: &mut Simulation| run.recorded()[0].1;
    assert!((energy(&mut run) / (9.81 / 4.0) - 1.0).abs() < 1e-12);
    run.advance((math::PI / omega / dt).round() as u64).unwrap();
    assert!((energy(&mut run) / (9.81 / 4.0) - 1.0).abs() < 1e-3, "{}", energy(&mut run));
    let vorticity = run.output::<f64>("vorticity").unwrap().remove(0);
    let amplitude = -2.0 * f / depth * gravity / (omega * omega);
    for (x, is) in vorticity.slice(ndarray::s![0, 2, ..]).iter().enumerate() {
        let exact = amplitude * math::cos(k * h * x as f64); // at the corner, half a cell below the centre
        assert!((is - exact).abs() < 0.01 * amplitude.abs(), "{is} and {exact} at {x}");
    }
}

#[test]
fn gray_scott_has_the_bits_of_its_kernel() {
    use halocline_kernels::gray_scott::{GrayScott, Rates};
    let grid = || Grid::new([48, 64]).length([0.48, 0.64]).periodic([true; 2]);
    let (state, results) = same_everywhere(grid, 60, gray_scott::gray_scott::<f64>);
    same_everywhere(grid, 60, gray_scott::gray_scott::<f32>);
    let (other, by_kernel) = same_everywhere(grid, 60, |model| {
        let (dt, h) = (model.fixed_step(0.75), model.grid().spacing());
        let rates = Rates { diffusion_u: 2e-5, diffusion_v: 1e-5, feed: 0.04, kill: 0.06 };
        let u = model.field("u").initial(|at| if at.distance() < 0.3 { at.uniform(1) } else { 1.0 }).build()?;
        let v = model.field("v").initial(|at| if at.distance() < 0.3 { 0.25 } else { 0.0 }).build()?;
        model.every_step(|s| _ = s.apply(GrayScott::<f64>::new(rates, dt, h), [u, v], [u, v]));
        model.diagnose("largest v", max(v));
        Ok(())
    });
    // The order of operations differs, the numbers by round-off.
    assert_ne!(state, other);
    assert!((results[0].1 / by_kernel[0].1 - 1.0).abs() < 1e-13, "{results:?} and {by_kernel:?}");
}

#[test]
fn a_standing_wave_of_acoustics() {
    // Without source and absorbing layer: 4 sin²(ωΔt/2) = c²Δt² λ(kh)/h², with the symbol λ of order 8.
    let (n, c, dt, h) = (32, 1500.0, 1e-3, 10.0);
    let grid = || Grid::new([n, n]).length([h * n as f64, h * n as f64]).periodic([false, true]);
    let p = || acoustics::Parameters { speed: c, dt, frequency: 0.0, layer: 0.0 };
    let k = 2.0 * math::PI / (n as f64 * h) * 3.0;
    let wave = move |at: At| math::sin(k * at.x + 0.3);
    same_everywhere(grid, 30, |model| {
        let p = acoustics::Parameters { frequency: 20.0, layer: 100.0, ..p() };
        acoustics::acoustics(&p, model, wave)
    });
    let weights = halocline_kernels::central::weights(4);
    let symbol: f64 = weights.iter().zip(1..).map(|(w, m)| 2.0 * w * (1.0 - math::cos(m as f64 * k * h))).sum();
    let omega_dt = 2.0 * (0.5 * c * dt / h * symbol.sqrt()).asin();
    let periodic = || Grid::new([n, n]).length([h * n as f64, h * n as f64]).periodic([true, true]);
    let pressure = |steps| value(periodic(), steps, |model| acoustics::acoustics(&p(), model, wave));
    // The first step is half of one: p = cos(ω(t + Δt/2)) / cos(ωΔt/2).
    let exact = |steps: u64| math::cos(omega_dt * (steps as f64 + 0.5)) / math::cos(omega_dt * 0.5);
    for steps in [7, 50, 333] {
        let is = pressure(steps) / pressure(0);
        assert!((is - exact(steps).abs()).abs() < 1e-10, "after {steps} steps: {is} and {}", exact(steps));
    }
}

#[test]
fn a_cavity_resonance_of_maxwells_equations() {
    // The mode TM₁₁ in a square of conducting walls: 4 sin²(ωΔt/2) / Δt² = Kx² + Ky².
    let (n, dt) = (24, 0.01);
    let (h, k) = (1.0 / n as f64, math::PI);
    let grid = || Grid::new([n, n]).length([1.0, 1.0]);
    let mode = move |at: At| math::sin(k * at.x) * math::sin(k * at.y);
    same_everywhere(grid, 30, |model| maxwell::maxwell(dt, model, mode));
    same_everywhere(
        || Grid::new([8, 9, 10]).length([0.8, 0.9, 1.0]),
        20,
        |model| maxwell::maxwell(dt, model, |at| at.uniform(1)),
    );
    let omega_dt = 2.0 * (0.5 * dt * (2.0 * math::powi(wave_number(k, h), 2)).sqrt()).asin();
    let largest = |steps| value(grid(), steps, |model| maxwell::maxwell(dt, model, mode));
    for steps in [20_u64, 140, 283] {
        // E first, from H = 0: ez = cos(ω(t − Δt/2)) / cos(ωΔt/2), where it is positive.
        let exact = math::cos(omega_dt * (steps as f64 - 0.5)) / math::cos(omega_dt * 0.5);
        let is = largest(steps);
        assert!((is - exact.max(0.0)).abs() < 1e-10, "after {steps} steps: {is} and {exact}");
    }
}

#[test]
fn advection_is_of_second_order_and_makes_no_new_extremes() {
    let bump = |at: At| 1.0 + 0.5 * math::sin(2.0 * math::PI * at.x) * math::cos(2.0 * math::PI * at.y);
    let grid = |n: usize| Grid::new([n, n]).length([1.0, 1.0]).periodic([true, true]);
    same_everywhere(|| grid(24), 20, |model| advection::advection(0.4, model, [1.0, 0.5], bump));
    // The mean error along x after one turn; steps are chosen so that the last one ends at t = 1.
    let error = |n: usize| {
        let mut model = Model::new(Comm::alone(), Grid::new([n]).length([1.0]).periodic([true]));
        advection::advection(0.5, &mut model, [1.0, 0.0], move |at| 1.0 + 0.5 * math::sin(2.0 * math::PI * at.x))
            .unwrap();
        let mut run = model.compile().unwrap();
        let q = run.field::<f64>("q").unwrap();
        let before = run.gather(q)[0].clone();
        run.advance(2 * n as u64).unwrap();
        assert!((run.time() - 1.0).abs() < 1e-12);
        let after = run.gather(q)[0].clone();
        assert!(after.iter().all(|q| (0.5..=1.5).contains(q)), "a new extreme");
        assert!((after.sum() - before.sum()).abs() < 1e-11, "the total changes");
        (&after - &before).mapv(f64::abs).mean().unwrap()
    };
    let order = (error(64) / error(128)).log2();
    assert!(order > 1.7, "order {order}");
}

#[test]
fn schemes_have_their_order() {
    let u0 = |at: At| 1.0 + 0.2 * math::sin(2.0 * math::PI * at.x);
    let grid = || Grid::new([32]).length([1.0]).periodic([true]);
    let solution = |scheme, steps: u64| {
        let mut model = Model::new(Comm::alone(), grid());
        burgers::burgers(scheme, 0.01, 0.2 / steps as f64, &mut model, u0).unwrap();
        let mut run = model.compile().unwrap();
        run.advance(steps).unwrap();
        run.gather(run.field::<f64>("u").unwrap())[0].clone()
    };
    let exact = solution(Scheme::Rk4, 2000);
    for (scheme, steps, order) in [
        (Scheme::Euler, 25, 1.0),
        (Scheme::SspRk2, 25, 2.0),
        (Scheme::SspRk3, 25, 3.0),
        (Scheme::LowStorageRk3, 25, 3.0),
        (Scheme::Rk4, 25, 4.0),
        (Scheme::AdamsBashforth2, 25, 2.0),
        (Scheme::AdamsBashforth3, 50, 3.0),
        (Scheme::Leapfrog { filter: 0.0 }, 100, 2.0),
        (Scheme::Leapfrog { filter: 0.1 }, 100, 1.0),
    ] {
        let error = |steps| (&solution(scheme, steps) - &exact).mapv(f64::abs).sum();
        let measured = (error(steps) / error(2 * steps)).log2();
        assert!((measured - order).abs() < 0.15, "{scheme:?}: order {measured}");
        same_everywhere(
            || Grid::new([24]).periodic([true]),
            12,
            |model| burgers::burgers(scheme, 0.01, 1e-3, model, u0),
        );
    }
}

/// |q| after 2000 steps of q′ = λ q from 1, with Δt = 1.
fn amplitude(scheme: Scheme, lambda: Complex<f64>) -> f64 {
    let mut model = Model::new(Comm::alone(), Grid::new([1]).periodic([true]));
    model.fixed_step(1.0);
    let q = field!(model, q: Complex<f64>).initial(|_| 1.0).at(Center).unwrap();
    model.integrate(scheme, (q,), |(q,)| (lambda * q,)).unwrap();
    let mut run = model.compile().unwrap();
    run.advance(2000).unwrap();
    run.gather(q.plain())[0][[0, 0, 0]].norm()
}

#[test]
fn schemes_have_their_limits_of_stability() {
    // The limits on the imaginary and the real axis; 0 is none.
    for (scheme, imaginary, real) in [
        (Scheme::Euler, 0.0, 2.0),
        (Scheme::SspRk2, 0.0, 2.0),
        (Scheme::SspRk3, 3.0_f64.sqrt(), 2.5127),
        (Scheme::LowStorageRk3, 3.0_f64.sqrt(), 2.5127),
        (Scheme::Rk4, 8.0_f64.sqrt(), 2.7853),
        (Scheme::AdamsBashforth2, 0.0, 1.0),
        (Scheme::AdamsBashforth3, 0.7236, 6.0 / 11.0),
        (Scheme::Leapfrog { filter: 0.0 }, 1.0, 0.0),
        (Scheme::Leapfrog { filter: 0.1 }, (0.9 / 1.1_f64).sqrt(), 0.2 / 1.1),
        (Scheme::Leapfrog { filter: 0.2 }, (0.8 / 1.2_f64).sqrt(), 0.4 / 1.2),
    ] {
        for (limit, direction) in [(imaginary, Complex::new(0.0, 1.0)), (real, Complex::new(-1.0, 0.0))] {
            let at = |size: f64| amplitude(scheme, direction * size);
            if limit > 0.0 {
                let (below, above) = (at(0.97 * limit), at(1.03 * limit));
                assert!(below < 100.0, "{scheme:?}: {below} at 0.97 times {limit} along {direction}");
                assert!(above.is_nan() || above >= 1e3, "{scheme:?}: {above} at 1.03 times {limit} along {direction}");
            } else {
                let above = at(0.5);
                assert!(above.is_nan() || above >= 1e3, "{scheme:?}: {above} at 0.5 along {direction}");
            }
        }
    }
}

#[test]
fn a_filter_that_is_none_is_an_error() {
    for filter in [-0.1, 1.0, f64::NAN] {
        let mut model = Model::new(Comm::alone(), Grid::new([4]));
        let q = field!(model, q: f64).at(Center).unwrap();
        let error = model.integrate(Scheme::Leapfrog { filter }, (q,), |(q,)| (-1.0 * q,)).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains(&format!("the filter of the leapfrog scheme is {filter}")), "{error}");
    }
}

/// Diffusion between boundaries whose values depend on time, at cell centres and on faces. With `by_hand`, the two stages of
/// [`Scheme::SspRk2`] are stages of the schedule, with boundary values at the beginning of the step.
fn between_moving_boundaries(scheme: Scheme, by_hand: bool, steps: u64, model: &mut Model) -> Result<()> {
    let (kappa, dt) = (0.03, model.fixed_step(1.0 / steps as f64));
    let condition = || Boundary::function(|at, time| math::sin(3.0 * time + at.x) + at.x);
    let q = field!(model, q: f64).initial(|at| at.x).boundary(condition()).at(Center)?;
    let u = field!(model, u: f64).initial(|at| math::sin(at.x)).boundary(condition()).at(FaceX)?;
    if by_hand {
        let q1 = field!(model, q1: f64).boundary(condition()).at(Center)?;
        let u1 = field!(model, u1: f64).boundary(condition()).at(FaceX)?;
        model.every_step(|s| {
            s.set((q1, u1), (q + dt * kappa * laplacian(q), u + dt * kappa * laplacian(u)));
            s.set(q, 0.5 * (q + q1 + dt * kappa * laplacian(q1)));
            s.set(u, 0.5 * (u + u1 + dt * kappa * laplacian(u1)));
        });
        return Ok(());
    }
    model.integrate(scheme, (q, u), |(q, u)| (kappa * laplacian(q), kappa * laplacian(u)))
}

#[test]
fn boundary_values_have_the_time_of_their_stage() {
    let grid = || Grid::new([8]).length([1.0]);
    let solution = |scheme, by_hand, steps: u64| -> [Vec<f64>; 2] {
        let mut model = Model::new(Comm::alone(), grid());
        between_moving_boundaries(scheme, by_hand, steps, &mut model).unwrap();
        let mut run = model.compile().unwrap();
        run.advance(steps).unwrap();
        ["q", "u"].map(|name| run.gather(run.field::<f64>(name).unwrap())[0].iter().copied().collect())
    };
    // On a fixed grid, the cells are a system of ordinary equations with a forcing by the boundary: no order is lost as long as
    // the forcing has its stage time.
    let exact = solution(Scheme::Rk4, false, 2000);
    let orders = |scheme, by_hand| {
        let errors = [20, 40].map(|steps| {
            let is = solution(scheme, by_hand, steps);
            [0, 1].map(|f| is[f].iter().zip(&exact[f]).map(|(a, b)| (a - b).abs()).sum::<f64>())
        });
        [0, 1].map(|f| (errors[0][f] / errors[1][f]).log2())
    };
    for (scheme, order) in [
        (Scheme::SspRk2, 2.0),
        (Scheme::SspRk3, 3.0),
        (Scheme::LowStorageRk3, 3.0),
        (Scheme::Rk4, 4.0),
        (Scheme::AdamsBashforth3, 3.0),
    ] {
        for measured in orders(scheme, false) {
            assert!((measured - order).abs() < 0.2, "{scheme:?}: order {measured}");
        }
        let square = || Grid::new([8, 8]).length([1.0, 1.0]);
        same_everywhere(square, 12, |model| between_moving_boundaries(scheme, false, 50, model));
    }
    for measured in orders(Scheme::SspRk2, true) {
        assert!((measured - 1.0).abs() < 0.2, "with boundary values at the beginning of the step: order {measured}");
    }
}

#[test]
fn tendencies_have_the_time_of_their_stage() {
    // q′ = q cos t: with stage times at their places, the fourth order remains.
    let error = |steps: u64| {
        let mut model = Model::new(Comm::alone(), Grid::new([4]).periodic([true]));
        model.fixed_step(2.0 / steps as f64);
        let q = field!(model, q: f64).initial(|_| 1.0).at(Center).unwrap();
        model.integrate_with_time(Scheme::Rk4, (q,), |(q,), t| (q * t.cos(),)).unwrap();
        let mut run = model.compile().unwrap();
        run.advance(steps).unwrap();
        let exact = math::exp(math::sin(2.0));
        (run.measure(mean(q)).unwrap().value - exact).abs()
    };
    let order = (error(20) / error(40)).log2();
    assert!((order - 4.0).abs() < 0.2, "order {order}");
}

#[test]
fn conjugate_gradients_solve_a_poisson_equation() {
    // b is an eigenvector plus noise; the solution must satisfy the equation, as measured from x alone.
    let grid = || Grid::new([20, 24]).length([20.0, 24.0]);
    let (_, results) = same_everywhere(grid, 120, |model| {
        conjugate_gradients::conjugate_gradients(1e-10, model, |at| at.uniform(1) - 0.5)
    });
    assert!(results[0].1 < 1e-9, "{results:?}");
}

/// Between two walls without slip, heat is only conducted below a Rayleigh number of 1707.76 (Chandrasekhar, *Hydrodynamic and
/// Hydromagnetic Stability*, §15); a wave of length 2.016 grows first. On 24 rows the number is 1692.
#[test]
fn convection_sets_in_at_the_critical_rayleigh_number() {
    let grid = || Grid::new([24, 24]).length([1.0, 2.016]).periodic([false, true]);
    let growth = |rayleigh: f64| {
        let mut model = Model::new(Comm::alone(), grid());
        convection::convection(rayleigh, 2e-4, &mut model).expect("the model is declared");
        let mut run = model.compile().expect("the model compiles");
        let mut energy = |steps| {
            run.advance(steps).expect("the model runs");
            run.recorded()[0].1
        };
        // After the transients.
        let (early, late) = (energy(1000), energy(500));
        (late / early).ln() / (500.0 * 2e-4)
    };
    let (below, above) = (growth(1600.0), growth(1800.0));
    // The rate is linear in the number where it changes its sign.
    let critical = 1600.0 - 200.0 * below / (above - below);
    assert!(below < 0.0 && above > 0.0 && (critical - 1692.0).abs() < 5.0, "{below} {above}: {critical}");
    let (_, results) = same_everywhere(grid, 6, |model| convection::convection(5000.0, 2e-4, model));
    assert!(results[0].1 < 1e-9, "the divergence is {}", results[0].1);
}
