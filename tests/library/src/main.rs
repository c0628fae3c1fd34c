//! Heat equation  ∂T/∂t = κ ∇²T, explicit (FTCS): a whole program of one file.
use halocline::jobs;
use halocline::prelude::*;
use halocline_kernels::diffusion::Ftcs;
use std::process::ExitCode;

/// The `[parameters]` table of the job file.
#[parameters]
struct Parameters {
    /// diffusivity κ
    #[parameter(default = 1.0, unit = "m²/s", min = 0.0)]
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
        let h = model.grid().spacing();
        let dt = model.fixed_step(0.9 * Ftcs::<R>::stable_step(p.kappa, h));
        let width = p.width;
        let t = model.field::<R>("temperature").unit("K").bell(width).build()?;
        model.every_step(|s| {
            s.apply(Ftcs::new(p.kappa, dt, h), [t], [t]); // next t from t
        });
        model.diagnose("max(temperature)", max(t));
        model.diagnose("sum(temperature)", sum(t));
        Ok(())
    }
}

fn main() -> ExitCode {
    halocline::main(jobs![Heat])
}
