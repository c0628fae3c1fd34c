//! The diffusion equation ∂T/∂t = κ ∇²T, explicit, of order 2 or 4 in space.
#![allow(rustdoc::broken_intra_doc_links)] // `[m]` is a unit here
use crate::checks;
use halocline::model::resolution::check_width;
use halocline::prelude::*;
use halocline_kernels::diffusion::{Ftcs, Ftcs4};

/// The diffusion job: one field, with initial values from a formula, random numbers or a file.
pub struct Diffusion;

/// The `[parameters]` of the diffusion job.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Parameters {
    /// diffusivity κ [m²/s]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    kappa: f64,
    /// order of accuracy in space: 2 or 4
    #[schemars(range(min = 2, max = 4))]
    order: usize,
    /// time step; by default `fraction` of the largest stable one [s]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    dt: Option<f64>,
    /// time step as a fraction of the largest stable one, if `dt` is not given
    #[schemars(range(max = 1.0), extend("exclusiveMinimum" = 0.0))]
    fraction: f64,
    /// name of the field
    field: String,
    /// unit of the field, as in UDUNITS
    unit: String,
    /// initial values; a table takes them from a file: { file = "a.nc", variable = "T", instant = "last", fill = 0.0 }
    initial: Initial,
    /// width of the bell: the distance from the middle at which it has fallen to 1/e [m]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    width: f64,
    /// seed of the random numbers
    seed: u64,
    /// file of initial values, HDF5 or NetCDF; the path is relative to the working directory
    file: String,
    /// variable in the file, with as many values as the grid has cells
    variable: String,
    /// factor by which the values of `file` are multiplied; with it, the units of file and field are not compared
    #[serde(skip_serializing_if = "Option::is_none")]
    factor: Option<f64>,
    /// boundary condition at walls; periodic axes have no walls
    walls: Walls,
    /// value at fixed walls, in the unit of the field
    wall_value: f64,
}

/// The kind of initial values.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Initial {
    /// a Gaussian, 1 in the middle
    Bell,
    /// random numbers between 0 and 1
    Random,
    /// values of `file`
    File,
    /// values of a variable of a file
    #[serde(untagged)]
    Variable(FileInput),
}

/// The boundary condition.
#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Walls {
    /// no flux
    Insulated,
    /// the value `wall_value`
    Fixed,
}

impl Default for Parameters {
    fn default() -> Parameters {
        Parameters {
            kappa: 1.0,
            order: 2,
            dt: None,
            fraction: 0.9,
            field: "temperature".into(),
            unit: "K".into(),
            initial: Initial::Bell,
            width: 0.1,
            seed: 1,
            file: String::new(),
            variable: String::new(),
            factor: None,
            walls: Walls::Insulated,
            wall_value: 0.0,
        }
    }
}

/// Checks that `parameters.file` and the keys beside it are given only if the initial values come from a file.
fn check_unused(p: &Parameters) -> Result<()> {
    // Run directories of earlier versions hold the factor 1 as a default.
    let factor = p.factor.is_some_and(|factor| factor != 1.0);
    let given = [("file", !p.file.is_empty()), ("variable", !p.variable.is_empty()), ("factor", factor)];
    match given.into_iter().find(|(_, is_given)| *is_given) {
        Some((key, _)) if !matches!(p.initial, Initial::File) => {
            let what = format!("`parameters.{key}` is given, but `parameters.initial` is not \"file\"");
            let remedy = format!(
                "set parameters.initial = \"file\", or write {key} into its table: initial = {{ file = \"a.nc\", variable = \"T\" }}"
            );
            Err(Error::input(what).remedy(remedy))
        }
        _ => Ok(()),
    }
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
        let dt = model.fixed_step(checks::time_step(p.dt, p.fraction, limit, why)?);
        let (width, seed) = (p.width, p.seed);
        if let Initial::Bell = &p.initial {
            check_width(model.grid(), "`parameters.width`", width)?;
        }
        check_unused(p)?;
        let field = model.field::<R>(&p.field).unit(&p.unit).boundary(match p.walls {
            Walls::Insulated => Boundary::Reflecting,
            Walls::Fixed => Boundary::Value(p.wall_value),
        });
        let t = match &p.initial {
            Initial::Bell => field.bell(width),
            Initial::Random => field.initial(move |at| at.uniform(seed)),
            Initial::File if p.file.is_empty() || p.variable.is_empty() => {
                return Err(Error::input("`parameters.initial` = \"file\" needs a file and one of its variables")
                    .remedy("set parameters.file and parameters.variable"));
            }
            Initial::File => {
                let input = FileInput { factor: p.factor, ..FileInput::new(&p.file, &p.variable) };
                field.from_file(input)
            }
            Initial::Variable(input) => field.from_file(input.clone()),
        }
        .build()?;
        model.every_step(|s| {
            match p.order {
                2 => s.apply(Ftcs::<R>::new(kappa, dt, h), [t], [t]), // new t from old t
                _ => s.apply(Ftcs4::<R>::new(kappa, dt, h), [t], [t]),
            };
        });
        for (name, reduction) in [("max", max(t)), ("min", min(t)), ("mean", mean(t))] {
            model.record(name, reduction.clone()).unit(&p.unit);
            model.diagnose(&format!("{name}({})", p.field), reduction);
        }
        Ok(())
    }
}
