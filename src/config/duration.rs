//! Durations and cadences of a job file, each a string with a unit: `"40 step"`, `"5 day"`, `"never"`.
//!
//! | unit | also | seconds |
//! |---|---|---|
//! | `step` | `steps` | counted, not measured |
//! | `ns`, `us` (`µs`), `ms` | | 1e-9, 1e-6, 1e-3 |
//! | `s` | `second(s)` | 1 |
//! | `min` | `minute(s)` | 60 |
//! | `h` | `hour(s)` | 3600 |
//! | `day` | `d`, `days` | 86 400 |
//! | `week` | `weeks` | 604 800 |
//! | `year` | `years` | 31 557 600 (365.25 days) |
//!
//! Times may be summed, from the longest unit to the shortest: `"1 h 30 min"`.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A duration in steps or in seconds of simulated time.
///
/// ```
/// use halocline::config::SimulatedDuration;
/// assert_eq!("40 step".parse(), Ok(SimulatedDuration::Steps(40)));
/// assert_eq!("1.5 day".parse(), Ok(SimulatedDuration::Seconds(129_600.0)));
/// assert_eq!("1 h 30 min".parse(), Ok(SimulatedDuration::Seconds(5400.0)));
/// assert_eq!(SimulatedDuration::Seconds(129_600.0).to_string(), "36 h");
/// assert_eq!("5 parsec".parse::<SimulatedDuration>().unwrap_err(), "unknown unit `parsec`\n  units are step, ns, us, ms, s, min, h, day, week, year");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum SimulatedDuration {
    /// A number of time steps.
    Steps(u64),
    /// Seconds of simulated time, finite and not negative.
    Seconds(f64),
}

/// How often an action is repeated, in steps or in seconds of simulated time.
///
/// ```
/// use halocline::config::Cadence;
/// assert_eq!("never".parse(), Ok(Cadence::Never));
/// assert_eq!("6 hours".parse(), Ok(Cadence::Seconds(21_600.0)));
/// assert_eq!("0 step".parse::<Cadence>().unwrap_err(), "must be more than 0; \"never\" turns it off");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Cadence {
    /// Never.
    #[default]
    Never,
    /// After every multiple of this number of steps; at least 1.
    Steps(u64),
    /// After every multiple of this number of seconds of simulated time; more than 0.
    Seconds(f64),
}

/// A duration in wall time.
///
/// ```
/// use halocline::config::WallTime;
/// use std::time::Duration;
/// assert_eq!("1 minute".parse(), Ok(WallTime(Duration::from_secs(60))));
/// assert_eq!("3 step".parse::<WallTime>().unwrap_err(), "must be a wall time, which cannot be given in steps\n  such as \"1 minute\" or \"0 s\"");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct WallTime(pub Duration);

/// How often an action is repeated, in wall time.
///
/// ```
/// use halocline::config::WallCadence;
/// use std::time::Duration;
/// assert_eq!("2 min".parse(), Ok(WallCadence::Every(Duration::from_secs(120))));
/// assert_eq!("never".parse(), Ok(WallCadence::Never));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum WallCadence {
    /// Never.
    Never,
    /// Each time this much wall time has passed.
    Every(Duration),
}

/// The units, longest first: a duration is printed in the first unit that divides it, but never in weeks. `Per` keeps decimal
/// fractions of a second exact: 0.1 ms is 0.1 / 1000, which is correctly rounded, unlike 0.1 · 0.001.
const UNITS: [(&[&str], Size); 9] = [
    (&["year", "years"], Size::Times(31_557_600.0)),
    (&["week", "weeks"], Size::Times(WEEK)),
    (&["day", "days", "d"], Size::Times(86_400.0)),
    (&["h", "hour", "hours"], Size::Times(3600.0)),
    (&["min", "minute", "minutes"], Size::Times(60.0)),
    (&["s", "second", "seconds"], Size::Times(1.0)),
    (&["ms", "millisecond", "milliseconds"], Size::Per(1e3)),
    (&["us", "µs", "μs", "microsecond", "microseconds"], Size::Per(1e6)),
    (&["ns", "nanosecond", "nanoseconds"], Size::Per(1e9)),
];
const UNIT_NAMES: &str = "step, ns, us, ms, s, min, h, day, week, year";
const WEEK: f64 = 604_800.0;

