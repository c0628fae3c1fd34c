//! Expressions against plain loops, against kernels written by hand, and against theory.
#![allow(clippy::disallowed_methods)] // tolerances do not depend on the last bit
use halocline::comm::ranks;
use halocline::prelude::*;
use halocline_kernels::diffusion::{Ftcs, Ftcs4};

/// Runs a model on 1, 2, 3, 4 and 6 ranks, and requires the same result of all.
fn same_on_all_ranks<R: Send + PartialEq + std::fmt::Debug>(model: impl Fn(Comm) -> Result<R> + Sync) -> R {
    let run = |n: usize, threads: usize| -> Vec<R> {
        let results = ranks(n, threads, &model).expect("no rank panics");
        results.into_iter().map(|r| r.expect("the model runs")).collect()
    };
    let mut alone = run(1, 1);
    for (n, threads) in [(1, 2), (2, 1), (3, 1), (4, 2), (6, 1)] {
        for result in run(n, threads) {
            assert_eq!(result, alone[0], "on {n} ranks");
        }
    }
    alone.remove(0)
}

const CELLS: [usize; 3] = [6, 8, 7];
const SPACING: [f64; 3] = [0.5, 0.25, 2.0];

fn periodic(comm: Comm) -> Model {
    let length = [0, 1, 2].map(|a| CELLS[a] as f64 * SPACING[a]);
    Model::new(comm, Grid::new(CELLS).periodic([true; 3]).length(length))
}

/// A periodic field as plain numbers, which a plain formula reads by offsets.
struct Plain(Vec<f64>);
impl Plain {
    fn at(&self, cell: [usize; 3], [z, y, x]: [isize; 3]) -> f64 {
        let wrap = |a: usize, d: isize| (cell[a] as isize + d).rem_euclid(CELLS[a] as isize) as usize;
        let [z, y, x] = [wrap(0, z), wrap(1, y), wrap(2, x)];
        self.0[(z * CELLS[1] + y) * CELLS[2] + x]
    }
}

/// Sets a field to an expression of a, u and v, and compares it with the plain formula.
macro_rules! check {
    ($($name:literal at $L:ident: |$a:ident, $u:ident, $v:ident| $expression:expr, |$pa:ident, $pu:ident, $pv:ident, $c:ident| $plain:expr;)+) => {$({
        let gathered = same_on_all_ranks(|comm| {
            let mut model = periodic(comm);
            let $a = field!(model, a: f64).initial(|at| at.uniform(1) - 0.5).at(Center)?;
            let $u = field!(model, u: f64).initial(|at| at.uniform(2) - 0.5).at(FaceX)?;
            let $v = field!(model, v: f64).initial(|at| at.uniform(3) - 0.5).at(FaceY)?;
            let to = field!(model, to: f64).at($L)?;
            let _ = ($a, $u, $v);
            model.every_step(|s| _ = s.set(to, $expression));
            let mut run = model.compile()?;
            run.advance(1)?;
            let numbers = |f: Field<f64>| run.gather(f).into_iter().next().map(|a| a.iter().copied().collect::<Vec<f64>>());
            Ok([$a.plain(), $u.plain(), $v.plain(), to.plain()].map(numbers))
        });
        let [Some($pa), Some($pu), Some($pv), Some(to)] = gathered else { panic!("all ranks have the fields") };
        let ($pa, $pu, $pv, to) = (Plain($pa), Plain($pu), Plain($pv), Plain(to));
        for z in 0..CELLS[0] {
            for y in 0..CELLS[1] {
                for x in 0..CELLS[2] {
                    let $c = [z, y, x];
                    let (is, should): (f64, f64) = (to.at($c, [0; 3]), $plain);
                    assert!((is - should).abs() <= 1e-13 * (1.0 + should.abs()), "{}: {is} and {should} at {:?}", $name, $c);
                }
            }
        }
    })+};
}

