//! Tells whether a life still steps: rank 0 touches a file of the run's folder now and then.
use crate::folder;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

/// How often the file is looked at.
const PAUSE: Duration = Duration::from_secs(1);

/// Watches a life. It counts from the first sign of that life: before, the run is being set up.
pub(super) struct Stall {
    output: PathBuf,
    limit: Duration,
    looked: Instant,
    /// The last sign, and when it was seen: clocks of file systems go as they like.
    seen: Option<SystemTime>,
    since: Option<Instant>,
}

impl Stall {
    /// Of a life that begins now.
    pub fn new(output: PathBuf, limit: Duration) -> Stall {
        let seen = folder::last_sign(&output);
        Stall { output, limit, looked: Instant::now(), seen, since: None }
    }

    /// True if there was no sign of life for too long.
    pub fn is_there(&mut self) -> bool {
        if self.looked.elapsed() >= PAUSE.min(self.limit) {
            self.looked = Instant::now();
            let now = folder::last_sign(&self.output);
            if now != self.seen {
                (self.seen, self.since) = (now, Some(self.looked));
            }
        }
        self.since.is_some_and(|since| since.elapsed() > self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::thread::sleep;

    #[test]
    fn silence_counts_from_the_first_sign() {
        let dir = tempfile::tempdir().unwrap();
        let mut stall = Stall::new(dir.path().into(), Duration::from_millis(100));
        sleep(Duration::from_millis(150));
        assert!(!stall.is_there(), "it is being set up");
        fs::write(dir.path().join(".life"), "").unwrap();
        let mut after = |pause: u64| {
            sleep(Duration::from_millis(pause));
            stall.is_there()
        };
        // It is seen when it is next looked for.
        assert!(!after(110), "it has been seen just now");
        assert!(after(150));
        folder::give_sign(dir.path());
        assert!(!after(110));
    }
}
