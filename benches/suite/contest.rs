//! A case: all programs are started, checked against halocline, and measured in turns.
use crate::ask::Ask;
use crate::cases::{Case, Program};
use crate::ours::{self, Ours};
use crate::rival::Running;
use halocline::Comm;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Kind {
    Ours,
    Copy,
    C,
    Tool,
}

/// A contender and its times: seconds per step, or per copy of as many bytes, for each round.
pub struct Line {
    pub name: String,
    pub kind: Kind,
    pub times: Vec<f64>,
}

pub struct Outcome {
    pub case: &'static Case,
    pub n: usize,
    pub lines: Vec<Line>,
    /// The programs that were left out, with the reasons.
    pub notes: Vec<String>,
}

enum How {
    Ours(Box<Ours>),
    /// Number of the program, its variant, and what its seconds are multiplied by.
    Rival(usize, &'static str, f64),
}

struct Contender {
    line: Line,
    how: How,
    steps: u64,
}

/// Steps of a check, and of the shortest measurement: a multiple of what any engine fuses.
const CHECKED: u64 = 4;
const LEAST: u64 = 12;
/// The pause between contenders, since threads of the previous one may still spin.
const PAUSE: Duration = Duration::from_millis(30);

fn seconds(how: &mut How, programs: &mut [Running], steps: u64) -> Result<f64, String> {
    match how {
        How::Ours(ours) => {
            ours.settle();
            ours.advance(2); // warm-up, as for the other programs
            let start = Instant::now();
            ours.advance(steps);
            Ok(start.elapsed().as_secs_f64())
        }
        How::Rival(program, variant, factor) => Ok(programs[*program].run(variant, steps)? * *factor),
    }
}

/// Returns the free memory in bytes.
fn available() -> f64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|l| l.strip_prefix("MemAvailable:"));
    let kilobytes = line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kilobytes.map_or(f64::INFINITY, |k| k * 1024.0)
}

/// The largest part of it that may be used.
const USABLE: f64 = 0.85;
/// The maximum memory of the copies in MB.
const COPIES: f64 = 1024.0;

fn fits(bytes: f64) -> Result<(), String> {
    let (need, free) = (bytes * 1.05 / 1e9, available() / 1e9);
    let full = || format!("it needs {need:.1} GB of memory beside the others, {free:.1} are free");
    if need > USABLE * free { Err(full()) } else { Ok(()) }
}

/// Returns the size given on the command line, or else the default size, or the largest size at which all programs fit into memory.
fn size(case: &Case, ask: &Ask, notes: &mut Vec<String>) -> usize {
    if let Some(n) = ask.given(case) {
        return n;
    }
    let usual = if ask.quick { case.quick } else { case.n };
    let wanted = |r: &&crate::cases::Rival| r.variants.iter().any(|(_, name)| ask.wants_rival(name));
    let rivals: f64 = case.rivals.iter().filter(wanted).map(|r| r.memory).sum();
    let bytes = |n: usize| {
        let copies = (case.bytes * case.cells(n)).min(COPIES * f64::from(1 << 20));
        1.05 * ((case.memory * ours::WAYS.len() as f64 + rivals) * case.cells(n) + copies)
    };
    let (mut n, free) = (usual, available());
    while bytes(n) > USABLE * free && n > 64 {
        n -= usual / 16;
    }
    if n < usual {
        let free = free / 1e9;
        notes.push(format!("{n} rather than {usual}, so that all fit into memory ({free:.1} GB are free)"));
    }
    n
}

/// The largest relative difference of two checks.
fn difference(a: [f64; 2], b: [f64; 2], inner_only: bool) -> f64 {
    let of = |i: usize| (a[i] - b[i]).abs() / a[i].abs();
    if inner_only { of(1) } else { of(0).max(of(1)) }
}

