//! The heat equation ∂T/∂t = κ ∇²T, explicit: a whole program of one file.
use halocline::jobs;
use halocline::prelude::*;
use std::process::ExitCode;

/// The `[parameters]` table of the job file.
#[parameters]
struct Parameters {
    /// diffusivity κ
    #[parameter(default = 1.0, unit = "m²/s", above = 0.0)]
    kappa: f64,
    /// width of the initial bell
    #[parameter(default = 0.1, unit = "m", above = 0.0)]
    width: f64,
}

struct Heat;

impl Job for Heat {
    const NAME: &'static str = "heat";
    const SUMMARY: &'static str = "heat equation, explicit, from a bell";
    type Parameters = Parameters;

    fn build<R: Real>(p: &Parameters, model: &mut Model) -> Result<()> {
        let rate: f64 = model.grid().spacing().iter().map(|h| 2.0 * p.kappa / (h * h)).sum();
        let (kappa, dt) = (p.kappa, model.fixed_step(0.9 / rate)); // stable below 1 / rate
        let t = field!(model, temperature: R).unit("K").bell(p.width).at(Center)?;
        model.every_step(|s| {
            s.set(t, t + dt * kappa * laplacian(t));
        });
        model.record("mean", mean(t)).unit("K");
        model.record("warmest", max(t)).unit("K");
        model.output("flux", -kappa * ddx(t)).unit("K m s-1");
        model.diagnose("warmest", max(t));
        Ok(())
    }
}

fn main() -> ExitCode {
    halocline::main(jobs![Heat])
}
