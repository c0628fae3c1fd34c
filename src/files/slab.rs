//! Boxes of numbers on their way from ranks to a file.
use super::hdf5::Span;
use crate::base::hyperslab::Hyperslab;
use crate::base::{Error, Result};
use std::borrow::Cow;

/// The numbers of slabs that do not overlap, in the order in which they lie in an array of this shape.
pub(super) fn in_file_order<'a>(slabs: &'a [Hyperslab], shape: &[usize], size: usize) -> Result<Cow<'a, [u8]>> {
    if let [only] = slabs {
        return Ok(Cow::Borrowed(&only.bytes));
    }
    let pieces = slabs.iter().filter(|s| !s.is_empty()).flat_map(|s| s.pieces(shape));
    let mut pieces: Vec<(usize, &[u8])> = pieces.collect();
    pieces.sort_unstable_by_key(|&(at, _)| at);
    if let Some(w) = pieces.windows(2).find(|w| w[0].0 + w[0].1.len() / size > w[1].0) {
        return Err(Error::failure(format!("two boxes hold cell {} of {shape:?}", w[1].0)));
    }
    Ok(Cow::Owned(pieces.iter().flat_map(|(_, bytes)| *bytes).copied().collect()))
}

/// The places of slabs in a variable whose first axis is time.
pub(super) fn spans(slabs: &[Hyperslab], instant: usize) -> Vec<Span> {
    let with_time = |first: usize, rest: &[usize]| [&[first], rest].concat();
    slabs.iter().filter(|s| !s.is_empty()).map(|s| (with_time(instant, &s.start), with_time(1, &s.count))).collect()
}

/// Slabs as a message.
pub(super) fn encode(slabs: &[Hyperslab]) -> Vec<u8> {
    let mut message = vec![];
    for slab in slabs {
        let header = [slab.start.len(), slab.bytes.len()];
        for n in header.iter().chain(&slab.start).chain(&slab.count) {
            message.extend_from_slice(&(*n as u64).to_ne_bytes());
        }
        message.extend_from_slice(&slab.bytes);
    }
    message
}

/// The slabs of a message.
pub(super) fn decode(mut message: &[u8]) -> Vec<Hyperslab> {
    let mut slabs = vec![];
    while !message.is_empty() {
        let mut number = || {
            let (first, rest) = message.split_first_chunk::<8>().expect("a whole message");
            message = rest;
            u64::from_ne_bytes(*first) as usize
        };
        let (axes, length) = (number(), number());
        let start = (0..axes).map(|_| number()).collect();
        let count = (0..axes).map(|_| number()).collect();
        let (bytes, rest) = message.split_at(length);
        message = rest;
        slabs.push(Hyperslab { start, count, bytes: bytes.to_vec().into() });
    }
    slabs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_interleaved_slabs_come_in_file_order() {
        // A 2 × 2 × 3 array cut along x, the right part first.
        let whole: Vec<f32> = (0..12).map(|i| i as f32).collect();
        let right = Hyperslab::of(&[0, 0, 1], &[2, 2, 2], &[1.0f32, 2.0, 4.0, 5.0, 7.0, 8.0, 10.0, 11.0]);
        let left = Hyperslab::of(&[0, 0, 0], &[2, 2, 1], &[0.0f32, 3.0, 6.0, 9.0]);
        let slabs = [right, Hyperslab { start: vec![0; 3], count: vec![0; 3], bytes: vec![].into() }, left];
        let ordered = in_file_order(&slabs, &[2, 2, 3], 4).unwrap();
        assert_eq!(*ordered, *Hyperslab::of(&[0, 0, 0], &[2, 2, 3], &whole).bytes);
        assert_eq!(decode(&encode(&slabs)), slabs);
        assert_eq!(spans(&slabs, 7), [(vec![7, 0, 0, 1], vec![1, 2, 2, 2]), (vec![7, 0, 0, 0], vec![1, 2, 2, 1])]);
    }

    #[test]
    fn no_two_slabs_hold_the_same_cell() {
        let slab = Hyperslab::of(&[1, 2], &[2, 3], &[0.0f64; 6]);
        let twice = [slab.clone(), slab];
        assert!(in_file_order(&twice, &[3, 5], 8).unwrap_err().what().contains("two boxes hold cell 7"));
    }

    #[test]
    fn a_variable_without_axes_is_one_number() {
        let slabs = [Hyperslab::of(&[], &[], &[3.5f64])];
        assert_eq!(slabs[0].check(&[], 8), Ok(1));
        assert_eq!(*in_file_order(&slabs, &[], 8).unwrap(), 3.5f64.to_ne_bytes());
        assert_eq!(spans(&slabs, 2), [(vec![2], vec![1])]);
    }
}
