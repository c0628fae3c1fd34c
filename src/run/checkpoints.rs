//! The checkpoints of an attempt: when they are due, and the seconds that they cost.
use crate::base::Result;
use crate::config::Cadence;
use crate::engine::{Phase, Snapshot, Timers};
use crate::saved::attempt::Fence;
use crate::saved::checkpoint::CheckpointManager;
use std::path::Path;
use std::time::{Duration, Instant};

/// Writes checkpoints in the background while the attempt steps on.
pub struct Checkpoints {
    manager: CheckpointManager,
    every: Cadence,
    /// The step of the last checkpoint.
    last: Option<u64>,
    /// Seconds for which checkpoints have paused the attempt.
    paused_s: f64,
}

impl Checkpoints {
    /// Checkpoints at a cadence; `last` is the step of the checkpoint from which the attempt resumed.
    pub fn new(manager: CheckpointManager, every: Cadence, last: Option<u64>) -> Checkpoints {
        Checkpoints { manager, every, last, paused_s: 0.0 }
    }

    /// True if the job file asks for checkpoints at a cadence.
    pub fn is_on(&self) -> bool {
        self.every != Cadence::Never
    }

    /// The step of the last checkpoint.
    pub fn last(&self) -> Option<u64> {
        self.last
    }

    /// Waits for the previous checkpoint, then starts to write the snapshot that `take` makes in recycled memory. Collective.
    ///
    /// # Errors
    /// If the previous checkpoint failed, or the file cannot be created.
    pub fn save(&mut self, step: u64, take: impl FnOnce(Option<Snapshot>) -> Snapshot) -> Result<()> {
        // Waiting makes the memory of the previous snapshot available again.
        self.manager.wait()?;
        let spare = self.manager.spare();
        self.manager.save(take(spare))?;
        self.last = Some(step);
        Ok(())
    }

    /// The number of rounds of writing that this rank has finished. Not collective.
    pub fn rounds(&self) -> i64 {
        self.manager.acknowledged()
    }

    /// Starts the next round once all ranks have finished theirs: `least` is the smallest number of rounds. Collective.
    ///
    /// # Errors
    /// If data could not be written, or differ when read back.
    pub fn advance(&mut self, least: i64, timers: &mut Timers) -> Result<()> {
        let started = Instant::now();
        let written = self.manager.advance(least);
        self.paused(started, timers);
        written
    }

    /// Waits until the checkpoint in progress is on disk. Collective.
    ///
    /// # Errors
    /// As [`Checkpoints::advance`].
    pub fn wait(&mut self) -> Result<()> {
        self.manager.wait()
    }

    /// Follows the run directory to another name; a checkpoint in progress is given up. Collective.
    ///
    /// # Errors
    /// If the ledger is lost.
    pub fn move_to(&mut self, dir: &Path, fence: Option<Fence>) -> Result<()> {
        // A checkpoint of the present step is written again.
        self.last = None;
        self.manager.move_to(dir)?;
        if let Some(fence) = fence {
            self.manager.fence(move || fence.check());
        }
        Ok(())
    }

    /// Adds an entry to the ledger of the run, with the hashes of `files`. Collective.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    pub fn add_to_ledger(&mut self, what: &str, step: u64, files: &[String]) -> Result<()> {
        self.manager.record(what, step, files)
    }

    /// How long the slowest checkpoint took.
    pub fn longest(&self) -> Option<Duration> {
        self.manager.longest()
    }

    /// Number of checkpoints written, and their bytes on all ranks.
    pub fn written(&self) -> (u64, u64) {
        self.manager.written()
    }

    /// Counts the time since `since` as a pause of the attempt.
    pub fn paused(&mut self, since: Instant, timers: &mut Timers) {
        self.paused_s += since.elapsed().as_secs_f64();
        timers.record_as("checkpoint", Phase::Output, since);
    }

    /// Seconds for which checkpoints have paused the attempt.
    pub fn paused_s(&self) -> f64 {
        self.paused_s
    }
}