pub fn contest(case: &'static Case, comm: &Comm, ask: &Ask) -> Outcome {
    let (mut programs, mut contenders, mut notes) = (vec![], vec![], vec![]);
    let n = size(case, ask, &mut notes);
    let add = |contenders: &mut Vec<Contender>, name: &str, kind, how| {
        let line = Line { name: name.into(), kind, times: vec![] };
        contenders.push(Contender { line, how, steps: LEAST });
    };
    let cells = case.cells(n);

    if let Err(why) = fits(case.memory * cells * ours::WAYS.len() as f64) {
        notes.push(format!("the case is left out: {why}"));
        return Outcome { case, n, lines: vec![], notes };
    }
    // The reference: halocline, or without it the first program.
    let mut truth: Option<(&str, [f64; 2])> = None;
    for (name, mut ours) in ours::all(case.name, comm, n, ask) {
        ours.advance(CHECKED);
        let sums = ours.check();
        if let Some((_, first)) = truth {
            assert!(first == sums, "{name} computes other bits");
        }
        truth = truth.or(Some((name, sums)));
        add(&mut contenders, name, Kind::Ours, How::Ours(Box::new(ours)));
    }

    // Copies of as many bytes, or of fewer if memory is short.
    let megabytes = (case.bytes * cells / f64::from(1 << 20)).ceil().clamp(1.0, COPIES);
    let factor = case.bytes * cells / (megabytes * f64::from(1 << 20));
    match Running::start(Program::C("copies"), &format!("{megabytes}"), 0, ask.threads) {
        Ok(program) => {
            programs.push(program);
            for (variant, name) in [("copy", "copy"), ("streamed", "copy streamed"), ("in-place", "copy in place")] {
                add(&mut contenders, name, Kind::Copy, How::Rival(0, variant, factor));
            }
        }
        Err(why) => notes.push(format!("copies: {why}")),
    }

    for rival in case.rivals {
        let variants: Vec<_> = rival.variants.iter().filter(|(_, name)| ask.wants_rival(name)).collect();
        let Some((_, label)) = variants.first() else { continue };
        let kind = if matches!(rival.program, Program::C(_)) { Kind::C } else { Kind::Tool };
        let started =
            fits(rival.memory * cells).and_then(|()| Running::start(rival.program, case.name, n, ask.threads));
        let mut program = match started {
            Ok(program) => program,
            Err(why) => {
                notes.push(format!("{label}: {why}"));
                continue;
            }
        };
        let number = programs.len();
        for (variant, name) in variants {
            match program.check(variant, CHECKED) {
                Ok(sums) => {
                    let (by, first) = *truth.get_or_insert((name, sums));
                    let off = difference(first, sums, rival.edges_differ);
                    let part = if rival.edges_differ { " (away from the edges)" } else { "" };
                    notes.push(format!("{name}: differs from {by} by {off:.1e} after {CHECKED} steps{part}"));
                    if off.is_nan() || off > case.tolerance {
                        notes.push(format!("{name}: **not the same computation**, left out"));
                        continue;
                    }
                    add(&mut contenders, name, kind, How::Rival(number, variant, 1.0));
                }
                Err(why) => notes.push(format!("{name}: {why}")),
            }
        }
        programs.push(program);
    }

    // The number of steps of a measurement.
    for c in &mut contenders {
        let Ok(once) = seconds(&mut c.how, &mut programs, LEAST) else { continue };
        let times = (ask.least / once).ceil().max(1.0) as u64;
        // Conjugate gradients must not converge during a measurement.
        c.steps = LEAST * if case.name == "cg" { times.min(8) } else { times };
    }
    for round in 0..ask.rounds {
        // Each round begins with another contender.
        for i in 0..contenders.len() {
            let i = (i + round) % contenders.len();
            let c = &mut contenders[i];
            std::thread::sleep(PAUSE);
            match seconds(&mut c.how, &mut programs, c.steps) {
                Ok(seconds) => c.line.times.push(seconds / c.steps as f64),
                Err(why) => notes.push(format!("{}, round {}: {why}", c.line.name, round + 1)),
            }
        }
    }
    // A program that failed cannot be compared.
    let all = contenders.into_iter().map(|c| c.line);
    Outcome { case, n, lines: all.filter(|l| l.times.len() == ask.rounds).collect(), notes }
}
