//! The checkpoint manager of a run: writes checkpoints in the background and removes the oldest.
use super::file::{self, BlockId, Origin, StoredArray};
use super::hash_tree::{self, Hash};
use super::store;
use super::writer::{self, Sums};
use crate::base::background::BackgroundTask;
use crate::base::{Error, Result};
use crate::comm::{Comm, Reduce};
use crate::engine::Snapshot;
use crate::files::durable;
use crate::saved::ledger::{self, Entry, Ledger};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Writes the checkpoints of a run. All methods except [`CheckpointManager::acknowledged`] are collective, and an error on one
/// rank is an error on all.
///
/// ```
/// use halocline::saved::checkpoint::{self, CheckpointManager};
/// use halocline::prelude::*;
/// use halocline_kernels::diffusion::Ftcs;
///
/// fn model(comm: Comm) -> Result<Model> {
///     let mut model = Model::new(comm, Grid::new([16, 16]).periodic([true, true]));
///     let t = model.field::<f64>("t").initial(|at| at.bell(0.2)).build()?;
///     model.every_step(|s| {
///         s.apply(Ftcs::new(0.1, 1.0, [f64::INFINITY, 1.0, 1.0]), [t], [t]);
///     });
///     Ok(model)
/// }
///
/// # fn main() -> Result<()> {
/// let dir = tempfile::tempdir().unwrap();
/// let mut run = model(Comm::alone())?.compile()?;
/// run.advance(10)?;
/// let mut manager = CheckpointManager::in_folder(run.comm(), dir.path(), 2)?;
/// let spare = manager.spare(); // memory of an earlier one
/// manager.save(run.snapshot(spare))?; // goes on beside the run
/// run.advance(10)?;
/// manager.wait()?;
///
/// let mut again = model(Comm::alone())?.compile()?; // on any number of ranks
/// let saved = checkpoint::newest(again.comm(), dir.path())?.expect("one was saved");
/// again.restore(&saved)?;
/// again.advance(10)?;
/// assert_eq!(again.state()?, run.state()?);
/// # Ok(())
/// # }
/// ```
///
/// A checkpoint is written in three phases, each in background threads: all ranks write; all ranks read back blocks that
/// other ranks wrote; rank 0 syncs the file and gives it its final name. A phase ends when all ranks have completed it. They
/// find this out by exchanging, now and then, the number of phases that each has completed
/// ([`CheckpointManager::acknowledged`], [`CheckpointManager::advance`]).
pub struct CheckpointManager {
    comm: Comm,
    dir: PathBuf,
    /// The number of checkpoints to keep.
    keep: usize,
    /// The output streams whose segments are added to the ledger.
    streams: Vec<String>,
    origin: Origin,
    /// On rank 0, except while the background thread adds a line to it.
    ledger: Option<Ledger>,
    /// The ledger before the background thread took it.
    before_naming: Option<Ledger>,
    pending: Option<(PendingCheckpoint, Phase)>,
    /// Fails once the run directory belongs to another attempt.
    fence: Fence,
    /// The number of phases that all ranks have completed.
    phases: i64,
    /// The memory of the last snapshot, for reuse.
    spare: Option<Snapshot>,
    /// The number of checkpoints written, and their bytes on all ranks.
    written: (u64, u64),
    /// The duration of the slowest checkpoint.
    longest: Option<Duration>,
}

/// A checkpoint that is being written.
struct PendingCheckpoint {
    step: u64,
    began: Instant,
    part: PathBuf,
    numbers: BTreeMap<String, u64>,
    arrays: Arc<Vec<StoredArray>>,
    /// The output segments to add to the ledger, on rank 0.
    segments: Vec<String>,
}

type Files = BTreeMap<String, String>;
type Fence = Arc<dyn Fn() -> Result<()> + Send + Sync>;

