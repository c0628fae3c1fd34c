//! The diffusion equation ∂T/∂t = κ ∇²T, explicit, of order 2 or 4 in space.
use halocline::config::groups::{InitialValues, TimeStep, Walls};
use halocline::prelude::*;
use halocline_kernels::diffusion::{Ftcs, Ftcs4};

/// The diffusion job: one field, with initial values from a formula, random numbers or a file.
pub struct Diffusion;

/// The `[parameters]` of the diffusion job.
#[parameters]
pub struct Parameters {
    /// diffusivity κ
    #[parameter(default = 1.0, unit = "m²/s", above = 0.0)]
    kappa: f64,
    /// order of accuracy in space: 2 or 4
    #[parameter(default = 2, min = 2, max = 4)]
    order: usize,
    #[parameter(flatten)]
    step: TimeStep,
    /// name of the field
    #[parameter(default = "temperature")]
    field: String,
    /// unit of the field, as in UDUNITS
    #[parameter(default = "K")]
    unit: String,
    #[parameter(flatten)]
    initial: InitialValues,
    #[parameter(flatten)]
    walls: Walls,
}

impl Job for Diffusion {
    const NAME: &'static str = "diffusion";
    const SUMMARY: &'static str =
        "diffusion of heat or relief, ∂T/∂t = κ ∇²T, explicit, of order 2 or 4, in 1 to 3 dimensions";
    type Parameters = Parameters;

    fn build<R: Real>(p: &Parameters, model: &mut Model) -> Result<()> {
        let (kappa, h) = (p.kappa, model.grid().spacing());
        let (limit, why) = match p.order {
            2 => (Ftcs::<R>::stable_step(kappa, h), "Δt ≤ 1 / (2κ Σ 1/h²) at order 2"),
            4 => (Ftcs4::<R>::stable_step(kappa, h), "Δt ≤ 3 / (8κ Σ 1/h²) at order 4"),
            order => {
                return Err(Error::input(format!("`parameters.order` = {order}: there is no such scheme"))
                    .remedy("orders are 2 and 4"));
            }
        };
        let dt = model.fixed_step(p.step.within(limit, why)?);
        let field = field!(model, t: R).name(&p.field).unit(&p.unit);
        let t = field.initial_values(&p.initial)?.boundary(p.walls.boundary()).at(Center)?;
        model.every_step(|s| {
            match p.order {
                2 => s.set(t, t + dt * kappa * laplacian(t)),
                _ => s.set(t, t + dt * kappa * laplacian_of_order::<4, _>(t)),
            };
        });
        for (name, reduction) in [("max", max(t)), ("min", min(t)), ("mean", mean(t))] {
            model.record(name, reduction.clone()).unit(&p.unit);
            model.diagnose(&format!("{name}({})", p.field), reduction);
        }
        Ok(())
    }
}
