//! The numbers of a result, the table, and the description of the machine.
use crate::ask::Ask;
use crate::contest::{Kind, Line, Outcome};
use crate::rival::{FLAGS, compiler, python, said};
use std::fmt::Write;

/// A quantile of numbers.
fn quantile(numbers: impl IntoIterator<Item = f64>, part: f64) -> f64 {
    let mut all: Vec<f64> = numbers.into_iter().collect();
    all.sort_by(f64::total_cmp);
    all[((all.len() - 1) as f64 * part).round() as usize]
}

pub fn median(numbers: impl IntoIterator<Item = f64>) -> f64 {
    quantile(numbers, 0.5)
}

/// Returns the ratio of the speeds of two contenders for each round.
pub fn ratio(line: &Line, other: Option<&Line>) -> Option<f64> {
    other.map(|other| median(line.times.iter().zip(&other.times).map(|(mine, theirs)| theirs / mine)))
}

impl Outcome {
    /// The fastest of the loops in C, by the median.
    pub fn best_c(&self) -> Option<&Line> {
        let c = self.lines.iter().filter(|l| l.kind == Kind::C);
        c.min_by(|a, b| median(a.times.clone()).total_cmp(&median(b.times.clone())))
    }

    pub fn streamed_copy(&self) -> Option<&Line> {
        self.lines.iter().find(|l| l.name == "copy streamed")
    }

    pub fn title(&self) -> String {
        let Outcome { case, n, .. } = self;
        format!("{}: {}, {n}{}", case.name, case.title, if case.axes == 2 { "²" } else { "³" })
    }

    /// Returns a Markdown table with aligned columns.
    pub fn table(&self) -> String {
        let mut text = String::from(
            "|                    | Gcell/s | ± % |  best |  GB/s | of best C | of streamed copy |\n\
             |--------------------|--------:|----:|------:|------:|----------:|-----------------:|\n",
        );
        let cells = self.case.cells(self.n);
        let number = |r: Option<f64>| r.map_or("–".into(), |r| format!("{r:.2}"));
        for line in &self.lines {
            let times = || line.times.iter().copied();
            let (middle, best) = (median(times()), quantile(times(), 0.0));
            let spread = 50.0 * (quantile(times(), 0.75) - quantile(times(), 0.25)) / middle;
            writeln!(
                text,
                "| {:<18} | {:>7.3} | {spread:>3.0} | {:>5.3} | {:>5.1} | {:>9} | {:>16} |",
                line.name,
                cells / middle * 1e-9,
                cells / best * 1e-9,
                self.case.bytes * cells / middle * 1e-9,
                number(ratio(line, self.best_c())),
                number(ratio(line, self.streamed_copy())),
            )
            .expect("text");
        }
        text
    }
}

/// The first value of this name in a file of `name: value` lines.
fn entry(path: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find(|l| l.split(':').next().is_some_and(|key| key.trim() == name))?;
    Some(line.split_once(':')?.1.trim().to_string())
}

/// Returns a file name made of the processor's name and the number of threads.
pub fn machine(ask: &Ask) -> String {
    let cpu = |name: &str| entry("/proc/cpuinfo", name);
    let name = ask.machine.clone().unwrap_or_else(|| {
        let model = cpu("model name").unwrap_or(std::env::consts::ARCH.into());
        let number = cpu("cpu family").zip(cpu("model")).map(|(f, m)| format!("{f} {m}")).unwrap_or_default();
        format!("{model} {number} {} threads", ask.threads)
    });
    let clean = name.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    clean.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

/// Returns today's date, such as 2026-01-31.
pub fn today() -> String {
    humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string()[..10].into()
}

pub fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("unknown").to_string()
}

fn first_line(text: String) -> String {
    text.lines().next().unwrap_or_default().to_string()
}

/// Returns the conditions of the measurements: machine, compilers, versions.
pub fn circumstances(ask: &Ask, load_before: &str) -> String {
    let cpu = |name: &str| entry("/proc/cpuinfo", name).unwrap_or("unknown".into());
    let unknown = || "unknown".to_string();
    let caches =
        said("sh", &["-c", "lscpu | grep -E '^L[123]' | sed 's/ cache: */ /' | paste -sd ',' | sed 's/,/, /g'"]);
    let memory = entry("/proc/meminfo", "MemTotal").unwrap_or_else(unknown);
    let huge = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_else(|_| unknown());
    let tools = "import importlib.metadata as m\nprint(', '.join(f'{p} {m.version(p)}' for p in ('devito', 'pystencils', 'numba', 'numpy')))";
    let tools = python().to_str().and_then(|python| said(python, &["-c", tools])).unwrap_or("none".into());
    let petsc = said("pkg-config", &["--modversion", "petsc"]).unwrap_or("none".into());
    let instructions = ["avx512f", "avx2", "avx"].into_iter().find(|set| cpu("flags").split(' ').any(|f| f == *set));
    let root = env!("CARGO_MANIFEST_DIR");
    let lines = [
        ("Processor", format!("{} (family {}, model {})", cpu("model name"), cpu("cpu family"), cpu("model"))),
        ("Threads", format!("{}, best instructions {}", ask.threads, instructions.unwrap_or("unknown"))),
        ("Caches", caches.filter(|c| !c.is_empty()).unwrap_or_else(unknown)),
        ("Memory", format!("{memory}, transparent huge pages {}", huge.trim())),
        ("System", said("uname", &["-sr"]).unwrap_or_else(unknown)),
        ("Load before, after", format!("{load_before}, {}", load())),
        ("halocline", said("git", &["-C", root, "describe", "--always", "--dirty"]).unwrap_or_else(unknown)),
        ("Rust", said("rustc", &["--version"]).unwrap_or_else(unknown)),
        ("C", format!("{}, `{}`", said(&compiler(), &["--version"]).map_or_else(unknown, first_line), FLAGS.join(" "))),
        ("Python", tools),
        ("PETSc", petsc),
        ("Rounds", format!("{}, each measurement {} s or longer", ask.rounds, ask.least)),
    ];
    lines.iter().map(|(name, what)| format!("- {name}: {what}\n")).collect()
}