/// The phase of a pending checkpoint and its background task.
enum Phase {
    Writing(BackgroundTask<(Snapshot, Sums)>),
    Reading(BackgroundTask<(Vec<Hash>, Sums, Files)>, Sums),
    /// On rank 0 only: the task returns the ledger with its new line.
    Naming(Option<BackgroundTask<Ledger>>),
}

impl CheckpointManager {
    /// A manager for a program without a job file: keeps the last `keep` checkpoints in `dir/checkpoints` and their ledger in
    /// `dir`. Collective.
    ///
    /// # Errors
    /// If an existing ledger cannot be read.
    pub fn in_folder(comm: &Comm, dir: &Path, keep: usize) -> Result<CheckpointManager> {
        let ledger = comm.agree(comm.is_root().then(|| Ledger::read(dir)).transpose())?;
        Ok(CheckpointManager::new(comm, dir, keep, vec![], Origin::default(), ledger))
    }

    /// The manager of the run in `dir`, which keeps the last `keep` checkpoints; `ledger` is given on rank 0.
    pub(crate) fn new(
        comm: &Comm,
        dir: &Path,
        keep: usize,
        streams: Vec<String>,
        origin: Origin,
        ledger: Option<Ledger>,
    ) -> CheckpointManager {
        let (comm, dir) = (comm.clone(), dir.to_path_buf());
        CheckpointManager {
            comm,
            dir,
            keep,
            streams,
            origin,
            ledger,
            before_naming: None,
            pending: None,
            fence: Arc::new(|| Ok(())),
            phases: 0,
            spare: None,
            written: (0, 0),
            longest: None,
        }
    }

    /// Sets a check that runs before a checkpoint is published and before the ledger is written.
    pub(crate) fn fence(&mut self, ask: impl Fn() -> Result<()> + Send + Sync + 'static) {
        self.fence = Arc::new(ask);
    }

    /// The memory of an older snapshot, for [`crate::Simulation::snapshot`].
    pub fn spare(&mut self) -> Option<Snapshot> {
        self.spare.take()
    }

    /// The number of checkpoints written so far, and their bytes on all ranks.
    pub fn written(&self) -> (u64, u64) {
        self.written
    }

    /// The duration of the slowest checkpoint so far, from the snapshot to the line in the ledger.
    pub fn longest(&self) -> Option<Duration> {
        self.longest
    }

    /// True while a checkpoint is being written.
    pub fn is_busy(&self) -> bool {
        self.pending.is_some()
    }

    /// Starts to write a snapshot, after waiting for a pending checkpoint.
    ///
    /// # Errors
    /// If the file cannot be created, or there is no space for it.
    pub fn save(&mut self, snapshot: Snapshot) -> Result<()> {
        self.wait()?;
        let path = store::path(&self.dir, snapshot.step);
        let part = durable::part_of(&path);
        let made = self.ledger.as_ref().map(|ledger| {
            let folder = store::folder(&self.dir);
            durable::make_folder(&folder)?;
            let arrays = file::create(&part, &snapshot, ledger.last_root(), &self.origin);
            arrays.map(|arrays| (arrays, ledger.new_segments(&self.streams)))
        });
        let made = self.comm.agree(made.transpose()).inspect_err(|_| self.discard(&part))?;
        let (arrays, segments) = made.unzip();
        let (arrays, segments): (Vec<StoredArray>, _) = (self.comm.share(arrays), segments.unwrap_or_default());
        let (step, numbers, arrays) = (snapshot.step, snapshot.numbers.clone(), Arc::new(arrays));
        let (to, at) = (part.clone(), arrays.clone());
        let writing = BackgroundTask::begin(move || writer::write(&to, snapshot, &at));
        self.pending = Some((
            PendingCheckpoint { step, began: Instant::now(), part, numbers, arrays, segments },
            Phase::Writing(writing),
        ));
        Ok(())
    }

