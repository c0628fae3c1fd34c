//! A run of the command: its arguments, its processes while it runs, and how it ended.
use super::environment::patient;
use super::mpirun::mpirun;
use super::processes::{descendants, rank_of, signal};
use super::ranks::Ranks::{self, Mpi, Threads};
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A run that has not begun.
pub struct Run {
    command: Command,
    what: String,
    threads: Option<usize>,
    /// How long it may take: generous, for machines that are busy.
    limit: Duration,
    folder: TempDir,
}

/// `halocline run FILE` on ranks of one thread, its results going to `output`.
pub fn run(ranks: Ranks, file: &Path, output: &Path) -> Run {
    let name = file.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
    let mut run = Run::of(ranks, Path::new(env!("CARGO_BIN_EXE_halocline")), &name);
    run.command.arg("run").arg(file).arg("--output").arg(output);
    if let Threads(2..) = ranks {
        run.command.args(["--ranks", &ranks.count().to_string()]);
    }
    run.threads(1)
}

/// `halocline resume DIR` on ranks of one thread.
pub fn resume(ranks: Ranks, output: &Path) -> Run {
    let mut run = Run::of(ranks, Path::new(env!("CARGO_BIN_EXE_halocline")), "resume");
    run.command.arg("resume").arg(output);
    if let Threads(2..) = ranks {
        run.command.args(["--ranks", &ranks.count().to_string()]);
    }
    run.threads(1)
}

/// `halocline verify DIR`: whether all is as it was written, and what it says.
pub fn verified(output: &Path) -> (bool, String) {
    let run = Command::new(env!("CARGO_BIN_EXE_halocline")).arg("verify").arg(output).output().expect("it runs");
    (run.status.success(), String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned())
}

impl Run {
    /// A program on ranks, without arguments yet.
    pub fn of(ranks: Ranks, program: &Path, what: &str) -> Run {
        let mut command = match ranks {
            Threads(_) => Command::new(program),
            Mpi(n) => mpirun(n, program),
        };
        command.env("RUST_BACKTRACE", "0").stdin(Stdio::null());
        let folder = tempfile::tempdir().expect("a temporary folder");
        let limit = patient(60);
        Run { command, what: format!("{what} on {ranks:?}"), threads: None, limit, folder }
    }

    /// Sets a key of the job file, or gives an option.
    pub fn with(mut self, argument: impl Into<String>) -> Run {
        let argument = argument.into();
        self.what += &format!(" {argument}");
        self.command.arg(argument);
        self
    }

    /// Sets several.
    pub fn with_all<S: Into<String>>(self, arguments: impl IntoIterator<Item = S>) -> Run {
        arguments.into_iter().fold(self, Run::with)
    }

    pub fn env(mut self, name: &str, value: &str) -> Run {
        self.what += &format!(" {name}={value}");
        self.command.env(name, value);
        self
    }

    /// Threads of each rank.
    pub fn threads(mut self, threads: usize) -> Run {
        self.threads = Some(threads);
        self
    }

    /// Runs it to its end.
    pub fn ends(self) -> Ended {
        self.starts().ends()
    }

    /// Starts it.
    pub fn starts(mut self) -> Running {
        let (out, err) = (self.folder.path().join("out"), self.folder.path().join("err"));
        self.command.stdout(File::create(&out).expect("a file")).stderr(File::create(&err).expect("a file"));
        if let Some(threads) = self.threads {
            self.command.args(["--threads", &threads.to_string()]);
        }
        let child = self.command.spawn().unwrap_or_else(|e| panic!("{}: {e}", self.what));
        Running { child, run: self, since: Instant::now() }
    }
}

/// A run under way. What is left of it when this is dropped is killed.
pub struct Running {
    child: Child,
    run: Run,
    since: Instant,
}

impl Running {
    /// The process that was started: the run, or its launcher.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// The processes of the ranks, in their order; empty before all are there. In-process ranks are one.
    pub fn ranks(&self, ranks: Ranks) -> Vec<u32> {
        let Mpi(n) = ranks else { return vec![self.process()] };
        let mut all: Vec<_> = descendants(self.process()).into_iter().filter_map(|p| Some((rank_of(p)?, p))).collect();
        all.sort();
        let ranks: Vec<u32> = all.iter().map(|(_, process)| *process).collect();
        if all.iter().map(|(rank, _)| *rank).eq(0..n) { ranks } else { vec![] }
    }

