//! [`Heartbeat`]: shows the supervisor that rank 0 is alive while it does not step.
use crate::saved::heartbeat;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::Builder;
use std::time::Duration;

/// Time between two heartbeats.
const INTERVAL: Duration = Duration::from_secs(1);
/// Heartbeats end after an hour, so that an endless wait is noticed.
const MAX_BEATS: usize = 3600;

/// A thread that gives a heartbeat every second, for an hour at most, until this value is dropped.
pub struct Heartbeat {
    _until_dropped: Option<Sender<()>>,
}

impl Heartbeat {
    /// Starts the heartbeats of the run in `dir`. If no thread can be started there are none.
    pub fn start(dir: &Path) -> Heartbeat {
        let ((stop, stopped), dir) = (channel(), dir.to_path_buf());
        let beat = move || {
            for _ in 0..MAX_BEATS {
                heartbeat::send(&dir);
                if stopped.recv_timeout(INTERVAL) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        Heartbeat { _until_dropped: Builder::new().name("heartbeat".into()).spawn(beat).ok().map(|_| stop) }
    }
}
