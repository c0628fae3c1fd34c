//! When a run ends and what its cadences mean for its model: checks of the times in a job file, and the number of steps.
use crate::base::{Error, Result};
use crate::config::{Cadence, JobFile, Reduction, SimulatedDuration, StreamSection};
use crate::model::Clock;

/// A cadence of a job file.
struct Timed {
    key: String,
    every: Cadence,
    align: bool,
}

/// The cadences of a job file.
fn cadences(file: &JobFile) -> Vec<Timed> {
    let timed = |key: &str, every: Cadence, align: bool| Timed { key: key.into(), every, align };
    let streams = file.output.iter().map(|(name, s)| timed(&format!("output.{name}.every"), s.every, s.align));
    let others = [
        timed("series.every", file.series.every, file.series.align),
        timed("checkpoint.every", file.checkpoint.every, file.checkpoint.align),
        timed("replica.every", file.replica.every, false),
        timed("engine.check_every", file.engine.check_every, false),
    ];
    streams.chain(others).collect()
}

/// Checks the end time and all cadences of a job file against the clock of its model.
///
/// # Errors
/// If one is in seconds and the model has no time, or if a fixed time step does not divide the interval of an aligned cadence.
pub fn check_times(file: &JobFile, clock: Clock) -> Result<()> {
    if let (SimulatedDuration::Seconds(_), Clock::Steps) = (file.time.end, clock) {
        return Err(no_seconds(file, "time.end", &file.time.end.to_string(), "40 step"));
    }
    for Timed { key, every, align } in cadences(file) {
        let Cadence::Seconds(seconds) = every else { continue };
        match clock {
            Clock::Steps => return Err(no_seconds(file, &key, &every.to_string(), "10 step")),
            Clock::Fixed(dt) if align && !divides(dt, seconds) => {
                let why = format!("is no multiple of the fixed time step, {dt:?} s, which `align` cannot shorten");
                let near = SimulatedDuration::Seconds((seconds / dt).round().max(1.0) * dt);
                let remedy = format!("{why}\nremove `align`, or use a multiple such as \"{near}\"");
                return Err(file.origins.wrong(&key, format!("\"{every}\""), &remedy));
            }
            _ => {}
        }
    }
    Ok(())
}

fn no_seconds(file: &JobFile, key: &str, given: &str, example: &str) -> Error {
    let what = format!("`{key}` = \"{given}\": the job `{}` has steps, but no time in seconds", file.job);
    file.origins.error(key, what, &format!("give it in steps, such as \"{example}\""))
}

/// True if a whole number of time steps is the interval, up to round-off.
fn divides(dt: f64, seconds: f64) -> bool {
    let steps = seconds / dt;
    steps.round() >= 1.0 && (steps - steps.round()).abs() <= 1e-9 * steps
}

/// Warnings on output streams whose cadence cannot be met: longer than the run, or shorter than a time step.
pub fn warnings(file: &JobFile, clock: Clock) -> Vec<String> {
    let end = steps(clock, file.time.end).map_or(file.time.end, SimulatedDuration::Steps);
    let warning = |(name, stream): (&String, &StreamSection)| {
        let longer = match (stream.every, end, clock) {
            (Cadence::Steps(every), SimulatedDuration::Steps(end), _) => every > end,
            (Cadence::Seconds(every), SimulatedDuration::Seconds(end), _) => every > end,
            (Cadence::Seconds(every), SimulatedDuration::Steps(end), Clock::Fixed(dt)) => {
                every > end as f64 * dt * (1.0 + 1e-9)
            }
            _ => false,
        };
        let shorter =
            matches!((stream.every, clock), (Cadence::Seconds(every), Clock::Fixed(dt)) if every < dt * (1.0 - 1e-9));
        let why = match (longer, shorter, clock) {
            (true, ..) => {
                let rest = match stream.reduce {
                    Reduction::Instant => "only the initial and the final state are written",
                    _ => "its only interval is cut short",
                };
                format!("is longer than the run, {}: {rest}", file.time.end)
            }
            (_, true, Clock::Fixed(dt)) => format!("is shorter than the time step, {dt:?} s: every step is written"),
            _ => return None,
        };
        Some(format!("`output.{name}.every` = \"{}\" {why}", stream.every))
    };
    file.output.iter().filter_map(warning).collect()
}

