//! Instances of stages: each stage of each step of a block, with the values that it reads and makes.
use crate::model::reduction_op::Op;
use crate::model::stage::StageId;
use crate::program::fusion::slot::Slot;
use halocline_kernels::Extent;

/// Where a stage finds a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// In memory, as it was before the block.
    Memory,
    /// As a instance of the block has made it.
    Value(usize),
}

/// A field as some instance makes it.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub field: usize,
    /// The instance that makes it.
    pub instance: usize,
    /// Where it lives; nowhere if nobody in the block reads it.
    pub slot: Option<Slot>,
    /// How far it is read beyond walls.
    pub extent: Extent,
    /// When its readers look beyond walls: a moment of the block.
    pub seen: usize,
}

/// A stage of one of the steps.
#[derive(Clone)]
pub(crate) struct Instance {
    pub stage: StageId,
    /// The field that it writes, or reads if it writes none.
    pub field: Option<usize>,
    /// How it combines the numbers of all cells, if it is a reduction.
    pub op: Option<Op>,
    /// How far it reads the arguments that are fields.
    pub extents: Vec<Extent>,
    /// Its place in the list of all stages of all steps.
    pub moment: usize,
    /// What it reads, in the order of its arguments that are fields.
    pub from: Vec<(usize, Origin)>,
    /// What it makes, in the order of its outputs.
    pub makes: Vec<usize>,
    /// Planes behind the front.
    pub skew: isize,
    /// Instances of one group go through a plane together.
    pub group: usize,
    /// Rows behind the first of its group.
    pub row_skew: isize,
    /// Cells beyond the tile along z and y, below and above.
    pub overlap: [[isize; 2]; 2],
    /// Single cells that later stages change before anyone has read them: output, moment, stage.
    pub points: Vec<(usize, usize, StageId)>,
}