#[test]
fn operators_are_the_formulas_they_stand_for() {
    let [hz, hy, hx] = SPACING;
    check! {
        "arithmetic" at Center: |a, _u, _v| 2.0 * a - a * a / (3.0 - a) + 1.0,
            |a, _u, _v, c| { let a = a.at(c, [0; 3]); 2.0 * a - a * a / (3.0 - a) + 1.0 };
        "differences from centres to faces" at FaceX: |a, _u, _v| ddx(a),
            |a, _u, _v, c| (a.at(c, [0; 3]) - a.at(c, [0, 0, -1])) / hx;
        "differences from faces to centres" at Center: |_a, u, v| ddx(u) + ddy(v),
            |_a, u, v, c| (u.at(c, [0, 0, 1]) - u.at(c, [0; 3])) / hx + (v.at(c, [0, 1, 0]) - v.at(c, [0; 3])) / hy;
        "vorticity on edges" at EdgeZ: |_a, u, v| ddx(v) - ddy(u),
            |_a, u, v, c| (v.at(c, [0; 3]) - v.at(c, [0, 0, -1])) / hx - (u.at(c, [0; 3]) - u.at(c, [0, -1, 0])) / hy;
        "difference along z of a product" at FaceZ: |a, _u, _v| ddz(a * a),
            |a, _u, _v, c| (a.at(c, [0; 3]).powi(2) - a.at(c, [-1, 0, 0]).powi(2)) / hz;
        "interpolation to faces" at FaceY: |_a, u, _v| u.on(FaceY),
            |_a, u, _v, c| 0.25 * (u.at(c, [0; 3]) + u.at(c, [0, 0, 1]) + u.at(c, [0, -1, 0]) + u.at(c, [0, -1, 1]));
        "interpolation to corners" at Corner: |a, _u, _v| a.on(Corner), |a, _u, _v, c| {
            let mut sum = 0.0;
            for z in -1..=0 { for y in -1..=0 { for x in -1..=0 { sum += a.at(c, [z, y, x]); } } }
            sum / 8.0
        };
        "interpolation of a product" at Center: |_a, u, v| (u * u).on(Center) + (v * v).on(Center), |_a, u, v, c| {
            let square = |f: &Plain, d| f.at(c, d) * f.at(c, d);
            0.5 * (square(&u, [0; 3]) + square(&u, [0, 0, 1]) + square(&v, [0; 3]) + square(&v, [0, 1, 0]))
        };
        "neighbours" at Center: |a, _u, _v| a.x::<-2>() + 10.0 * a.y::<3>() - a.z::<-1>() + a.shift::<1, -2, 1>(),
            |a, _u, _v, c| a.at(c, [0, 0, -2]) + 10.0 * a.at(c, [0, 3, 0]) - a.at(c, [-1, 0, 0]) + a.at(c, [1, -2, 1]);
        "neighbours of neighbours" at Center: |a, _u, _v| (a.x::<1>() * a).y::<-1>(),
            |a, _u, _v, c| a.at(c, [0, -1, 1]) * a.at(c, [0, -1, 0]);
        "Laplacian" at Center: |a, _u, _v| a + 0.1 * laplacian(a), |a, _u, _v, c| {
            let second = |axis: usize, h: f64| {
                let mut d = [0; 3];
                d[axis] = 1;
                (a.at(c, d) + a.at(c, d.map(|i: isize| -i)) - 2.0 * a.at(c, [0; 3])) / (h * h)
            };
            a.at(c, [0; 3]) + 0.1 * (second(0, hz) + second(1, hy) + second(2, hx))
        };
        "Laplacian of an expression" at FaceX: |_a, u, _v| -laplacian(2.0 * u), |_a, u, _v, c| {
            let second = |axis: usize, h: f64| {
                let mut d = [0; 3];
                d[axis] = 1;
                2.0 * (u.at(c, d) + u.at(c, d.map(|i: isize| -i)) - 2.0 * u.at(c, [0; 3])) / (h * h)
            };
            -(second(0, hz) + second(1, hy) + second(2, hx))
        };
        "functions" at Center: |a, _u, _v| a.abs().sqrt() + a.max(0.1).min(0.2) * a.powi(3) + a.exp() - a.sin() * a.cos(),
            |a, _u, _v, c| {
                let a = a.at(c, [0; 3]);
                a.abs().sqrt() + a.clamp(0.1, 0.2) * a * a * a + math::exp(a) - math::sin(a) * math::cos(a)
            };
        "choices" at Center: |a, _u, _v| select(a.above(0.1), a, 2.0 * a) + select(a.below(-0.2), 1.0, 0.0) + a.sign(),
            |a, _u, _v, c| {
                let a = a.at(c, [0; 3]);
                (if a > 0.1 { a } else { 2.0 * a }) + f64::from(a < -0.2) + a.signum()
            };
        "a closure" at Center: |a, _u, _v| map(a, |a: f64| a * a) + map2(a, a.x::<1>(), |a: f64, b: f64| a * b),
            |a, _u, _v, c| a.at(c, [0; 3]).powi(2) + a.at(c, [0; 3]) * a.at(c, [0, 0, 1]);
        "upwind flux" at FaceX: |a, u, _v| u * upwind::<2, _, _, _>(u, a, a),
            |a, u, _v, c| { let u = u.at(c, [0; 3]); u * if u > 0.0 { a.at(c, [0, 0, -1]) } else { a.at(c, [0; 3]) } };
        "limited slope" at Center: |a, _u, _v| minmod(a - a.x::<-1>(), a.x::<1>() - a) + van_leer(a - a.x::<-1>(), a.x::<1>() - a),
            |a, _u, _v, c| {
                let (l, r) = (a.at(c, [0; 3]) - a.at(c, [0, 0, -1]), a.at(c, [0, 0, 1]) - a.at(c, [0; 3]));
                if l * r > 0.0 { l.signum() * l.abs().min(r.abs()) + 2.0 * l * r / (l + r) } else { 0.0 }
            };
    }
}

