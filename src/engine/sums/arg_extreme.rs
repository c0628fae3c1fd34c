//! The smallest or largest value and where it is.
use crate::base::instruction_sets::compiled_for_each_set;
use halocline_kernels::InstructionSet;

/// The smallest or the largest of many values, and the global key of the first cell that has it: of equal values the one
/// with the smallest key. −0 is smaller than +0. A NaN takes precedence over every number, so that it is never hidden.
///
/// ```
/// use halocline::engine::sums::ArgExtreme;
/// let mut warmest = ArgExtreme::largest();
/// warmest.add_row(100, &[271.0, 285.5, 285.5, 280.0]);
/// assert_eq!(warmest.get(), Some((285.5, 101)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgExtreme {
    direction: Direction,
    /// The larger wins.
    order: i64,
    key: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Smallest,
    Largest,
}

/// Below the order of any value.
const NOTHING: i64 = i64::MIN;
/// Above the order of any number.
const NAN: i64 = i64::MAX;

/// Values per part of a row: the position of the best value is searched for part by part.
const PART: usize = 512;

/// The bits of x as an integer that grows with x; also its own inverse.
#[inline(always)]
fn ordered(bits: i64) -> i64 {
    bits ^ ((bits >> 63) as u64 >> 1) as i64
}

impl Direction {
    /// An integer that is larger the more extreme the value is.
    #[inline(always)]
    fn order(self, x: f64) -> i64 {
        let order = ordered(x.to_bits() as i64);
        let order = if self == Direction::Smallest { !order } else { order };
        if x.is_nan() { NAN } else { order }
    }

    /// The highest order among values of that range of `ordered(bits)`.
    fn best_order(self, (low, high): (i64, i64)) -> i64 {
        // NaNs lie beyond the infinities, on either side.
        if low < ordered(f64::NEG_INFINITY.to_bits() as i64) || high > ordered(f64::INFINITY.to_bits() as i64) {
            return NAN;
        }
        if self == Direction::Smallest { !low } else { high }
    }

    fn value(self, order: i64) -> f64 {
        match (order, self) {
            (NAN, _) => f64::NAN,
            (_, Direction::Smallest) => f64::from_bits(ordered(!order) as u64),
            (_, Direction::Largest) => f64::from_bits(ordered(order) as u64),
        }
    }
}

impl ArgExtreme {
    /// The smallest value, with no values yet.
    pub fn smallest() -> ArgExtreme {
        ArgExtreme { direction: Direction::Smallest, order: NOTHING, key: u64::MAX }
    }

    /// The largest value, with no values yet.
    pub fn largest() -> ArgExtreme {
        ArgExtreme { direction: Direction::Largest, order: NOTHING, key: u64::MAX }
    }

    /// Value and key; `None` if there were no values.
    pub fn get(&self) -> Option<(f64, u64)> {
        (self.order != NOTHING).then(|| (self.direction.value(self.order), self.key))
    }

    /// Takes one value into account.
    pub fn add(&mut self, key: u64, x: f64) {
        self.take(self.direction.order(x), key);
    }

    /// Takes a row of values with consecutive keys into account.
    pub fn add_row(&mut self, first_key: u64, row: &[f64]) {
        self.add_row_with(InstructionSet::best(), first_key, row);
    }

    pub(super) fn add_row_with(&mut self, set: InstructionSet, first_key: u64, row: &[f64]) {
        for (i, part) in row.chunks(PART).enumerate() {
            let first_key = first_key + (i * PART) as u64;
            let order = self.direction.best_order(range(set, part));
            // Few parts hold a new extreme, so the position is looked for only then.
            if (order > self.order || order == self.order && first_key < self.key)
                && let Some(j) = part.iter().position(|&x| self.direction.order(x) == order)
            {
                self.take(order, first_key + j as u64);
            }
        }
    }

    /// Takes the values of another extreme of the same direction into account.
    pub fn merge(&mut self, other: &ArgExtreme) {
        debug_assert_eq!(self.direction, other.direction, "a smallest and a largest value do not merge");
        self.take(other.order, other.key);
    }

    fn take(&mut self, order: i64, key: u64) {
        if order > self.order || order == self.order && key < self.key {
            (self.order, self.key) = (order, key);
        }
    }

    /// The first of two reductions: the largest wins.
    pub(super) fn order(&self) -> i64 {
        self.order
    }

    /// The second of two reductions: the smallest key among the ranks whose value has won, as an integer of the same order.
    pub(super) fn key_if(&self, winner: i64) -> i64 {
        if self.order == winner { (self.key ^ 1 << 63) as i64 } else { i64::MAX }
    }

    pub(super) fn set(&mut self, order: i64, key: i64) {
        (self.order, self.key) = (order, key as u64 ^ 1 << 63);
    }
}

compiled_for_each_set! {
    /// The lowest and the highest of `ordered(bits)` in a row.
    fn range(set; row: &[f64]) -> (i64, i64) = range_body;
}

#[inline(always)]
fn range_body(row: &[f64]) -> (i64, i64) {
    // A plain loop: the compiler makes vectors of integer maxima.
    let (mut low, mut high) = (i64::MAX, i64::MIN);
    for x in row {
        let order = ordered(x.to_bits() as i64);
        (low, high) = (low.min(order), high.max(order));
    }
    (low, high)
}
