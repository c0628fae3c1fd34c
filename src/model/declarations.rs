//! The declarations of a model, as plain data with index ids. They contain no cells of fields, and threads may share
//! them.
use crate::base::Error;
use crate::model::axis::AxisDescription;
use crate::model::condition::{Condition, FailureCondition};
use crate::model::field::FieldDeclaration;
use crate::model::grid::Grid;
use crate::model::handle::{ModelId, Scalar, Use};
use crate::model::location::Location;
use crate::model::measure::{Diagnostic, Measure};
use crate::model::records::RecordDeclaration;
use crate::model::series::Recorded;
use crate::model::source::SourceFactory;
use crate::model::stage::{Item, Stage, StageId, Work};
use halocline_kernels::InstructionSet;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

/// How simulated time advances.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Clock {
    /// No time: steps only.
    Steps,
    /// A fixed time step in seconds: the time after n steps is n times this number.
    Fixed(f64),
    /// The time advances by the scalar dt in every step.
    Adaptive,
}

/// The declaration of a profile: its axis, its location, and a function of the position along the axis in metres.
#[derive(Clone)]
pub(crate) struct ProfileDeclaration {
    pub axis: usize,
    pub location: Location,
    pub value: Arc<dyn Fn(f64) -> f64 + Send + Sync>,
}

/// Parts of a halo with fewer bytes are packed into one message per rank.
const DIRECT: usize = 24 << 10;

/// The declarations of a model.
pub(crate) struct Declarations {
    /// The identity of the model, which all its handles contain.
    pub(crate) id: ModelId,
    pub(crate) grids: Vec<Grid>,
    /// The axes of the first grid in output files.
    pub(crate) axes: [AxisDescription; 3],
    /// The process grid; the one with the lowest cost if `None`.
    pub(crate) dims: Option<[usize; 3]>,
    pub(crate) instructions: InstructionSet,
    /// The number of fused steps, 0 for no fusion; the fastest if `None`.
    pub(crate) fuse: Option<usize>,
    /// The number of rows of a tile on which steps are fused; the fastest if `None`.
    pub(crate) tile_rows: Option<usize>,
    /// The minimum number of bytes of a contiguous part of a halo that is a message of its own.
    pub(crate) direct: usize,
    pub(crate) fields: Vec<FieldDeclaration>,
    /// Names and initial values of scalars.
    pub(crate) scalars: Vec<(String, f64)>,
    /// Scalars outside the state hash.
    pub(crate) diagnostic_scalars: Vec<usize>,
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
    /// Derived quantities: their fields, and the stages that compute them.
    pub(crate) outputs: Vec<(usize, Stage)>,
    /// The columns of the series.
    pub(crate) series: Vec<Recorded>,
    pub(crate) stop: Option<Condition>,
    /// The directory that relative paths of input files start from; none for the current directory.
    pub(crate) directory: Option<PathBuf>,
    /// The condition under which the run fails.
    pub(crate) failure: Option<FailureCondition>,
    /// Errors of invalid declarations; compiling a program reports the first.
    pub(crate) refused: Vec<Error>,
}

impl Declarations {
    /// Declarations with only the scalars of the time and the time step.
    pub(crate) fn new() -> Declarations {
        Declarations {
            id: ModelId::new(),
            grids: vec![],
            axes: AxisDescription::defaults(),
            dims: None,
            instructions: InstructionSet::best(),
            fuse: None,
            tile_rows: None,
            direct: DIRECT,
            fields: vec![],
            scalars: vec![("time".into(), 0.0), ("dt".into(), 0.0)],
            diagnostic_scalars: vec![],
            profiles: vec![],
            vectors: vec![],
            records: vec![],
            sources: vec![],
            stages: vec![],
            start: vec![],
            step: vec![],
            clock: Clock::Steps,
            diagnostics: vec![],
            outputs: vec![],
            series: vec![],
            stop: None,
            directory: None,
            failure: None,
            refused: vec![],
        }
    }

    /// Returns the quantities that diagnostics and the series measure.
    pub(crate) fn measures(&self) -> impl Iterator<Item = &Measure> {
        let diagnostics = self.diagnostics.iter().map(|diagnostic| &diagnostic.what);
        diagnostics.chain(self.series.iter().map(|recorded| &recorded.what))
    }

    /// Returns the handle of a scalar.
    pub(crate) fn scalar(&self, id: usize) -> Scalar {
        Scalar { id, model: self.id }
    }

    /// Returns the grid of a field.
    pub(crate) fn grid_of(&self, field: usize) -> &Grid {
        &self.grids[self.fields[field].grid]
    }

    /// Returns true if the handle was declared by this model with the same type.
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

    /// Returns the fields whose boundary values may change with time while the field does not.
    pub(crate) fn varying(&self) -> impl Iterator<Item = usize> {
        self.fields.iter().enumerate().filter(|(_, d)| d.varies()).map(|(f, _)| f)
    }

    /// Returns the fields of the state that some stage writes, or that have values on boundaries that change with time.
    pub(crate) fn written(&self) -> BTreeSet<usize> {
        let on_boundaries = self.varying().filter(|&f| self.fields[f].location != Location::Center);
        self.stages
            .iter()
            .flat_map(|stage| stage.writes.iter().copied())
            .chain(on_boundaries)
            .filter(|&f| !self.fields[f].derived)
            .collect()
    }

    /// Returns the bytes that all ranks together must read or write in one pass over these stages. Each
    /// input field and each output field counts once.
    pub(crate) fn bytes_of_stages(&self, stages: impl IntoIterator<Item = StageId>) -> u64 {
        let (mut reads, mut writes) = (BTreeSet::new(), BTreeSet::new());
        for stage in stages.into_iter().map(|id| &self.stages[id.0]) {
            // A point update or a received record changes single cells only.
            if !matches!(stage.work, Work::Point { .. } | Work::Receive { .. }) {
                reads.extend(stage.reads.iter().map(|r| r.0));
                writes.extend(stage.writes.iter().copied());
            }
        }
        reads.iter().chain(&writes).map(|&f| self.bytes_of_field(f)).sum()
    }

    /// Returns the bytes that all ranks together must read or write in one pass over a list of items, without loops.
    pub(crate) fn bytes_of_items(&self, items: &[Item]) -> u64 {
        self.bytes_of_stages(items.iter().filter_map(|item| if let Item::Stage(id) = item { Some(*id) } else { None }))
    }

    /// Returns the bytes of a field over all ranks, without halos.
    pub(crate) fn bytes_of_field(&self, field: usize) -> u64 {
        self.fields[field].element.size() as u64 * self.grid_of(field).total_cells()
    }
}
