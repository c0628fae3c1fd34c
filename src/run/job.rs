//! Jobs: the trait that a simulation implements, and the list of jobs of a program.
use crate::base::{Error, Result};
use crate::config::{JobFile, KeyDescription, check_parameters, describe, suggestion};
use crate::model::Model;
use halocline_kernels::{ElementType, Real};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use std::path::{Path, PathBuf};

/// A simulation: its name, its parameters, and the declaration of its model. A job is used as a type only, never as a value.
///
/// ```
/// use halocline::prelude::*;
/// use halocline::jobs;
///
/// struct Heat;
///
/// /// The only definition of each key: meaning, default, unit and range.
/// #[parameters]
/// struct Parameters {
///     /// diffusivity κ
///     #[parameter(default = 1.0, unit = "m²/s", min = 0.0)]
///     kappa: f64,
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
    /// The name in a job file, `job = "…"`: lower case, digits and `_`.
    const NAME: &'static str;
    /// A description in one line, for `halocline list`.
    const SUMMARY: &'static str;
    /// The `[parameters]` of its job files: a struct with [`#[parameters]`](crate::parameters).
    type Parameters: Serialize + DeserializeOwned + JsonSchema + Default + Send + Sync;

    /// Declares the fields and the schedule of `model`, in the real number type `R` of the job file. The grid, process grid
    /// and instruction set of the job file are already set.
    ///
    /// # Errors
    /// If the parameters do not fit together or do not fit the grid: preferably an [`Error::input`] with the key and a remedy.
    fn build<R: Real>(parameters: &Self::Parameters, model: &mut Model) -> Result<()>;
}

/// A job in a list of jobs, without its type: see [`jobs!`](crate::jobs).
#[derive(Clone, Copy, Debug)]
pub struct JobEntry {
    name: &'static str,
    summary: &'static str,
    describe: fn() -> Vec<KeyDescription>,
    prepare: fn(JobFile) -> Result<PreparedJob>,
}

impl JobEntry {
    /// The entry of the job `J`.
    pub const fn of<J: Job>() -> JobEntry {
        JobEntry { name: J::NAME, summary: J::SUMMARY, describe: describe::<J::Parameters>, prepare: prepare::<J> }
    }

    /// The name in a job file.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The description in one line.
    pub fn summary(&self) -> &'static str {
        self.summary
    }

    /// The descriptions of the job's parameters, one per key.
    pub fn describe(&self) -> Vec<KeyDescription> {
        (self.describe)()
    }

    /// Checks the parameters of a job file of this job and fills in their defaults.
    ///
    /// # Errors
    /// If a key is unknown, or a value has a wrong type or range; the message names its line in the job file.
    pub fn prepare(&self, file: JobFile) -> Result<PreparedJob> {
        (self.prepare)(file)
    }

    /// The job called `name`.
    ///
    /// # Errors
    /// If there is none; the message suggests the most similar name.
    pub fn find<'a>(jobs: &'a [JobEntry], name: &str) -> Result<&'a JobEntry> {
        jobs.iter().find(|entry| entry.name == name).ok_or_else(|| {
            let known: Vec<&str> = jobs.iter().map(JobEntry::name).collect();
            Error::input(format!("no job is called `{name}`")).remedy(suggestion(name, &known, "available jobs are"))
        })
    }
}

/// Declares the model of a job with its parameters.
type Declare = Box<dyn Fn(&mut Model) -> Result<()> + Send + Sync>;

/// A job file whose parameters were checked and parsed: all that is needed to declare the model.
pub struct PreparedJob {
    file: JobFile,
    directory: Option<PathBuf>,
    declare: Declare,
}

impl PreparedJob {
    /// Finds the job of `file` in a list of jobs and prepares it.
    ///
    /// # Errors
    /// As [`JobEntry::find`] and [`JobEntry::prepare`].
    pub fn of_file(jobs: &[JobEntry], file: JobFile) -> Result<PreparedJob> {
        let entry = JobEntry::find(jobs, &file.job).map_err(|e| file.origins.error("job", e, ""))?;
        entry.prepare(file)
    }

    /// The job file, with the defaults of all parameters filled in.
    pub fn file(&self) -> &JobFile {
        &self.file
    }

    /// Sets the directory that relative paths in the job file start from. The default is the current directory.
    pub fn with_directory(mut self, directory: Option<PathBuf>) -> PreparedJob {
        self.directory = directory;
        self
    }

    /// The directory that relative paths in the job file start from; none for the current directory.
    pub fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// Declares the fields and the schedule of the job on `model`.
    ///
    /// # Errors
    /// If the job refuses its parameters or the grid.
    pub fn declare(&self, model: &mut Model) -> Result<()> {
        model.declared.directory = self.directory.clone();
        (self.declare)(model)
    }
}

/// A list of jobs for [`main`](crate::main): `jobs![Diffusion, Acoustic]`.
#[macro_export]
macro_rules! jobs {
    ($($job:ty),* $(,)?) => { &[$($crate::JobEntry::of::<$job>()),*] };
}

fn prepare<J: Job>(mut file: JobFile) -> Result<PreparedJob> {
    check_parameters::<J::Parameters>(&mut file.parameters, &file.origins)?;
    // Some errors only serde can find: a number too large for its type, a rule of the job's own.
    let parsed = file.parameters.clone().try_into();
    let parameters: J::Parameters = parsed.map_err(|e: toml::de::Error| {
        let what = format!("`parameters`: {}", e.to_string().trim().replace('\n', ", "));
        file.origins.error("parameters", what, "")
    })?;
    file.parameters = toml::Table::try_from(&parameters)
        .map_err(|e| Error::failure(format!("the parameters of `{}` cannot be written as TOML: {e}", J::NAME)))?;
    let declare: Declare = match file.engine.element {
        ElementType::F32 => Box::new(move |model| J::build::<f32>(&parameters, model)),
        ElementType::F64 => Box::new(move |model| J::build::<f64>(&parameters, model)),
        other => return Err(file.origins.wrong("engine.element", other.name(), "must be \"f64\" or \"f32\"")),
    };
    Ok(PreparedJob { file, directory: None, declare })
}
