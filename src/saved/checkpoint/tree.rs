//! The tree of hashes over a state. Leaves are blocks of the arrays as they lie in the file, so the root is the same
//! whatever ranks have written them: equal roots mean equal states.
use halocline_kernels::ElementType;
use std::collections::BTreeMap;

/// Bytes of a block; the last one of an array may be shorter.
pub(super) const BLOCK: u64 = 1 << 20;

/// The hash of a block: BLAKE3.
pub(super) type Hash = [u8; 32];

/// Blocks of an array of so many bytes.
pub(super) fn blocks(bytes: u64) -> u64 {
    bytes.div_ceil(BLOCK)
}

/// The first byte of a block and one past its last, within an array of so many bytes.
pub(super) fn block(i: u64, bytes: u64) -> std::ops::Range<u64> {
    i * BLOCK..bytes.min((i + 1) * BLOCK)
}

/// The root over the numbers of a state and the blocks of its arrays (name, what it is made of, shape, hashes of blocks), as
/// hexadecimal digits.
pub(super) fn root<'a>(
    numbers: &BTreeMap<String, u64>,
    arrays: impl Iterator<Item = (&'a str, ElementType, &'a [usize], &'a [Hash])>,
) -> String {
    let mut root = blake3::Hasher::new();
    for (name, bits) in numbers {
        root.update(format!("{name:?} {bits:016x}\n").as_bytes());
    }
    for (name, number, shape, hashes) in arrays {
        let mut array = blake3::Hasher::new();
        array.update(format!("{name:?} {} {shape:?}\n", number.name()).as_bytes());
        hashes.iter().for_each(|hash| _ = array.update(hash));
        root.update(array.finalize().as_bytes());
    }
    root.finalize().to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_counts() {
        let numbers = |dt: u64| BTreeMap::from([("dt".to_owned(), dt)]);
        let of = |dt: u64, name: &str, number: ElementType, shape: &[usize], hashes: &[Hash]| {
            root(&numbers(dt), [(name, number, shape, hashes)].into_iter())
        };
        let (a, b) = ([1; 32], [2; 32]);
        let all = [
            of(1, "t", ElementType::F64, &[2, 3], &[a, b]),
            of(2, "t", ElementType::F64, &[2, 3], &[a, b]),
            of(1, "u", ElementType::F64, &[2, 3], &[a, b]),
            of(1, "t", ElementType::I64, &[2, 3], &[a, b]),
            of(1, "t", ElementType::F64, &[3, 2], &[a, b]),
            of(1, "t", ElementType::F64, &[2, 3], &[b, a]),
            of(1, "t", ElementType::F64, &[2, 3], &[a]),
            root(&numbers(1), std::iter::empty()),
        ];
        let different: std::collections::BTreeSet<&String> = all.iter().collect();
        assert_eq!(different.len(), all.len());
        assert_eq!((blocks(0), blocks(1), blocks(BLOCK), blocks(BLOCK + 1)), (0, 1, 1, 2));
        assert_eq!((block(0, 5), block(1, BLOCK + 7)), (0..5, BLOCK..BLOCK + 7));
    }
}
