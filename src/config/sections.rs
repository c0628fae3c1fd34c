//! The sections of a job file. `halocline describe` prints the doc comments of the fields; a unit stands in brackets at the end.
#![allow(rustdoc::broken_intra_doc_links)] // `[m]` is a unit here

use super::date::ReferenceDate;
use super::duration::{Cadence, SimulatedDuration, WallCadence, WallTime};
use super::{axes, element};
use crate::base::Region;
use halocline_kernels::ElementType;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;
use std::time::Duration;

/// `[grid]`: the number of cells and their positions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GridSection {
    /// kind of grid
    #[serde(default)]
    pub kind: GridKind,
    /// cells along each axis; two numbers are [y, x], one is [x]; a missing axis is flat and has one cell
    #[serde(deserialize_with = "axes::cells")]
    #[schemars(schema_with = "axes::counts_schema")]
    pub cells: [usize; 3],
    /// length of the whole grid along each axis; by default the longest axis has length 1 and the cells are cubes [m]
    #[serde(default = "axes::not_given", deserialize_with = "axes::numbers")]
    #[schemars(schema_with = "axes::lengths_schema")]
    pub length: [f64; 3],
    /// the low corner of the grid; by default 0 [m]
    #[serde(default = "axes::not_given", deserialize_with = "axes::numbers")]
    #[schemars(schema_with = "axes::numbers_schema")]
    pub origin: [f64; 3],
    /// whether each axis is periodic: one value for all axes, or a list; by default none is
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

/// `[time]`: when the run begins and ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeSection {
    /// the date at which the time is 0, such as "2000-01-31" or "2000-01-31 18:30:00"; output files then count seconds since
    /// this date
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<ReferenceDate>,
    /// when the run ends, such as "40 step" or "5 day"
    pub end: SimulatedDuration,
}

/// `[engine]`: how the steps are computed. Only `element` changes results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EngineSection {
    /// the element type of fields
    #[serde(with = "element")]
    #[schemars(schema_with = "element::schema")]
    pub element: ElementType,
    /// steps computed in one pass while a tile is in cache; "auto" measures and chooses
    pub fuse: Fuse,
    /// vector instructions; "auto" takes the widest set of this machine
    pub instruction_set: InstructionSetChoice,
    /// how often fields are searched for NaN and infinity
    pub check_every: Cadence,
}

impl Default for EngineSection {
    fn default() -> EngineSection {
        EngineSection {
            element: ElementType::F64,
            fuse: Fuse::Auto,
            instruction_set: InstructionSetChoice::Auto,
            check_every: Cadence::Steps(100),
        }
    }
}

/// `engine.fuse`: the number of steps that are computed in one pass over memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fuse {
    /// the fastest number on this machine
    #[default]
    Auto,
    /// a fixed number
    #[serde(untagged)]
    Steps(NonZeroUsize),
}

/// `engine.instruction_set`: the vector instructions of the kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InstructionSetChoice {
    /// the widest set of this machine
    #[default]
    Auto,
    /// the common subset of all machines of this architecture
    Baseline,
    /// 256 bits
    Avx2,
    /// 512 bits
    Avx512,
}

/// `[parallel]`: how the grid is split over ranks.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ParallelSection {
    /// ranks along each axis, as in `grid.cells`; by default the split with the cheapest halo exchange
    #[serde(deserialize_with = "axes::ranks", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "axes::counts_schema")]
    pub ranks: Option<[usize; 3]>,
    /// true: more than four threads per core may be started, as for tests
    pub oversubscribe: bool,
    /// true: a run starts even if a node seems to have too little memory for it
    pub overcommit: bool,
}

impl ParallelSection {
    /// The number of ranks of the process grid, if one is given.
    pub fn count(&self) -> Option<usize> {
        self.ranks.map(|ranks| ranks.into_iter().fold(1, usize::saturating_mul))
    }
}

