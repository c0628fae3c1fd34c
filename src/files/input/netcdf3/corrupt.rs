//! Corrupt files: any sequence of bytes gives values or a clear error, never a panic or a large allocation.
use super::{NetcdfVariable, version};
use crate::base::Result;
use crate::files::input::tests::classic;
use crate::files::input::variable::InputVariable;
use std::io::Cursor;
use std::path::Path;

const NAMES: [&str; 3] = ["packed", "wind", "day"];

fn open<'a>(bytes: &'a [u8], name: &str) -> Option<Result<NetcdfVariable<Cursor<&'a [u8]>>>> {
    let version = version(bytes.first_chunk()?)?;
    Some(NetcdfVariable::open(Cursor::new(bytes), version, Path::new("corrupt.nc"), name))
}

/// Reads all variables in several boxes. Returns the number of successful reads.
fn read_all(bytes: &[u8]) -> usize {
    let mut good = 0;
    for name in NAMES {
        let mut variable = match open(bytes, name) {
            None => return 0,
            Some(Ok(variable)) => variable,
            Some(Err(e)) => {
                assert_eq!(e.exit_code(), 2, "{e}");
                continue;
            }
        };
        let shape: Vec<usize> = variable.dims().iter().map(|d| d.1).collect();
        let last: Vec<usize> = shape.iter().map(|n| n.saturating_sub(1)).collect();
        let one: Vec<usize> = shape.iter().map(|n| (*n).min(1)).collect();
        for (start, count) in [(vec![0; shape.len()], shape), (last, one)] {
            match variable.read_stored(&start, &count) {
                Ok(values) => {
                    assert!(values.len() <= bytes.len().max(1), "{count:?}");
                    good += 1;
                }
                Err(e) => assert!(e.what().starts_with("cannot read corrupt.nc: "), "{e}"),
            }
        }
    }
    good
}

/// A linear congruential generator (Knuth's MMIX constants): the same inputs in every test run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % n
    }
}

#[test]
fn truncated_files_are_errors() {
    for version in [1, 2, 5] {
        let bytes = classic(version);
        assert_eq!(read_all(&bytes), 6);
        // The last two bytes are padding.
        assert!((0..bytes.len() - 2).all(|length| read_all(&bytes[..length]) < 6));
    }
}

#[test]
fn files_with_flipped_bits_are_values_or_errors() {
    let mut random = Random(1);
    for version in [1, 2, 5] {
        let bytes = classic(version);
        for bit in 0..8 * bytes.len() {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            read_all(&changed);
        }
        for _ in 0..2000 {
            let mut changed = bytes.clone();
            for _ in 0..1 + random.below(8) {
                let at = 4 + random.below(changed.len() - 4);
                changed[at] = [0, 1, 0x7f, 0x80, 0xff, random.below(256) as u8][random.below(6)];
            }
            changed.truncate(changed.len() - [0, 0, random.below(changed.len())][random.below(3)]);
            read_all(&changed);
        }
    }
}

#[test]
fn oversized_numbers_in_a_header_are_values_or_errors() {
    let mut random = Random(2);
    let words: [u64; 8] = [0, 1, u64::MAX, u64::MAX - 1, 1 << 63, (1 << 63) - 1, 1 << 62, u64::from(u32::MAX)];
    for version in [1, 2, 5] {
        let bytes = classic(version);
        // Each word of the file in turn, and random pairs of words.
        for round in 0..8 * bytes.len() {
            let mut changed = bytes.clone();
            for at in [round / 8, random.below(bytes.len())].into_iter().take(1 + round % 2) {
                let word = words[if round < 4 * bytes.len() { round % 8 } else { random.below(8) }].to_be_bytes();
                let width = [4, 8][random.below(2)];
                let at = (at / 4 * 4).max(4).min(bytes.len() - width);
                changed[at..at + width].copy_from_slice(&word[..width]);
            }
            read_all(&changed);
        }
    }
}

#[test]
fn dimensions_whose_product_overflows_are_an_error() {
    let bytes = classic(5);
    // The lengths of y and x follow their padded names.
    let mut changed = bytes.clone();
    for name in [b"\0\x01y\0\0\0", b"\0\x01x\0\0\0"] {
        let at = bytes.windows(6).position(|w| w == name).expect("a dimension") + 6;
        changed[at..at + 8].copy_from_slice(&(1u64 << 40).to_be_bytes());
    }
    let error = open(&changed, "day").expect("a version").err().expect("an error").to_string();
    assert!(error.contains("the size of packed overflows"), "{error}");
    // One dimension alone is too large only for the file.
    let mut changed = bytes.clone();
    let at = bytes.windows(6).position(|w| w == b"\0\x01x\0\0\0").expect("a dimension") + 6;
    changed[at..at + 8].copy_from_slice(&(1u64 << 40).to_be_bytes());
    let error = open(&changed, "packed").expect("a version").err().expect("an error").to_string();
    assert!(error.contains("the file is truncated: packed needs "), "{error}");
}
