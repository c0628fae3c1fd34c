//! Sources of records that arrive from outside during a run: gauges, stations, other programs.
use crate::base::Result;
use std::sync::Arc;

/// A record of a source: a time, a cell and a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arrival {
    /// Simulated time in seconds from which the record is applied.
    pub time: f64,
    /// Block of the cell.
    pub block: usize,
    /// Index z, y, x of the cell in the block.
    pub index: [usize; 3],
    /// The value.
    pub value: f64,
}

/// A stream of records in the order of their times. Only rank 0 reads it and sends the records to the other ranks.
pub trait Source {
    /// Returns the records up to time `until` that earlier calls have not returned. A run that resumes from a
    /// checkpoint opens the source again and calls `take` once for all records up to the checkpoint; their number must
    /// be the same as before.
    ///
    /// # Errors
    /// If the source fails. The run then ends with this error.
    fn take(&mut self, until: f64) -> Result<Vec<Arrival>>;
}

/// A function that opens a source.
pub type SourceFactory = Arc<dyn Fn() -> Result<Box<dyn Source>> + Send + Sync>;

/// A source of records that are known in advance.
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
    /// A source of records in any order. Records with equal times keep their order.
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
