//! [`Keys`]: a small set of numbers as a constant, for what the type of an expression tells.

/// At most `MOST` different keys, in the order in which they were added; further ones, and 0, are left out.
#[derive(Clone, Copy, Debug)]
pub struct Keys<const MOST: usize> {
    keys: [u64; MOST],
    count: usize,
}

impl<const MOST: usize> Keys<MOST> {
    /// No keys.
    pub const NONE: Keys<MOST> = Keys { keys: [0; MOST], count: 0 };

    /// The number of keys.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// The key at a position below [`Keys::count`].
    pub const fn at(&self, position: usize) -> u64 {
        self.keys[position]
    }

    /// The position of a key; `MOST` if it is absent.
    pub const fn find(&self, key: u64) -> usize {
        let mut i = 0;
        while i < self.count {
            if self.keys[i] == key {
                return i;
            }
            i += 1;
        }
        MOST
    }

    /// These keys and one more.
    pub const fn with(mut self, key: u64) -> Keys<MOST> {
        if key != 0 && self.find(key) == MOST && self.count < MOST {
            self.keys[self.count] = key;
            self.count += 1;
        }
        self
    }

    /// The keys of two sets.
    pub const fn and(mut self, other: &Keys<MOST>) -> Keys<MOST> {
        let mut i = 0;
        while i < other.count {
            self = self.with(other.keys[i]);
            i += 1;
        }
        self
    }
}
