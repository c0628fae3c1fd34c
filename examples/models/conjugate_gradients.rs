//! Conjugate gradients for −∇²x = b with zero walls: a step is an iteration.
use halocline::prelude::*;

pub fn conjugate_gradients(
    tolerance: f64,
    model: &mut Model,
    b0: impl Fn(At) -> f64 + Send + Sync + 'static,
) -> Result<()> {
    let x = field!(model, x: f64).boundary(Boundary::Value(0.0)).at(Center)?;
    let b = field!(model, b: f64).initial(b0).at(Center)?;
    let r = field!(model, r: f64).at(Center)?;
    let p = field!(model, p: f64).boundary(Boundary::Value(0.0)).at(Center)?;
    let ap = field!(model, ap: f64).at(Center)?;
    let [rr, before, pap, alpha, beta] = ["rr", "before", "pap", "alpha", "beta"].map(|name| model.scalar(name, 0.0));
    model.at_start(|s| {
        s.set(r, b + laplacian(x)).reduce(rr, dot(r, r));
    });
    model.every_step(|s| {
        s.set(p, r + beta * p); // β = 0 in the first iteration
        s.set(ap, -laplacian(p)).reduce(pap, dot(p, ap)).compute(alpha, [rr, pap], |[rr, pap]| rr / pap);
        s.set((x, r), (x + alpha * p, r - alpha * ap));
        s.compute(before, [rr], |[rr]| rr)
            .reduce(rr, dot(r, r))
            .compute(beta, [rr, before], |[rr, before]| rr / before);
    });
    model.stop_when(rr.below(tolerance * tolerance));
    model.diagnose("residual", norm2(b + laplacian(x)));
    Ok(())
}
