//! The identity of fields at compile time.
//!
//! Two reads of one field at one offset are one load only if the compiler knows that the fields are the same. A field declared
//! by `field!` has a type of its own, its *name*; without names, loads and common subexpressions stay apart, which costs up to
//! 1.6 times the time in expressions that read a value often.
use super::keys::Keys;

/// The identity of a field for the compiler. `field!` makes one for each place in the source.
pub trait Name: Copy + Send + Sync + 'static {
    /// A number that differs between names; 0 for none.
    const KEY: u64;
}

/// No name: every read of the field is a load of its own.
#[derive(Clone, Copy, Debug)]
pub struct Anonymous;
impl Name for Anonymous {
    const KEY: u64 = 0;
}

/// The key of a place in the source: a hash (FNV-1a) of file, line and column. Never 0.
pub const fn key(file: &str, line: u32, column: u32) -> u64 {
    const PRIME: u64 = 0x100_0000_01b3;
    let (bytes, mut hash, mut i) = (file.as_bytes(), 0xcbf2_9ce4_8422_2325_u64, 0);
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u64).wrapping_mul(PRIME);
        i += 1;
    }
    hash = (hash ^ line as u64).wrapping_mul(PRIME);
    (hash ^ column as u64).wrapping_mul(PRIME) | 1
}

/// Most fields of one stage whose names are used; further ones are read as if they had none.
pub const MAX_NAMES: usize = 24;

/// The names of the fields in an expression, as a constant.
pub type Names = Keys<MAX_NAMES>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_each_key_once_and_in_order() {
        let (a, b) = (key("a.rs", 1, 2), key("a.rs", 2, 1));
        assert_ne!(a, b);
        let names = Names::NONE.with(a).with(0).with(b).with(a).and(&Names::NONE.with(b));
        assert_eq!((names.find(a), names.find(b), names.find(1), names.count()), (0, 1, MAX_NAMES, 2));
    }
}
