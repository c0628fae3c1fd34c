//! The builder of a field.
use crate::base::index_transform::SignedAxis;
use crate::base::{Error, Result, unit};
use crate::model::boundary::Boundary;
use crate::model::builder::Model;
use crate::model::declarations::Declarations;
use crate::model::field::{At, FieldDeclaration, Initial};
use crate::model::file_input::FileInput;
use crate::model::grid::{Grid, Side};
use crate::model::handle::{Field, GridId};
use crate::model::location::Location;
use crate::model::resolution::check_width;
use halocline_kernels::Element;
use halocline_kernels::expr::{self, Anonymous, Name};
use std::marker::PhantomData;
use std::sync::Arc;

impl Model {
    /// Declares a field: see [`FieldBuilder`].
    pub fn field<T: Element>(&mut self, name: &str) -> FieldBuilder<'_, T> {
        FieldBuilder::new(self, name)
    }
}

/// Declares a field for expressions: `field!(model, eta: f64).unit("m").at(Center)?`. The name of the field is also a type, by
/// which the compiler sees that two reads of the field are one; without it, expressions that read a value often are slower.
///
/// ```
/// use halocline::prelude::*;
///
/// fn decay(model: &mut Model) -> Result<()> {
///     let dt = model.fixed_step(0.1);
///     let c = field!(model, c: f64).unit("mol m-3").initial(|_| 1.0).at(Center)?;
///     model.every_step(|s| _ = s.set(c, c - dt * 0.5 * c * c));
///     Ok(())
/// }
/// ```
#[macro_export]
macro_rules! field {
    ($model:expr, $name:ident $(: $T:ty)?) => {{
        #[allow(non_camel_case_types)]
        #[derive(Clone, Copy)]
        enum $name {}
        impl $crate::expr::Name for $name {
            const KEY: u64 = $crate::expr::key(concat!(file!(), stringify!($name)), line!(), column!());
        }
        $model.field$(::<$T>)?(stringify!($name)).named::<$name>()
    }};
}

/// A field being declared: see [`Model::field`].
pub struct FieldBuilder<'m, T, N = Anonymous> {
    model: &'m mut Model,
    declaration: FieldDeclaration,
    /// The width of the bell of initial values in metres.
    bell: Option<f64>,
    of: PhantomData<(T, N)>,
}

impl<'m, T: Element> FieldBuilder<'m, T> {
    pub(crate) fn new(model: &'m mut Model, name: &str) -> Self {
        let mirror = || [Boundary::Reflecting, Boundary::Reflecting];
        let declaration = FieldDeclaration {
            name: name.into(),
            long_name: name.replace('_', " "),
            standard_name: None,
            unit: "1".into(),
            element: T::TYPE,
            location: Location::Center,
            grid: 0,
            whole: [false; 3],
            initial: Initial::Zero,
            boundaries: [mirror(), mirror(), mirror()],
            vector: None,
            output: true,
            derived: false,
        };
        FieldBuilder { model, declaration, bell: None, of: PhantomData }
    }
}

