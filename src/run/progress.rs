//! What a run says while it goes on: a progress bar on a terminal, a line now and then in a batch log. Rank 0 speaks.
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// How long a batch log is quiet between two lines: at first, and at most.
const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(300);

/// Where a run is.
pub struct Progress {
    bar: Option<ProgressBar>,
    started: Instant,
    spoke: Instant,
    quiet: Duration,
    last: (u64, f64),
    /// The part of the way that was done before.
    from: f64,
    total: Total,
    bytes_per_step: f64,
}

/// How far a run goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Total {
    /// So many steps.
    Steps(u64),
    /// So many seconds of simulated time.
    Seconds(f64),
}

impl Total {
    /// The part of the way that is done.
    fn part(self, (step, time): (u64, f64)) -> f64 {
        match self {
            Total::Steps(n) => step as f64 / n.max(1) as f64,
            Total::Seconds(end) => time / end,
        }
    }
}

impl Progress {
    /// On the rank that speaks, from a step and a time on; `bytes_per_step` must move in a step, for T_eff.
    pub fn new(speaks: bool, total: Total, bytes_per_step: f64, from: (u64, f64)) -> Progress {
        let watched = speaks && std::io::stderr().is_terminal();
        let bar = watched.then(|| {
            // A bar counts in thousandths of the way where steps are not known beforehand.
            let bar = ProgressBar::new(match total {
                Total::Steps(n) => n,
                Total::Seconds(_) => 1000,
            });
            let look = "{wide_bar} {msg}  {eta} left";
            bar.set_style(ProgressStyle::with_template(look).unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        let now = Instant::now();
        let quiet = if speaks { FIRST } else { Duration::MAX };
        Progress { bar, started: now, spoke: now, quiet, last: from, from: total.part(from), total, bytes_per_step }
    }

    /// A step is done.
    pub fn step(&mut self, step: u64, time: f64) {
        let since = self.spoke.elapsed();
        let pause = if self.bar.is_some() { Duration::from_millis(100) } else { self.quiet };
        if since < pause {
            return;
        }
        let rate = (step - self.last.0) as f64 / since.as_secs_f64();
        let t_eff = rate * self.bytes_per_step / 1e9;
        let done = self.total.part((step, time));
        let say = format!("step {step}  t = {time:.6} s  {rate:.1} steps/s  T_eff {t_eff:.1} GB/s");
        match &self.bar {
            Some(bar) => {
                bar.set_position(match self.total {
                    Total::Steps(_) => step,
                    Total::Seconds(_) => (1000.0 * done) as u64,
                });
                bar.set_message(say);
            }
            None => {
                let left = self.started.elapsed().as_secs_f64() * (1.0 - done) / (done - self.from).max(1e-9);
                eprintln!("{say}  {:.0} % done, {left:.0} s left", 100.0 * done);
                self.quiet = (2 * self.quiet).min(LONGEST);
            }
        }
        self.spoke = Instant::now();
        self.last = (step, time);
    }

    /// The run is over.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
