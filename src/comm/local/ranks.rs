//! Starting in-process ranks, one thread each.
use super::mailbox::{Interrupted, JobState};
use super::transport::LocalTransport;
use crate::comm::communicator::Comm;
use crate::comm::failure::{Aborted, Failure};
use crate::comm::panics;
use crate::comm::threads::Threads;
use std::rc::Rc;
use std::sync::Arc;

/// Runs `body` on `size` in-process ranks with `threads` threads each, and returns the results in rank order.
///
/// # Errors
/// If a rank panics or aborts, the others stop at their next (or present) call that waits for another rank, and the first failure
/// is returned. The same holds for a deadlock.
///
/// ```
/// use halocline::comm::ranks;
/// let results = ranks(3, 1, |comm| {
///     let all = comm.all_gather(&[10 * comm.rank() as u8]);
///     all.concat()
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
    ranks_with_report(size, threads, |_| (), body)
}

/// Does the same as [`ranks`]. The rank that fails first calls `report`, once, before the others stop.
pub(in crate::comm) fn ranks_with_report<R: Send>(
    size: usize,
    threads: usize,
    report: impl Fn(&Aborted) + Sync,
    body: impl Fn(Comm) -> R + Sync,
) -> Result<Vec<R>, Aborted> {
    assert!(size > 0, "a job needs at least one rank");
    let job = Arc::new(JobState::new(size));
    let fail = |rank, failure: Failure| {
        job.fail(Aborted { rank, code: failure.code, message: failure.message }, &report);
    };
    let run = |rank: usize| {
        let result = panics::catch(true, || {
            let world = LocalTransport::world(job.clone(), rank);
            let result = body(Comm::new(Rc::new(world), Rc::new(Threads::new(threads))));
            job.finish_rank();
            result
        });
        result
            .map_err(|payload| {
                if !payload.is::<Interrupted>() {
                    fail(rank, Failure::from_payload(payload))
                }
            })
            .ok()
    };
    let results: Vec<Option<R>> = std::thread::scope(|scope| {
        let start = |rank: usize| {
            let thread = std::thread::Builder::new().name(format!("rank {rank}")).stack_size(STACK_BYTES);
            thread.spawn_scoped(scope, move || run(rank)).map_err(|e| {
                fail(
                    rank,
                    Failure { code: 1, message: format!("cannot start a thread for rank {rank} of {size}: {e}") },
                )
            })
        };
        // Start all threads before waiting for the first.
        let started: Vec<_> = (0..size).map_while(|rank| start(rank).ok()).collect();
        started.into_iter().map(|rank| rank.join().ok().flatten()).collect()
    });
    match job.failure() {
        Some(aborted) => Err(aborted),
        None => Ok(results.into_iter().flatten().collect()),
    }
}

/// Stack size of a rank's thread in bytes: the usual size of a main thread's stack.
const STACK_BYTES: usize = 8 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comm::transport::Reduce;
    use std::time::{Duration, Instant};

    fn failure<R: Send + std::fmt::Debug>(size: usize, body: impl Fn(Comm) -> R + Sync) -> Aborted {
        let start = Instant::now();
        let aborted = ranks(size, 1, body).unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(2), "the other ranks stopped only after {:?}", start.elapsed());
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
    fn a_panic_interrupts_waiting_ranks() {
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
            assert!(aborted.message.contains("local/ranks.rs:"), "{aborted}");
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
    fn a_deadlock_is_a_failure_that_names_the_waiting_ranks() {
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
    fn different_lengths_on_the_two_ends_of_a_message_are_a_failure() {
        let aborted = failure(2, |comm| {
            let peer = 1 - comm.rank();
            let mut link = comm.link(0, &[(peer, 8)], &[(peer, 8 + comm.rank())]);
            link.start();
            link.finish();
            comm.barrier();
        });
        assert!(aborted.message.contains("bytes received from rank 0, and bytes expected"), "{aborted}");
    }

    #[test]
    fn repeated_messages_reuse_their_buffers() {
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
