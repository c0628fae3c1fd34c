//! [`Watchdog`]: detects an attempt that has stopped stepping, by the heartbeats of rank 0 in the run directory.
use crate::saved::heartbeat;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

/// Time between two looks at the heartbeat.
const INTERVAL: Duration = Duration::from_secs(1);

/// Before its first heartbeat, during set-up, an attempt has this many times the limit.
const SET_UP: u32 = 3;

/// Watches the heartbeats of one attempt.
pub(super) struct Watchdog {
    output: PathBuf,
    limit: Duration,
    polled: Instant,
    /// The time stamp of the last heartbeat, by the clock of the file system, which is only compared with itself.
    last: Option<SystemTime>,
    /// When that heartbeat was noticed, by the clock of this process.
    since: Instant,
    is_set_up: bool,
}

impl Watchdog {
    /// Watches an attempt that starts now.
    pub fn new(output: PathBuf, limit: Duration) -> Watchdog {
        let last = heartbeat::last(&output);
        Watchdog { output, limit, polled: Instant::now(), last, since: Instant::now(), is_set_up: false }
    }

    /// True if the attempt has given a heartbeat, in the run directory.
    pub fn has_seen_a_run(&self) -> bool {
        self.is_set_up
    }

    /// True if there was no heartbeat for too long.
    pub fn has_expired(&mut self) -> bool {
        if self.polled.elapsed() >= INTERVAL.min(self.limit) {
            self.polled = Instant::now();
            let now = heartbeat::last(&self.output);
            if now != self.last {
                (self.last, self.since, self.is_set_up) = (now, self.polled, true);
            }
        }
        self.since.elapsed() > if self.is_set_up { self.limit } else { SET_UP * self.limit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::thread::sleep;

    #[test]
    fn the_limit_counts_from_the_last_heartbeat() {
        let dir = tempfile::tempdir().unwrap();
        let mut watchdog = Watchdog::new(dir.path().into(), Duration::from_millis(100));
        sleep(Duration::from_millis(150));
        assert!(!watchdog.has_expired(), "during set-up");
        let hangs =
            Watchdog { since: Instant::now() - Duration::from_millis(301), ..Watchdog::new("".into(), watchdog.limit) };
        assert!({ hangs }.has_expired(), "set-up takes too long");
        fs::write(dir.path().join(".life"), "").unwrap();
        let mut after = |pause: u64| {
            sleep(Duration::from_millis(pause));
            watchdog.has_expired()
        };
        // The next poll notices the heartbeat.
        assert!(!after(110), "the heartbeat has just been noticed");
        assert!(after(150));
        heartbeat::send(dir.path());
        assert!(!after(110));
    }
}
