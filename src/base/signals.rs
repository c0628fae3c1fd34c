//! Signals by which batch systems and users request the end of a run. The first one only sets a flag, which the run polls; a
//! second SIGTERM, SIGINT or SIGQUIT, one second later or more, ends the process at once.
use crate::base::{Error, Result};
use signal_hook::consts::{SIGALRM, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU, SIGXFSZ};
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
    /// SIGQUIT: Ctrl-\.
    Quit,
    /// SIGHUP: the terminal was closed. Ignored under `nohup`.
    Hangup,
    /// SIGXCPU: the limit of CPU time is reached (`ulimit -t`); the system repeats it every second.
    CpuTime,
    /// SIGALRM: a timer has run out, for example in `timeout -s ALRM`.
    Alarm,
    /// SIGUSR1: often an early warning before the time limit (`--signal=USR1@300`).
    User1,
    /// SIGUSR2: requests a checkpoint.
    User2,
}

/// All signals, the most urgent first, with name, number, and the exit code if a second one ends the process.
const SIGNALS: [(Signal, &str, i32, Option<i32>); 8] = [
    (Signal::Terminate, "SIGTERM", SIGTERM, Some(75)),
    (Signal::Interrupt, "SIGINT", SIGINT, Some(130)),
    (Signal::Quit, "SIGQUIT", SIGQUIT, Some(131)),
    (Signal::Hangup, "SIGHUP", SIGHUP, None),
    (Signal::CpuTime, "SIGXCPU", SIGXCPU, None),
    (Signal::Alarm, "SIGALRM", SIGALRM, None),
    (Signal::User1, "SIGUSR1", SIGUSR1, None),
    (Signal::User2, "SIGUSR2", SIGUSR2, None),
];

impl Signal {
    /// All signals, the most urgent first.
    pub fn all() -> impl Iterator<Item = Signal> {
        SIGNALS.into_iter().map(|(signal, ..)| signal)
    }

    /// The name of the signal.
    pub fn name(self) -> &'static str {
        SIGNALS[self as usize].1
    }

    /// The number of the signal.
    pub fn number(self) -> i32 {
        SIGNALS[self as usize].2
    }

    /// True for a signal that requests the end of the run.
    pub fn stops(self) -> bool {
        self != Signal::User2
    }

    /// How urgent the signal is: a larger number is more urgent, and 0 requests no stop.
    pub fn urgency(self) -> i64 {
        (SIGNALS.len() - 1 - self as usize) as i64
    }

    /// The signal of this urgency; none for 0.
    pub fn of_urgency(urgency: i64) -> Option<Signal> {
        Signal::all().find(|signal| urgency > 0 && signal.urgency() == urgency)
    }
}

/// Time in milliseconds during which a repeated signal is ignored: `timeout` and batch systems send the same signal to a process
/// and to its process group.
const REPEAT_MS: u64 = 1000;

/// Whether each signal has arrived. Signals are sent to a process, so the flags are global.
static FLAGS: [AtomicBool; SIGNALS.len()] = [const { AtomicBool::new(false) }; SIGNALS.len()];

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
    let refused = |number: i32| {
        move |e: std::io::Error| Error::failure(format!("cannot install a handler for signal {number}: {e}"))
    };
    for ((signal, _, number, exit_code), flag) in SIGNALS.iter().zip(&FLAGS) {
        // `nohup` starts programs with this signal ignored, and shells start background jobs so.
        if *signal == Signal::Hangup && is_ignored(*number) {
            continue;
        }
        install_handler(*number, *exit_code, flag).map_err(refused(*number))?;
    }
    survive_file_limit().map_err(refused(SIGXFSZ))
}

/// Makes a write beyond the limit of a file's size (`ulimit -f`) fail, instead of a signal killing the process; further calls
/// do nothing.
///
/// # Errors
/// If the system refuses the handler.
pub fn survive_file_limit() -> std::io::Result<()> {
    static INSTALLED: AtomicBool = AtomicBool::new(false);
    if INSTALLED.swap(true, Relaxed) {
        return Ok(());
    }
    // Any handler does it. (If the signal were ignored, child processes would inherit that.)
    // SAFETY: the handler does nothing.
    unsafe { low_level::register(SIGXFSZ, || ()) }.map(drop)
}

/// True if this process was started with the signal ignored.
fn is_ignored(number: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (number - 1) & 1 == 1)
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
    Signal::all().find(|signal| FLAGS[*signal as usize].load(Relaxed))
}

/// Returns true if this signal has arrived since [`install`] or since the last call that returned true, and clears it.
pub fn take(signal: Signal) -> bool {
    FLAGS[signal as usize].swap(false, Relaxed)
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
        // A signal that is ignored here, as under `nohup`, would be ignored there, too.
        let mut command = Command::new("env");
        command.arg("--default-signal").arg(std::env::current_exe().unwrap());
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
        assert_eq!([SIGQUIT, SIGHUP, SIGXCPU, SIGALRM].map(|signal| code(&[signal])), [12, 13, 14, 15]);
        assert_eq!(code(&[SIGUSR1, SIGUSR1, SIGUSR2]), 16);
        assert_eq!(code(&[SIGUSR2]), 17);
        assert_eq!(code(&[SIGUSR1, SIGTERM]), 10, "the most urgent signal");
        assert_eq!(code(&[SIGTERM, SIGTERM, SIGTERM]), 10, "repeats within a second count as one");
        assert_eq!(code(&[SIGTERM, LATER, SIGTERM]), 75);
        assert_eq!(code(&[SIGINT, LATER, SIGINT]), 130);
        assert_eq!(code(&[SIGINT, LATER, SIGTERM]), 10, "different signals do not count as repeats");
        assert_eq!(code(&[SIGUSR1, LATER, SIGUSR1]), 16, "a repeated warning ends no process");
        assert_eq!(code(&[SIGXCPU, LATER, SIGXCPU, LATER, SIGXCPU]), 14, "the system repeats this one");
        assert_eq!(code(&[SIGQUIT, LATER, SIGQUIT]), 131);
        assert_eq!(code(&[SIGXFSZ, SIGUSR1]), 16, "a limit of the file size ends no process");
    }

    #[test]
    fn urgencies_are_in_the_order_of_the_list() {
        for (i, (signal, ..)) in SIGNALS.into_iter().enumerate() {
            assert_eq!(signal as usize, i);
            assert_eq!(Signal::of_urgency(signal.urgency()), Some(signal).filter(|signal| signal.stops()));
        }
    }
}
