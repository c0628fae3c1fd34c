//! Ten sketches of what the shape must carry, each short enough to read in one go. They are the tutorial's examples, too.
use halocline::comm::ranks;
use halocline::model::source::{Arrival, Replay};
use halocline::prelude::*;
use halocline_kernels::diffusion::Ftcs;
use ndarray::Array3;

/// Runs a sketch on 1, 2, 3, 4 and 6 ranks, and wants the same from all.
fn same_on_all_ranks<R: Send + PartialEq + std::fmt::Debug>(sketch: impl Fn(Comm) -> Result<R> + Sync) -> R {
    let run = |n: usize, threads: usize| {
        let results = ranks(n, threads, &sketch).expect("no rank panics");
        results.into_iter().map(|r| r.expect("the sketch runs")).collect::<Vec<R>>()
    };
    let mut alone = run(1, 1);
    for (n, threads) in [(1, 2), (2, 1), (3, 1), (4, 2), (6, 1)] {
        for result in run(n, threads) {
            assert_eq!(result, alone[0], "on {n} ranks");
        }
    }
    alone.remove(0)
}

// ── 1. The time step is a scalar of the state: computed from the fields, read by the kernel ──

/// Inviscid Burgers flow, upwind for u ≥ 0: u ← u − dt u ∂u/∂x.
struct Burgers {
    h: f64,
}
impl Kernel<f64> for Burgers {
    type Reads = (ArmsX<1, 0>, Uniform);
    type Writes = [f64; 1];
    #[inline(always)]
    fn cell(&self, (u, dt): Near<'_, f64, Self>) -> [f64; 1] {
        [u.here() - dt / self.h * u.here() * (u.here() - u.x::<-1>())]
    }
}

#[test]
fn adaptive_time_step() {
    let (mass, time) = same_on_all_ranks(|comm| {
        let mut model = Model::new(comm, Grid::new([60]).periodic([true]));
        let h = model.grid().spacing()[2];
        let u = model.field("u").initial(|at| 1.5 + math::sin(2.0 * math::PI * at.x)).build()?;
        let dt = model.adaptive_step(0.0);
        let fastest = model.scalar("fastest", 0.0);
        model.every_step(|s| {
            s.reduce(fastest, max_abs(u));
            s.compute(dt, [fastest], move |[v]| 0.5 * h / v);
            s.apply(Burgers { h }, (u, dt), [u]);
        });
        let mut run = model.compile()?;
        run.advance(20)?;
        Ok((run.state()?, run.time()))
    });
    assert!(!mass.is_empty() && time > 20.0 * 0.5 / 60.0 / 2.5, "slower flow, longer steps: {time}");
}

// ── 2. Forcing that depends on position and time ──

/// Heat with a source that moves around: T ← T + dt q(x, t).
struct MovingLamp {
    dt: f64,
}
impl Kernel<f64> for MovingLamp {
    type Reads = (Pointwise, Position, Uniform);
    type Writes = [f64; 1];
    #[inline(always)]
    fn cell(&self, (temperature, at, t): Near<'_, f64, Self>) -> [f64; 1] {
        let distance = at.x() - t;
        [temperature.here() + self.dt * math::exp(-distance * distance) * at.y()]
    }
}

#[test]
fn forcing_by_position_and_time() {
    let warmest = same_on_all_ranks(|comm| {
        let mut model = Model::new(comm, Grid::new([12, 40]).length([12.0, 40.0]));
        let dt = model.fixed_step(0.5);
        let temperature = model.field("temperature").unit("K").initial(|_| 0.0).build()?;
        let time = model.time();
        model.every_step(|s| {
            s.apply(MovingLamp { dt }, (temperature, Here, time), [temperature]);
        });
        let mut run = model.compile()?;
        run.advance(40)?;
        Ok(run.measure(max(temperature)).unwrap())
    });
    let (_, [_, y, x]) = warmest.at.expect("a largest value has a place");
    assert!(y == 11 && (3..20).contains(&x), "the lamp has passed over the first half: {warmest:?}");
}

// ── 3. Two blocks, joined with a rotation ──

