//! Replication of the state in the memory of the nodes, and the seconds that it costs.
use crate::base::Result;
use crate::base::message::message;
use crate::comm::Comm;
use crate::engine::{Phase, Snapshot, Timers};
use crate::saved::replica::Replicas;
use std::time::Instant;

/// Keeps replicas of the state in memory while the attempt steps on.
pub struct Replication {
    /// None if the job file asks for no replicas, or once memory has run out.
    replicas: Option<Replicas>,
    /// Seconds for which replicas have paused the attempt.
    paused_s: f64,
}

impl Replication {
    /// Replication; without `replicas` it is off.
    pub fn new(replicas: Option<Replicas>) -> Replication {
        Replication { replicas, paused_s: 0.0 }
    }

    /// True if replicas are kept.
    pub fn is_on(&self) -> bool {
        self.replicas.is_some()
    }

    /// Keeps the snapshot that `take` makes in recycled memory. Collective.
    ///
    /// # Errors
    /// If the previous replica failed, or if there is no memory for the first one. If memory runs out later, replication is
    /// switched off with a warning, and the last replica remains.
    pub fn keep(&mut self, comm: &Comm, take: impl FnOnce(Option<Snapshot>) -> Snapshot) -> Result<()> {
        // Wait first: an error of the previous replica is not a lack of memory.
        self.wait()?;
        let Some(replicas) = &mut self.replicas else { return Ok(()) };
        let is_first = replicas.kept().0 == 0;
        let kept = replicas.keep(take);
        if is_first {
            return kept;
        }
        if let Err(why) = kept {
            self.replicas = None;
            if comm.is_root() {
                message!("warning: the state is no longer kept in memory: {why}");
            }
        }
        Ok(())
    }

    /// The number of replicas that this rank has finished. Lets messages progress. Not collective.
    pub fn rounds(&mut self) -> i64 {
        self.replicas.as_mut().map_or(0, Replicas::acknowledged)
    }

    /// Completes the replica in progress once all ranks have finished their parts: `least` is the smallest number of finished
    /// replicas. Collective.
    ///
    /// # Errors
    /// If a part differs from what was sent.
    pub fn advance(&mut self, least: i64, timers: &mut Timers) -> Result<()> {
        let Some(replicas) = &mut self.replicas else { return Ok(()) };
        let started = Instant::now();
        let kept = replicas.advance(least);
        self.paused(started, timers);
        kept
    }

    /// Waits for the replica in progress. Collective.
    ///
    /// # Errors
    /// As [`Replication::advance`].
    pub fn wait(&mut self) -> Result<()> {
        self.replicas.as_mut().map_or(Ok(()), Replicas::wait)
    }

    /// Number of replicas kept, and bytes of memory on this rank.
    pub fn kept(&self) -> (u64, u64) {
        self.replicas.as_ref().map_or((0, 0), Replicas::kept)
    }

    /// Counts the time since `since` as a pause of the attempt.
    pub fn paused(&mut self, since: Instant, timers: &mut Timers) {
        self.paused_s += since.elapsed().as_secs_f64();
        timers.record_as("replica", Phase::Output, since);
    }

    /// Seconds for which replicas have paused the attempt.
    pub fn paused_s(&self) -> f64 {
        self.paused_s
    }
}
