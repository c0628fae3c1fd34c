//! What in-process ranks share: a mailbox each, and how their job failed.
//!
//! Posting never waits. A rank that waits sleeps until the last parcel that it needs is there. Since posting is immediate, a job
//! in which every rank sleeps or has ended can never go on: it is ended with a message that says who waits for whom.
use super::buffer::Buffer;
use super::fault::Fault;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

/// How a job of in-process ranks ended early: the first panic, abort or deadlock.
#[derive(Clone, PartialEq, Eq)]
pub struct Aborted {
    /// The rank that ended the job.
    pub rank: usize,
    /// The exit code that it asked for; 1 for a panic.
    pub code: i32,
    /// What happened. For a panic, one line with its place: `message (file:line)`.
    pub message: String,
}

impl fmt::Display for Aborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rank {} failed: {}", self.rank, self.message)
    }
}

/// As [`fmt::Display`], so that a test that unwraps says what happened.
impl fmt::Debug for Aborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Aborted {}

impl From<Aborted> for crate::base::Error {
    fn from(aborted: Aborted) -> crate::base::Error {
        crate::base::Error::failure(aborted.to_string())
    }
}

/// What all ranks of a job share.
pub(super) struct Job {
    mailboxes: Vec<Mailbox>,
    failure: OnceLock<Aborted>,
    /// Number of communicators so far: the identity of the next.
    communicators: AtomicU64,
    /// Ranks that sleep until others post, or have ended.
    idle: AtomicUsize,
}

#[derive(Default)]
struct Mailbox {
    shelf: Mutex<Shelf>,
    bell: Condvar,
}

#[derive(Default)]
struct Shelf {
    parcels: HashMap<Key, VecDeque<Parcel>>,
    /// What the sleeping owner still lacks.
    awaited: Vec<Key>,
}

/// Parcels of one key arrive in the order in which they were posted.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub communicator: u64,
    pub channel: Channel,
    /// The sender, as a rank of the whole job.
    pub from: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Channel {
    /// Collectives that wait; all ranks call them in the same order.
    Collective,
    /// [`Transport::begin_reduce`], which others may overtake.
    Reduce,
    /// A link by its tag.
    Link(u32),
}

pub(super) enum Parcel {
    Bytes(Vec<u8>),
    /// A link's message, and where the sender finds a buffer for its next.
    Message(Buffer, Arc<Mutex<Vec<Buffer>>>),
}

/// Payload of the unwinding of a rank that another one's failure has woken.
pub(super) struct Woken;

/// No code of ours panics under these locks, so a poisoned one holds no half-done change.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Job {
    pub fn new(size: usize) -> Job {
        Job {
            mailboxes: (0..size).map(|_| Mailbox::default()).collect(),
            failure: OnceLock::new(),
            communicators: AtomicU64::new(1),
            idle: AtomicUsize::new(0),
        }
    }

    pub fn post(&self, to: usize, key: Key, parcel: Parcel) {
        let mailbox = &self.mailboxes[to];
        let mut shelf = lock(&mailbox.shelf);
        shelf.parcels.entry(key).or_default().push_back(parcel);
        if let Some(i) = shelf.awaited.iter().position(|awaited| *awaited == key) {
            shelf.awaited.swap_remove(i);
            if shelf.awaited.is_empty() {
                self.idle.fetch_sub(1, SeqCst);
                mailbox.bell.notify_one();
            }
        }
    }

    /// True if rank `me` would not have to wait for any of these.
    pub fn arrived(&self, me: usize, keys: impl Iterator<Item = Key>) -> bool {
        // A rank that unwinds already asks, too, before it gives memory back.
        if !std::thread::panicking() {
            self.stop_if_failed();
        }
        let shelf = lock(&self.mailboxes[me].shelf);
        { keys }.all(|key| shelf.parcels.contains_key(&key))
    }

    /// Waits for one parcel of each key, and takes them in this order.
    pub fn take(&self, me: usize, keys: impl Iterator<Item = Key> + Clone) -> Vec<Parcel> {
        self.stop_if_failed();
        let mailbox = &self.mailboxes[me];
        let mut shelf = lock(&mailbox.shelf);
        shelf.awaited = keys.clone().filter(|key| !shelf.parcels.contains_key(key)).collect();
        if !shelf.awaited.is_empty() {
            if self.idle.fetch_add(1, SeqCst) + 1 == self.mailboxes.len() {
                drop(shelf);
                self.deadlock();
            }
            while !shelf.awaited.is_empty() {
                // Under the lock, without which `fail` could ring between the look and the sleep.
                self.stop_if_failed();
                shelf = mailbox.bell.wait(shelf).unwrap_or_else(PoisonError::into_inner);
            }
        }
        keys.map(|key| shelf.take(key)).collect()
    }

    /// A rank is done: if all others wait, they wait for ever.
    pub fn end(&self) {
        let idle = self.idle.fetch_add(1, SeqCst) + 1;
        if idle == self.mailboxes.len() && self.mailboxes.iter().any(|m| !lock(&m.shelf).awaited.is_empty()) {
            self.deadlock();
        }
    }

    fn deadlock(&self) -> ! {
        let waits = |(rank, mailbox): (usize, &Mailbox)| {
            let shelf = lock(&mailbox.shelf);
            let Key { channel, from, .. } = *shelf.awaited.first()?;
            Some(match channel {
                Channel::Collective => format!("rank {rank} waits in a collective for rank {from}"),
                Channel::Reduce => format!("rank {rank} waits in a reduction for rank {from}"),
                Channel::Link(tag) => format!("rank {rank} waits for link {tag} from rank {from}"),
            })
        };
        let waits: Vec<String> = self.mailboxes.iter().enumerate().filter_map(waits).take(4).collect();
        Fault::raise(1, format!("deadlock: {}; all others wait too or have ended", waits.join(", ")))
    }

    fn stop_if_failed(&self) {
        if self.failure.get().is_some() {
            resume_unwind(Box::new(Woken));
        }
    }

    /// The first failure counts: it is reported, then all wake up to it.
    pub fn fail(&self, aborted: Aborted, report: impl FnOnce(&Aborted)) {
        if self.failure.set(aborted.clone()).is_ok() {
            report(&aborted);
            for mailbox in &self.mailboxes {
                let _shelf = lock(&mailbox.shelf);
                mailbox.bell.notify_one();
            }
        }
    }

    /// How the job failed, if it did.
    pub fn failure(&self) -> Option<Aborted> {
        self.failure.get().cloned()
    }

    /// An identity for another communicator.
    pub fn new_communicator(&self) -> u64 {
        self.communicators.fetch_add(1, SeqCst)
    }
}

impl Shelf {
    fn take(&mut self, key: Key) -> Parcel {
        let queue = self.parcels.get_mut(&key).expect("taken only when it is there");
        let parcel = queue.pop_front().expect("queues are removed when empty");
        if queue.is_empty() {
            self.parcels.remove(&key);
        }
        parcel
    }
}