#[test]
fn scalars_and_profiles_are_coefficients() {
    let (total, exact) = same_on_all_ranks(|comm| {
        let mut model = Model::new(comm, Grid::new([4, 5]).length([4.0, 5.0]));
        let (dt, two) = (model.fixed_step(0.5), model.scalar("two", 2.0));
        let along_y = model.profile::<1>(|y| y);
        let a = field!(model, a: f64).initial(|at| at.x).at(Center)?;
        model.every_step(|s| _ = s.set(a, two * a * along_y + along_y.y::<1>() - two + model_time(dt)));
        let mut run = model.compile()?;
        run.advance(1)?;
        let cells = (0..4).flat_map(|y| (0..5).map(move |x| (y as f64 + 0.5, x as f64 + 0.5)));
        let exact: f64 = cells.map(|(y, x)| 2.0 * x * y + (y + 1.0) - 2.0 + 0.5).sum();
        Ok((run.measure(sum(a))?.value, exact))
    });
    assert_eq!(total, exact);
}

fn model_time(dt: f64) -> f64 {
    dt
}

/// Bits of all fields after some steps of a diffusion model, by an expression or by a kernel.
fn heat(comm: Comm, cells: &[usize], length: &[f64], order: usize, by_kernel: bool) -> Result<Vec<u64>> {
    let grid = match cells {
        [z, y, x] => Grid::new([*z, *y, *x]).length([length[0], length[1], length[2]]),
        [y, x] => Grid::new([*y, *x]).length([length[0], length[1]]),
        _ => unreachable!("two or three axes"),
    };
    let mut model = Model::new(comm, grid);
    let (kappa, h) = (0.3, model.grid().spacing());
    let dt = model.fixed_step(0.4 * Ftcs::<f64>::stable_step(kappa, h));
    let t = field!(model, t: f64).initial(|at| at.uniform(1)).boundary(Boundary::Value(0.5)).at(Center)?;
    model.every_step(|s| {
        _ = match (by_kernel, order) {
            (true, 2) => s.apply(Ftcs::new(kappa, dt, h), [t], [t]),
            (true, _) => s.apply(Ftcs4::new(kappa, dt, h), [t], [t]),
            (false, 2) => s.set(t, t + dt * kappa * laplacian(t)),
            (false, _) => s.set(t, t + dt * kappa * laplacian_of_order::<4, _>(t)),
        }
    });
    let mut run = model.compile()?;
    run.advance(5)?;
    Ok(run.gather(t.plain())[0].iter().map(|t| t.to_bits()).collect())
}

#[test]
fn a_diffusion_step_has_the_bits_of_the_kernel() {
    let grids: [(&[usize], &[f64]); 3] =
        [(&[8, 9, 10], &[0.8, 0.9, 1.0]), (&[12, 10], &[1.2, 1.0]), (&[12, 10, 9], &[1.0, 3.0, 2.0])];
    for (cells, length) in grids {
        let by_kernel = heat(Comm::alone(), cells, length, 2, true).unwrap();
        let by_expression = same_on_all_ranks(|comm| heat(comm, cells, length, 2, false));
        assert_eq!(by_expression, by_kernel, "{cells:?}");
    }
}

#[test]
fn a_fourth_order_step_differs_from_the_kernel_by_round_off() {
    let run = |by_kernel| heat(Comm::alone(), &[8, 9, 10], &[0.8, 0.9, 1.0], 4, by_kernel).unwrap();
    for (a, b) in run(true).into_iter().zip(run(false)) {
        let (a, b) = (f64::from_bits(a), f64::from_bits(b));
        assert!((a - b).abs() < 1e-15, "{a} and {b}");
    }
}

