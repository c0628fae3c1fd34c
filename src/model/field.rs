//! The declaration of a field.
use crate::model::boundary::{Boundaries, Boundary, Point};
use crate::model::file_input::FileInput;
use crate::model::location::Location;
use halocline_kernels::{ElementType, math, random};
use std::sync::Arc;

/// The position of a value of a field, the argument of functions that give initial values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct At {
    /// Position along z in metres.
    pub z: f64,
    /// Position along y in metres.
    pub y: f64,
    /// Position along x in metres.
    pub x: f64,
    /// Block of the grid.
    pub block: usize,
    /// Index z, y, x in the block.
    pub index: [usize; 3],
    /// Global key of the cell.
    pub key: u64,
    pub(crate) middle: [f64; 3],
    pub(crate) flat: [bool; 3],
}

impl At {
    /// Returns the squared distance from the middle of the block without flat axes, in m².
    pub fn distance2(&self) -> f64 {
        let mut sum = 0.0;
        for (a, p) in [self.z, self.y, self.x].into_iter().enumerate() {
            if !self.flat[a] {
                sum += (p - self.middle[a]) * (p - self.middle[a]);
            }
        }
        sum
    }

    /// Returns the distance from the middle of the block without flat axes, in m.
    pub fn distance(&self) -> f64 {
        self.distance2().sqrt()
    }

    /// Returns a random number in [0, 1) that depends on the seed and the cell alone.
    pub fn uniform(&self, seed: u64) -> f64 {
        random::uniform(seed, self.key)
    }

    /// Returns a normally distributed random number, mean 0 and variance 1, that depends on the seed and the cell
    /// alone.
    pub fn normal(&self, seed: u64) -> f64 {
        random::normal(seed, self.key)
    }

    /// Returns a Gaussian of height 1 around the middle of the block: exp(−r² / width²), with `width` in metres. A grid does
    /// not resolve one that is narrower than a cell: [`crate::model::FieldBuilder::bell`] refuses it.
    pub fn bell(&self, width: f64) -> f64 {
        math::exp(-self.distance2() / (width * width))
    }

    /// Returns the position as a point.
    pub fn point(&self) -> Point {
        Point { z: self.z, y: self.y, x: self.x }
    }
}

/// The initial values of a field.
#[derive(Clone)]
pub enum Initial {
    /// Zero.
    Zero,
    /// A function of the position that returns real and imaginary part.
    Function(Arc<dyn Fn(At) -> [f64; 2] + Send + Sync>),
    /// A variable of an HDF5 or NetCDF file: every rank reads its own part.
    File(FileInput),
}

/// The declaration of a field.
#[derive(Clone)]
pub struct FieldDeclaration {
    /// The name in output and messages.
    pub name: String,
    /// A descriptive name.
    pub long_name: String,
    /// The CF standard name, if the model declares one.
    pub standard_name: Option<String>,
    /// The unit, as in UDUNITS (`K`, `m s-1`); `1` for a field without unit.
    pub unit: String,
    /// The element type.
    pub element: ElementType,
    /// The location of the values on a cell.
    pub location: Location,
    /// The index of the grid in the model.
    pub grid: usize,
    /// Axes that must not be cut: the field is in another decomposition of its grid.
    pub whole: [bool; 3],
    /// Initial values.
    pub initial: Initial,
    /// Boundary conditions.
    pub boundaries: Boundaries,
    /// The index of the vector that the field is a component of, and the axis of the component.
    pub vector: Option<(usize, usize)>,
    /// Whether output streams without a list of fields contain the field.
    pub output: bool,
    /// Whether the field is a derived quantity, which has values at instants of output only.
    pub derived: bool,
}

impl FieldDeclaration {
    /// Returns true if boundary values may change with time while the field does not.
    pub(crate) fn varies(&self) -> bool {
        self.boundaries.iter().flatten().any(Boundary::varies)
    }
}
