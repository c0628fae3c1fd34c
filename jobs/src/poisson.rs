//! Poisson's equation −∇²φ = f, second order, solved by conjugate gradients.
//!
//! A step is a number of iterations, so that output can show the convergence. The run ends when the residual is below the
//! tolerance: not the residual of the recurrence, which goes on falling when rounding errors have stopped the solution, but the
//! one computed from the solution at the end of each step. Where they differ, the iteration begins anew from the solution; if
//! that does not help, the run ends with an error. Sums are exact, so the number of iterations is the same on any number of
//! ranks.
use halocline::config::groups::position;
use halocline::model::resolution::check_width;
use halocline::prelude::*;

/// The Poisson job: the potential of some charges.
pub struct Poisson;

/// The `[parameters]` of the Poisson job.
#[parameters]
pub struct Parameters {
    /// charges divided by the permittivity, each a Gaussian
    #[parameter(default = [1.0, -1.0], unit = "V·m", min_length = 1)]
    pub charges: Vec<f64>,
    /// positions of the charges, each as in `grid.origin`; by default equally spaced along x
    #[parameter(default = [], unit = "m")]
    pub positions: Vec<Vec<f64>>,
    /// width of the Gaussians: the distance at which they have fallen to 1/e
    #[parameter(default = 0.05, unit = "m", above = 0.0)]
    pub width: f64,
    /// boundary condition at walls; periodic axes have no walls
    #[parameter(default = Walls::Grounded)]
    pub walls: Walls,
    /// norm of the residual at which the run ends, relative to the norm of the charges
    #[parameter(default = 1e-8, above = 0.0, max = 1.0)]
    pub tolerance: f64,
    /// maximum number of iterations per step
    #[parameter(default = 10, min = 1)]
    pub iterations_per_step: usize,
}

/// The boundary condition.
#[parameters]
#[derive(Clone, Copy, PartialEq)]
pub enum Walls {
    /// zero potential
    Grounded,
    /// no electric flux
    Insulated,
}

impl Job for Poisson {
    const NAME: &'static str = "poisson";
    const SUMMARY: &'static str = "potential of charges, −∇²φ = f, by conjugate gradients to a tolerance";
    type Parameters = Parameters;

    fn build<R: Real>(p: &Parameters, model: &mut Model) -> Result<()> {
        let density = density(p, model.grid())?;
        declare::<R>(p, density, model)
    }
}

/// Declares the solver for a right-hand side f in V/m². The charges and positions of `p` are not used.
///
/// # Errors
/// If the grid has only one cell.
pub fn declare<R: Real>(
    p: &Parameters,
    density: impl Fn(At) -> f64 + Send + Sync + 'static,
    model: &mut Model,
) -> Result<()> {
    let grid = model.grid().clone();
    if grid.total_cells() == 1 {
        return Err(Error::input("a grid of one cell has no Laplacian").remedy("use an axis of more cells"));
    }
    let walls = match p.walls {
        Walls::Grounded => Boundary::Value(0.0),
        Walls::Insulated => Boundary::Reflecting,
    };
    let phi = field!(model, phi: R).long_name("potential").unit("V").boundary(walls.clone()).at(Center)?;
    let charge = field!(model, charge: R).long_name("charge density over permittivity").unit("V m-2");
    let charge = charge.initial(density).at(Center)?;
    let r = field!(model, residual: R).unit("V m-2").hidden().at(Center)?;
    let d = field!(model, direction: R).unit("V m-2").boundary(walls).hidden().at(Center)?;
    let image = field!(model, image: R).long_name("−∇² of the direction").unit("V m-4").hidden().at(Center)?;

    let [excess, norm, rr, rr_before, curvature, alpha, beta, recurrent, iterations] =
        ["excess", "norm", "rr", "rr_before", "curvature", "alpha", "beta", "relative_residual", "iterations"]
            .map(|name| model.scalar(name, 0.0));
    let [defect2, residual, restart, stagnates] =
        ["defect2", "true_residual", "restart", "stagnates"].map(|name| model.diagnostic_scalar(name, 0.0));
    let residual_before = model.diagnostic_scalar("true_residual_at_restart", f64::MAX);
    let relative = |[rr, norm]: [f64; 2]| if norm > 0.0 { rr.sqrt() / norm } else { 0.0 };

    // Without a fixed potential, a solution exists only if the total charge is zero: subtract the mean.
    let floats = p.walls == Walls::Insulated || (0..3).all(|a| !grid.is_bounded(a));
    model.at_start(|s| {
        if floats {
            s.reduce(excess, mean(charge)).set(charge, charge - excess);
        }
        s.set(r, charge + laplacian(phi));
        s.reduce(norm, norm2(charge)).reduce(rr, dot(r, r)).compute(recurrent, [rr, norm], relative);
        s.compute(residual, [recurrent], |[residual]| residual);
    });
    let (enough, most, tolerance) = (recurrent.below(p.tolerance), p.iterations_per_step, p.tolerance);
    // In double precision whatever the type of the fields.
    let defect = charge.cast() + laplacian(phi.cast());
    model.every_step(|s| {
        s.until(enough.clone(), most, |s| {
            s.set(d, r + beta * d); // β = 0 in the first iteration
            s.set(image, -laplacian(d)).reduce(curvature, dot(d, image));
            s.compute(alpha, [rr, curvature], |[rr, curvature]| rr / curvature);
            s.set((phi, r), (phi + alpha * d, r - alpha * image));
            s.compute(rr_before, [rr], |[rr]| rr).reduce(rr, dot(r, r));
            s.compute(beta, [rr, rr_before], |[rr, before]| rr / before);
            s.compute(recurrent, [rr, norm], relative).compute(iterations, [iterations], |[n]| n + 1.0);
        });
        s.reduce(defect2, dot::<f64, _, _>(defect, defect)).compute(residual, [defect2, norm], relative);
        let is_claim = move |[recurrent, residual]: [f64; 2]| recurrent < tolerance && residual >= tolerance;
        s.compute(restart, [recurrent, residual], move |both| if is_claim(both) { 1.0 } else { 0.0 });
        s.until(restart.below(0.5), 1, |s| {
            let is_no_better = |[now, before]: [f64; 2]| if now > 0.5 * before { 1.0 } else { 0.0 };
            s.compute(stagnates, [residual, residual_before], is_no_better);
            s.compute(residual_before, [residual], |[residual]| residual);
            s.set(r, charge + laplacian(phi)).reduce(rr, dot(r, r));
            s.compute(recurrent, [rr, norm], relative).compute(beta, [beta], |_| 0.0);
        });
    });
    model.stop_when(residual.below(tolerance));
    model.fail_when(stagnates.above(0.5), [residual, iterations], move |[residual, iterations]| {
        let what = format!(
            "conjugate gradients stagnated at a relative residual of {residual:.3e}, above `parameters.tolerance` = \
             {tolerance:e}, after {iterations} iterations: the recurrence has converged, the solution has not"
        );
        let remedy = match R::TYPE {
            halocline_kernels::ElementType::F32 => {
                "single precision carries no more: set engine.element = \"f64\", or a larger tolerance"
            }
            _ => "rounding errors allow no more on this grid: set a larger tolerance",
        };
        Error::failure(what).remedy(remedy)
    });

    model.record("iterations", iterations);
    model.record("residual", residual);
    model.diagnose("iterations", iterations);
    model.diagnose("residual", residual); // of the solution
    model.diagnose("residual of the recurrence", recurrent);
    model.diagnose("max(defect)", max_abs(charge + laplacian(phi)));
    let volume: f64 = (0..3).map(|a| grid.block(0).cell_length(a)).product();
    model.diagnose("energy", sum::<f64, _>(0.5 * volume * phi.cast() * charge.cast()));
    model.diagnose("max(phi)", max(phi));
    model.diagnose("min(phi)", min(phi));
    Ok(())
}

