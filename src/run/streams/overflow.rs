//! [`Overflow`]: finite values that a stream writes as infinity, since its element type cannot hold them.
use crate::comm::{Comm, Reduce};
use crate::engine::{Saved, Snapshot};
use halocline_kernels::ElementType;

/// The values of a stream that were too large for its element type. The fields are equal on all ranks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overflow {
    /// The number of these values.
    pub count: u64,
    /// The first of them: its step, the column, and the index of its value in an instant of that column.
    pub first: [u64; 3],
}

impl Overflow {
    /// Adds what this rank has found in an instant: how many values, and the column and index of the first. Collective.
    pub fn add(&mut self, comm: &Comm, step: u64, count: u64, first: Option<(usize, usize)>) {
        let mut sum = [count as i64];
        comm.reduce(Reduce::Sum, &mut sum);
        if sum[0] == 0 {
            return;
        }
        // The least column, then the least index in it.
        let least = |mine: Option<usize>| {
            let mut least = [mine.map_or(i64::MAX, |mine| mine as i64)];
            comm.reduce(Reduce::Min, &mut least);
            least[0] as u64
        };
        let column = least(first.map(|(column, _)| column));
        let index = least(first.filter(|found| found.0 as u64 == column).map(|(_, index)| index));
        if self.count == 0 {
            self.first = [step, column, index];
        }
        self.count += sum[0] as u64;
    }

    /// Adds the record to a snapshot, as that of the stream called `name`.
    pub fn save(&self, name: &str, snapshot: &mut Snapshot) {
        let [step, column, index] = self.first;
        snapshot.numbers.extend(keys(name).into_iter().zip([self.count, step, column, index]));
    }

    /// The record of the stream called `name` in a saved state; empty if the state has none.
    pub fn restored(name: &str, state: &dyn Saved) -> Overflow {
        let [count, step, column, index] = keys(name).map(|key| state.number(&key).unwrap_or(0));
        Overflow { count, first: [step, column, index] }
    }
}

fn keys(name: &str) -> [String; 4] {
    ["count", "step", "column", "index"].map(|what| format!("stream/{name}/overflow/{what}"))
}

/// The number of infinite values among numbers of an element type, and the position of the first.
pub fn infinite(bytes: &[u8], element: ElementType) -> (u64, Option<usize>) {
    fn found(are_infinite: impl Iterator<Item = bool>) -> (u64, Option<usize>) {
        let mut positions = are_infinite.enumerate().filter(|(_, is)| *is).map(|(position, _)| position);
        let first = positions.next();
        (first.map_or(0, |_| 1 + positions.count() as u64), first)
    }
    match element {
        ElementType::F32 => found(bytes.as_chunks().0.iter().map(|b| f32::from_ne_bytes(*b).is_infinite())),
        ElementType::F64 => found(bytes.as_chunks().0.iter().map(|b| f64::from_ne_bytes(*b).is_infinite())),
        _ => unreachable!("streams hold real floating-point numbers"),
    }
}