#[derive(Clone, Copy)]
enum Size {
    Times(f64),
    Per(f64),
}

impl FromStr for SimulatedDuration {
    /// What is wrong; the remedy, if any, stands on a second line.
    type Err = String;

    fn from_str(text: &str) -> Result<SimulatedDuration, String> {
        let terms = terms(text.trim());
        let [first, more @ ..] = &terms[..] else { return Err(NO_DURATION.into()) };
        let SimulatedDuration::Seconds(mut sum) = term(first)? else {
            return match more {
                [] => term(first),
                _ => Err("a number of steps cannot be part of a sum".into()),
            };
        };
        let mut last = unit(first.1).map(|(place, _)| place);
        for next in more {
            match term(next)? {
                SimulatedDuration::Seconds(seconds) => sum += seconds,
                SimulatedDuration::Steps(_) => return Err("a number of steps cannot be part of a sum".into()),
            }
            let place = unit(next.1).map(|(place, _)| place);
            if place <= last {
                return Err("lists its units in another order\n  a sum goes from the longest unit to the shortest, such as \"1 h 30 min\"".into());
            }
            last = place;
        }
        if sum.is_finite() { Ok(SimulatedDuration::Seconds(sum)) } else { Err("is too long".into()) }
    }
}

const TOO_MANY_STEPS: &str = "is more than 2^53 steps: at a microsecond each, these take 285 years";
const NO_DURATION: &str = "must be a number and a unit\n  such as \"40 step\", \"5 day\" or \"1 h 30 min\"";

/// The terms of a sum, each a number and a unit: the unit of a term ends where the number of the next one begins.
fn terms(text: &str) -> Vec<(&str, &str)> {
    let (mut terms, mut rest) = (vec![], text);
    while !rest.is_empty() {
        // `inf` and `nan` are numbers that begin with a letter, and `1e3` has one inside.
        let is_exponent = |at: usize| {
            rest[..at].ends_with(|c: char| c.is_ascii_digit() || c == '.')
                && rest[at + 1..]
                    .strip_prefix(['+', '-'])
                    .unwrap_or(&rest[at + 1..])
                    .starts_with(|c: char| c.is_ascii_digit())
        };
        let is_unit = |(at, c): &(usize, char)| c.is_alphabetic() && !(matches!(c, 'e' | 'E') && is_exponent(*at));
        let unit = rest.char_indices().find(is_unit).map_or(rest.len(), |(at, _)| at);
        let begins_number = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.');
        let next = rest[unit..].find(begins_number).map_or(rest.len(), |after| unit + after);
        terms.push((rest[..unit].trim(), rest[unit..next].trim()));
        rest = &rest[next..];
    }
    terms
}

/// The place in [`UNITS`] and the size of a unit.
fn unit(name: &str) -> Option<(usize, Size)> {
    let place = UNITS.iter().position(|(names, _)| names.contains(&name))?;
    Some((place, UNITS[place].1))
}

/// The duration of one number with one unit.
fn term(&(number, name): &(&str, &str)) -> Result<SimulatedDuration, String> {
    let value: f64 = match (number.parse(), number, name.split_whitespace().next()) {
        (Ok(value), ..) => value,
        (Err(_), "" | "-" | "+", Some("inf" | "infinity" | "nan")) => f64::INFINITY,
        _ => return Err(NO_DURATION.into()),
    };
    if !value.is_finite() || value < 0.0 {
        return Err("must be finite and not negative".into());
    }
    if matches!(name, "step" | "steps") {
        let whole = value.fract() == 0.0 && value <= (1u64 << 53) as f64;
        let steps = number.parse().ok().or(whole.then_some(value as u64));
        let why = if value.fract() == 0.0 { TOO_MANY_STEPS } else { "the number of steps must be whole" };
        return steps.map(SimulatedDuration::Steps).ok_or(why.into());
    }
    if name.is_empty() {
        return Err(format!("has no unit\n  units are {UNIT_NAMES}"));
    }
    let seconds = match unit(name) {
        Some((_, Size::Times(seconds))) => value * seconds,
        Some((_, Size::Per(second))) => value / second,
        None => return Err(format!("unknown unit `{name}`\n  units are {UNIT_NAMES}")),
    };
    if seconds.is_finite() { Ok(SimulatedDuration::Seconds(seconds)) } else { Err("is too long".into()) }
}

