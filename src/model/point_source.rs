//! Point sources: amounts that are added to a field at a position, which need not be that of a value.
use crate::base::{Error, Result};
use crate::model::builder::Model;
use crate::model::handle::{Field, TIME};
use crate::model::interpolation::{Weight, weights};
use crate::model::schedule::Schedule;
use crate::model::stage::{Stage, Work};
use halocline_kernels::Element;
use std::sync::Arc;

/// A point source: a field, and the cells around a position with their shares. See [`Model::point_source`].
#[derive(Clone, Debug)]
pub struct PointSource<T> {
    field: Field<T>,
    shares: Vec<Weight>,
}

impl<T> PointSource<T> {
    /// Returns the cells that receive a share of the source, and their shares, which add up to 1.
    pub fn shares(&self) -> &[Weight] {
        &self.shares
    }
}

impl Model {
    /// Places a point source of a field at a position (z, y, x in m) in the first block of its grid, for [`Schedule::inject`].
    /// The source is distributed over the values around the position with the weights of
    /// [interpolation](crate::model::interpolation), at cell centres or faces as the field has them: what a receiver at this
    /// position reads and what a source adds there are adjoint, and the total added is the declared one wherever the source lies.
    ///
    /// ```
    /// use halocline::prelude::*;
    /// let mut model = Model::new(Comm::alone(), Grid::new([4]).length([4.0]));
    /// model.fixed_step(0.5);
    /// let heat = model.field::<f64>("heat").build()?;
    /// let burner = model.point_source(heat, [0.5, 0.5, 1.75])?; // centres at 1.5 m and 2.5 m
    /// model.every_step(|s| _ = s.inject("burner", &burner, |time| 8.0 + time));
    /// let mut run = model.compile()?;
    /// run.advance(2)?;
    /// assert_eq!(run.measure(sum(heat))?.value, 8.0 + 8.5);
    /// assert_eq!(run.measure(max(heat))?.value, 0.75 * 16.5);
    /// # Ok::<(), halocline::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the position is outside the grid or not a number, or the field belongs to another model.
    pub fn point_source<T: Element, L, N>(&self, field: Field<T, L, N>, position: [f64; 3]) -> Result<PointSource<T>> {
        if !self.declared.owns(field.into()) {
            return Err(Error::input("a point source is declared with a field of another model"));
        }
        let location = self.declared.fields[field.id].location;
        Ok(PointSource {
            field: field.plain(),
            shares: weights(self.declared.grid_of(field.id), 0, location, position)?,
        })
    }
}

impl Schedule {
    /// Adds `amount(time)` to a field at the position of a point source: each cell around it gets its share (in the real part).
    /// `time` is the simulated time in seconds.
    #[track_caller]
    pub fn inject<T: Element>(
        &mut self,
        name: &str,
        source: &PointSource<T>,
        amount: impl Fn(f64) -> f64 + Send + Sync + 'static,
    ) -> &mut Self {
        let amount = Arc::new(amount);
        for &Weight { block, index, weight } in &source.shares {
            let amount = amount.clone();
            self.stage(Stage {
                uses: vec![source.field.into()],
                writes: vec![source.field.id],
                scalars_read: vec![TIME],
                ..Stage::new(
                    name.into(),
                    Work::Point {
                        cell: (block, index),
                        update: Arc::new(move |old, time| old + weight * amount(time)),
                    },
                )
            });
        }
        self
    }
}
