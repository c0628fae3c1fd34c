//! A model: what a job declares. Declaring allocates nothing; [`Model::compile`] makes a [`Simulation`] of it.
use crate::base::{Error, Result};
use crate::comm::Comm;
use crate::engine::Simulation;
use crate::engine::bags::{Record, RecordType, Records};
use crate::engine::sources::{Source, SourceFactory};
use crate::model::field::{Field, FieldBuilder, FieldDeclaration, Profile, Scalar};
use crate::model::grid::{Grid, Location};
use crate::model::reduction::{Op, Reduction};
use crate::model::schedule::Schedule;
use crate::model::stage::{Item, Test};
use halocline_kernels::{Element, InstructionSet};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The scalar that holds the simulated time in seconds.
pub(crate) const TIME: usize = 0;
/// The scalar that holds the time step in seconds.
pub(crate) const DT: usize = 1;

/// A grid of a model: a handle. The first is the default of every field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GridId(pub(crate) usize);

/// A source of records of a model: a handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceId(pub(crate) usize);

/// How the clock moves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Clock {
    /// No time: steps only.
    Steps,
    /// The time after n steps is n times this, in seconds.
    Fixed(f64),
    /// The time grows by the scalar dt.
    Adaptive,
}

/// A profile as declared: a name, its axis, and a function of the position in metres along it.
#[derive(Clone)]
pub(crate) struct ProfileDeclaration {
    pub axis: usize,
    pub location: Location,
    pub value: Arc<dyn Fn(f64) -> f64 + Send + Sync>,
}

/// A number that a run reports at its end, and in between if asked.
#[derive(Clone)]
pub struct Diagnostic {
    /// Its name in the summary.
    pub name: String,
    /// What it is.
    pub what: Measure,
}

/// What a diagnostic measures.
#[derive(Clone)]
pub enum Measure {
    /// A reduction of fields.
    Reduction(Reduction),
    /// A scalar.
    Scalar(Scalar),
}
impl From<Reduction> for Measure {
    fn from(r: Reduction) -> Measure {
        Measure::Reduction(r)
    }
}
impl From<Scalar> for Measure {
    fn from(s: Scalar) -> Measure {
        Measure::Scalar(s)
    }
}

/// Everything that a job declares: grids, fields, scalars, the schedule of a step, diagnostics.
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
/// let before = run.measure(sum(t)).value;
/// run.advance(10)?;
/// assert!((run.measure(sum(t)).value - before).abs() < 1e-12);
/// assert!(run.measure(max(t)).value < 1.0);
/// # Ok::<(), halocline::Error>(())
/// ```
pub struct Model {
    pub(crate) comm: Comm,
    pub(crate) design: Design,
}

/// What is declared, without the communicator: plain data that threads may share.
pub(crate) struct Design {
    pub(crate) grids: Vec<Grid>,
    pub(crate) dims: Option<[usize; 3]>,
    pub(crate) instructions: InstructionSet,
    /// Steps done at a time, 0 for stage by stage; none: the fastest.
    pub(crate) fuse: Option<usize>,
    /// Rows of a tile that steps are fused on; none: the fastest.
    pub(crate) tile_rows: Option<usize>,
    /// Bytes from which a piece of a halo is a message of its own, if it need not be packed.
    pub(crate) direct: usize,
    pub(crate) declarations: Vec<FieldDeclaration>,
    pub(crate) scalars: Vec<(String, f64)>,
    pub(crate) profiles: Vec<ProfileDeclaration>,
    pub(crate) vectors: Vec<[Option<usize>; 3]>,
    pub(crate) bags: Vec<(String, RecordType)>,
    pub(crate) sources: Vec<(String, SourceFactory)>,
    pub(crate) start: Vec<Item>,
    pub(crate) step: Vec<Item>,
    pub(crate) clock: Clock,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) stop: Option<Test>,
    pub(crate) end: f64,
}

/// Smaller pieces are sooner packed into one message than sent one by one.
const DIRECT: usize = 24 << 10;