    /// The same, once all are there.
    pub fn all_ranks(&mut self, ranks: Ranks) -> Vec<u32> {
        self.until("all ranks", |running| !running.ranks(ranks).is_empty());
        self.ranks(ranks)
    }

    /// What it has started that runs a job, however deep.
    pub fn workers(&self) -> Vec<u32> {
        let program = Path::new(env!("CARGO_BIN_EXE_halocline"));
        let all = descendants(self.process()).into_iter();
        all.filter(|p| fs::read_link(format!("/proc/{p}/exe")).is_ok_and(|exe| exe == program)).collect()
    }

    /// Waits until something is there to see.
    pub fn until(&mut self, what: &str, mut there: impl FnMut(&Running) -> bool) {
        while !there(self) {
            let over = self.child.try_wait().expect("a child");
            assert!(over.is_none(), "{}: over before {what}: {}", self.run.what, self.printed());
            assert!(self.since.elapsed() < self.run.limit, "{}: no {what}: {}", self.run.what, self.printed());
            sleep(Duration::from_millis(10));
        }
    }

    /// Waits until a file of the run is there.
    pub fn until_file(&mut self, path: &Path) {
        self.until(&path.display().to_string(), |_| path.exists());
    }

    /// The output so far.
    pub fn printed(&self) -> String {
        let read = |name| fs::read(self.run.folder.path().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&[read("out"), read("err")].concat()).into_owned()
    }

    /// Kills what was started (a launcher whose ranks are gone, say) if it is not over by then; true if it was not.
    pub fn is_stuck(&mut self, limit: Duration) -> bool {
        let waiting = Instant::now();
        while self.child.try_wait().expect("a child").is_none() {
            if waiting.elapsed() > limit {
                let _ = self.child.kill();
                return true;
            }
            sleep(Duration::from_millis(5));
        }
        false
    }

    /// Waits for its end, for as long as the run may take from now on.
    pub fn ends(mut self) -> Ended {
        let waiting = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            let limit = self.run.limit;
            assert!(waiting.elapsed() < limit, "{}: not over within {limit:?}: {}", self.run.what, self.printed());
            sleep(Duration::from_millis(5));
        };
        let read =
            |name| String::from_utf8_lossy(&fs::read(self.run.folder.path().join(name)).unwrap_or_default()).into();
        let what = std::mem::take(&mut self.run.what);
        Ended { what, status, out: read("out"), err: read("err"), waited: waiting.elapsed() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let all = descendants(self.process());
            let _ = self.child.kill();
            signal("KILL", &all);
            let _ = self.child.wait();
        }
    }
}

/// A run that is over.
pub struct Ended {
    pub what: String,
    pub status: ExitStatus,
    pub out: String,
    pub err: String,
    /// The time that [`Running::ends`] waited.
    pub waited: Duration,
}

impl Ended {
    /// The hash of the final state, which is the last line of a run that went well.
    pub fn state(&self) -> &str {
        let last = self.out.lines().last().unwrap_or_default();
        let state = last.strip_prefix("state ").filter(|_| self.status.success());
        state.unwrap_or_else(|| panic!("{} ended with {}\n{}{}", self.what, self.status, self.out, self.err))
    }

    /// Asserts that it stopped cleanly, with this exit code, and said these texts.
    pub fn stops(&self, texts: &[&str]) {
        let Ended { what, status, out, err, .. } = self;
        assert_eq!(status.code(), Some(75), "{what}\n{out}{err}");
        texts.iter().for_each(|text| assert!(err.contains(text), "{what}: {text:?} in: {err}"));
    }

    /// Asserts how it ended: with this exit code, and one message, which holds these texts.
    pub fn fails(&self, code: i32, texts: &[&str]) {
        let Ended { what, status, out, err, .. } = self;
        assert_eq!(status.code(), Some(code), "{what}\n{out}{err}");
        let messages: Vec<&str> = err.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(messages.len(), 1, "{what}: one message: {err}");
        for text in texts {
            assert!(err.contains(text), "{what}: {text:?} in: {err}");
        }
    }
}
