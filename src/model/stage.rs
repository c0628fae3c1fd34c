//! Stages: the entries of a schedule, as data.
use crate::base::Array;
use crate::base::Region;
use crate::base::Result;
use crate::base::index_transform::IndexTransform;
use crate::comm::Comm;
use crate::engine::bags::RecordStore;
use crate::model::arguments::Bound;
use crate::model::reduction::Op;
use halocline_kernels::row::RowFn;
use halocline_kernels::{Extent, InstructionSet};
use std::fmt;
use std::sync::Arc;

/// A kernel that can be compiled for any instruction set.
pub type Compile = Arc<dyn Fn(InstructionSet) -> RowFn + Send + Sync>;
/// Works on one tile: arrays read, arrays written, the cells. Called for boxes that do not overlap, from several threads.
pub type TileFn = Arc<dyn Fn(&[&Array], &[&Array], Region) + Send + Sync>;
/// New scalars from old ones, the same on every rank.
pub type ScalarFn = Arc<dyn Fn(&[f64]) -> f64 + Send + Sync>;
/// A new value of a cell from the old one and another number (a time, or a record's value).
pub type PointUpdate = Arc<dyn Fn(f64, f64) -> f64 + Send + Sync>;
/// Works on the bags of a rank, with messages.
pub type BagFn = Arc<dyn Fn(&Comm, &mut RecordStore) -> Result<()> + Send + Sync>;

/// One entry of a schedule: what it reads and how far, what it writes, and the work.
#[derive(Clone)]
pub struct Stage {
    /// For people: in `describe`, in reports and in messages.
    pub name: String,
    /// Fields read, and how far.
    pub reads: Vec<(usize, Extent)>,
    /// Fields written. One that is also read becomes the next from the present.
    pub writes: Vec<usize>,
    /// Scalars read.
    pub scalars_read: Vec<usize>,
    /// The scalar written.
    pub scalar_written: Option<usize>,
    /// What is done.
    pub work: Work,
}

/// The kinds of work that a stage can be.
#[derive(Clone)]
pub enum Work {
    /// A kernel on all cells.
    Cells {
        /// The kernel.
        kernel: Compile,
        /// Its arguments.
        bound: Vec<Bound>,
    },
    /// One number from all cells: a kernel makes a double of each, the operation combines them.
    Reduce {
        /// The kernel.
        kernel: Compile,
        /// Its arguments.
        bound: Vec<Bound>,
        /// How they are combined.
        op: Op,
    },
    /// A scalar from scalars.
    Scalar(ScalarFn),
    /// Tiles as ndarray views.
    Tiles(TileFn),
    /// Whole lines along an axis; fields are transposed to a split that leaves the axis whole, and back.
    Lines {
        /// The axis.
        axis: usize,
        /// Works on a box of whole lines.
        lines: TileFn,
    },
    /// All cells of the field read go into the field written, turned.
    Transpose(IndexTransform),
    /// One cell is changed, as a function of its value and the time.
    Point {
        /// Block and index.
        cell: (usize, [usize; 3]),
        /// The new value.
        mix: PointUpdate,
    },
    /// Records that have arrived from a source change cells.
    Receive {
        /// Which source.
        source: usize,
        /// The new value from the old one and the record's.
        mix: PointUpdate,
    },
    /// Bags of records, with no grid.
    RecordStore(BagFn),
}

/// When a loop ends.
#[derive(Clone)]
pub struct Test {
    /// The scalar that is looked at.
    pub scalar: usize,
    /// True to end.
    pub holds: Arc<dyn Fn(f64) -> bool + Send + Sync>,
    /// For people: `< 1e-8`.
    pub text: String,
}

impl crate::model::field::Scalar {
    /// Holds once the scalar is smaller than `limit`.
    pub fn below(self, limit: f64) -> Test {
        Test { scalar: self.id, holds: Arc::new(move |v| v < limit), text: format!("< {limit:e}") }
    }

    /// Holds once the scalar is larger than `limit`.
    pub fn above(self, limit: f64) -> Test {
        Test { scalar: self.id, holds: Arc::new(move |v| v > limit), text: format!("> {limit:e}") }
    }
}

/// An item of a schedule: a stage, or a loop over items.
#[derive(Clone)]
pub enum Item {
    /// A stage.
    Stage(Arc<Stage>),
    /// Items done a number of times.
    Repeat(usize, Vec<Item>),
    /// Items done until a test holds after them, at most a number of times.
    Until(Test, usize, Vec<Item>),
    /// Items done the first time only.
    Once(Vec<Item>),
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Item::Stage(stage) => write!(f, "{}", stage.name),
            Item::Repeat(n, body) => write!(f, "repeat {n} {body:?}"),
            Item::Until(test, most, body) => write!(f, "until {} (at most {most}) {body:?}", test.text),
            Item::Once(body) => write!(f, "once {body:?}"),
        }
    }
}
