//! The sections of a job file. The descriptions here are what `halocline describe` prints; a unit stands in brackets at the end.
#![allow(rustdoc::broken_intra_doc_links)] // `[m]` is a unit here

use super::axes;
use super::span::{Cadence, Span, Wall, WallCadence};
use crate::base::Region;
use halocline_kernels::ElementType;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;
use std::time::Duration;

/// `[grid]`: the cells and where they lie.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GridSection {
    /// kind of grid
    #[serde(default)]
    pub kind: GridKind,
    /// cells along each axis; two numbers are [y, x], one is [x], and a missing axis is flat: it has one cell
    #[serde(deserialize_with = "axes::cells")]
    #[schemars(schema_with = "axes::counts_schema")]
    pub cells: [usize; 3],
    /// length of the whole grid along each axis; by default the longest axis has length 1 and cells are cubes [m]
    #[serde(default = "axes::not_given", deserialize_with = "axes::numbers")]
    #[schemars(schema_with = "axes::lengths_schema")]
    pub length: [f64; 3],
    /// the low corner of the grid; by default 0 [m]
    #[serde(default = "axes::not_given", deserialize_with = "axes::numbers")]
    #[schemars(schema_with = "axes::numbers_schema")]
    pub origin: [f64; 3],
    /// whether each axis closes on itself, one value for all axes or a list; by default none does
    #[serde(default, deserialize_with = "axes::flags", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "axes::flags_schema")]
    pub periodic: Option<[bool; 3]>,
}

/// The kind of grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GridKind {
    /// a Cartesian box of equal cells
    #[default]
    Box,
}

/// `[time]`: when the run ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeSection {
    /// when the run ends, such as "40 step" or "5 day"
    pub end: Span,
}

/// `[engine]`: how the steps are computed. Only `element` changes results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EngineSection {
    /// the numbers that fields are made of
    pub element: Float,
    /// steps computed at a time while a tile is in cache; "auto" measures and chooses
    pub fuse: Fuse,
    /// vector instructions; "auto" takes the widest that this machine has
    pub instruction_set: InstructionSet,
    /// how often fields are searched for NaN and infinity
    pub check_every: Cadence,
}

impl Default for EngineSection {
    fn default() -> EngineSection {
        EngineSection {
            element: Float::F64,
            fuse: Fuse::Auto,
            instruction_set: InstructionSet::Auto,
            check_every: Cadence::Steps(100),
        }
    }
}

/// A floating-point type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Float {
    /// double precision
    #[default]
    F64,
    /// single precision
    F32,
}

impl Float {
    /// The same as an element type.
    pub fn element_type(self) -> ElementType {
        match self {
            Float::F64 => ElementType::F64,
            Float::F32 => ElementType::F32,
        }
    }
}

/// Steps computed in one pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fuse {
    /// as many as are fastest here
    #[default]
    Auto,
    /// so many
    #[serde(untagged)]
    Steps(NonZeroUsize),
}

/// Vector instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InstructionSet {
    /// the widest that this machine has
    #[default]
    Auto,
    /// what every machine of this architecture has
    Baseline,
    /// 256 bits
    Avx2,
    /// 512 bits
    Avx512,
}

/// `[parallel]`: how the grid is split.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ParallelSection {
    /// ranks along each axis, as in `grid.cells`; by default the split that is cheapest to exchange
    #[serde(deserialize_with = "axes::ranks", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "axes::counts_schema")]
    pub ranks: Option<[usize; 3]>,
}

/// `[output.NAME]`: a stream, written to `NAME.h5`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamSection {
    /// how often an instant is written, such as "10 step", "6 h" or "never"
    pub every: Cadence,
    /// names of the fields to write; by default all
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub fields: Option<Vec<String>>,
    /// the part of the grid to write; by default all
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<RegionSection>,
    /// positions to write instead of whole fields (receivers, stations), each as in `grid.origin` [m]
    #[serde(default, deserialize_with = "axes::points", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "axes::points_schema")]
    pub points: Option<Vec<[f64; 3]>>,
    /// the numbers in the file
    #[serde(default)]
    pub element: StreamElement,
    /// what is written for an interval of `every`
    #[serde(default)]
    pub reduce: Reduction,
    /// wall time after which the open segment is closed for good and can be read; "0 s" closes one at each instant
    #[serde(default = "one_minute")]
    pub seal: Wall,
    /// whether pictures are drawn too; by default only for the stream `fields`
    #[serde(default)]
    pub picture: bool,
}

fn one_minute() -> Wall {
    Wall(Duration::from_secs(60))
}

/// Ranges of cell indices, `[first, one past the last]`; an axis without one is taken whole.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RegionSection {
    /// range along z: first cell, one past the last
    #[serde(skip_serializing_if = "Option::is_none")]
    pub z: Option<[usize; 2]>,
    /// range along y
    #[serde(skip_serializing_if = "Option::is_none")]
    pub y: Option<[usize; 2]>,
    /// range along x
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x: Option<[usize; 2]>,
}

impl RegionSection {
    /// The cells of a grid of this size that are in it.
    pub fn within(&self, cells: [usize; 3]) -> Region {
        let ranges = [self.z, self.y, self.x];
        let ends: [[usize; 2]; 3] = std::array::from_fn(|axis| ranges[axis].unwrap_or([0, cells[axis]]));
        Region::new(ends.map(|end| end[0] as isize), ends.map(|end| end[1] as isize))
    }
}

/// The numbers in an output file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StreamElement {
    /// as in the run
    #[default]
    Same,
    /// single precision
    F32,
    /// double precision
    F64,
}

/// What is written for an interval between two instants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Reduction {
    /// the values at its end
    #[default]
    Instant,
    /// the mean over its steps
    Mean,
    /// the largest value
    Max,
    /// the smallest value
    Min,
}

/// `[checkpoint]`: what a run that was cut short can go on from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CheckpointSection {
    /// how often the state is saved, and at the end; a signal that stops the run saves it in any case
    pub every: Cadence,
    /// wall time after which the state is saved if it was not in between, or "never"
    pub wall: WallCadence,
    /// how many checkpoints are kept, the newest ones
    #[schemars(range(min = 1))]
    pub keep: NonZeroUsize,
}

impl Default for CheckpointSection {
    fn default() -> CheckpointSection {
        let keep = const { NonZeroUsize::new(2).expect("not zero") };
        CheckpointSection { every: Cadence::Never, wall: WallCadence::Every(Duration::from_secs(3600)), keep }
    }
}

/// `[replica]`: the state in the memory of nodes, from which a run goes on that lost a rank or a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReplicaSection {
    /// how often each rank's part of the state is kept in the memory of its node and of another one
    pub every: Cadence,
    /// wall time after which it is kept if it was not in between, or "never"
    pub wall: WallCadence,
}

impl Default for ReplicaSection {
    fn default() -> ReplicaSection {
        ReplicaSection { every: Cadence::Never, wall: WallCadence::Never }
    }
}

impl ReplicaSection {
    /// True if the state is kept in memory at all.
    pub fn is_on(&self) -> bool {
        *self != ReplicaSection::default()
    }
}
