//! Burgers' equation ∂u/∂t + ∂(u²/2)/∂x = ν ∂²u/∂x², by any scheme in time.
use halocline::prelude::*;

pub fn burgers(
    scheme: Scheme,
    nu: f64,
    dt: f64,
    model: &mut Model,
    u0: impl Fn(At) -> f64 + Send + Sync + 'static,
) -> Result<()> {
    model.fixed_step(dt);
    let u = field!(model, u: f64).unit("m s-1").initial(u0).at(Center)?;
    model.integrate(scheme, u, |u| nu * laplacian(u) - ddx(u.on(FaceX).powi(2)) / 2.0)?;
    model.diagnose("momentum", sum(u));
    Ok(())
}
