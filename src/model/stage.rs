//! Stages: the entries of a schedule, as data.
use crate::base::index_transform::IndexTransform;
use crate::base::{Array, Region};
use crate::model::argument::BoundArgument;
use crate::model::condition::Condition;
use crate::model::handle::Use;
use crate::model::records::RecordWork;
use crate::model::reduction_op::Op;
use halocline_kernels::expr::LayoutError;
use halocline_kernels::row::RowFn;
use halocline_kernels::{Extent, InstructionSet};
use std::panic::Location;
use std::sync::Arc;

/// A function that returns the row function of a kernel for an instruction set.
pub(crate) type Compile = Arc<dyn Fn(InstructionSet) -> RowFn + Send + Sync>;
/// A function on one tile: input arrays, output arrays, cells. The engine calls it for regions that do not overlap,
/// from several threads.
pub(crate) type TileFn = Arc<dyn Fn(&[&Array], &[&Array], Region) + Send + Sync>;
/// A function that computes a scalar from all scalars, with the same result on every rank.
pub(crate) type ScalarFn = Arc<dyn Fn(&[f64]) -> f64 + Send + Sync>;
/// A function that computes a new value of a cell from the old value and another number (a time, or the value of a
/// record).
pub(crate) type PointUpdate = Arc<dyn Fn(f64, f64) -> f64 + Send + Sync>;

/// A stage: its inputs with their stencil extents, its outputs, and its work.
#[derive(Clone)]
pub(crate) struct Stage {
    /// The name in `describe`, reports and messages.
    pub name: String,
    /// The handles that the stage was declared with.
    pub uses: Vec<Use>,
    /// Input fields with their stencil extents.
    pub reads: Vec<(usize, Extent)>,
    /// Output fields. If a field is also an input, the stage reads its old values in all cells.
    pub writes: Vec<usize>,
    /// Input scalars.
    pub scalars_read: Vec<usize>,
    /// The output scalar.
    pub scalar_written: Option<usize>,
    /// Why the stage cannot be executed, if its expressions exceed a limit.
    pub refused: Option<LayoutError>,
    /// The time at which boundary values that the stage reads are taken, in time steps after the beginning of the step: that of
    /// a stage of an integrator, else 0.
    pub steps_after: f64,
    /// The line of the source that declares the stage, if it is in a schedule.
    pub place: Option<&'static Location<'static>>,
    /// The work.
    pub work: Work,
}

impl Stage {
    /// A stage without inputs and outputs.
    pub fn new(name: String, work: Work) -> Stage {
        Stage {
            name,
            uses: vec![],
            reads: vec![],
            writes: vec![],
            scalars_read: vec![],
            scalar_written: None,
            refused: None,
            steps_after: 0.0,
            place: None,
            work,
        }
    }

    /// Returns true if the stage reads this field.
    pub fn reads_field(&self, field: usize) -> bool {
        self.reads.iter().any(|r| r.0 == field)
    }

    /// Returns the arguments of the kernel; none if the stage has no kernel.
    pub fn arguments(&self) -> &[BoundArgument] {
        match &self.work {
            Work::Cells { arguments, .. } | Work::Reduce { arguments, .. } => arguments,
            _ => &[],
        }
    }

    /// Returns the first output field, or the first input field if the stage has no output field.
    pub fn field(&self) -> Option<usize> {
        self.writes.first().copied().or(self.reads.first().map(|r| r.0))
    }
}

/// The work of a stage.
#[derive(Clone)]
pub(crate) enum Work {
    /// Applies a kernel to all cells.
    Cells { kernel: Compile, arguments: Vec<BoundArgument> },
    /// Reduces all cells to one number: the kernel computes an `f64` for each cell, and the operation combines them.
    Reduce { kernel: Compile, arguments: Vec<BoundArgument>, op: Op },
    /// Computes a scalar from scalars.
    Scalar(ScalarFn),
    /// Calls a function on tiles as ndarray views.
    Tiles(TileFn),
    /// Calls a function on regions of whole lines along an axis. If the axis is cut, fields are transposed to a
    /// decomposition that does not cut it, and back.
    Lines { axis: usize, lines: TileFn },
    /// Copies all cells of the input field into the output field, with permuted axes.
    Transpose(IndexTransform),
    /// Changes one cell (block and index), as a function of its value and the time.
    Point { cell: (usize, [usize; 3]), update: PointUpdate },
    /// Applies records of a source to cells.
    Receive { source: usize, update: PointUpdate },
    /// Works on a set of records, which has no grid.
    Records { records: usize, work: RecordWork },
}

/// The index of a stage in its model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StageId(pub usize);

/// An item of a schedule: a stage, or a loop over items.
#[derive(Clone)]
pub(crate) enum Item {
    /// A stage.
    Stage(StageId),
    /// Items that run a number of times.
    Repeat(usize, Vec<Item>),
    /// Items that run until a condition holds, at most a number of times.
    Until(Condition, usize, Vec<Item>),
    /// Items that run the first time only.
    Once(Vec<Item>),
}
