//! Traces: the timeline of a rank as spans of time, for runs that are traced.
use crate::engine::phase::Phase;
use std::borrow::Cow;
use std::time::Instant;

/// Most spans kept per rank, about 10 MB.
pub(crate) const MOST: usize = 100_000;

/// Phases shorter than this, in nanoseconds, are not recorded: they would not be visible.
const SHORTEST: u64 = 1_000;

/// The spans of a rank, in the order of their ends, so nested spans come before the enclosing one.
#[derive(Debug)]
pub struct Trace {
    /// The time from which all ranks count.
    origin: Instant,
    most: usize,
    spans: Vec<TraceSpan>,
    /// The time in nanoseconds at which the trace was full.
    ended: Option<u64>,
    /// Bytes that had been sent by the end of the last phase.
    sent: u64,
}

/// A span of time, in nanoseconds from the origin.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceSpan {
    pub name: Cow<'static, str>,
    pub start: u64,
    pub end: u64,
    pub kind: SpanKind,
}

/// The kind of a span.
#[derive(Clone, Debug, PartialEq)]
pub enum SpanKind {
    /// A call of a stage, or steps that were fused: how many steps had been done before, and the bytes of all ranks that had
    /// to move.
    Stage { step: u64, bytes: u64 },
    /// A phase, and the bytes that the rank sent in it.
    Phase { phase: Phase, sent: u64 },
}

impl Trace {
    /// An empty trace.
    pub fn new(origin: Instant) -> Trace {
        Trace { origin, most: MOST, spans: vec![], ended: None, sent: 0 }
    }

    /// The spans recorded.
    pub fn spans(&self) -> &[TraceSpan] {
        &self.spans
    }

    /// The time in nanoseconds at which the trace was full; `None` if all spans are recorded.
    pub fn ended(&self) -> Option<u64> {
        self.ended
    }

    /// Records a phase; `sent` is the number of bytes that the rank has sent so far.
    pub(super) fn phase(&mut self, phase: Phase, name: &'static str, from: Instant, to: Instant, sent: u64) {
        let sent = sent - std::mem::replace(&mut self.sent, sent);
        let (start, end) = (self.nanoseconds(from), self.nanoseconds(to));
        if end - start >= SHORTEST {
            self.record(TraceSpan { name: name.into(), start, end, kind: SpanKind::Phase { phase, sent } });
        }
    }

    /// Records a call of a stage.
    pub(super) fn stage(&mut self, name: &str, from: Instant, to: Instant, step: u64, bytes: u64) {
        let (start, end) = (self.nanoseconds(from), self.nanoseconds(to));
        self.record(TraceSpan { name: name.to_owned().into(), start, end, kind: SpanKind::Stage { step, bytes } });
    }

    fn record(&mut self, span: TraceSpan) {
        match self.ended {
            None if self.spans.len() < self.most => self.spans.push(span),
            None => self.ended = Some(span.start),
            Some(_) => {}
        }
    }

    fn nanoseconds(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.origin).as_nanos() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_trace_ends_when_it_is_full() {
        let origin = Instant::now();
        let at = |n: u64| origin + Duration::from_nanos(n);
        let mut trace = Trace { most: 2, ..Trace::new(origin) };
        trace.phase(Phase::Halos, "halos", at(1_000), at(3_000), 64);
        trace.phase(Phase::Wait, "wait", at(3_000), at(3_999), 64);
        trace.stage("smooth", at(500), at(600), 7, 8);
        let halos = SpanKind::Phase { phase: Phase::Halos, sent: 64 };
        let expected = [
            TraceSpan { name: "halos".into(), start: 1_000, end: 3_000, kind: halos },
            TraceSpan { name: "smooth".into(), start: 500, end: 600, kind: SpanKind::Stage { step: 7, bytes: 8 } },
        ];
        assert_eq!((trace.spans(), trace.ended()), (&expected[..], None));
        for more in [5_000, 6_000] {
            trace.stage("smooth", at(more), at(more + 1), 8, 8);
        }
        assert_eq!((trace.spans(), trace.ended()), (&expected[..], Some(5_000)));
    }
}
