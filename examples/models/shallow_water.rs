//! Linear shallow water with Coriolis force on Arakawa's C grid, forward-backward in time.
use halocline::prelude::*;

/// Depth in m, Coriolis parameter in 1/s and time step in s.
pub struct Parameters {
    pub depth: f64,
    pub coriolis: f64,
    pub dt: f64,
}

pub fn shallow_water(
    p: &Parameters,
    model: &mut Model,
    eta0: impl Fn(At) -> f64 + Send + Sync + 'static,
) -> Result<()> {
    let (g, depth, f, dt) = (9.81, p.depth, p.coriolis, model.fixed_step(p.dt));
    let eta = field!(model, eta: f64).unit("m").initial(eta0).at(Center)?;
    let u = field!(model, u: f64).unit("m s-1").at(FaceX)?;
    let v = field!(model, v: f64).unit("m s-1").at(FaceY)?;
    model.every_step(|s| {
        s.set(eta, eta - dt * depth * (ddx(u) + ddy(v)));
        s.set(u, u - dt * g * ddx(eta) + dt * f * v.on(FaceX));
        s.set(v, v - dt * g * ddy(eta) - dt * f * u.on(FaceY));
    });
    let kinetic = 0.5 * depth * ((u * u).on(Center) + (v * v).on(Center));
    model.diagnose("speed", norm2(u));
    model.record("energy", mean(kinetic + 0.5 * g * eta * eta)).unit("m3 s-2"); // per mass and area
    model.output("vorticity", ddx(v) - ddy(u)).unit("s-1"); // at the corners of cells
    Ok(())
}
