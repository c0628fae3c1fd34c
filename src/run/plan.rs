//! [`Plan`]: what a run will compute, hold in memory and write, known before anything is allocated.
use super::streams::StreamPlan;
use super::timing;
use crate::base::Result;
use crate::config::{Cadence, CheckpointSection, JobFile, SimulatedDuration, WallCadence};
use crate::model::{Clock, Model};
use crate::program::Program;
use std::sync::Arc;

/// The largest number of steps: step numbers up to here are exact in double precision.
const MOST_STEPS: u64 = 1 << 53;

/// A checked job on a number of ranks.
pub struct Plan {
    /// The compiled model.
    pub program: Arc<Program>,
    /// The number of steps; none if it depends on the solution.
    pub steps: Option<u64>,
    /// The output streams that write anything.
    pub streams: Vec<StreamPlan>,
    /// True if a condition of the model may end the run earlier.
    pub may_stop: bool,
    /// Copies of the state that a rank may hold beside the fields.
    copies: u64,
    /// Checkpoints that may be on disk at the same time; 0 if the state is never saved.
    checkpoints: u64,
}

impl Plan {
    /// Plans the run of a job file on `ranks` ranks, with all checks that need neither the machine nor the run directory.
    ///
    /// # Errors
    /// If the streams do not fit the model, if the grid cannot be divided over the ranks, if a size overflows, or if there are
    /// too many steps.
    pub fn new(file: &JobFile, model: Model, ranks: usize) -> Result<Plan> {
        super::streams::check_streams(file, &model)?;
        super::series::check(file, &model.declared)?;
        let clock = model.declared.clock;
        let steps = check_steps(file, clock)?;
        let may_stop = model.declared.stop.is_some();
        let on = |stream: &&String| file.output[*stream].every != Cadence::Never;
        let end = (steps, timing::seconds(clock, file.time.end));
        let streams =
            file.output.keys().filter(on).map(|name| StreamPlan::new(name, file, &model, clock, end)).collect();
        let program = Arc::new(Program::new(model, ranks)?);
        let CheckpointSection { every, wall, at_end, .. } = file.checkpoint;
        let saves = every != Cadence::Never || wall != WallCadence::Never || at_end;
        // A checkpoint is written from a copy. A rank keeps two replicas of its own state and of the state of another rank.
        let copies = u64::from(saves) + if file.replica.is_on() { 4 } else { 0 };
        // The next checkpoint is complete before the oldest is removed.
        let kept = (file.checkpoint.keep.get() as u64).saturating_add(1);
        let written = match (every, wall, steps) {
            (Cadence::Never, WallCadence::Never, _) => Some(1),
            (Cadence::Steps(every), WallCadence::Never, Some(steps)) => Some((steps / every).saturating_add(1)),
            // At most one after each step, and one at the end.
            (_, _, Some(steps)) => Some(steps.saturating_add(1)),
            _ => None,
        };
        let checkpoints = if saves { kept.min(written.unwrap_or(kept)) } else { 0 };
        Ok(Plan { program, steps, streams, may_stop, copies, checkpoints })
    }

    /// Returns the bytes of memory that a rank needs: fields with halos, and the copies from which states and output are
    /// written.
    ///
    /// # Errors
    /// If the number overflows.
    pub fn memory(&self, rank: usize) -> Result<u64> {
        let fields = self.program.memory(rank)?;
        let state = self.program.bytes_of_state_on(rank).saturating_mul(self.copies);
        let streams = self.streams.iter().map(|stream| stream.memory(&self.program, rank));
        Ok(streams.fold(fields.saturating_add(state), u64::saturating_add))
    }

    /// Returns the bytes that all streams write; none if the number of instants is not known.
    pub fn bytes_of_streams(&self) -> Option<u64> {
        let bytes = |stream: &StreamPlan| Some(stream.instants?.saturating_mul(stream.bytes));
        self.streams.iter().try_fold(0, |sum: u64, stream| Some(sum.saturating_add(bytes(stream)?)))
    }

    /// Returns the largest number of bytes that checkpoints take on disk at the same time.
    pub fn bytes_of_checkpoints(&self) -> u64 {
        self.checkpoints.saturating_mul(self.bytes_of_checkpoint())
    }

    /// Returns the bytes of a checkpoint on disk: the state, and the values that streams have accumulated since their last
    /// instant.
    pub fn bytes_of_checkpoint(&self) -> u64 {
        self.streams.iter().fold(self.program.bytes_of_state(), |all, stream| all.saturating_add(stream.accumulated))
    }

    /// Returns the bytes without which no run can succeed: the first instant of every stream, and one checkpoint.
    pub fn least_bytes(&self) -> u64 {
        let instants = self.streams.iter().map(|stream| stream.bytes);
        instants.fold(self.checkpoints.min(1) * self.program.bytes_of_state(), u64::saturating_add)
    }
}

/// Returns the number of steps of a run, if it is known in advance.
///
/// # Errors
/// If there are more than [`MOST_STEPS`].
fn check_steps(file: &JobFile, clock: Clock) -> Result<Option<u64>> {
    let steps = timing::steps(clock, file.time.end);
    match steps {
        Some(steps) if steps > MOST_STEPS => {
            let each = match (file.time.end, clock) {
                (SimulatedDuration::Seconds(_), Clock::Fixed(dt)) => format!("steps of {dt:?} s each, and makes "),
                _ => String::new(),
            };
            let why = format!("takes {each}more than 2^53 steps: at a microsecond each, these take 285 years");
            Err(file.origins.wrong(
                "time.end",
                format!("\"{}\"", file.time.end),
                &format!("{why}\nchoose an earlier end"),
            ))
        }
        steps => Ok(steps),
    }
}
