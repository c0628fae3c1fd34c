//! Takes replicas of the state during a run and sends them to buddies in the background.
use super::buddies;
use super::memory_segment::MemorySegment;
use super::shard::{Manifest, Shard};
use crate::base::background::BackgroundTask;
use crate::base::{Error, Result};
use crate::comm::{Comm, Direct, RawMessage, Reduce};
use crate::engine::Snapshot;

/// The shards that a rank keeps.
pub(crate) struct Replicas {
    comm: Comm,
    segment: MemorySegment,
    attempt: u64,
    /// The rank that keeps a copy of this rank's shard.
    buddy: Option<usize>,
    /// The ranks whose shards this rank keeps copies of.
    sources: Vec<usize>,
    messages: Box<dyn Direct>,
    slots: [Slot; 2],
    /// The slot that is written next.
    next: usize,
    pending: Option<Pending>,
    completed: i64,
    /// The number of states kept so far, and the bytes of the shards on this rank.
    kept: (u64, u64),
}

#[derive(Default)]
struct Slot {
    own: Option<Shard>,
    copies: Vec<Shard>,
}

struct Pending {
    own: BackgroundTask<(Shard, i64)>,
    copies: Copies,
}

/// Copies of the shards of other ranks.
enum Copies {
    Coming(Vec<Shard>),
    Sealing(BackgroundTask<(Vec<Shard>, i64)>),
}

impl Replicas {
    /// The replicas of an attempt, none yet. Collective.
    ///
    /// # Errors
    /// If the directory in the memory of a node cannot be created.
    pub fn new(comm: &Comm, segment: MemorySegment, attempt: u64) -> Result<Replicas> {
        comm.agree(if segment.is_node_leader() { segment.create() } else { Ok(()) })?;
        let buddies = buddies::buddies(segment.nodes());
        let sources = (0..comm.size()).filter(|&rank| buddies[rank] == Some(comm.rank())).collect();
        let (buddy, messages) = (buddies[comm.rank()], comm.direct(comm.new_tag()));
        Ok(Replicas {
            comm: comm.clone(),
            segment,
            attempt,
            buddy,
            sources,
            messages,
            slots: Default::default(),
            next: 0,
            pending: None,
            completed: 0,
            kept: (0, 0),
        })
    }

    /// True if copies are kept on other nodes.
    pub fn has_buddies(&self) -> bool {
        // Either all ranks have a buddy or none has.
        self.buddy.is_some()
    }

    /// The number of states kept so far, and the bytes of the shards on this rank.
    pub fn kept(&self) -> (u64, u64) {
        self.kept
    }

    /// Keeps the state that `take` takes, given memory to be used again. Collective.
    ///
    /// # Errors
    /// If there is not enough memory, or the one before was not kept.
    pub fn keep(&mut self, take: impl FnOnce(Option<Snapshot>) -> Snapshot) -> Result<()> {
        self.wait()?;
        let slot = std::mem::take(&mut self.slots[self.next]);
        let (file, older) = self.comm.agree(slot.own.map(Shard::detach).transpose())?.unzip();
        let snapshot = take(older);
        let manifest = Manifest::of(&snapshot, self.attempt, (self.comm.rank(), self.comm.size()));
        let path = self.segment.path(self.attempt, self.comm.rank(), self.next);
        let own = self.comm.agree(Shard::attach(file, &path, manifest, snapshot))?;
        let mut to = vec![vec![]; self.comm.size()];
        if let Some(buddy) = self.buddy {
            to[buddy] = own.outline();
        }
        let outlines = self.comm.all_to_all(to);
        let mut older = slot.copies.into_iter();
        let copy = |&source: &usize| {
            let (file, older) = older.next().map(Shard::detach).transpose()?.unzip();
            let manifest = Manifest::read(&outlines[source])?;
            let path = self.segment.path(self.attempt, source, self.next);
            Shard::attach(file, &path, manifest.clone(), manifest.memory(older))
        };
        let copies: Result<Vec<Shard>> = self.sources.iter().map(copy).collect();
        self.send(own, self.comm.agree(copies)?);
        Ok(())
    }

