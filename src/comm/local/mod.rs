//! Ranks that are threads of one process. All collectives are made of posting to mailboxes and taking from one's own.
mod direct;
mod link;

use super::buffer::Buffer;
use super::fault::{self, Fault};
use super::mailbox::{Aborted, Channel, Job, Key, Parcel, Woken, lock};
use super::{Comm, Direct, Link, Pending, RawComm, Reduce, Threads, Transport};
use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

/// Runs `body` on `size` in-process ranks with `threads` threads each, and gives their results in rank order.
///
/// If a rank panics or aborts, the others stop at their next (or present) call that waits for another rank, and the first failure is
/// the error. So is a deadlock.
///
/// ```
/// use halocline::comm::ranks;
/// let results = ranks(3, 1, |comm| {
///     let everyone = comm.all_gather(&[10 * comm.rank() as u8]);
///     everyone.concat()
/// });
/// assert_eq!(results.unwrap(), [[0, 10, 20], [0, 10, 20], [0, 10, 20]]);
///
/// let failure = ranks(2, 1, |comm| {
///     assert!(comm.is_root(), "not here");
///     comm.barrier();
/// });
/// assert!(failure.unwrap_err().to_string().starts_with("rank 1 failed: not here ("));
/// ```
pub fn ranks<R: Send>(size: usize, threads: usize, body: impl Fn(Comm) -> R + Sync) -> Result<Vec<R>, Aborted> {
    ranks_watched(size, threads, |_| (), body)
}

/// As [`ranks`]; `on_failure` is called once, by the rank that fails first, before the others learn of it.
pub(super) fn ranks_watched<R: Send>(
    size: usize,
    threads: usize,
    on_failure: impl Fn(&Aborted) + Sync,
    body: impl Fn(Comm) -> R + Sync,
) -> Result<Vec<R>, Aborted> {
    assert!(size > 0, "a job needs at least one rank");
    let job = Arc::new(Job::new(size));
    let fail = |rank, fault: Fault| {
        job.fail(Aborted { rank, code: fault.code, message: fault.message }, &on_failure);
    };
    let run = |rank: usize| {
        let result = fault::catch(true, || {
            let group = (0..size).collect();
            let world = Local {
                shared: Rc::new(Shared { job: job.clone(), id: 0, group, me: rank, tags: RefCell::default() }),
            };
            let result = body(Comm::new(Rc::new(world), Rc::new(Threads::new(threads))));
            job.end();
            result
        });
        result
            .map_err(|payload| {
                if !payload.is::<Woken>() {
                    fail(rank, Fault::of(payload))
                }
            })
            .ok()
    };
    let results: Vec<Option<R>> = std::thread::scope(|scope| {
        let start = |rank: usize| {
            let thread = std::thread::Builder::new().name(format!("rank {rank}")).stack_size(STACK);
            thread.spawn_scoped(scope, move || run(rank)).map_err(|e| {
                fail(rank, Fault { code: 1, message: format!("cannot start a thread for rank {rank} of {size}: {e}") })
            })
        };
        // All are started before the first is waited for.
        let started: Vec<_> = (0..size).map_while(|rank| start(rank).ok()).collect();
        started.into_iter().map(|rank| rank.join().ok().flatten()).collect()
    });
    match job.failure() {
        Some(aborted) => Err(aborted),
        None => Ok(results.into_iter().flatten().collect()),
    }
}

/// Stack of a rank's thread, in bytes: as much as a main thread usually has.
const STACK: usize = 8 << 20;

/// One rank with no other, on the thread of the caller.
pub(super) fn alone() -> Rc<dyn Transport> {
    Rc::new(Local {
        shared: Rc::new(Shared { job: Arc::new(Job::new(1)), id: 0, group: vec![0], me: 0, tags: RefCell::default() }),
    })
}

/// A communicator of in-process ranks.
struct Local {
    shared: Rc<Shared>,
}

struct Shared {
    job: Arc<Job>,
    id: u64,
    /// The ranks of this communicator, as ranks of the whole job.
    group: Vec<usize>,
    me: usize,
    /// Of the living links.
    tags: RefCell<HashSet<u32>>,
}

impl Shared {
    fn key(&self, channel: Channel, from: usize) -> Key {
        Key { communicator: self.id, channel, from: self.group[from] }
    }