/// The frequency of a Poincaré wave of linear shallow water on the C grid, ω² = f² + g H K², with the K and the interpolated f
/// of the scheme: K = 2 sin(k h / 2) / h and f cos(k h / 2).
#[test]
fn poincare_waves_have_the_frequency_of_the_scheme() {
    let (n, g, depth, f) = (64, 9.81, 100.0, 0.02_f64);
    let (length, steps) = (64.0e3, 20_000);
    let h = length / n as f64;
    let k = 2.0 * math::PI / length;
    let omega =
        (f * f * math::cos(k * h / 2.0).powi(2) + g * depth * (2.0 * math::sin(k * h / 2.0) / h).powi(2)).sqrt();
    let crossings = same_on_all_ranks(|comm| {
        let mut model = Model::new(comm, Grid::new([4, n]).length([4.0 * h, length]).periodic([true, true]));
        let dt = model.fixed_step(1.0);
        let eta = field!(model, eta: f64).unit("m").initial(move |at| math::cos(k * at.x)).at(Center)?;
        let u = field!(model, u: f64).unit("m s-1").at(FaceX)?;
        let v = field!(model, v: f64).unit("m s-1").at(FaceY)?;
        let transport = model.scalar("transport", 0.0);
        model.every_step(|s| {
            s.set(eta, eta - dt * depth * (ddx(u) + ddy(v)));
            s.set(u, u - dt * g * ddx(eta) + dt * f * v.on(FaceX));
            s.set(v, v - dt * g * ddy(eta) - dt * f * u.on(FaceY));
            s.reduce(transport, dot(u, u));
        });
        let mut run = model.compile()?;
        // u ∝ sin ωt has a zero, where its norm is smallest, every π/ω.
        let (mut before, mut minima) = ([f64::INFINITY; 2], vec![]);
        for step in 0..steps {
            run.advance(1)?;
            let now = run.measure(norm2(u))?.value;
            if before[1] < before[0] && before[1] <= now {
                minima.push(step as f64);
            }
            before = [before[1], now];
        }
        Ok(minima)
    });
    let (first, last) = (crossings[0], crossings[crossings.len() - 1]);
    let measured = math::PI * (crossings.len() - 1) as f64 / (last - first);
    assert!((measured / omega - 1.0).abs() < 2e-4, "{measured} and {omega}, {} zeros", crossings.len());
}

#[test]
fn walls_are_where_the_location_says() {
    // At reflecting walls, values on the lower boundary are zero, those elsewhere are as set.
    let low = same_on_all_ranks(|comm| {
        let mut model = Model::new(comm, Grid::new([6, 6]).length([6.0, 6.0]));
        let u = field!(model, u: f64).at(FaceX)?;
        let corner = field!(model, corner: f64).at(EdgeZ)?;
        let x = model.profile_at::<2>(Location::FaceX, |x| x);
        model.every_step(|s| {
            s.set(u, 1.0);
            s.set(corner, u.on(EdgeZ) + 0.0 * x);
        });
        let mut run = model.compile()?;
        run.advance(2)?;
        Ok([u.plain(), corner.plain()].map(|f| run.gather(f)[0].iter().copied().collect::<Vec<f64>>()))
    });
    let [u, corner] = low;
    for y in 0..6 {
        for x in 0..6 {
            assert_eq!(u[6 * y + x], f64::from(x > 0), "u at {y}, {x}");
            assert_eq!(corner[6 * y + x], f64::from(x > 0 && y > 0), "corner at {y}, {x}");
        }
    }
}

