//! [`Summary`]: the report at the end of a run, as `summary.json` and as text.
use super::report::Report;
use crate::base::{Error, Result};
use crate::engine::{Measurement, Timers};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::fmt::Write;
use std::path::Path;

/// Seconds of rank 0 by phase.
#[derive(Clone, Copy, Debug, Default, Serialize, PartialEq)]
pub struct Seconds {
    /// Declaring the model, allocating and filling fields, reading files.
    pub setup: f64,
    /// Computing cells that need no message in progress.
    pub compute: f64,
    /// Computing cells after their messages have arrived.
    pub edges: f64,
    /// Packing and unpacking, local copies, boundary conditions.
    pub halos: f64,
    /// Waiting for messages.
    pub wait: f64,
    /// Reductions over ranks.
    pub reduce: f64,
    /// Search for non-finite values, and the consensus.
    pub watch: f64,
    /// Output, checkpoints and replicas.
    pub output: f64,
}

impl Seconds {
    /// The seconds that the timers of this rank have measured.
    pub fn of(timers: &Timers) -> Seconds {
        let [setup, compute, edges, halos, wait, reduce, watch, output] = timers.seconds;
        Seconds { setup, compute, edges, halos, wait, reduce, watch, output }
    }
}

/// The report at the end of an attempt.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The name of the job.
    pub job: String,
    /// How the attempt ended: `done`, `converged`, `stopped by SIGTERM`, ….
    pub outcome: String,
    /// Number of ranks.
    pub ranks: usize,
    /// `MPI` or `in-process`.
    pub transport: String,
    /// Threads of each rank.
    pub threads: usize,
    /// Vector instructions of the kernels.
    pub instruction_set: String,
    /// How steps were fused, or why they were not.
    pub fusion: String,
    /// Cells along z, y, x.
    pub grid: [usize; 3],
    /// Ranks along z, y, x.
    pub process_grid: [usize; 3],
    /// The element type of the job file.
    pub element: String,
    /// Number of the last step.
    pub steps: u64,
    /// The step from which this attempt resumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed_from: Option<u64>,
    /// Checkpoints that this attempt has written.
    pub checkpoints: u64,
    /// Bytes of these checkpoints, on all ranks.
    pub checkpoint_bytes: u64,
    /// Seconds for which checkpoints paused rank 0: the copy, the rename, the wait at the end. Writing overlaps with steps.
    pub checkpoint_s: f64,
    /// Replicas that this attempt has kept in the memory of the nodes.
    pub replicas: u64,
    /// Bytes of a replica on rank 0: its own part and the parts of other ranks. Twice as many while the next replica is made.
    pub replica_bytes: u64,
    /// Seconds for which replicas paused rank 0.
    pub replica_s: f64,
    /// Simulated time in seconds; none in a simulation without time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_s: Option<f64>,
    /// Wall time of stepping in seconds, without set-up and output.
    pub wall_s: f64,
    /// Cell updates per second of stepping.
    pub cells_per_s: f64,
    /// T_eff: bytes that must move per second of stepping, in 10⁹.
    pub t_eff_gb_s: f64,
    /// Bytes of fields on rank 0.
    pub memory_bytes: u64,
    /// Messages that rank 0 sent.
    pub messages: u64,
    /// Bytes that rank 0 sent.
    pub sent_bytes: u64,
    /// Seconds by phase.
    pub seconds: Seconds,
    /// Times by phase and stage, over all ranks.
    pub time: Report,
    /// The diagnostics of the job, by name.
    pub results: Map<String, Value>,
    /// What a reader of the output must know: intervals of statistics that the end of the run cuts short, values that a file
    /// cannot hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The hash of the final state.
    pub state: String,
}

/// Adds a diagnostic to `results`: its value and, for a maximum or minimum, the index of its cell as `NAME at`.
pub fn add_result(results: &mut Map<String, Value>, name: &str, measured: Measurement) {
    // JSON has no NaN or infinity: they are written as text.
    let number = |v: f64| serde_json::Number::from_f64(v).map_or_else(|| json!(v.to_string()), Value::Number);
    results.insert(name.into(), number(measured.value));
    if let Some((_, index)) = measured.at {
        results.insert(format!("{name} at"), json!(index));
    }
}

impl Summary {
    /// Writes `DIR/summary.json`: to a temporary file, which is then renamed.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, dir: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).map_err(|e| Error::failure(format!("summary.json: {e}")))?;
        crate::files::replace(&dir.join("summary.json"), |path| {
            std::fs::write(path, text + "\n").map_err(|e| Error::file("write", path, e))
        })
    }

    /// The summary as text, without the hash of the state.
    pub fn text(&self) -> String {
        let [z, y, x] = self.grid;
        let mut text = String::new();
        let ranks = format!("{} {} rank{}", self.ranks, self.transport, if self.ranks == 1 { "" } else { "s" });
        let from = self.resumed_from.map_or(String::new(), |step| format!(" (resumed from {step})"));
        let threads = format!("{} thread{}", self.threads, if self.threads == 1 { "" } else { "s" });
        let _ = writeln!(
            text,
            "{}: {}, {} steps{from} of {z} × {y} × {x} cells ({}, {}) on {ranks} × {threads}, process grid {:?}",
            self.job, self.outcome, self.steps, self.element, self.instruction_set, self.process_grid
        );
        let s = &self.seconds;
        let copy =
            self.time.copy_gb_s.map_or(String::new(), |copy| format!(", {:.2} of a copy", self.t_eff_gb_s / copy));
        let _ = writeln!(
            text,
            "  stepping {:.3} s: {:.3e} cells/s, T_eff {:.1} GB/s{copy}; set-up {:.2} s, output {:.2} s",
            self.wall_s, self.cells_per_s, self.t_eff_gb_s, s.setup, s.output
        );
        let _ = writeln!(text, "  {}", self.fusion);
        if self.checkpoints > 0 {
            let s = if self.checkpoints == 1 { "" } else { "s" };
            let size = indicatif::DecimalBytes(self.checkpoint_bytes / self.checkpoints);
            let each = self.checkpoint_s / self.checkpoints as f64;
            let _ = writeln!(text, "  {} checkpoint{s} of {size}, {each:.3} s pause each", self.checkpoints);
        }
        if self.replicas > 0 {
            let s = if self.replicas == 1 { "" } else { "s" };
            let size = indicatif::DecimalBytes(self.replica_bytes);
            let each = self.replica_s / self.replicas as f64;
            let _ =
                writeln!(text, "  {} replica{s} in memory, {size} on rank 0, {each:.3} s pause each", self.replicas);
        }
        text += &self.time.text();
        if self.messages > 0 {
            let each = self.sent_bytes as f64 / 1e3 / self.messages as f64;
            let _ = writeln!(text, "  rank 0 sent {} messages of {each:.1} kB", self.messages);
        }
        for note in &self.notes {
            let _ = writeln!(text, "  note: {note}");
        }
        for (name, value) in self.results.iter().filter(|(name, _)| !name.ends_with(" at")) {
            let at = self.results.get(&format!("{name} at")).map_or(String::new(), |at| format!("  at {at}"));
            let _ = writeln!(text, "  {name} = {value}{at}");
        }
        text
    }
}