/// `[output.NAME]`: a stream, written to `NAME.h5`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamSection {
    /// how often an instant is written, such as "10 step", "6 h" or "never"
    pub every: Cadence,
    /// whether adaptive time steps are shortened to end exactly at the instants of `every`; a fixed step must divide it
    #[serde(default)]
    pub align: bool,
    /// names of the fields to write; by default all
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub fields: Option<Vec<String>>,
    /// the part of the grid to write; by default all
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<RegionSection>,
    /// positions of stations (receivers) to write instead of whole fields, each given like `grid.origin`; values between cells
    /// are interpolated linearly along each axis [m]
    #[serde(default, deserialize_with = "axes::points", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "axes::points_schema")]
    pub points: Option<Vec<[f64; 3]>>,
    /// names of the stations, one for each of `points`; by default they are numbered
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub names: Option<Vec<String>>,
    /// the element type in the file
    #[serde(default)]
    pub element: StreamElement,
    /// the statistic over each interval of `every` that is written
    #[serde(default)]
    pub reduce: Reduction,
    /// wall time after which the open segment is sealed and can be read; "0 s" seals one at each instant
    #[serde(default = "one_minute")]
    pub seal: WallTime,
    /// whether pictures of the final fields are drawn; by default only for the stream `fields`
    #[serde(default)]
    pub picture: bool,
}

fn one_minute() -> WallTime {
    WallTime(Duration::from_secs(60))
}

/// Ranges of cell indices, `[first, one past the last]`; an axis without a range is taken whole.
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
    /// The cells of the region, in a grid of `cells` cells.
    pub fn within(&self, cells: [usize; 3]) -> Region {
        let ranges = [self.z, self.y, self.x];
        let ends: [[usize; 2]; 3] = std::array::from_fn(|axis| ranges[axis].unwrap_or([0, cells[axis]]));
        Region::new(ends.map(|end| end[0] as isize), ends.map(|end| end[1] as isize))
    }
}

/// The element type of an output stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StreamElement {
    /// the element type of the field
    #[default]
    Same,
    /// single precision
    F32,
    /// double precision
    F64,
}

/// The statistic that a stream writes for the interval between two instants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Reduction {
    /// the values at the end of the interval
    #[default]
    Instant,
    /// the mean over its steps
    Mean,
    /// the largest value
    Max,
    /// the smallest value
    Min,
}

/// `[series]`: the table of the quantities that the job records, `series.csv`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SeriesSection {
    /// how often a row is written, such as "10 step" or "1 h", beside the rows of the first and the last state
    pub every: Cadence,
    /// whether adaptive time steps are shortened to end exactly at the instants of `every`; a fixed step must divide it
    pub align: bool,
    /// names of the quantities that progress reports show
    pub show: Vec<String>,
    /// whether the table is drawn as `series.png`
    pub picture: bool,
}

impl Default for SeriesSection {
    fn default() -> SeriesSection {
        SeriesSection { every: Cadence::Never, align: false, show: vec![], picture: true }
    }
}

/// `[checkpoint]`: when the state is saved on disk, to resume an interrupted run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CheckpointSection {
    /// how often the state is saved; a signal that stops the run always saves it
    pub every: Cadence,
    /// whether the final state is saved, from which a finished run can be extended with a later `time.end`
    #[serde(rename = "final")]
    pub at_end: bool,
    /// whether adaptive time steps are shortened to end exactly at the instants of `every`; a fixed step must divide it
    pub align: bool,
    /// longest wall time between two checkpoints, or "never"
    pub wall: WallCadence,
    /// how many of the newest checkpoints are kept
    #[schemars(range(min = 1))]
    pub keep: NonZeroUsize,
    /// longest wall time that a run goes on after a signal that stops it; if its state cannot be saved by then, it ends without
    pub stop_within: WallTime,
}

impl Default for CheckpointSection {
    fn default() -> CheckpointSection {
        let keep = const { NonZeroUsize::new(2).expect("2 is not zero") };
        CheckpointSection {
            every: Cadence::Never,
            at_end: true,
            align: false,
            wall: WallCadence::Every(Duration::from_secs(3600)),
            keep,
            stop_within: WallTime(Duration::from_secs(600)),
        }
    }
}

/// `[replica]`: when the state is kept in the memory of nodes, to resume after the loss of a rank or a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReplicaSection {
    /// how often each rank keeps its part of the state in the memory of its node and of another node
    pub every: Cadence,
    /// longest wall time between two replicas, or "never"
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
