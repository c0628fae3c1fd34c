//! The hash of a run's final state: equal hashes mean equal bits in every owned cell.
//!
//! A hash over the cells in global order would need them in one place. Here each cell is mixed with its global key into
//! 128 bits, and these are *added*: the sum knows which number is in which cell, but not who owned it. So each rank and
//! thread hashes the rows that it has, in any order.
use crate::base::instruction_sets::compiled_for_each_set;
use crate::comm::{Comm, Reduce};
use halocline_kernels::ElementType;
use halocline_kernels::InstructionSet;
use xxhash_rust::xxh3::Xxh3;

/// The hash of the cells of one field that have been seen so far.
///
/// ```
/// use halocline::{Comm, engine::state_hash::{FieldHash, state_hash}};
/// use halocline_kernels::ElementType;
/// let mut temperature = FieldHash::new(ElementType::F64);
/// let row: Vec<u8> = [280.0_f64, 281.5].iter().flat_map(|x| x.to_ne_bytes()).collect();
/// temperature.add_row(0, &row);
/// assert_eq!(state_hash(&Comm::alone(), &[("temperature", temperature)]).len(), 32);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldHash {
    element: ElementType,
    sums: [u64; 2],
}

impl FieldHash {
    /// No cells yet.
    pub fn new(element: ElementType) -> FieldHash {
        FieldHash { element, sums: [0; 2] }
    }

    /// Adds a row of cells with consecutive global keys; `bytes` are its numbers as they lie in memory. Every cell is to
    /// be added once.
    ///
    /// # Panics
    /// If `bytes` is not a whole number of elements.
    pub fn add_row(&mut self, key_of_first_cell: u64, bytes: &[u8]) {
        self.add_row_with(InstructionSet::best(), key_of_first_cell, bytes);
    }

    fn add_row_with(&mut self, set: InstructionSet, key: u64, bytes: &[u8]) {
        assert!(
            bytes.len().is_multiple_of(self.element.size()),
            "{} bytes are no row of {:?}",
            bytes.len(),
            self.element
        );
        let sums = match self.element {
            ElementType::F32 => row_of_4(set, key, bytes),
            ElementType::F64 | ElementType::C32 => row_of_8(set, key, bytes),
            // The two halves of an element have keys of their own.
            ElementType::C64 => row_of_8(set, key.wrapping_mul(2), bytes),
            _ => unreachable!("fields hold real or complex floating-point numbers"),
        };
        self.add_sums(sums);
    }

    /// The sums, which add up over parts of a field.
    pub(crate) fn sums(&self) -> [u64; 2] {
        self.sums
    }

    /// Adds the cells of another part of the same field.
    pub fn merge(&mut self, other: &FieldHash) {
        debug_assert_eq!(self.element, other.element, "parts of one field have one type");
        self.add_sums(other.sums);
    }

    fn add_sums(&mut self, sums: [u64; 2]) {
        self.sums = std::array::from_fn(|i| self.sums[i].wrapping_add(sums[i]));
    }
}

