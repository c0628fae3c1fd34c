//! The limits of segments.

/// The limits of a segment, at which it is sealed without request. A kill loses the unsealed instants at most.
///
/// Both limits double after every 128 segments, so that a run of weeks or of terabytes has a few hundred of them, each too large
/// to be merged with others: a program that reads a virtual file to the end holds all segments open, most systems allow 1024
/// open files per process, and HDF5 treats a segment that it cannot open as missing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seal {
    /// Bytes of fields.
    pub bytes: u64,
    /// Seconds of wall time; 0 seals after each instant.
    pub seconds: f64,
}

impl Seal {
    /// The limits of a segment after `segments` others.
    pub(super) fn after(self, segments: usize) -> Seal {
        let times = 1u64 << (segments / 128).min(40);
        Seal { bytes: self.bytes.saturating_mul(times), seconds: self.seconds * times as f64 }
    }
}

impl Default for Seal {
    fn default() -> Seal {
        Seal { bytes: 1_000_000_000, seconds: 60.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_runs_have_hundreds_of_segments_not_thousands() {
        let (mut seconds, mut segments) = (0.0, 0);
        while seconds < 10.0 * 86400.0 {
            seconds += Seal::default().after(segments).seconds;
            segments += 1;
        }
        assert!((500..1000).contains(&segments), "{segments}");
        assert_eq!(Seal { bytes: 3, seconds: 0.0 }.after(usize::MAX).seconds, 0.0);
    }
}
