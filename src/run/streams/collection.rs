//! [`Streams`]: all output streams of an attempt.
use super::stream::OutputStream;
use crate::base::Result;
use crate::comm::Comm;
use crate::config::{Cadence, JobFile};
use crate::engine::{Fields, Moment, Saved, Snapshot};
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
        from: (bool, &Moment, Option<&dyn Saved>),
    ) -> Result<Streams> {
        let names = job.output.iter().filter(|(_, section)| section.every != Cadence::Never).map(|(name, _)| name);
        let begin = |name: &String| OutputStream::begin(comm, store, job, name, dir, provenance, from);
        names.map(begin).collect::<Result<_>>().map(Streams)
    }

    /// True if any stream writes an instant with the step that ends at `moment`.
    pub fn are_due(&self, moment: &Moment) -> bool {
        self.0.iter().any(|stream| stream.is_due(moment))
    }

    /// True if any stream needs the fields at `moment`.
    pub fn want(&self, moment: &Moment) -> bool {
        self.0.iter().any(|stream| stream.wants(moment))
    }

    /// The fields that streams need at `moment`, where an instant is `requested` or not.
    pub fn fields(&self, moment: &Moment, requested: bool) -> Vec<usize> {
        let streams = self.0.iter().filter(|stream| requested || stream.wants(moment));
        streams.flat_map(OutputStream::fields).collect()
    }

    /// The next instant in seconds of an aligned stream, which an adaptive time step must not pass.
    pub fn next_aligned(&self) -> Option<f64> {
        self.0.iter().filter_map(OutputStream::next_aligned).min_by(f64::total_cmp)
    }

    /// True if sealing all streams now does not produce extra segments.
    pub fn may_seal(&self) -> bool {
        self.0.iter().all(OutputStream::may_seal)
    }

    /// Accumulates the values at the end of a step, and writes the instants that are due or `requested`. Collective.
    ///
    /// # Errors
    /// If an instant cannot be written.
    pub fn step(&mut self, store: &Fields, moment: &Moment, requested: bool) -> Result<()> {
        self.0.iter_mut().try_for_each(|stream| stream.step(store, moment, requested))
    }

    /// True if any stream lacks the end of a run that ends at `moment`.
    pub fn lack(&self, moment: &Moment) -> bool {
        self.0.iter().any(|stream| stream.lacks(moment))
    }

    /// Writes the end of the run to all streams that lack it, and returns notes on intervals that it cuts short. Collective.
    ///
    /// # Errors
    /// If an instant cannot be written.
    pub fn write_end(&mut self, store: &Fields, moment: &Moment) -> Result<Vec<String>> {
        let notes = self.0.iter_mut().map(|stream| stream.write_end(store, moment));
        Ok(notes.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    }

    /// Warnings on values that files hold as infinity.
    pub fn overflows(&self) -> Vec<String> {
        self.0.iter().filter_map(OutputStream::overflow_note).collect()
    }

    /// Adds the accumulated values and the counters of all streams to a snapshot.
    pub fn save(&self, store: &Fields, snapshot: &mut Snapshot) {
        self.0.iter().for_each(|stream| stream.save(store, snapshot));
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
