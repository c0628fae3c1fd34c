//! Runs of the real command for the suites beside this file: on how many ranks, where to, how long at most, and what
//! came of it.
#![allow(dead_code)] // each suite uses its part
use halocline::config::JobFile;
use halocline::files::input;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Where ranks come from, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ranks {
    /// Threads of one process.
    Threads(usize),
    /// Processes that `mpirun` starts.
    Mpi(usize),
}

use Ranks::{Mpi, Threads};

impl Ranks {
    pub fn count(self) -> usize {
        match self {
            Threads(n) | Mpi(n) => n,
        }
    }
}

/// Both kinds of ranks, or the first alone where the other cannot be had.
pub fn both(n: usize) -> Vec<Ranks> {
    if has_mpirun() { vec![Threads(n), Mpi(n)] } else { vec![Threads(n)] }
}

/// True if runs under MPI are possible here; otherwise says once why not.
pub fn has_mpirun() -> bool {
    static HERE: OnceLock<bool> = OnceLock::new();
    *HERE.get_or_init(|| {
        let why = match (cfg!(feature = "mpi"), works("mpirun", "--version")) {
            (true, true) => return true,
            (false, _) => "this build is without MPI",
            (true, false) => "there is no mpirun",
        };
        skipped("everything under mpirun", why);
        false
    })
}

/// So many ranks, or as many as `HALOCLINE_MOST_RANKS` allows: MPI libraries that spin while they wait crawl where there are
/// fewer cores than ranks.
pub fn at_most(n: usize) -> usize {
    number("HALOCLINE_MOST_RANKS").map_or(n, |most| n.min(most))
}

/// Longer by the factor `HALOCLINE_PATIENCE`, for slow machines.
pub fn patient(seconds: u64) -> Duration {
    Duration::from_secs(seconds * number("HALOCLINE_PATIENCE").unwrap_or(1) as u64)
}

/// What "within seconds" means on a machine that others use, too.
pub fn soon() -> Duration {
    patient(20)
}

/// A number in the environment.
pub fn number(name: &str) -> Option<usize> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

/// The random choices of a test. All come from one seed, which is printed; `HALOCLINE_SEED` repeats a run's choices, though
/// not the moments at which the system lets processes run.
pub fn random(test: &str) -> fastrand::Rng {
    static SEED: OnceLock<u64> = OnceLock::new();
    let seed = *SEED.get_or_init(|| number("HALOCLINE_SEED").map_or_else(|| fastrand::u64(..1 << 32), |n| n as u64));
    let _ = writeln!(std::io::stderr(), "random: {test}: HALOCLINE_SEED={seed}");
    // Tests of a suite run in any order, so each has a sequence of its own.
    let own = test.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    fastrand::Rng::with_seed(own)
}

/// How many processes a test of random kills has to kill: `HALOCLINE_KILLS`, or this many.
pub fn kills(default: usize) -> usize {
    let kills = number("HALOCLINE_KILLS").unwrap_or(default);
    assert!(kills > 0, "HALOCLINE_KILLS=0 would test nothing");
    kills
}

/// Asserts that kills hit often enough: a test whose runs all end before they are killed tests nothing.
pub fn must_hit(killed: usize, missed: usize) {
    assert!(missed <= 20 + 5 * killed, "{missed} runs ended before they were killed, and only {killed} were killed");
}

/// True if a program is there.
pub fn works(program: &str, argument: &str) -> bool {
    let quiet = Command::new(program).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status();
    quiet.is_ok_and(|status| status.success())
}

/// Says on the real standard error, which the test harness does not swallow, that a part is left out.
pub fn skipped(what: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {what}: {why}");
}

/// The folder of the jobs.
pub fn jobs() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The smoke file of a job.
pub fn smoke(job: &str) -> PathBuf {
    jobs().join(job).join("smoke.toml")
}

/// Name and smoke file of every job, as their folders show.
pub fn smokes() -> Vec<(String, PathBuf)> {
    let mut all: Vec<_> = fs::read_dir(jobs())
        .expect("the folder of the jobs")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name in UTF-8"))
        .filter(|name| smoke(name).is_file())
        .map(|name| (name.clone(), smoke(&name)))
        .collect();
    all.sort();
    assert!(all.len() >= 4, "{all:?}");
    all
}