    /// The number of phases that this rank has completed. Not collective.
    pub fn acknowledged(&self) -> i64 {
        let done = |(_, phase): &(PendingCheckpoint, Phase)| match phase {
            Phase::Writing(work) => work.is_done(),
            Phase::Reading(work, _) => work.is_done(),
            Phase::Naming(work) => work.as_ref().is_none_or(BackgroundTask::is_done),
        };
        self.phases + i64::from(self.pending.as_ref().is_some_and(done))
    }

    /// Starts the next phase if all ranks have completed the current one; `least` is the minimum of
    /// [`CheckpointManager::acknowledged`] over all ranks.
    ///
    /// # Errors
    /// If a file cannot be written, or its contents differ from what was written.
    pub fn advance(&mut self, least: i64) -> Result<()> {
        if least > self.phases { self.next_phase() } else { Ok(()) }
    }

    /// Waits for the pending checkpoint.
    ///
    /// # Errors
    /// As [`CheckpointManager::advance`].
    pub fn wait(&mut self) -> Result<()> {
        while self.is_busy() {
            self.next_phase()?;
        }
        Ok(())
    }

    fn next_phase(&mut self) -> Result<()> {
        let Some((pending, phase)) = self.pending.take() else { return Ok(()) };
        self.phases += 1;
        let part = pending.part.clone();
        let done = match phase {
            Phase::Writing(work) => self.read_back(pending, work),
            Phase::Reading(work, written) => self.name(pending, work, &written),
            Phase::Naming(work) => self.conclude(&pending, work),
        };
        done.inspect_err(|_| self.discard(&part))
    }

    /// All ranks have written: each reads back a share of the blocks.
    fn read_back(&mut self, pending: PendingCheckpoint, work: BackgroundTask<(Snapshot, Sums)>) -> Result<()> {
        let (snapshot, sums) = self.comm.agree(work.finish())?;
        self.spare = Some(snapshot);
        let blocks: Vec<BlockId> = file::blocks_of(&pending.arrays).collect();
        let mine = blocks[store::share(blocks.len(), &self.comm)].to_vec();
        let (part, arrays) = (pending.part.clone(), pending.arrays.clone());
        let (dir, segments) = (self.dir.clone(), pending.segments.clone());
        let work = BackgroundTask::begin(move || {
            let (hashes, sums) = writer::read_back(part, arrays, mine)?;
            Ok((hashes, sums, ledger::hash_files(&dir, &segments)?))
        });
        self.pending = Some((pending, Phase::Reading(work, sums)));
        Ok(())
    }

    /// All ranks have read back: rank 0 stores the hashes and publishes the file.
    fn name(
        &mut self,
        pending: PendingCheckpoint,
        work: BackgroundTask<(Vec<Hash>, Sums, Files)>,
        written: &Sums,
    ) -> Result<()> {
        let (hashes, read, files) = self.comm.agree(work.finish())?;
        let difference = |(w, r): (&[u64; 2], &[u64; 2])| [0, 1].map(|i| w[i].wrapping_sub(r[i]) as i64);
        let mut differences = written.iter().zip(&read).map(difference).collect::<Vec<_>>().concat();
        self.comm.reduce(Reduce::Sum, &mut differences);
        if differences.iter().any(|d| *d != 0) {
            let why = format!("{} does not hold what was written to it", pending.part.display());
            return Err(Error::failure(why).remedy("the disk or the file system is broken: write elsewhere"));
        }
        let hashes = self.comm.gather(0, hashes.as_flattened());
        let naming = hashes.map(|hashes| self.begin_naming(&pending, &hashes.concat(), files)).transpose();
        self.pending = Some((pending, Phase::Naming(self.comm.agree(naming)?)));
        Ok(())
    }

