//! Stage instances: each stage of each step of a block, with the values that it reads and writes.
use crate::model::reduction_op::Op;
use crate::model::stage::StageId;
use crate::program::fusion::slot::Slot;
use halocline_kernels::Extent;

/// The origin of a field that an instance reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The field in memory, as it was before the block.
    Memory,
    /// The value of this index, which an instance of the block writes.
    Value(usize),
}

/// A value of a field that an instance of a block writes.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub field: usize,
    /// The index of the instance that writes the value.
    pub instance: usize,
    /// The slot of the value in a ring buffer; `None` if no instance of the block reads it.
    pub slot: Option<Slot>,
    /// The union of the extents at which it is read, which is also the depth of the boundary fill.
    pub extent: Extent,
    /// The position of its first reader in the list of all stages of the block: the time of the boundary fill.
    pub first_read: usize,
}

/// A stage of one of the steps of a block.
#[derive(Clone)]
pub(crate) struct Instance {
    pub stage: StageId,
    /// The field that the instance writes, or a field that it reads if it writes none.
    pub field: Option<usize>,
    /// The operation of a reduction; `None` for other stages.
    pub op: Option<Op>,
    /// The stencil extents of the arguments that are fields.
    pub extents: Vec<Extent>,
    /// The position in the list of all stages of all steps of the block.
    pub position: usize,
    /// The fields that the instance reads and their origins, in the order of the arguments that are fields.
    pub from: Vec<(usize, Origin)>,
    /// The values that the instance writes, in the order of the outputs of the kernel.
    pub outputs: Vec<usize>,
    /// The number of planes behind the wavefront.
    pub skew: isize,
    /// The group: consecutive instances of one group run side by side through a plane.
    pub group: usize,
    /// The number of rows behind the first instance of the group.
    pub row_skew: isize,
    /// Cells that the instance computes beyond its tile along z and y, below and above.
    pub overlap: [[isize; 2]; 2],
    /// Point updates of an output before its first read: index of the output, position of the update, stage.
    pub points: Vec<(usize, usize, StageId)>,
}
