//! The open segment of a stream: all ranks write it together through MPI, or rank 0 writes it for all.
use super::catalogue;
use super::durable;
use super::hdf5::{self, Storage};
use super::hyperslabs;
use super::layout::{Layout, Variable};
use super::records::{Instant, RecordDataset};
use super::schema::{self, Provenance};
use crate::base::Result;
use crate::base::hyperslab::Hyperslab;
use crate::comm::Comm;
use std::path::{Path, PathBuf};
use std::time::Instant as Clock;

/// An open segment. Ranks that leave the writing to rank 0 have no open file.
pub(super) struct Segment {
    path: PathBuf,
    part: PathBuf,
    collective: bool,
    is_root: bool,
    open: Option<Open>,
    /// Bytes of the file before the first instant; valid on rank 0.
    empty: u64,
    instants: Vec<Instant>,
    bytes: u64,
    began: Clock,
}

/// Bytes that HDF5 may allocate when it closes a file.
const MARGIN: u64 = 64 << 10;

struct Open {
    // Fields are dropped in this order, and HDF5 requires the datasets of a file to be closed before the file.
    variables: Vec<hdf5::Dataset>,
    records: Vec<(RecordDataset, hdf5::Dataset)>,
    file: hdf5::File,
}

impl Segment {
    /// Creates segment number `i`. Collective.
    pub(super) fn begin(
        comm: &Comm,
        folder: &Path,
        i: usize,
        layout: &Layout,
        attempts: &[Provenance],
    ) -> Result<Segment> {
        let path = folder.join(catalogue::file_name(i));
        let part = durable::part_of(&path);
        // Rank 0 alone creates the file: all of it but the numbers is small, and independent of which ranks write.
        let created = comm.is_root().then(|| {
            let chunks = |v: &Variable| Storage::Growing(schema::chunk(&layout.shape(v), v.element.size()));
            let file = schema::create(&part, layout, attempts, &[], None, chunks)?;
            file.flush().map(|()| file)
        });
        let created = comm.agree(created.transpose().map_err(|e| hdf5::explain("create", &part, e)));
        let created = created.inspect_err(|_| {
            if comm.is_root() {
                durable::discard(&part)
            }
        })?;
        let empty = std::fs::metadata(&part).map_or(0, |m| m.len());
        let raw = comm.raw();
        let file = match &raw {
            Some(raw) => {
                let closed = created.map_or(Ok(()), hdf5::File::close);
                comm.agree(closed.map_err(|e| hdf5::explain("close", &part, e)))?;
                hdf5::open_shared(&part, raw).map(Some)
            }
            // The file stays open: reopening it would fail on the lock if a child process had inherited it meanwhile.
            None => Ok(created),
        };
        let open = file.and_then(|file| file.map(|file| Open::of(file, layout)).transpose());
        let open = open.map_err(|e| hdf5::explain("open", &part, e));
        let (collective, is_root) = (raw.is_some(), comm.is_root());
        // Built before `agree`, so that a rank that unwinds in there cleans up with `drop`.
        let segment = |open| Segment {
            path,
            part,
            collective,
            is_root,
            open,
            empty,
            instants: vec![],
            bytes: 0,
            began: Clock::now(),
        };
        comm.agree(open.map(segment))
    }

    /// Appends an instant, for which space is reserved; the hyperslabs, one `Vec` per variable, must have been checked. Collective; after an error only [`Segment::discard`] makes sense.
    pub(super) fn write(
        &mut self,
        comm: &Comm,
        layout: &Layout,
        at: Instant,
        hyperslabs: Vec<Vec<Hyperslab>>,
    ) -> Result<()> {
        let instant = self.instants.len();
        self.each(comm, |open| open.variables.iter().try_for_each(|v| hdf5::resize(v, instant + 1)))?;
        for (v, mut own) in hyperslabs.into_iter().enumerate() {
            let (shape, size) = (layout.shape(&layout.variables[v]), layout.variables[v].element.size());
            let mut messages = vec![];
            if !self.collective {
                // Rank 0's own hyperslabs need no message.
                let message = if comm.is_root() { vec![] } else { hyperslabs::encode(&std::mem::take(&mut own)) };
                messages = comm.gather(0, &message).unwrap_or_default();
            }
            let received = messages.iter().flat_map(|message| hyperslabs::decode(message));
            let all: Vec<_> = own.iter().map(Hyperslab::borrow).chain(received).collect();
            let bytes = comm.agree(hyperslabs::in_file_order(&all, &shape, size))?;
            let selections = if bytes.len() == shape.iter().product::<usize>() * size {
                vec![([&[instant], &vec![0; shape.len()][..]].concat(), [&[1], &shape[..]].concat())]
            } else {
                hyperslabs::selections(&all, instant)
            };
            self.each(comm, |open| hdf5::write(&open.variables[v], &selections, &bytes, self.collective))?;
        }
        self.instants.push(at);
        self.bytes += layout.bytes_per_instant();
        Ok(())
    }

