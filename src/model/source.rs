//! Sources of records that arrive from outside while a run goes on: gauges, stations, another program.
use crate::base::Result;
use std::sync::Arc;

/// A record: when it counts, which cell it is about, and a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arrival {
    /// Simulated time in seconds from which on it counts.
    pub time: f64,
    /// Block of the grid.
    pub block: usize,
    /// Index z, y, x in the block.
    pub index: [usize; 3],
    /// The number.
    pub value: f64,
}

/// A stream of records in the order of their times. Only rank 0 reads it; the other ranks get the records from rank 0.
pub trait Source {
    /// The records up to this time that have not been given yet. A run that is resumed from a checkpoint opens the source
    /// anew and asks once for all records given before the checkpoint; there must be as many again.
    ///
    /// # Errors
    /// If the source fails; the run then ends.
    fn take(&mut self, until: f64) -> Result<Vec<Arrival>>;
}

/// Opens a source.
pub type SourceFactory = Arc<dyn Fn() -> Result<Box<dyn Source>> + Send + Sync>;

/// A list of records known beforehand.
///
/// ```
/// use halocline::model::source::{Arrival, Replay, Source};
/// let rain = |time| Arrival { time, block: 0, index: [0, 3, 4], value: 0.01 };
/// let mut gauge = Replay::new(vec![rain(2.0), rain(1.0)]);
/// assert_eq!(gauge.take(1.5)?.len(), 1);
/// assert_eq!(gauge.take(1.5)?.len(), 0);
/// assert_eq!(gauge.take(2.0)?.len(), 1);
/// # Ok::<(), halocline::Error>(())
/// ```
pub struct Replay {
    records: Vec<Arrival>,
    next: usize,
}
impl Replay {
    /// From records in any order; records of equal times keep theirs.
    pub fn new(mut records: Vec<Arrival>) -> Replay {
        records.sort_by(|a, b| a.time.total_cmp(&b.time));
        Replay { records, next: 0 }
    }
}
impl Source for Replay {
    fn take(&mut self, until: f64) -> Result<Vec<Arrival>> {
        let first = self.next;
        self.next += self.records[first..].iter().take_while(|r| r.time <= until).count();
        Ok(self.records[first..self.next].to_vec())
    }
}
