//! The Gray–Scott reaction u + 2v → 3v, v → inert product, with a feed of u (Pearson, Science 261, 1993).
use halocline::prelude::*;

pub fn gray_scott<R: Real>(model: &mut Model) -> Result<()> {
    let (du, dv, feed, kill, dt) = (2e-5, 1e-5, 0.04, 0.06, model.fixed_step(0.75));
    let u = field!(model, u: R).initial(|at| if at.distance() < 0.3 { at.uniform(1) } else { 1.0 }).at(Center)?;
    let v = field!(model, v: R).initial(|at| if at.distance() < 0.3 { 0.25 } else { 0.0 }).at(Center)?;
    model.every_step(|s| {
        let reaction = u * (v * v);
        s.set(
            (u, v),
            (
                u + dt * (du * laplacian(u) - reaction + feed * (1.0 - u)),
                v + dt * (dv * laplacian(v) + reaction - (feed + kill) * v),
            ),
        );
    });
    model.diagnose("largest v", max(v));
    Ok(())
}
