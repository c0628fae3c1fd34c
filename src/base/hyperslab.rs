//! Hyperslabs: boxes of larger arrays, such as a rank's part of a global array.
use crate::base::bytes::Bytes;
use crate::base::{Error, Result};
use std::ops::Deref;

/// A box of an array: its first index and its size on each axis of the array.
pub type Selection = (Vec<usize>, Vec<usize>);

/// The numbers of a box of an array, row-major, in the array's element type and the machine's byte order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hyperslab<B = Bytes> {
    /// First index on each axis of the array.
    pub start: Vec<usize>,
    /// Size on each axis.
    pub count: Vec<usize>,
    /// The numbers.
    pub bytes: B,
}

impl Hyperslab {
    /// Copies `numbers`, row-major, into a hyperslab.
    pub fn of<T: halocline_kernels::Real>(start: &[usize], count: &[usize], numbers: &[T]) -> Hyperslab {
        // SAFETY: a `Real` is an f32 or an f64, without padding; the slice is only read.
        let bytes = unsafe { std::slice::from_raw_parts(numbers.as_ptr().cast::<u8>(), size_of_val(numbers)) };
        Hyperslab { start: start.to_vec(), count: count.to_vec(), bytes: bytes.to_vec().into() }
    }
}

impl<B: Deref<Target = [u8]>> Hyperslab<B> {
    /// The same hyperslab with borrowed numbers.
    pub(crate) fn borrow(&self) -> Hyperslab<&[u8]> {
        Hyperslab { start: self.start.clone(), count: self.count.clone(), bytes: &self.bytes }
    }

    /// Returns the number of cells.
    ///
    /// # Errors
    /// If the box exceeds an array of this shape, or does not hold `size` bytes per cell.
    pub(crate) fn check(&self, shape: &[usize], size: usize) -> Result<usize> {
        let Hyperslab { start, count, bytes } = self;
        let axes = start.len() == shape.len() && count.len() == shape.len();
        if !axes || (0..shape.len()).any(|a| start[a] > shape[a] || count[a] > shape[a] - start[a]) {
            return Err(Error::failure(format!("a box at {start:?} of size {count:?} does not lie in {shape:?}")));
        }
        let cells: usize = count.iter().product();
        if cells * size != bytes.len() {
            let held = bytes.len();
            return Err(Error::failure(format!("a box of size {count:?} needs {} bytes, not {held}", cells * size)));
        }
        Ok(cells)
    }

    /// True if it holds no numbers.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The contiguous runs of the box in an array of this shape, in order: the index of the run's first number in the
    /// array, and the run's bytes.
    pub(crate) fn runs(&self, shape: &[usize]) -> impl Iterator<Item = (usize, &[u8])> {
        let runs = ContiguousRuns::new(&self.start, &self.count, shape);
        let bytes = self.bytes.len() / runs.number.max(1);
        runs.starts().zip(self.bytes.chunks_exact(bytes.max(1)))
    }
}

/// The longest runs of numbers of a box that are contiguous in its array. All have the same length.
#[derive(Clone, Debug)]
pub(crate) struct ContiguousRuns {
    /// Number of runs.
    pub number: usize,
    /// Numbers in each run.
    pub length: usize,
    /// First index, size and stride on each axis before those that a run covers.
    outer: Vec<(usize, usize, usize)>,
    /// Offset of a run on the axes that it covers.
    first: usize,
}

impl ContiguousRuns {
    /// The runs of a box in an array of this shape.
    pub fn new(start: &[usize], count: &[usize], shape: &[usize]) -> ContiguousRuns {
        let mut strides = vec![1; shape.len()];
        (1..shape.len()).rev().for_each(|a| strides[a - 1] = strides[a] * shape[a]);
        // The box covers the axes after this one whole.
        let split = (0..shape.len()).rev().find(|&a| count[a] != shape[a]).unwrap_or(0);
        let length = count.get(split..).map_or(1, |c| c.iter().product());
        let outer: Vec<_> = (0..split).map(|a| (start[a], count[a], strides[a])).collect();
        let number = if length == 0 { 0 } else { outer.iter().map(|o| o.1).product() };
        let first = start.get(split..).map_or(0, |s| s.iter().zip(&strides[split..]).map(|(i, s)| i * s).sum());
        ContiguousRuns { number, length, outer, first }
    }

    /// The index in the array of each run's first number.
    pub fn starts(self) -> impl Iterator<Item = usize> {
        (0..self.number).map(move |run| {
            let (mut rest, mut at) = (run, self.first);
            for &(start, count, stride) in self.outer.iter().rev() {
                at += (start + rest % count) * stride;
                rest /= count;
            }
            at
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_outside_the_array_are_refused() {
        let hyperslab = Hyperslab::of(&[1, 2], &[2, 3], &[0.0f64; 6]);
        assert_eq!(hyperslab.check(&[3, 5], 8), Ok(6));
        assert!(hyperslab.check(&[3, 4], 8).unwrap_err().what().contains("does not lie in [3, 4]"));
        assert!(hyperslab.check(&[3, 5], 4).unwrap_err().what().contains("needs 24 bytes, not 48"));
        assert!(hyperslab.check(&[3, 5, 1], 8).is_err());
    }

    #[test]
    fn runs_are_as_long_as_possible() {
        let starts = |start: &[usize], count: &[usize], shape: &[usize]| {
            let runs = ContiguousRuns::new(start, count, shape);
            (runs.length, runs.starts().collect::<Vec<_>>())
        };
        assert_eq!(starts(&[0, 0, 0], &[2, 3, 4], &[2, 3, 4]), (24, vec![0]));
        assert_eq!(starts(&[1, 0, 0], &[1, 3, 4], &[2, 3, 4]), (12, vec![12]));
        assert_eq!(starts(&[0, 1, 0], &[2, 2, 4], &[2, 3, 4]), (8, vec![4, 16]));
        assert_eq!(starts(&[0, 1, 2], &[2, 2, 2], &[2, 3, 4]), (2, vec![6, 10, 18, 22]));
        assert_eq!(starts(&[], &[], &[]), (1, vec![0]));
        assert_eq!(starts(&[3], &[0], &[5]).1, [0; 0]);
        let hyperslab = Hyperslab::of(&[0, 1], &[2, 2], &[1.0f32, 2.0, 3.0, 4.0]);
        let found: Vec<(usize, Vec<u8>)> = hyperslab.runs(&[2, 3]).map(|(at, bytes)| (at, bytes.to_vec())).collect();
        assert_eq!(found, [(1, hyperslab.bytes[..8].to_vec()), (4, hyperslab.bytes[8..].to_vec())]);
        assert_eq!(<Hyperslab>::default().runs(&[]).count(), 0);
    }
}
