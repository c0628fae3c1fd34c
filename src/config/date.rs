//! [`ReferenceDate`]: the date at which the time of a simulation is zero.
use jiff::civil::{DateTime, date};
use jiff::fmt::temporal::Pieces;
use jiff::tz::Offset;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// A date with a time of day in UTC, from the year 1 to 9999 of the Gregorian calendar. A date with an offset from UTC is
/// converted.
///
/// ```
/// use halocline::config::ReferenceDate;
/// let date: ReferenceDate = "2000-01-01 00:30 +01:00".parse()?;
/// assert_eq!(date.to_string(), "1999-12-31 23:30:00");
/// assert_eq!(date.units(), "seconds since 1999-12-31 23:30:00");
/// assert_eq!(date.calendar(), "standard");
/// assert_eq!("2000-01-01".parse::<ReferenceDate>()?.to_string(), "2000-01-01");
/// assert!("2001-02-29".parse::<ReferenceDate>().is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub struct ReferenceDate(DateTime);

impl ReferenceDate {
    /// The CF unit of a time coordinate in seconds since this date.
    pub fn units(&self) -> String {
        format!("seconds since {} {}", self.0.date(), self.0.time())
    }

    /// The CF calendar of the date: `standard`, or `proleptic_gregorian` before the Gregorian calendar was introduced.
    pub fn calendar(&self) -> &'static str {
        if self.0.date() < date(1582, 10, 15) { "proleptic_gregorian" } else { "standard" }
    }
}

impl FromStr for ReferenceDate {
    /// What is wrong; the remedy stands on a second line.
    type Err = String;

    fn from_str(text: &str) -> Result<ReferenceDate, String> {
        const FORMS: &str = "such as \"2000-01-31\", \"2000-01-31 18:30:00\" (UTC) or \"2000-01-31T18:30+01:00\"";
        let wrong =
            |why: &str| Err(format!("must be a date, with a time and an offset from UTC if needed{why}\n  {FORMS}"));
        let text = text.trim();
        // CF and UDUNITS put a space before the offset.
        let compact = match text.rsplit_once(' ') {
            Some((rest, offset)) if offset.starts_with(['+', '-', 'Z', 'z']) => format!("{rest}{offset}"),
            _ => text.into(),
        };
        let pieces = match Pieces::parse(&compact) {
            Ok(pieces) => pieces,
            Err(e) => {
                let shown = e.to_string();
                let range = shown.rsplit(": ").next().filter(|why| why.contains("range"));
                let plain =
                    |why: &str| why.replace(['`', '\''], "").replace("parameter ", "").replace("is invalid, ", "");
                return wrong(&range.map_or(String::new(), |why| format!(" ({})", plain(why))));
            }
        };
        if pieces.time_zone_annotation().is_some() {
            return wrong(": the name of a time zone is not supported");
        }
        if compact.get(16..19) == Some(":60") {
            return wrong(": a minute has 60 seconds, because simulated time has no leap seconds");
        }
        if pieces.to_numeric_offset().is_some_and(|offset| offset.seconds().abs() > 14 * 3600) {
            return wrong(": an offset from UTC has at most 14 hours");
        }
        let local = DateTime::from_parts(pieces.date(), pieces.time().unwrap_or_default());
        let utc = match pieces.to_numeric_offset() {
            Some(offset) => offset.to_timestamp(local).map(|instant| Offset::UTC.to_datetime(instant)),
            None => Ok(local),
        };
        match utc {
            Ok(utc) if utc.year() >= 1 => Ok(ReferenceDate(utc)),
            _ => wrong(": years are from 1 to 9999"),
        }
    }
}

impl fmt::Display for ReferenceDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.date())?;
        if self.0.time() == jiff::civil::Time::midnight() { Ok(()) } else { write!(f, " {}", self.0.time()) }
    }
}

impl From<ReferenceDate> for String {
    fn from(date: ReferenceDate) -> String {
        date.to_string()
    }
}

/// From a string or a date of TOML.
impl<'de> Deserialize<'de> for ReferenceDate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<ReferenceDate, D::Error> {
        let text = match toml::Value::deserialize(from)? {
            toml::Value::String(text) => text,
            toml::Value::Datetime(date) => date.to_string(),
            other => return Err(de::Error::custom(format!("{other} is not a date"))),
        };
        text.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for ReferenceDate {
    fn schema_name() -> Cow<'static, str> {
        "ReferenceDate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_validated_and_converted_to_utc() {
        let shown = |text: &str| text.parse::<ReferenceDate>().map(|date| date.to_string());
        for (text, utc) in [
            ("2000-01-01", "2000-01-01"),
            (" 2000-02-29 ", "2000-02-29"),
            ("2000-01-01T00:00:00Z", "2000-01-01"),
            ("2000-01-01 00:00:00 Z", "2000-01-01"),
            ("2000-01-01 06:30", "2000-01-01 06:30:00"),
            ("2000-01-01 06:30:15.25", "2000-01-01 06:30:15.25"),
            ("2000-01-01T00:00-11:30", "2000-01-01 11:30:00"),
            ("2000-01-01 00:00:00 +05:45", "1999-12-31 18:15:00"),
            ("0001-01-01", "0001-01-01"),
            ("9999-12-31", "9999-12-31"),
        ] {
            assert_eq!(shown(text).as_deref(), Ok(utc), "{text}");
            assert_eq!(shown(utc).as_deref(), Ok(utc), "{text}");
        }
        for text in [
            "",
            "today",
            "2000",
            "2000-01",
            "2000-13-01",
            "2001-02-29",
            "2000-01-32",
            "01.02.2000",
            "01/02/2000",
            "2000-1-1",
            "2000-01-01 24:00",
            "2000-01-01 12:60",
            "2000-01-01 23:59:60",
            "2000-01-01 12:00+25:00",
            "2000-01-01 12:00[Europe/Berlin]",
            "2000-01-01T12:00+01:00[Europe/Berlin]",
            "0000-01-01",
            "-000044-03-15",
            "10000-01-01",
            "0001-01-01T00:00+01:00",
            "5 day",
            "12:00",
            "2000-01-01 noon",
            "2000-01-01 00:00 UTC",
        ] {
            let why = shown(text).expect_err(text);
            assert!(why.starts_with("must be a date") && why.contains("such as"), "{text}: {why}");
        }
        let why = shown("2001-02-29").unwrap_err();
        assert!(why.contains("day") && why.contains("28"), "{why}");
        assert_eq!("1500-01-01".parse::<ReferenceDate>().unwrap().calendar(), "proleptic_gregorian");
    }
}
