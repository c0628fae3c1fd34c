//! Repeatedly kills a program that writes a stream, and counts the instants that can still be read.
//!
//! `stream_torture kill DIR [TRIES [RANKS [mpirun]]]` starts `stream_torture write`, which kills itself with SIGKILL
//! at a random time (with `mpirun`: one random rank does); then it opens `DIR/fields.h5` and counts the instants, all of
//! which must be complete and in order. Every second try continues the stream of the try before.
//! It prints one line per try and exits with 1 at the first broken file.
use halocline::comm::{Comm, Launch};
use halocline::files::{Axis, Hyperslab, Instant, Layout, Seal, Stream, Variable};
use halocline::{Error, Result, files::input};
use halocline_kernels::ElementType;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SHAPE: [usize; 3] = [24, 32, 40];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize, otherwise: usize| arguments.get(i).and_then(|a| a.parse().ok()).unwrap_or(otherwise);
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["write", dir, ..] => return write(Path::new(dir), number(2, 2), number(3, usize::MAX), number(4, 0)),
        ["count", dir] => count(Path::new(dir)).map(|n| println!("{n} complete instants")),
        ["kill", dir, ..] => kill(Path::new(dir), number(2, 100), number(3, 2), arguments.get(4)),
        _ => Err(Error::input("usage: stream_torture kill DIR [TRIES [RANKS [mpirun]]]")
            .remedy("or write DIR [RANKS [INSTANTS [SEED]]], or count DIR")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::from(e.exit_code())
        }
    }
}

fn axis(name: &str, n: usize) -> Axis {
    Axis {
        name: name.into(),
        long_name: format!("{name} coordinate"),
        unit: "m".into(),
        cf_axis: name.chars().next().map(|c| c.to_ascii_uppercase()),
        standard_name: None,
        attributes: vec![],
        values: (0..n).map(|i| i as f64 + 0.5).collect(),
    }
}

fn layout() -> Layout {
    let variable = |name: &str, element| Variable {
        name: name.into(),
        long_name: String::new(),
        unit: "K".into(),
        element,
        axes: vec![0, 1, 2],
        attributes: vec![],
    };
    Layout {
        name: "fields".into(),
        title: "a stream that is killed".into(),
        axes: vec![axis("z", SHAPE[0]), axis("y", SHAPE[1]), axis("x", SHAPE[2])],
        variables: vec![variable("single", ElementType::F32), variable("double", ElementType::F64)],
        provenance: vec![("process".into(), std::process::id().to_string())],
        ..Layout::default()
    }
}

/// Appends instants to the stream. With a seed, one rank is killed at a random time.
fn write(dir: &Path, size: usize, instants: usize, seed: usize) -> ExitCode {
    let code = Launch { ranks: Some(size), threads: Some(1) }.run(|comm| {
        if seed > 0 && seed % comm.size() == comm.rank() {
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_micros(seed as u64 % 300_000));
                // Not with the program `kill`, which may be missing: a writer that is not killed fills the disk.
                signal_hook::low_level::raise(signal_hook::consts::SIGKILL).expect("a process may kill itself");
            });
        }
        let last = if dir.join("fields.h5").exists() { Some(last_step(dir)?) } else { None };
        // All ranks must have read the last step before a rank changes the files.
        comm.barrier();
        let seal = Seal { bytes: 3 * layout().bytes_per_instant(), seconds: f64::MAX };
        let mut stream = Stream::resume(&comm, dir, layout(), seal, last)?;
        let first = last.map_or(0, |s| s + 1);
        for step in (first..).take(instants) {
            stream.write(Instant::at(step, step as f64), hyperslabs(&comm, step))?;
        }
        stream.finish()
    });
    ExitCode::from(code)
}

