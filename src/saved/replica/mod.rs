//! Replicas: the state of a run in the memory of nodes. Each rank's piece of it lies on its own node and on another one, so
//! that a run which lost a rank or a node goes on from seconds ago, without the disk.
//!
//! ```text
//! /dev/shm/halocline-UID/RUN/NODE/000002-000005-1   of life 2, rank 5; each has two places, which take turns
//! ```
//!
//! A `piece` is a file whose boxes are mapped: a snapshot is taken straight into it. While its `partner` receives it from
//! there, beside the steps, threads hash what has been written and what has come. A state is whole once all ranks have told
//! that theirs and their wards' pieces are sealed; the one before it stays until then, in the other place. What a life that
//! was cut short has left on the nodes is `found` by the next one, on whichever ranks and nodes that has. The `room` is the
//! folder on a node. (Two copies in memory and two generations in turns: Zheng, Shi and Kalé, "FTC-Charm++", 2004.)
mod found;
mod partners;
pub(crate) mod piece;
mod room;

pub(crate) use found::{Found, find};
pub(crate) use room::Room;

use crate::base::background::BackgroundTask;
use crate::base::{Error, Result};
use crate::comm::{Comm, Direct, RawMessage, Reduce};
use crate::engine::Snapshot;
use piece::{Header, Piece};

/// The pieces that a rank keeps.
pub(crate) struct Replicas {
    comm: Comm,
    room: Room,
    life: u64,
    /// Who keeps a copy of this rank's piece; whose pieces this rank keeps.
    partner: Option<usize>,
    wards: Vec<usize>,
    messages: Box<dyn Direct>,
    slots: [Slot; 2],
    /// The slot that is written next.
    next: usize,
    under_way: Option<UnderWay>,
    turns: i64,
    /// States kept so far, and bytes of this rank's pieces.
    kept: (u64, u64),
}

#[derive(Default)]
struct Slot {
    own: Option<Piece>,
    copies: Vec<Piece>,
}

struct UnderWay {
    own: BackgroundTask<(Piece, i64)>,
    copies: Copies,
}

/// Pieces of other ranks.
enum Copies {
    Coming(Vec<Piece>),
    Sealing(BackgroundTask<(Vec<Piece>, i64)>),
}

impl Replicas {
    /// Of a life of a run. Collective.
    ///
    /// # Errors
    /// If there is no folder to be had in a node's memory.
    pub fn new(comm: &Comm, room: Room, life: u64) -> Result<Replicas> {
        comm.agree(if room.is_led_here() { room.create() } else { Ok(()) })?;
        let partners = partners::partners(room.nodes());
        let wards = (0..comm.size()).filter(|&rank| partners[rank] == Some(comm.rank())).collect();
        let (partner, messages) = (partners[comm.rank()], comm.direct(comm.new_tag()));
        Ok(Replicas {
            comm: comm.clone(),
            room,
            life,
            partner,
            wards,
            messages,
            slots: Default::default(),
            next: 0,
            under_way: None,
            turns: 0,
            kept: (0, 0),
        })
    }

    /// True if pieces lie on other nodes too.
    pub fn has_partners(&self) -> bool {
        // All ranks have one, or none has.
        self.partner.is_some()
    }

    /// States kept so far, and bytes of this rank's pieces.
    pub fn kept(&self) -> (u64, u64) {
        self.kept
    }

    /// Keeps the state that `take` takes, given memory to be used again. Collective.
    ///
    /// # Errors
    /// If there is no room for it, or the one before was not kept.
    pub fn keep(&mut self, take: impl FnOnce(Option<Snapshot>) -> Snapshot) -> Result<()> {
        self.settle()?;
        let slot = std::mem::take(&mut self.slots[self.next]);
        let (sheet, older) = self.comm.agree(slot.own.map(Piece::open_up).transpose())?.unzip();
        let snapshot = take(older);
        let header = Header::of(&snapshot, self.life, (self.comm.rank(), self.comm.size()));
        let path = self.room.path(self.life, self.comm.rank(), self.next);
        let own = self.comm.agree(Piece::lay(sheet, &path, header, snapshot))?;
        let mut to = vec![vec![]; self.comm.size()];
        if let Some(partner) = self.partner {
            to[partner] = own.outline();
        }
        let outlines = self.comm.all_to_all(to);
        let mut older = slot.copies.into_iter();
        let copy = |&ward: &usize| {
            let (sheet, older) = older.next().map(Piece::open_up).transpose()?.unzip();
            let header = Header::read(&outlines[ward])?;
            let path = self.room.path(self.life, ward, self.next);
            Piece::lay(sheet, &path, header.clone(), header.rooms(older))
        };
        let copies: Result<Vec<Piece>> = self.wards.iter().map(copy).collect();
        self.send(own, self.comm.agree(copies)?);
        Ok(())
    }

