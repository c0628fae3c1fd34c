//! Schedules as lists of operations: items, with the stages that are fused replaced by their group.
use crate::model::condition::Condition;
use crate::model::stage::StageId;

/// The number of a list in its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListId(pub usize);

/// The number of a fusion group in its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GroupId(pub usize);

/// One operation of a list.
#[derive(Clone)]
pub(crate) enum Op {
    /// Runs a stage.
    Stage(StageId),
    /// Runs stages that are fused.
    Group(GroupId),
    /// Runs a list a number of times.
    Repeat(usize, ListId),
    /// Runs a list until a condition holds after it, at most a number of times.
    Until(Condition, usize, ListId),
    /// Runs a list the first time only; lists of this kind are numbered in the order of the schedule.
    Once(usize, ListId),
}

/// Operations in their order.
#[derive(Clone, Default)]
pub(crate) struct List {
    pub ops: Vec<Op>,
    /// Bytes that all ranks together must move in one pass through the stages of the list, loops left out.
    pub bytes: u64,
}
