//! Other programs: they stay alive and take commands on their standard input.
use crate::cases::Program;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The options for C. By default gcc contracts products and sums; halocline does not, because its results must be the same bits everywhere.
pub const FLAGS: &[&str] = &["-O3", "-march=native", "-fopenmp", "-ffp-contract=fast"];

pub fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/rivals")
}

/// The folder of compiled programs and logs.
pub fn workshop() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rivals");
    std::fs::create_dir_all(&folder).expect("a folder in target/");
    folder
}

/// The Python interpreter that `scripts/rivals` installed.
pub fn python() -> PathBuf {
    sources().join("venv/bin/python")
}

/// Returns the output of a command without the last line end.
pub fn said(program: &str, words: &[&str]) -> Option<String> {
    let output = Command::new(program).args(words).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
}

fn compile(compiler: &str, name: &str, more: &str) -> Result<PathBuf, String> {
    let (source, target) = (sources().join(format!("{name}.c")), workshop().join(name));
    let log = File::create(workshop().join(format!("{name}.log"))).map_err(|e| e.to_string())?;
    let mut command = Command::new(compiler);
    command.args(FLAGS).arg(source).arg("-o").arg(&target).args(more.split_whitespace()).arg("-lm");
    match command.stderr(log).status() {
        Ok(status) if status.success() => Ok(target),
        Ok(_) => Err(format!("{compiler} refuses {name}.c: see {}", workshop().join(format!("{name}.log")).display())),
        Err(e) => Err(format!("{compiler}: {e}")),
    }
}

fn command(program: Program, threads: usize) -> Result<Command, String> {
    let mut command = match program {
        Program::C(name) => Command::new(compile(&compiler(), name, "")?),
        Program::Petsc(name) => {
            let flags = said("pkg-config", &["--cflags", "--libs", "petsc"]).ok_or("not installed: scripts/rivals")?;
            let program = compile("mpicc", name, &flags)?;
            let mut command = Command::new("mpirun");
            command.args(["-n", &threads.to_string(), "--bind-to", "none"]).arg(program);
            command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
            command
        }
        Program::Python(name) => {
            if !python().exists() {
                return Err("not installed: scripts/rivals".into());
            }
            let mut command = Command::new(python());
            command.arg(sources().join(format!("{name}.py")));
            command
        }
    };
    // Huge pages on request, as in halocline and the C programs.
    command.env("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1");
    command.env("OMP_NUM_THREADS", if matches!(program, Program::Petsc(_)) { "1".into() } else { threads.to_string() });
    Ok(command)
}

pub fn compiler() -> String {
    std::env::var("CC").unwrap_or("gcc".into())
}

/// A program that waits for the next command.
pub struct Running {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
    log: PathBuf,
}

impl Running {
    /// The first word names the case, the second is its size.
    pub fn start(program: Program, first: &str, second: usize, threads: usize) -> Result<Running, String> {
        let (Program::C(name) | Program::Petsc(name) | Program::Python(name)) = program;
        let log = workshop().join(format!("{name}-run.log"));
        let mut command = command(program, threads)?;
        command.arg(first);
        if second > 0 {
            command.arg(second.to_string());
        }
        let errors = File::create(&log).map_err(|e| e.to_string())?;
        command.args([&threads.to_string(), "serve"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors);
        let mut child = command.spawn().map_err(|e| format!("cannot be started: {e}"))?;
        let (to, from) = (child.stdin.take(), child.stdout.take().expect("a pipe"));
        Ok(Running { child, to, from: BufReader::new(from), log })
    }

    /// Sends a command and returns the numbers with these names in the reply. Other lines, which libraries print, are skipped.
    fn ask<const N: usize>(&mut self, line: &str, names: [&str; N]) -> Result<[f64; N], String> {
        let ended = format!("it ended: see {}", self.log.display());
        let to = self.to.as_mut().expect("open until it is dropped");
        writeln!(to, "{line}").and_then(|()| to.flush()).map_err(|_| ended.clone())?;
        loop {
            let mut answer = String::new();
            if self.from.read_line(&mut answer).map_err(|e| e.to_string())? == 0 {
                return Err(ended);
            }
            let Ok(answer) = serde_json::from_str::<serde_json::Value>(&answer) else { continue };
            let numbers = names.map(|name| answer[name].as_f64());
            if numbers.iter().all(Option::is_some) {
                return Ok(numbers.map(|n| n.expect("all are there")));
            }
        }
    }

    /// Returns the seconds that a number of steps takes.
    pub fn run(&mut self, variant: &str, steps: u64) -> Result<f64, String> {
        self.ask(&format!("run {variant} {steps}"), ["seconds"]).map(|[s]| s)
    }

    /// Returns the check sums after a number of steps from the initial values.
    pub fn check(&mut self, variant: &str, steps: u64) -> Result<[f64; 2], String> {
        self.ask(&format!("check {variant} {steps}"), ["all", "inner"])
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.to = None; // the program ends at the end of its input
        self.child.wait().ok();
    }
}