    fn send(&mut self, mut own: Piece, mut copies: Vec<Piece>) {
        let span = |peer: usize, bytes: &mut [u8]| RawMessage { peer, at: bytes.as_mut_ptr(), bytes: bytes.len() };
        let sends: Vec<RawMessage> = match self.partner {
            Some(partner) => own.boxes().map(|bytes| span(partner, bytes)).collect(),
            None => vec![],
        };
        let of_wards = self.wards.iter().zip(&mut copies);
        let receives: Vec<RawMessage> =
            of_wards.flat_map(|(&ward, piece)| piece.boxes().map(move |bytes| span(ward, bytes))).collect();
        // SAFETY: pieces are maps that stay where they are as these values move, and they are dropped only when messages
        // are finished (or, by `drop`, not at all). Those sent are read until then, those received not touched.
        unsafe { self.messages.start(&sends, &receives) };
        let own = BackgroundTask::begin(move || own.seal().map(|mark| (own, mark)));
        self.under_way = Some(UnderWay { own, copies: Copies::Coming(copies) });
    }

    /// How many turns this rank has done: one for each state. Lets messages progress. Not collective.
    pub fn told(&mut self) -> i64 {
        let Some(UnderWay { own, copies }) = &mut self.under_way else { return self.turns };
        if let Copies::Coming(coming) = copies
            && self.messages.poll()
        {
            self.messages.finish();
            *copies = Copies::seal(std::mem::take(coming));
        }
        let sealed = matches!(copies, Copies::Sealing(work) if work.is_done());
        self.turns + i64::from(sealed && own.is_done())
    }

    /// The state under way counts once all ranks have told that they have done their part: `least` is the least that was told.
    ///
    /// # Errors
    /// If a piece is not what was sent, or was not sealed.
    pub fn heard(&mut self, least: i64) -> Result<()> {
        if least > self.turns { self.settle() } else { Ok(()) }
    }

    /// Waits for the state under way. Collective.
    ///
    /// # Errors
    /// As [`Replicas::heard`].
    pub fn settle(&mut self) -> Result<()> {
        if self.under_way.is_none() {
            return Ok(());
        }
        self.messages.finish();
        let Some(UnderWay { own, copies }) = self.under_way.take() else { return Ok(()) };
        self.turns += 1;
        let copies = match copies {
            Copies::Coming(copies) => Copies::seal(copies),
            sealing => sealing,
        };
        let Copies::Sealing(copies) = copies else { unreachable!("all copies have come") };
        let ((own, sent), (copies, came)) =
            self.comm.agree(own.finish().and_then(|own| copies.finish().map(|copies| (own, copies))))?;
        let mut difference = [if self.partner.is_some() { sent } else { 0 }.wrapping_sub(came)];
        self.comm.reduce(Reduce::Sum, &mut difference);
        if difference != [0] {
            return Err(Error::failure("a piece of the state has changed on its way to another node's memory")
                .remedy("the memory of a node or the network is broken"));
        }
        let bytes = own.bytes() + copies.iter().map(Piece::bytes).sum::<u64>();
        self.slots[self.next] = Slot { own: Some(own), copies };
        self.next = 1 - self.next;
        self.kept = (self.kept.0 + 1, bytes);
        if self.kept.0 == 1 {
            // From now on there is something else to go on from.
            self.room.retain(self.life, None);
        }
        Ok(())
    }
}

impl Copies {
    fn seal(mut copies: Vec<Piece>) -> Copies {
        Copies::Sealing(BackgroundTask::begin(move || {
            let mut marks = 0i64;
            for piece in &mut copies {
                marks = marks.wrapping_add(piece.seal()?);
            }
            Ok((copies, marks))
        }))
    }
}

impl Drop for Replicas {
    fn drop(&mut self) {
        // Where messages are under way, memory that they use must stay, and to wait for them could be for ever.
        if let Some(UnderWay { own, copies: Copies::Coming(copies) }) = self.under_way.take()
            && !self.messages.poll()
        {
            std::mem::forget((own.finish(), copies));
        }
    }
}

#[cfg(test)]
mod tests;