impl fmt::Display for SimulatedDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            SimulatedDuration::Steps(n) => write!(f, "{n} step"),
            SimulatedDuration::Seconds(seconds) => {
                let whole = UNITS.iter().find_map(|(names, size)| match *size {
                    // Days are what people count in: two weeks are "14 day".
                    Size::Times(WEEK) => None,
                    Size::Times(unit) => {
                        let n = (seconds / unit).round();
                        ((1.0..1e9).contains(&n) && n * unit == seconds).then_some((n, names[0]))
                    }
                    Size::Per(_) => None,
                });
                match whole {
                    Some((n, unit)) => write!(f, "{n} {unit}"),
                    None => write!(f, "{seconds:?} s"),
                }
            }
        }
    }
}

impl FromStr for Cadence {
    type Err = String;

    fn from_str(text: &str) -> Result<Cadence, String> {
        if text.trim() == "never" {
            return Ok(Cadence::Never);
        }
        match text.parse()? {
            SimulatedDuration::Steps(0) | SimulatedDuration::Seconds(0.0) => {
                Err("must be more than 0; \"never\" turns it off".into())
            }
            SimulatedDuration::Steps(n) => Ok(Cadence::Steps(n)),
            SimulatedDuration::Seconds(s) if s < SHORTEST => Err("is too short".into()),
            SimulatedDuration::Seconds(s) => Ok(Cadence::Seconds(s)),
        }
    }
}

/// The shortest interval in seconds: the number of intervals in a simulated time must be a number.
const SHORTEST: f64 = 1e-100;

impl fmt::Display for Cadence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Cadence::Never => f.write_str("never"),
            Cadence::Steps(n) => SimulatedDuration::Steps(n).fmt(f),
            Cadence::Seconds(s) => SimulatedDuration::Seconds(s).fmt(f),
        }
    }
}

impl FromStr for WallTime {
    type Err = String;

    fn from_str(text: &str) -> Result<WallTime, String> {
        match text.parse()? {
            SimulatedDuration::Seconds(s) => {
                Duration::try_from_secs_f64(s).map(WallTime).map_err(|_| "is too long".into())
            }
            SimulatedDuration::Steps(_) => {
                Err("must be a wall time, which cannot be given in steps\n  such as \"1 minute\" or \"0 s\"".into())
            }
        }
    }
}

impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SimulatedDuration::Seconds(self.0.as_secs_f64()).fmt(f)
    }
}

impl FromStr for WallCadence {
    type Err = String;

    fn from_str(text: &str) -> Result<WallCadence, String> {
        if text.trim() == "never" {
            return Ok(WallCadence::Never);
        }
        text.parse().map(|WallTime(every)| WallCadence::Every(every))
    }
}

impl fmt::Display for WallCadence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            WallCadence::Never => f.write_str("never"),
            WallCadence::Every(every) => WallTime(every).fmt(f),
        }
    }
}