    /// Performs an operation on the file. The ranks agree on its result, since a rank that stopped alone would leave the others
    /// waiting.
    fn each(&self, comm: &Comm, act: impl Fn(&Open) -> hdf5::Result<()>) -> Result<()> {
        let done = self.open.as_ref().map_or(Ok(()), act);
        comm.agree(done.map_err(|e| hdf5::explain("write", &self.part, e)))
    }

    /// Reserves disk space for the next instant before a rank writes: some MPI libraries do not report a collective write
    /// that finds the disk full, and parallel HDF5 may then hang in a later call.
    pub(super) fn reserve(&self, comm: &Comm, layout: &Layout) -> Result<()> {
        let instants = self.instants.len() + 1;
        let bytes = self.empty + schema::bytes_of_instants(layout, instants) + MARGIN;
        comm.agree(if comm.is_root() { durable::reserve(&self.part, bytes) } else { Ok(()) })
    }

    /// True when the segment should be sealed: it holds at least `bytes` bytes, or is at least `seconds` old.
    pub(super) fn is_due(&self, bytes: u64, seconds: f64) -> bool {
        self.bytes >= bytes || self.began.elapsed().as_secs_f64() >= seconds
    }

    /// Follows the folder to another name.
    pub(super) fn move_to(&mut self, folder: &Path) {
        for path in [&mut self.path, &mut self.part] {
            *path = folder.join(path.file_name().unwrap_or_default());
        }
    }

    /// The temporary file.
    pub(super) fn part(&self) -> &Path {
        &self.part
    }

    /// The last instant.
    pub(super) fn last(&self) -> Option<Instant> {
        self.instants.last().copied()
    }

    /// Closes the file, syncs it and renames it to its final name. Returns its instants. Collective.
    pub(super) fn seal(mut self, comm: &Comm) -> Result<Vec<Instant>> {
        if let Err(e) = self.write_instants(comm) {
            self.discard(comm);
            return Err(e);
        }
        let closed = self.close().map_err(|e| hdf5::explain("close", &self.part, e));
        let sealed = comm
            .agree(closed)
            .and_then(|()| comm.agree(if comm.is_root() { durable::publish(&self.part, &self.path) } else { Ok(()) }));
        match sealed {
            Ok(()) => Ok(std::mem::take(&mut self.instants)),
            Err(e) => {
                self.discard(comm);
                Err(e)
            }
        }
    }

    /// Writes the datasets along the record axis, once at the end.
    fn write_instants(&self, comm: &Comm) -> Result<()> {
        let n = self.instants.len();
        self.each(comm, |open| open.records.iter().try_for_each(|(_, data)| hdf5::resize(data, n)))?;
        let put = |open: &Open| {
            let each =
                |(kind, data): &(RecordDataset, _)| kind.put(data, &self.instants, comm.is_root(), self.collective);
            open.records.iter().try_for_each(each)
        };
        self.each(comm, put)?;
        // With MPI, this also brings the data of all ranks to disk, not only the buffers of HDF5.
        self.each(comm, |open| open.file.flush())
    }

    /// Closes and removes the incomplete file. Collective.
    pub(super) fn discard(mut self, comm: &Comm) {
        // Truncating first frees space on a full disk, which HDF5 may need to close the file.
        if comm.is_root() {
            let _ = std::fs::OpenOptions::new().write(true).truncate(true).open(&self.part);
        }
        comm.barrier();
        // The caller reports the error that led here.
        let _ = self.close();
        if comm.is_root() {
            durable::discard(&self.part);
        }
    }

    fn close(&mut self) -> hdf5::Result<()> {
        match self.open.take() {
            Some(Open { variables, records, file }) => {
                drop((variables, records));
                file.close()
            }
            None => Ok(()),
        }
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        if self.open.is_none() {
            return;
        }
        // Dropped without `seal` or `discard`, this rank is unwinding. Closing a shared file would wait for the other ranks.
        if self.collective {
            std::mem::forget(self.open.take());
        } else {
            let _ = self.close();
        }
        if self.is_root {
            durable::discard(&self.part);
        }
    }
}

impl Open {
    fn of(file: hdf5::File, layout: &Layout) -> hdf5::Result<Open> {
        let variables = layout.variables.iter().map(|v| file.dataset(&v.name)).collect::<hdf5::Result<_>>()?;
        let record = |data: RecordDataset| Ok((data, file.dataset(data.name())?));
        let records = RecordDataset::of(layout).into_iter().map(record).collect::<hdf5::Result<_>>()?;
        Ok(Open { variables, records, file })
    }
}
