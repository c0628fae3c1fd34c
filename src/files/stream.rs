//! Output streams: instants of fields, written to segments.
use super::catalogue::{self, Scan, SealedSegment};
use super::durable;
use super::hdf5;
use super::layout::Layout;
use super::merge;
use super::records::Instant;
use super::schema::{self, Provenance};
use super::seal::Seal;
use super::segment::Segment;
use super::view;
use crate::base::hyperslab::Hyperslab;
use crate::base::message::message;
use crate::base::{Error, Result};
use crate::comm::{Comm, Reduce};
use std::fs;
use std::path::{Path, PathBuf};

/// How a stream is opened.
#[derive(Clone, Copy)]
enum Open {
    New,
    /// After a restart from this step, or from the beginning.
    Resumed(Option<u64>),
}

/// An output stream. All methods are collective, and an error on one rank is returned on all.
///
/// ```
/// use halocline::Comm;
/// use halocline::files::{Axis, Hyperslab, Instant, Layout, Seal, Stream, Variable};
/// # fn main() -> halocline::Result<()> {
/// let x = Axis {
///     name: "x".into(), long_name: "distance".into(), unit: "m".into(),
///     cf_axis: Some('X'), standard_name: None, attributes: vec![], values: vec![0.5, 1.5, 2.5],
/// };
/// let temperature = Variable {
///     name: "temperature".into(), long_name: "temperature".into(), unit: "K".into(),
///     element: halocline_kernels::ElementType::F64, axes: vec![0], attributes: vec![],
/// };
/// let layout = Layout {
///     name: "fields".into(), title: "a rod".into(), axes: vec![x], variables: vec![temperature],
///     ..Layout::default()
/// };
/// let dir = tempfile::tempdir().unwrap();
/// let mut stream = Stream::create(&Comm::alone(), dir.path(), layout, Seal::default())?;
/// stream.write(Instant::at(0, 0.0), vec![vec![Hyperslab::of(&[0], &[3], &[280.0, 290.0, 300.0])]])?;
/// stream.finish()?;
/// assert!(dir.path().join("fields.h5").is_file());
/// # Ok(())
/// # }
/// ```
pub struct Stream {
    comm: Comm,
    dir: PathBuf,
    layout: Layout,
    attempts: Vec<Provenance>,
    limit: Seal,
    sealed: Vec<SealedSegment>,
    open: Option<Segment>,
}

impl Stream {
    /// Begins a stream in a directory, which is created if needed. Collective.
    ///
    /// # Errors
    /// If the layout cannot be stored, a stream of this name exists, or the directory cannot be written.
    pub fn create(comm: &Comm, dir: &Path, layout: Layout, seal: Seal) -> Result<Stream> {
        Stream::begin(comm, dir, layout, seal, Open::New)
    }

    /// Continues a stream after a restart from step `from`, or from the beginning if `from` is `None`: later instants are
    /// dropped, and the provenance of `layout` is added to the provenance of earlier attempts. A stream without files is
    /// created. Collective.
    ///
    /// # Errors
    /// As [`Stream::create`]. Damaged segments are reported on stderr and renamed.
    pub fn resume(comm: &Comm, dir: &Path, layout: Layout, seal: Seal, from: Option<u64>) -> Result<Stream> {
        Stream::begin(comm, dir, layout, seal, Open::Resumed(from))
    }

    fn begin(comm: &Comm, dir: &Path, layout: Layout, limit: Seal, open: Open) -> Result<Stream> {
        comm.agree(layout.check())?;
        let attempts = vec![layout.provenance.clone()];
        let mut stream =
            Stream { comm: comm.clone(), dir: dir.to_path_buf(), layout, attempts, limit, sealed: vec![], open: None };
        let prepared = if comm.is_root() { stream.prepare(open) } else { Ok(()) };
        comm.agree(prepared)?;
        stream.share_sealed();
        Ok(stream)
    }

