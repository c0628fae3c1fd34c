//! Fields, scalars and profiles: what a model declares. Declaring allocates nothing.

use crate::base::{Error, Result};
use crate::model::boundary::{Boundaries, Boundary, Point};
use crate::model::declaration::Model;
use crate::model::grid::Location;
use halocline_kernels::{Element, ElementType, math, random};
use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::Arc;

/// A field of numbers `T` on a grid: a handle, cheap to copy.
#[derive(Debug)]
pub struct Field<T> {
    pub(crate) id: usize,
    of: PhantomData<fn() -> T>,
}
impl<T> Clone for Field<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Field<T> {}

impl<T> Field<T> {
    pub(crate) fn handle(id: usize) -> Field<T> {
        Field { id, of: PhantomData }
    }
}

/// One number, the same on every rank: written by reductions and computations, read by kernels, part of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scalar {
    pub(crate) id: usize,
}

/// Coefficients along one axis (0: z, 1: y, 2: x): a handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile<const AXIS: usize> {
    pub(crate) id: usize,
}

/// The kernel argument [`halocline_kernels::Position`]: where the cell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Here;

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

/// A field being declared: see [`Model::field`].
pub struct FieldBuilder<'m, T> {
    model: &'m mut Model,
    declaration: FieldDeclaration,
    of: PhantomData<T>,
}

impl<'m, T: Element> FieldBuilder<'m, T> {
    pub(crate) fn new(model: &'m mut Model, name: &str) -> Self {
        let mirror = || [Boundary::Reflecting, Boundary::Reflecting];
        let declaration = FieldDeclaration {
            name: name.into(),
            long_name: name.replace('_', " "),
            unit: "1".into(),
            element: T::TYPE,
            location: Location::Center,
            grid: 0,
            whole: [false; 3],
            initial: Initial::Zero,
            boundaries: [mirror(), mirror(), mirror()],
            vector: None,
            output: true,
        };
        FieldBuilder { model, declaration, of: PhantomData }
    }

    /// Its unit, as in UDUNITS: `K`, `m s-1`.
    pub fn unit(mut self, unit: &str) -> Self {
        self.declaration.unit = unit.into();
        self
    }

    /// A name for people.
    pub fn long_name(mut self, name: &str) -> Self {
        self.declaration.long_name = name.into();
        self
    }

    /// Where on the cell it sits; the middle unless said otherwise.
    pub fn location(mut self, location: Location) -> Self {
        self.declaration.location = location;
        self
    }

    /// The grid that it lives on; the model's first unless said otherwise.
    pub fn on(mut self, grid: crate::model::declaration::GridId) -> Self {
        self.declaration.grid = grid.0;
        self
    }

    /// Leaves these axes uncut, so that every rank that has cells has whole lines along them.
    pub fn whole<const N: usize>(mut self, axes: [crate::base::index_transform::SignedAxis; N]) -> Self {
        axes.iter().for_each(|h| self.declaration.whole[h.axis] = true);
        self
    }

    /// First values as a function of the place: a real number, or a complex one for a complex field.
    pub fn initial<V: Element>(mut self, f: impl Fn(At) -> V + Send + Sync + 'static) -> Self {
        self.declaration.initial = Initial::Function(Arc::new(move |at| f(at).parts()));
        self
    }

    /// First values from a variable of an HDF5, NetCDF-4 or classic NetCDF file with as many cells as the grid,
    /// multiplied by `factor` (for its unit). Every rank reads its own part.
    pub fn from_file(mut self, path: impl Into<PathBuf>, variable: &str, factor: f64) -> Self {
        self.declaration.initial = Initial::File(path.into(), variable.into(), factor);
        self
    }

    /// The condition at all walls; reflecting unless said otherwise. Periodic axes have no walls.
    pub fn boundary(mut self, condition: Boundary) -> Self {
        for side in self.declaration.boundaries.iter_mut().flatten() {
            *side = condition.clone();
        }
        self
    }

    /// The condition at one wall: `-Z` is that of low z, `X` that of high x.
    pub fn boundary_at(mut self, side: crate::model::grid::Side, condition: Boundary) -> Self {
        self.declaration.boundaries[side.axis][usize::from(!side.reversed)] = condition;
        self
    }

    /// Left out of the output unless a stream asks for it by name.
    pub fn hidden(mut self) -> Self {
        self.declaration.output = false;
        self
    }

    /// Declares it.
    ///
    /// # Errors
    /// If the name is taken or no name for a file (letters, digits, `_`).
    pub fn build(self) -> Result<Field<T>> {
        let name = &self.declaration.name;
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(Error::input(format!("`{name}` is no name for a field")).remedy("use letters, digits and _"));
        }
        if self.model.design.declarations.iter().any(|d| d.name == *name) {
            return Err(Error::input(format!("the field `{name}` is declared twice")));
        }
        if self.declaration.grid >= self.model.design.grids.len() {
            return Err(Error::input(format!("the field `{name}` needs a grid, and the model has none")));
        }
        self.model.design.declarations.push(self.declaration);
        Ok(Field::handle(self.model.design.declarations.len() - 1))
    }
}
