//! Fields as declared.
use crate::model::boundary::{Boundaries, Point};
use crate::model::grid::Location;
use halocline_kernels::{ElementType, math, random};
use std::path::PathBuf;
use std::sync::Arc;

/// A place in a grid, given to functions that fill a field.
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
    /// Squared distance from the middle of the block, flat axes left out, in m².
    pub fn distance2(&self) -> f64 {
        let mut sum = 0.0;
        for (a, p) in [self.z, self.y, self.x].into_iter().enumerate() {
            if !self.flat[a] {
                sum += (p - self.middle[a]) * (p - self.middle[a]);
            }
        }
        sum
    }

    /// Distance from the middle of the block in m.
    pub fn distance(&self) -> f64 {
        self.distance2().sqrt()
    }

    /// A random number in [0, 1) that depends on the seed and the cell alone.
    pub fn uniform(&self, seed: u64) -> f64 {
        random::uniform(seed, self.key)
    }

    /// A normally distributed random number, mean 0 and variance 1, that depends on the seed and the cell alone.
    pub fn normal(&self, seed: u64) -> f64 {
        random::normal(seed, self.key)
    }

    /// A bell of height 1 around the middle: exp(−r² / width²).
    pub fn bell(&self, width: f64) -> f64 {
        math::exp(-self.distance2() / (width * width))
    }

    /// The position as a point.
    pub fn point(&self) -> Point {
        Point { z: self.z, y: self.y, x: self.x }
    }
}

/// Where a field's first values come from.
#[derive(Clone)]
pub enum Initial {
    /// Zero.
    Zero,
    /// A function of the place; real and imaginary part.
    Function(Arc<dyn Fn(At) -> [f64; 2] + Send + Sync>),
    /// A variable of an HDF5 or NetCDF file, multiplied by a factor: every rank reads its own part.
    File(PathBuf, String, f64),
}

/// A field as declared.
#[derive(Clone)]
pub struct FieldDeclaration {
    /// Its name in output and messages.
    pub name: String,
    /// A longer name for people.
    pub long_name: String,
    /// Unit, as in UDUNITS (`K`, `m s-1`); `1` without.
    pub unit: String,
    /// The type of its numbers.
    pub element: ElementType,
    /// Where on the cell it sits.
    pub location: Location,
    /// Which grid of the model it lives on.
    pub grid: usize,
    /// Axes that are not cut: the field lives in another split of its grid.
    pub whole: [bool; 3],
    /// First values.
    pub initial: Initial,
    /// Conditions at walls.
    pub boundaries: Boundaries,
    /// The vector that it is a component of, and which.
    pub vector: Option<(usize, usize)>,
    /// Part of the output unless a stream asks otherwise.
    pub output: bool,
}
