//! Timers: the time of a rank by phase and by stage.
use crate::engine::phase::Phase;
use crate::engine::trace::Trace;
use std::time::Instant;

/// Seconds and bytes of one rank.
#[derive(Debug, Default)]
pub struct Timers {
    /// By phase, in their order.
    pub seconds: [f64; 8],
    /// Bytes sent.
    pub sent: u64,
    /// Messages sent.
    pub messages: u64,
    /// By stage, in the order of their first calls: the same on every rank.
    pub stages: Vec<StageTime>,
    /// The trace, if the run is traced.
    pub(crate) trace: Option<Trace>,
}

/// The time and memory traffic of a stage so far, including halo exchange.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StageTime {
    /// The name of the stage, or of the fused steps or group.
    pub name: String,
    /// The number of calls.
    pub calls: u64,
    /// In seconds.
    pub seconds: f64,
    /// Bytes of memory traffic of all ranks: every field read or written once a call, or once a step where steps are fused.
    pub bytes: u64,
}

impl Timers {
    /// Seconds of a phase.
    pub fn of(&self, phase: Phase) -> f64 {
        self.seconds[phase as usize]
    }

    /// Records a phase from `since` until now, and returns now, the start of the next phase.
    pub(crate) fn record(&mut self, phase: Phase, since: Instant) -> Instant {
        self.record_as(phase.name(), phase, since)
    }

    /// Like [`Timers::record`], with another name in the trace.
    pub(crate) fn record_as(&mut self, name: &'static str, phase: Phase, since: Instant) -> Instant {
        let now = Instant::now();
        self.seconds[phase as usize] += (now - since).as_secs_f64();
        if let Some(trace) = &mut self.trace {
            trace.phase(phase, name, since, now, self.sent);
        }
        now
    }

    /// Records the number of messages sent and their bytes.
    pub(super) fn record_messages(&mut self, (messages, bytes): (usize, usize)) {
        self.messages += messages as u64;
        self.sent += bytes as u64;
    }

    /// Records a call of a stage, or of fused steps, from `since` until now; `step` is the number of steps done before.
    pub(super) fn record_stage(&mut self, name: &str, since: Instant, step: u64, bytes: u64) {
        let now = Instant::now();
        let known = self.stages.iter().position(|s| s.name == name);
        let i = known.unwrap_or_else(|| {
            self.stages.push(StageTime { name: name.to_owned(), ..StageTime::default() });
            self.stages.len() - 1
        });
        let stage = &mut self.stages[i];
        stage.calls += 1;
        stage.seconds += (now - since).as_secs_f64();
        stage.bytes += bytes;
        if let Some(trace) = &mut self.trace {
            trace.stage(name, since, now, step, bytes);
        }
    }
}