    fn send(&mut self, mut own: Shard, mut copies: Vec<Shard>) {
        let span = |peer: usize, bytes: &mut [u8]| RawMessage { peer, at: bytes.as_mut_ptr(), bytes: bytes.len() };
        let sends: Vec<RawMessage> = match self.buddy {
            Some(buddy) => own.boxes().map(|bytes| span(buddy, bytes)).collect(),
            None => vec![],
        };
        let of_sources = self.sources.iter().zip(&mut copies);
        let receives: Vec<RawMessage> =
            of_sources.flat_map(|(&source, shard)| shard.boxes().map(move |bytes| span(source, bytes))).collect();
        // SAFETY: shards are maps whose addresses stay the same when these values move, and they are dropped only after the
        // messages are finished (or, by `drop`, not at all). Until then, sent boxes are only read and received ones unused.
        unsafe { self.messages.start(&sends, &receives) };
        let own = BackgroundTask::begin(move || own.seal().map(|mark| (own, mark)));
        self.pending = Some(Pending { own, copies: Copies::Coming(copies) });
    }

    /// The number of states that this rank has sealed. Progresses messages. Not collective.
    pub fn acknowledged(&mut self) -> i64 {
        let Some(Pending { own, copies }) = &mut self.pending else { return self.completed };
        if let Copies::Coming(coming) = copies
            && self.messages.poll()
        {
            self.messages.finish();
            *copies = Copies::seal(std::mem::take(coming));
        }
        let sealed = matches!(copies, Copies::Sealing(work) if work.is_done());
        self.completed + i64::from(sealed && own.is_done())
    }

    /// Completes the pending state if all ranks have sealed it; `least` is the minimum of [`Replicas::acknowledged`] over all
    /// ranks.
    ///
    /// # Errors
    /// If a received shard differs from the one sent, or a shard cannot be sealed.
    pub fn advance(&mut self, least: i64) -> Result<()> {
        if least > self.completed { self.wait() } else { Ok(()) }
    }

    /// Waits for the pending state. Collective.
    ///
    /// # Errors
    /// As [`Replicas::advance`].
    pub fn wait(&mut self) -> Result<()> {
        if self.pending.is_none() {
            return Ok(());
        }
        self.messages.finish();
        let Some(Pending { own, copies }) = self.pending.take() else { return Ok(()) };
        self.completed += 1;
        let copies = match copies {
            Copies::Coming(copies) => Copies::seal(copies),
            sealing => sealing,
        };
        let Copies::Sealing(copies) = copies else { unreachable!("all copies were received") };
        let ((own, sent), (copies, came)) =
            self.comm.agree(own.finish().and_then(|own| copies.finish().map(|copies| (own, copies))))?;
        let mut difference = [if self.buddy.is_some() { sent } else { 0 }.wrapping_sub(came)];
        self.comm.reduce(Reduce::Sum, &mut difference);
        if difference != [0] {
            return Err(Error::failure("a shard of the state has changed on its way to another node's memory")
                .remedy("the memory of a node or the network is broken"));
        }
        let bytes = own.bytes() + copies.iter().map(Shard::bytes).sum::<u64>();
        self.slots[self.next] = Slot { own: Some(own), copies };
        self.next = 1 - self.next;
        self.kept = (self.kept.0 + 1, bytes);
        if self.kept.0 == 1 {
            // The shards of earlier attempts are no longer needed.
            self.segment.retain(self.attempt, None);
        }
        Ok(())
    }
}

impl Copies {
    fn seal(mut copies: Vec<Shard>) -> Copies {
        Copies::Sealing(BackgroundTask::begin(move || {
            let mut marks = 0i64;
            for shard in &mut copies {
                marks = marks.wrapping_add(shard.seal()?);
            }
            Ok((copies, marks))
        }))
    }
}

impl Drop for Replicas {
    fn drop(&mut self) {
        // Pending messages still use this memory, and waiting for them may never end, so the memory is leaked.
        if let Some(Pending { own, copies: Copies::Coming(copies) }) = self.pending.take()
            && !self.messages.poll()
        {
            std::mem::forget((own.finish(), copies));
        }
    }
}
