//! Compiled schedules: lists of operations, in which fusion groups replace the stages that are fused.
use crate::model::condition::Condition;
use crate::model::stage::StageId;

/// The index of a list in its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListId(pub usize);

/// The index of a fusion group in its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GroupId(pub usize);

/// One operation of a list.
#[derive(Clone)]
pub(crate) enum Op {
    /// Runs a stage.
    Stage(StageId),
    /// Runs a fusion group.
    Group(GroupId),
    /// Runs a list a number of times.
    Repeat(usize, ListId),
    /// Runs a list until a condition holds after it, at most a number of times.
    Until(Condition, usize, ListId),
    /// Runs a list the first time only; lists of this kind are numbered in the order of the schedule.
    Once(usize, ListId),
}

/// A list of operations, in the order in which they run.
#[derive(Clone, Default)]
pub(crate) struct List {
    pub ops: Vec<Op>,
    /// Bytes that all ranks together must read or write in one pass over the stages of the list, without loops.
    pub bytes: u64,
}
