//! Receives records from sources, and broadcasts them to all ranks.
use crate::base::{Error, Result};
use crate::comm::Comm;
use crate::model::source::{Arrival, Source};

/// The progress of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct SourceProgress {
    /// The number of records received.
    pub given: u64,
    /// The time in seconds up to which records were received.
    pub until: f64,
}

/// Bytes of an arrival in a message.
const BYTES: usize = 48;

/// Takes the records of a source up to a time in seconds, and returns them on every rank. Collective.
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
