//! Times with their unit, as they stand in a job file: `"40 step"`, `"5 day"`, `"never"`.
//!
//! | unit | also | seconds |
//! |---|---|---|
//! | `step` | `steps` | counted, not measured |
//! | `ns`, `us` (`µs`), `ms` | | 1e-9, 1e-6, 1e-3 |
//! | `s` | `second(s)` | 1 |
//! | `min` | `minute(s)` | 60 |
//! | `h` | `hour(s)` | 3600 |
//! | `day` | `d`, `days` | 86 400 |
//! | `year` | `years` | 31 557 600 (365.25 days) |
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How long something lasts, in steps or in seconds of simulated time.
///
/// ```
/// use halocline::config::Span;
/// assert_eq!("40 step".parse(), Ok(Span::Steps(40)));
/// assert_eq!("1.5 day".parse(), Ok(Span::Seconds(129_600.0)));
/// assert_eq!(Span::Seconds(129_600.0).to_string(), "36 h");
/// assert_eq!("5 parsec".parse::<Span>().unwrap_err(), "unknown unit `parsec`\n  units are step, ns, us, ms, s, min, h, day, year");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Span {
    /// A number of time steps.
    Steps(u64),
    /// Seconds of simulated time, finite and not negative.
    Seconds(f64),
}

/// How often something is done, in steps or in seconds of simulated time.
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
    /// Not at all.
    #[default]
    Never,
    /// Each time that so many steps are done, at least 1.
    Steps(u64),
    /// Each time that so many seconds of simulated time have passed, more than 0.
    Seconds(f64),
}

/// A wall time: what a clock in the room shows.
///
/// ```
/// use halocline::config::Wall;
/// use std::time::Duration;
/// assert_eq!("1 minute".parse(), Ok(Wall(Duration::from_secs(60))));
/// assert_eq!("3 step".parse::<Wall>().unwrap_err(), "is a wall time, which has no steps\n  such as \"1 minute\" or \"0 s\"");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Wall(pub Duration);

/// How often something is done, by a clock in the room.
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
    /// Not at all.
    Never,
    /// Each time that so much time has passed.
    Every(Duration),
}

/// Longest first, so that the first unit that divides a time is the one to print it in. `Per` keeps decimal fractions of
/// a second exact: 0.1 ms is 0.1 / 1000, which is correctly rounded, and not 0.1 · 0.001.
const UNITS: [(&[&str], Size); 8] = [
    (&["year", "years"], Size::Times(31_557_600.0)),
    (&["day", "days", "d"], Size::Times(86_400.0)),
    (&["h", "hour", "hours"], Size::Times(3600.0)),
    (&["min", "minute", "minutes"], Size::Times(60.0)),
    (&["s", "second", "seconds"], Size::Times(1.0)),
    (&["ms", "millisecond", "milliseconds"], Size::Per(1e3)),
    (&["us", "µs", "μs", "microsecond", "microseconds"], Size::Per(1e6)),
    (&["ns", "nanosecond", "nanoseconds"], Size::Per(1e9)),
];
const UNIT_NAMES: &str = "step, ns, us, ms, s, min, h, day, year";

#[derive(Clone, Copy)]
enum Size {
    Times(f64),
    Per(f64),
}

impl FromStr for Span {
    /// What is wrong, and on a second line the remedy.
    type Err = String;

