//! The layout of a stream: axes, variables, provenance.
use crate::base::{Error, Result};
use crate::config::ReferenceDate;
use halocline_kernels::ElementType;

/// A spatial (or other) dimension with its coordinate.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Name of the dimension and of its coordinate variable, such as `x`.
    pub name: String,
    /// Description.
    pub long_name: String,
    /// Unit of the coordinate, as UDUNITS spells it (`m`, `degrees_east`); empty means dimensionless.
    pub unit: String,
    /// `X`, `Y` or `Z` for a spatial axis, as CF's `axis` attribute has it.
    pub cf_axis: Option<char>,
    /// CF standard name, such as `longitude`.
    pub standard_name: Option<String>,
    /// Further attributes: names and values.
    pub attributes: Vec<(String, String)>,
    /// The coordinate of every cell, in `unit`.
    pub values: Vec<f64>,
}

/// A field in a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// Name in the file.
    pub name: String,
    /// Description.
    pub long_name: String,
    /// Unit, as UDUNITS spells it; empty means dimensionless.
    pub unit: String,
    /// Element type on disk: `F32` or `F64`. A complex field is stored as two variables.
    pub element: ElementType,
    /// Indices of its axes in [`Layout::axes`], slowest first. The time axis precedes them and is not listed.
    pub axes: Vec<usize>,
    /// Further attributes: names and values.
    pub attributes: Vec<(String, String)>,
}

/// The first axis of all variables of a stream: an entry for each instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecordAxis {
    /// The time in seconds; the step is an auxiliary coordinate.
    #[default]
    Time,
    /// The step, in a simulation without time.
    Step,
}

impl RecordAxis {
    /// The name of the dimension and of its coordinate variable.
    pub fn name(self) -> &'static str {
        match self {
            RecordAxis::Time => "time",
            RecordAxis::Step => "step",
        }
    }
}

/// A coordinate that is not the coordinate of a dimension of its own, such as the position or the name of a station.
#[derive(Clone, Debug, PartialEq)]
pub struct Coordinate {
    /// Name in the file.
    pub name: String,
    /// Description.
    pub long_name: String,
    /// Unit, as UDUNITS spells it; empty means dimensionless. Text has no unit.
    pub unit: String,
    /// Index of its axis in [`Layout::axes`].
    pub axis: usize,
    /// Further attributes: names and values.
    pub attributes: Vec<(String, String)>,
    /// A value for each index of the axis.
    pub values: CoordinateValues,
}

/// The values of a [`Coordinate`].
#[derive(Clone, Debug, PartialEq)]
pub enum CoordinateValues {
    /// Numbers.
    Numbers(Vec<f64>),
    /// Text.
    Text(Vec<String>),
}

impl CoordinateValues {
    /// The number of values.
    pub fn len(&self) -> usize {
        match self {
            CoordinateValues::Numbers(all) => all.len(),
            CoordinateValues::Text(all) => all.len(),
        }
    }

    /// True if there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The contents of the files of a stream, except the numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    /// The stream's name: files `DIR/NAME.h5`, `DIR/NAME/000000.h5` ….
    pub name: String,
    /// Title, one line.
    pub title: String,
    /// The program that made the values: the attribute `source`.
    pub source: String,
    /// The date of time 0, if the simulation has one.
    pub reference_date: Option<ReferenceDate>,
    /// The first axis of all variables.
    pub record_axis: RecordAxis,
    /// True if the values are statistics over intervals, whose bounds the file holds.
    pub bounds: bool,
    /// The other axes of all variables.
    pub axes: Vec<Axis>,
    /// The variables.
    pub variables: Vec<Variable>,
    /// Coordinates of stations and the like; variables name them in their attribute `coordinates`.
    pub coordinates: Vec<Coordinate>,
    /// The kind of discrete features in the file, as CF's attribute `featureType` has it.
    pub features: Option<String>,
    /// Attributes that differ between runs (host, ranks, start, revision, job file). The first attempt writes them to
    /// `/provenance/0`, the next to `/provenance/1`, and so on.
    pub provenance: Vec<(String, String)>,
}

impl Layout {
    /// The shape of one instant of a variable.
    pub fn shape(&self, variable: &Variable) -> Vec<usize> {
        variable.axes.iter().map(|&a| self.axes[a].values.len()).collect()
    }

    /// The unit of the time coordinate.
    pub(super) fn time_unit(&self) -> String {
        self.reference_date.map_or("s".into(), |date| date.units())
    }

    /// Bytes of one instant of all variables.
    pub fn bytes_per_instant(&self) -> u64 {
        let bytes = |v: &Variable| self.shape(v).iter().product::<usize>() as u64 * v.element.size() as u64;
        self.variables.iter().map(bytes).sum()
    }

    /// Checks that names are valid and unique, that axes exist, and that element types can be stored.
    pub(crate) fn check(&self) -> Result<()> {
        let stream = &self.name;
        let mut seen: Vec<&str> = vec!["time", "step", "time_bnds", "step_bnds", "bnds", "provenance"];
        let names = || self.axes.iter().map(|a| &a.name).chain(self.variables.iter().map(|v| &v.name));
        let names = || names().chain(self.coordinates.iter().map(|c| &c.name));
        for name in names().chain([stream]) {
            if name.is_empty() || name.starts_with('.') || name.contains(['/', '\0']) {
                return Err(Error::input(format!(
                    "output stream {stream:?}: the name {name:?} cannot be used in a file"
                ))
                .remedy("a name is not empty, does not start with a dot and holds no slash"));
            }
        }
        for name in names() {
            if seen.contains(&name.as_str()) {
                return Err(Error::input(format!("output stream {stream:?}: the name {name:?} is there twice"))
                    .remedy("axes and variables need names of their own; time, step, time_bnds, step_bnds, bnds and provenance are taken"));
            }
            seen.push(name);
        }
        for v in &self.variables {
            if let Some(a) = v.axes.iter().find(|&&a| a >= self.axes.len()) {
                let (name, axes) = (&v.name, self.axes.len());
                return Err(Error::input(format!("output stream {stream:?}: {name} lies on axis {a} of {axes}")));
            }
            if !matches!(v.element, ElementType::F32 | ElementType::F64) {
                let (name, element) = (&v.name, v.element.name());
                return Err(Error::input(format!("output stream {stream:?}: {name} is {element}"))
                    .remedy("files hold f32 and f64: write a complex field as two variables"));
            }
        }
        for c in &self.coordinates {
            let (name, found) = (&c.name, c.values.len());
            match self.axes.get(c.axis).map(|axis| axis.values.len()) {
                Some(n) if n == found => {}
                n => {
                    return Err(Error::input(format!(
                        "output stream {stream:?}: {name} has {found} values for axis {} of {n:?}",
                        c.axis
                    )));
                }
            }
        }
        if let Some(axis) = self.axes.iter().find(|a| a.values.is_empty()) {
            return Err(Error::input(format!("output stream {stream:?}: axis {} has no cells", axis.name)));
        }
        Ok(())
    }
}
