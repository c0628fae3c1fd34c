//! The heartbeat of a run: rank 0 sets the modification time of the attempt file while it steps.
use super::attempt::FILE;
use std::fs::{self, File};
use std::path::Path;
use std::time::SystemTime;

/// The time of the last heartbeat of the run in `dir`; none if there is no attempt file.
pub fn last(dir: &Path) -> Option<SystemTime> {
    fs::metadata(dir.join(FILE)).and_then(|file| file.modified()).ok()
}

/// Sends a heartbeat. A failure is ignored: the supervisor then sees no heartbeat.
pub fn send(dir: &Path) {
    let file = File::options().append(true).open(dir.join(FILE));
    let _ = file.and_then(|file| file.set_modified(SystemTime::now()));
}