/// Carries a tracer along a heading of the block: upwind along x or y by the sign of u and v.
struct Carry;
impl Kernel<f64> for Carry {
    type Reads = (Star<1>, Pointwise, Pointwise);
    type Writes = [f64; 1];
    #[inline(always)]
    fn cell(&self, (q, u, v): Near<'_, f64, Self>) -> [f64; 1] {
        let from_x = if u.here() > 0.0 { q.x::<-1>() } else { q.x::<1>() };
        let from_y = if v.here() > 0.0 { q.y::<-1>() } else { q.y::<1>() };
        [if u.here() != 0.0 { from_x } else { from_y }]
    }
}

#[test]
fn two_blocks_joined_with_a_rotation() {
    let q = same_on_all_ranks(|comm| {
        // Leaving block 0 through high x one enters block 1 through low y: x becomes y, y becomes −x.
        let mut model = Model::new(comm, Grid::blocks(2, [6, 6]).join(0, X, 1, [Z, -X, Y])?);
        let q = model.field("q").initial(|at| f64::from(at.block == 0 && at.index == [0, 1, 4])).build()?;
        let u = model.field("u").initial(|at| f64::from(at.block == 0)).build()?;
        let v = model.field("v").initial(|at| f64::from(at.block == 1)).build()?;
        model.every_step(|s| {
            s.apply(Carry, [q, u, v], [q]);
        });
        let mut run = model.compile()?;
        run.advance(5)?;
        Ok(run.gather(q))
    });
    // One step inside block 0, then four rows into block 1, where the row y = 1 of block 0 is the column x = 6 − 1 − 1.
    assert_eq!((q[1][[0, 3, 4]], q[0].sum(), q[1].sum()), (1.0, 0.0, 1.0));
}

// ── 4. Transpose and back ──

#[test]
fn transpose_and_back() {
    let (turned, back) = same_on_all_ranks(|comm| {
        let mut model = Model::new(comm, Grid::new([4, 6, 8]));
        let across = model.add_grid(Grid::new([8, 6, 4])); // z and x exchanged: lines along z become contiguous
        let a = model.field("a").initial(|at| at.key as f64).build()?;
        let b = model.field::<f64>("b").on(across).whole([X]).build()?;
        let c = model.field::<f64>("c").build()?;
        model.every_step(|s| {
            s.transpose(a, b, [X, Y, Z]);
            s.transpose(b, c, [X, Y, Z]);
        });
        let mut run = model.compile()?;
        run.advance(1)?;
        Ok((run.gather(b).remove(0), run.gather(c).remove(0)))
    });
    let key = |z: usize, y: usize, x: usize| ((z * 6 + y) * 8 + x) as f64;
    assert_eq!(turned, Array3::from_shape_fn((8, 6, 4), |(x, y, z)| key(z, y, x)));
    assert_eq!(back, Array3::from_shape_fn((4, 6, 8), |(z, y, x)| key(z, y, x)));
}

// ── 5. A column solve: whole lines along z, wherever the grid is cut ──

#[test]
fn implicit_column_solve() {
    let residual = same_on_all_ranks(|comm| {
        let mut model = Model::new(comm, Grid::new([16, 5, 6]));
        let old = model.field("old").initial(|at| at.uniform(7)).build()?;
        let new = model.field::<f64>("new").build()?;
        model.every_step(|s| {
            // (2 + 2) T − T₋ − T₊ = old, by the Thomas algorithm
            s.lines("thomas", Z, [old], [new], |[rhs], [mut t]| {
                let n = rhs.len();
                let mut c = vec![0.0; n];
                for k in 0..n {
                    let (before, above) = if k > 0 { (c[k - 1], t[k - 1]) } else { (0.0, 0.0) };
                    c[k] = -1.0 / (4.0 + before);
                    t[k] = -(rhs[k] + above) * c[k];
                }
                (0..n - 1).rev().for_each(|k| t[k] -= c[k] * t[k + 1]);
            });
        });
        let mut run = model.compile()?;
        run.advance(1)?;
        let (t, rhs) = (run.gather(new).remove(0), run.gather(old).remove(0));
        let at = |k: usize, y, x| if k < 16 { t[[k, y, x]] } else { 0.0 };
        let left = |(k, y, x): (usize, usize, usize)| 4.0 * at(k, y, x) - at(k.wrapping_sub(1), y, x) - at(k + 1, y, x);
        Ok(rhs.indexed_iter().map(|(i, r)| (left(i) - r).abs()).fold(0.0, f64::max))
    });
    assert!(residual < 1e-14, "{residual}");
}

