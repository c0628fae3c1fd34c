//! The end of a run that was asked to stop and does not: while it sets up, while it waits for a disk or for another rank.
use crate::base::message;
use crate::base::signals::{self, Signal};
use crate::comm;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::{Builder, sleep};
use std::time::{Duration, Instant};

/// During set-up there is nothing to save. In this time, a short set-up comes to its first step, where it stops cleanly.
const SET_UP: Duration = Duration::from_secs(5);
/// Time between two looks for a signal.
const INTERVAL: Duration = Duration::from_millis(100);
/// The limit in milliseconds; 0 during set-up.
static LIMIT: AtomicU64 = AtomicU64::new(0);

/// Starts to watch for signals, once per process: set-up begins.
pub(super) fn start() {
    static ONCE: Once = Once::new();
    LIMIT.store(0, Relaxed);
    // Without the thread, a second signal still ends the process.
    ONCE.call_once(|| _ = Builder::new().name("stop limit".into()).spawn(watch));
}

/// Ends set-up: from now on, a run ends at the latest `limit` after a signal that stops it.
pub(super) fn set(limit: Duration) {
    LIMIT.store((limit.as_millis() as u64).max(1), Relaxed);
}

fn watch() {
    let mut since: Option<(Signal, Instant)> = None;
    loop {
        sleep(INTERVAL);
        let limit = LIMIT.load(Relaxed);
        // SIGUSR1 is an early warning: after set-up, the run may save its state for as long as that takes.
        let counts = |signal: &Signal| signal.stops() && (limit == 0 || *signal != Signal::User1);
        let Some(signal) = signals::pending().filter(counts) else { continue };
        let (_, when) = *since.get_or_insert((signal, Instant::now()));
        let longest = if limit == 0 { SET_UP } else { Duration::from_millis(limit) };
        if when.elapsed() >= longest {
            end(signal, limit == 0);
        }
    }
}

/// Ends the process. It does not call MPI: another thread may be inside.
fn end(signal: Signal, in_set_up: bool) -> ! {
    let text = match in_set_up {
        true => format!("stopped by {} during set-up: run it again", signal.name()),
        false => format!(
            "stopped by {}: the state could not be saved in time (checkpoint.stop_within)\n  \
             continue from the last checkpoint with `halocline resume`",
            signal.name()
        ),
    };
    if comm::launched_rank() == 0 {
        // A terminal or pipe that blocks must not hold up the end.
        let print = Builder::new().spawn(move || message::to_stderr(format_args!("{text}\n")));
        let since = Instant::now();
        while print.as_ref().is_ok_and(|thread| !thread.is_finished()) && since.elapsed() < Duration::from_secs(1) {
            sleep(Duration::from_millis(5));
        }
    }
    signal_hook::low_level::exit(75)
}