impl<'m, T: Element, N: Name> FieldBuilder<'m, T, N> {
    /// Gives the field a name that the compiler knows: see [`field!`](crate::field!).
    pub fn named<M: Name>(self) -> FieldBuilder<'m, T, M> {
        FieldBuilder { model: self.model, declaration: self.declaration, bell: self.bell, of: PhantomData }
    }

    /// Sets the name in files and messages, where it is not that of the declaration, such as one from the job file. The
    /// descriptive name is set to it, too.
    pub fn name(mut self, name: &str) -> Self {
        self.declaration.name = name.into();
        self.declaration.long_name = name.replace('_', " ");
        self
    }

    /// Sets the unit, as in UDUNITS: `K`, `m s-1`. The default is `1`. Output files spell `m²` as `m2`.
    pub fn unit(mut self, unit: &str) -> Self {
        self.declaration.unit = unit.into();
        self
    }

    /// Sets a descriptive name. The default is the name with spaces for underscores.
    pub fn long_name(mut self, name: &str) -> Self {
        self.declaration.long_name = name.into();
        self
    }

    /// Sets the CF standard name, such as `sea_water_potential_temperature`. The default is none.
    pub fn standard_name(mut self, name: &str) -> Self {
        self.declaration.standard_name = Some(name.into());
        self
    }

    /// Sets the location of the values on a cell. The default is the centre.
    pub fn location(mut self, location: Location) -> Self {
        self.declaration.location = location;
        self
    }

    /// Sets the grid. The default is the first grid of the model.
    pub fn on(mut self, grid: GridId) -> Self {
        self.declaration.grid = if grid.model == self.model.declared.id { grid.id } else { usize::MAX };
        self
    }

    /// Leaves these axes uncut, so that every rank that owns cells owns whole lines along them.
    pub fn whole<const AXES: usize>(mut self, axes: [SignedAxis; AXES]) -> Self {
        axes.iter().for_each(|a| self.declaration.whole[a.axis] = true);
        self
    }

    /// Sets the initial values as a function of the position: a real number, or a complex one for a complex field.
    pub fn initial<V: Element>(mut self, f: impl Fn(At) -> V + Send + Sync + 'static) -> Self {
        self.declaration.initial = Initial::Function(Arc::new(move |at| f(at).parts()));
        self
    }

    /// Sets the initial values to a Gaussian of height 1 around the middle of each block, exp(−r² / width²), with `width` in
    /// metres: [`At::bell`], except that [`FieldBuilder::build`] refuses a bell that the grid does not resolve.
    pub fn bell(mut self, width: f64) -> Self {
        self.bell = Some(width);
        self.declaration.initial = Initial::Function(Arc::new(move |at| [at.bell(width), 0.0]));
        self
    }

    /// Reads the initial values from a variable of an HDF5, NetCDF-4 or classic NetCDF file with as many cells as the
    /// grid. Every rank reads its own part. The page [input files](crate::docs::input_files) says what is checked.
    pub fn from_file(mut self, mut input: FileInput) -> Self {
        if let Some(directory) = &self.model.declared.directory {
            input.file = directory.join(&input.file).display().to_string();
        }
        self.declaration.initial = Initial::File(input);
        self
    }

    /// Sets the condition at all boundaries. The default is reflecting. Periodic axes have no boundaries.
    pub fn boundary(mut self, condition: Boundary) -> Self {
        for side in self.declaration.boundaries.iter_mut().flatten() {
            *side = condition.clone();
        }
        self
    }

    /// Sets the condition at one boundary: `-Z` is the boundary at low z, `X` the boundary at high x.
    pub fn boundary_at(mut self, side: Side, condition: Boundary) -> Self {
        self.declaration.boundaries[side.axis][usize::from(!side.reversed)] = condition;
        self
    }

    /// Leaves the field out of the output, except of streams that name it.
    pub fn hidden(mut self) -> Self {
        self.declaration.output = false;
        self
    }

    /// Adds the field to the model, with its values at this location of the cell, and returns its handle for expressions.
    ///
    /// # Errors
    /// As [`FieldBuilder::build`].
    pub fn at<L: expr::Location>(mut self, _: L) -> Result<Field<T, L, N>> {
        self.declaration.location = Location::of_low(L::LOW);
        self.add()
    }

    /// Adds the field to the model and returns its handle for kernels.
    ///
    /// # Errors
    /// If the name is taken, does not begin with a letter or has characters other than letters, digits and `_`, if the
    /// unit or the standard name has characters that UDUNITS or CF does not allow, if the grid does not belong to the
    /// model, or if a [`FieldBuilder::bell`] is narrower than a cell.
    pub fn build(self) -> Result<Field<T>> {
        self.add()
    }

    /// The grid of the field, if the model has it.
    pub(crate) fn grid(&self) -> Option<&Grid> {
        self.model.declared.grids.get(self.declaration.grid)
    }

    fn add<L, M>(self) -> Result<Field<T, L, M>> {
        if let (Some(width), Some(grid)) = (self.bell, self.grid()) {
            check_width(grid, &format!("the width of the bell in `{}`", self.declaration.name), width)?;
        }
        self.model.add_field(self.declaration)
    }
}

impl Model {
    /// Adds a declared field and returns its handle.
    pub(crate) fn add_field<T, L, M>(&mut self, declaration: FieldDeclaration) -> Result<Field<T, L, M>> {
        check_declaration(&declaration, &self.declared)?;
        let spacing = self.declared.grids[declaration.grid].spacing();
        self.declared.fields.push(declaration);
        Ok(Field::new(self.declared.id, self.declared.fields.len() - 1, spacing))
    }
}

/// Checks the declaration of a field against the fields that are declared already, without the unit of a derived quantity.
///
/// # Errors
/// As [`FieldBuilder::build`].
pub(crate) fn check_declaration(declaration: &FieldDeclaration, declared: &Declarations) -> Result<()> {
    let name = &declaration.name;
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic());
    if !starts || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(Error::input(format!("`{name}` is not a valid field name"))
            .remedy("use letters, digits and _, beginning with a letter"));
    }
    check_names(declaration)?;
    if declared.fields.iter().any(|d| d.name == *name) {
        return Err(Error::input(format!("the field `{name}` is declared twice")));
    }
    if declaration.grid >= declared.grids.len() {
        let what = match declaration.grid {
            usize::MAX => format!("the field `{name}` is declared on a grid of another model"),
            _ => format!("the field `{name}` needs a grid, and the model has none"),
        };
        return Err(Error::input(what));
    }
    Ok(())
}

/// Checks the unit and the standard name of a field.
///
/// # Errors
/// If they have characters that UDUNITS or CF does not allow.
pub(crate) fn check_names(declaration: &FieldDeclaration) -> Result<()> {
    let name = &declaration.name;
    unit::udunits(&declaration.unit).map_err(|why| Error::input(format!("field `{name}`: {why}")))?;
    let is_standard = |text: &String| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == ' ')
    };
    if let Some(standard) = declaration.standard_name.as_ref().filter(|text| !is_standard(text)) {
        return Err(Error::input(format!("field `{name}`: `{standard}` is not a CF standard name"))
            .remedy("standard names have lower-case letters, digits and _: see cfconventions.org"));
    }
    Ok(())
}
