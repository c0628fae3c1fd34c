//! Where time goes: by phase, and by stage.

/// Seconds and bytes of one rank.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Clockwork {
    /// Cells computed, all of them or those that need no message.
    pub compute: f64,
    /// Cells computed after messages had come.
    pub edges: f64,
    /// Packing, local copies and boundary conditions.
    pub halos: f64,
    /// Waiting for messages.
    pub wait: f64,
    /// Reductions.
    pub reduce: f64,
    /// Bytes sent.
    pub sent: u64,
    /// Messages sent.
    pub messages: u64,
    /// By stage, in the order in which they were first met: the same on every rank.
    pub stages: Vec<StageTime>,
}

/// What a stage has taken so far, halos and waiting included.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StageTime {
    /// Its name; steps that were fused stand together.
    pub name: String,
    /// How often it was done.
    pub calls: u64,
    /// In seconds.
    pub seconds: f64,
    /// Bytes of all ranks that had to move: every field read or written once a call, or once a step where steps are fused.
    pub bytes: u64,
}

impl Clockwork {
    /// Takes note of a call.
    pub(super) fn stage(&mut self, name: &str, seconds: f64, bytes: u64) {
        let known = self.stages.iter().position(|s| s.name == name);
        let i = known.unwrap_or_else(|| {
            self.stages.push(StageTime { name: name.to_owned(), ..StageTime::default() });
            self.stages.len() - 1
        });
        let stage = &mut self.stages[i];
        stage.calls += 1;
        stage.seconds += seconds;
        stage.bytes += bytes;
    }
}
