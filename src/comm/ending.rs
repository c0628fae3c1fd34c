//! How ranks end together.
//!
//! Ranks whose work is over, well or not, vote. Once all have voted, the lowest rank with the gravest outcome speaks, and all
//! leave in good order with its exit code. A rank that has failed waits only shortly for the others, which may be waiting
//! for it: then it speaks, and ends the job.
use super::fault::Fault;
use super::{Aborted, Reduce, Transport};
use crate::base::Kind;
use crate::base::signals::{self, Signal};
use crate::base::{Error, Result};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long a rank that failed waits for the others to end, too, before it ends them.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a job that failed may take to end in good order before it is cut off.
const GRACE: Duration = Duration::from_secs(3);

/// The gravest first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Failed,
    Stopped,
    Done,
}

/// Votes on how the job ended; what went wrong on this rank is an error or, inside `Err`, a panic. Every rank gets the exit code, and one
/// has printed why. `Err`: this rank has failed, and the others are not over yet. The caller prints why and ends all ranks.
///
/// `control` carries nothing else, since a body that failed leaves its communicator anyhow.
pub(super) fn settle(control: &dyn Transport, result: Result<Result<()>, Fault>) -> Result<u8, Fault> {
    let (class, mine) = match &result {
        Ok(Ok(())) => (Class::Done, Fault { code: 0, message: String::new() }),
        Ok(Err(error)) => {
            let class = if error.kind() == Kind::Stopped { Class::Stopped } else { Class::Failed };
            (class, Fault { code: error.exit_code().into(), message: error.to_string() })
        }
        Err(fault) => (Class::Failed, Fault { code: exit_code(fault.code).into(), ..fault.clone() }),
    };
    let rank = control.rank();
    // One integer decides: the class, then the rank, and the exit code with them.
    let key = (class as i64) << 56 | (rank as i64) << 8 | i64::from(mine.code);
    // All have the same text if the least hash is the largest. Half of its bits, so that its negative is a number, too.
    let hash = (xxhash_rust::xxh3::xxh3_64(mine.message.as_bytes()) >> 1) as i64;
    let mut pending = control.begin_reduce(Reduce::Min, vec![key, hash, -hash]);
    let mpi = control.kind() == "MPI";
    if class == Class::Failed {
        // Several may fail without the rest: in the order of ranks, so that one speaks before the others are ended.
        let patience = PATIENCE + PATIENCE.mul_f64(rank as f64 / control.size() as f64);
        let (start, told_before) = (Instant::now(), signals::pending() == Some(Signal::Terminate));
        while !pending.poll() {
            if start.elapsed() > patience {
                return Err(mine);
            }
            if mpi && !told_before && signals::pending() == Some(Signal::Terminate) {
                // Another rank has spoken, and the launcher ends us all.
                signal_hook::low_level::exit(mine.code);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    } else if mpi {
        // The rest may take an hour to write a file, and MPI would spin. In-process ranks sleep in `finish`.
        let mut pause = Duration::from_micros(20);
        while !pending.poll() {
            std::thread::sleep(pause);
            pause = (2 * pause).min(Duration::from_millis(10));
        }
    }
    let [key, least, most] = pending.finish()[..] else { unreachable!("three values went in") };
    let (gravest, speaker, code) = (key >> 56, (key >> 8) & 0xffff_ffff, key as u8);
    if gravest != Class::Done as i64 && speaker == rank as i64 {
        match result {
            Ok(Err(error)) if least == -most || class == Class::Stopped => report(&error),
            _ => eprintln!("error: {}", Aborted { rank, code: mine.code, message: mine.message }),
        }
    }
    Ok(code)
}

/// Prints an error that is the whole job's.
pub(super) fn report(error: &Error) {
    match error.kind() {
        Kind::Stopped => eprintln!("{error}"),
        _ => eprintln!("error: {error}"),
    }
}

/// Says why this rank has failed, and ends the job for the others, too.
#[cfg(feature = "mpi")]
pub(super) fn give_up(rank: usize, Fault { code, message }: Fault) -> ! {
    eprintln!("error: {}", Aborted { rank, code, message });
    until_read(std::io::stderr());
    super::mpi::abort(code)
}

/// Waits until the launcher has read what this rank has printed into a pipe, though not for long: MPICH's throws away what
/// it has not read when a rank aborts.
#[cfg(feature = "mpi")]
fn until_read(pipe: impl std::os::fd::AsFd) {
    let start = Instant::now();
    while start.elapsed() < PATIENCE && rustix::io::ioctl_fionread(&pipe).is_ok_and(|bytes| bytes > 0) {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The exit code of a process, of which the system keeps 8 bits: a failure never looks like success.
pub(super) fn exit_code(code: i32) -> u8 {
    u8::try_from(code).ok().filter(|code| *code != 0).unwrap_or(1)
}

/// Ends the process in a while, whatever its threads do then, unless the result is dropped before.
pub(super) fn cut_off(code: u8) -> mpsc::Sender<()> {
    let (limit, end) = mpsc::channel();
    std::thread::spawn(move || {
        if end.recv_timeout(GRACE) == Err(mpsc::RecvTimeoutError::Timeout) {
            signal_hook::low_level::exit(code.into());
        }
    });
    limit
}

#[cfg(all(test, feature = "mpi"))]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn waits_for_a_reader_but_not_for_ever() {
        let (mut reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(b"error").unwrap();
        let start = Instant::now();
        until_read(&writer);
        assert!(start.elapsed() >= PATIENCE, "nobody reads");
        let pause = Duration::from_millis(100);
        let start = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(pause);
                reader.read_exact(&mut [0; 5]).unwrap();
            });
            until_read(&writer);
        });
        assert!((pause..PATIENCE).contains(&start.elapsed()), "{:?}", start.elapsed());
        let start = Instant::now();
        until_read(std::fs::File::open("/dev/null").unwrap());
        assert!(start.elapsed() < PATIENCE, "no pipe");
    }
}
