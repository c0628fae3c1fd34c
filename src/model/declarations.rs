//! All that a model declares, as plain data with index ids: threads may share it, and nothing in it is memory of cells.
use crate::base::Error;
use crate::model::condition::Condition;
use crate::model::field::FieldDeclaration;
use crate::model::grid::{Grid, Location};
use crate::model::handle::{DT, ModelId, Scalar, TIME, Use};
use crate::model::records::RecordDeclaration;
use crate::model::reduction::Reduction;
use crate::model::source::SourceFactory;
use crate::model::stage::{Item, Stage, StageId, Work};
use halocline_kernels::InstructionSet;
use std::collections::BTreeSet;
use std::sync::Arc;

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
    Reduction(Box<Reduction>),
    /// A scalar.
    Scalar(Scalar),
}
impl From<Reduction> for Measure {
    fn from(r: Reduction) -> Measure {
        Measure::Reduction(Box::new(r))
    }
}
impl From<Scalar> for Measure {
    fn from(s: Scalar) -> Measure {
        Measure::Scalar(s)
    }
}

/// Pieces of a halo smaller than this are packed into one message rather than sent one by one.
const DIRECT: usize = 24 << 10;

/// What a model declares.
pub(crate) struct Declarations {
    /// The identity that all handles of the model carry.
    pub(crate) id: ModelId,
    pub(crate) grids: Vec<Grid>,
    /// The process grid; the cheapest if `None`.
    pub(crate) dims: Option<[usize; 3]>,
    pub(crate) instructions: InstructionSet,
    /// Steps done at a time, 0 for stage by stage; the fastest if `None`.
    pub(crate) fuse: Option<usize>,
    /// Rows of a tile that steps are fused on; the fastest if `None`.
    pub(crate) tile_rows: Option<usize>,
    /// Bytes from which a piece of a halo is a message of its own, if it need not be packed.
    pub(crate) direct: usize,
    pub(crate) fields: Vec<FieldDeclaration>,
    /// Names and first values.
    pub(crate) scalars: Vec<(String, f64)>,
    pub(crate) profiles: Vec<ProfileDeclaration>,
    /// Fields that are the components of a vector along z, y, x.
    pub(crate) vectors: Vec<[Option<usize>; 3]>,
    pub(crate) records: Vec<RecordDeclaration>,
    pub(crate) sources: Vec<(String, SourceFactory)>,
    /// All stages, in the order in which they were declared.
    pub(crate) stages: Vec<Stage>,
    pub(crate) start: Vec<Item>,
    pub(crate) step: Vec<Item>,
    pub(crate) clock: Clock,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) stop: Option<Condition>,
    /// Declarations that were refused when they were made; a program reports the first.
    pub(crate) refused: Vec<Error>,
}

impl Declarations {
    /// Nothing but the scalars for the time and the time step.
    pub(crate) fn new() -> Declarations {
        Declarations {
            id: ModelId::new(),
            grids: vec![],
            dims: None,
            instructions: InstructionSet::best(),
            fuse: None,
            tile_rows: None,
            direct: DIRECT,
            fields: vec![],
            scalars: vec![("time".into(), 0.0), ("dt".into(), 0.0)],
            profiles: vec![],
            vectors: vec![],
            records: vec![],
            sources: vec![],
            stages: vec![],
            start: vec![],
            step: vec![],
            clock: Clock::Steps,
            diagnostics: vec![],
            stop: None,
            refused: vec![],
        }
    }

    /// The scalar of an id.
    pub(crate) fn scalar(&self, id: usize) -> Scalar {
        Scalar { id, model: self.id }
    }

    /// The grid that a field lives on.
    pub(crate) fn grid_of(&self, field: usize) -> &Grid {
        &self.grids[self.fields[field].grid]
    }

    /// True if the handle is one of this model, with the type that it was declared with.
    pub(crate) fn owns(&self, handle: Use) -> bool {
        use crate::model::handle::Used;
        let of_type = match handle.what {
            Used::Field(element) => self.fields.get(handle.id).is_some_and(|f| f.element == element),
            Used::Scalar => handle.id < self.scalars.len(),
            Used::Profile(axis) => self.profiles.get(handle.id).is_some_and(|p| p.axis == axis),
            Used::Records(record) => self.records.get(handle.id).is_some_and(|r| r.record == record),
            Used::Source => handle.id < self.sources.len(),
        };
        handle.model == self.id && of_type
    }

    /// The fields that some stage writes, or that have values on boundaries that change with time.
    pub(crate) fn written(&self) -> BTreeSet<usize> {
        let varies = |d: &FieldDeclaration| d.boundaries.iter().flatten().any(|b| b.varies());
        let moved = |d: &FieldDeclaration| d.location.axis().is_some() && varies(d);
        let on_boundaries = self.fields.iter().enumerate().filter(|(_, d)| moved(d)).map(|(f, _)| f);
        self.stages.iter().flat_map(|stage| stage.writes.iter().copied()).chain(on_boundaries).collect()
    }

    /// Bytes that all ranks together must move in one pass through these stages: every field read or written once.
    pub(crate) fn bytes_of_stages(&self, stages: impl IntoIterator<Item = StageId>) -> u64 {
        let (mut reads, mut writes) = (BTreeSet::new(), BTreeSet::new());
        for stage in stages.into_iter().map(|id| &self.stages[id.0]) {
            // A point or a record is a cell.
            if !matches!(stage.work, Work::Point { .. } | Work::Receive { .. }) {
                reads.extend(stage.reads.iter().map(|r| r.0));
                writes.extend(stage.writes.iter().copied());
            }
        }
        reads.iter().chain(&writes).map(|&f| self.bytes_of_field(f)).sum()
    }

    /// The same for the stages of a list of items, loops left out.
    pub(crate) fn bytes_of_items(&self, items: &[Item]) -> u64 {
        self.bytes_of_stages(items.iter().filter_map(|item| if let Item::Stage(id) = item { Some(*id) } else { None }))
    }

    /// Bytes of a whole field, without halos.
    pub(crate) fn bytes_of_field(&self, field: usize) -> u64 {
        self.fields[field].element.size() as u64 * self.grid_of(field).total_cells()
    }

    /// Gives a scalar a value. An adaptive time step does not go beyond `end`, in seconds.
    pub(crate) fn set_scalar(&self, scalars: &mut [f64], id: usize, value: f64, end: f64) {
        let cut = id == DT && self.clock == Clock::Adaptive;
        scalars[id] = if cut { value.min(end - scalars[TIME]) } else { value };
    }
}
