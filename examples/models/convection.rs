//! Boussinesq convection between no-slip walls, hot below and cold above, Prandtl number 1, in units of the height and the
//! diffusion time: ∂u/∂t + u·∇u = −∇p + ∇²u + Ra T ŷ, ∇·u = 0, ∂T/∂t + u·∇T = ∇²T. The velocity is projected by conjugate
//! gradients inside each step (Chorin, Math. Comput. 22 (1968)). It begins with the critical wave along x.
use halocline::prelude::*;

pub fn convection(rayleigh: f64, dt: f64, model: &mut Model) -> Result<()> {
    let (dt, [_, ly, lx]) = (model.fixed_step(dt), model.grid().block(0).length);
    let wave = move |at: At| math::cos(2.0 * math::PI * at.x / lx) * math::sin(math::PI * at.y / ly);
    let t = field!(model, temperature: f64).initial(move |at| 1.0 - at.y / ly + 1e-4 * wave(at));
    let t = t.boundary_at(-Y, Boundary::Value(1.0)).boundary_at(Y, Boundary::Value(0.0)).at(Center)?;
    let u = field!(model, u: f64).boundary(Boundary::Value(0.0)).at(FaceX)?;
    let v = field!(model, v: f64).boundary(Boundary::Value(0.0)).at(FaceY)?;
    let p = field!(model, pressure: f64).at(Center)?; // times Δt
    let r = field!(model, r: f64).hidden().at(Center)?;
    let d = field!(model, d: f64).hidden().at(Center)?;
    let ad = field!(model, ad: f64).hidden().at(Center)?;
    let [rr, before, dad, alpha, beta] = ["rr", "before", "dad", "alpha", "beta"].map(|name| model.scalar(name, 0.0));
    let ratio = |[a, b]: [f64; 2]| if b > 0.0 { a / b } else { 0.0 }; // at rest, 0/0
    model.every_step(|s| {
        let uv = u.on(EdgeZ) * v.on(EdgeZ);
        let du = laplacian(u) - ddx(u.on(Center).powi(2)) - ddy(uv);
        let dv = laplacian(v) - ddx(uv) - ddy(v.on(Center).powi(2)) + rayleigh * t.on(FaceY);
        s.set((u, v, t), (u + dt * du, v + dt * dv, t + dt * (laplacian(t) - div((u * t.on(FaceX), v * t.on(FaceY))))));
        s.set(r, laplacian(p) - div((u, v))).set(d, r).reduce(rr, dot(r, r));
        s.until(rr.below(1e-20), 1000, |s| {
            s.set(ad, -laplacian(d)).reduce(dad, dot(d, ad)).compute(alpha, [rr, dad], ratio);
            s.set((p, r), (p + alpha * d, r - alpha * ad));
            s.compute(before, [rr], |[rr]| rr).reduce(rr, dot(r, r)).compute(beta, [rr, before], ratio);
            s.set(d, r + beta * d);
        });
        let (px, py, _) = grad(p);
        s.set((u, v), (u - px, v - py));
    });
    model.record("kinetic energy", mean(0.5 * ((u * u).on(Center) + (v * v).on(Center))));
    model.record("Nusselt number", mean(1.0 + v.on(Center) * t));
    model.diagnose("divergence", max_abs(div((u, v))));
    Ok(())
}
