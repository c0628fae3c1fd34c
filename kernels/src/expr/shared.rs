//! Common subexpressions with constants.
//!
//! In `((p + dt * rate), rate)`, the tree of `rate` stands twice, with its constants, and the compiler cannot know that they are equal:
//! it would compute `rate` twice. When expressions are bound, the constants of nodes with the same structure are compared. Where
//! they agree for every structure, these nodes read them in one place, and the compiler sees what is common. Equal constants are exchanged
//! for each other only, so results do not depend on it.
use super::keys::Keys;
use super::read::Source;

/// Most structures of nodes whose constants are shared; further ones read their own.
pub const MAX_SHARED: usize = 32;

/// The structure of a node as a number: the same for nodes that differ in constants only. 0 if something in it has no name.
pub const fn structure(kind: &str, number: u64, parts: &[u64]) -> u64 {
    const PRIME: u64 = 0x100_0000_01b3;
    let (bytes, mut hash, mut i) = (kind.as_bytes(), 0xcbf2_9ce4_8422_2325_u64, 0);
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u64).wrapping_mul(PRIME);
        i += 1;
    }
    (hash, i) = ((hash ^ number).wrapping_mul(PRIME), 0);
    while i < parts.len() {
        if parts[i] == 0 {
            return 0;
        }
        hash = (hash ^ parts[i]).wrapping_mul(PRIME).rotate_left(23);
        i += 1;
    }
    hash | 1
}

/// The structures of the nodes with constants in an expression, as a constant.
#[derive(Clone, Copy, Debug)]
pub struct Structures {
    keys: Keys<MAX_SHARED>,
    /// True if two nodes have the same structure.
    pub(super) repeated: bool,
}

impl Structures {
    /// No nodes with constants.
    pub const NONE: Structures = Structures { keys: Keys::NONE, repeated: false };

    /// The position of a structure; `MAX_SHARED` if it is absent.
    pub const fn find(&self, key: u64) -> usize {
        self.keys.find(key)
    }

    /// These structures and one more.
    pub const fn with(self, key: u64) -> Structures {
        let repeated = self.repeated || self.find(key) < MAX_SHARED;
        Structures { keys: self.keys.with(key), repeated }
    }

    /// The structures of two expressions.
    pub const fn and(mut self, other: &Structures) -> Structures {
        let mut i = 0;
        while i < other.keys.count() {
            self = self.with(other.keys.at(i));
            i += 1;
        }
        Structures { repeated: self.repeated || other.repeated, ..self }
    }
}

/// The constants of a node, or what it reads if it is a scalar or a profile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Constants {
    /// Numbers.
    Numbers([f64; 3]),
    /// A scalar or a profile.
    Coefficient(Source),
}

/// Constants that nodes of one structure share, by the position of the structure.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub numbers: [[f64; 3]; MAX_SHARED],
    /// Positions of the rows of scalars and profiles.
    pub rows: [usize; MAX_SHARED],
}

impl Shared {
    pub const NONE: Shared = Shared { numbers: [[0.0; 3]; MAX_SHARED], rows: [0; MAX_SHARED] };

    /// The recorded constants, one set for each structure; `None` if two nodes of one structure have different constants.
    /// `row` gives the position of the row of a scalar or profile.
    pub fn of(
        structures: &Structures,
        recorded: &[(u64, Constants)],
        row: impl Fn(Source) -> Option<usize>,
    ) -> Option<Shared> {
        let mut shared = Shared::NONE;
        for i in 0..structures.keys.count() {
            let mut all =
                recorded.iter().filter(|(key, _)| *key == structures.keys.at(i)).map(|(_, constants)| constants);
            let Some(&first) = all.next() else { continue };
            if !all.all(|other| other.is(&first)) {
                return None;
            }
            match first {
                Constants::Numbers(numbers) => shared.numbers[i] = numbers,
                Constants::Coefficient(source) => shared.rows[i] = row(source)?,
            }
        }
        Some(shared)
    }
}

impl Constants {
    /// True if both are the same bits.
    fn is(&self, other: &Constants) -> bool {
        match (self, other) {
            (Constants::Numbers(a), Constants::Numbers(b)) => a.map(f64::to_bits) == b.map(f64::to_bits),
            (Constants::Coefficient(a), Constants::Coefficient(b)) => a == b,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_shared_where_all_of_a_structure_agree() {
        let (a, b) = (structure("scaled", 0, &[3]), structure("scaled", 0, &[5]));
        assert!(a != b && structure("scaled", 0, &[3, 0]) == 0);
        let structures = Structures::NONE.with(a).with(0).with(b);
        assert!(!structures.repeated && structures.with(a).repeated);
        assert!(structures.and(&Structures::NONE.with(b)).repeated);
        let numbers = |x: f64| Constants::Numbers([x, 0.0, 0.0]);
        let scalar = |id| Constants::Coefficient(Source::Scalar { owner: 0, id });
        let row = |source| if let Source::Scalar { id, .. } = source { Some(id + 10) } else { None };
        let shared = |recorded: &[(u64, Constants)]| Shared::of(&structures, recorded, row);
        let same = shared(&[(a, numbers(2.0)), (b, scalar(7)), (a, numbers(2.0)), (b, scalar(7))]).unwrap();
        assert_eq!((same.numbers[0][0], same.rows[1]), (2.0, 17));
        assert!(shared(&[(a, numbers(2.0)), (a, numbers(3.0))]).is_none());
        assert!(shared(&[(a, numbers(0.0)), (a, numbers(-0.0))]).is_none());
        assert!(shared(&[(b, scalar(7)), (b, scalar(8))]).is_none());
    }
}
