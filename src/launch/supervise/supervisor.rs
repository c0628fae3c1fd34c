//! [`Supervisor`]: starts a run, and starts it again after each interruption, as long as it makes progress.
use super::hosts::Hosts;
use super::watchdog::Watchdog;
use crate::base::message::message;
use crate::base::signals::{self, Signal};
use crate::base::{Error, Result};
use crate::saved::attempt::last_attempt;
use crate::saved::checkpoint;
use crate::saved::run_directory;
use rustix::process::Signal as Number;
use std::fs;
use std::num::NonZeroUsize;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

/// Consecutive attempts without a newer saved state after which the supervisor gives up.
const MAX_WITHOUT_PROGRESS: usize = 3;
/// Placeholders in the command: the number of ranks, and the hosts, separated by commas.
const RANKS: &str = "{ranks}";
const HOSTS: &str = "{hosts}";

/// A run to supervise.
#[derive(Clone, Debug)]
pub struct Supervisor {
    /// The run directory.
    pub output: PathBuf,
    /// The number of ranks of the first attempt, for `{ranks}` in the command.
    pub ranks: NonZeroUsize,
    /// The hosts, for `{hosts}` in the command.
    pub hosts: Option<Hosts>,
    /// An attempt without a heartbeat for this time is stopped.
    pub patience: Duration,
    /// The command that starts an attempt, without `--output` and `--resume`: `mpirun -n {ranks} halocline run FILE …`.
    pub command: Vec<String>,
}

/// How an attempt ended.
enum End {
    /// The run has ended with this exit code: complete, stopped or failed.
    Ended(u8),
    /// The attempt was interrupted; the text says how.
    Interrupted(String),
}

impl Supervisor {
    /// Starts attempts until one ends the run, and returns its exit code.
    ///
    /// # Errors
    /// If the command cannot be started, or if several consecutive attempts make no progress.
    pub fn run(&self) -> Result<u8> {
        signals::install()?;
        let (mut ranks, mut reached, mut without_progress, mut stop_requested) = (self.ranks.get(), None, 0, false);
        let mut hosts = vec![];
        for attempt in 1.. {
            let began = SystemTime::now();
            let mut child = self.start(ranks, &mut hosts)?;
            let watchdog = Watchdog::new(self.output.clone(), self.patience);
            let (status, stalled) = wait(&mut child, watchdog, &mut stop_requested)?;
            let requested = run_directory::take_requested_ranks(&self.output);
            let why = match (self.outcome(status, began), requested) {
                (End::Ended(75), Some(n)) if !stop_requested => {
                    ranks = n;
                    format!("was stopped to continue on {n} ranks")
                }
                (End::Ended(75), _) if stalled => "was stopped for lack of heartbeats and saved its state".into(),
                (End::Ended(code), _) => return Ok(code),
                (End::Interrupted(_), _) if stop_requested => return Ok(75),
                (End::Interrupted(why), _) => why,
            };
            let now = self.reached();
            without_progress = if now > reached || requested.is_some() { 0 } else { without_progress + 1 };
            reached = now;
            if without_progress == MAX_WITHOUT_PROGRESS {
                return Err(Error::failure(format!(
                    "{MAX_WITHOUT_PROGRESS} consecutive attempts made no progress; the last one {why}"
                ))
                .remedy("see its output above; if attempts are short, save checkpoints more often"));
            }
            message!("supervise: attempt {attempt} {why}; the next one continues from the saved state");
        }
        unreachable!("the range of attempts is endless")
    }

    /// The last step that is known to be saved: on disk, or in the memory of the nodes when the last attempt started.
    fn reached(&self) -> Option<u64> {
        let in_memory = last_attempt(&self.output).and_then(|last| last.from).map(|from| from.step);
        checkpoint::newest_step(&self.output).max(in_memory)
    }

