//! Partial results of reductions, and their combination over all threads and ranks.
use crate::comm::Comm;
use crate::engine::sums::{ArgExtreme, ExactSum, all_arg_extreme, all_sum};
use crate::model::grid::Grid;
use crate::model::reduction_op::Op;

/// Numbers that are buffered before they are summed: exact sums are fast in chunks of this size.
const CHUNK: usize = 2048;

/// The result of a reduction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measurement {
    /// The value.
    pub value: f64,
    /// The position of a largest or smallest value: block and index z, y, x of the first such cell.
    pub at: Option<(usize, [usize; 3])>,
}

/// The partial result of one reduction on some of the cells.
pub(super) struct Accumulator {
    op: Op,
    sum: ExactSum,
    extreme: ArgExtreme,
    /// Numbers of cells that are not yet in the sum, and how many.
    line: Vec<f64>,
    filled: usize,
}

impl Accumulator {
    /// A partial result of no cells.
    pub fn new(op: Op) -> Accumulator {
        let extreme = if op == Op::Max { ArgExtreme::largest() } else { ArgExtreme::smallest() };
        Accumulator { op, sum: ExactSum::new(), extreme, line: vec![], filled: 0 }
    }

    /// The buffer to which the kernel writes the numbers of the next `n` cells.
    pub fn row_buffer(&mut self, n: usize) -> *mut u8 {
        if self.filled + n > self.line.len() {
            self.flush();
            self.line.resize(n.max(CHUNK), 0.0);
        }
        self.line[self.filled..].as_mut_ptr().cast()
    }

    /// Adds the `n` numbers in the row buffer, of cells with consecutive keys from `key` on.
    pub fn add_row(&mut self, n: usize, key: impl FnOnce() -> u64) {
        if self.op.has_position() {
            self.extreme.add_row(key(), &self.line[..n]);
        } else {
            self.filled += n;
        }
    }

    fn flush(&mut self) {
        self.sum.add_slice(&self.line[..self.filled]);
        self.filled = 0;
    }

    /// Merges the partial result of other cells.
    pub fn merge(&mut self, mut other: Accumulator) {
        other.flush();
        self.sum.merge(&other.sum);
        self.extreme.merge(&other.extreme);
    }

    /// Combines the partial results of all ranks, each with its grid: one message for all sums, two for all extremes.
    /// Collective; all ranks pass the same reductions.
    pub fn reduce_all(comm: &Comm, accumulators: Vec<(Accumulator, &Grid)>) -> Vec<Measurement> {
        let (mut sums, mut extremes) = (vec![], vec![]);
        let mut ops = vec![];
        for (mut accumulator, grid) in accumulators {
            accumulator.flush();
            ops.push((accumulator.op, grid));
            if accumulator.op.has_position() { extremes.push(accumulator.extreme) } else { sums.push(accumulator.sum) }
        }
        if !sums.is_empty() {
            all_sum(comm, &mut sums);
        }
        if !extremes.is_empty() {
            all_arg_extreme(comm, &mut extremes);
        }
        let (mut sums, mut extremes) = (sums.iter().map(ExactSum::value), extremes.iter());
        let measured = |(op, grid): (Op, &Grid)| {
            if op.has_position() {
                let (value, key) = extremes.next().and_then(ArgExtreme::get).unwrap_or((f64::NAN, 0));
                return Measurement { value, at: Some(grid.cell_of(key)) };
            }
            let (sum, count) = (sums.next().unwrap_or(0.0), grid.total_cells() as f64);
            let value = match op {
                Op::Mean => sum / count,
                Op::RootOfSum => sum.sqrt(),
                Op::RootOfMean => (sum / count).sqrt(),
                _ => sum,
            };
            Measurement { value, at: None }
        };
        ops.into_iter().map(measured).collect()
    }
}
