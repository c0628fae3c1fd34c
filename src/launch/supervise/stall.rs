//! Tells whether a life still steps: rank 0 touches a file of the run's folder now and then.
use crate::saved::heartbeat;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

/// How often the file is looked at.
const PAUSE: Duration = Duration::from_secs(1);

/// Until its first sign, a life that is being set up has so many times as long.
const SET_UP: u32 = 3;

/// Watches a life.
pub(super) struct Stall {
    output: PathBuf,
    limit: Duration,
    looked: Instant,
    /// The last sign, and when it was seen: clocks of file systems go as they like.
    seen: Option<SystemTime>,
    since: Instant,
    is_set_up: bool,
}

impl Stall {
    /// Of a life that begins now.
    pub fn new(output: PathBuf, limit: Duration) -> Stall {
        let seen = heartbeat::last(&output);
        Stall { output, limit, looked: Instant::now(), seen, since: Instant::now(), is_set_up: false }
    }

    /// True if there was no sign of life for too long.
    pub fn is_there(&mut self) -> bool {
        if self.looked.elapsed() >= PAUSE.min(self.limit) {
            self.looked = Instant::now();
            let now = heartbeat::last(&self.output);
            if now != self.seen {
                (self.seen, self.since, self.is_set_up) = (now, self.looked, true);
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
    fn silence_counts_from_the_last_sign() {
        let dir = tempfile::tempdir().unwrap();
        let mut stall = Stall::new(dir.path().into(), Duration::from_millis(100));
        sleep(Duration::from_millis(150));
        assert!(!stall.is_there(), "it is being set up");
        let hangs = Stall { since: Instant::now() - Duration::from_millis(301), ..Stall::new("".into(), stall.limit) };
        assert!({ hangs }.is_there(), "for too long");
        fs::write(dir.path().join(".life"), "").unwrap();
        let mut after = |pause: u64| {
            sleep(Duration::from_millis(pause));
            stall.is_there()
        };
        // It is seen when it is next looked for.
        assert!(!after(110), "it has been seen just now");
        assert!(after(150));
        heartbeat::send(dir.path());
        assert!(!after(110));
    }
}
