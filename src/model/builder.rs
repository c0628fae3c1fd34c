//! The declaration of a model. It allocates no field; `Model::compile` turns the model into a simulation.
use crate::base::index_transform::SignedAxis;
use crate::base::{Error, Result};
use crate::comm::Comm;
use crate::model::assignment::SET;
use crate::model::axis::AxisDescription;
use crate::model::condition::{Condition, FailureCondition};
use crate::model::declarations::{Clock, Declarations, ProfileDeclaration};
use crate::model::field::FieldDeclaration;
use crate::model::grid::Grid;
use crate::model::handle::{DT, Field, GridId, Profile, Records, Scalar, SourceId, TIME};
use crate::model::location::Location;
use crate::model::measure::{Diagnostic, Measurable};
use crate::model::records::{Record, RecordDeclaration};
use crate::model::schedule::Schedule;
use crate::model::series::Recorded;
use crate::model::source::Source;
use crate::model::stage::Item;
use crate::model::update::UPDATE;
use halocline_kernels::{Element, InstructionSet};
use std::sync::Arc;

/// A model: the grids, fields, scalars, diagnostics and the schedule of a step that a job declares.
///
/// ```
/// use halocline::prelude::*;
/// use halocline_kernels::diffusion::Ftcs;
///
/// let mut model = Model::new(Comm::alone(), Grid::new([32, 32]).periodic([true, true]));
/// let h = model.grid().spacing();
/// let dt = model.fixed_step(0.9 * Ftcs::<f64>::stable_step(1.0, h));
/// let t = model.field::<f64>("temperature").unit("K").initial(|at| at.bell(0.1)).build()?;
/// model.every_step(|s| {
///     s.apply(Ftcs::new(1.0, dt, h), [t], [t]); // next t from t
/// });
/// let mut run = model.compile()?;
/// let before = run.measure(sum(t))?.value;
/// run.advance(10)?;
/// assert!((run.measure(sum(t))?.value - before).abs() < 1e-12);
/// assert!(run.measure(max(t))?.value < 1.0);
/// # Ok::<(), halocline::Error>(())
/// ```
pub struct Model {
    pub(crate) comm: Comm,
    pub(crate) declared: Declarations,
}

impl Model {
    /// A model on one grid.
    pub fn new(comm: Comm, grid: Grid) -> Model {
        let mut model = Model::gridless(comm);
        model.declared.grids.push(grid);
        model
    }

    /// A model without a grid: sets of records and scalars only.
    pub fn gridless(comm: Comm) -> Model {
        Model { comm, declared: Declarations::new() }
    }

    /// Returns the communicator on which the model runs.
    pub fn comm(&self) -> &Comm {
        &self.comm
    }

    /// Returns the first grid.
    ///
    /// # Panics
    /// If the model has none.
    pub fn grid(&self) -> &Grid {
        &self.declared.grids[0]
    }

    /// Adds another grid, for fields that are declared [`FieldBuilder::on`](super::FieldBuilder::on) it.
    pub fn add_grid(&mut self, grid: Grid) -> GridId {
        self.declared.grids.push(grid);
        GridId { id: self.declared.grids.len() - 1, model: self.declared.id }
    }

    /// Describes an axis of the first grid in the output files: its CF standard name, and whether it is vertical. Results
    /// do not depend on it.
    ///
    /// ```
    /// use halocline::model::Direction;
    /// use halocline::prelude::*;
    ///
    /// let mut model = Model::new(Comm::alone(), Grid::new([20, 32, 32]));
    /// model.axis(Z).direction(Direction::Down).standard_name("depth").long_name("depth");
    /// ```
    pub fn axis(&mut self, axis: SignedAxis) -> &mut AxisDescription {
        &mut self.declared.axes[axis.axis]
    }

    /// Sets the process grid: parts along z, y, x. The default is the one with the lowest cost.
    pub fn process_grid(&mut self, dims: [usize; 3]) {
        self.declared.dims = Some(dims);
    }

    /// Sets the instruction set of the kernels. The default is the widest of the machine. Results do not depend on it.
    pub fn instruction_set(&mut self, set: InstructionSet) {
        self.declared.instructions = set;
    }

    /// Sets the number of fused steps, which are computed on a tile while it is in cache. The default is the fastest
    /// number. With 0, all stages pass over the whole grid, one after the other. Results do not depend on it.
    pub fn fuse(&mut self, steps: usize) {
        self.declared.fuse = Some(steps);
    }

