//! Sound of order 8 in space and 2 in time, with a Ricker source and an absorbing layer along the walls.
use halocline::prelude::*;
use halocline_kernels::wave::{ricker, taper};

/// Speed of sound in m/s, time step in s, frequency of the source in 1/s, width of the absorbing layer in m.
pub struct Parameters {
    pub speed: f64,
    pub dt: f64,
    pub frequency: f64,
    pub layer: f64,
}

pub fn acoustics(q: &Parameters, model: &mut Model, p0: impl Fn(At) -> f64 + Send + Sync + 'static) -> Result<()> {
    let (c, dt, frequency, layer, block) =
        (q.speed, model.fixed_step(q.dt), q.frequency, q.layer, model.grid().block(0).clone());
    let p = field!(model, p: f64).unit("Pa").initial(p0).boundary(Boundary::Value(0.0)).at(Center)?;
    let rate = field!(model, rate: f64).unit("Pa s-1").hidden().at(Center)?;
    let (origin, length) = (block.origin, block.length);
    let damping = |a: usize| move |x: f64| taper((x - origin[a]).min(origin[a] + length[a] - x), layer, 0.3);
    let d = model.profile::<0>(damping(0)) * model.profile::<1>(damping(1)) * model.profile::<2>(damping(2));
    model.every_step(|s| {
        if frequency > 0.0 {
            let strike = move |rate: f64, t: f64| rate + dt * ricker(t - 1.0 / frequency, frequency);
            s.at_point("source", rate.plain(), block.cells.map(|n| n / 2), strike);
        }
        s.set(rate, d * (rate + dt * c * c * laplacian_of_order::<8, _>(p)));
        s.set(p, d * p + dt * rate);
    });
    model.diagnose("pressure", norm2(p));
    Ok(())
}
