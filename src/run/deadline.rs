//! When the batch system will end the run, and how long before that its state has to be saved.
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// By how much batch systems are early.
const ROUGHLY: Duration = Duration::from_secs(30);
/// What a disk writes in a second, as long as none has been seen.
const SLOW_DISK: f64 = 100e6;

/// The end of a batch job.
pub struct Deadline {
    began: Instant,
    /// From then until the end.
    left: Duration,
    /// How long a checkpoint takes, as long as none has been seen.
    guess: Duration,
    listened: Instant,
    /// The longest time between two times that somebody listened.
    block: Duration,
}

impl Deadline {
    /// That of the Slurm job that this is part of, for a state of so many bytes; none if it has no end, or this is no job.
    pub fn of_job(bytes: u64) -> Option<Deadline> {
        Some(Deadline::new(left_of_job()?, bytes))
    }

    fn new(left: Duration, bytes: u64) -> Deadline {
        let (began, guess) = (Instant::now(), Duration::from_secs_f64(bytes as f64 / SLOW_DISK));
        Deadline { began, left, guess, listened: began, block: Duration::ZERO }
    }

    /// True if it is time to save the state, given how long the slowest checkpoint so far took. At least half of the time is
    /// spent on steps.
    pub fn is_near(&mut self, checkpoint: Option<Duration>) -> bool {
        self.is_near_at(Instant::now(), checkpoint)
    }

    fn is_near_at(&mut self, now: Instant, checkpoint: Option<Duration>) -> bool {
        self.block = self.block.max(now - self.listened);
        self.listened = now;
        let margin = ROUGHLY + 2 * (checkpoint.unwrap_or(self.guess) + self.block);
        now - self.began >= self.left - margin.min(self.left / 2)
    }
}

fn left_of_job() -> Option<Duration> {
    let variable = |name| std::env::var(name).ok();
    let job = variable("SLURM_JOB_ID")?;
    if let Some(end) = variable("SLURM_JOB_END_TIME").and_then(|end| end.parse().ok()) {
        return (UNIX_EPOCH + Duration::from_secs(end)).duration_since(SystemTime::now()).ok();
    }
    // Older ones have to be asked. That they do not answer means nothing.
    let asked = Command::new("squeue").args(["-h", "-j", &job, "-o", "%L"]).output().ok()?;
    parse(String::from_utf8_lossy(&asked.stdout).trim())
}

/// A time as Slurm writes it: `[days-][[hours:]minutes:]seconds`; none for `UNLIMITED`.
fn parse(text: &str) -> Option<Duration> {
    let (days, rest) = text.split_once('-').unwrap_or(("0", text));
    let digits = rest.split(':').map(|part| part.parse::<u64>().ok()).collect::<Option<Vec<u64>>>()?;
    let seconds = digits.iter().fold(0, |sum, part| 60 * sum + part);
    Some(Duration::from_secs(days.parse::<u64>().ok()? * 86400 + seconds)).filter(|_| digits.len() <= 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_slurm_are_read() {
        let seconds = |text| parse(text).map(|left| left.as_secs());
        assert_eq!(["59", "1:30", "2:00:05", "1-00:00:01"].map(seconds), [Some(59), Some(90), Some(7205), Some(86401)]);
        assert_eq!(["UNLIMITED", "INVALID", "", "1:2:3:4"].map(seconds), [None; 4]);
    }

    #[test]
    fn the_margin_is_what_checkpoints_took_and_never_more_than_half() {
        let near = |left: u64, bytes: u64, took: Option<u64>| {
            let mut deadline = Deadline::new(Duration::from_secs(1000), bytes);
            let now = deadline.began + Duration::from_secs(1000 - left);
            deadline.listened = now - Duration::from_secs(5);
            deadline.is_near_at(now, took.map(Duration::from_secs))
        };
        // 10 s at the guessed speed, blocks of 5 s: 60 s before the end.
        assert!(!near(65, 1_000_000_000, None) && near(55, 1_000_000_000, None));
        assert!(!near(145, 1, Some(50)) && near(135, 1, Some(50)));
        assert!(!near(505, 1, Some(9000)) && near(495, 1, Some(9000)));
    }
}
