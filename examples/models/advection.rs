//! Advection by a given flow: upwind with limited slopes (van Leer, J. Comput. Phys. 23, 1977), the time step by the flow.
use halocline::prelude::*;

pub fn advection(
    courant: f64,
    model: &mut Model,
    flow: [f64; 2],
    q0: impl Fn(At) -> f64 + Send + Sync + 'static,
) -> Result<()> {
    let (dt, [_, hy, hx]) = (model.adaptive_step(0.0), model.grid().spacing());
    let fastest = model.scalar("fastest", 0.0);
    let q = field!(model, q: f64).initial(q0).at(Center)?;
    let u = field!(model, u: f64).unit("m s-1").initial(move |_| flow[0]).at(FaceX)?;
    let v = field!(model, v: f64).unit("m s-1").initial(move |_| flow[1]).at(FaceY)?;
    model.every_step(|s| {
        s.reduce(fastest, max(u.abs().on(Center) / hx + v.abs().on(Center) / hy));
        s.compute(dt, [fastest], move |[rate]| courant / rate);
        // The values at the faces half a step later.
        let rise_x = 0.5 * van_leer(q - q.x::<-1>(), q.x::<1>() - q) * (1.0 - dt * u.on(Center).abs() / hx);
        let rise_y = 0.5 * van_leer(q - q.y::<-1>(), q.y::<1>() - q) * (1.0 - dt * v.on(Center).abs() / hy);
        let flux_x = u * upwind::<2, _, _, _>(u, q + rise_x, q - rise_x);
        let flux_y = v * upwind::<1, _, _, _>(v, q + rise_y, q - rise_y);
        s.set(q, q - dt * (ddx(flux_x) + ddy(flux_y)));
    });
    model.diagnose("total", sum(q));
    Ok(())
}
