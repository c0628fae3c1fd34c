//! The initial values of a field: a bell, random numbers, one number, or a variable of a file.
use crate::base::{Error, Result};
use crate::model::resolution::check_width;
use crate::model::{FieldBuilder, FileInput};
use halocline_kernels::Element;
use halocline_kernels::expr::Name;
use halocline_macros::parameters;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The initial values of a field: see [`FieldBuilder::initial_values`].
#[parameters]
#[derive(Clone, Debug, PartialEq)]
pub struct InitialValues {
    /// initial values; a number is the value of all cells, and a table takes them from a file: { file = "a.nc", variable = "T",
    /// instant = "last", fill = 0.0 }
    #[parameter(default = InitialKind::Bell)]
    pub initial: InitialKind,
    /// width of the bell: the distance from the middle at which it has fallen to 1/e
    #[parameter(default = 0.1, unit = "m", above = 0.0)]
    pub width: f64,
    /// seed of the random numbers
    #[parameter(default = 1)]
    pub seed: u64,
    /// file of initial values, HDF5 or NetCDF; the path is relative to the working directory
    #[parameter(default = "")]
    pub file: String,
    /// variable in the file, with as many values as the grid has cells
    #[parameter(default = "")]
    pub variable: String,
    /// factor by which the values of `file` are multiplied; with it, the units of file and field are not compared
    pub factor: Option<f64>,
}

/// The kind of initial values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum InitialKind {
    /// a Gaussian, 1 in the middle
    Bell,
    /// random numbers between 0 and 1
    Random,
    /// values of `file`
    File,
    /// one value, in the unit of the field
    #[serde(untagged)]
    Uniform(f64),
    /// values of a variable of a file
    #[serde(untagged)]
    Variable(FileInput),
}

impl InitialValues {
    /// A Gaussian, 1 in the middle, with a width in m.
    pub fn bell(width: f64) -> InitialValues {
        InitialValues { width, ..InitialValues::of(InitialKind::Bell) }
    }

    /// Random numbers between 0 and 1. They depend on the seed and the cell: two fields with one seed have the same values.
    pub fn random(seed: u64) -> InitialValues {
        InitialValues { seed, ..InitialValues::of(InitialKind::Random) }
    }

    /// One value in all cells.
    pub fn uniform(value: f64) -> InitialValues {
        InitialValues::of(InitialKind::Uniform(value))
    }

    fn of(initial: InitialKind) -> InitialValues {
        InitialValues { initial, ..InitialValues::default() }
    }

    /// Checks that `parameters.file` and the keys beside it are given only if the values come from a file.
    fn check_unused(&self) -> Result<()> {
        // Run directories of earlier versions hold the factor 1 as a default.
        let factor = self.factor.is_some_and(|factor| factor != 1.0);
        let given = [("file", !self.file.is_empty()), ("variable", !self.variable.is_empty()), ("factor", factor)];
        match given.into_iter().find(|(_, is_given)| *is_given) {
            Some((key, _)) if !matches!(self.initial, InitialKind::File) => {
                let what = format!("`parameters.{key}` is given, but `parameters.initial` is not \"file\"");
                let remedy = format!(
                    "set parameters.initial = \"file\", or write {key} into its table: initial = {{ file = \"a.nc\", variable = \"T\" }}"
                );
                Err(Error::input(what).remedy(remedy))
            }
            _ => Ok(()),
        }
    }
}

impl<T: Element, N: Name> FieldBuilder<'_, T, N> {
    /// Sets the initial values to those that the parameters of a job say.
    ///
    /// # Errors
    /// If the bell is narrower than a cell, if a file is given and not used, or is to be used and not given.
    pub fn initial_values(self, values: &InitialValues) -> Result<Self> {
        let (width, seed) = (values.width, values.seed);
        if let (InitialKind::Bell, Some(grid)) = (&values.initial, self.grid()) {
            check_width(grid, "`parameters.width`", width)?;
        }
        values.check_unused()?;
        Ok(match &values.initial {
            InitialKind::Bell => self.bell(width),
            InitialKind::Random => self.initial(move |at| at.uniform(seed)),
            InitialKind::Uniform(value) => {
                let value = *value;
                self.initial(move |_| value)
            }
            InitialKind::File if values.file.is_empty() || values.variable.is_empty() => {
                return Err(Error::input("`parameters.initial` = \"file\" needs a file and one of its variables")
                    .remedy("set parameters.file and parameters.variable"));
            }
            InitialKind::File => {
                self.from_file(FileInput { factor: values.factor, ..FileInput::new(&values.file, &values.variable) })
            }
            InitialKind::Variable(input) => self.from_file(input.clone()),
        })
    }
}
