//! The cases as halocline's models, through its public interface alone.
use crate::ask::Ask;
use halocline::model::Op;
use halocline::prelude::*;
use halocline_kernels::diffusion::Ftcs;
use halocline_kernels::gray_scott::{GrayScott, Rates};
use halocline_kernels::linear::{Axpy, Descend, NegativeLaplacian};
use halocline_kernels::wave::Leapfrog;

/// A way to run halocline: its name, and the function that sets it in the model.
type Way = (&'static str, fn(&mut Model));

/// The ways to run halocline: with the default number of fused steps, which the engine measures, and with one step at a time,
/// as in the other programs.
pub const WAYS: &[Way] = &[("halocline", |_| ()), ("halocline, one step", |model| model.fuse(1))];

/// A weighted sum for checks, as in `rivals/rival.h`: of the whole box, and of the cells that the edges do not affect in a few steps.
#[derive(Default)]
pub struct Checks {
    all: Vec<(f64, Reduction)>,
    inner: Vec<(f64, Reduction)>,
}

/// A case that is ready to run.
pub struct Ours {
    run: Simulation,
    checks: Checks,
}

impl Ours {
    pub fn new(case: &str, comm: &Comm, n: usize, set: fn(&mut Model)) -> Ours {
        let grid = match case {
            "heat2d" => Grid::new([n; 2]).periodic([true; 2]).length([n as f64; 2]),
            "cg" => Grid::new([n; 3]).length([n as f64; 3]),
            _ => Grid::new([n; 3]).periodic([true; 3]).length([n as f64; 3]),
        };
        let mut model = Model::new(comm.clone(), grid);
        set(&mut model);
        let checks = match case {
            "heat64" | "heat2d" => heat::<f64>(&mut model),
            "heat32" => heat::<f32>(&mut model),
            "wave8" => wave(&mut model),
            "gray-scott" => gray_scott(&mut model),
            "staggered" => staggered(&mut model),
            "cg" => conjugate_gradients(&mut model),
            _ => unreachable!("no such case"),
        };
        let checks = checks.expect("a sound model");
        Ours { run: model.compile().expect("a model that compiles"), checks }
    }

    pub fn advance(&mut self, steps: u64) {
        self.run.advance(steps).expect("a step");
    }

    /// Runs until the engine has chosen the number of fused steps.
    pub fn settle(&mut self) {
        while !self.run.is_settled() {
            self.advance(8);
        }
    }

    /// Sums of the whole box and of its inner part.
    pub fn check(&mut self) -> [f64; 2] {
        let Ours { run, checks } = self;
        [&checks.all, &checks.inner]
            .map(|list| list.iter().map(|(f, sum)| f * run.measure(sum.clone()).unwrap().value).sum())
    }
}

/// Factors along the axes of an initial bump that all programs compute to the last bit.
fn bump(at: At, [nz, ny, nx]: [usize; 3]) -> f64 {
    let parabola = |i: usize, n: usize, axis: usize| {
        if n == 1 {
            return 1.0;
        }
        let j = (i + (axis + 1) * n / 8) % n;
        4.0 * (j * (n - j)) as f64 / (n as f64 * n as f64)
    };
    let [z, y, x] = at.index;
    parabola(z, nz, 0) * parabola(y, ny, 1) * parabola(x, nx, 2)
}

/// A cell's value times its weights along the axes.
struct Weighted;
impl<R: Real> Kernel<R> for Weighted {
    type Reads = (Pointwise, Along<0>, Along<1>, Along<2>);
    type Writes = (f64,);
    #[inline(always)]
    fn cell(&self, (f, z, y, x): Near<'_, R, Self>) -> (f64,) {
        (f.here().f64() * z.here().f64() * y.here().f64() * x.here().f64(),)
    }
}

/// Sums of these fields, each times its number.
fn checks<R: Real>(model: &mut Model, fields: &[(f64, Field<R>)]) -> Checks {
    let n = model.grid().cells();
    let weight = |axis: usize, inner: bool| {
        let (n, flat) = (n[axis], n[axis] == 1);
        let edge = (n / 4).min(32) as f64;
        move |x: f64| {
            let i = x.floor();
            match flat {
                true => 1.0,
                false if inner && (i < edge || i >= n as f64 - edge) => 0.0,
                false => 1.0 + i / n as f64,
            }
        }
    };
    let mut sums = |inner: bool| {
        let z = model.profile::<0>(weight(0, inner));
        let y = model.profile::<1>(weight(1, inner));
        let x = model.profile::<2>(weight(2, inner));
        let sum = |field: Field<R>| Reduction::of::<R, _>("weighted", Op::Sum, Weighted, (field, z, y, x));
        fields.iter().map(|&(factor, field)| (factor, sum(field))).collect()
    };
    Checks { all: sums(false), inner: sums(true) }
}

fn heat<R: Real>(model: &mut Model) -> Result<Checks> {
    let n = model.grid().cells();
    let h = n.map(|n| if n == 1 { f64::INFINITY } else { 1.0 });
    let t = model.field::<R>("t").initial(move |at| 1.0 + bump(at, n)).build()?;
    model.every_step(|s| {
        s.apply(Ftcs::<R>::new(0.1, 1.0, h), [t], [t]);
    });
    Ok(checks(model, &[(1.0, t)]))
}

fn wave(model: &mut Model) -> Result<Checks> {
    let n = model.grid().cells();
    let p = model.field::<f32>("p").initial(move |at| bump(at, n)).build()?;
    let q = model.field::<f32>("q").build()?;
    let c = model.field::<f32>("c").initial(|_| 1.0).build()?;
    model.every_step(|s| {
        s.apply(Leapfrog::<f32, 4>::new(0.2, [1.0; 3]), [p, q, c], [p, q]);
    });
    Ok(checks(model, &[(1.0, p)]))
}

fn gray_scott(model: &mut Model) -> Result<Checks> {
    let n = model.grid().cells();
    let u = model.field::<f64>("u").initial(move |at| 1.0 - 0.5 * bump(at, n)).build()?;
    let v = model.field::<f64>("v").initial(move |at| 0.25 * bump(at, n)).build()?;
    let rates = Rates { diffusion_u: 0.2, diffusion_v: 0.1, feed: 0.04, kill: 0.06 };
    model.every_step(|s| {
        s.apply(GrayScott::new(rates, 0.5, [1.0; 3]), [u, v], [u, v]);
    });
    Ok(checks(model, &[(1.0, u), (2.0, v)]))
}

/// c Δt / h.
const COURANT: f64 = 0.3;

/// Velocities on the upper faces along z, y, x: v ← v + c δp.
struct Velocity;
impl Kernel<f64> for Velocity {
    type Reads = (Forward<1>, Pointwise, Pointwise, Pointwise);
    type Writes = [f64; 3];
    #[inline(always)]
    fn cell(&self, (p, w, v, u): Near<'_, f64, Self>) -> [f64; 3] {
        [
            COURANT.mul_add(p.z::<1>() - p.here(), w.here()),
            COURANT.mul_add(p.y::<1>() - p.here(), v.here()),
            COURANT.mul_add(p.x::<1>() - p.here(), u.here()),
        ]
    }
}

/// p ← p + c div v.
struct Pressure;
impl Kernel<f64> for Pressure {
    type Reads = (Pointwise, ArmsZ<1, 0>, ArmsY<1, 0>, ArmsX<1, 0>);
    type Writes = [f64; 1];
    #[inline(always)]
    fn cell(&self, (p, w, v, u): Near<'_, f64, Self>) -> [f64; 1] {
        let divergence = (u.here() - u.x::<-1>()) + (v.here() - v.y::<-1>()) + (w.here() - w.z::<-1>());
        [COURANT.mul_add(divergence, p.here())]
    }
}

fn staggered(model: &mut Model) -> Result<Checks> {
    let n = model.grid().cells();
    let p = model.field::<f64>("p").initial(move |at| bump(at, n)).build()?;
    let w = model.field::<f64>("w").build()?;
    let v = model.field::<f64>("v").build()?;
    let u = model.field::<f64>("u").build()?;
    model.every_step(|s| {
        s.apply(Velocity, [p, w, v, u], [w, v, u]).apply(Pressure, [p, w, v, u], [p]);
    });
    Ok(checks(model, &[(1.0, p), (2.0, w), (3.0, v), (4.0, u)]))
}

/// The poisson job's schedule, grounded; a step is an iteration, and it does not stop.
fn conjugate_gradients(model: &mut Model) -> Result<Checks> {
    let n = model.grid().cells();
    let grounded = Boundary::Value(0.0);
    let phi = model.field::<f64>("phi").boundary(grounded.clone()).build()?;
    let charge = model.field::<f64>("charge").initial(move |at| bump(at, n)).build()?;
    let r = model.field::<f64>("residual").build()?;
    let d = model.field::<f64>("direction").boundary(grounded).build()?;
    let image = model.field::<f64>("image").build()?;
    let minus_one = model.scalar("minus_one", -1.0);
    let [rr, rr_before, curvature, alpha, beta] =
        ["rr", "rr_before", "curvature", "alpha", "beta"].map(|name| model.scalar(name, 0.0));
    let laplacian = NegativeLaplacian::<f64>::new([1.0; 3]);
    model.at_start(|s| {
        s.apply(laplacian, [phi], [image]).apply(Axpy, (charge, minus_one, image), [r]).reduce(rr, dot(r, r));
    });
    model.every_step(|s| {
        s.apply(Axpy, (r, beta, d), [d]); // β = 0 in the first iteration
        s.apply(laplacian, [d], [image]).reduce(curvature, dot(d, image));
        s.compute(alpha, [rr, curvature], |[rr, curvature]| rr / curvature);
        s.apply(Descend, (phi, r, alpha, d, image), [phi, r]);
        s.compute(rr_before, [rr], |[rr]| rr).reduce(rr, dot(r, r));
        s.compute(beta, [rr, rr_before], |[rr, before]| rr / before);
    });
    Ok(checks(model, &[(1.0, phi)]))
}

/// Returns a model for each way.
pub fn all(case: &str, comm: &Comm, n: usize, ask: &Ask) -> Vec<(&'static str, Ours)> {
    let wanted = WAYS.iter().filter(|(name, _)| ask.wants_rival(name));
    wanted.map(|&(name, set)| (name, Ours::new(case, comm, n, set))).collect()
}
