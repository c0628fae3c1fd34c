//! The phases by which the time of a run is recorded.

/// A phase of the work of a rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Declaring, allocating, filling, reading files.
    Setup,
    /// Computation of cells that need no message.
    Compute,
    /// Computation of cells that wait for messages.
    Edges,
    /// Packing, local copies and boundary conditions.
    Halos,
    /// Waiting for messages.
    Wait,
    /// Reductions.
    Reduce,
    /// Search for values that are not finite, and the consensus of the ranks.
    Watch,
    /// Writing.
    Output,
}

impl Phase {
    /// The phases of stages.
    pub const OF_STAGES: [Phase; 5] = [Phase::Compute, Phase::Edges, Phase::Halos, Phase::Wait, Phase::Reduce];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        ["setup", "compute", "edges", "halos", "wait", "reduce", "watch", "output"][self as usize]
    }
}
