//! What a person asks of a run that is under way: lines in the file `DIR/control`, or a signal.
use crate::config::WallCadence;
use crate::signals::{self, Signal};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often the file is looked for at most.
const PAUSE: Duration = Duration::from_millis(500);

/// What is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// A checkpoint.
    pub checkpoint: bool,
    /// An instant of all output streams.
    pub output: bool,
    /// A clean end.
    pub stop: bool,
    /// The same, and to be gone on with by so many ranks; 0 if nobody asks for it.
    pub ranks: u32,
}

impl Wishes {
    /// As a number, for the pulse.
    pub fn bits(self) -> i64 {
        i64::from(self.checkpoint)
            | i64::from(self.output) << 1
            | i64::from(self.stop) << 2
            | i64::from(self.ranks) << 3
    }

    /// From such a number.
    pub fn of_bits(bits: i64) -> Wishes {
        Wishes { checkpoint: bits & 1 != 0, output: bits & 2 != 0, stop: bits & 4 != 0, ranks: (bits >> 3) as u32 }
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

/// The ear of rank 0.
pub struct Control {
    path: PathBuf,
    looked: Instant,
    wall: WallCadence,
    saved: Instant,
}

impl Control {
    /// Of the run in `dir`, which saves its state at least so often.
    pub fn new(dir: &Path, wall: WallCadence) -> Control {
        let now = Instant::now();
        Control { path: dir.join("control"), looked: now, wall, saved: now }
    }

    /// What was asked for since it last listened. The file is gone afterwards.
    pub fn listen(&mut self) -> Wishes {
        let mut wishes = Wishes::default();
        if self.looked.elapsed() >= PAUSE {
            self.looked = Instant::now();
            if let Ok(text) = fs::read_to_string(&self.path) {
                text.lines().for_each(|line| wishes.add(line));
                if fs::remove_file(&self.path).is_err() {
                    eprintln!("warning: cannot remove {}, which was acted on", self.path.display());
                }
            }
        }
        wishes.checkpoint |= signals::take(Signal::User2);
        if let WallCadence::Every(every) = self.wall
            && self.saved.elapsed() >= every
        {
            wishes.checkpoint = true;
            self.saved = Instant::now();
        }
        wishes
    }

    /// A checkpoint was begun: the next is due that much later.
    pub fn saved(&mut self) {
        self.saved = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut control = Control::new(dir.path(), WallCadence::Never);
        fs::write(dir.path().join("control"), "output_now\n\n stop \nranks = six\nranks = 6\n").unwrap();
        assert_eq!(control.listen(), Wishes::default(), "not again so soon");
        std::thread::sleep(PAUSE);
        let heard = control.listen();
        assert_eq!(heard, Wishes { checkpoint: false, output: true, stop: true, ranks: 6 });
        assert!(!dir.path().join("control").exists());
        for bits in 0..64 {
            assert_eq!(Wishes::of_bits(bits).bits(), bits);
        }
        let mut clock = Control::new(dir.path(), WallCadence::Every(Duration::ZERO));
        assert!(clock.listen().checkpoint);
    }
}
