//! [`Supervisor`]: starts a run, and starts it again after each interruption, as long as it makes progress.
use super::hosts::Hosts;
use super::watchdog::Watchdog;
use crate::base::message::message;
use crate::base::signals::{self, Signal};
use crate::base::{Error, Result};
use crate::saved::attempt::last_attempt;
use crate::saved::checkpoint;
use crate::saved::{control, run_directory};
use rustix::process::Signal as Number;
use std::fs;
use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

/// Consecutive attempts without a newer saved state after which the supervisor gives up.
const MAX_WITHOUT_PROGRESS: usize = 3;
/// Pause before the next attempt if one made no progress: after the first, and at most. It doubles with each.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Time between two looks at an attempt, and at signals.
const INTERVAL: Duration = Duration::from_millis(50);

/// In a command, stands for the number of ranks.
pub const RANKS: &str = "{ranks}";
/// In a command, stands for the hosts, separated by commas.
pub const HOSTS: &str = "{hosts}";

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
        let program = self.command.first().map_or("", String::as_str);
        for attempt in 1.. {
            let before = Report::read(&self.output);
            let mut child = self.start(ranks, &mut hosts)?;
            let watchdog = Watchdog::new(self.output.clone(), self.patience);
            let (status, stalled, was_there) = wait(&mut child, program, watchdog, &mut stop_requested)?;
            if was_there && matches!(fs::exists(self.output.join("job.toml")), Ok(false)) {
                let what = format!("the run directory {} was moved or removed", self.output.display());
                return Err(Error::stopped(what)
                    .remedy("its run has saved its state in the new place, or beside it: see above"));
            }
            let requested = run_directory::take_requested_ranks(&self.output);
            let why = match (self.outcome(status, &before), requested) {
                (End::Ended(75), Some(n)) if !stop_requested => {
                    ranks = n;
                    format!("was stopped to continue on {n} ranks")
                }
                (End::Ended(75), _) if stalled => "was stopped for lack of heartbeats and saved its state".into(),
                (End::Ended(code), _) => return Ok(code),
                (End::Interrupted(_), _) if stop_requested => return Ok(75),
                (End::Interrupted(_), _) if control::take_stop(&self.output) => return Ok(75),
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
            let pause = match without_progress {
                0 => Duration::ZERO,
                n => (FIRST_PAUSE * (1 << (n - 1))).min(LONGEST_PAUSE),
            };
            let when = if pause.is_zero() { String::new() } else { format!(" in {} s", pause.as_secs()) };
            message!("supervise: attempt {attempt} {why}; the next one continues from the saved state{when}");
            if self.is_stopped_within(pause) {
                return Ok(75);
            }
        }
        unreachable!("the range of attempts is endless")
    }

    /// The last step that is known to be saved: on disk, or in the memory of the nodes when the last attempt started.
    fn reached(&self) -> Option<u64> {
        let in_memory = last_attempt(&self.output).and_then(|last| last.from).map(|from| from.step);
        checkpoint::newest_step(&self.output).unwrap_or_default().max(in_memory)
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

    /// Waits for a while before the next attempt; true if a stop is requested meanwhile.
    fn is_stopped_within(&self, pause: Duration) -> bool {
        let since = Instant::now();
        loop {
            // All pending signals are taken: there is no attempt to send them to.
            if Signal::all().filter(|signal| signals::take(*signal)).any(Signal::stops) {
                return true;
            }
            if since.elapsed() >= pause {
                return control::take_stop(&self.output);
            }
            sleep(INTERVAL);
        }
    }

    /// How an attempt ended, with `before` as the report that was there before it began. The summary of the run counts more than
    /// the exit code, which launchers change.
    fn outcome(&self, status: ExitStatus, before: &Report) -> End {
        // Whether the summary is new is seen from the file itself: the clock of a file server may differ from the clock here.
        let outcome = crate::run::outcome(&self.output).filter(|_| Report::read(&self.output) != *before);
        match (outcome.as_deref(), status.code(), status.signal()) {
            // The run was complete before.
            (None, Some(0), _) if crate::run::is_done(&self.output) => End::Ended(0),
            (Some(outcome), ..) if crate::saved::outcome::is_final(outcome) => End::Ended(0),
            (Some(outcome), ..) if outcome.starts_with("stopped by") => End::Ended(75),
            // All ranks agreed on this failure, such as a value that is not finite: it would recur.
            (Some(_), ..) => End::Ended(1),
            // Bad input would recur; an attempt may be stopped before it has anything to report.
            (None, Some(code @ (2 | 75)), _) => End::Ended(code as u8),
            (None, Some(code), _) => End::Interrupted(format!("was interrupted (exit code {code})")),
            (None, None, signal) => End::Interrupted(format!("was killed by signal {}", signal.unwrap_or(0))),
        }
    }
}

/// The file `summary.json` of a run: each attempt that ends in an orderly way makes a new one.
#[derive(PartialEq)]
struct Report(Option<(u64, Option<SystemTime>, Vec<u8>)>);

impl Report {
    fn read(output: &Path) -> Report {
        let path = output.join("summary.json");
        let read = || {
            let file = fs::metadata(&path)?;
            Ok::<_, std::io::Error>((file.ino(), file.modified().ok(), fs::read(&path)?))
        };
        Report(read().ok())
    }
}

/// Waits for an attempt to end, and forwards signals to it; sets `stop_requested` if one of them requests a stop. Returns the
/// exit status; true if the attempt was stopped here because its heartbeat had ceased; true if the run directory was seen.
fn wait(
    child: &mut Child,
    program: &str,
    mut watchdog: Watchdog,
    stop_requested: &mut bool,
) -> Result<(ExitStatus, bool, bool)> {
    // For a stalled attempt: the next signal to send, and when the first one was due.
    let mut ending: Option<(usize, Instant)> = None;
    loop {
        if let Some(status) = child.try_wait().map_err(|e| Error::failure(format!("cannot wait for the run: {e}")))? {
            return Ok((status, ending.is_some(), watchdog.has_seen_a_run()));
        }
        for signal in Signal::all().filter(|signal| signals::take(*signal)) {
            *stop_requested |= signal.stops();
            send(child, passed_on(signal, program));
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
        sleep(INTERVAL);
    }
}

/// The signals that stop a stalled attempt, and the time after which each is sent. A second SIGTERM ends ranks at once. SIGKILL
/// comes last, because a killed launcher may leave ranks behind.
const STOP_SIGNALS: [(Duration, Number); 3] =
    [(Duration::ZERO, Number::TERM), (Duration::from_secs(2), Number::TERM), (Duration::from_secs(30), Number::KILL)];

/// The signal by which the launcher `program` asks all ranks for what `signal` asks. Launchers of MPI end on most signals, and kill
/// the ranks about a second later; they pass on SIGUSR1, which asks for a stop, too.
fn passed_on(signal: Signal, program: &str) -> Number {
    let name = Path::new(program).file_name().unwrap_or_default();
    let is_mpi = ["mpirun", "mpiexec", "orterun", "prterun"].iter().any(|launcher| name == *launcher);
    let signal = if is_mpi && signal.stops() { Signal::User1 } else { signal };
    Number::from_named_raw(signal.number()).unwrap_or(Number::TERM)
}

fn send(child: &Child, number: Number) {
    if let Some(pid) = rustix::process::Pid::from_raw(child.id() as i32) {
        // The process may have ended already.
        let _ = rustix::process::kill_process(pid, number);
    }
}