    fn post(&self, to: usize, channel: Channel, parcel: Parcel) {
        self.job.post(self.group[to], self.key(channel, self.me), parcel);
    }

    fn post_bytes(&self, to: usize, channel: Channel, bytes: &[u8]) {
        self.post(to, channel, Parcel::Bytes(bytes.to_vec()));
    }

    fn take(&self, channel: Channel, from: impl Iterator<Item = usize> + Clone) -> Vec<Parcel> {
        self.job.take(self.group[self.me], from.map(|r| self.key(channel, r)))
    }

    fn take_bytes(&self, channel: Channel, from: impl Iterator<Item = usize> + Clone) -> impl Iterator<Item = Vec<u8>> {
        self.take(channel, from).into_iter().map(|parcel| match parcel {
            Parcel::Bytes(bytes) => bytes,
            Parcel::Message(..) => unreachable!("only links post messages"),
        })
    }

    fn others(&self) -> impl Iterator<Item = usize> + Clone + use<> {
        let me = self.me;
        (0..self.group.len()).filter(move |r| *r != me)
    }
}

impl Transport for Local {
    fn rank(&self) -> usize {
        self.shared.me
    }

    fn size(&self) -> usize {
        self.shared.group.len()
    }

    fn kind(&self) -> &'static str {
        "in-process"
    }

    fn barrier(&self) {
        self.all_gather(&[]);
    }

    fn all_gather(&self, mine: &[u8]) -> Vec<Vec<u8>> {
        self.all_to_all(vec![mine.to_vec(); self.size()])
    }

    fn gather(&self, root: usize, mine: &[u8]) -> Option<Vec<Vec<u8>>> {
        if self.rank() != root {
            self.shared.post_bytes(root, Channel::Collective, mine);
            return None;
        }
        let mut all: Vec<_> = self.shared.take_bytes(Channel::Collective, self.shared.others()).collect();
        all.insert(root, mine.to_vec());
        Some(all)
    }

    fn broadcast(&self, root: usize, bytes: &mut Vec<u8>) {
        if self.rank() == root {
            self.shared.others().for_each(|r| self.shared.post_bytes(r, Channel::Collective, bytes));
        } else {
            bytes.clear();
            bytes.extend(self.shared.take_bytes(Channel::Collective, std::iter::once(root)).flatten());
        }
    }

    fn all_to_all(&self, mut to: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        assert_eq!(to.len(), self.size(), "all_to_all needs one message for each rank");
        for r in self.shared.others() {
            self.shared.post(r, Channel::Collective, Parcel::Bytes(std::mem::take(&mut to[r])));
        }
        for (r, bytes) in self.shared.others().zip(self.shared.take_bytes(Channel::Collective, self.shared.others())) {
            to[r] = bytes;
        }
        to
    }

    fn reduce(&self, op: Reduce, values: &mut [i64]) {
        let mine = to_bytes(values);
        self.shared.others().for_each(|r| self.shared.post_bytes(r, Channel::Collective, &mine));
        combine(op, values, self.shared.take_bytes(Channel::Collective, self.shared.others()));
    }

    fn begin_reduce(&self, op: Reduce, values: Vec<i64>) -> Box<dyn Pending> {
        let mine = to_bytes(&values);
        self.shared.others().for_each(|r| self.shared.post_bytes(r, Channel::Reduce, &mine));
        Box::new(LocalReduce { shared: self.shared.clone(), op, values })
    }

    fn link(&self, tag: u32, sends: &[(usize, usize)], receives: &[(usize, usize)]) -> Box<dyn Link> {
        Box::new(link::LocalLink::new(Tag::new(&self.shared, tag), sends, receives))
    }

    fn direct(&self, tag: u32) -> Box<dyn Direct> {
        Box::new(direct::LocalDirect::new(Tag::new(&self.shared, tag)))
    }

    fn split(&self, colour: usize) -> Rc<dyn Transport> {
        // Each rank offers an identity of its own; that of a group's first rank is taken.
        let offer = self.shared.job.new_communicator();
        let all = self.all_gather(&to_bytes(&[colour as i64, offer as i64]));
        let all: Vec<Vec<i64>> = all.iter().map(|bytes| from_bytes(bytes).collect()).collect();
        let members: Vec<usize> = (0..self.size()).filter(|&r| all[r][0] == colour as i64).collect();
        let me = members.iter().filter(|&&r| r < self.rank()).count();
        let group = members.iter().map(|&r| self.shared.group[r]).collect();
        Rc::new(Local {
            shared: Rc::new(Shared {
                job: self.shared.job.clone(),
                id: all[members[0]][1] as u64,
                group,
                me,
                tags: RefCell::default(),
            }),
        })
    }

    fn raw(&self) -> Option<RawComm> {
        None
    }

    fn abort(&self, code: i32) -> ! {
        Fault::raise(code, format!("ended the job with exit code {code}"))
    }
}