/// The streams of a job file.
pub fn streams(file: &Path) -> Vec<String> {
    JobFile::read(file, &[]).expect("a job file without errors").output.keys().cloned().collect()
}

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
            Mpi(n) => {
                let mut command = Command::new("mpirun");
                command.args(["-n", &n.to_string()]).arg(program);
                // For Open MPI as root, and on fewer cores than ranks.
                command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
                command.env("OMPI_MCA_rmaps_base_oversubscribe", "1");
                command.env("OMPI_MCA_hwloc_base_binding_policy", "none");
                command
            }
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

    fn printed(&self) -> String {
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

/// Sends a signal to each of these, in this order; to a process that is gone, nothing.
pub fn signal(name: &str, processes: &[u32]) {
    // The shell's own `kill`: small machines have no other.
    let processes: Vec<_> = processes.iter().map(u32::to_string).collect();
    let command = format!("kill -{name} {}", processes.join(" "));
    let _ = Command::new("sh").args(["-c", &command]).stderr(Stdio::null()).status();
}

/// True for a process that is there and no mere entry that nobody has collected yet.
pub fn lives(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

/// Children, their children and so on.
fn descendants(process: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pairs = processes.filter_map(|entry| {
        let child: u32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        // The name in parentheses may hold anything; then come the state and the parent.
        let parent: u32 = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
        Some((parent, child))
    });
    let pairs: Vec<(u32, u32)> = pairs.collect();
    let mut all = vec![process];
    let mut next = 0;
    while let Some(&process) = all.get(next) {
        all.extend(pairs.iter().filter(|(parent, _)| *parent == process).map(|(_, child)| *child));
        next += 1;
    }
    all.split_off(1)
}

/// The rank of a process, as its launcher told it.
fn rank_of(process: u32) -> Option<usize> {
    let environment = fs::read(format!("/proc/{process}/environ")).ok()?;
    let words = environment.split(|b| *b == 0).map(String::from_utf8_lossy);
    let ranks = words.filter_map(|word| {
        ["OMPI_COMM_WORLD_RANK=", "PMI_RANK="].iter().find_map(|name| word.strip_prefix(name)?.parse().ok())
    });
    ranks.into_iter().next()
}

/// A run that is over.
pub struct Ended {
    pub what: String,
    pub status: ExitStatus,
    pub out: String,
    pub err: String,
    /// Since somebody began to wait for its end.
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

/// A file system of this size, or the reason why there is none.
pub struct Disk(TempDir);

impl Disk {
    pub fn of(size: &str) -> Option<Disk> {
        let dir = tempfile::tempdir().unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(dir.path())
            .output();
        if mount.is_ok_and(|output| output.status.success()) {
            return Some(Disk(dir));
        }
        skipped("a full disk", "only root may mount a small one");
        None
    }

    /// Changes it: `size=20m`, `ro`.
    pub fn remount(&self, options: &str) {
        let mount = Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(self.0.path()).status();
        assert!(mount.unwrap().success());
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

/// Files that were being written, in a folder and those below it.
pub fn half_written(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let unfinished = files.into_iter().filter(|path| path.extension().is_some_and(|e| e == "part"));
    unfinished.chain(folders.iter().flat_map(|folder| half_written(folder))).collect()
}

/// Asserts that there are none.
pub fn nothing_half_written(folder: &Path) {
    assert_eq!(half_written(folder), Vec::<PathBuf>::new());
}

/// What `summary.json` in a folder says about how the run ended; `None` without one.
pub fn outcome(folder: &Path) -> Option<String> {
    let text = fs::read_to_string(folder.join("summary.json")).ok()?;
    let summary: serde_json::Value = serde_json::from_str(&text).expect("summary.json is whole");
    Some(summary["outcome"].as_str().expect("an outcome").to_owned())
}

/// The steps of the instants in a stream, and the numbers of one of its variables at each of them.
pub fn instants(folder: &Path, stream: &str, variable: &str) -> Vec<(u64, Vec<f64>)> {
    let path = folder.join(format!("{stream}.h5"));
    let read = |name: &str| -> halocline::Result<Vec<f64>> {
        let sizes: Vec<usize> = input::variable(&path, name)?.dims.iter().map(|d| d.1).collect();
        input::read(&path, name, &vec![0; sizes.len()], &sizes)
    };
    let both = read("step").and_then(|steps| Ok((steps, read(variable)?)));
    let (steps, values) = both.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let each = values.len() / steps.len().max(1);
    steps.iter().zip(values.chunks(each)).map(|(step, values)| (*step as u64, values.to_vec())).collect()
}
