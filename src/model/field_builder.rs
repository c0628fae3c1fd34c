//! Declaring a field.
use crate::base::index_transform::SignedAxis;
use crate::base::{Error, Result};
use crate::model::boundary::Boundary;
use crate::model::builder::Model;
use crate::model::field::{At, FieldDeclaration, Initial};
use crate::model::grid::{Location, Side};
use crate::model::handle::{Field, GridId};
use halocline_kernels::Element;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::Arc;

impl Model {
    /// Declares a field: see [`FieldBuilder`].
    pub fn field<T: Element>(&mut self, name: &str) -> FieldBuilder<'_, T> {
        FieldBuilder::new(self, name)
    }
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
    pub fn on(mut self, grid: GridId) -> Self {
        self.declaration.grid = if grid.model == self.model.declared.id { grid.id } else { usize::MAX };
        self
    }

    /// Leaves these axes uncut, so that every rank that has cells has whole lines along them.
    pub fn whole<const N: usize>(mut self, axes: [SignedAxis; N]) -> Self {
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
    pub fn boundary_at(mut self, side: Side, condition: Boundary) -> Self {
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
            return Err(Error::input(format!("`{name}` is not a valid field name")).remedy("use letters, digits and _"));
        }
        if self.model.declared.fields.iter().any(|d| d.name == *name) {
            return Err(Error::input(format!("the field `{name}` is declared twice")));
        }
        if self.declaration.grid >= self.model.declared.grids.len() {
            let what = match self.declaration.grid {
                usize::MAX => format!("the field `{name}` is declared on a grid of another model"),
                _ => format!("the field `{name}` needs a grid, and the model has none"),
            };
            return Err(Error::input(what));
        }
        self.model.declared.fields.push(self.declaration);
        Ok(Field::new(self.model.declared.id, self.model.declared.fields.len() - 1))
    }
}
