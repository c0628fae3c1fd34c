//! Derived output: quantities that are computed from the fields at the instants of output streams.
use crate::model::assignment;
use crate::model::boundary::Boundary;
use crate::model::builder::Model;
use crate::model::field::{FieldDeclaration, Initial};
use crate::model::field_builder::check_declaration;
use crate::model::handle::{Use, Used};
use crate::model::location::Location;
use halocline_kernels::Element;
use halocline_kernels::expr::{Evaluate, LocationOfValues, Node, Operand};

/// The description of a derived quantity in output files: see [`Model::output`].
pub struct DerivedOutput<'a>(&'a mut FieldDeclaration);

impl DerivedOutput<'_> {
    /// Sets the unit, as in UDUNITS, such as `s-1`. Without one, the quantity is a number.
    pub fn unit(self, unit: &str) -> Self {
        self.0.unit = unit.into();
        self
    }

    /// Sets a descriptive name.
    pub fn long_name(self, name: &str) -> Self {
        self.0.long_name = name.into();
        self
    }

    /// Sets the CF standard name.
    pub fn standard_name(self, name: &str) -> Self {
        self.0.standard_name = Some(name.into());
        self
    }

    /// Leaves the quantity out of the output, except of streams that name it.
    pub fn hidden(self) -> Self {
        self.0.output = false;
        self
    }
}

impl Model {
    /// Adds a quantity to the output that is computed from fields: an expression, at its location on a cell. Output streams
    /// contain it and name it like a field, with means and extremes over time too. It is computed at the instants of such
    /// streams only (for a mean, after every step), and takes no memory in between; it is no part of the state.
    ///
    /// Invalid names, units and handles are errors of [`Model::compile`].
    ///
    /// ```
    /// use halocline::prelude::*;
    ///
    /// let mut model = Model::new(Comm::alone(), Grid::new([8, 8]).periodic([true, true]));
    /// let u = field!(model, u: f64).unit("m s-1").initial(|at| -at.y).at(FaceX)?;
    /// let v = field!(model, v: f64).unit("m s-1").initial(|at| at.x).at(FaceY)?;
    /// model.output("vorticity", ddx(v) - ddy(u)).unit("s-1"); // at the edges along z
    ///
    /// let mut run = model.compile()?;
    /// let vorticity = &run.output::<f64>("vorticity")?[0];
    /// assert!((vorticity[[0, 4, 4]] - 2.0).abs() < 1e-12);
    /// # Ok::<(), halocline::Error>(())
    /// ```
    pub fn output<T: Element, A: Operand<Node: Evaluate<T, At: LocationOfValues>>>(
        &mut self,
        name: &str,
        value: A,
    ) -> DerivedOutput<'_> {
        let mut stage = assignment::stage::<T, _>(vec![], (value.node(),));
        let declared = &mut self.declared;
        // On the grid, and in the decomposition, of the fields that it is computed from.
        let first = stage.reads.first().and_then(|(f, _)| declared.fields.get(*f));
        let (grid, whole) = first.map_or((0, [false; 3]), |d| (d.grid, d.whole));
        let id = declared.fields.len();
        stage.name = format!("output {name}");
        stage.uses.push(Use { model: declared.id, id, what: Used::Field(T::TYPE) });
        stage.writes.push(id);
        let declaration = FieldDeclaration {
            name: name.into(),
            long_name: name.into(),
            standard_name: None,
            unit: "1".into(),
            element: T::TYPE,
            location: Location::of_low(<A::Node as Node>::At::LOW),
            grid,
            whole,
            initial: Initial::Zero,
            boundaries: std::array::from_fn(|_| [Boundary::Reflecting, Boundary::Reflecting]),
            vector: None,
            output: true,
            derived: true,
        };
        // The unit is checked when the model is compiled.
        if let Err(error) = check_declaration(&declaration, declared) {
            declared.refused.push(error);
        }
        declared.fields.push(declaration);
        declared.outputs.push((id, stage));
        DerivedOutput(&mut declared.fields[id])
    }
}
