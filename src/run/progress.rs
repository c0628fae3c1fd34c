//! Progress reports of rank 0: a bar on a terminal, a line from time to time in a batch log.
use crate::base::message::message;
use crate::config::SimulatedDuration;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Time between two lines in a batch log: at first, and at most. It doubles with each line.
const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(300);

/// The progress of a run.
pub struct Progress {
    bar: Option<ProgressBar>,
    started: Instant,
    reported: Instant,
    interval: Duration,
    last: (u64, f64),
    /// The part of the run that was completed before, from 0 to 1.
    from: f64,
    end: SimulatedDuration,
    bytes_per_step: f64,
}

/// The completed part of a run until `end`, from 0 to 1.
fn completed(end: SimulatedDuration, (step, time): (u64, f64)) -> f64 {
    match end {
        SimulatedDuration::Steps(n) => step as f64 / n.max(1) as f64,
        SimulatedDuration::Seconds(end) => time / end,
    }
}

impl Progress {
    /// Progress from the step and time `from` to `end`, reported where `reports` is true. T_eff counts `bytes_per_step`.
    pub fn new(reports: bool, end: SimulatedDuration, bytes_per_step: f64, from: (u64, f64)) -> Progress {
        let on_terminal = reports && std::io::stderr().is_terminal();
        let bar = on_terminal.then(|| {
            // Without a known number of steps, the bar counts thousandths of the simulated time.
            let bar = ProgressBar::new(match end {
                SimulatedDuration::Steps(n) => n,
                SimulatedDuration::Seconds(_) => 1000,
            });
            let style = "{wide_bar} {msg}  {eta} left";
            bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        let now = Instant::now();
        let interval = if reports { FIRST } else { Duration::MAX };
        let completed = completed(end, from);
        Progress { bar, started: now, reported: now, interval, last: from, from: completed, end, bytes_per_step }
    }

    /// Reports that `step` is done, and the `numbers` that a job shows, if enough time has passed.
    pub fn step(&mut self, step: u64, time: f64, numbers: impl Fn() -> String) {
        let since = self.reported.elapsed();
        let pause = if self.bar.is_some() { Duration::from_millis(100) } else { self.interval };
        if since < pause {
            return;
        }
        let rate = (step - self.last.0) as f64 / since.as_secs_f64();
        let t_eff = rate * self.bytes_per_step / 1e9;
        let done = completed(self.end, (step, time));
        let line = format!("step {step}  t = {time:.6} s  {rate:.1} steps/s  T_eff {t_eff:.1} GB/s{}", numbers());
        match &self.bar {
            Some(bar) => {
                bar.set_position(match self.end {
                    SimulatedDuration::Steps(_) => step,
                    SimulatedDuration::Seconds(_) => (1000.0 * done) as u64,
                });
                bar.set_message(line);
            }
            None => {
                let left = self.started.elapsed().as_secs_f64() * (1.0 - done) / (done - self.from).max(1e-9);
                message!("{line}  {:.0} % done, {left:.0} s left", 100.0 * done);
                self.interval = (2 * self.interval).min(LONGEST);
            }
        }
        self.reported = Instant::now();
        self.last = (step, time);
    }

    /// Removes the bar.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
