//! Requests to a run in progress: lines in the file `DIR/control`, signals, wall-time cadences, and the end of the batch job.
use super::deadline::Deadline;
use super::requests::Requests;
use crate::base::message::message;
use crate::base::signals::{self, Signal};
use crate::config::WallCadence;
use crate::saved::{control, heartbeat};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Shortest time between two looks for the control file.
const INTERVAL: Duration = Duration::from_millis(500);

/// A timer for an action at a wall-time cadence.
struct Timer {
    every: WallCadence,
    last: Instant,
}

impl Timer {
    /// True if the action is due; the next interval then begins now.
    fn is_due(&mut self) -> bool {
        let due = matches!(self.every, WallCadence::Every(every) if self.last.elapsed() >= every);
        if due {
            self.last = Instant::now();
        }
        due
    }
}

/// Collects requests, on rank 0.
pub struct Control {
    dir: PathBuf,
    polled: Instant,
    looked: bool,
    checkpoint: Timer,
    replica: Timer,
    deadline: Option<Deadline>,
    /// The contents of a control file that was read and could not be removed.
    unremoved: Option<String>,
    /// What was wrong with the control file at the last look.
    problem: Option<String>,
}

impl Control {
    /// The requests to the run in `dir`, with the wall-time cadences of checkpoints and replicas, and the end of the batch job.
    pub fn new(dir: &Path, checkpoint: WallCadence, replica: WallCadence, deadline: Option<Deadline>) -> Control {
        let last = Instant::now();
        let [checkpoint, replica] = [checkpoint, replica].map(|every| Timer { every, last });
        let dir = dir.to_path_buf();
        Control { dir, polled: last, looked: false, checkpoint, replica, deadline, unremoved: None, problem: None }
    }

    /// The requests since the last call. Removes the control file after reading it, and gives a heartbeat.
    ///
    /// `longest` is the duration of the slowest checkpoint so far. `may_seal` is true if sealing the output streams now would
    /// not produce extra segments: a replica, which seals them, waits until then.
    pub fn poll(&mut self, longest: Option<Duration>, may_seal: bool) -> Requests {
        let mut requests = Requests::default();
        self.looked = self.polled.elapsed() >= INTERVAL;
        if self.looked {
            self.polled = Instant::now();
            heartbeat::send(&self.dir);
            self.read_file(&mut requests);
        }
        requests.checkpoint |= signals::take(Signal::User2) | self.checkpoint.is_due();
        requests.replica = may_seal && self.replica.is_due();
        requests.time_up = self.deadline.as_mut().is_some_and(|deadline| deadline.is_near(longest));
        requests
    }

    /// Adds the requests in the control file, and removes it. A file that cannot be read or removed is reported once.
    fn read_file(&mut self, requests: &mut Requests) {
        let problem = match control::read(&self.dir) {
            Ok(None) => None,
            Ok(Some(text)) if self.unremoved.as_deref() == Some(&*text) => return,
            Ok(Some(text)) => {
                text.lines().for_each(|line| requests.add_line(line));
                let removed = control::remove(&self.dir);
                // Its requests must not count again.
                self.unremoved = removed.is_err().then_some(text);
                removed.err()
            }
            Err(why) => Some(why),
        };
        let problem = problem.map(|why| format!("{}; write requests to a regular file of this name", why.what()));
        if let Some(problem) = problem.as_ref().filter(|problem| self.problem.as_ref() != Some(problem)) {
            message!("warning: {problem}");
        }
        self.problem = problem;
    }

    /// True if the last poll has looked into the run directory.
    pub fn has_just_looked(&self) -> bool {
        self.looked
    }

    /// Follows the run directory to another name.
    pub fn move_to(&mut self, dir: &Path) {
        self.dir = dir.to_path_buf();
    }

    /// Restarts the wall-time interval of checkpoints, when one was started.
    pub fn restart_checkpoint_timer(&mut self) {
        self.checkpoint.last = Instant::now();
    }

    /// Restarts the wall-time interval of replicas, when one was started.
    pub fn restart_replica_timer(&mut self) {
        self.replica.last = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_that_cannot_be_read_or_removed_is_ignored() {
        let dir = tempfile::tempdir().unwrap();
        let (path, mut requests) = (dir.path().join(control::FILE), Requests::default());
        let mut control = Control::new(dir.path(), WallCadence::Never, WallCadence::Never, None);
        let mut problem = |control: &mut Control| {
            control.read_file(&mut requests);
            assert_eq!(requests, Requests::default());
            control.problem.clone().unwrap()
        };
        fs::create_dir(&path).unwrap();
        assert!(problem(&mut control).contains("is a directory"));
        fs::remove_dir(&path).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
        assert!(problem(&mut control).contains("is a FIFO"));
        fs::remove_file(&path).unwrap();
        control.read_file(&mut requests);
        assert_eq!(control.problem, None);
        control.unremoved = Some("stop".into());
        fs::write(&path, "stop").unwrap();
        control.read_file(&mut requests);
        assert_eq!(requests, Requests::default(), "it was read before");
    }

    #[test]
    fn the_file_is_read_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut control = Control::new(dir.path(), WallCadence::Never, WallCadence::Never, None);
        fs::write(dir.path().join("control"), "output_now\n\n stop \nranks = six\nranks = 6\n").unwrap();
        assert_eq!(control.poll(None, true), Requests::default(), "not before the interval has passed");
        std::thread::sleep(INTERVAL);
        let requests = control.poll(None, true);
        assert_eq!(requests, Requests { output: true, stop: true, ranks: 6, ..Requests::default() });
        assert!(!dir.path().join("control").exists());
        let mut clock = Control::new(dir.path(), WallCadence::Every(Duration::ZERO), WallCadence::Never, None);
        assert_eq!(clock.poll(None, true), Requests { checkpoint: true, ..Requests::default() });
        let mut clock = Control::new(dir.path(), WallCadence::Never, WallCadence::Every(Duration::ZERO), None);
        assert_eq!(clock.poll(None, true), Requests { replica: true, ..Requests::default() });
    }
}
