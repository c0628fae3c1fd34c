//! Initial values from a variable of a file: a table of the job file, and the value that it becomes.
#![allow(rustdoc::broken_intra_doc_links)] // `[m]` is a unit here
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;

/// A variable of an HDF5 or NetCDF file, as the initial values of a field.
///
/// In the parameters of a job, a key of this type is a table of the job file:
///
/// ```
/// use halocline::model::{FileInput, Instant};
/// #[derive(serde::Deserialize)]
/// struct Parameters {
///     /// initial temperature
///     initial: FileInput,
/// }
/// let text = "initial = { file = 'run1/fields.h5', variable = 'T', instant = 'last', fill = 0.0 }";
/// let initial = toml::from_str::<Parameters>(text)?.initial;
/// assert_eq!(initial, FileInput { fill: Some(0.0), ..FileInput::new("run1/fields.h5", "T").at(Instant::Last) });
/// # Ok::<(), toml::de::Error>(())
/// ```
///
/// The field is then declared with [`from_file`](crate::model::FieldBuilder::from_file):
/// `model.field::<R>("T").unit("K").from_file(parameters.initial.clone())`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileInput {
    /// file of values, HDF5 or NetCDF; the path is relative to the working directory
    #[schemars(extend("format" = "path"))]
    pub file: String,
    /// variable in the file, with as many values as the grid has cells; `group/name` for one in a group
    pub variable: String,
    /// instant, for a variable with a time axis: "first", "last", or its number counted from 0
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instant: Option<Instant>,
    /// value of the field where the file has none (fill values, NaN); without it, such cells are an error
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fill: Option<f64>,
    /// factor by which values are multiplied to convert their unit; with it, the units of file and field are not compared
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
    /// number added after the multiplication, in the unit of the field; with it, units are not compared
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<f64>,
    /// whether the coordinates of the file must be the grid's
    #[serde(default, skip_serializing_if = "Positions::is_default")]
    pub positions: Positions,
}

/// An instant of a variable with a time axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Instant {
    /// the first one
    First,
    /// the last one
    Last,
    /// the number of an instant, counted from 0
    #[serde(untagged)]
    Number(usize),
}

/// Whether the coordinates of a file are compared with the grid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Positions {
    /// coordinates in a unit of length must be the grid's
    #[default]
    Check,
    /// coordinates are not read: the axes are those of the grid, in the order of the file
    Ignore,
}

impl Positions {
    fn is_default(&self) -> bool {
        *self == Positions::Check
    }
}

impl FileInput {
    /// A variable of a file, with the defaults of all other keys.
    pub fn new(file: impl Into<String>, variable: impl Into<String>) -> FileInput {
        FileInput {
            file: file.into(),
            variable: variable.into(),
            instant: None,
            fill: None,
            factor: None,
            offset: None,
            positions: Positions::Check,
        }
    }

    /// Chooses an instant of a variable with a time axis.
    pub fn at(mut self, instant: Instant) -> FileInput {
        self.instant = Some(instant);
        self
    }

    /// Sets the value of cells where the file has none.
    pub fn fill(mut self, value: f64) -> FileInput {
        self.fill = Some(value);
        self
    }

    /// Sets the factor that converts the unit of the file to the unit of the field.
    pub fn factor(mut self, factor: f64) -> FileInput {
        self.factor = Some(factor);
        self
    }

    /// Leaves the coordinates of the file unread.
    pub fn ignore_positions(mut self) -> FileInput {
        self.positions = Positions::Ignore;
        self
    }

    /// The path of the file, as it was given.
    pub fn path(&self) -> &Path {
        Path::new(&self.file)
    }

    /// Converts a value of the file to the unit of the field.
    pub(crate) fn convert(&self, value: f64) -> f64 {
        let scaled = self.factor.map_or(value, |factor| value * factor);
        self.offset.map_or(scaled, |offset| scaled + offset)
    }
}

/// `"last"`, `3`.
impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Instant::First => f.write_str("\"first\""),
            Instant::Last => f.write_str("\"last\""),
            Instant::Number(n) => n.fmt(f),
        }
    }
}
