//! The hash tree of a state. Its leaves are the blocks of the arrays as stored in the file, so the root does not depend on
//! the number of ranks: equal roots mean equal states.
use halocline_kernels::ElementType;
use std::collections::BTreeMap;

/// The size of a block in bytes; the last block of an array may be shorter.
pub(super) const BLOCK: u64 = 1 << 20;

/// The BLAKE3 hash of a block.
pub(super) type Hash = [u8; 32];

/// The number of blocks of an array of `bytes` bytes.
pub(super) fn blocks(bytes: u64) -> u64 {
    bytes.div_ceil(BLOCK)
}

/// The range of bytes of block `i` in an array of `bytes` bytes.
pub(super) fn block(i: u64, bytes: u64) -> std::ops::Range<u64> {
    i * BLOCK..bytes.min((i + 1) * BLOCK)
}

/// The root over the numbers of a state and its arrays (name, element type, shape, hashes of blocks), in hexadecimal digits.
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
    fn the_root_depends_on_everything() {
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
