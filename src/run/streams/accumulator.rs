//! [`Accumulator`]: means, maxima and minima over the steps between two instants of a stream.
use crate::config::Reduction;

/// The values of a stream since its last instant, reduced over steps. Indices of `values`: column, box, cell.
pub struct Accumulator {
    pub reduce: Reduction,
    /// Number of steps in `values`.
    pub count: u64,
    pub values: Vec<Vec<Vec<f64>>>,
}

impl Accumulator {
    /// An empty accumulator.
    pub fn new(reduce: Reduction) -> Accumulator {
        Accumulator { reduce, count: 0, values: vec![] }
    }

    /// True if the stream writes the values of single instants, without accumulating.
    pub fn is_off(&self) -> bool {
        self.reduce == Reduction::Instant
    }

    /// Adds the values after one step.
    pub fn add(&mut self, now: Vec<Vec<Vec<f64>>>) {
        let is_first = self.count == 0;
        self.count += 1;
        if is_first {
            self.values = now;
            return;
        }
        let all = self.values.iter_mut().flatten().flatten().zip(now.iter().flatten().flatten());
        match self.reduce {
            Reduction::Max => all.for_each(|(old, new)| *old = if *new > *old { *new } else { *old }),
            Reduction::Min => all.for_each(|(old, new)| *old = if *new < *old { *new } else { *old }),
            _ => all.for_each(|(old, new)| *old += *new),
        }
    }

    /// The reduced values, by column, box and cell.
    pub fn results(&self) -> Vec<Vec<Vec<f64>>> {
        let mut results = self.values.clone();
        if self.reduce == Reduction::Mean {
            results.iter_mut().flatten().flatten().for_each(|v| *v /= self.count as f64);
        }
        results
    }

    /// Starts the next interval.
    pub fn clear(&mut self) {
        self.values.clear();
        self.count = 0;
    }
}
