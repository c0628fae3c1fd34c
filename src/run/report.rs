//! The time report: seconds by phase and stage over all ranks, and the speed of memory that they are measured against.
use crate::comm::{Comm, Reduce};
use crate::engine::{Phase, Timers};
use halocline_kernels::stream::{fence, stream};
use serde::Serialize;
use std::fmt::Write;
use std::time::Instant;

/// Bytes that each rank copies, and how often; fields that fit into caches are not measured against memory.
const BYTES: usize = 64 << 20;
const TRIES: usize = 3;
/// Bytes that a thread copies at a time.
const PIECE: usize = 1 << 20;

/// Seconds over ranks.
#[derive(Clone, Copy, Debug, Default, Serialize, PartialEq)]
pub struct Spread {
    /// Mean over ranks.
    pub mean: f64,
    /// The slowest rank.
    pub max: f64,
}

/// A stage in the report.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct StageReport {
    /// Its name; steps that were fused stand together.
    pub name: String,
    /// How often it was done.
    pub calls: u64,
    /// Seconds, halos and waiting included.
    pub seconds: Spread,
    /// Bytes that had to move, over the time of the slowest rank, in 10⁹ a second.
    pub gb_s: f64,
}

/// Where time went, over all ranks.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Report {
    /// By phase: compute, edges, halos, wait, reduce.
    pub phases: Vec<(&'static str, Spread)>,
    /// By stage.
    pub stages: Vec<StageReport>,
    /// The slowest rank's time for computing cells over the mean: 1 where work is even.
    pub imbalance: f64,
    /// What memory can do: a copy past the caches on all ranks at once, in 10⁹ bytes read and written a second; absent where
    /// the fields fit into caches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copy_gb_s: Option<f64>,
}

impl Report {
    /// From what each rank has noted. Collective.
    pub fn gather(comm: &Comm, timers: &Timers, copy_gb_s: Option<f64>) -> Report {
        let (phases, stages) = (Phase::OF_STAGES, &timers.stages);
        let computed = timers.of(Phase::Compute) + timers.of(Phase::Edges);
        let all = phases.iter().map(|&p| timers.of(p)).chain(stages.iter().map(|s| s.seconds)).chain([computed]);
        let mine: Vec<i64> = all.map(|seconds| (seconds * 1e9) as i64).collect();
        let (mut sum, mut max) = (mine.clone(), mine);
        comm.reduce(Reduce::Sum, &mut sum);
        comm.reduce(Reduce::Max, &mut max);
        let mean = |i: usize| sum[i] as f64 / 1e9 / comm.size() as f64;
        let spread = |i: usize| Spread { mean: mean(i), max: max[i] as f64 / 1e9 };
        let stage = |(i, s): (usize, &crate::engine::StageTime)| {
            let seconds = spread(phases.len() + i);
            let gb_s = s.bytes as f64 / seconds.max.max(1e-9) / 1e9;
            StageReport { name: s.name.clone(), calls: s.calls, seconds, gb_s }
        };
        let whole = spread(phases.len() + stages.len());
        Report {
            phases: phases.iter().enumerate().map(|(i, p)| (p.name(), spread(i))).collect(),
            stages: stages.iter().enumerate().map(stage).collect(),
            imbalance: if whole.mean > 0.0 { whole.max / whole.mean } else { 1.0 },
            copy_gb_s,
        }
    }

    /// A table for people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let all: f64 = self.stages.iter().map(|s| s.seconds.max).sum();
        if all <= 0.0 {
            return text;
        }
        let width = self.stages.iter().map(|s| s.name.chars().count()).max().unwrap_or(0).max(5);
        let _ =
            writeln!(text, "  {:<width$}  {:>8}  {:>9}  {:>5}  {:>6}", "stage", "calls", "seconds", "share", "GB/s");
        for s in &self.stages {
            let (share, gb_s) =
                (100.0 * s.seconds.max / all, if s.gb_s > 0.0 { format!("{:.1}", s.gb_s) } else { "–".into() });
            let _ = writeln!(
                text,
                "  {:<width$}  {:>8}  {:>9.3}  {:>3.0} %  {gb_s:>6}",
                s.name, s.calls, s.seconds.max, share
            );
        }
        let phase = |(name, s): &(&str, Spread)| format!("{name} {:.3} s", s.mean);
        let spent = self.phases.iter().filter(|(_, s)| s.max >= 5e-4).map(phase).collect::<Vec<_>>().join(", ");
        if !spent.is_empty() {
            let _ = writeln!(
                text,
                "  {spent} (mean over ranks); the busiest rank computes {:.2} of the mean",
                self.imbalance
            );
        }
        text
    }
}

/// Measures a copy past the caches on all ranks at once, if `memory`, the bytes of fields on the largest rank, outgrow
/// caches: in 10⁹ bytes read and written a second, over all ranks. Collective.
pub fn measure_copy(comm: &Comm, memory: usize) -> Option<f64> {
    let mut largest = [memory as i64];
    comm.reduce(Reduce::Max, &mut largest);
    if largest[0] < 4 * BYTES as i64 {
        return None;
    }
    let (from, to) = (crate::base::memory::Memory::zeroed(BYTES), crate::base::memory::Memory::zeroed(BYTES));
    // Pages that were never written are all the same one, which stays in cache.
    // SAFETY: there is room for all pieces, and each is one thread's.
    comm.threads().for_each(BYTES / PIECE, |i| unsafe { from.at().add(i * PIECE).write_bytes(1, PIECE) });
    let copy = |i: usize| {
        // SAFETY: both have room for all pieces, begin on cache lines, and each piece is one thread's.
        unsafe { stream(to.at().add(i * PIECE), from.at().add(i * PIECE), PIECE) }
        fence();
    };
    let mut best = f64::INFINITY;
    for _ in 0..TRIES {
        comm.barrier();
        let started = Instant::now();
        comm.threads().for_each(BYTES / PIECE, copy);
        best = best.min(started.elapsed().as_secs_f64());
    }
    let mut slowest = [(best * 1e9) as i64];
    comm.reduce(Reduce::Max, &mut slowest);
    Some((2 * BYTES * comm.size()) as f64 / slowest[0].max(1) as f64)
}
