//! Stages: the entries of a schedule, as data.
use crate::base::index_transform::IndexTransform;
use crate::base::{Array, Region};
use crate::model::argument::BoundArgument;
use crate::model::condition::Condition;
use crate::model::handle::Use;
use crate::model::records::RecordWork;
use crate::model::reduction_op::Op;
use halocline_kernels::row::RowFn;
use halocline_kernels::{Extent, InstructionSet};
use std::sync::Arc;

/// A kernel that can be compiled for any instruction set.
pub(crate) type Compile = Arc<dyn Fn(InstructionSet) -> RowFn + Send + Sync>;
/// Work on one tile: arrays read, arrays written, the cells. Called for boxes that do not overlap, from several threads.
pub(crate) type TileFn = Arc<dyn Fn(&[&Array], &[&Array], Region) + Send + Sync>;
/// A new scalar from others, the same on every rank.
pub(crate) type ScalarFn = Arc<dyn Fn(&[f64]) -> f64 + Send + Sync>;
/// A new value of a cell from the old one and another number (a time, or a record's value).
pub(crate) type PointUpdate = Arc<dyn Fn(f64, f64) -> f64 + Send + Sync>;

/// A stage: what it reads and how far, what it writes, and the work.
#[derive(Clone)]
pub(crate) struct Stage {
    /// The name in `describe`, in reports and in messages.
    pub name: String,
    /// The handles that the stage was declared with.
    pub uses: Vec<Use>,
    /// Fields read, and how far.
    pub reads: Vec<(usize, Extent)>,
    /// Fields written. A field that is also read gets its next values from the present ones.
    pub writes: Vec<usize>,
    /// Scalars read.
    pub scalars_read: Vec<usize>,
    /// The scalar written.
    pub scalar_written: Option<usize>,
    /// What is done.
    pub work: Work,
}

impl Stage {
    /// True if the stage reads this field.
    pub fn reads_field(&self, field: usize) -> bool {
        self.reads.iter().any(|r| r.0 == field)
    }

    /// The arguments of the kernel, if the stage has one.
    pub fn arguments(&self) -> &[BoundArgument] {
        match &self.work {
            Work::Cells { arguments, .. } | Work::Reduce { arguments, .. } => arguments,
            _ => &[],
        }
    }

    /// A field that the stage works on: one that it writes, or one that it reads if it writes none.
    pub fn field(&self) -> Option<usize> {
        self.writes.first().copied().or(self.reads.first().map(|r| r.0))
    }
}

/// The kinds of work that a stage can be.
#[derive(Clone)]
pub(crate) enum Work {
    /// A kernel on all cells.
    Cells { kernel: Compile, arguments: Vec<BoundArgument> },
    /// One number from all cells: a kernel makes a double of each, the operation combines them.
    Reduce { kernel: Compile, arguments: Vec<BoundArgument>, op: Op },
    /// A scalar from scalars.
    Scalar(ScalarFn),
    /// Tiles as ndarray views.
    Tiles(TileFn),
    /// Whole lines along an axis, a box of lines at a time; fields are transposed to a split that leaves the axis whole,
    /// and back.
    Lines { axis: usize, lines: TileFn },
    /// A copy of all cells of the field read into the field written, with other axes.
    Transpose(IndexTransform),
    /// A change of one cell (block and index), as a function of its value and the time.
    Point { cell: (usize, [usize; 3]), update: PointUpdate },
    /// Changes of cells by records that have arrived from a source.
    Receive { source: usize, update: PointUpdate },
    /// Work on records, with no grid.
    Records { records: usize, work: RecordWork },
}

/// The number of a stage in its model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StageId(pub usize);

/// An item of a schedule: a stage, or a loop over items.
#[derive(Clone)]
pub(crate) enum Item {
    /// A stage.
    Stage(StageId),
    /// Items done a number of times.
    Repeat(usize, Vec<Item>),
    /// Items done until a condition holds after them, at most a number of times.
    Until(Condition, usize, Vec<Item>),
    /// Items done the first time only.
    Once(Vec<Item>),
}