    /// On rank 0: calls HDF5 now, and waits for the disk in a background task.
    fn begin_naming(
        &mut self,
        pending: &PendingCheckpoint,
        hashes: &[u8],
        files: Files,
    ) -> Result<BackgroundTask<Ledger>> {
        let PendingCheckpoint { step, part, numbers, arrays, .. } = pending;
        let mut hashes = hashes.as_chunks().0.iter().copied();
        let of = |place: &StoredArray| hashes.by_ref().take(hash_tree::blocks(place.bytes()) as usize).collect();
        let hashes: Vec<Vec<Hash>> = arrays.iter().map(of).collect();
        let root = file::complete(part, numbers, arrays, &hashes)?;
        let (step, part, dir, keep) = (*step, part.clone(), self.dir.clone(), self.keep);
        let mut ledger = self.ledger.take().expect("rank 0 has a ledger, and names one file at a time");
        self.before_naming = Some(ledger.clone());
        let fence = self.fence.clone();
        Ok(BackgroundTask::begin(move || {
            fence()?;
            durable::publish(&part, &store::path(&dir, step))?;
            fence()?;
            ledger.add(Entry { what: "checkpoint".into(), step, root, files, ..Entry::default() })?;
            store::drop_older(&dir, keep, &ledger).map(|()| ledger)
        }))
    }

    /// The checkpoint is in the ledger.
    fn conclude(&mut self, pending: &PendingCheckpoint, work: Option<BackgroundTask<Ledger>>) -> Result<()> {
        self.ledger = self.comm.agree(work.map(BackgroundTask::finish).transpose())?;
        self.longest = self.longest.max(Some(pending.began.elapsed()));
        self.written =
            (self.written.0 + 1, self.written.1 + pending.arrays.iter().map(StoredArray::bytes).sum::<u64>());
        Ok(())
    }

    /// Follows the directory to another name; a pending checkpoint is given up. Collective.
    ///
    /// # Errors
    /// If the background task that held the ledger has failed, and it cannot be read again.
    pub(crate) fn move_to(&mut self, dir: &Path) -> Result<()> {
        let pending = self.pending.take();
        let step = pending.as_ref().map(|(pending, _)| pending.step);
        let part = pending
            .as_ref()
            .and_then(|(pending, _)| pending.part.file_name().map(|name| store::folder(dir).join(name)));
        match pending.map(|(_, phase)| phase) {
            // What a task has failed in does not matter: the checkpoint is written again.
            Some(Phase::Writing(work)) => drop(work.finish()),
            Some(Phase::Reading(work, _)) => drop(work.finish()),
            Some(Phase::Naming(Some(work))) => self.ledger = work.finish().ok().or(self.before_naming.take()),
            Some(Phase::Naming(None)) | None => {}
        }
        part.iter().for_each(|part| self.discard(part));
        self.dir = dir.to_path_buf();
        if self.comm.is_root() {
            // What was being created while the directory moved could not be removed under its old name.
            _ = durable::clear(&store::folder(dir));
        }
        let ledger = match (self.comm.is_root(), self.ledger.take()) {
            (false, _) => Ok(None),
            (true, Some(ledger)) => Ok(Some(ledger.moved(dir))),
            (true, None) => Ledger::read(dir).map(Some),
        };
        self.ledger = self.comm.agree(ledger)?;
        // The file may have its name already, without a line in the ledger.
        if let (Some(step), Some(ledger)) = (step, &self.ledger)
            && !ledger.names_step(step)
        {
            self.discard(&store::path(dir, step));
        }
        Ok(())
    }

    /// Adds a line with other files of the run to the ledger, after waiting for a pending checkpoint.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    pub(crate) fn record(&mut self, what: &str, step: u64, files: &[String]) -> Result<()> {
        self.wait()?;
        let fence = self.fence.clone();
        let noted = self.ledger.as_mut().map_or(Ok(()), |ledger| {
            fence()?;
            let files = [ledger.new_segments(&self.streams), files.to_vec()].concat();
            let files = ledger::hash_files(&self.dir, &files)?;
            ledger.add(Entry { what: what.into(), step, files, ..Entry::default() })
        });
        self.comm.agree(noted)
    }

    fn discard(&self, part: &Path) {
        if self.comm.is_root() {
            durable::discard(part);
        }
    }
}