/// A tag that some living messages have, and no others of this rank.
struct Tag {
    shared: Rc<Shared>,
    tag: u32,
}

impl Tag {
    fn new(shared: &Rc<Shared>, tag: u32) -> Tag {
        assert!(shared.tags.borrow_mut().insert(tag), "two links with the tag {tag}");
        Tag { shared: shared.clone(), tag }
    }

    fn post(&self, to: usize, message: Buffer, spare: &Spare) {
        self.shared.post(to, Channel::Link(self.tag), Parcel::Message(message, spare.0.clone()));
    }

    fn take(&self, from: impl Iterator<Item = usize> + Clone) -> Vec<(Buffer, Spare)> {
        let message = |parcel| match parcel {
            Parcel::Message(message, home) => (message, Spare(home)),
            Parcel::Bytes(_) => unreachable!("links post messages"),
        };
        self.shared.take(Channel::Link(self.tag), from).into_iter().map(message).collect()
    }

    fn have_come(&self, from: impl Iterator<Item = usize>) -> bool {
        let keys = from.map(|peer| self.shared.key(Channel::Link(self.tag), peer));
        self.shared.job.arrived(self.shared.group[self.shared.me], keys)
    }
}

impl Drop for Tag {
    fn drop(&mut self) {
        self.shared.tags.borrow_mut().remove(&self.tag);
    }
}

/// Buffers of a sender's earlier messages, given back by their receivers: link partners pass buffers of one length back and
/// forth, and in the long run nothing is allocated.
#[derive(Clone, Default)]
struct Spare(Arc<Mutex<Vec<Buffer>>>);

impl Spare {
    /// A buffer of so many bytes, whatever they are.
    fn lend(&self, bytes: usize) -> Buffer {
        let mut spare = lock(&self.0);
        let fits = spare.iter().position(|b| b.len() == bytes);
        fits.map(|i| spare.swap_remove(i)).unwrap_or_else(|| Buffer::new(bytes))
    }

    fn give_back(&self, buffer: Buffer) {
        lock(&self.0).push(buffer);
    }
}

fn to_bytes(values: &[i64]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_ne_bytes()).collect()
}

fn from_bytes(bytes: &[u8]) -> impl Iterator<Item = i64> {
    bytes.chunks_exact(8).map(|b| i64::from_ne_bytes(b.try_into().expect("chunks of 8 bytes")))
}

fn combine(op: Reduce, values: &mut [i64], others: impl Iterator<Item = Vec<u8>>) {
    for other in others {
        assert_eq!(other.len(), 8 * values.len(), "ranks reduce unlike numbers of values");
        for (value, other) in values.iter_mut().zip(from_bytes(&other)) {
            *value = match op {
                Reduce::Sum => value.wrapping_add(other),
                Reduce::Max => other.max(*value),
                Reduce::Min => other.min(*value),
            };
        }
    }
}

struct LocalReduce {
    shared: Rc<Shared>,
    op: Reduce,
    values: Vec<i64>,
}

impl Pending for LocalReduce {
    fn poll(&mut self) -> bool {
        let keys = self.shared.others().map(|r| self.shared.key(Channel::Reduce, r));
        self.shared.job.arrived(self.shared.group[self.shared.me], keys)
    }

    fn finish(mut self: Box<Self>) -> Vec<i64> {
        combine(self.op, &mut self.values, self.shared.take_bytes(Channel::Reduce, self.shared.others()));
        self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn failure<R: Send + std::fmt::Debug>(size: usize, body: impl Fn(Comm) -> R + Sync) -> Aborted {
        let start = Instant::now();
        let aborted = ranks(size, 1, body).unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(2), "the others wait on: {:?}", start.elapsed());
        aborted
    }