impl Design {
    /// The fields that some stage writes, or that lie on walls whose values change.
    pub(crate) fn written(&self) -> BTreeSet<usize> {
        let mut stages = vec![];
        flatten(&self.start, &mut stages);
        flatten(&self.step, &mut stages);
        let moved =
            |d: &FieldDeclaration| d.location.axis().is_some() && d.boundaries.iter().flatten().any(|b| b.varies());
        let walls = self.declarations.iter().enumerate().filter(|(_, d)| moved(d)).map(|(f, _)| f);
        stages.iter().flat_map(|stage| stage.writes.iter().copied()).chain(walls).collect()
    }

    /// Gives a scalar a value. An adaptive step does not go beyond the end.
    pub(crate) fn set(&self, scalars: &mut [f64], id: usize, value: f64) {
        let cut = id == DT && self.clock == Clock::Adaptive;
        scalars[id] = if cut { value.min(self.end - scalars[TIME]) } else { value };
    }
}

impl Model {
    /// A model on one grid.
    pub fn new(comm: Comm, grid: Grid) -> Model {
        let mut model = Model::gridless(comm);
        model.design.grids.push(grid);
        model
    }

    /// A model without any grid: bags of records and scalars only.
    pub fn gridless(comm: Comm) -> Model {
        let design = Design {
            grids: vec![],
            dims: None,
            instructions: InstructionSet::best(),
            fuse: None,
            tile_rows: None,
            direct: DIRECT,
            declarations: vec![],
            scalars: vec![("time".into(), 0.0), ("dt".into(), 0.0)],
            profiles: vec![],
            vectors: vec![],
            bags: vec![],
            sources: vec![],
            start: vec![],
            step: vec![],
            clock: Clock::Steps,
            diagnostics: vec![],
            stop: None,
            end: f64::INFINITY,
        };
        Model { comm, design }
    }

    /// The communicator that the model runs on.
    pub fn comm(&self) -> &Comm {
        &self.comm
    }

    /// The first grid.
    ///
    /// # Panics
    /// If the model has none.
    pub fn grid(&self) -> &Grid {
        &self.design.grids[0]
    }

    /// Another grid, for fields that are declared [`FieldBuilder::on`] it.
    pub fn add_grid(&mut self, grid: Grid) -> GridId {
        self.design.grids.push(grid);
        GridId(self.design.grids.len() - 1)
    }

    /// The process grid, parts along z, y, x; the cheapest unless said otherwise.
    pub fn process_grid(&mut self, dims: [usize; 3]) {
        self.design.dims = Some(dims);
    }

    /// The instruction set of the kernels; the widest of the machine unless said otherwise. Results do not depend on it.
    pub fn instruction_set(&mut self, set: InstructionSet) {
        self.design.instructions = set;
    }

    /// How many steps are done at a time while a tile is in cache; the fastest, unless said otherwise. With 0 all stages
    /// pass over the whole grid, one after the other. Results do not depend on it.
    pub fn fuse(&mut self, steps: usize) {
        self.design.fuse = Some(steps);
    }

    /// How many rows a tile has that steps are fused on; the fastest, unless said otherwise. Results do not depend on it.
    pub fn tile_rows(&mut self, rows: usize) {
        self.design.tile_rows = Some(rows.max(1));
    }

    /// From how many bytes on whole planes of a halo are sent straight from memory to memory, rather than packed into one
    /// message with all else for the same rank. Results do not depend on it.
    pub fn direct(&mut self, bytes: usize) {
        self.design.direct = bytes;
    }