    fn from_str(text: &str) -> Result<Span, String> {
        let text = text.trim();
        let number = text.trim_end_matches(char::is_alphabetic).trim_end();
        let unit = text[number.len()..].trim_start();
        let value: f64 = match number.parse() {
            Ok(value) => value,
            Err(_) => return Err("is not a number and a unit\n  such as \"40 step\" or \"5 day\"".into()),
        };
        if !value.is_finite() || value < 0.0 {
            return Err("must be finite and not negative".into());
        }
        if matches!(unit, "step" | "steps") {
            let whole = value.fract() == 0.0 && value <= (1u64 << 53) as f64;
            let steps = number.parse().ok().or(whole.then_some(value as u64));
            return steps.map(Span::Steps).ok_or("steps are whole numbers".into());
        }
        if unit.is_empty() {
            return Err(format!("has no unit\n  units are {UNIT_NAMES}"));
        }
        match UNITS.iter().find(|(names, _)| names.contains(&unit)) {
            Some((_, Size::Times(seconds))) => Some(Span::Seconds(value * seconds)),
            Some((_, Size::Per(second))) => Some(Span::Seconds(value / second)),
            None => return Err(format!("unknown unit `{unit}`\n  units are {UNIT_NAMES}")),
        }
        .filter(|span| matches!(span, Span::Seconds(s) if s.is_finite()))
        .ok_or("is too long".into())
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Span::Steps(n) => write!(f, "{n} step"),
            Span::Seconds(seconds) => {
                let whole = UNITS.iter().find_map(|(names, size)| match *size {
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
            Span::Steps(0) | Span::Seconds(0.0) => Err("must be more than 0; \"never\" turns it off".into()),
            Span::Steps(n) => Ok(Cadence::Steps(n)),
            Span::Seconds(s) => Ok(Cadence::Seconds(s)),
        }
    }
}

impl fmt::Display for Cadence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Cadence::Never => f.write_str("never"),
            Cadence::Steps(n) => Span::Steps(n).fmt(f),
            Cadence::Seconds(s) => Span::Seconds(s).fmt(f),
        }
    }
}

impl FromStr for Wall {
    type Err = String;

    fn from_str(text: &str) -> Result<Wall, String> {
        match text.parse()? {
            Span::Seconds(s) => Duration::try_from_secs_f64(s).map(Wall).map_err(|_| "is too long".into()),
            Span::Steps(_) => Err("is a wall time, which has no steps\n  such as \"1 minute\" or \"0 s\"".into()),
        }
    }
}

impl fmt::Display for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Span::Seconds(self.0.as_secs_f64()).fmt(f)
    }
}

impl FromStr for WallCadence {
    type Err = String;

    fn from_str(text: &str) -> Result<WallCadence, String> {
        if text.trim() == "never" {
            return Ok(WallCadence::Never);
        }
        text.parse().map(|Wall(every)| WallCadence::Every(every))
    }
}

impl fmt::Display for WallCadence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            WallCadence::Never => f.write_str("never"),
            WallCadence::Every(every) => Wall(every).fmt(f),
        }
    }
}

/// In a file each is a text; `format` tells the checks which one.
macro_rules! text {
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
text!(Span = "span", Cadence = "cadence", Wall = "wall", WallCadence = "wall-cadence");

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
        ] {
            assert_eq!(text.parse(), Ok(Span::Seconds(seconds)), "{text}");
        }
        assert_eq!("1e3 steps".parse(), Ok(Span::Steps(1000)));
        assert_eq!("18446744073709551615 step".parse(), Ok(Span::Steps(u64::MAX)));
    }

    #[test]
    fn bad_times_say_why() {
        for (text, why) in [
            ("5", "has no unit"),
            ("soon", "is not a number and a unit"),
            ("", "is not a number and a unit"),
            ("1.5 step", "steps are whole numbers"),
            ("1e30 step", "steps are whole numbers"),
            ("-1 s", "must be finite and not negative"),
            ("inf s", "must be finite and not negative"),
            ("nan day", "must be finite and not negative"),
            ("1e308 year", "is too long"),
            ("1 Step", "unknown unit `Step`"),
        ] {
            let message = text.parse::<Span>().unwrap_err();
            assert_eq!(message.lines().next(), Some(why), "{text}");
        }
        assert!("0 s".parse::<Cadence>().is_err());
        assert!("1e30 s".parse::<Wall>().is_err());
    }

    #[test]
    fn times_print_in_the_longest_unit_that_divides_them() {
        for text in ["5 day", "1 year", "90 s", "25 h", "2 min", "0.25 s", "0.0 s", "40 step", "1e-9 s"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(seconds in 0.0..1e300f64, n in 1u64.., whole in 0u32.., nanos in 0u64..1 << 50) {
            for span in [Span::Seconds(seconds), Span::Seconds(f64::from(whole) * 60.0), Span::Steps(n)] {
                prop_assert_eq!(span.to_string().parse(), Ok(span));
            }
            let wall = Wall(Duration::from_nanos(nanos));
            prop_assert_eq!(wall.to_string().parse(), Ok(wall));
        }
    }
}