    #[test]
    fn results_come_in_rank_order() {
        for size in [1, 2, 3, 4, 7] {
            let results = ranks(size, 1, |comm| (comm.rank(), comm.size(), comm.kind())).unwrap();
            assert_eq!(results, (0..size).map(|r| (r, size, "in-process")).collect::<Vec<_>>());
        }
        let threads = ranks(2, 3, |comm| {
            let threads = comm.threads();
            threads.map(5, |i| i + threads.count())
        })
        .unwrap();
        assert_eq!(threads, vec![vec![3, 4, 5, 6, 7]; 2]);
    }

    #[test]
    fn a_panic_wakes_those_who_wait() {
        let waits: [fn(&Comm); 4] = [
            |comm| comm.barrier(),
            |comm| _ = comm.begin_reduce(Reduce::Sum, vec![1]).finish(),
            |comm| {
                let mut link = comm.link(1, &[], &[(1, 8)]);
                link.start();
                link.finish();
            },
            |comm| {
                let mut pending = comm.begin_reduce(Reduce::Sum, vec![1]);
                while !pending.poll() {
                    std::thread::sleep(Duration::from_millis(1));
                }
            },
        ];
        for wait in waits {
            let aborted = failure(4, |comm| match comm.rank() {
                1 => {
                    std::thread::sleep(Duration::from_millis(20));
                    panic!("dt is {}", -1)
                }
                _ => wait(&comm),
            });
            assert_eq!((aborted.rank, aborted.code), (1, 1));
            assert!(aborted.to_string().starts_with("rank 1 failed: dt is -1 ("), "{aborted}");
            assert!(aborted.message.contains("local/mod.rs:"), "{aborted}");
        }
    }

    #[test]
    fn an_abort_ends_the_ranks_and_not_the_process() {
        let aborted = failure(3, |comm| {
            let pair = comm.split(comm.rank() / 2);
            if comm.rank() == 2 {
                pair.abort(75);
            }
            comm.barrier();
        });
        assert_eq!((aborted.rank, aborted.code), (2, 75));
        assert_eq!(crate::base::Error::from(aborted).to_string(), "rank 2 failed: ended the job with exit code 75");
    }

    #[test]
    fn a_panic_on_a_helper_thread_fails_its_rank() {
        let aborted = ranks(2, 2, |comm| {
            let me = comm.rank();
            comm.threads().for_each(8, |i| assert!(me == 0 || i != 7, "cell {i} is NaN"));
            comm.barrier();
        });
        assert!(aborted.unwrap_err().to_string().starts_with("rank 1 failed: cell 7 is NaN ("));
    }

    #[test]
    fn a_deadlock_is_a_failure_that_says_who_waits() {
        let ended = failure(3, |comm| {
            if comm.rank() > 0 {
                comm.barrier();
            }
        });
        assert!(ended.message.starts_with("deadlock: rank 1 waits in a collective for rank 0"), "{ended}");
        let crossed = failure(2, |comm| match comm.rank() {
            0 => comm.barrier(),
            _ => {
                let mut link = comm.link(3, &[], &[(0, 8)]);
                link.start();
                link.finish();
            }
        });
        assert!(crossed.message.contains("rank 1 waits for link 3 from rank 0"), "{crossed}");
    }

    #[test]
    fn unequal_ends_of_a_message_are_a_failure() {
        let aborted = failure(2, |comm| {
            let peer = 1 - comm.rank();
            let mut link = comm.link(0, &[(peer, 8)], &[(peer, 8 + comm.rank())]);
            link.start();
            link.finish();
            comm.barrier();
        });
        assert!(aborted.message.contains("bytes from rank 0 and bytes expected of it"), "{aborted}");
    }

    #[test]
    fn messages_in_the_long_run_need_no_new_buffers() {
        ranks(2, 1, |comm| {
            let peer = 1 - comm.rank();
            let mut link = comm.link(0, &[(peer, 1000)], &[(peer, 1000)]);
            let mut seen = std::collections::HashSet::new();
            for _ in 0..100 {
                link.start();
                link.finish();
                seen.insert(link.incoming(0).as_ptr());
                comm.barrier();
            }
            assert!(seen.len() <= 4, "{} buffers", seen.len());
        })
        .unwrap();
    }
}
