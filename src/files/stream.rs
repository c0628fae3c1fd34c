//! A stream of instants on its way to disk.
use super::catalogue::{self, Sealed};
use super::durable;
use super::hdf5;
use super::layout::Layout;
use super::schema::{self, Life};
use super::segment::Segment;
use super::view;
use crate::base::hyperslab::Hyperslab;
use crate::base::{Error, Result};
use crate::comm::{Comm, Reduce};
use std::fs;
use std::path::{Path, PathBuf};

/// When a segment is sealed without being asked: what a kill can cost at most.
///
/// Both limits double after every 128 segments, so that a run of weeks or of terabytes has some hundreds of them: whoever
/// reads a virtual file to the end holds all segments open, most systems allow a process 1024 files, and HDF5 takes a
/// segment that it cannot open for a missing one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seal {
    /// After so many bytes of fields.
    pub bytes: u64,
    /// After so many seconds of wall time; 0 means after each instant.
    pub seconds: f64,
}

impl Seal {
    /// The limits for a segment after so many others.
    fn after(self, segments: usize) -> Seal {
        let times = 1u64 << (segments / 128).min(40);
        Seal { bytes: self.bytes.saturating_mul(times), seconds: self.seconds * times as f64 }
    }
}

impl Default for Seal {
    fn default() -> Seal {
        Seal { bytes: 1_000_000_000, seconds: 60.0 }
    }
}

/// How a stream begins.
#[derive(Clone, Copy)]
enum Start {
    New,
    From(Option<u64>),
}

/// An output stream. All methods are collective, and an error on one rank is an error on all.
///
/// ```
/// use halocline::Comm;
/// use halocline::files::{Axis, Layout, Seal, Hyperslab, Stream, Variable};
/// # fn main() -> halocline::Result<()> {
/// let x = Axis {
///     name: "x".into(), long_name: "distance".into(), unit: "m".into(),
///     cf_axis: Some('X'), standard_name: None, values: vec![0.5, 1.5, 2.5],
/// };
/// let temperature = Variable {
///     name: "temperature".into(), long_name: "temperature".into(), unit: "K".into(),
///     element: halocline_kernels::ElementType::F64, axes: vec![0], attributes: vec![],
/// };
/// let layout = Layout {
///     name: "fields".into(), title: "a rod".into(), axes: vec![x], variables: vec![temperature], provenance: vec![],
/// };
/// let dir = tempfile::tempdir().unwrap();
/// let mut stream = Stream::create(&Comm::alone(), dir.path(), layout, Seal::default())?;
/// stream.write(0, 0.0, vec![vec![Hyperslab::of(&[0], &[3], &[280.0, 290.0, 300.0])]])?;
/// stream.finish()?;
/// assert!(dir.path().join("fields.h5").is_file());
/// # Ok(())
/// # }
/// ```
pub struct Stream {
    comm: Comm,
    dir: PathBuf,
    layout: Layout,
    lives: Vec<Life>,
    limit: Seal,
    sealed: Vec<Sealed>,
    open: Option<Segment>,
}

impl Stream {
    /// Begins a stream in a directory, which is made if need be. Collective.
    ///
    /// # Errors
    /// A layout that files cannot hold, a stream of this name that is there already, a directory that cannot be written.
    pub fn create(comm: &Comm, dir: &Path, layout: Layout, seal: Seal) -> Result<Stream> {
        Stream::begin(comm, dir, layout, seal, Start::New)
    }

    /// Goes on with a stream after a restart from step `from`, or from the beginning: what it holds of later steps (or
    /// all) is dropped, and `layout`'s provenance is added to that of earlier lives. Without files of this name the
    /// stream begins. Collective.
    ///
    /// # Errors
    /// As [`Stream::create`]. Segments that cannot be read are named on stderr and put aside.
    pub fn resume(comm: &Comm, dir: &Path, layout: Layout, seal: Seal, from: Option<u64>) -> Result<Stream> {
        Stream::begin(comm, dir, layout, seal, Start::From(from))
    }

    fn begin(comm: &Comm, dir: &Path, layout: Layout, limit: Seal, start: Start) -> Result<Stream> {
        comm.agree(layout.check())?;
        let lives = vec![layout.provenance.clone()];
        let mut stream =
            Stream { comm: comm.clone(), dir: dir.to_path_buf(), layout, lives, limit, sealed: vec![], open: None };
        let prepared = if comm.is_root() { stream.prepare(start) } else { Ok(()) };
        comm.agree(prepared)?;
        // All ranks count segments and instants alike.
        let mut known = catalogue::encode(&stream.sealed);
        comm.broadcast(0, &mut known);
        stream.sealed = catalogue::decode(&known);
        Ok(stream)
    }