/// The hyperslabs of this rank: uneven parts of the volume along x, each in two boxes along z. With more than three ranks,
/// rank 0 has none.
fn hyperslabs(comm: &Comm, step: u64) -> Vec<Vec<Hyperslab>> {
    let mut out = vec![vec![]; 2];
    let [nz, ny, nx] = SHAPE;
    let spare = (comm.size() > 3) as usize;
    let Some(part) = comm.rank().checked_sub(spare) else { return out };
    let cut = |part: usize| if part == 0 { 0 } else { 3 + (nx - 3) * part / (comm.size() - spare) };
    let (x0, x1) = (cut(part), cut(part + 1));
    for (z0, z1) in [(7, nz), (0, 7)] {
        let (start, count) = ([z0, 0, x0], [z1 - z0, ny, x1 - x0]);
        let rows = (z0..z1).flat_map(|z| (0..ny).map(move |y| z * ny + y));
        let cells = rows.flat_map(|row| (x0..x1).map(move |x| value(step, row * nx + x))).collect::<Vec<f64>>();
        out[0].push(Hyperslab::of(&start, &count, &cells.iter().map(|&v| v as f32).collect::<Vec<f32>>()));
        out[1].push(Hyperslab::of(&start, &count, &cells));
    }
    out
}

fn value(step: u64, cell: usize) -> f64 {
    step as f64 + cell as f64 / 65536.0
}

fn last_step(dir: &Path) -> Result<u64> {
    let view = dir.join("fields.h5");
    let n = input::variable(&view, "step")?.dims[0].1;
    Ok(input::read(&view, "step", &[n - 1], &[1])?[0] as u64)
}

/// The number of instants in `DIR/fields.h5`, all of which must be complete.
fn count(dir: &Path) -> Result<usize> {
    let view = dir.join("fields.h5");
    if !view.exists() {
        return Ok(0);
    }
    let n = input::variable(&view, "step")?.dims[0].1;
    let [nz, ny, nx] = SHAPE;
    for i in 0..n {
        let step = input::read(&view, "step", &[i], &[1])?[0];
        let time = input::read(&view, "time", &[i], &[1])?[0];
        let read = |name| input::read(&view, name, &[i, 0, 0, 0], &[1, nz, ny, nx]);
        let single = read("single")?.iter().enumerate().all(|(c, &v)| v == value(i as u64, c) as f32 as f64);
        let double = read("double")?.iter().enumerate().all(|(c, &v)| v == value(i as u64, c));
        if step != i as f64 || time != step || !single || !double {
            return Err(Error::failure(format!("instant {i} of {} is broken", view.display())));
        }
    }
    Ok(n)
}

fn kill(dir: &Path, tries: usize, size: usize, launcher: Option<&String>) -> Result<()> {
    let program = std::env::current_exe().map_err(|e| Error::failure(format!("cannot find this program: {e}")))?;
    let mut seed = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |d| d.as_nanos() as u64) | 1;
    let (mut total, mut empty) = (0, 0);
    for i in 0..tries {
        if i % 2 == 0 {
            let _ = std::fs::remove_dir_all(dir);
        }
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let mut command = match launcher {
            Some(launcher) => Command::new(launcher),
            None => Command::new(&program),
        };
        if launcher.is_some() {
            command.arg("-n").arg(size.to_string()).arg(&program);
        }
        let chosen = (seed >> 16).max(1).to_string();
        command.arg("write").arg(dir).args([&size.to_string(), &usize::MAX.to_string(), &chosen]);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let output = command.output().map_err(|e| Error::failure(format!("cannot start the writer: {e}")))?;
        let complete = count(dir)?;
        let text = String::from_utf8_lossy(&output.stderr);
        // Launchers report the signal in different ways.
        let killed = matches!(output.status.code(), None | Some(9 | 137)) || text.contains("signal 9");
        println!("try {i:3}: {:3} complete instants ({})", complete, output.status);
        if !killed {
            return Err(Error::failure(format!("not killed, but ended by itself: {text}")));
        }
        (total, empty) = (total + complete, empty + (complete == 0) as usize);
    }
    println!("{tries} kills: all files readable, {total} instants complete, {empty} times nothing was sealed yet");
    Ok(())
}
