//! Signals by which batch systems and users request the end of a run. The first one only sets a flag, which the run polls; a
//! second SIGTERM or SIGINT, one second later or more, ends the process at once.
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
    /// SIGUSR2: requests a checkpoint.
    User2,
}

impl Signal {
    /// The name of the signal.
    pub fn name(self) -> &'static str {
        match self {
            Signal::Terminate => "SIGTERM",
            Signal::Interrupt => "SIGINT",
            Signal::User1 => "SIGUSR1",
            Signal::User2 => "SIGUSR2",
        }
    }
}

/// All signals, the most urgent first, with number and with the exit code if a second one ends the process.
const SIGNALS: [(Signal, i32, Option<i32>); 4] = [
    (Signal::Terminate, SIGTERM, Some(75)),
    (Signal::Interrupt, SIGINT, Some(130)),
    (Signal::User1, SIGUSR1, None),
    (Signal::User2, SIGUSR2, None),
];

/// Time in milliseconds during which a repeated signal is ignored: `timeout` and batch systems send the same signal to a process
/// and to its process group.
const REPEAT_MS: u64 = 1000;

/// Whether each signal has arrived. Signals are sent to a process, so the flags are global.
static FLAGS: [AtomicBool; 4] = [const { AtomicBool::new(false) }; 4];

/// Installs the signal handlers; further calls do nothing. To be called before MPI is initialised, since a signal without a
/// handler kills the rank while the others wait for it.
///
/// # Errors
/// If the system refuses a handler.
pub fn install() -> Result<()> {
    static INSTALLED: AtomicBool = AtomicBool::new(false);
    if INSTALLED.swap(true, Relaxed) {
        return Ok(());
    }
    for ((_, number, exit_code), flag) in SIGNALS.iter().zip(&FLAGS) {
        install_handler(*number, *exit_code, flag)
            .map_err(|e| Error::failure(format!("cannot install a handler for signal {number}: {e}")))?;
    }
    Ok(())
}

fn install_handler(number: i32, exit_code: Option<i32>, flag: &'static AtomicBool) -> std::io::Result<()> {
    const NEVER: u64 = u64::MAX;
    let (start, first) = (Instant::now(), AtomicU64::new(NEVER));
    let action = move || {
        let now = start.elapsed().as_millis() as u64;
        let first = first.compare_exchange(NEVER, now, Relaxed, Relaxed).err().unwrap_or(now);
        flag.store(true, Relaxed);
        if let Some(code) = exit_code
            && now.saturating_sub(first) >= REPEAT_MS
        {
            low_level::exit(code);
        }
    };
    // SAFETY: `action` only reads the clock, changes atomics and calls `_exit`, all allowed in a signal handler.
    unsafe { low_level::register(number, action) }.map(drop)
}

/// Returns the most urgent signal that has arrived since [`install`]. The signal remains pending.
pub fn pending() -> Option<Signal> {
    SIGNALS.iter().zip(&FLAGS).find(|(_, flag)| flag.load(Relaxed)).map(|((signal, ..), _)| *signal)
}

/// Returns true if this signal has arrived since [`install`] or since the last call that returned true, and clears it.
pub fn take(signal: Signal) -> bool {
    SIGNALS.iter().zip(&FLAGS).any(|((known, ..), flag)| *known == signal && flag.swap(false, Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, ExitStatus};
    use std::time::Duration;

    /// In a list of signals: a pause.
    const LATER: i32 = 0;

    /// Runs [`child`] in a new process, which sends these signals to itself.
    fn process(signals: &str) -> ExitStatus {
        let me = std::env::current_exe().unwrap();
        let mut command = Command::new(me);
        command.args(["--exact", "base::signals::tests::child", "--quiet"]).env("HALOCLINE_TEST_SIGNALS", signals);
        command.output().unwrap().status
    }

    /// Does nothing unless [`process`] starts it; exits with 10 + the index of the pending signal.
    #[test]
    fn child() {
        let Ok(signals) = std::env::var("HALOCLINE_TEST_SIGNALS") else { return };
        install().unwrap();
        install().unwrap();
        assert_eq!(pending(), None);
        for number in signals.split(',') {
            match number.parse().unwrap() {
                LATER => std::thread::sleep(Duration::from_millis(REPEAT_MS + 100)),
                number => low_level::raise(number).unwrap(),
            }
        }
        let index = SIGNALS.iter().position(|(signal, ..)| Some(*signal) == pending()).unwrap();
        std::process::exit(10 + index as i32);
    }

    #[test]
    fn the_first_signal_sets_a_flag_and_the_second_ends_the_process() {
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
        assert_eq!(code(&[SIGUSR1, SIGTERM]), 10, "the most urgent signal");
        assert_eq!(code(&[SIGTERM, SIGTERM, SIGTERM]), 10, "repeats within a second count as one");
        assert_eq!(code(&[SIGTERM, LATER, SIGTERM]), 75);
        assert_eq!(code(&[SIGINT, LATER, SIGINT]), 130);
        assert_eq!(code(&[SIGINT, LATER, SIGTERM]), 10, "different signals do not count as repeats");
        assert_eq!(code(&[SIGUSR1, LATER, SIGUSR1]), 12, "a repeated warning ends no process");
    }
}