    /// On rank 0: makes the folder and, going on, brings what is there to the step from which the run goes on.
    fn prepare(&mut self, start: Start) -> Result<()> {
        let folder = self.folder();
        fs::create_dir_all(&folder).map_err(|e| durable::why("create", &folder, e))?;
        durable::clear(&folder).map_err(|e| Error::file("clear", &folder, e))?;
        let view = self.view_path();
        let (sealed, lost) = catalogue::scan(&folder)?;
        let Start::From(step) = start else {
            if let Some(there) = if sealed.is_empty() { view.exists().then_some(&view) } else { Some(&folder) } {
                return Err(Error::input(format!("output stream {:?} exists: {}", self.layout.name, there.display()))
                    .remedy("go on with that run, remove it, or choose another directory with --output DIR"));
            }
            return Ok(());
        };
        if view.exists() {
            let earlier = hdf5::open(&view).and_then(|f| schema::lives(&f));
            let mut lives = earlier.unwrap_or_else(|e| {
                // It is made anew from the segments; only who wrote them is forgotten.
                eprintln!("warning: {}; it is made anew", hdf5::explain("read", &view, e).what());
                vec![]
            });
            lives.append(&mut self.lives);
            self.lives = lives;
        }
        let (kept, dropped) = catalogue::keep_until(sealed, step);
        self.sealed = kept;
        // A run goes on without what is lost, and whoever looks will find out.
        for (i, why) in lost {
            let path = folder.join(catalogue::file_name(i));
            let aside = path.with_extension("h5.damaged");
            if !path.exists() && aside.exists() {
                continue; // That was said before.
            }
            eprintln!("warning: {}; its instants are lost", why.what());
            match fs::rename(&path, aside) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(Error::file("rename", &path, e)),
                _ => {}
            }
        }
        // First the view, then the files that it no longer names: a kill in between leaves nothing that misses.
        self.renew_view()?;
        for i in dropped {
            let path = folder.join(catalogue::file_name(i));
            durable::remove(&path)?;
        }
        Ok(())
    }

    /// Appends an instant: one `Vec` per variable with this rank's boxes, which with those of the other ranks hold each
    /// cell once. `time` is in seconds; steps grow. The instant is safe from a kill once it is sealed. Collective.
    ///
    /// # Errors
    /// Boxes that do not fit, and whatever the file system says. Then the segment that was being written is lost, and
    /// those before it stand as they were.
    pub fn write(&mut self, step: u64, time: f64, slabs: Vec<Vec<Hyperslab>>) -> Result<()> {
        self.check(step, &slabs)?;
        if self.open.is_none() {
            let i = self.sealed.len();
            self.open = Some(Segment::begin(&self.comm, &self.folder(), i, &self.layout, &self.lives)?);
        }
        let segment = self.open.as_mut().expect("a segment was begun");
        if let Err(e) = segment.write(&self.comm, &self.layout, (step, time), slabs) {
            if let Some(segment) = self.open.take() {
                segment.discard(&self.comm);
            }
            return Err(e);
        }
        // Clocks differ between ranks: rank 0's decides.
        let limit = self.limit.after(self.sealed.len());
        let mut due = vec![segment.is_due(limit.bytes, limit.seconds) as u8];
        self.comm.broadcast(0, &mut due);
        if due[0] == 1 { self.seal() } else { Ok(()) }
    }

    fn check(&self, step: u64, slabs: &[Vec<Hyperslab>]) -> Result<()> {
        let (name, variables) = (&self.layout.name, &self.layout.variables);
        let counted = || -> Result<Vec<i64>> {
            if slabs.len() != variables.len() {
                let (given, held) = (slabs.len(), variables.len());
                return Err(Error::failure(format!("{given} variables for the {held} of output stream {name:?}")));
            }
            let last = match &self.open {
                Some(segment) => segment.last(),
                None => self.sealed.iter().rev().find_map(|s| s.instants.last().copied()),
            };
            if let Some((last, _)) = last.filter(|&(last, _)| last >= step) {
                return Err(Error::failure(format!("step {step} after step {last} in output stream {name:?}")));
            }
            let count = |(v, slabs): (_, &Vec<Hyperslab>)| {
                let shape = self.layout.shape(v);
                let cells = slabs.iter().map(|s| s.check(&shape, v.element.size()));
                let cells = cells.sum::<Result<usize>>();
                cells.map(|n| n as i64).map_err(|e| Error::failure(format!("{name}, {}: {}", v.name, e.what())))
            };
            variables.iter().zip(slabs).map(count).collect()
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

    /// True if sealing now makes no more segments than are made anyway. On rank 0; not collective.
    pub(crate) fn is_ripe(&self) -> bool {
        let limit = self.limit.after(self.sealed.len());
        self.open.as_ref().is_none_or(|segment| segment.is_due(limit.bytes, limit.seconds))
    }

    /// Seals what has been written: from here on it survives a kill. Without news it does nothing. Collective.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn seal(&mut self) -> Result<()> {
        let Some(segment) = self.open.take() else { return Ok(()) };
        let instants = segment.seal(&self.comm)?;
        self.sealed.push(Sealed { held: instants.len(), instants });
        let renewed = if self.comm.is_root() { self.renew_view() } else { Ok(()) };
        self.comm.agree(renewed)
    }

    /// Seals what has been written, and ends. Collective.
    ///
    /// # Errors
    /// As [`Stream::seal`].
    pub fn finish(mut self) -> Result<()> {
        self.seal()
    }

    fn renew_view(&self) -> Result<()> {
        view::renew(&self.dir, &self.layout, &self.lives, &self.sealed)
    }

    fn folder(&self) -> PathBuf {
        catalogue::folder(&self.dir, &self.layout.name)
    }

    fn view_path(&self) -> PathBuf {
        view::path(&self.dir, &self.layout.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_runs_have_hundreds_of_segments_not_thousands() {
        let (mut seconds, mut segments) = (0.0, 0);
        while seconds < 10.0 * 86400.0 {
            seconds += Seal::default().after(segments).seconds;
            segments += 1;
        }
        assert!((500..1000).contains(&segments), "{segments}");
        assert_eq!(Seal { bytes: 3, seconds: 0.0 }.after(usize::MAX).seconds, 0.0);
    }
}
