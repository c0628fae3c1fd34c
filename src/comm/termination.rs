//! How the ranks of a job agree on its outcome and end together.
//!
//! A rank that has finished, with success or not, votes. Once all have voted, the lowest rank with the most severe outcome prints
//! it, and all ranks end in an orderly way with its exit code. A rank that has failed waits only briefly for the other votes,
//! since the other ranks may be waiting for it: then it prints its error and ends the job.
use super::failure::{Aborted, Failure};
use super::transport::{Reduce, Transport};
use crate::base::Kind;
use crate::base::message::message;
use crate::base::signals::{self, Signal};
use crate::base::{Error, Result};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long a failed rank waits for the votes of the others before it ends them.
const VOTE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long the orderly end of a failed job may take before the process exits anyway.
const GRACE_PERIOD: Duration = Duration::from_secs(3);

/// The class of an outcome, the most severe first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Failed,
    Stopped,
    Done,
}

/// Votes on the outcome of the job, given the outcome of this rank: an error, or the failure with which it unwound. Returns the
/// exit code, the same on every rank, after one rank has printed the reason. Returns `Err` if this rank has failed and the others
/// have not all voted in time: then the caller prints the failure and ends all ranks.
///
/// `control` is a communicator for this vote alone, since a rank that failed may have left messages in any other.
pub(super) fn agree_on_outcome(control: &dyn Transport, result: Result<Result<()>, Failure>) -> Result<u8, Failure> {
    let (class, mine) = match &result {
        Ok(Ok(())) => (Class::Done, Failure { code: 0, message: String::new() }),
        Ok(Err(error)) => {
            let class = if error.kind() == Kind::Stopped { Class::Stopped } else { Class::Failed };
            (class, Failure { code: error.exit_code().into(), message: error.to_string() })
        }
        Err(failure) => (Class::Failed, Failure { code: exit_code(failure.code).into(), ..failure.clone() }),
    };
    let rank = control.rank();
    // One integer orders the outcomes: the class, then the rank; the exit code follows.
    let key = (class as i64) << 56 | (rank as i64) << 8 | i64::from(mine.code);
    // All ranks have the same message if the minimum of its hash equals the maximum. 63 bits, so that the hash can be negated.
    let hash = (xxhash_rust::xxh3::xxh3_64(mine.message.as_bytes()) >> 1) as i64;
    let mut pending = control.begin_reduce(Reduce::Min, vec![key, hash, -hash]);
    let mpi = control.kind() == "MPI";
    if class == Class::Failed {
        // If several ranks fail without the rest, the lowest times out first and prints before the others are ended.
        let timeout = VOTE_TIMEOUT + VOTE_TIMEOUT.mul_f64(rank as f64 / control.size() as f64);
        let (start, terminated_before) = (Instant::now(), signals::pending() == Some(Signal::Terminate));
        while !pending.poll() {
            if start.elapsed() > timeout {
                return Err(mine);
            }
            if mpi && !terminated_before && signals::pending() == Some(Signal::Terminate) {
                // Another rank has printed its error, and the launcher ends all processes.
                signal_hook::low_level::exit(mine.code);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    } else if mpi {
        // The other ranks may take an hour to write a file, and MPI would spin. In-process ranks sleep in `finish`.
        let mut pause = Duration::from_micros(20);
        while !pending.poll() {
            std::thread::sleep(pause);
            pause = (2 * pause).min(Duration::from_millis(10));
        }
    }
    let [key, min_hash, neg_max_hash] = pending.finish()[..] else { unreachable!("three values were reduced") };
    let (worst, reporter, code) = (key >> 56, (key >> 8) & 0xffff_ffff, key as u8);
    if worst != Class::Done as i64 && reporter == rank as i64 {
        match result {
            Ok(Err(error)) if min_hash == -neg_max_hash || class == Class::Stopped => report(&error),
            _ => message!("error: {}", Aborted { rank, code: mine.code, message: mine.message }),
        }
    }
    Ok(code)
}

/// Prints an error of the whole job.
pub(super) fn report(error: &Error) {
    match error.kind() {
        Kind::Stopped => message!("{error}"),
        _ => message!("error: {error}"),
    }
}

/// Converts to the exit code of a process, of which the system keeps 8 bits: a failure never looks like success.
pub(super) fn exit_code(code: i32) -> u8 {
    u8::try_from(code).ok().filter(|code| *code != 0).unwrap_or(1)
}

/// Starts a timer that ends the process after the grace period, whatever its threads do, unless the returned value is dropped
/// earlier.
pub(super) fn exit_after_grace_period(code: u8) -> mpsc::Sender<()> {
    let (timer, cancelled) = mpsc::channel();
    std::thread::spawn(move || {
        if cancelled.recv_timeout(GRACE_PERIOD) == Err(mpsc::RecvTimeoutError::Timeout) {
            signal_hook::low_level::exit(code.into());
        }
    });
    timer
}
