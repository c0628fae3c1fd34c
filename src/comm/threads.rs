//! The threads of one rank.
use super::panics;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::any::Any;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// The threads of one rank: its main thread, the only one that communicates with other ranks, and `count - 1` workers.
///
/// Work consists of items 0..n, such as the tiles of a domain. Each thread starts with its own contiguous share of the items, the
/// same in every call, so that memory is read on the NUMA node where it was first written. A thread that has finished its share
/// takes items of the others, one by one.
///
/// ```
/// let threads = halocline::comm::Threads::new(2);
/// assert_eq!(threads.map(4, |i| i * i), [0, 1, 4, 9]);
/// ```
pub struct Threads {
    count: usize,
    /// `None` for one thread, which uses a plain loop.
    pool: Option<ThreadPool>,
}

impl Threads {
    /// Starts `count - 1` threads beside the current one. 0 counts as 1.
    ///
    /// # Panics
    /// If the system cannot start that many threads.
    pub fn new(count: usize) -> Threads {
        let count = count.max(1);
        let pool = || ThreadPoolBuilder::new().thread_name(|i| format!("worker {i}"));
        // As a member of the pool, the main thread need not wait for workers that have not started yet. A thread can join only
        // one pool. With a further one (in tests), it works outside the pool, and waits longer.
        let build = || {
            let inside = pool().num_threads(count).use_current_thread().build();
            inside.or_else(|_| pool().num_threads(count - 1).build())
        };
        match (count > 1).then(build).transpose() {
            Ok(pool) => Threads { count, pool },
            Err(e) => panic!("cannot start {count} threads per rank: {e}; request fewer with --threads"),
        }
    }

    /// Number of threads of this rank, including the main thread.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Calls `f` once for each of 0..n, on any of the threads and in any order, and waits for all calls. If `f` panics, items
    /// that have not started are skipped, and the first panic resumes in the caller.
    pub fn for_each(&self, n: usize, f: impl Fn(usize) + Sync) {
        let pool = match &self.pool {
            Some(pool) if n > 1 => pool,
            _ => return (0..n).for_each(f),
        };
        let (shares, silent) = (Shares::new(n, self.count), panics::is_silent());
        let panicked: Mutex<Option<Box<dyn Any + Send>>> = Mutex::new(None);
        let outside = self.count - pool.current_num_threads();
        let work = || {
            let thread = pool.current_thread_index().map_or(0, |i| i + outside);
            if let Err(payload) = panics::catch(silent, || shares.run(thread, &f)) {
                shares.stop.store(true, Relaxed);
                panicked.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(payload);
            }
        };
        pool.in_place_scope(|scope| {
            (1..self.count.min(n)).for_each(|_| scope.spawn(|_| work()));
            work();
        });
        if let Some(payload) = panicked.into_inner().unwrap_or_else(PoisonError::into_inner) {
            resume_unwind(payload);
        }
    }

    /// Returns `f(i)` for each of 0..n, in this order, computed as in [`Threads::for_each`].
    pub fn map<T: Send>(&self, n: usize, f: impl Fn(usize) -> T + Sync) -> Vec<T> {
        if self.pool.is_none() {
            return (0..n).map(f).collect();
        }
        let slots: Vec<Mutex<Option<T>>> = (0..n).map(|_| Mutex::new(None)).collect();
        self.for_each(n, |i| *slots[i].lock().unwrap_or_else(PoisonError::into_inner) = Some(f(i)));
        let value = |slot: Mutex<Option<T>>| slot.into_inner().unwrap_or_else(PoisonError::into_inner);
        slots.into_iter().map(|slot| value(slot).expect("for_each calls its function for each item")).collect()
    }
}

/// Items 0..n, divided into one contiguous share per thread.
struct Shares {
    shares: Vec<Share>,
    stop: AtomicBool,
}

/// The remaining items of a share, on its own cache line (two, since they are fetched in pairs).
#[repr(align(128))]
struct Share {
    next: AtomicUsize,
    end: usize,
}

impl Shares {
    fn new(n: usize, threads: usize) -> Shares {
        let cut = |thread: usize| n / threads * thread + (n % threads).min(thread);
        let share = |t| Share { next: AtomicUsize::new(cut(t)), end: cut(t + 1) };
        Shares { shares: (0..threads).map(share).collect(), stop: AtomicBool::new(false) }
    }

    /// Processes the share of this thread, then the remaining items of the following ones.
    fn run(&self, thread: usize, f: &(impl Fn(usize) + Sync)) {
        let (before, after) = self.shares.split_at(thread);
        for share in after.iter().chain(before) {
            while !self.stop.load(Relaxed) {
                let item = share.next.fetch_add(1, Relaxed);
                if item >= share.end {
                    break;
                }
                f(item);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn every_item_is_processed_once() {
        for count in [0, 1, 2, 3, 5] {
            let threads = Threads::new(count);
            assert_eq!(threads.count(), count.max(1));
            for n in [0, 1, 2, 3, 7, 100] {
                let seen: Vec<AtomicUsize> = (0..n).map(|_| AtomicUsize::new(0)).collect();
                threads.for_each(n, |i| _ = seen[i].fetch_add(1, Relaxed));
                assert!(seen.iter().all(|s| s.load(Relaxed) == 1), "{count} threads, {n} items");
                assert_eq!(threads.map(n, |i| 3 * i), (0..n).map(|i| 3 * i).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn all_threads_work_and_take_items_of_a_slow_one() {
        let threads = Threads::new(3);
        // Item 0 lasts until all other items are done, so other threads process the rest of its thread's share.
        let done = AtomicUsize::new(0);
        let thread_of = threads.map(12, |i| {
            while i == 0 && done.load(Relaxed) < 11 {
                std::thread::sleep(Duration::from_micros(100));
            }
            done.fetch_add(1, Relaxed);
            std::thread::sleep(Duration::from_millis(2));
            std::thread::current().id()
        });
        assert!(thread_of[1..].iter().all(|id| *id != thread_of[0]));
    }

    #[test]
    fn a_panic_in_an_item_resumes_in_the_caller() {
        for count in [1, 3] {
            let threads = Threads::new(count);
            let caught = panics::catch(true, || threads.for_each(20, |i| assert!(i != 13, "item {i} is wrong")));
            let message = crate::comm::failure::Failure::from_payload(caught.unwrap_err()).message;
            assert!(message.starts_with("item 13 is wrong (") && message.contains("threads.rs:"), "{message}");
            assert_eq!(threads.map(3, |i| i), [0, 1, 2], "the threads still work");
        }
    }

    #[test]
    fn calls_nest() {
        let threads = Threads::new(3);
        let sums = threads.map(4, |i| threads.map(5, |j| i * j).iter().sum::<usize>());
        assert_eq!(sums, [0, 10, 20, 30]);
    }
}