/// The number of steps of a run that ends at `end`; none if the time step is not known in advance.
pub fn steps(clock: Clock, end: SimulatedDuration) -> Option<u64> {
    match (end, clock) {
        (SimulatedDuration::Steps(n), _) => Some(n),
        // Round-off must not add a step.
        (SimulatedDuration::Seconds(t), Clock::Fixed(dt)) => {
            let steps = t / dt;
            // A quotient beyond the numbers is a number of steps that no run can do, not none.
            let whole = || (steps - (4.0 * f64::EPSILON * steps).max(1e-9)).ceil().max(0.0) as u64;
            Some(if steps.is_finite() { whole() } else { u64::MAX })
        }
        (SimulatedDuration::Seconds(_), _) => None,
    }
}

/// The number of seconds of a run that ends at `end`; none if it depends on the solution, or the job has no time.
pub fn seconds(clock: Clock, end: SimulatedDuration) -> Option<f64> {
    match (end, clock) {
        (SimulatedDuration::Seconds(t), _) => Some(t),
        (SimulatedDuration::Steps(n), Clock::Fixed(dt)) => Some(n as f64 * dt),
        (SimulatedDuration::Steps(_), _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(more: &str) -> JobFile {
        let text = format!("job = 'x'\ngrid.cells = [8]\ntime.end = '40 step'\n{more}");
        JobFile::parse("a.toml", &text, &[]).unwrap()
    }

    #[test]
    fn a_model_without_time_has_no_seconds() {
        let keys = ["output.a.every", "checkpoint.every", "replica.every", "engine.check_every"];
        for key in keys {
            let error = check_times(&file(&format!("{key} = '1 h'")), Clock::Steps).unwrap_err();
            assert_eq!(
                error.what(),
                format!("a.toml:4: `{key}` = \"1 h\": the job `x` has steps, but no time in seconds")
            );
            check_times(&file(&format!("{key} = '1 h'")), Clock::Adaptive).unwrap();
            check_times(&file(&format!("{key} = '1 step'")), Clock::Steps).unwrap();
        }
        let text = "job = 'x'\ngrid.cells = [8]\ntime.end = '1 h'";
        let error = check_times(&JobFile::parse("a.toml", text, &[]).unwrap(), Clock::Steps).unwrap_err();
        assert!(error.what().starts_with("a.toml:3: `time.end` = \"1 h\""), "{error}");
    }

    #[test]
    fn a_fixed_step_divides_an_aligned_interval() {
        let aligned = |every: &str| file(&format!("output.a = {{every = '{every}', align = true}}"));
        check_times(&aligned("0.3 s"), Clock::Fixed(0.1)).unwrap();
        check_times(&aligned("0.35 s"), Clock::Adaptive).unwrap();
        let error = check_times(&aligned("0.35 s"), Clock::Fixed(0.1)).unwrap_err().to_string();
        assert!(error.contains("is no multiple of the fixed time step, 0.1 s"), "{error}");
        assert!(check_times(&aligned("0.01 s"), Clock::Fixed(0.1)).is_err());
        let saved = file("checkpoint = {every = '0.35 s', align = true}");
        assert!(check_times(&saved, Clock::Fixed(0.1)).unwrap_err().what().contains("`checkpoint.every`"));
    }

    #[test]
    fn cadences_that_cannot_be_met_are_warnings() {
        let said = |every: &str, clock| warnings(&file(&format!("output.a.every = '{every}'")), clock);
        assert!(said("41 step", Clock::Steps)[0].contains("longer than the run"));
        assert!(said("5 s", Clock::Fixed(0.1))[0].contains("longer than the run"));
        assert!(said("0.05 s", Clock::Fixed(0.1))[0].contains("shorter than the time step"));
        for (every, clock) in [
            ("40 step", Clock::Steps),
            ("4 s", Clock::Fixed(0.1)),
            ("0.1 s", Clock::Fixed(0.1)),
            ("9 s", Clock::Adaptive),
        ] {
            assert_eq!(said(every, clock), [""; 0], "{every}");
        }
    }

    #[test]
    fn round_off_adds_no_step() {
        let steps = |t: f64, dt: f64| steps(Clock::Fixed(dt), SimulatedDuration::Seconds(t));
        assert_eq!(steps(1.0, 0.01), Some(100));
        assert_eq!(steps(0.3, 0.1), Some(3));
        assert_eq!(steps(0.31, 0.1), Some(4));
        assert_eq!(steps(0.0, 0.1), Some(0));
        assert_eq!(steps(3e307, 0.01), Some(u64::MAX));
        assert_eq!(steps(1e10, 1e-300), Some(u64::MAX));
        for n in [7_000_000_003u64, 3_000_000_000_001] {
            assert_eq!(steps(n as f64 * 0.1, 0.1), Some(n));
        }
    }
}
