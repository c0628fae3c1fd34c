//! The phases of a run that time is recorded by.

/// What a rank does with its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Declaring, allocating, filling, reading files.
    Setup,
    /// Cells computed, all of them or those that need no message.
    Compute,
    /// Cells computed after messages had come.
    Edges,
    /// Packing, local copies and boundary conditions.
    Halos,
    /// Waiting for messages.
    Wait,
    /// Reductions.
    Reduce,
    /// Search for values that are not finite, and the pulse.
    Watch,
    /// Writing.
    Output,
}

impl Phase {
    /// Those of stages.
    pub const OF_STAGES: [Phase; 5] = [Phase::Compute, Phase::Edges, Phase::Halos, Phase::Wait, Phase::Reduce];

    /// As reports call it.
    pub fn name(self) -> &'static str {
        ["setup", "compute", "edges", "halos", "wait", "reduce", "watch", "output"][self as usize]
    }
}