    /// Sets the number of rows of a tile on which steps are fused. The default is the fastest number. Results do not
    /// depend on it.
    pub fn tile_rows(&mut self, rows: usize) {
        self.declared.tile_rows = Some(rows.max(1));
    }

    /// Sets the minimum size in bytes of a contiguous part of a halo that is sent as a message of its own. Smaller
    /// parts are packed into one message per rank. Results do not depend on it.
    pub fn direct(&mut self, bytes: usize) {
        self.declared.direct = bytes;
    }

    /// Declares that fields are the components of a vector along z, y, x (in index directions), so that joins with a
    /// rotation transform them into each other.
    pub fn vector<T: Element>(&mut self, components: [Option<Field<T>>; 3]) {
        let declared = &mut self.declared;
        if components.iter().flatten().any(|&f| !declared.owns(f.into())) {
            declared.refused.push(Error::input("a vector is declared with a field of another model"));
            return;
        }
        let ids = components.map(|c| c.map(|f| f.id));
        for (axis, id) in ids.iter().enumerate() {
            if let Some(id) = id {
                declared.fields[*id].vector = Some((declared.vectors.len(), axis));
            }
        }
        declared.vectors.push(ids);
    }

    /// Declares a scalar with an initial value.
    pub fn scalar(&mut self, name: &str, initial: f64) -> Scalar {
        self.declared.scalars.push((name.into(), initial));
        self.declared.scalar(self.declared.scalars.len() - 1)
    }

    /// Declares a scalar that is computed from the state before it is read, or that only decides when a run ends: it is in
    /// checkpoints, but not in the state hash.
    pub fn diagnostic_scalar(&mut self, name: &str, initial: f64) -> Scalar {
        let scalar = self.scalar(name, initial);
        self.declared.diagnostic_scalars.push(scalar.id);
        scalar
    }

    /// Returns the scalar of the simulated time in seconds, at the beginning of the step.
    pub fn time(&self) -> Scalar {
        self.declared.scalar(TIME)
    }

    /// Returns the scalar of the time step in seconds.
    pub fn dt(&self) -> Scalar {
        self.declared.scalar(DT)
    }

    /// Declares a profile: coefficients along an axis (0: z, 1: y, 2: x), as a function of the position of cell centres
    /// in metres. Kernels may read it up to eight cells beyond the grid.
    pub fn profile<const AXIS: usize>(&mut self, f: impl Fn(f64) -> f64 + Send + Sync + 'static) -> Profile<AXIS> {
        self.profile_at(Location::Center, f)
    }

    /// Declares a profile at another location, such as the lower faces of cells for [`Location::face`] of the axis.
    pub fn profile_at<const AXIS: usize>(
        &mut self,
        location: Location,
        f: impl Fn(f64) -> f64 + Send + Sync + 'static,
    ) -> Profile<AXIS> {
        self.declared.profiles.push(ProfileDeclaration { axis: AXIS, location, value: Arc::new(f) });
        Profile { id: self.declared.profiles.len() - 1, model: self.declared.id }
    }

    /// Declares a set of records, with no grid: rank `rank` of `size` begins with `initial(rank, size)`.
    pub fn records<R: Record>(
        &mut self,
        name: &str,
        initial: impl Fn(usize, usize) -> Vec<R> + Send + Sync + 'static,
    ) -> Records<R> {
        self.declared.records.push(RecordDeclaration::new(name, initial));
        Records::new(self.declared.id, self.declared.records.len() - 1)
    }

