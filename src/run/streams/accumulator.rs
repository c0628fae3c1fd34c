//! [`Accumulator`]: means, maxima and minima over the steps between two instants of a stream.
use crate::config::Reduction;

/// The values of a stream since its last instant, reduced over steps. Indices of `values`: column, box, cell.
pub struct Accumulator {
    pub reduce: Reduction,
    /// The step and the time in seconds at which the interval began.
    pub begin: (u64, f64),
    /// Number of steps in `values`.
    pub count: u64,
    /// The sum of the weights of these steps.
    pub weight: f64,
    pub values: Vec<Vec<Vec<f64>>>,
}

impl Accumulator {
    /// An empty accumulator, whose interval begins at a step and its time in seconds.
    pub fn new(reduce: Reduction, begin: (u64, f64)) -> Accumulator {
        Accumulator { reduce, begin, count: 0, weight: 0.0, values: vec![] }
    }

    /// True if the stream writes the values of single instants, without accumulating.
    pub fn is_off(&self) -> bool {
        self.reduce == Reduction::Instant
    }

    /// Adds the values after one step, with the weight of the step in a mean: 1 where all steps have the same length, otherwise
    /// their length.
    pub fn add(&mut self, mut now: Vec<Vec<Vec<f64>>>, weight: f64) {
        let is_first = self.count == 0;
        self.count += 1;
        self.weight += weight;
        if self.reduce == Reduction::Mean && weight != 1.0 {
            now.iter_mut().flatten().flatten().for_each(|new| *new *= weight);
        }
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
            results.iter_mut().flatten().flatten().for_each(|v| *v /= self.weight);
        }
        results
    }

    /// Starts the next interval at a step and its time in seconds.
    pub fn restart(&mut self, begin: (u64, f64)) {
        *self = Accumulator::new(self.reduce, begin);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reduced(reduce: Reduction, steps: &[(f64, f64)]) -> f64 {
        let mut all = Accumulator::new(reduce, (0, 0.0));
        steps.iter().for_each(|&(value, weight)| all.add(vec![vec![vec![value]]], weight));
        all.results()[0][0][0]
    }

    #[test]
    fn a_mean_is_weighted_and_extremes_are_not() {
        let steps = [(2.0, 0.5), (-1.0, 1.5), (4.0, 2.0)];
        assert_eq!(reduced(Reduction::Mean, &steps), (1.0 - 1.5 + 8.0) / 4.0);
        assert_eq!([Reduction::Max, Reduction::Min].map(|reduce| reduced(reduce, &steps)), [4.0, -1.0]);
        // Steps of one length do not round differently from a plain mean.
        assert_eq!(reduced(Reduction::Mean, &[(0.1, 1.0), (0.2, 1.0), (0.3, 1.0)]), (0.1 + 0.2 + 0.3) / 3.0);
    }
}