/// Gradient, divergence and curl on random fields with a spacing that differs by axis: `(what must vanish, its largest part)`.
#[test]
fn curls_have_no_divergence_and_gradients_no_curl() {
    let numbers = same_on_all_ranks(|comm| {
        let mut model = periodic(comm);
        let p = field!(model, p: f64).initial(|at| at.uniform(1)).at(Center)?;
        let c = field!(model, c: f64).initial(|at| at.uniform(2)).at(Corner)?;
        let u = field!(model, u: f64).initial(|at| at.uniform(3)).at(FaceX)?;
        let v = field!(model, v: f64).initial(|at| at.uniform(4)).at(FaceY)?;
        let w = field!(model, w: f64).initial(|at| at.uniform(5)).at(FaceZ)?;
        let ax = field!(model, ax: f64).initial(|at| at.uniform(6)).at(EdgeX)?;
        let ay = field!(model, ay: f64).initial(|at| at.uniform(7)).at(EdgeY)?;
        let az = field!(model, az: f64).initial(|at| at.uniform(8)).at(EdgeZ)?;
        let (on_edges, on_faces) = (curl(grad(p)), curl(grad(c)));
        let (px, py, _) = grad(p);
        model.diagnose("div curl of edges", max_abs(div(curl((ax, ay, az)))));
        model.diagnose("div curl of faces", max_abs(div(curl((u, v, w)))));
        model.diagnose("curl grad of centres, x", max_abs(on_edges.0));
        model.diagnose("curl grad of centres, y", max_abs(on_edges.1));
        model.diagnose("curl grad of centres, z", max_abs(on_edges.2));
        model.diagnose("curl grad of corners, x", max_abs(on_faces.0));
        model.diagnose("curl grad of corners, y", max_abs(on_faces.1));
        model.diagnose("curl grad of corners, z", max_abs(on_faces.2));
        model.diagnose("curl grad without z", max_abs(curl((px, py))));
        model.diagnose("div curl of a stream function", max_abs(div(curl(az))));
        model.diagnose("div grad and the Laplacian", max_difference(div(grad(p)), laplacian(p)));
        model.diagnose("curl of edges", max_abs(curl((ax, ay, az)).0));
        model.diagnose("largest part", max_abs(ddx(ddy(az))));
        let mut run = model.compile()?;
        run.advance(1)?;
        Ok(run.diagnostics().into_iter().map(|(name, value)| (name, value.value)).collect::<Vec<_>>())
    });
    let (parts, identities) = (&numbers[numbers.len() - 2..], &numbers[..numbers.len() - 2]);
    assert!(parts.iter().all(|(_, value)| *value > 1.0), "{parts:?}");
    for (name, value) in identities {
        assert!(*value < 1e-13, "{name}: {value}");
    }
}

#[test]
fn a_tuple_of_fields_is_set_to_a_gradient_or_a_curl() {
    let [hz, hy, hx] = SPACING;
    let results = same_on_all_ranks(|comm| {
        let mut model = periodic(comm);
        let p = field!(model, p: f64).initial(|at| at.uniform(1)).at(Center)?;
        let (gx, gy) = (field!(model, gx: f64).at(FaceX)?, field!(model, gy: f64).at(FaceY)?);
        let gz = field!(model, gz: f64).at(FaceZ)?;
        let (cx, cy) = (field!(model, cx: f64).at(EdgeX)?, field!(model, cy: f64).at(EdgeY)?);
        let cz = field!(model, cz: f64).at(EdgeZ)?;
        let (ux, uy) = (field!(model, ux: f64).at(FaceX)?, field!(model, uy: f64).at(FaceY)?);
        model.every_step(|s| {
            s.set((gx, gy, gz), grad(p * p));
            s.set((gx, gy, gz), (gx * gy.on(FaceX), gy, gz));
            s.set((cx, cy, cz), curl((gx, gy, gz)));
            s.set((ux, uy), curl(cz));
        });
        let mut run = model.compile()?;
        run.advance(1)?;
        let all = [gx.plain(), gy.plain(), gz.plain(), cx.plain(), cy.plain(), cz.plain(), ux.plain(), uy.plain()];
        Ok(all.map(|f| run.gather(f).into_iter().next().map(|a| a.iter().copied().collect::<Vec<f64>>())))
    });
    let [gx, gy, gz, cx, cy, cz, ux, uy] = results.map(|values| Plain(values.expect("all ranks have the fields")));
    for cell in (0..CELLS.iter().product()).map(|i| [i / CELLS[2] / CELLS[1], i / CELLS[2] % CELLS[1], i % CELLS[2]]) {
        let below = |f: &Plain, axis: usize| {
            let mut offset = [0; 3];
            offset[axis] = -1;
            (f.at(cell, [0; 3]) - f.at(cell, offset)) / SPACING[axis]
        };
        let above = |f: &Plain, axis: usize| {
            let mut offset = [0; 3];
            offset[axis] = 1;
            (f.at(cell, offset) - f.at(cell, [0; 3])) / SPACING[axis]
        };
        for (name, is, should) in [
            ("along x", &cx, below(&gz, 1) - below(&gy, 0)),
            ("along y", &cy, below(&gx, 0) - below(&gz, 2)),
            ("along z", &cz, below(&gy, 2) - below(&gx, 1)),
            ("of ψ along x", &ux, above(&cz, 1)),
            ("of ψ along y", &uy, -above(&cz, 2)),
        ] {
            let is = is.at(cell, [0; 3]);
            assert!((is - should).abs() < 1e-12 / (hx * hy * hz), "{name}: {is} and {should} at {cell:?}");
        }
    }
}

