//! Jobs: what a simulation is called, the type of its parameters, and how it declares its model.
use crate::base::{Error, Result};
use crate::config::{Float, JobFile, Row, Source, check_parameters, describe, suggestion};
use crate::model::Model;
use halocline_kernels::Real;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use toml::Table;

/// A simulation. It is used as a type only, never as a value.
///
/// ```
/// use halocline::{Job, Model, Result, jobs};
/// use halocline_kernels::Real;
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
///
/// struct Heat;
///
/// /// Each key has its meaning, its unit, its range and its default here, and nowhere else.
/// #[derive(Serialize, Deserialize, JsonSchema)]
/// #[serde(default, deny_unknown_fields)]
/// struct Parameters {
///     /// diffusivity κ [m²/s]
///     #[schemars(range(min = 0.0))]
///     kappa: f64,
/// }
///
/// impl Default for Parameters {
///     fn default() -> Parameters {
///         Parameters { kappa: 1.0 }
///     }
/// }
///
/// impl Job for Heat {
///     const NAME: &'static str = "heat";
///     const SUMMARY: &'static str = "heat equation ∂T/∂t = κ ∇²T";
///     type Parameters = Parameters;
///
///     fn build<R: Real>(parameters: &Parameters, model: &mut Model) -> Result<()> {
///         Ok(())
///     }
/// }
///
/// let entry = &jobs![Heat][0];
/// assert_eq!((entry.name(), entry.describe()[0].name.as_str()), ("heat", "kappa"));
/// ```
pub trait Job: Send + Sync + 'static {
    /// As it stands in a job file, `job = "…"`: lower case, digits and `_`.
    const NAME: &'static str;
    /// One line for `halocline list`.
    const SUMMARY: &'static str;
    /// The `[parameters]` of its job files: a plain struct with `#[serde(default, deny_unknown_fields)]`.
    type Parameters: Serialize + DeserializeOwned + JsonSchema + Default;

    /// Declares fields and schedule, with the real numbers that the job file asks for. Grid, process grid and instruction
    /// set of the model are those of the job file already.
    ///
    /// # Errors
    /// What is wrong with the parameters together, or with this grid: best as [`Error::input`], naming the key and a remedy.
    fn build<R: Real>(parameters: &Self::Parameters, model: &mut Model) -> Result<()>;
}

/// A job whose type is forgotten, so that jobs fit in a list: see [`jobs!`](crate::jobs).
#[derive(Clone, Copy, Debug)]
pub struct JobEntry {
    name: &'static str,
    summary: &'static str,
    describe: fn() -> Vec<Row>,
    resolve: fn(&Table, &Source) -> Result<Table>,
    build: fn(&JobFile, &mut Model) -> Result<()>,
}

impl JobEntry {
    /// The entry of a job.
    pub const fn of<J: Job>() -> JobEntry {
        JobEntry {
            name: J::NAME,
            summary: J::SUMMARY,
            describe: describe::<J::Parameters>,
            resolve: resolve::<J>,
            build: build::<J>,
        }
    }

    /// As in a job file.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What it does, in a line.
    pub fn summary(&self) -> &'static str {
        self.summary
    }

    /// Its parameters, one row a key.
    pub fn describe(&self) -> Vec<Row> {
        (self.describe)()
    }

    /// Checks the parameters of a job file and fills in their defaults.
    ///
    /// # Errors
    /// An unknown key, a value of a wrong type or range: with its line in the job file.
    pub fn check(&self, file: &mut JobFile) -> Result<()> {
        file.parameters = (self.resolve)(&file.parameters, &file.source)?;
        Ok(())
    }

    /// Declares the model of a job file that was checked, with its parameters and element type.
    ///
    /// # Errors
    /// What the job itself finds wrong with its parameters and this grid.
    pub fn build(&self, file: &JobFile, model: &mut Model) -> Result<()> {
        (self.build)(file, model)
    }

    /// The job of this name.
    ///
    /// # Errors
    /// If there is none: with the nearest name.
    pub fn find<'a>(jobs: &'a [JobEntry], name: &str) -> Result<&'a JobEntry> {
        jobs.iter().find(|entry| entry.name == name).ok_or_else(|| {
            let known: Vec<&str> = jobs.iter().map(JobEntry::name).collect();
            Error::input(format!("no job is called `{name}`")).remedy(suggestion(name, &known, "there are"))
        })
    }

    /// The job of a job file, whose parameters it checks.
    ///
    /// # Errors
    /// As [`JobEntry::find`] and [`JobEntry::check`].
    pub fn of_file<'a>(jobs: &'a [JobEntry], file: &mut JobFile) -> Result<&'a JobEntry> {
        let entry = JobEntry::find(jobs, &file.job).map_err(|e| file.source.error("job", e, ""))?;
        entry.check(file)?;
        Ok(entry)
    }
}

/// A list of jobs for [`main`](crate::main): `jobs![Diffusion, Acoustic]`.
#[macro_export]
macro_rules! jobs {
    ($($job:ty),* $(,)?) => { &[$($crate::JobEntry::of::<$job>()),*] };
}

/// What the schema could not tell, serde says: a number too large for its type, a rule of the job's own.
fn read<J: Job>(table: &Table, source: &Source) -> Result<J::Parameters> {
    table.clone().try_into().map_err(|e: toml::de::Error| {
        source.error("parameters", format!("`parameters`: {}", e.to_string().trim().replace('\n', ", ")), "")
    })
}

fn resolve<J: Job>(table: &Table, source: &Source) -> Result<Table> {
    check_parameters::<J::Parameters>(table, source)?;
    let parameters = read::<J>(table, source)?;
    Table::try_from(parameters)
        .map_err(|e| Error::failure(format!("the parameters of `{}` cannot be written as TOML: {e}", J::NAME)))
}

fn build<J: Job>(file: &JobFile, model: &mut Model) -> Result<()> {
    let parameters = read::<J>(&file.parameters, &file.source)?;
    match file.engine.element {
        Float::F32 => J::build::<f32>(&parameters, model),
        Float::F64 => J::build::<f64>(&parameters, model),
    }
}
