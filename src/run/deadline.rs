//! The end of the batch job, and how long before it the state must be saved.
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Batch systems may end a job early by this much.
const TOLERANCE: Duration = Duration::from_secs(30);
/// Assumed write speed of a disk until a checkpoint was measured, in bytes a second.
const SLOW_DISK: f64 = 100e6;

/// The end of the batch job of this run.
pub struct Deadline {
    began: Instant,
    /// Time from `began` until the end.
    left: Duration,
    /// Assumed duration of a checkpoint, until one was measured.
    estimate: Duration,
    polled: Instant,
    /// The longest time between two polls.
    block: Duration,
}

impl Deadline {
    /// The deadline of the Slurm job of this process, for a state of `bytes` bytes. None outside a job, or for a job without limit.
    pub fn of_job(bytes: u64) -> Option<Deadline> {
        Some(Deadline::new(left_of_job()?, bytes))
    }

    fn new(left: Duration, bytes: u64) -> Deadline {
        let (began, estimate) = (Instant::now(), Duration::from_secs_f64(bytes as f64 / SLOW_DISK));
        Deadline { began, left, estimate, polled: began, block: Duration::ZERO }
    }

    /// True if the state must be saved now. `checkpoint` is the duration of the slowest checkpoint so far. At least half of the
    /// job's time is left to steps.
    pub fn is_near(&mut self, checkpoint: Option<Duration>) -> bool {
        self.is_near_at(Instant::now(), checkpoint)
    }

    fn is_near_at(&mut self, now: Instant, checkpoint: Option<Duration>) -> bool {
        self.block = self.block.max(now - self.polled);
        self.polled = now;
        let margin = TOLERANCE + 2 * (checkpoint.unwrap_or(self.estimate) + self.block);
        now - self.began >= self.left - margin.min(self.left / 2)
    }
}

fn left_of_job() -> Option<Duration> {
    let variable = |name| std::env::var(name).ok();
    let job = variable("SLURM_JOB_ID")?;
    if let Some(end) = variable("SLURM_JOB_END_TIME").and_then(|end| end.parse().ok()) {
        return UNIX_EPOCH.checked_add(Duration::from_secs(end))?.duration_since(SystemTime::now()).ok();
    }
    // Older versions of Slurm do not set the variable: ask squeue, and do without a deadline if it fails.
    let answer = Command::new("squeue").args(["-h", "-j", &job, "-o", "%L"]).output().ok()?;
    parse(String::from_utf8_lossy(&answer.stdout).trim())
}

/// Parses a duration as Slurm writes it: `[days-][[hours:]minutes:]seconds`. None for `UNLIMITED`.
fn parse(text: &str) -> Option<Duration> {
    let (days, rest) = text.split_once('-').unwrap_or(("0", text));
    let digits = rest.split(':').map(|part| part.parse::<u64>().ok()).collect::<Option<Vec<u64>>>()?;
    let seconds = digits.iter().try_fold(0u64, |sum, part| sum.checked_mul(60)?.checked_add(*part));
    let seconds = days.parse::<u64>().ok()?.checked_mul(86400)?.checked_add(seconds?)?;
    Some(Duration::from_secs(seconds)).filter(|_| digits.len() <= 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slurm_durations_are_parsed() {
        let seconds = |text| parse(text).map(|left| left.as_secs());
        assert_eq!(["59", "1:30", "2:00:05", "1-00:00:01"].map(seconds), [Some(59), Some(90), Some(7205), Some(86401)]);
        assert_eq!(["UNLIMITED", "INVALID", "", "1:2:3:4"].map(seconds), [None; 4]);
    }

    #[test]
    fn the_margin_is_the_checkpoint_time_and_at_most_half() {
        let near = |left: u64, bytes: u64, took: Option<u64>| {
            let mut deadline = Deadline::new(Duration::from_secs(1000), bytes);
            let now = deadline.began + Duration::from_secs(1000 - left);
            deadline.polled = now - Duration::from_secs(5);
            deadline.is_near_at(now, took.map(Duration::from_secs))
        };
        // 10 s at the estimateed speed, blocks of 5 s: 60 s before the end.
        assert!(!near(65, 1_000_000_000, None) && near(55, 1_000_000_000, None));
        assert!(!near(145, 1, Some(50)) && near(135, 1, Some(50)));
        assert!(!near(505, 1, Some(9000)) && near(495, 1, Some(9000)));
    }
}