/// Converts from and to strings. The schema of each type is a string whose `format` tells the checks which type to parse.
macro_rules! string {
    ($($type:ident = $format:literal),+) => {$(
        impl From<$type> for String {
            fn from(value: $type) -> String { value.to_string() }
        }
        impl TryFrom<String> for $type {
            type Error = String;
            fn try_from(text: String) -> Result<$type, String> { text.parse() }
        }
        impl JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> { stringify!($type).into() }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"type": "string", "format": $format})
            }
        }
    )+};
}
string!(SimulatedDuration = "duration", Cadence = "cadence", WallTime = "wall", WallCadence = "wall-cadence");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_unit_has_its_seconds() {
        for (text, seconds) in [
            ("1 year", 31_557_600.0),
            ("2 days", 172_800.0),
            ("1d", 86_400.0),
            ("1.5 h", 5400.0),
            ("1 minute", 60.0),
            ("3s", 3.0),
            ("1e3 s", 1000.0),
            ("0.1 ms", 1e-4),
            ("3 us", 3e-6),
            ("3 µs", 3e-6),
            ("7 ns", 7e-9),
            (" 0  s ", 0.0),
            ("2 weeks", 1_209_600.0),
            ("1 week", 604_800.0),
            ("1 h 30 min", 5400.0),
            ("1h30min", 5400.0),
            ("1 day 2.5 h 1e1 s", 95_410.0),
            ("1e1s", 10.0),
            ("1 s 500 ms", 1.5),
        ] {
            assert_eq!(text.parse(), Ok(SimulatedDuration::Seconds(seconds)), "{text}");
        }
        assert_eq!("1e3 steps".parse(), Ok(SimulatedDuration::Steps(1000)));
        assert_eq!("18446744073709551615 step".parse(), Ok(SimulatedDuration::Steps(u64::MAX)));
    }

    #[test]
    fn bad_times_say_why() {
        for (text, why) in [
            ("5", "has no unit"),
            ("soon", "must be a number and a unit"),
            ("", "must be a number and a unit"),
            ("1.5 step", "the number of steps must be whole"),
            ("1e30 step", "is more than 2^53 steps"),
            ("18446744073709551616 step", "is more than 2^53 steps"),
            ("-1 s", "must be finite and not negative"),
            ("inf s", "must be finite and not negative"),
            ("nan day", "must be finite and not negative"),
            ("1e308 year", "is too long"),
            ("1 Step", "unknown unit `Step`"),
            ("1 fortnight", "unknown unit `fortnight`"),
            ("1 h 30", "has no unit"),
            ("30 min 1 h", "lists its units in another order"),
            ("1 h 1 h", "lists its units in another order"),
            ("1 h 2 step", "a number of steps cannot be part of a sum"),
            ("2 step 1 h", "a number of steps cannot be part of a sum"),
            ("2 step 3 step", "a number of steps cannot be part of a sum"),
            ("1 h -30 min", "must be finite and not negative"),
            ("1 h + 30 min", "must be a number and a unit"),
            ("1-2 s", "must be a number and a unit"),
            ("1 h and 30 min", "unknown unit `h and`"),
            ("1e308 year 1e308 year", "is too long"),
            ("+", "must be a number and a unit"),
            ("1.2.3 s", "must be a number and a unit"),
            ("1e400 s", "must be finite and not negative"),
        ] {
            let message = text.parse::<SimulatedDuration>().unwrap_err();
            assert_eq!(message.lines().next(), Some(why), "{text}");
        }
        assert!("0 s".parse::<Cadence>().is_err());
        assert_eq!("1e-300 s".parse::<Cadence>(), Err("is too short".into()));
        assert!("1e30 s".parse::<WallTime>().is_err());
    }

    #[test]
    fn times_print_in_the_longest_unit_that_divides_them() {
        for text in ["5 day", "1 year", "90 s", "25 h", "2 min", "0.25 s", "0.0 s", "40 step", "1e-9 s", "14 day"] {
            assert_eq!(text.parse::<SimulatedDuration>().unwrap().to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn a_printed_duration_reads_back(seconds in 0.0..1e300f64, n in 1u64.., whole in 0u32.., nanos in 0u64..1 << 50) {
            for duration in [SimulatedDuration::Seconds(seconds), SimulatedDuration::Seconds(f64::from(whole) * 60.0), SimulatedDuration::Steps(n)] {
                prop_assert_eq!(duration.to_string().parse(), Ok(duration));
            }
            let wall = WallTime(Duration::from_nanos(nanos));
            prop_assert_eq!(wall.to_string().parse(), Ok(wall));
        }
    }
}
