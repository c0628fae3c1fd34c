//! State that in-process ranks share: a mailbox for each rank, and the failure of the job.
//!
//! Sending never waits. A receiving rank sleeps until the last message that it needs has arrived. Since messages arrive
//! immediately, a job in which every rank sleeps or has finished is in a deadlock: it is ended with a message that names waiting
//! ranks.
use super::spare_buffers::SpareBuffers;
use crate::comm::buffer::Buffer;
use crate::comm::failure::{Aborted, Failure};
use std::collections::{HashMap, VecDeque};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

/// State shared by all ranks of a job.
pub(super) struct JobState {
    mailboxes: Vec<Mailbox>,
    failure: OnceLock<Aborted>,
    /// Number of communicators so far, which is the id of the next one.
    communicators: AtomicU64,
    /// Number of ranks that sleep in [`JobState::receive`] or have finished.
    idle: AtomicUsize,
}

#[derive(Default)]
struct Mailbox {
    inbox: Mutex<Inbox>,
    /// Signalled when all awaited messages have arrived, or the job has failed.
    notify: Condvar,
}

#[derive(Default)]
struct Inbox {
    messages: HashMap<Key, VecDeque<Message>>,
    /// Messages that the sleeping owner still waits for.
    awaited: Vec<Key>,
}

/// Messages with the same key arrive in the order in which they were sent.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub communicator: u64,
    pub channel: Channel,
    /// The sender, as a rank of the job.
    pub from: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Channel {
    /// Blocking collectives; all ranks call them in the same order.
    Collective,
    /// Non-blocking reductions, which blocking collectives may overtake.
    Reduce,
    /// The link or direct endpoint with this tag.
    Link(u32),
}

pub(super) enum Message {
    Bytes(Vec<u8>),
    /// The buffer of a link, and the pool to which the receiver returns it.
    Buffer(Buffer, SpareBuffers),
}

/// Payload with which a rank unwinds because another rank has failed.
pub(super) struct Interrupted;

/// Locks a mutex. No code panics while it holds one of these, so the data of a poisoned mutex is consistent.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl JobState {
    pub fn new(size: usize) -> JobState {
        JobState {
            mailboxes: (0..size).map(|_| Mailbox::default()).collect(),
            failure: OnceLock::new(),
            communicators: AtomicU64::new(1),
            idle: AtomicUsize::new(0),
        }
    }

    /// Number of ranks.
    pub fn size(&self) -> usize {
        self.mailboxes.len()
    }

    /// Puts a message into the mailbox of a rank.
    pub fn send(&self, to: usize, key: Key, message: Message) {
        let mailbox = &self.mailboxes[to];
        let mut inbox = lock(&mailbox.inbox);
        inbox.messages.entry(key).or_default().push_back(message);
        if let Some(i) = inbox.awaited.iter().position(|awaited| *awaited == key) {
            inbox.awaited.swap_remove(i);
            if inbox.awaited.is_empty() {
                self.idle.fetch_sub(1, SeqCst);
                mailbox.notify.notify_one();
            }
        }
    }

    /// True if rank `me` has a message of each key.
    pub fn has_arrived(&self, me: usize, keys: impl Iterator<Item = Key>) -> bool {
        // A rank that is unwinding polls too, before it frees memory.
        if !std::thread::panicking() {
            self.stop_if_failed();
        }
        let inbox = lock(&self.mailboxes[me].inbox);
        { keys }.all(|key| inbox.messages.contains_key(&key))
    }

    /// Waits for one message of each key, and returns them in this order.
    pub fn receive(&self, me: usize, keys: impl Iterator<Item = Key> + Clone) -> Vec<Message> {
        self.stop_if_failed();
        let mailbox = &self.mailboxes[me];
        let mut inbox = lock(&mailbox.inbox);
        inbox.awaited = keys.clone().filter(|key| !inbox.messages.contains_key(key)).collect();
        if !inbox.awaited.is_empty() {
            if self.idle.fetch_add(1, SeqCst) + 1 == self.mailboxes.len() {
                drop(inbox);
                self.deadlock();
            }
            while !inbox.awaited.is_empty() {
                // Checked under the lock: otherwise `fail` could notify between this check and the wait.
                self.stop_if_failed();
                inbox = mailbox.notify.wait(inbox).unwrap_or_else(PoisonError::into_inner);
            }
        }
        keys.map(|key| inbox.take(key)).collect()
    }

    /// Records that a rank has finished. If all others wait, this is a deadlock.
    pub fn finish_rank(&self) {
        let idle = self.idle.fetch_add(1, SeqCst) + 1;
        if idle == self.mailboxes.len() && self.mailboxes.iter().any(|m| !lock(&m.inbox).awaited.is_empty()) {
            self.deadlock();
        }
    }

    fn deadlock(&self) -> ! {
        let waits = |(rank, mailbox): (usize, &Mailbox)| {
            let inbox = lock(&mailbox.inbox);
            let Key { channel, from, .. } = *inbox.awaited.first()?;
            Some(match channel {
                Channel::Collective => format!("rank {rank} waits in a collective for rank {from}"),
                Channel::Reduce => format!("rank {rank} waits in a reduction for rank {from}"),
                Channel::Link(tag) => format!("rank {rank} waits for link {tag} from rank {from}"),
            })
        };
        let waits: Vec<String> = self.mailboxes.iter().enumerate().filter_map(waits).take(4).collect();
        Failure::unwind(1, format!("deadlock: {}; all other ranks wait too or have finished", waits.join(", ")))
    }

    fn stop_if_failed(&self) {
        if self.failure.get().is_some() {
            resume_unwind(Box::new(Interrupted));
        }
    }

    /// Records the failure of the job, calls `report`, and interrupts all ranks. Only the first call has an effect.
    pub fn fail(&self, aborted: Aborted, report: impl FnOnce(&Aborted)) {
        if self.failure.set(aborted.clone()).is_ok() {
            report(&aborted);
            for mailbox in &self.mailboxes {
                let _inbox = lock(&mailbox.inbox);
                mailbox.notify.notify_one();
            }
        }
    }

    /// The failure of the job, if it has failed.
    pub fn failure(&self) -> Option<Aborted> {
        self.failure.get().cloned()
    }

    /// Returns an id for another communicator.
    pub fn new_communicator(&self) -> u64 {
        self.communicators.fetch_add(1, SeqCst)
    }
}

impl Inbox {
    fn take(&mut self, key: Key) -> Message {
        let queue = self.messages.get_mut(&key).expect("a message of each awaited key has arrived");
        let message = queue.pop_front().expect("empty queues are removed");
        if queue.is_empty() {
            self.messages.remove(&key);
        }
        message
    }
}
