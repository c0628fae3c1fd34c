//! The order of hyperslabs in a file, and hyperslabs as messages to the rank that writes.
use crate::base::hyperslab::{Hyperslab, Selection};
use crate::base::{Error, Result};
use std::borrow::Cow;

/// Hyperslabs that are borrowed from this rank's own or from a message.
type Borrowed<'a> = Hyperslab<&'a [u8]>;

/// The numbers, of `size` bytes each, of disjoint hyperslabs in row-major order of an array of this shape.
///
/// # Errors
/// If two hyperslabs overlap.
pub(super) fn in_file_order<'a>(hyperslabs: &'a [Borrowed<'a>], shape: &[usize], size: usize) -> Result<Cow<'a, [u8]>> {
    if let [only] = hyperslabs {
        return Ok(Cow::Borrowed(only.bytes));
    }
    let mut runs: Vec<(usize, &[u8])> =
        hyperslabs.iter().filter(|h| !h.is_empty()).flat_map(|h| h.runs(shape)).collect();
    runs.sort_unstable_by_key(|&(at, _)| at);
    if let Some(w) = runs.windows(2).find(|w| w[0].0 + w[0].1.len() / size > w[1].0) {
        return Err(Error::failure(format!("two boxes hold cell {} of {shape:?}", w[1].0)));
    }
    let mut ordered = Vec::with_capacity(runs.iter().map(|run| run.1.len()).sum());
    runs.iter().for_each(|(_, bytes)| ordered.extend_from_slice(bytes));
    Ok(Cow::Owned(ordered))
}

/// The selections of hyperslabs of one instant in a variable whose first axis is time.
pub(super) fn selections(hyperslabs: &[Borrowed], instant: usize) -> Vec<Selection> {
    let with_time = |first: usize, rest: &[usize]| [&[first], rest].concat();
    let filled = hyperslabs.iter().filter(|h| !h.is_empty());
    filled.map(|h| (with_time(instant, &h.start), with_time(1, &h.count))).collect()
}

/// Encodes hyperslabs as a message.
pub(super) fn encode(hyperslabs: &[Hyperslab]) -> Vec<u8> {
    let mut message = Vec::with_capacity(hyperslabs.iter().map(|h| h.bytes.len() + 8 * (2 + 2 * h.start.len())).sum());
    for hyperslab in hyperslabs {
        let header = [hyperslab.start.len(), hyperslab.bytes.len()];
        for n in header.iter().chain(&hyperslab.start).chain(&hyperslab.count) {
            message.extend_from_slice(&(*n as u64).to_ne_bytes());
        }
        message.extend_from_slice(&hyperslab.bytes);
    }
    message
}

/// The hyperslabs of a message; their numbers stay in the message.
pub(super) fn decode(mut message: &[u8]) -> Vec<Borrowed<'_>> {
    let mut hyperslabs = vec![];
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
        hyperslabs.push(Hyperslab { start, count, bytes });
    }
    hyperslabs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn borrow(hyperslabs: &[Hyperslab]) -> Vec<Hyperslab<&[u8]>> {
        hyperslabs.iter().map(Hyperslab::borrow).collect()
    }

    #[test]
    fn interleaved_hyperslabs_are_put_in_file_order() {
        // A 2 × 2 × 3 array cut along x, the right part first.
        let whole: Vec<f32> = (0..12).map(|i| i as f32).collect();
        let right = Hyperslab::of(&[0, 0, 1], &[2, 2, 2], &[1.0f32, 2.0, 4.0, 5.0, 7.0, 8.0, 10.0, 11.0]);
        let left = Hyperslab::of(&[0, 0, 0], &[2, 2, 1], &[0.0f32, 3.0, 6.0, 9.0]);
        let hyperslabs = [right, Hyperslab { start: vec![0; 3], count: vec![0; 3], bytes: vec![].into() }, left];
        let borrowed = borrow(&hyperslabs);
        let ordered = in_file_order(&borrowed, &[2, 2, 3], 4).unwrap();
        assert_eq!(*ordered, *Hyperslab::of(&[0, 0, 0], &[2, 2, 3], &whole).bytes);
        let message = encode(&hyperslabs);
        assert_eq!(decode(&message), borrow(&hyperslabs));
        assert_eq!(
            selections(&borrow(&hyperslabs), 7),
            [(vec![7, 0, 0, 1], vec![1, 2, 2, 2]), (vec![7, 0, 0, 0], vec![1, 2, 2, 1])]
        );
    }

    #[test]
    fn overlapping_hyperslabs_are_refused() {
        let hyperslab = Hyperslab::of(&[1, 2], &[2, 3], &[0.0f64; 6]);
        let twice = [hyperslab.clone(), hyperslab];
        assert!(in_file_order(&borrow(&twice), &[3, 5], 8).unwrap_err().what().contains("two boxes hold cell 7"));
    }

    #[test]
    fn a_variable_without_axes_is_one_number() {
        let hyperslabs = [Hyperslab::of(&[], &[], &[3.5f64])];
        assert_eq!(hyperslabs[0].check(&[], 8), Ok(1));
        assert_eq!(*in_file_order(&borrow(&hyperslabs), &[], 8).unwrap(), 3.5f64.to_ne_bytes());
        assert_eq!(selections(&borrow(&hyperslabs), 2), [(vec![2], vec![1])]);
    }
}