// ── 6. Conjugate gradients until a tolerance ──

/// −∇² on a grid of spacing 1, two-dimensional.
struct Laplacian;
impl Kernel<f64> for Laplacian {
    type Reads = (Star<1>,);
    type Writes = [f64; 1];
    #[inline(always)]
    fn cell(&self, (p,): Near<'_, f64, Self>) -> [f64; 1] {
        [4.0 * p.here() - p.x::<-1>() - p.x::<1>() - p.y::<-1>() - p.y::<1>()]
    }
}
/// a ← a + s b.
struct Axpy;
impl Kernel<f64> for Axpy {
    type Reads = (Pointwise, Uniform, Pointwise);
    type Writes = [f64; 1];
    #[inline(always)]
    fn cell(&self, (a, s, b): Near<'_, f64, Self>) -> [f64; 1] {
        [a.here() + s * b.here()]
    }
}

#[test]
fn conjugate_gradients() {
    let (iterations, residual) = same_on_all_ranks(|comm| {
        let mut model = Model::new(comm, Grid::new([24, 30]));
        let x = model.field("x").boundary(Boundary::Value(0.0)).build()?;
        let b = model.field("b").initial(|at| at.normal(1)).build()?;
        let r = model.field("r").initial(|at| at.normal(1)).build()?;
        let p = model.field("p").initial(|at| at.normal(1)).boundary(Boundary::Value(0.0)).build()?;
        let ap = model.field::<f64>("ap").build()?;
        let [rr, rr_old, pap, alpha, beta, n, defect] =
            ["rr", "rr_old", "pAp", "alpha", "beta", "iterations", "defect"].map(|name| model.scalar(name, 0.0));
        model.every_step(|s| {
            s.reduce(rr, dot(r, r));
            s.until(rr.below(1e-20), 500, |s| {
                s.apply(Laplacian, [p], [ap]).reduce(pap, dot(p, ap)).compute(alpha, [rr, pap], |[rr, pap]| rr / pap);
                s.apply(Axpy, (x, alpha, p), [x]).compute(alpha, [alpha], |[a]| -a).apply(Axpy, (r, alpha, ap), [r]);
                s.compute(rr_old, [rr], |[rr]| rr).reduce(rr, dot(r, r));
                s.compute(beta, [rr, rr_old], |[new, old]| new / old).apply(Axpy, (r, beta, p), [p]);
                s.compute(n, [n], |[n]| n + 1.0);
            });
            s.apply(Laplacian, [x], [ap]).reduce(defect, max_difference(b, ap)); // of the solution, not of the recurrence
        });
        let mut run = model.compile()?;
        run.advance(1)?;
        Ok((run.scalar(n), run.scalar(defect)))
    });
    assert!((40.0..200.0).contains(&iterations) && residual < 1e-9, "{iterations} iterations, {residual:e}");
}

// ── 7. An all-to-all of keys, with no grid at all ──

#[test]
fn keys_without_a_grid() {
    let (distinct, state) = same_on_all_ranks(|comm| {
        let mut model = Model::gridless(comm);
        let keys = model.records("keys", |rank, size| {
            (0..1000u64).filter(|i| *i as usize % size == rank).map(|i| i * i % 97).collect::<Vec<u64>>()
        });
        let distinct = model.scalar("distinct", 0.0);
        model.every_step(|s| {
            s.scatter(keys, |k| *k); // every key to its owner: equal keys meet
            s.update_records("unique", keys, |all| {
                all.sort_unstable();
                all.dedup();
            });
            s.sum_records(distinct, keys, |_| 1.0);
        });
        let mut run = model.compile()?;
        run.advance(1)?;
        Ok((run.scalar(distinct), run.state()?))
    });
    assert_eq!(distinct, 49.0, "the squares modulo 97, and their order is nobody's: {state}");
}

