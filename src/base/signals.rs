//! Signals by which batch systems and users ask a run to end. A first one only sets a flag, for the run to see at its next
//! convenience; a second SIGTERM or SIGINT, a second later or more, ends the process at once.
use crate::base::{Error, Result};
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::low_level;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// A signal that has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM: from the batch system at the time limit, or `scancel`.
    Terminate,
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGUSR1: often an early warning before the time limit (`--signal=USR1@300`).
    User1,
    /// SIGUSR2: asks for a checkpoint.
    User2,
}

impl Signal {
    /// As the system calls it.
    pub fn name(self) -> &'static str {
        match self {
            Signal::Terminate => "SIGTERM",
            Signal::Interrupt => "SIGINT",
            Signal::User1 => "SIGUSR1",
            Signal::User2 => "SIGUSR2",
        }
    }
}

/// Most urgent first; the exit code of a process that a second one ends.
const SIGNALS: [(Signal, i32, Option<i32>); 4] = [
    (Signal::Terminate, SIGTERM, Some(75)),
    (Signal::Interrupt, SIGINT, Some(130)),
    (Signal::User1, SIGUSR1, None),
    (Signal::User2, SIGUSR2, None),
];

/// For so many milliseconds, the same signal again is an echo of the first: `timeout` and batch systems send it to a process
/// and to its group.
const ECHO: u64 = 1000;

/// Signals are sent to a process, and so are these flags its own.
static FLAGS: [AtomicBool; 4] = [const { AtomicBool::new(false) }; 4];

/// Begins to listen; further calls do nothing. Before MPI starts, since a signal that nobody listens to kills the rank
/// and leaves the others waiting.
pub fn install() -> Result<()> {
    static INSTALLED: AtomicBool = AtomicBool::new(false);
    if INSTALLED.swap(true, Relaxed) {
        return Ok(());
    }
    for ((_, number, exit_code), flag) in SIGNALS.iter().zip(&FLAGS) {
        listen(*number, *exit_code, flag)
            .map_err(|e| Error::failure(format!("cannot listen to signal {number}: {e}")))?;
    }
    Ok(())
}

fn listen(number: i32, exit_code: Option<i32>, flag: &'static AtomicBool) -> std::io::Result<()> {
    const NEVER: u64 = u64::MAX;
    let (start, first) = (Instant::now(), AtomicU64::new(NEVER));
    let action = move || {
        let now = start.elapsed().as_millis() as u64;
        let first = first.compare_exchange(NEVER, now, Relaxed, Relaxed).err().unwrap_or(now);
        flag.store(true, Relaxed);
        if let Some(code) = exit_code
            && now.saturating_sub(first) >= ECHO
        {
            low_level::exit(code);
        }
    };
    // SAFETY: a signal handler may read the clock, change atomics and `_exit`; `action` does nothing else.
    unsafe { low_level::register(number, action) }.map(drop)
}

/// The most urgent signal that has arrived since [`install`]. It stays until the process ends.
pub fn pending() -> Option<Signal> {
    SIGNALS.iter().zip(&FLAGS).find(|(_, flag)| flag.load(Relaxed)).map(|((signal, ..), _)| *signal)
}

/// True if this signal has arrived since [`install`] or since the last time that it was taken.
pub fn take(signal: Signal) -> bool {
    SIGNALS.iter().zip(&FLAGS).any(|((known, ..), flag)| *known == signal && flag.swap(false, Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, ExitStatus};
    use std::time::Duration;

    /// No signal, but a pause.
    const LATER: i32 = 0;

    /// Runs [`child`] in a process of its own and lets it send itself these signals.
    fn process(signals: &str) -> ExitStatus {
        let me = std::env::current_exe().unwrap();
        let mut command = Command::new(me);
        command.args(["--exact", "base::signals::tests::child", "--quiet"]).env("HALOCLINE_TEST_SIGNALS", signals);
        command.output().unwrap().status
    }

    /// Does nothing unless told to by [`process`]; exits with 10 + the index of the pending signal.
    #[test]
    fn child() {
        let Ok(signals) = std::env::var("HALOCLINE_TEST_SIGNALS") else { return };
        install().unwrap();
        install().unwrap();
        assert_eq!(pending(), None);
        for number in signals.split(',') {
            match number.parse().unwrap() {
                LATER => std::thread::sleep(Duration::from_millis(ECHO + 100)),
                number => low_level::raise(number).unwrap(),
            }
        }
        let index = SIGNALS.iter().position(|(signal, ..)| Some(*signal) == pending()).unwrap();
        std::process::exit(10 + index as i32);
    }

    #[test]
    fn the_first_sets_a_flag_the_second_ends_the_process() {
        let code = |signals: &[i32]| {
            let list: Vec<_> = signals.iter().map(i32::to_string).collect();
            let status = process(&list.join(","));
            assert_eq!(status.signal(), None);
            status.code().unwrap()
        };
        assert_eq!(code(&[SIGTERM]), 10);
        assert_eq!(code(&[SIGINT]), 11);
        assert_eq!(code(&[SIGUSR1, SIGUSR1, SIGUSR2]), 12);
        assert_eq!(code(&[SIGUSR2]), 13);
        assert_eq!(code(&[SIGUSR1, SIGTERM]), 10, "the most urgent");
        assert_eq!(code(&[SIGTERM, SIGTERM, SIGTERM]), 10, "at once, they are one");
        assert_eq!(code(&[SIGTERM, LATER, SIGTERM]), 75);
        assert_eq!(code(&[SIGINT, LATER, SIGINT]), 130);
        assert_eq!(code(&[SIGINT, LATER, SIGTERM]), 10, "one of each is not two");
        assert_eq!(code(&[SIGUSR1, LATER, SIGUSR1]), 12, "a warning kills nobody");
    }
}
