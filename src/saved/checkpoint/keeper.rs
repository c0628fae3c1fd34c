//! Keeps the checkpoints of a run: writes new ones beside the run, drops the oldest.
use super::file::{self, Damage, RowPosition};
use super::ledger::{self, Entry, Ledger};
use super::shelf;
use super::tree::{self, Hash};
use super::writer::{self, Sums};
use crate::base::background::BackgroundTask;
use crate::base::{Error, Result};
use crate::comm::{Comm, Reduce};
use crate::engine::Snapshot;
use crate::files::durable;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The checkpoints of a run. All methods but [`Keeper::told`] are collective, and an error on one rank is an error on all.
///
/// ```
/// use halocline::saved::checkpoint::{self, Keeper};
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
/// let mut keeper = Keeper::in_folder(run.comm(), dir.path(), 2)?;
/// let spare = keeper.spare(); // memory of an earlier one
/// keeper.save(run.snapshot(spare))?; // goes on beside the run
/// run.advance(10)?;
/// keeper.settle()?;
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
/// A checkpoint is written in three turns, each of which threads do beside the run: all ranks write; all read back what
/// others wrote; rank 0 brings the file to disk and gives it its name. A turn is over when all ranks are done with it, which they find out by telling each other, now and
/// then, how many turns they have done ([`Keeper::told`], [`Keeper::heard`]).
pub struct Keeper {
    comm: Comm,
    dir: PathBuf,
    /// How many are kept.
    keep: usize,
    /// Of the output streams, whose segments are noted in the ledger.
    streams: Vec<String>,
    job_file: String,
    /// On rank 0, but while it is with the thread that adds a line.
    ledger: Option<Ledger>,
    under_way: Option<(Draft, IndexTransform)>,
    /// Says no once the folder is another run's.
    fence: Fence,
    /// Turns that all ranks have done.
    turns: i64,
    /// Memory of the last snapshot, for the next.
    spare: Option<Snapshot>,
    /// Checkpoints written, and bytes of all ranks.
    written: (u64, u64),
    /// How long the slowest of them took.
    longest: Option<Duration>,
}

/// A checkpoint that is being written.
struct Draft {
    step: u64,
    began: Instant,
    part: PathBuf,
    numbers: BTreeMap<String, u64>,
    places: Arc<Vec<RowPosition>>,
    /// Segments to be noted, on rank 0.
    segments: Vec<String>,
}

type Files = BTreeMap<String, String>;
type Fence = Arc<dyn Fn() -> Result<()> + Send + Sync>;

enum IndexTransform {
    Writing(BackgroundTask<(Snapshot, Sums)>),
    Reading(BackgroundTask<(Vec<Hash>, Sums, Files)>, Sums),
    /// On rank 0 alone: the ledger comes back with a line more.
    Naming(Option<BackgroundTask<Ledger>>),
}

impl Keeper {
    /// Of a program of your own, which keeps so many in `dir/checkpoints`, and their ledger in `dir`. Collective.
    ///
    /// # Errors
    /// If there is a ledger that cannot be read.
    pub fn in_folder(comm: &Comm, dir: &Path, keep: usize) -> Result<Keeper> {
        let ledger = comm.agree(comm.is_root().then(|| Ledger::read(dir)).transpose())?;
        Ok(Keeper::new(comm, dir, keep, vec![], String::new(), ledger))
    }

    /// Of the run in `dir`, which keeps so many; on rank 0 with its ledger.
    pub(crate) fn new(
        comm: &Comm,
        dir: &Path,
        keep: usize,
        streams: Vec<String>,
        job_file: String,
        ledger: Option<Ledger>,
    ) -> Keeper {
        let (comm, dir) = (comm.clone(), dir.to_path_buf());
        Keeper {
            comm,
            dir,
            keep,
            streams,
            job_file,
            ledger,
            under_way: None,
            fence: Arc::new(|| Ok(())),
            turns: 0,
            spare: None,
            written: (0, 0),
            longest: None,
        }
    }

