//! Sources of records that arrive from outside while a run goes on: gauges, stations, another program.
use crate::base::{Error, Result};
use crate::comm::Comm;
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

/// Something that gives records in the order of their times. Only the first rank asks it; the others hear from that one.
pub trait Source {
    /// The records up to this time that have not been given yet. A run that goes on from a checkpoint opens the source anew
    /// and asks once for all that had been given; they have to be as many.
    ///
    /// # Errors
    /// If the source is broken; the run then ends.
    fn take(&mut self, until: f64) -> Result<Vec<Arrival>>;
}

/// What a source has given so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Taken {
    /// How many records.
    pub given: u64,
    /// Up to which time in seconds.
    pub until: f64,
}

/// Opens a source.
pub type SourceFactory = Arc<dyn Fn() -> Result<Box<dyn Source>> + Send + Sync>;

/// A list of records known beforehand.
///
/// ```
/// use halocline::engine::sources::{Arrival, Replay, Source};
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
    /// From records in any order; those of equal times keep theirs.
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

const BYTES: usize = 48;

/// What has arrived, on every rank. Collective.
pub(crate) fn take(comm: &Comm, source: Option<&mut Box<dyn Source>>, until: f64) -> Result<Vec<Arrival>> {
    let mut bytes = vec![];
    let mut broken = None;
    if let Some(source) = source {
        match source.take(until) {
            Ok(records) => {
                for r in records {
                    bytes.extend(r.time.to_le_bytes());
                    bytes.extend(r.value.to_le_bytes());
                    for i in [r.block, r.index[0], r.index[1], r.index[2]] {
                        bytes.extend((i as u64).to_le_bytes());
                    }
                }
            }
            Err(e) => {
                bytes = vec![0];
                broken = Some(e);
            }
        }
    }
    comm.broadcast(0, &mut bytes);
    if bytes.len() % BYTES != 0 {
        return Err(broken.unwrap_or_else(|| Error::failure("a source of records failed on rank 0")));
    }
    let word = |r: &[u8], i: usize| u64::from_le_bytes(r[8 * i..8 * i + 8].try_into().expect("eight bytes"));
    let arrival = |r: &[u8]| Arrival {
        time: f64::from_bits(word(r, 0)),
        value: f64::from_bits(word(r, 1)),
        block: word(r, 2) as usize,
        index: [3, 4, 5].map(|i| word(r, i) as usize),
    };
    Ok(bytes.chunks_exact(BYTES).map(arrival).collect())
}
