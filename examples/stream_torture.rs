//! Kills a program that writes a stream, again and again, and counts what is left to read.
//!
//! `stream_torture kill DIR TRIES [RANKS]` starts `stream_torture write` as a process of its own, ends it with SIGKILL at
//! a random moment, opens `DIR/fields.h5` and counts the instants in it: all must be complete and in order. Every other
//! try goes on with the stream that the last one left. It prints one line a try and exits with 1 if any was broken.
use halocline::comm::{Comm, ranks};
use halocline::output::{Axis, Layout, Seal, Slab, Stream, Variable};
use halocline::{Error, Result, input};
use halocline_kernels::ElementType;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SHAPE: [usize; 3] = [24, 32, 40];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize, otherwise: usize| arguments.get(i).and_then(|a| a.parse().ok()).unwrap_or(otherwise);
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["write", dir, ..] => write(Path::new(dir), number(2, 2), number(3, usize::MAX)),
        ["count", dir] => count(Path::new(dir)).map(|n| println!("{n} complete instants")),
        ["kill", dir, ..] => kill(Path::new(dir), number(2, 100), number(3, 2)),
        _ => Err(Error::input(
            "usage: stream_torture write DIR [RANKS [INSTANTS]] | count DIR | kill DIR [TRIES [RANKS]]",
        )),
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
    }
}

/// Writes instants until killed, from where the stream ends; every number of an instant is its step.
fn write(dir: &Path, size: usize, instants: usize) -> Result<()> {
    let outcomes = ranks(size, 1, |comm| -> Result<()> {
        let last = if dir.join("fields.h5").exists() { Some(last_step(dir)?) } else { None };
        // Every rank must have looked before one of them begins.
        comm.barrier();
        let seal = Seal { bytes: 3 * layout().bytes_per_instant(), seconds: f64::MAX };
        let mut stream = Stream::resume(&comm, dir, layout(), seal, last.unwrap_or(0))?;
        let first = last.map_or(0, |s| s + 1);
        for step in (first..).take(instants) {
            stream.write(step, step as f64, slabs(&comm, step))?;
        }
        stream.finish()
    });
    outcomes?.into_iter().collect()
}

fn slabs(comm: &Comm, step: u64) -> Vec<Vec<Slab>> {
    let (rank, size) = (comm.rank(), comm.size());
    let [nz, ny, nx] = SHAPE;
    let (x0, x1) = (nx * rank / size, nx * (rank + 1) / size);
    let (start, count) = ([0, 0, x0], [nz, ny, x1 - x0]);
    let cells = count.iter().product();
    vec![
        vec![Slab::of(&start, &count, &vec![step as f32; cells])],
        vec![Slab::of(&start, &count, &vec![step as f64; cells])],
    ]
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
        let complete = |name| -> Result<bool> {
            Ok(input::read(&view, name, &[i, 0, 0, 0], &[1, nz, ny, nx])?.iter().all(|&v| v == step))
        };
        if step != i as f64 || time != step || !complete("single")? || !complete("double")? {
            return Err(Error::failure(format!("instant {i} of {} is broken", view.display())));
        }
    }
    Ok(n)
}

fn kill(dir: &Path, tries: usize, size: usize) -> Result<()> {
    let program = std::env::current_exe().map_err(|e| Error::failure(format!("cannot find this program: {e}")))?;
    // Random enough, and printed so that a failure can be looked at.
    let mut seed = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |d| d.as_nanos() as u64) | 1;
    let (mut total, mut empty) = (0, 0);
    for i in 0..tries {
        if i % 2 == 0 {
            let _ = std::fs::remove_dir_all(dir);
        }
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let wait = Duration::from_micros(5_000 + seed % 300_000);
        let mut command = Command::new(&program);
        command.args(["write".as_ref(), dir.as_os_str()]).arg(size.to_string());
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|e| Error::failure(format!("cannot start the writer: {e}")))?;
        std::thread::sleep(wait);
        let early = child.try_wait().ok().flatten();
        let _ = child.kill();
        let output = child.wait_with_output().map_err(|e| Error::failure(format!("cannot wait: {e}")))?;
        let complete = count(dir)?;
        println!("try {i:3}: killed after {:6.1} ms, {complete} complete instants", wait.as_secs_f64() * 1e3);
        if early.is_some() || !output.stderr.is_empty() {
            return Err(Error::failure(format!("ended by itself: {}", String::from_utf8_lossy(&output.stderr))));
        }
        (total, empty) = (total + complete, empty + (complete == 0) as usize);
    }
    println!("{tries} kills: all files readable, {total} instants complete, {empty} times nothing was sealed yet");
    Ok(())
}