    /// Asks this before a checkpoint gets its name and before the ledger is written.
    pub(crate) fn fence(&mut self, ask: impl Fn() -> Result<()> + Send + Sync + 'static) {
        self.fence = Arc::new(ask);
    }

    /// Memory of an older snapshot, for [`crate::Simulation::snapshot`].
    pub fn spare(&mut self) -> Option<Snapshot> {
        self.spare.take()
    }

    /// Checkpoints written so far, and their bytes on all ranks.
    pub fn written(&self) -> (u64, u64) {
        self.written
    }

    /// How long the slowest checkpoint so far took, from the snapshot until it counted.
    pub fn longest(&self) -> Option<Duration> {
        self.longest
    }

    /// True while one is being written.
    pub fn is_busy(&self) -> bool {
        self.under_way.is_some()
    }

    /// Begins to write a snapshot; one that is still being written comes first.
    ///
    /// # Errors
    /// If the file cannot be made, or there is no room for it.
    pub fn save(&mut self, snapshot: Snapshot) -> Result<()> {
        self.settle()?;
        let path = shelf::path(&self.dir, snapshot.step);
        let part = durable::part_of(&path);
        let made = self.ledger.as_ref().map(|ledger| {
            let folder = shelf::folder(&self.dir);
            std::fs::create_dir_all(&folder).map_err(|e| durable::why("create", &folder, e))?;
            let places = file::create(&part, &snapshot, ledger.last_root(), &self.job_file);
            places.map(|places| (places, ledger.new_segments(&self.streams)))
        });
        let made = self.comm.agree(made.transpose()).inspect_err(|_| self.discard(&part))?;
        let (places, segments) = made.unzip();
        let (places, segments): (Vec<RowPosition>, _) = (self.comm.share(places), segments.unwrap_or_default());
        let (step, numbers, places) = (snapshot.step, snapshot.numbers.clone(), Arc::new(places));
        let (to, at) = (part.clone(), places.clone());
        let writing = BackgroundTask::begin(move || writer::write(&to, snapshot, &at));
        self.under_way = Some((
            Draft { step, began: Instant::now(), part, numbers, places, segments },
            IndexTransform::Writing(writing),
        ));
        Ok(())
    }

    /// How many turns this rank has done. Not collective.
    pub fn told(&self) -> i64 {
        let done = |(_, turn): &(Draft, IndexTransform)| match turn {
            IndexTransform::Writing(work) => work.is_done(),
            IndexTransform::Reading(work, _) => work.is_done(),
            IndexTransform::Naming(work) => work.as_ref().is_none_or(BackgroundTask::is_done),
        };
        self.turns + i64::from(self.under_way.as_ref().is_some_and(done))
    }

    /// Goes on once all ranks have told that they have done the turn under way: `least` is the least that was told.
    ///
    /// # Errors
    /// If something could not be written or is not what was written.
    pub fn heard(&mut self, least: i64) -> Result<()> {
        if least > self.turns { self.next_turn() } else { Ok(()) }
    }

    /// Waits for what is being written.
    ///
    /// # Errors
    /// As [`Keeper::heard`].
    pub fn settle(&mut self) -> Result<()> {
        while self.is_busy() {
            self.next_turn()?;
        }
        Ok(())
    }

    fn next_turn(&mut self) -> Result<()> {
        let Some((draft, turn)) = self.under_way.take() else { return Ok(()) };
        self.turns += 1;
        let part = draft.part.clone();
        let done = match turn {
            IndexTransform::Writing(work) => self.read_back(draft, work),
            IndexTransform::Reading(work, written) => self.name(draft, work, &written),
            IndexTransform::Naming(work) => self.conclude(&draft, work),
        };
        done.inspect_err(|_| self.discard(&part))
    }

