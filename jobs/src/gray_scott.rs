//! The Gray–Scott model: two substances diffuse and react, and form spots, stripes or chaos.
use halocline::config::groups::stable_step;
use halocline::model::resolution::check_width;
use halocline::prelude::*;
use halocline_kernels::gray_scott::{self, Rates};

/// The Gray–Scott job. Its fields are the concentrations u and v.
pub struct GrayScott;

/// The `[parameters]` of the Gray–Scott job; the defaults give self-replicating spots.
#[parameters]
pub struct Parameters {
    /// diffusivity of u
    #[parameter(default = 2e-5, unit = "m²/s", min = 0.0)]
    diffusion_u: f64,
    /// diffusivity of v
    #[parameter(default = 1e-5, unit = "m²/s", min = 0.0)]
    diffusion_v: f64,
    /// feed rate F
    #[parameter(default = 0.03, unit = "1/s", min = 0.0)]
    feed: f64,
    /// kill rate k
    #[parameter(default = 0.062, unit = "1/s", min = 0.0)]
    kill: f64,
    /// time step; by default 1 s, or 0.9 of the largest stable one if this is less
    #[parameter(unit = "s", above = 0.0)]
    dt: Option<f64>,
    /// radius of the ball in the middle in which the reaction starts; 0 for none
    #[parameter(default = 0.1, unit = "m", min = 0.0)]
    radius: f64,
    /// random part of the initial values, relative to them
    #[parameter(default = 0.01, min = 0.0, max = 1.0)]
    noise: f64,
    /// seed of the random numbers
    #[parameter(default = 1)]
    seed: u64,
}

impl Job for GrayScott {
    const NAME: &'static str = "gray_scott";
    const SUMMARY: &'static str = "Gray–Scott reaction and diffusion of two substances, in 1 to 3 dimensions";
    type Parameters = Parameters;

    fn build<R: Real>(p: &Parameters, model: &mut Model) -> Result<()> {
        let Parameters { diffusion_u, diffusion_v, feed, kill, .. } = *p;
        let rates = Rates { diffusion_u, diffusion_v, feed, kill };
        let limit = gray_scott::GrayScott::<R>::stable_step(rates, model.grid().spacing());
        let why = "Δt ≤ 2 / (4D Σ 1/h² + F + max(k, 1))";
        let dt = model.fixed_step(stable_step(p.dt, 1.0_f64.min(0.9 * limit), limit, why)?);

        let (radius, noise, seed) = (p.radius, p.noise, p.seed);
        if radius > 0.0 {
            check_width(model.grid(), "`parameters.radius`", radius)?;
        }
        let shaken = move |value: f64, at: At, seed: u64| value * (1.0 + noise * (2.0 * at.uniform(seed) - 1.0));
        let inside = move |at: &At| radius > 0.0 && at.distance() <= radius;
        let u = field!(model, u: R).long_name("concentration of u");
        let u = u.initial(move |at| shaken(if inside(&at) { 0.5 } else { 1.0 }, at, seed)).at(Center)?;
        let v = field!(model, v: R).long_name("concentration of v");
        let v =
            v.initial(move |at| shaken(if inside(&at) { 0.25 } else { 0.0 }, at, seed.wrapping_add(1))).at(Center)?;
        let rate = u * (v * v);
        model.every_step(|s| {
            let new_u = u + (dt * diffusion_u * laplacian(u) + dt * (-rate + feed * (1.0 - u)));
            let new_v = v + (dt * diffusion_v * laplacian(v) + dt * (rate - (feed + kill) * v));
            s.set((u, v), (new_u, new_v));
        });
        model.output("rate", rate).unit("s-1").long_name("rate of the reaction, u v²").hidden();
        for (name, reduction) in [("mean(u)", mean(u)), ("mean(v)", mean(v)), ("max(v)", max(v))] {
            model.record(name, reduction.clone());
            model.diagnose(name, reduction);
        }
        Ok(())
    }
}
