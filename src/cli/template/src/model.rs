//! Linear waves in shallow water, ∂η/∂t = −H ∇·u and ∂u/∂t = −g ∇η, on Arakawa's C grid, forward-backward in time.
use halocline::prelude::*;

/// The table `[parameters]` of the job file.
#[parameters]
pub struct Parameters {
    /// depth H of the water at rest
    #[parameter(default = 100.0, unit = "m", above = 0.0)]
    pub depth: f64,
    /// width of the bell from which the waves start
    #[parameter(default = 10e3, unit = "m", above = 0.0)]
    pub width: f64,
}

/// The job `waves`.
pub struct Waves;

impl Job for Waves {
    const NAME: &'static str = "waves";
    const SUMMARY: &'static str = "linear waves in shallow water, from a bell";
    type Parameters = Parameters;

    fn build<R: Real>(p: &Parameters, model: &mut Model) -> Result<()> {
        let (g, depth) = (9.81, p.depth);
        let inverse_h2: f64 = model.grid().spacing().iter().map(|h| 1.0 / (h * h)).sum();
        let dt = model.fixed_step(0.7 / (g * depth * inverse_h2).sqrt()); // stable up to 1
        let eta = field!(model, eta: R).unit("m").bell(p.width).at(Center)?;
        let u = field!(model, u: R).unit("m s-1").at(FaceX)?;
        let v = field!(model, v: R).unit("m s-1").at(FaceY)?;
        model.every_step(|s| {
            s.set(eta, eta - dt * depth * (ddx(u) + ddy(v)));
            s.set(u, u - dt * g * ddx(eta));
            s.set(v, v - dt * g * ddy(eta));
        });
        model.diagnose("mean(eta)", mean(eta));
        model
            .record("energy", sum(0.5 * (depth * ((u * u).on(Center) + (v * v).on(Center)) + g * eta * eta)))
            .unit("m3 s-2");
        model.output("speed", ((u * u).on(Center) + (v * v).on(Center)).sqrt()).unit("m s-1").hidden();
        Ok(())
    }
}