#[test]
fn a_stage_may_read_many_named_fields() {
    macro_rules! sum_of {
        ($model:ident: $first:ident $($name:ident)+) => {{
            let $first = field!($model, $first: f64).initial(|at| at.uniform(1)).at(Center)?;
            $(let $name = field!($model, $name: f64).initial(|_| 1.0).at(Center)?;)+
            ($first, $first.x::<1>() $(+ $name)+)
        }};
    }
    let [before, after] = same_on_all_ranks(|comm| {
        let mut model = periodic(comm);
        let (q, sum) = sum_of!(model: a b c d e f g h i j k l m n o p q r s t u v w x y z aa bb cc dd);
        model.every_step(|s| _ = s.set(q, sum));
        let mut run = model.compile()?;
        let values = |run: &Simulation| run.gather(q.plain()).into_iter().next().map(|a| a.iter().copied().collect());
        let before: Option<Vec<f64>> = values(&run);
        run.advance(1)?;
        Ok([before, values(&run)])
    });
    let (before, after) = (Plain(before.unwrap()), Plain(after.unwrap()));
    for cell in (0..CELLS.iter().product()).map(|i| [i / CELLS[2] / CELLS[1], i / CELLS[2] % CELLS[1], i % CELLS[2]]) {
        assert!((after.at(cell, [0; 3]) - before.at(cell, [0, 0, 1]) - 29.0).abs() < 1e-13, "{cell:?}");
    }
}

/// A cell of the game of life, a median filter, and a sum of fields of several types, by closures.
#[test]
fn updates_are_the_closures_they_stand_for() {
    type Values = [Vec<f64>; 5];
    let (before, after): (Values, Values) = same_on_all_ranks(|comm| {
        let mut model = Model::new(comm, Grid::new([12, 10]).periodic([true, false]).length([12.0, 10.0]));
        let life =
            field!(model, life: f64).initial(|at| (at.uniform(1) + 0.4).floor()).boundary(Boundary::Outside(0.0));
        let life = life.at(Center)?;
        let q = field!(model, q: f64).initial(|at| at.uniform(2)).boundary(Boundary::Outside(0.0)).at(Center)?;
        let half = field!(model, half: f32).initial(|at| at.uniform(3) as f32).at(Center)?;
        let to = field!(model, to: f64).at(Center)?;
        let rounded = field!(model, rounded: f32).at(Center)?;
        let (factor, along) = (model.scalar("factor", 3.0), model.profile::<1>(|y| y));
        model.every_step(|s| {
            s.update((life, q), (life.cube::<1>(), q.over::<ArmsX<1, 1>>()), |(life, q)| {
                let mut neighbours = -life.here();
                neighbours += life.at::<0, -1, -1>() + life.at::<0, -1, 0>() + life.at::<0, -1, 1>();
                neighbours += life.at::<0, 0, -1>() + life.here() + life.at::<0, 0, 1>();
                neighbours += life.at::<0, 1, -1>() + life.at::<0, 1, 0>() + life.at::<0, 1, 1>();
                let alive = neighbours == 3.0 || (neighbours == 2.0 && life.here() == 1.0);
                let mut near = [q.x::<-1>(), q.here(), q.x::<1>()];
                near.sort_unstable_by(f64::total_cmp);
                (f64::from(u8::from(alive)), near[1])
            });
            s.update((to, rounded), (half, q, factor, along, Here), |(half, q, factor, along, here)| {
                let value = f64::from(half) + factor * q + along.here() + here.x();
                (value, value as f32)
            });
        });
        let mut run = model.compile()?;
        let all = |run: &Simulation| {
            let wide = [life.plain(), q.plain(), to.plain()]
                .map(|f| run.gather(f).remove(0).iter().copied().collect::<Vec<f64>>());
            let single = [half.plain(), rounded.plain()]
                .map(|f| run.gather(f).remove(0).iter().map(|v| f64::from(*v)).collect());
            let ([life, q, to], [half, rounded]): (_, [Vec<f64>; 2]) = (wide, single);
            [life, q, to, half, rounded]
        };
        let before = all(&run);
        run.advance(1)?;
        Ok((before, all(&run)))
    });
    let at = |values: &[f64], y: usize, x: usize, dy: isize, dx: isize| {
        let (y, x) = ((y as isize + dy).rem_euclid(12), x as isize + dx);
        if (0..10).contains(&x) { values[(10 * y + x) as usize] } else { 0.0 }
    };
    for (y, x) in (0..12).flat_map(|y| (0..10).map(move |x| (y, x))) {
        let near = (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dy, dx)));
        let count: f64 = near.map(|(dy, dx)| at(&before[0], y, x, dy, dx)).sum::<f64>() - before[0][10 * y + x];
        let alive = count == 3.0 || (count == 2.0 && before[0][10 * y + x] == 1.0);
        assert_eq!(after[0][10 * y + x], f64::from(u8::from(alive)), "life at {y}, {x}");
        let mut three = [-1, 0, 1].map(|dx| at(&before[1], y, x, 0, dx));
        three.sort_unstable_by(f64::total_cmp);
        assert_eq!(after[1][10 * y + x], three[1], "median at {y}, {x}");
        let value = before[3][10 * y + x] + 3.0 * three[1] + (y as f64 + 0.5) + (x as f64 + 0.5);
        assert_eq!(after[2][10 * y + x], value, "sum at {y}, {x}");
        assert_eq!(after[4][10 * y + x], f64::from(value as f32), "rounded sum at {y}, {x}");
    }
}