    /// Declares a source of records that arrive from outside. Only rank 0 opens it.
    pub fn source<S: Source + 'static>(
        &mut self,
        name: &str,
        open: impl Fn() -> Result<S> + Send + Sync + 'static,
    ) -> SourceId {
        self.declared.sources.push((name.into(), Arc::new(move || Ok(Box::new(open()?) as Box<dyn Source>))));
        SourceId { id: self.declared.sources.len() - 1, model: self.declared.id }
    }

    /// Sets a fixed time step of `dt` seconds and returns `dt`.
    pub fn fixed_step(&mut self, dt: f64) -> f64 {
        self.set_clock(Clock::Fixed(dt));
        self.declared.scalars[DT].1 = dt;
        dt
    }

    /// Makes the time step a scalar in seconds that the schedule computes, with the initial value `first`. The last
    /// step is shortened to end at the end time.
    pub fn adaptive_step(&mut self, first: f64) -> Scalar {
        self.set_clock(Clock::Adaptive);
        self.declared.scalars[DT].1 = first;
        self.declared.scalar(DT)
    }

    /// Sets how time advances. A second, other clock is an error of [`Model::compile`]: stages may hold the first one.
    fn set_clock(&mut self, clock: Clock) {
        let before = std::mem::replace(&mut self.declared.clock, clock);
        if before != Clock::Steps && before != clock {
            let step = |clock| match clock {
                Clock::Fixed(dt) => format!("fixed at {dt:?} s"),
                _ => "adaptive".into(),
            };
            let what = format!("the time step is set twice: {}, then {}", step(before), step(clock));
            let remedy = "call `Model::fixed_step` or `Model::adaptive_step` once, and use what it returns";
            self.declared.refused.push(Error::input(what).remedy(remedy));
        }
    }

    /// Adds stages that run once, before the first step.
    pub fn at_start(&mut self, body: impl FnOnce(&mut Schedule)) {
        let mut items = self.schedule(body);
        self.declared.start.append(&mut items);
    }

    /// Adds stages to the schedule of a time step.
    pub fn every_step(&mut self, body: impl FnOnce(&mut Schedule)) {
        let mut items = self.schedule(body);
        self.declared.step.append(&mut items);
    }

    /// Declares a diagnostic: a number that the run reports under this name.
    pub fn diagnose(&mut self, name: &str, what: impl Measurable) {
        self.declared.diagnostics.push(Diagnostic { name: name.into(), what: what.measure() });
    }

    /// Records a quantity over time, a reduction or a scalar: one column of the table `series.csv`, and one graph of
    /// `series.png`. The job file says how often: `[series] every = "10 step"`. Between these steps the quantity costs nothing:
    /// it is measured at its instants only, from the fields after the step.
    ///
    /// ```
    /// use halocline::prelude::*;
    ///
    /// fn wave(model: &mut Model) -> Result<()> {
    ///     let dt = model.fixed_step(1e-3);
    ///     let eta = field!(model, eta: f64).unit("m").initial(|at| at.bell(0.1)).at(Center)?;
    ///     let u = field!(model, u: f64).unit("m s-1").at(FaceX)?;
    ///     model.every_step(|s| {
    ///         s.set(eta, eta - dt * ddx(u));
    ///         s.set(u, u - dt * ddx(eta));
    ///     });
    ///     model.record("energy", sum(0.5 * (eta * eta + (u * u).on(Center)))).unit("J");
    ///     Ok(())
    /// }
    /// # let mut model = Model::new(Comm::alone(), Grid::new([64]));
    /// # wave(&mut model)?;
    /// # let mut run = model.compile()?;
    /// # run.advance(3)?;
    /// # assert_eq!(run.recorded().len(), 1);
    /// # Ok::<(), halocline::Error>(())
    /// ```
    pub fn record(&mut self, name: &str, what: impl Measurable) -> &mut Recorded {
        let series = &mut self.declared.series;
        series.push(Recorded { name: name.into(), unit: String::new(), what: what.measure() });
        series.last_mut().expect("one was added")
    }

    /// Ends the run once the condition holds after a step.
    pub fn stop_when(&mut self, condition: Condition) {
        self.declared.stop = Some(condition);
    }

    /// Ends the run with an error once the condition holds after a step. `error` makes it of the values of scalars. Output and
    /// summary are written, and the summary states the error.
    pub fn fail_when<const N: usize>(
        &mut self,
        condition: Condition,
        values: [Scalar; N],
        error: impl Fn([f64; N]) -> Error + Send + Sync + 'static,
    ) {
        let uses = std::iter::once(condition.uses).chain(values.iter().map(|&scalar| scalar.into())).collect();
        let error = move |scalars: &[f64]| error(values.map(|scalar| scalars[scalar.id]));
        self.declared.failure = Some(FailureCondition { condition, uses, error: Arc::new(error) });
    }

    /// Returns the declared fields.
    pub fn fields(&self) -> &[FieldDeclaration] {
        &self.declared.fields
    }

    /// Returns the items of a part of the schedule, and appends its stages to the stages of the model.
    fn schedule(&mut self, body: impl FnOnce(&mut Schedule)) -> Vec<Item> {
        let before = self.declared.stages.len();
        let mut schedule = Schedule::new(std::mem::take(&mut self.declared.stages));
        body(&mut schedule);
        let (mut stages, items) = schedule.finish();
        for stage in stages[before..].iter_mut().filter(|stage| [SET, UPDATE].contains(&&*stage.name)) {
            let names = stage.writes.iter().filter_map(|&f| self.declared.fields.get(f)).map(|f| f.name.as_str());
            stage.name = format!("{} {}", stage.name, names.collect::<Vec<_>>().join(", "));
        }
        self.declared.stages = stages;
        items
    }
}