    /// On rank 0: creates the directory, and rolls existing files back to the step from which the run resumes.
    fn prepare(&mut self, open: Open) -> Result<()> {
        let folder = self.folder();
        fs::create_dir_all(&folder).map_err(|e| durable::why("create", &folder, e))?;
        durable::clear(&folder).map_err(|e| Error::file("clear", &folder, e))?;
        let view = self.view_path();
        let Scan { sealed, lost, covered } = catalogue::scan(&folder)?;
        let Open::Resumed(step) = open else {
            if let Some(there) = if sealed.is_empty() { view.exists().then_some(&view) } else { Some(&folder) } {
                return Err(Error::input(format!("output stream {:?} exists: {}", self.layout.name, there.display()))
                    .remedy("go on with that run, remove it, or choose another directory with --output DIR"));
            }
            return Ok(());
        };
        if view.exists() {
            let earlier = hdf5::open(&view).and_then(|f| schema::provenance(&f));
            let mut attempts = earlier.unwrap_or_else(|e| {
                // It is rebuilt from the segments; only the provenance is lost.
                message!("warning: {}; it is made anew", hdf5::explain("read", &view, e).what());
                vec![]
            });
            attempts.append(&mut self.attempts);
            self.attempts = attempts;
        }
        let (kept, dropped) = catalogue::keep_until(sealed, step);
        self.sealed = kept;
        // The run continues without the lost segments, with a warning.
        for (name, why) in lost {
            let path = folder.join(name);
            let aside = path.with_extension("h5.damaged");
            if !path.exists() && aside.exists() {
                continue; // An earlier attempt has reported it.
            }
            message!("warning: {}; its instants are lost", why.what());
            match fs::rename(&path, aside) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(Error::file("rename", &path, e)),
                _ => {}
            }
        }
        // The view is rewritten before the files that it no longer names are removed: after a kill in between, no file that
        // it names is missing.
        self.renew_view()?;
        for name in covered.into_iter().chain(dropped) {
            let path = folder.join(name);
            durable::remove(&path)?;
        }
        Ok(())
    }

    /// Appends an instant: one `Vec` of this rank's hyperslabs per variable. The hyperslabs of all ranks together hold each
    /// cell once. Steps must increase. The instant survives a kill once it is sealed. Collective.
    ///
    /// # Errors
    /// If the hyperslabs do not fit the layout, or a file cannot be written. If there is no space for the instant, the instants
    /// before it are sealed; after another error of the file, those of the open segment are lost. Sealed segments are unchanged.
    pub fn write(&mut self, at: Instant, hyperslabs: Vec<Vec<Hyperslab>>) -> Result<()> {
        self.check(at.step, &hyperslabs)?;
        if self.open.is_none() {
            let i = catalogue::next_number(&self.sealed);
            self.open = Some(Segment::begin(&self.comm, &self.folder(), i, &self.layout, &self.attempts)?);
        }
        let segment = self.open.as_mut().expect("a segment was begun");
        if let Err(e) = segment.reserve(&self.comm, &self.layout) {
            // Nothing of this instant is in the file: the instants before it fit, and are kept.
            // Where there is no space to seal them either, they are lost, and this error is the one to report.
            match segment.last() {
                Some(_) => _ = self.seal(),
                None => self.open.take().into_iter().for_each(|segment| segment.discard(&self.comm)),
            }
            return Err(e);
        }
        if let Err(e) = segment.write(&self.comm, &self.layout, at, hyperslabs) {
            if let Some(segment) = self.open.take() {
                segment.discard(&self.comm);
            }
            return Err(e);
        }
        // Clocks differ between ranks, so rank 0 decides.
        let limit = self.limit.after(self.sealed.len());
        let mut due = vec![segment.is_due(limit.bytes, limit.seconds) as u8];
        self.comm.broadcast(0, &mut due);
        if due[0] == 1 { self.seal() } else { Ok(()) }
    }

    fn check(&self, step: u64, hyperslabs: &[Vec<Hyperslab>]) -> Result<()> {
        let (name, variables) = (&self.layout.name, &self.layout.variables);
        let counted = || -> Result<Vec<i64>> {
            if hyperslabs.len() != variables.len() {
                let (given, held) = (hyperslabs.len(), variables.len());
                return Err(Error::failure(format!("{given} variables for the {held} of output stream {name:?}")));
            }
            let last = match &self.open {
                Some(segment) => segment.last(),
                None => self.sealed.iter().rev().find_map(|s| s.instants.last().copied()),
            };
            if let Some(last) = last.map(|last| last.step).filter(|last| *last >= step) {
                return Err(Error::failure(format!("step {step} after step {last} in output stream {name:?}")));
            }
            let count = |(v, hyperslabs): (_, &Vec<Hyperslab>)| {
                let shape = self.layout.shape(v);
                let cells = hyperslabs.iter().map(|h| h.check(&shape, v.element.size()));
                let cells = cells.sum::<Result<usize>>();
                cells.map(|n| n as i64).map_err(|e| Error::failure(format!("{name}, {}: {}", v.name, e.what())))
            };
            variables.iter().zip(hyperslabs).map(count).collect()
        };
        let mut cells = self.comm.agree(counted())?;
        self.comm.reduce(Reduce::Sum, &mut cells);
        for (v, &cells) in variables.iter().zip(&cells) {
            let all = self.layout.shape(v).iter().product::<usize>() as i64;
            if cells != all {
                return Err(Error::failure(format!("{name}, {}: the ranks gave {cells} of {all} cells", v.name)));
            }
        }
        Ok(())
    }

    /// True if the open segment has reached its limit, or there is none: sealing now produces no extra segment. Valid on
    /// rank 0; not collective.
    pub(crate) fn is_ripe(&self) -> bool {
        let limit = self.limit.after(self.sealed.len());
        self.open.as_ref().is_none_or(|segment| segment.is_due(limit.bytes, limit.seconds))
    }

    /// Seals the instants written so far, which then survive a kill. Does nothing without new instants. Collective.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn seal(&mut self) -> Result<()> {
        let Some(segment) = self.open.take() else { return Ok(()) };
        let instants = segment.seal(&self.comm)?;
        let number = catalogue::next_number(&self.sealed);
        self.sealed.push(SealedSegment { held: instants.len(), instants, numbers: [number, number] });
        let replaced = self.merge_small();
        let renewed = if self.comm.is_root() { self.renew_view() } else { Ok(()) };
        self.comm.agree(renewed)?;
        // Only now does the virtual file not name them any more. One that stays is removed by the next attempt.
        replaced.iter().for_each(|name| durable::discard(&self.folder().join(name)));
        Ok(())
    }

    /// Merges small segments if there are many, and returns the file names of those that are no longer needed, on rank 0.
    /// A failure is a warning: all segments are still there. Collective.
    fn merge_small(&mut self) -> Vec<String> {
        let mut replaced = vec![];
        if !merge::is_due(self.sealed.len()) {
            return replaced;
        }
        if self.comm.is_root() {
            match merge::merge(&self.folder(), &self.sealed, &self.attempts) {
                Ok(merged) => (self.sealed, replaced) = merged,
                Err(e) => message!("warning: the segments of {} are not merged: {e}", self.layout.name),
            }
        }
        self.share_sealed();
        replaced
    }

    /// Makes all ranks number segments and instants as rank 0 does. Collective.
    fn share_sealed(&mut self) {
        let mut known = catalogue::encode(&self.sealed);
        self.comm.broadcast(0, &mut known);
        self.sealed = catalogue::decode(&known);
    }

    /// Seals the instants written so far and closes the stream. Collective.
    ///
    /// # Errors
    /// As [`Stream::seal`].
    pub fn finish(mut self) -> Result<()> {
        self.seal()
    }

    /// Follows the directory to another name. Not collective.
    pub fn move_to(&mut self, dir: &Path) {
        self.dir = dir.to_path_buf();
        let folder = self.folder();
        self.open.iter_mut().for_each(|segment| segment.move_to(&folder));
        if self.comm.is_root() {
            // What was being written while the directory moved could not be removed under its old name.
            _ = durable::clear_except(&folder, self.open.as_ref().map(Segment::part));
            view::discard_parts(&self.dir, &self.layout.name);
        }
    }

    fn renew_view(&self) -> Result<()> {
        view::renew(&self.dir, &self.layout, &self.attempts, &self.sealed)
    }

    fn folder(&self) -> PathBuf {
        catalogue::folder(&self.dir, &self.layout.name)
    }

    fn view_path(&self) -> PathBuf {
        view::path(&self.dir, &self.layout.name)
    }
}