#[test]
fn limits_are_errors_with_field_stage_and_line() {
    let error = |declare: fn(&mut Model) -> Result<u32>| -> String {
        let mut model = periodic(Comm::alone());
        let line = declare(&mut model).expect("the declarations alone are fine");
        let message = model.compile().err().expect("the model has an error").to_string();
        let place = format!("(the stage is declared at {}:{line})", file!());
        assert!(message.contains(&place), "{message} without {place}");
        message
    };
    let message = error(|model| {
        let mut two = vec![];
        for _ in 0..2 {
            let named = model.field::<f64>(&format!("q{}", two.len()));
            #[derive(Clone, Copy)]
            enum Same {}
            impl halocline::expr::Name for Same {
                const KEY: u64 = 1;
            }
            two.push(named.named::<Same>().at(Center)?);
        }
        model.every_step(|s| _ = s.set(two[0], two[0] + two[1]));
        Ok(line!() - 1)
    });
    assert!(
        message.contains("the stage `set q0`") && message.contains("`q0` and `q1` were declared by the same `field!`"),
        "{message}"
    );
    let message = error(|model| {
        let q = field!(model, q: f64).at(Center)?;
        model.every_step(|s| _ = s.set(q, q.y::<1000>()));
        Ok(line!() - 1)
    });
    assert!(message.contains("the stage `set q`") && message.contains("it reads `q` 1000 cells away"), "{message}");
    let message = error(|model| {
        let (p, q) = (field!(model, p: f64).at(Center)?, field!(model, q: f64).at(Center)?);
        model.every_step(|s| _ = s.set(p, p + q.y::<50>()));
        Ok(line!() - 1)
    });
    assert!(message.contains("the stage `set p`"), "{message}");
    assert!(message.contains("101 rows of cells, most of `q`; at most 96 are possible"), "{message}");
    let message = error(|model| {
        let q = field!(model, q: f64).at(Center)?;
        let along = model.profile::<2>(|x| x);
        model.every_step(|s| _ = s.set(q, q + along.x::<9>()));
        Ok(line!() - 1)
    });
    assert!(message.contains("it reads a profile along x 9 cells away"), "{message}");
    let message = error(|model| {
        let mut other = periodic(Comm::alone());
        let foreign = field!(other, foreign: f64).at(Center)?;
        let q = field!(model, q: f64).at(Center)?;
        model.every_step(|s| _ = s.set(q, q + foreign));
        Ok(line!() - 1)
    });
    assert!(message.contains("the stage `set q`") && message.contains("another model"), "{message}");
    let message = error(|model| {
        let mut other = periodic(Comm::alone());
        let foreign = field!(other, foreign: f64).at(Center)?;
        let q = field!(model, q: f64).at(Center)?;
        model.every_step(|s| _ = s.update(q, (foreign.star::<1>(),), |(f,)| f.x::<1>()));
        Ok(line!() - 1)
    });
    assert!(message.contains("the stage `update q`") && message.contains("another model"), "{message}");
    // The stages of an integrator are declared where it is.
    let message = error(|model| {
        let q = field!(model, q: f64).at(Center)?;
        model.integrate(Scheme::Rk4, (q,), |(q,)| (q.y::<1000>(),))?;
        Ok(line!() - 1)
    });
    assert!(message.contains("the stage `set q_stage1, q_sum`"), "{message}");
}

