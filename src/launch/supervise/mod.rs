//! `halocline supervise`: starts a run, and starts it again for as long as it is cut short and gets ahead.
mod hosts;
mod stall;

pub use hosts::Hosts;

use crate::base::signals::{self, Signal};
use crate::base::{Error, Result};
use crate::saved::attempt::last_attempt;
use crate::saved::checkpoint;
use crate::saved::run_directory;
use rustix::process::Signal as Number;
use stall::Stall;
use std::fs;
use std::num::NonZeroUsize;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

/// Lives in a row that may end without a newer checkpoint.
const IN_VAIN: usize = 3;
/// Where in a command the number of ranks stands, and the machines, with commas between them.
const RANKS: &str = "{ranks}";
const HOSTS: &str = "{hosts}";

/// What is to be watched over.
#[derive(Clone, Debug)]
pub struct Watch {
    /// The folder of the run.
    pub output: PathBuf,
    /// Ranks to begin with, where the command says `{ranks}`.
    pub ranks: NonZeroUsize,
    /// The machines, where the command says `{hosts}`.
    pub hosts: Option<Hosts>,
    /// A life that gives no sign for so long is ended.
    pub patience: Duration,
    /// `mpirun -n {ranks} halocline run FILE …`, without `--output` and `--resume`.
    pub command: Vec<String>,
}

/// How a life ended.
enum End {
    /// The run is over, well or not: this is its exit code.
    Over(u8),
    /// It was cut short.
    CutShort(String),
}

impl Watch {
    /// Starts lives of the run until one comes to its end: the exit code of that one.
    ///
    /// # Errors
    /// If the command cannot be started, or several lives in a row got nowhere.
    pub fn run(&self) -> Result<u8> {
        signals::install()?;
        let (mut ranks, mut reached, mut in_vain, mut told) = (self.ranks.get(), None, 0, false);
        let mut hosts = vec![];
        for life in 1.. {
            let began = SystemTime::now();
            let mut child = self.start(ranks, &mut hosts)?;
            let stall = Stall::new(self.output.clone(), self.patience);
            let (status, ended) = wait(&mut child, stall, &mut told)?;
            let wanted = run_directory::take_requested_ranks(&self.output);
            let why = match (self.judge(status, began), wanted) {
                (End::Over(75), Some(n)) if !told => {
                    ranks = n;
                    format!("goes on with {n} ranks, as it was asked to")
                }
                (End::Over(75), _) if ended => "was ended, and saved its state".into(),
                (End::Over(code), _) => return Ok(code),
                (End::CutShort(_), _) if told => return Ok(75),
                (End::CutShort(why), _) => why,
            };
            let now = self.reached();
            in_vain = if now > reached || wanted.is_some() { 0 } else { in_vain + 1 };
            reached = now;
            if in_vain == IN_VAIN {
                return Err(Error::failure(format!("{IN_VAIN} lives in a row got nowhere; the last one {why}"))
                    .remedy("look at what it printed; more frequent checkpoints help where lives are short"));
            }
            eprintln!("supervise: life {life} {why}; the next goes on from what is saved");
        }
        unreachable!("lives are without end")
    }

    /// The last step that is known to be saved: on disk, or as the last life found it in the memory of nodes.
    fn reached(&self) -> Option<u64> {
        let in_memory = last_attempt(&self.output).and_then(|life| life.from).map(|from| from.step);
        checkpoint::newest_step(&self.output).max(in_memory)
    }

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

    /// An exit code alone is not trusted: launchers have ways of their own. What counts is what the run says itself.
    fn judge(&self, status: ExitStatus, began: SystemTime) -> End {
        let path = self.output.join("summary.json");
        let new = fs::metadata(&path).and_then(|m| m.modified()).is_ok_and(|written| written >= began);
        let outcome = crate::run::outcome(&self.output).filter(|_| new);
        match (outcome.as_deref(), status.code(), status.signal()) {
            // It was done before.
            (None, Some(0), _) if crate::run::is_done(&self.output) => End::Over(0),
            (Some("done" | "converged"), ..) => End::Over(0),
            (Some(outcome), ..) if outcome.starts_with("stopped by") => End::Over(75),
            (Some(_), ..) => End::Over(1),
            (None, Some(2), _) => End::Over(2),
            (None, Some(code), _) => End::CutShort(format!("was cut short (exit code {code})")),
            (None, None, signal) => End::CutShort(format!("was killed by signal {}", signal.unwrap_or(0))),
        }
    }
}

/// Waits for a life to end, and passes signals on to it; `told` once one of them asks for the end. Second: it was ended here.
fn wait(child: &mut Child, mut stall: Stall, told: &mut bool) -> Result<(ExitStatus, bool)> {
    const SIGNALS: [(Signal, Number); 4] = [
        (Signal::Terminate, Number::TERM),
        (Signal::Interrupt, Number::INT),
        (Signal::User1, Number::USR1),
        (Signal::User2, Number::USR2),
    ];
    // What is next done to a life that has stalled, and when.
    let mut ending: Option<(usize, Instant)> = None;
    loop {
        if let Some(status) = child.try_wait().map_err(|e| Error::failure(format!("cannot wait for the run: {e}")))? {
            return Ok((status, ending.is_some()));
        }
        for (signal, number) in SIGNALS.into_iter().filter(|(signal, _)| signals::take(*signal)) {
            *told |= signal != Signal::User2;
            send(child, number);
        }
        if ending.is_none() && stall.is_there() {
            eprintln!("supervise: no step for a long time: it is ended");
            ending = Some((0, Instant::now()));
        }
        if let Some((next, when)) = &mut ending
            && let Some((after, number)) = ENDING.get(*next)
            && when.elapsed() >= *after
        {
            send(child, *number);
            *next += 1;
        }
        sleep(Duration::from_millis(50));
    }
}

/// Ranks that get a second SIGTERM end at once; a launcher that is killed may leave some behind.
const ENDING: [(Duration, Number); 3] =
    [(Duration::ZERO, Number::TERM), (Duration::from_secs(2), Number::TERM), (Duration::from_secs(30), Number::KILL)];

fn send(child: &Child, number: Number) {
    if let Some(pid) = rustix::process::Pid::from_raw(child.id() as i32) {
        // It may be over already.
        let _ = rustix::process::kill_process(pid, number);
    }
}
