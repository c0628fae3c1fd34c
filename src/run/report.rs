//! [`Report`]: seconds by phase and stage over all ranks, and the measured bandwidth of memory.
use crate::base::memory::Memory;
use crate::comm::{Comm, Reduce};
use crate::engine::{Phase, Timers};
use halocline_kernels::stream::{fence, stream};
use serde::Serialize;
use std::fmt::Write;
use std::time::Instant;

/// Bytes that each rank copies to measure memory bandwidth, and the number of measurements.
const BYTES: usize = 64 << 20;
const TRIES: usize = 3;
/// Bytes that a thread copies at a time.
const CHUNK: usize = 1 << 20;

/// The most characters of a stage's name in the table.
const LONGEST_NAME: usize = 48;

/// A name with the end of a long one left out.
fn shortened(name: &str) -> String {
    match name.char_indices().nth(LONGEST_NAME) {
        Some(_) => name.chars().take(LONGEST_NAME - 1).chain(['…']).collect(),
        None => name.to_owned(),
    }
}

/// Seconds of a phase or stage, over all ranks.
#[derive(Clone, Copy, Debug, Default, Serialize, PartialEq)]
pub struct Spread {
    /// Mean over ranks.
    pub mean: f64,
    /// Maximum over ranks.
    pub max: f64,
}

/// The times of one stage.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct StageReport {
    /// The name of the stage; fused steps count as one stage.
    pub name: String,
    /// Number of executions.
    pub calls: u64,
    /// Seconds, with halo exchange and waiting.
    pub seconds: Spread,
    /// Bytes that must move, per second of the slowest rank, in 10⁹.
    pub gb_s: f64,
}

/// Times by phase and stage, over all ranks.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Report {
    /// Seconds by phase: compute, edges, halos, wait, reduce.
    pub phases: Vec<(&'static str, Spread)>,
    /// Times by stage.
    pub stages: Vec<StageReport>,
    /// Load imbalance: the slowest rank's time for computing cells over the mean; 1 for an even load.
    pub imbalance: f64,
    /// Measured memory bandwidth: a copy that bypasses caches, on all ranks at once, in 10⁹ bytes read and written per second.
    /// None if the fields fit in cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copy_gb_s: Option<f64>,
}

impl Report {
    /// Reduces the timers of all ranks. Collective.
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

    /// The report as text: a table of stages and a line of phases.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let all: f64 = self.stages.iter().map(|s| s.seconds.max).sum();
        if all <= 0.0 {
            return text;
        }
        let names: Vec<String> = self.stages.iter().map(|s| shortened(&s.name)).collect();
        let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(5);
        let _ =
            writeln!(text, "  {:<width$}  {:>8}  {:>9}  {:>5}  {:>6}", "stage", "calls", "seconds", "share", "GB/s");
        for (s, name) in self.stages.iter().zip(names) {
            let (share, gb_s) =
                (100.0 * s.seconds.max / all, if s.gb_s > 0.0 { format!("{:.1}", s.gb_s) } else { "–".into() });
            let _ =
                writeln!(text, "  {name:<width$}  {:>8}  {:>9.3}  {:>3.0} %  {gb_s:>6}", s.calls, s.seconds.max, share);
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

/// Measures the memory bandwidth of a copy that bypasses caches, on all ranks at once: 10⁹ bytes read and written per second,
/// over all ranks. `memory` is the bytes of fields on this rank; fields that fit in cache are not measured. Collective.
pub fn measure_copy(comm: &Comm, memory: usize) -> Option<f64> {
    let mut largest = [memory as i64];
    comm.reduce(Reduce::Max, &mut largest);
    if largest[0] < 4 * BYTES as i64 {
        return None;
    }
    // Without the memory for it, the measurement is left out.
    let buffers = Memory::zeroed(BYTES).and_then(|from| Ok((from, Memory::zeroed(BYTES)?)));
    let (from, to) = comm.agree(buffers).ok()?;
    // Untouched pages all map to one zero page, which would stay in cache: write every page once.
    // SAFETY: `from` has room for all chunks, and each chunk is written by one thread.
    comm.threads().for_each(BYTES / CHUNK, |i| unsafe { from.at().add(i * CHUNK).write_bytes(1, CHUNK) });
    let copy = |i: usize| {
        // SAFETY: both buffers have room for all chunks and are aligned to cache lines; each chunk belongs to one thread.
        unsafe { stream(to.at().add(i * CHUNK), from.at().add(i * CHUNK), CHUNK) }
        fence();
    };
    let mut best = f64::INFINITY;
    for _ in 0..TRIES {
        comm.barrier();
        let started = Instant::now();
        comm.threads().for_each(BYTES / CHUNK, copy);
        best = best.min(started.elapsed().as_secs_f64());
    }
    let mut slowest = [(best * 1e9) as i64];
    comm.reduce(Reduce::Max, &mut slowest);
    Some((2 * BYTES * comm.size()) as f64 / slowest[0].max(1) as f64)
}