    /// Declares a field: see [`FieldBuilder`].
    pub fn field<T: Element>(&mut self, name: &str) -> FieldBuilder<'_, T> {
        FieldBuilder::new(self, name)
    }

    /// Declares that fields are the components of a vector along z, y, x (in the directions of indices), so that they
    /// turn with the blocks where these are joined with a rotation.
    pub fn vector<T: Element>(&mut self, components: [Option<Field<T>>; 3]) {
        let ids = components.map(|c| c.map(|f| f.id));
        for (axis, id) in ids.iter().enumerate() {
            if let Some(id) = id {
                self.design.declarations[*id].vector = Some((self.design.vectors.len(), axis));
            }
        }
        self.design.vectors.push(ids);
    }

    /// Declares a scalar.
    pub fn scalar(&mut self, name: &str, initial: f64) -> Scalar {
        self.design.scalars.push((name.into(), initial));
        Scalar { id: self.design.scalars.len() - 1 }
    }

    /// The simulated time in seconds, at the beginning of the step.
    pub fn time(&self) -> Scalar {
        Scalar { id: TIME }
    }

    /// The time step in seconds, as a scalar.
    pub fn dt(&self) -> Scalar {
        Scalar { id: DT }
    }

    /// Coefficients along an axis (0: z, 1: y, 2: x) as a function of the position of cell centres in metres. They may be
    /// read up to eight cells beyond the grid.
    pub fn profile<const AXIS: usize>(&mut self, f: impl Fn(f64) -> f64 + Send + Sync + 'static) -> Profile<AXIS> {
        self.profile_at(Location::Center, f)
    }

    /// The same at another location: with [`Location::face`] of the axis, on the lower faces.
    pub fn profile_at<const AXIS: usize>(
        &mut self,
        location: Location,
        f: impl Fn(f64) -> f64 + Send + Sync + 'static,
    ) -> Profile<AXIS> {
        self.design.profiles.push(ProfileDeclaration { axis: AXIS, location, value: Arc::new(f) });
        Profile { id: self.design.profiles.len() - 1 }
    }

    /// A bag of records, with no grid: rank `rank` of `size` begins with `filling(rank, size)`.
    pub fn bag<R: Record>(
        &mut self,
        name: &str,
        filling: impl Fn(usize, usize) -> Vec<R> + Send + Sync + 'static,
    ) -> Records<R> {
        self.design.bags.push((name.into(), RecordType::new(filling)));
        Records::handle(self.design.bags.len() - 1)
    }

    /// A source of records that arrive from outside; opened on the first rank only.
    pub fn source<S: Source + 'static>(
        &mut self,
        name: &str,
        open: impl Fn() -> Result<S> + Send + Sync + 'static,
    ) -> SourceId {
        self.design.sources.push((name.into(), Arc::new(move || Ok(Box::new(open()?) as Box<dyn Source>))));
        SourceId(self.design.sources.len() - 1)
    }

    /// Every step takes `dt` seconds. Returns it.
    pub fn fixed_step(&mut self, dt: f64) -> f64 {
        self.design.clock = Clock::Fixed(dt);
        self.design.scalars[DT].1 = dt;
        dt
    }

    /// The time step is a scalar that the schedule computes, in seconds; the last one is cut to end on time.
    pub fn adaptive_step(&mut self, first: f64) -> Scalar {
        self.design.clock = Clock::Adaptive;
        self.design.scalars[DT].1 = first;
        Scalar { id: DT }
    }

    /// What is done once, before the first step.
    pub fn at_start(&mut self, body: impl FnOnce(&mut Schedule)) {
        let mut schedule = Schedule::default();
        body(&mut schedule);
        self.design.start.append(&mut schedule.items);
    }

    /// The schedule of a time step.
    pub fn every_step(&mut self, body: impl FnOnce(&mut Schedule)) {
        let mut schedule = Schedule::default();
        body(&mut schedule);
        self.design.step.append(&mut schedule.items);
    }

    /// A number to report, by name.
    pub fn diagnose(&mut self, name: &str, what: impl Into<Measure>) {
        self.design.diagnostics.push(Diagnostic { name: name.into(), what: what.into() });
    }

    /// Ends the run once the test holds after a step.
    pub fn stop_when(&mut self, test: Test) {
        self.design.stop = Some(test);
    }

    /// Chooses process grid, halo depths and memory from the whole schedule, allocates, and fills fields with their first
    /// values. Collective.
    ///
    /// # Errors
    /// If the grid cannot be split over the ranks, or fields, files and stages do not fit together.
    pub fn compile(self) -> Result<Simulation> {
        Simulation::new(self)
    }

    /// The schedule as a list for people, a line a stage.
    pub fn describe_schedule(&self) -> Vec<String> {
        let mut lines = vec![];
        if !self.design.start.is_empty() {
            lines.push("at the start".into());
            self.describe_items(&self.design.start, 1, &mut lines);
        }
        lines.push("every step".into());
        self.describe_items(&self.design.step, 1, &mut lines);
        lines
    }

    fn describe_items(&self, items: &[Item], depth: usize, lines: &mut Vec<String>) {
        let pad = "  ".repeat(depth);
        let scalar = |id: usize| self.design.scalars[id].0.as_str();
        for item in items {
            match item {
                Item::Stage(stage) => {
                    let field = |id: &usize| self.design.declarations[*id].name.as_str();
                    let reads = stage.reads.iter().map(|(id, extent)| {
                        let far = extent.below.iter().chain(&extent.above).max().unwrap_or(&0);
                        let corners = if extent.corners { " with corners" } else { "" };
                        if *far == 0 { field(id).into() } else { format!("{} ±{far}{corners}", field(id)) }
                    });
                    let from: Vec<String> =
                        reads.chain(stage.scalars_read.iter().map(|&s| scalar(s).to_owned())).collect();
                    let to: Vec<&str> =
                        stage.writes.iter().map(field).chain(stage.scalar_written.map(scalar)).collect();
                    let from = if from.is_empty() { String::new() } else { format!("({})", from.join(", ")) };
                    let to = if to.is_empty() { String::new() } else { format!("{} ← ", to.join(", ")) };
                    lines.push(format!("{pad}{to}{}{from}", stage.name));
                }
                Item::Repeat(n, body) => {
                    lines.push(format!("{pad}repeat {n} times"));
                    self.describe_items(body, depth + 1, lines);
                }
                Item::Until(test, most, body) => {
                    lines.push(format!("{pad}until {} {}, at most {most} times", scalar(test.scalar), test.text));
                    self.describe_items(body, depth + 1, lines);
                }
                Item::Once(body) => {
                    lines.push(format!("{pad}the first time only"));
                    self.describe_items(body, depth + 1, lines);
                }
            }
        }
    }

    /// The declared fields.
    pub fn fields(&self) -> &[FieldDeclaration] {
        &self.design.declarations
    }

    /// Checks that stages and fields fit together.
    pub(crate) fn check(&self) -> Result<()> {
        let mut all = vec![];
        flatten(&self.design.start, &mut all);
        flatten(&self.design.step, &mut all);
        for stage in all {
            let same_place = !matches!(stage.work, crate::model::stage::Work::Transpose(_));
            let used: Vec<usize> = stage.reads.iter().map(|r| r.0).chain(stage.writes.iter().copied()).collect();
            for pair in used.windows(2) {
                let (a, b) = (&self.design.declarations[pair[0]], &self.design.declarations[pair[1]]);
                if same_place && (a.grid, a.whole) != (b.grid, b.whole) {
                    return Err(Error::input(format!(
                        "the stage `{}` uses `{}` and `{}`, which live on different grids or splits",
                        stage.name, a.name, b.name
                    ))
                    .remedy("copy one of them over with `transpose` first"));
                }
            }
            let mut writes = stage.writes.clone();
            writes.sort_unstable();
            writes.dedup();
            if writes.len() != stage.writes.len() {
                return Err(Error::input(format!("the stage `{}` writes a field twice", stage.name)));
            }
        }
        for (name, value) in &self.design.scalars {
            if !value.is_finite() {
                return Err(Error::input(format!("the scalar `{name}` begins as {value}")));
            }
        }
        if let Clock::Fixed(dt) = self.design.clock
            && (dt.is_nan() || dt <= 0.0)
        {
            return Err(Error::input(format!("the time step is {dt} s")).remedy("it must be larger than zero"));
        }
        Ok(())
    }
}

/// All stages of a list, loops unrolled once.
pub(crate) fn flatten<'a>(items: &'a [Item], all: &mut Vec<&'a Arc<crate::model::stage::Stage>>) {
    for item in items {
        match item {
            Item::Stage(stage) => all.push(stage),
            Item::Repeat(_, body) | Item::Until(_, _, body) | Item::Once(body) => flatten(body, all),
        }
    }
}

/// True if the operation reports where its value is.
pub(crate) fn has_place(op: Op) -> bool {
    matches!(op, Op::Max | Op::Min)
}
