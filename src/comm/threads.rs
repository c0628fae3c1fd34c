//! The threads of one rank.
use super::fault;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::any::Any;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// The threads of one rank: the rank's own, which alone speaks to other ranks, and `count - 1` helpers.
///
/// Work comes as items 0..n, such as the tiles of a domain. Each thread begins with its own contiguous share of the items, the same
/// in every call, so that memory is read near where it was first written; who is done takes from the others, item by item.
///
/// ```
/// let threads = halocline::comm::Threads::new(2);
/// assert_eq!(threads.map(4, |i| i * i), [0, 1, 4, 9]);
/// ```
pub struct Threads {
    count: usize,
    /// None for one thread: a plain loop.
    pool: Option<ThreadPool>,
}

impl Threads {
    /// `count` threads, the present one included; 0 counts as 1.
    ///
    /// # Panics
    /// If the system does not give so many threads.
    pub fn new(count: usize) -> Threads {
        let count = count.max(1);
        let pool = || ThreadPoolBuilder::new().thread_name(|i| format!("helper {i}"));
        // Inside the pool, the rank's thread need not wait for helpers that never began. It can join one pool in its life, the first;
        // beside a further one (of a test, say) it works just as well, only waits more.
        let build = || {
            let inside = pool().num_threads(count).use_current_thread().build();
            inside.or_else(|_| pool().num_threads(count - 1).build())
        };
        match (count > 1).then(build).transpose() {
            Ok(pool) => Threads { count, pool },
            Err(e) => panic!("cannot start {count} threads a rank: {e}; ask for fewer with --threads"),
        }
    }

    /// Threads of this rank, its own included.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Calls `f` for each of 0..n, once, on any of the threads and in any order, and waits for all.
    /// If `f` panics, what has not begun is left out, and the first panic goes on in the caller.
    pub fn for_each(&self, n: usize, f: impl Fn(usize) + Sync) {
        let pool = match &self.pool {
            Some(pool) if n > 1 => pool,
            _ => return (0..n).for_each(f),
        };
        let (shares, watched) = (Shares::new(n, self.count), fault::watched());
        let panicked: Mutex<Option<Box<dyn Any + Send>>> = Mutex::new(None);
        let beside = self.count - pool.current_num_threads();
        let work = || {
            let thread = pool.current_thread_index().map_or(0, |i| i + beside);
            if let Err(payload) = fault::catch(watched, || shares.run(thread, &f)) {
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

    /// `f` of each of 0..n, in this order, computed as in [`Threads::for_each`].
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

/// Items 0..n, cut into one contiguous share a thread.
struct Shares {
    shares: Vec<Share>,
    stop: AtomicBool,
}

/// What is left of a share, on a cache line of its own (two, since they are fetched in pairs).
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

    /// This thread's share, then what is left of the following ones.
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
    fn every_item_once() {
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
    fn all_threads_work_and_take_from_a_slow_one() {
        let threads = Threads::new(3);
        // Item 0 lasts until all others are done: so others did the rest of its thread's share.
        let done = AtomicUsize::new(0);
        let who = threads.map(12, |i| {
            while i == 0 && done.load(Relaxed) < 11 {
                std::thread::sleep(Duration::from_micros(100));
            }
            done.fetch_add(1, Relaxed);
            std::thread::sleep(Duration::from_millis(2));
            std::thread::current().id()
        });
        assert!(who[1..].iter().all(|id| *id != who[0]));
    }

    #[test]
    fn a_panic_in_an_item_goes_on_in_the_caller() {
        for count in [1, 3] {
            let threads = Threads::new(count);
            let caught = fault::catch(true, || threads.for_each(20, |i| assert!(i != 13, "item {i} is wrong")));
            let message = fault::Fault::of(caught.unwrap_err()).message;
            assert!(message.starts_with("item 13 is wrong (") && message.contains("threads.rs:"), "{message}");
            assert_eq!(threads.map(3, |i| i), [0, 1, 2], "and the threads are as good as new");
        }
    }

    #[test]
    fn items_may_be_parallel_themselves() {
        let threads = Threads::new(3);
        let sums = threads.map(4, |i| threads.map(5, |j| i * j).iter().sum::<usize>());
        assert_eq!(sums, [0, 10, 20, 30]);
    }
}