/// The hash of the state: of name, type and all cells of every field, in the order given, as 32 hexadecimal digits.
/// Collective; all ranks give the same fields and get the same hash.
pub fn state_hash(comm: &Comm, fields: &[(&str, FieldHash)]) -> String {
    let mut sums: Vec<i64> = fields.iter().flat_map(|(_, field)| field.sums).map(|sum| sum as i64).collect();
    comm.reduce(Reduce::Sum, &mut sums);
    let mut hash = Xxh3::new();
    for ((name, field), sums) in fields.iter().zip(sums.as_chunks::<2>().0) {
        for text in [name, field.element.name()] {
            hash.update(&(text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        }
        sums.iter().for_each(|sum| hash.update(&sum.to_le_bytes()));
    }
    format!("{:032x}", hash.digest128())
}

/// The golden ratio and √2 − 1, as fractions of 2⁶⁴, made odd: consecutive keys fall far apart.
const SPREAD: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0x6a09_e667_f3bc_c909];

/// One cell: two mixers with nothing in common, each a bijection of the number for any key. They are the finalisers of
/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014) and of MurmurHash3.
#[inline(always)]
fn mix(key: u64, number: u64) -> [u64; 2] {
    let mut a = number ^ key.wrapping_mul(SPREAD[0]);
    a = (a ^ a >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    a = (a ^ a >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    let mut b = number.wrapping_add(key.wrapping_mul(SPREAD[1]));
    b = (b ^ b >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    b = (b ^ b >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    [a ^ a >> 31, b ^ b >> 33]
}

compiled_for_each_set! {
    fn row_of_4(set; first_key: u64, bytes: &[u8]) -> [u64; 2] = row_of_4_body;
}

compiled_for_each_set! {
    fn row_of_8(set; first_key: u64, bytes: &[u8]) -> [u64; 2] = row_of_8_body;
}

#[inline(always)]
fn row_of_4_body(first_key: u64, bytes: &[u8]) -> [u64; 2] {
    sum_of_mixes(first_key, bytes.as_chunks().0, |&number| u32::from_ne_bytes(number) as u64)
}

#[inline(always)]
fn row_of_8_body(first_key: u64, bytes: &[u8]) -> [u64; 2] {
    sum_of_mixes(first_key, bytes.as_chunks().0, |&number| u64::from_ne_bytes(number))
}

#[inline(always)]
fn sum_of_mixes<const SIZE: usize>(
    first_key: u64,
    numbers: &[[u8; SIZE]],
    bits: impl Fn(&[u8; SIZE]) -> u64,
) -> [u64; 2] {
    let mut sums = [0_u64; 2];
    for (i, number) in numbers.iter().enumerate() {
        let [a, b] = mix(first_key.wrapping_add(i as u64), bits(number));
        sums = [sums[0].wrapping_add(a), sums[1].wrapping_add(b)];
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TYPES: [ElementType; 4] = [ElementType::F32, ElementType::F64, ElementType::C32, ElementType::C64];

    fn hash_of(name: &str, element: ElementType, rows: &[(u64, &[u8])]) -> String {
        let mut field = FieldHash::new(element);
        rows.iter().for_each(|(key, bytes)| field.add_row(*key, bytes));
        state_hash(&Comm::alone(), &[(name, field)])
    }

    fn bytes_of(numbers: &[f64]) -> Vec<u8> {
        numbers.iter().flat_map(|x| x.to_ne_bytes()).collect()
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_hash(
            bytes in prop::collection::vec(any::<u8>(), 0..700), key: u64, cut in 0_usize..100, kind in 0_usize..4,
        ) {
            let element = TYPES[kind];
            let size = element.size();
            let bytes = &bytes[..bytes.len() / size * size];
            let cut = cut.min(bytes.len() / size);
            let (low, high) = bytes.split_at(cut * size);
            let whole = hash_of("t", element, &[(key, bytes)]);
            let cut_key = key.wrapping_add(cut as u64);
            prop_assert_eq!(&hash_of("t", element, &[(cut_key, high), (key, low)]), &whole);
            let mut sums = FieldHash::new(element);
            sums.add_row_with(InstructionSet::best(), key, bytes);
            for set in InstructionSet::ALL.into_iter().filter(|s| s.is_available()) {
                let mut other = FieldHash::new(element);
                other.add_row_with(set, key, bytes);
                prop_assert_eq!(other, sums);
            }
        }

        #[test]
        fn any_change_gives_other_sums(
            bytes in prop::collection::vec(any::<u8>(), 160..400), key: u64, flip: usize, a: usize, b: usize, kind in 0_usize..4,
        ) {
            let element = TYPES[kind];
            let size = element.size();
            let mut bytes = bytes[..bytes.len() / size * size].to_vec();
            let cells = bytes.len() / size;
            let (a, b) = (a % cells, b % cells);
            let sums_of = |key: u64, bytes: &[u8]| {
                let mut field = FieldHash::new(element);
                field.add_row(key, bytes);
                field.sums
            };
            let whole = sums_of(key, &bytes);
            // Either of the two sums sees it.
            let differs = |[a, b]: [u64; 2]| a != whole[0] && b != whole[1];

            let mut flipped = bytes.clone();
            flipped[flip / 8 % bytes.len()] ^= 1 << (flip % 8);
            prop_assert!(differs(sums_of(key, &flipped)));
            prop_assert!(differs(sums_of(key.wrapping_add(1), &bytes)));
            prop_assert!(differs(sums_of(key, &bytes[size..])));
            if a != b && bytes[a * size..][..size] != bytes[b * size..][..size] {
                for i in 0..size {
                    bytes.swap(a * size + i, b * size + i);
                }
                prop_assert!(differs(sums_of(key, &bytes)));
            }
        }
    }

    #[test]
    fn smooth_fields_do_not_collide() {
        // Single changes of a field of zeros, which a weak mixer would map to few sums: all hashes differ.
        let mut seen = std::collections::HashSet::new();
        for cell in 0..64 {
            for value in [0.0, -0.0, 1.0, 2.0, 0.5, -1.0] {
                let mut numbers = [0.0; 64];
                numbers[cell] = value;
                seen.insert(hash_of("t", ElementType::F64, &[(0, &bytes_of(&numbers))]));
            }
        }
        assert_eq!(seen.len(), 64 * 5 + 1);
    }

    #[test]
    fn a_value_that_moves_is_seen() {
        let [here, there] = [[0.0, 7.0, 0.0, 0.0], [0.0, 0.0, 7.0, 0.0]].map(|row| bytes_of(&row));
        assert_ne!(hash_of("t", ElementType::F64, &[(9, &here)]), hash_of("t", ElementType::F64, &[(9, &there)]));
    }

    #[test]
    fn complex_numbers_know_their_parts() {
        let row = bytes_of(&[1.0, 2.0, 3.0, 4.0]);
        let swapped = bytes_of(&[2.0, 1.0, 3.0, 4.0]);
        let shifted = bytes_of(&[3.0, 2.0, 1.0, 4.0]);
        let hash = |bytes: &[u8]| hash_of("t", ElementType::C64, &[(5, bytes)]);
        assert_ne!(hash(&row), hash(&swapped));
        assert_ne!(hash(&row), hash(&shifted));
    }

    #[test]
    fn names_types_and_order_count() {
        let mut one = FieldHash::new(ElementType::F64);
        one.add_row(0, &bytes_of(&[1.0]));
        let mut two = FieldHash::new(ElementType::F64);
        two.add_row(0, &bytes_of(&[2.0]));
        let complex = FieldHash { element: ElementType::C32, ..one };
        let hash = |fields: &[(&str, FieldHash)]| state_hash(&Comm::alone(), fields);
        let states = [
            hash(&[]),
            hash(&[("a", one)]),
            hash(&[("b", one)]),
            hash(&[("a", complex)]),
            hash(&[("a", one), ("b", two)]),
            hash(&[("a", two), ("b", one)]),
            hash(&[("b", two), ("a", one)]),
        ];
        let distinct: std::collections::HashSet<_> = states.iter().collect();
        assert_eq!(distinct.len(), states.len());
        assert!(states.iter().all(|s| s.len() == 32 && s.chars().all(|c| c.is_ascii_hexdigit())));
    }

    #[test]
    fn the_hash_is_the_same_next_year() {
        // Hashes are kept in summaries and compared across versions.
        let row = bytes_of(&[0.0, 1.0, -2.5, 1e-300, f64::INFINITY]);
        assert_eq!(hash_of("t", ElementType::F64, &[(1 << 40, &row)]), "7d916dff59c02ec93d8ab80c95ae7ce6");
    }

    #[test]
    fn ranks_agree_with_one() {
        let numbers: Vec<f64> = (0..1000).map(|i| 1.0 / (i as f64 + 1.0)).collect();
        let of = |comm: Comm| {
            let (from, to) = (comm.rank() * 1000 / comm.size(), (comm.rank() + 1) * 1000 / comm.size());
            let mut field = FieldHash::new(ElementType::F64);
            field.add_row(from as u64, &bytes_of(&numbers[from..to]));
            let dt = FieldHash::new(ElementType::F64);
            state_hash(&comm, &[("t", field), ("dt", dt)])
        };
        let alone = of(Comm::alone());
        for n in [2, 3, 5] {
            assert_eq!(crate::comm::ranks(n, 1, of).unwrap(), vec![alone.clone(); n]);
        }
    }
}
