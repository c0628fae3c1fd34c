//! Groups of parameters that many jobs share, with their checks. A job flattens them into its own:
//!
//! ```
//! use halocline::config::groups::{InitialValues, TimeStep, Walls};
//! use halocline::prelude::*;
//! use halocline_kernels::diffusion::Ftcs;
//!
//! #[parameters]
//! struct Parameters {
//!     /// diffusivity κ
//!     #[parameter(default = 1.0, unit = "m2 s-1", above = 0.0)]
//!     kappa: f64,
//!     #[parameter(flatten, default = TimeStep::fraction(0.5))]
//!     step: TimeStep,
//!     #[parameter(flatten)]
//!     initial: InitialValues,
//!     #[parameter(flatten)]
//!     walls: Walls,
//! }
//!
//! fn heat(p: &Parameters, model: &mut Model) -> Result<()> {
//!     let limit = Ftcs::<f64>::stable_step(p.kappa, model.grid().spacing());
//!     let dt = model.fixed_step(p.step.within(limit, "Δt ≤ 1 / (2κ Σ 1/h²)")?);
//!     let t = field!(model, t: f64).unit("K").initial_values(&p.initial)?.boundary(p.walls.boundary()).at(Center)?;
//!     model.every_step(|s| _ = s.set(t, t + dt * p.kappa * laplacian(t)));
//!     Ok(())
//! }
//! # let mut model = Model::new(Comm::alone(), Grid::new([8, 8]));
//! # let p = Parameters { initial: InitialValues::bell(0.2), ..Parameters::default() };
//! # heat(&p, &mut model).unwrap();
//! # model.compile().unwrap().advance(2).unwrap();
//! ```
//!
//! The keys of a group stand beside those of the job: `parameters.dt`, `parameters.fraction`. A `default` of the field replaces
//! the default of the group.
mod initial_values;
mod place;
mod time_step;
mod walls;

pub use initial_values::{InitialKind, InitialValues};
pub use place::position;
pub use time_step::{TimeStep, stable_step};
pub use walls::{WallCondition, Walls};
