//! Boxes of numbers in larger arrays: what a rank has of something that all ranks hold together.
use crate::base::buffer_pool::Bytes;
use crate::base::{Error, Result};
use halocline_kernels::ElementType;
use serde::{Deserialize, Serialize};

/// The numbers that an array in a file can be made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Number {
    /// Single precision.
    F32,
    /// Double precision.
    F64,
    /// Integers of 64 bits.
    I64,
    /// Bytes.
    U8,
}

impl Number {
    /// The number that stores real fields of this type; `None` for complex ones.
    pub(crate) fn of(element: ElementType) -> Option<Number> {
        match element {
            ElementType::F32 => Some(Number::F32),
            ElementType::F64 => Some(Number::F64),
            ElementType::C32 | ElementType::C64 => None,
        }
    }

    /// Bytes of one.
    pub fn size(self) -> usize {
        match self {
            Number::F32 => 4,
            Number::F64 | Number::I64 => 8,
            Number::U8 => 1,
        }
    }

    /// As it is called in a file.
    pub fn name(self) -> &'static str {
        match self {
            Number::F32 => "f32",
            Number::F64 => "f64",
            Number::I64 => "i64",
            Number::U8 => "u8",
        }
    }
}

/// A box of an array: its first index and its size on each of the array's axes.
pub type Selection = (Vec<usize>, Vec<usize>);

/// Numbers at a place in an array, row-major, in the array's type and the machine's byte order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hyperslab {
    /// First index on each of the array's axes.
    pub start: Vec<usize>,
    /// Size on each of them.
    pub count: Vec<usize>,
    /// The numbers.
    pub bytes: Bytes,
}

impl Hyperslab {
    /// From numbers.
    pub fn of<T: halocline_kernels::Real>(start: &[usize], count: &[usize], numbers: &[T]) -> Hyperslab {
        // SAFETY: a `Real` is an f32 or an f64, without padding; the slice is only read.
        let bytes = unsafe { std::slice::from_raw_parts(numbers.as_ptr().cast::<u8>(), size_of_val(numbers)) };
        Hyperslab { start: start.to_vec(), count: count.to_vec(), bytes: bytes.to_vec().into() }
    }

    /// How many numbers of `size` bytes, if they are as many as the box has cells and the box lies within `shape`.
    pub(crate) fn check(&self, shape: &[usize], size: usize) -> Result<usize> {
        let Hyperslab { start, count, bytes } = self;
        let axes = start.len() == shape.len() && count.len() == shape.len();
        if !axes || (0..shape.len()).any(|a| start[a] + count[a] > shape[a]) {
            return Err(Error::failure(format!("a box at {start:?} of size {count:?} does not lie in {shape:?}")));
        }
        let cells: usize = count.iter().product();
        if cells * size != bytes.len() {
            let held = bytes.len();
            return Err(Error::failure(format!("a box of size {count:?} needs {} bytes, not {held}", cells * size)));
        }
        Ok(cells)
    }

    /// True if it holds no number.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Its pieces that lie in one go in an array of this shape, in order: where each begins there, counted in numbers, and
    /// its bytes.
    pub(crate) fn pieces(&self, shape: &[usize]) -> impl Iterator<Item = (usize, &[u8])> {
        let runs = Runs::new(&self.start, &self.count, shape);
        let bytes = self.bytes.len() / runs.many.max(1);
        runs.starts().zip(self.bytes.chunks_exact(bytes.max(1)))
    }
}

/// The runs of a box: as many numbers each as lie in one go in the array.
#[derive(Clone, Debug)]
pub(crate) struct Runs {
    /// How many there are.
    pub many: usize,
    /// Numbers of each.
    pub length: usize,
    /// Axes that runs are counted along, first and last index with the stride of each.
    outer: Vec<(usize, usize, usize)>,
    first: usize,
}

impl Runs {
    /// Those of a box in an array of this shape.
    pub fn new(start: &[usize], count: &[usize], shape: &[usize]) -> Runs {
        let mut strides = vec![1; shape.len()];
        (1..shape.len()).rev().for_each(|a| strides[a - 1] = strides[a] * shape[a]);
        // Axes behind this one are whole.
        let split = (0..shape.len()).rev().find(|&a| count[a] != shape[a]).unwrap_or(0);
        let length = count.get(split..).map_or(1, |c| c.iter().product());
        let outer: Vec<_> = (0..split).map(|a| (start[a], count[a], strides[a])).collect();
        let many = if length == 0 { 0 } else { outer.iter().map(|o| o.1).product() };
        let first = start.get(split..).map_or(0, |s| s.iter().zip(&strides[split..]).map(|(i, s)| i * s).sum());
        Runs { many, length, outer, first }
    }

    /// Where each begins in the array, counted in numbers.
    pub fn starts(self) -> impl Iterator<Item = usize> {
        (0..self.many).map(move |run| {
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
    fn wrong_slabs_are_refused() {
        let slab = Hyperslab::of(&[1, 2], &[2, 3], &[0.0f64; 6]);
        assert_eq!(slab.check(&[3, 5], 8), Ok(6));
        assert!(slab.check(&[3, 4], 8).unwrap_err().what().contains("does not lie in [3, 4]"));
        assert!(slab.check(&[3, 5], 4).unwrap_err().what().contains("needs 24 bytes, not 48"));
        assert!(slab.check(&[3, 5, 1], 8).is_err());
    }

    #[test]
    fn boxes_lie_in_as_few_pieces_as_can_be() {
        let starts = |start: &[usize], count: &[usize], shape: &[usize]| {
            let runs = Runs::new(start, count, shape);
            (runs.length, runs.starts().collect::<Vec<_>>())
        };
        assert_eq!(starts(&[0, 0, 0], &[2, 3, 4], &[2, 3, 4]), (24, vec![0]));
        assert_eq!(starts(&[1, 0, 0], &[1, 3, 4], &[2, 3, 4]), (12, vec![12]));
        assert_eq!(starts(&[0, 1, 0], &[2, 2, 4], &[2, 3, 4]), (8, vec![4, 16]));
        assert_eq!(starts(&[0, 1, 2], &[2, 2, 2], &[2, 3, 4]), (2, vec![6, 10, 18, 22]));
        assert_eq!(starts(&[], &[], &[]), (1, vec![0]));
        assert_eq!(starts(&[3], &[0], &[5]).1, [0; 0]);
        let slab = Hyperslab::of(&[0, 1], &[2, 2], &[1.0f32, 2.0, 3.0, 4.0]);
        let pieces: Vec<(usize, Vec<u8>)> = slab.pieces(&[2, 3]).map(|(at, bytes)| (at, bytes.to_vec())).collect();
        assert_eq!(pieces, [(1, slab.bytes[..8].to_vec()), (4, slab.bytes[8..].to_vec())]);
        assert_eq!(Hyperslab::default().pieces(&[]).count(), 0);
    }
}
