//! The Gray–Scott model: two substances diffuse and react, and form spots, stripes or chaos.
#![allow(rustdoc::broken_intra_doc_links)] // `[m]` is a unit here
use crate::checks;
use halocline::model::resolution::check_width;
use halocline::prelude::*;
use halocline_kernels::gray_scott::{GrayScott as Step, Rates};

/// The Gray–Scott job. Its fields are the concentrations u and v.
pub struct GrayScott;

/// The `[parameters]` of the Gray–Scott job; the defaults give self-replicating spots.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Parameters {
    /// diffusivity of u [m²/s]
    #[schemars(range(min = 0.0))]
    diffusion_u: f64,
    /// diffusivity of v [m²/s]
    #[schemars(range(min = 0.0))]
    diffusion_v: f64,
    /// feed rate F [1/s]
    #[schemars(range(min = 0.0))]
    feed: f64,
    /// kill rate k [1/s]
    #[schemars(range(min = 0.0))]
    kill: f64,
    /// time step; by default 1 s, or 0.9 of the largest stable one if this is less [s]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    dt: Option<f64>,
    /// radius of the ball in the middle in which the reaction starts; 0 for none [m]
    #[schemars(range(min = 0.0))]
    radius: f64,
    /// random part of the initial values, relative to them
    #[schemars(range(min = 0.0, max = 1.0))]
    noise: f64,
    /// seed of the random numbers
    seed: u64,
}

impl Default for Parameters {
    fn default() -> Parameters {
        Parameters {
            diffusion_u: 2e-5,
            diffusion_v: 1e-5,
            feed: 0.03,
            kill: 0.062,
            dt: None,
            radius: 0.1,
            noise: 0.01,
            seed: 1,
        }
    }
}

impl Job for GrayScott {
    const NAME: &'static str = "gray_scott";
    const SUMMARY: &'static str = "Gray–Scott reaction and diffusion of two substances, in 1 to 3 dimensions";
    type Parameters = Parameters;

    fn build<R: Real>(p: &Parameters, model: &mut Model) -> Result<()> {
        let Parameters { diffusion_u, diffusion_v, feed, kill, .. } = *p;
        let (rates, h) = (Rates { diffusion_u, diffusion_v, feed, kill }, model.grid().spacing());
        let limit = Step::<R>::stable_step(rates, h);
        let why = "Δt ≤ 2 / (4D Σ 1/h² + F + max(k, 1))";
        let dt = checks::time_step(p.dt.or(Some(1.0_f64.min(0.9 * limit))), 1.0, limit, why)?;
        model.fixed_step(dt);

        let (radius, noise, seed) = (p.radius, p.noise, p.seed);
        if radius > 0.0 {
            check_width(model.grid(), "`parameters.radius`", radius)?;
        }
        let shaken = move |value: f64, at: At, seed: u64| value * (1.0 + noise * (2.0 * at.uniform(seed) - 1.0));
        let inside = move |at: &At| radius > 0.0 && at.distance() <= radius;
        let u = model.field::<R>("u").long_name("concentration of u");
        let u = u.initial(move |at| shaken(if inside(&at) { 0.5 } else { 1.0 }, at, seed)).build()?;
        let v = model.field::<R>("v").long_name("concentration of v");
        let v = v.initial(move |at| shaken(if inside(&at) { 0.25 } else { 0.0 }, at, seed.wrapping_add(1))).build()?;
        model.every_step(|s| {
            s.apply(Step::<R>::new(rates, dt, h), [u, v], [u, v]);
        });
        for (name, reduction) in [("mean(u)", mean(u)), ("mean(v)", mean(v)), ("max(v)", max(v))] {
            model.record(name, reduction.clone());
            model.diagnose(name, reduction);
        }
        Ok(())
    }
}