// ── 8. Records that arrive from outside ──

#[test]
fn records_from_outside() {
    let t = same_on_all_ranks(|comm| {
        let mut model = Model::new(comm, Grid::new([8, 8]));
        let dt = model.fixed_step(1.0);
        let t = model.field::<f64>("t").initial(|_| 0.0).build()?;
        let gauge = model.source("gauge", || {
            let hour = |i: usize| Arrival { time: i as f64 * 1.5, block: 0, index: [0, i % 8, 3], value: 1.0 };
            Ok(Replay::new((0..6).map(hour).collect()))
        });
        model.every_step(|s| {
            s.receive(gauge, t, |old, rain| old + rain);
            s.apply(Ftcs::new(0.002, dt, [f64::INFINITY, 0.125, 0.125]), [t], [t]);
        });
        let mut run = model.compile()?;
        run.advance(5)?; // times 0 to 4: the records of 0, 1.5 and 3 have come
        Ok(run.measure(sum(t)).unwrap().value)
    });
    assert!((t - 3.0).abs() < 1e-14, "{t}");
}

// ── 9. Two members of an ensemble, on two communicators ──

#[test]
fn ensemble_of_two() {
    let member = |comm: Comm, seed: u64| -> Result<String> {
        let mut model = Model::new(comm, Grid::new([10, 12]).periodic([true, true]));
        let h = model.grid().spacing();
        let dt = model.fixed_step(Ftcs::<f64>::stable_step(1.0, h));
        let t = model.field::<f64>("t").initial(move |at| at.uniform(seed)).build()?;
        model.every_step(|s| {
            s.apply(Ftcs::new(1.0, dt, h), [t], [t]);
        });
        let mut run = model.compile()?;
        run.advance(3)?;
        run.state()
    };
    let both = ranks(5, 1, |world| {
        let number = world.rank() % 2;
        let own = world.split(number); // three ranks and two
        member(own, number as u64).expect("a member runs")
    });
    let both = both.expect("no rank panics");
    let alone = [0, 1].map(|seed| member(Comm::alone(), seed).expect("a member runs"));
    both.iter().enumerate().for_each(|(rank, state)| assert_eq!(*state, alone[rank % 2]));
    assert_ne!(alone[0], alone[1]);
}

// ── 10. A stage that takes whole tiles as ndarray views ──

#[test]
fn tiles_as_ndarray_views() {
    let (views, kernel) = same_on_all_ranks(|comm| {
        let mut model = Model::new(comm, Grid::new([6, 7, 9]).periodic([true; 3]));
        let a = model.field::<f64>("a").initial(|at| at.uniform(3)).build()?;
        let b = model.field::<f64>("b").initial(|at| at.uniform(3)).build()?;
        model.every_step(|s| {
            s.tiles("smooth", [(a, Extent::star(1))], [a], |[old], [mut new]| {
                let [nz, ny, nx] = new.dim().into();
                let part = |z: usize, y: usize, x: usize| old.slice(ndarray::s![z..z + nz, y..y + ny, x..x + nx]);
                let (along_x, along_y) = (&part(1, 1, 0) + &part(1, 1, 2), &part(1, 0, 1) + &part(1, 2, 1));
                let six = along_x + along_y + (&part(0, 1, 1) + &part(2, 1, 1));
                let next = |t: f64, six: f64| 0.1_f64.mul_add(six - 6.0 * t, t);
                ndarray::Zip::from(&mut new).and(&part(1, 1, 1)).and(&six).for_each(|n, &t, &six| *n = next(t, six));
            });
            s.apply(Ftcs::new(1.0, 0.1, [1.0; 3]), [b], [b]);
        });
        let mut run = model.compile()?;
        run.advance(4)?;
        Ok((run.gather(a), run.gather(b)))
    });
    assert_eq!(views, kernel);
}
