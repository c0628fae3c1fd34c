//! Sums and extremes that do not depend on the order of their terms: the same bits on any number of ranks and threads, and
//! with any vector instructions.
//!
//! Floating additions round, so their result depends on their order, and the order on the decomposition. Here every sum
//! is exact ([`ExactSum`]) until it is read, and every comparison is one of integers ([`ArgExtreme`]); ranks are combined
//! by integer reductions only.
mod exact;
mod arg_extreme;
mod extraction;
#[cfg(test)]
mod tests;

use crate::comm::{Comm, Reduce};

pub use arg_extreme::ArgExtreme;
pub use exact::ExactSum;

/// Turns the sums of each rank into the sums over all ranks, in one message. Collective; all ranks pass the same number.
pub fn all_sum(comm: &Comm, sums: &mut [ExactSum]) {
    let mut words: Vec<i64> = sums.iter().flat_map(|sum| sum.words()).collect();
    comm.reduce(Reduce::Sum, &mut words);
    let (each, _) = words.as_chunks::<{ ExactSum::WORDS }>();
    for (sum, words) in sums.iter_mut().zip(each) {
        *sum = ExactSum::from_words(words);
    }
}

/// Turns the extremes of each rank into the extremes over all ranks, smallest and largest ones in the same two messages.
/// Collective; all ranks pass the same number, in the same order.
pub fn all_arg_extreme(comm: &Comm, extremes: &mut [ArgExtreme]) {
    let mut orders: Vec<i64> = extremes.iter().map(ArgExtreme::order).collect();
    comm.reduce(Reduce::Max, &mut orders);
    let mut keys: Vec<i64> = extremes.iter().zip(&orders).map(|(e, &order)| e.key_if(order)).collect();
    comm.reduce(Reduce::Min, &mut keys);
    for (extreme, (order, key)) in extremes.iter_mut().zip(orders.into_iter().zip(keys)) {
        extreme.set(order, key);
    }
}