/// Returns the charge density at a position: a sum of Gaussians, with the nearest image of each charge along periodic axes.
fn density(p: &Parameters, grid: &Grid) -> Result<impl Fn(At) -> f64 + Send + Sync + 'static> {
    let n = p.charges.len();
    if !p.positions.is_empty() && p.positions.len() != n {
        let given = p.positions.len();
        return Err(Error::input(format!("{n} `parameters.charges`, but {given} `parameters.positions`"))
            .remedy("give each charge a position, or no positions at all to have them evenly along x"));
    }
    let (block, mut places) = (grid.block(0).clone(), vec![]);
    for i in 0..n {
        let given = p.positions.get(i).map_or(&[][..], |place| place);
        let mut place = position(&format!("positions[{i}]"), given, grid)?;
        if given.is_empty() {
            place[2] = block.origin[2] + block.length[2] * (i as f64 + 0.5) / n as f64;
        }
        places.push((p.charges[i], place));
    }
    check_width(grid, "`parameters.width`", p.width)?;
    check_period(grid, p.width)?;
    let flat = [0, 1, 2].map(|a| grid.is_flat(a));
    let wraps = [0, 1, 2].map(|a| !grid.is_bounded(a));
    let axes = flat.iter().filter(|flat| !**flat).count() as i32;
    let (width, height) = (p.width, 1.0 / math::powi(p.width * math::PI.sqrt(), axes));
    Ok(move |at: At| {
        let mut sum = 0.0;
        for (charge, place) in &places {
            let mut distance2 = 0.0;
            for (a, x) in [at.z, at.y, at.x].into_iter().enumerate().filter(|(a, _)| !flat[*a]) {
                let mut d = x - place[a];
                if wraps[a] {
                    d -= block.length[a] * (d / block.length[a]).round();
                }
                distance2 += d * d;
            }
            sum += charge * height * math::exp(-distance2 / (width * width));
        }
        sum
    })
}

/// Checks that a Gaussian of this width in m fits into the period of every periodic axis: only the nearest image of a charge
/// counts, so more than 2·10⁻⁵ of a wider one would be cut off.
fn check_period(grid: &Grid, width: f64) -> Result<()> {
    let block = grid.block(0);
    match (0..3).find(|&a| !grid.is_flat(a) && !grid.is_bounded(a) && 6.0 * width > block.length[a]) {
        None => Ok(()),
        Some(a) => {
            let (axis, length) = (halocline::model::grid::AXES[a], block.length[a]);
            let what = format!(
                "`parameters.width` = {width} m: a Gaussian is wider than the period of {length} m along {axis}"
            );
            Err(Error::input(what).remedy(format!("use at most a sixth of the period, {} m", length / 6.0)))
        }
    }
}
