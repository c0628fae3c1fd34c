//! What a person asks of a run that is under way: lines in the file `DIR/control`, or a signal.
use super::deadline::Deadline;
use crate::base::signals::{self, Signal};
use crate::config::WallCadence;
use crate::saved::heartbeat;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::Builder;
use std::time::{Duration, Instant};

/// How often the file is looked for at most.
const PAUSE: Duration = Duration::from_millis(500);

/// What is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// A checkpoint.
    pub checkpoint: bool,
    /// The state in the memory of nodes.
    pub replica: bool,
    /// An instant of all output streams.
    pub output: bool,
    /// A clean end.
    pub stop: bool,
    /// The same, since the batch system will end the run soon.
    pub time_up: bool,
    /// The same, and to be gone on with by so many ranks; 0 if nobody asks for it.
    pub ranks: u32,
}

impl Wishes {
    /// As a number, for the pulse.
    pub fn bits(self) -> i64 {
        i64::from(self.checkpoint)
            | i64::from(self.output) << 1
            | i64::from(self.stop) << 2
            | i64::from(self.replica) << 3
            | i64::from(self.time_up) << 4
            | i64::from(self.ranks) << 5
    }

    /// From such a number.
    pub fn of_bits(bits: i64) -> Wishes {
        let bit = |i: u32| bits >> i & 1 != 0;
        let ranks = (bits >> 5) as u32;
        Wishes { checkpoint: bit(0), output: bit(1), stop: bit(2), replica: bit(3), time_up: bit(4), ranks }
    }

    fn add(&mut self, line: &str) {
        match line.trim() {
            "checkpoint_now" => self.checkpoint = true,
            "output_now" => self.output = true,
            "stop" => self.stop = true,
            "" => {}
            other => match other.split_once('=').map(|(key, n)| (key.trim(), n.trim().parse())) {
                Some(("ranks", Ok(n @ 1..))) => self.ranks = n,
                _ => eprintln!("warning: control: `{other}` is none of checkpoint_now, output_now, stop, ranks = N"),
            },
        }
    }
}

/// Gives signs, while rank 0 waits for what is no step: for an hour at most, so that a wait without end is noticed.
pub struct Signs {
    _until_dropped: Option<Sender<()>>,
}

impl Signs {
    /// Begins to give signs for the run in `dir`, until this is dropped.
    pub fn give(dir: &Path) -> Signs {
        const EACH: Duration = Duration::from_secs(1);
        const MOST: usize = 3600;
        let ((stop, stopped), dir) = (channel(), dir.to_path_buf());
        let signs = move || {
            for _ in 0..MOST {
                heartbeat::send(&dir);
                if stopped.recv_timeout(EACH) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        // Without a thread there are none.
        Signs { _until_dropped: Builder::new().name("signs".into()).spawn(signs).ok().map(|_| stop) }
    }
}

/// Something that is due when so much time has passed.
struct Timer {
    every: WallCadence,
    last: Instant,
}

impl Timer {
    /// True if it is due; the next time is counted from now.
    fn rings(&mut self) -> bool {
        let due = matches!(self.every, WallCadence::Every(every) if self.last.elapsed() >= every);
        if due {
            self.last = Instant::now();
        }
        due
    }
}

/// The ear of rank 0.
pub struct Control {
    path: PathBuf,
    looked: Instant,
    checkpoint: Timer,
    replica: Timer,
    deadline: Option<Deadline>,
}

impl Control {
    /// Of the run in `dir`, which saves its state at least so often, keeps it in memory so often, and may have to end.
    pub fn new(dir: &Path, checkpoint: WallCadence, replica: WallCadence, deadline: Option<Deadline>) -> Control {
        let last = Instant::now();
        let [checkpoint, replica] = [checkpoint, replica].map(|every| Timer { every, last });
        Control { path: dir.join("control"), looked: last, checkpoint, replica, deadline }
    }

    /// What was asked for since it last listened. The file is gone afterwards. Whoever watches over the run sees that it steps.
    ///
    /// `longest`: how long the slowest checkpoint so far took. `ripe`: to keep the state in memory, which seals what has been
    /// written, would not make more and more files.
    pub fn listen(&mut self, longest: Option<Duration>, ripe: bool) -> Wishes {
        let mut wishes = Wishes::default();
        if self.looked.elapsed() >= PAUSE {
            self.looked = Instant::now();
            if let Some(dir) = self.path.parent() {
                heartbeat::send(dir);
            }
            if let Ok(text) = fs::read_to_string(&self.path) {
                text.lines().for_each(|line| wishes.add(line));
                if fs::remove_file(&self.path).is_err() {
                    eprintln!("warning: cannot remove {}, which was acted on", self.path.display());
                }
            }
        }
        wishes.checkpoint |= signals::take(Signal::User2) | self.checkpoint.rings();
        wishes.replica = ripe && self.replica.rings();
        wishes.time_up = self.deadline.as_mut().is_some_and(|deadline| deadline.is_near(longest));
        wishes
    }

    /// A checkpoint was begun: the next is due that much later.
    pub fn saved(&mut self) {
        self.checkpoint.last = Instant::now();
    }

    /// The same for the state in memory.
    pub fn kept(&mut self) {
        self.replica.last = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut control = Control::new(dir.path(), WallCadence::Never, WallCadence::Never, None);
        fs::write(dir.path().join("control"), "output_now\n\n stop \nranks = six\nranks = 6\n").unwrap();
        assert_eq!(control.listen(None, true), Wishes::default(), "not again so soon");
        std::thread::sleep(PAUSE);
        let heard = control.listen(None, true);
        assert_eq!(heard, Wishes { output: true, stop: true, ranks: 6, ..Wishes::default() });
        assert!(!dir.path().join("control").exists());
        for bits in 0..128 {
            assert_eq!(Wishes::of_bits(bits).bits(), bits);
        }
        let mut clock = Control::new(dir.path(), WallCadence::Every(Duration::ZERO), WallCadence::Never, None);
        assert_eq!(clock.listen(None, true), Wishes { checkpoint: true, ..Wishes::default() });
        let mut clock = Control::new(dir.path(), WallCadence::Never, WallCadence::Every(Duration::ZERO), None);
        assert_eq!(clock.listen(None, true), Wishes { replica: true, ..Wishes::default() });
    }
}