    /// Starts the next attempt, on the `hosts` chosen for it.
    fn start(&self, ranks: usize, hosts: &mut Vec<String>) -> Result<Child> {
        if let Some(all) = &self.hosts {
            *hosts = all.choose(hosts)?;
        }
        let hosts = hosts.join(",");
        let filled = |word: &String| word.replace(RANKS, &ranks.to_string()).replace(HOSTS, &hosts);
        let command: Vec<String> = self.command.iter().map(filled).collect();
        let (program, arguments) = command.split_first().ok_or_else(|| Error::input("there is no command to start"))?;
        let child = Command::new(program).args(arguments).arg("--output").arg(&self.output).arg("--resume").spawn();
        child.map_err(|e| Error::file("start", program, e).as_input())
    }

    /// How an attempt ended that began at `began`. The summary of the run counts more than the exit code, which launchers change.
    fn outcome(&self, status: ExitStatus, began: SystemTime) -> End {
        let path = self.output.join("summary.json");
        let new = fs::metadata(&path).and_then(|m| m.modified()).is_ok_and(|written| written >= began);
        let outcome = crate::run::outcome(&self.output).filter(|_| new);
        match (outcome.as_deref(), status.code(), status.signal()) {
            // The run was complete before.
            (None, Some(0), _) if crate::run::is_done(&self.output) => End::Ended(0),
            (Some("done" | "converged"), ..) => End::Ended(0),
            (Some(outcome), ..) if outcome.starts_with("stopped by") => End::Ended(75),
            (Some(_), ..) => End::Ended(1),
            (None, Some(2), _) => End::Ended(2),
            (None, Some(code), _) => End::Interrupted(format!("was interrupted (exit code {code})")),
            (None, None, signal) => End::Interrupted(format!("was killed by signal {}", signal.unwrap_or(0))),
        }
    }
}

/// Waits for an attempt to end, and forwards signals to it; sets `stop_requested` if one of them requests a stop. Returns the
/// exit status, and true if the attempt was stopped here because its heartbeat had ceased.
fn wait(child: &mut Child, mut watchdog: Watchdog, stop_requested: &mut bool) -> Result<(ExitStatus, bool)> {
    const SIGNALS: [(Signal, Number); 4] = [
        (Signal::Terminate, Number::TERM),
        (Signal::Interrupt, Number::INT),
        (Signal::User1, Number::USR1),
        (Signal::User2, Number::USR2),
    ];
    // For a stalled attempt: the next signal to send, and when the first one was due.
    let mut ending: Option<(usize, Instant)> = None;
    loop {
        if let Some(status) = child.try_wait().map_err(|e| Error::failure(format!("cannot wait for the run: {e}")))? {
            return Ok((status, ending.is_some()));
        }
        for (signal, number) in SIGNALS.into_iter().filter(|(signal, _)| signals::take(*signal)) {
            *stop_requested |= signal != Signal::User2;
            send(child, number);
        }
        if ending.is_none() && watchdog.has_expired() {
            message!("supervise: no heartbeat for a long time: stopping the attempt");
            ending = Some((0, Instant::now()));
        }
        if let Some((next, when)) = &mut ending
            && let Some((after, number)) = STOP_SIGNALS.get(*next)
            && when.elapsed() >= *after
        {
            send(child, *number);
            *next += 1;
        }
        sleep(Duration::from_millis(50));
    }
}

/// The signals that stop a stalled attempt, and the time after which each is sent. A second SIGTERM ends ranks at once. SIGKILL
/// comes last, because a killed launcher may leave ranks behind.
const STOP_SIGNALS: [(Duration, Number); 3] =
    [(Duration::ZERO, Number::TERM), (Duration::from_secs(2), Number::TERM), (Duration::from_secs(30), Number::KILL)];

fn send(child: &Child, number: Number) {
    if let Some(pid) = rustix::process::Pid::from_raw(child.id() as i32) {
        // The process may have ended already.
        let _ = rustix::process::kill_process(pid, number);
    }
}