    /// All ranks have written: has each read a share of it back.
    fn read_back(&mut self, draft: Draft, work: BackgroundTask<(Snapshot, Sums)>) -> Result<()> {
        let (snapshot, sums) = self.comm.agree(work.finish())?;
        self.spare = Some(snapshot);
        let blocks: Vec<Damage> = file::blocks_of(&draft.places).collect();
        let mine = blocks[shelf::share(blocks.len(), &self.comm)].to_vec();
        let (part, places) = (draft.part.clone(), draft.places.clone());
        let (dir, segments) = (self.dir.clone(), draft.segments.clone());
        let work = BackgroundTask::begin(move || {
            let (hashes, sums) = writer::read_back(part, places, mine)?;
            Ok((hashes, sums, ledger::hash_files(&dir, &segments)?))
        });
        self.under_way = Some((draft, IndexTransform::Reading(work, sums)));
        Ok(())
    }

    /// All ranks have read back: rank 0 puts the hashes in and gives the file its name.
    fn name(&mut self, draft: Draft, work: BackgroundTask<(Vec<Hash>, Sums, Files)>, written: &Sums) -> Result<()> {
        let (hashes, read, files) = self.comm.agree(work.finish())?;
        let difference = |(w, r): (&[u64; 2], &[u64; 2])| [0, 1].map(|i| w[i].wrapping_sub(r[i]) as i64);
        let mut differences = written.iter().zip(&read).map(difference).collect::<Vec<_>>().concat();
        self.comm.reduce(Reduce::Sum, &mut differences);
        if differences.iter().any(|d| *d != 0) {
            let why = format!("{} does not hold what was written to it", draft.part.display());
            return Err(Error::failure(why).remedy("the disk or the file system is broken: write elsewhere"));
        }
        let hashes = self.comm.gather(0, hashes.as_flattened());
        let naming = hashes.map(|hashes| self.begin_naming(&draft, &hashes.concat(), files)).transpose();
        self.under_way = Some((draft, IndexTransform::Naming(self.comm.agree(naming)?)));
        Ok(())
    }

    /// On rank 0: what calls HDF5 is done at once, what waits for the disk is not.
    fn begin_naming(&mut self, draft: &Draft, hashes: &[u8], files: Files) -> Result<BackgroundTask<Ledger>> {
        let Draft { step, part, numbers, places, .. } = draft;
        let mut hashes = hashes.as_chunks().0.iter().copied();
        let of = |place: &RowPosition| hashes.by_ref().take(tree::blocks(place.bytes()) as usize).collect();
        let hashes: Vec<Vec<Hash>> = places.iter().map(of).collect();
        let root = file::complete(part, numbers, places, &hashes)?;
        let (step, part, dir, keep) = (*step, part.clone(), self.dir.clone(), self.keep);
        let mut ledger = self.ledger.take().expect("rank 0 has a ledger, and names one file at a time");
        let fence = self.fence.clone();
        Ok(BackgroundTask::begin(move || {
            fence()?;
            durable::publish(&part, &shelf::path(&dir, step))?;
            fence()?;
            ledger.add(Entry { what: "checkpoint".into(), step, root, files, ..Entry::default() })?;
            shelf::drop_older(&dir, keep).map(|()| ledger)
        }))
    }

    /// The checkpoint counts.
    fn conclude(&mut self, draft: &Draft, work: Option<BackgroundTask<Ledger>>) -> Result<()> {
        self.ledger = self.comm.agree(work.map(BackgroundTask::finish).transpose())?;
        self.longest = self.longest.max(Some(draft.began.elapsed()));
        self.written = (self.written.0 + 1, self.written.1 + draft.places.iter().map(RowPosition::bytes).sum::<u64>());
        Ok(())
    }

    /// Notes what the run has written besides checkpoints. Those still under way come first.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    pub(crate) fn note(&mut self, what: &str, step: u64, files: &[String]) -> Result<()> {
        self.settle()?;
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
