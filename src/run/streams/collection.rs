//! [`Streams`]: all output streams of an attempt.
use super::stream::OutputStream;
use crate::base::Result;
use crate::comm::Comm;
use crate::config::{Cadence, JobFile};
use crate::engine::{Fields, Saved, Simulation, Snapshot};
use std::path::Path;

/// The output streams of an attempt, in the order of the job file.
pub struct Streams(Vec<OutputStream>);

impl Streams {
    /// Checks that the streams of the job file can continue from a saved `state`, if there is one.
    ///
    /// # Errors
    /// If the state does not hold what a stream has accumulated.
    pub fn check(store: &Fields, job: &JobFile, state: Option<&dyn Saved>) -> Result<()> {
        let Some(state) = state else { return Ok(()) };
        let mut streams = job.output.iter().filter(|(_, section)| section.every != Cadence::Never);
        streams.try_for_each(|(name, _)| OutputStream::check(store, job, name, state))
    }

    /// Creates all streams of the job file, or continues them as [`OutputStream::begin`] does. Collective.
    ///
    /// # Errors
    /// If a file cannot be created or continued.
    pub fn begin(
        comm: &Comm,
        store: &Fields,
        job: &JobFile,
        dir: &Path,
        provenance: &[(String, String)],
        from: (bool, Option<&dyn Saved>),
    ) -> Result<Streams> {
        let names = job.output.iter().filter(|(_, section)| section.every != Cadence::Never).map(|(name, _)| name);
        let begin = |name: &String| OutputStream::begin(comm, store, job, name, dir, provenance, from);
        names.map(begin).collect::<Result<_>>().map(Streams)
    }

    /// True if any stream writes an instant after this step.
    pub fn are_due(&self, step: u64, time: f64) -> bool {
        self.0.iter().any(|stream| stream.is_due(step, time))
    }

    /// True if any stream needs the fields after this step.
    pub fn want(&self, step: u64, time: f64) -> bool {
        self.0.iter().any(|stream| stream.wants(step, time))
    }

    /// True if sealing all streams now does not produce extra segments.
    pub fn may_seal(&self) -> bool {
        self.0.iter().all(OutputStream::may_seal)
    }

    /// Accumulates the values after a step, and writes the instants that are due or `requested`. Collective.
    ///
    /// # Errors
    /// If an instant cannot be written.
    pub fn step(&mut self, store: &Fields, step: u64, time: f64, requested: bool) -> Result<()> {
        self.0.iter_mut().try_for_each(|stream| stream.step(store, step, time, requested))
    }

    /// A snapshot of the simulation with the accumulated values of all streams, in the memory of an older snapshot if there
    /// is one. Collective.
    pub fn snapshot(&self, simulation: &Simulation, older: Option<Snapshot>) -> Snapshot {
        let mut snapshot = simulation.snapshot(older);
        self.0.iter().for_each(|stream| stream.save(simulation.fields(), &mut snapshot));
        snapshot
    }

    /// Seals all instants written so far: they survive a kill. Collective.
    ///
    /// # Errors
    /// If they cannot be sealed.
    pub fn seal(&mut self) -> Result<()> {
        self.0.iter_mut().try_for_each(OutputStream::seal)
    }

    /// Seals and closes all streams. Collective.
    ///
    /// # Errors
    /// If they cannot be sealed.
    pub fn finish(&mut self) -> Result<()> {
        std::mem::take(&mut self.0).into_iter().try_for_each(OutputStream::finish)
    }

    /// Follows the run directory to another name.
    pub fn move_to(&mut self, dir: &Path) {
        self.0.iter_mut().for_each(|stream| stream.move_to(dir));
    }

    /// Leaves the files of all streams alone, without closing them.
    pub fn forget(&mut self) {
        std::mem::forget(std::mem::take(&mut self.0));
    }
}
