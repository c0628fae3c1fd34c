//! The clock of the system, which may be wrong: any time is shown, and none is an error.
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The first second of the year 10000, which RFC 3339 cannot write.
const YEAR_10000: Duration = Duration::from_secs(253_402_300_800);

/// A time as text: RFC 3339 from 1970 to 9999, otherwise seconds since 1970.
pub(crate) fn text(time: SystemTime) -> String {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) if since < YEAR_10000 => humantime::format_rfc3339_seconds(time).to_string(),
        Ok(since) => format!("{} s after 1970-01-01T00:00:00Z", since.as_secs()),
        Err(before) => format!("{} s before 1970-01-01T00:00:00Z", before.duration().as_secs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_has_a_text() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(text(at(0)), "1970-01-01T00:00:00Z");
        assert_eq!(text(at(253_402_300_799)), "9999-12-31T23:59:59Z");
        assert_eq!(text(at(253_402_300_800)), "253402300800 s after 1970-01-01T00:00:00Z");
        assert_eq!(text(at(9_000_000_000_000_000_000)), "9000000000000000000 s after 1970-01-01T00:00:00Z");
        assert_eq!(text(UNIX_EPOCH - Duration::from_secs(100)), "100 s before 1970-01-01T00:00:00Z");
    }
}