#[test]
fn a_read_farther_than_the_grid_is_an_error_with_field_stage_and_line() {
    let mut model = Model::new(Comm::alone(), Grid::new([5, 8]));
    let q = field!(model, q: f64).at(Center).unwrap();
    let line = line!() + 1;
    model.every_step(|s| _ = s.set(q, q.x::<2>()).set(q, q + q.y::<6>()));
    let message = model.compile().err().expect("y is short").to_string();
    assert!(message.contains("axis y has 5 cells, and the field `q` needs 6 in the stage `set q`"), "{message}");
    assert!(message.contains(&format!("(the stage is declared at {}:{line})", file!())), "{message}");
}

#[test]
fn a_field_declared_twice_and_one_of_a_scratch_field_are_errors_with_the_name() {
    let mut model = periodic(Comm::alone());
    let q = field!(model, q: f64).at(Center).unwrap();
    field!(model, q_stage1: f64).at(Center).unwrap();
    let message = model.integrate(Scheme::SspRk2, (q,), |(q,)| (-1.0 * q,)).unwrap_err().to_string();
    assert!(message.contains("the field `q_stage1` is declared twice"), "{message}");
}

#[test]
fn a_model_has_one_time_step() {
    let compiled = |declare: fn(&mut Model)| {
        let mut model = Model::new(Comm::alone(), Grid::new([8, 8]));
        declare(&mut model);
        model.compile().err().map_or_else(String::new, |e| e.to_string())
    };
    let without = compiled(|model| {
        let u = field!(model, u: f64).at(Center).expect("a field");
        model.integrate(Scheme::SspRk2, (u,), |(u,)| (laplacian(u),)).expect("the equations");
    });
    assert!(without.contains("reads the time step, but the model has none (the stage is declared at "), "{without}");
    let twice = compiled(|model| {
        model.fixed_step(0.1);
        model.fixed_step(0.2);
    });
    assert!(twice.contains("the time step is set twice: fixed at 0.1 s, then fixed at 0.2 s"), "{twice}");
    assert_eq!(compiled(|model| _ = [model.fixed_step(0.1), model.fixed_step(0.1)]), "");
}

#[test]
fn a_loop_whose_condition_is_nan_ends_with_an_error_that_names_it() {
    for said in halocline::comm::ranks(3, 1, |comm| {
        let mut model = Model::new(comm, Grid::new([8, 8]));
        let u = field!(model, u: f64).at(Center).expect("a field");
        let [residual, passes] = ["residual", "passes"].map(|name| model.scalar(name, 1.0));
        model.every_step(|s| {
            s.until(residual.below(1e-8), 1000, |s| {
                s.set(u, 0.5 * u).reduce(residual, sum(u * u)).compute(residual, [residual], |[r]| r / r);
                s.compute(passes, [passes], |[n]| n + 1.0);
            });
        });
        let mut run = model.compile().expect("a model");
        let error = run.advance(5).expect_err("0/0").to_string();
        assert!(run.scalar(passes) < 10.0, "{} passes", run.scalar(passes));
        error
    })
    .expect("no rank panics")
    {
        assert!(said.starts_with("the loop until `residual` < 1e-8 cannot end in step 1: `residual` is NaN"), "{said}");
    }
}

#[test]
fn expressions_of_one_structure_keep_their_own_constants() {
    let values = same_on_all_ranks(|comm| {
        let mut model = Model::new(comm, Grid::new([4, 4]));
        let [half, quarter] = [("half", 0.5), ("quarter", 0.25)].map(|(name, value)| model.scalar(name, value));
        let q = field!(model, q: f64).initial(|_| 8.0).at(Center)?;
        let (a, b, c) =
            (field!(model, a: f64).at(Center)?, field!(model, b: f64).at(Center)?, field!(model, c: f64).at(Center)?);
        let (d, e, f) =
            (field!(model, d: f64).at(Center)?, field!(model, e: f64).at(Center)?, field!(model, f: f64).at(Center)?);
        let rate = half * q + 0.125 * q * q;
        model.every_step(|s| {
            s.set((a, b, c), (q + half * q, q + quarter * q, q + half * q)); // scalars that differ
            s.set((d, e), (2.0 * q + 1.0, 3.0 * q + 1.0)); // constants that differ
            s.set((f, q), (q + 0.5 * rate, rate)); // all constants are equal, and `rate` is common
        });
        let mut run = model.compile()?;
        run.advance(1)?;
        let largest = |field: Field<f64>| Ok(run.measure(max(field))?.value);
        [a.plain(), b.plain(), c.plain(), d.plain(), e.plain(), f.plain(), q.plain()]
            .into_iter()
            .map(largest)
            .collect::<Result<Vec<f64>>>()
    });
    assert_eq!(values, [12.0, 10.0, 12.0, 17.0, 25.0, 14.0, 12.0]);
}
