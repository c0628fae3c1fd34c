//! The process grid: the number of ranks along each axis, and the cells of each rank.
//!
//! Ranks are numbered row-major, x fastest, as in MPI's Cartesian topologies. All triples are `[z, y, x]`.
use crate::base::{Error, Result};

/// Cost of a halo face per cell, for faces across `[z, y, x]`. A z face is contiguous in memory, a y face consists of
/// rows, and an x face of single numbers, one cache line each. Measured with ranks of 256³ `f64` cells on one machine:
/// all six faces take 2.4 ms, the two z faces 0.1 ms.
pub const FACE: [f64; 3] = [1.0, 2.0, 15.0];
/// Cost of a message: about 1 µs, the time of about a thousand cells of a z face (0.8 ns each in the measurement of
/// [`FACE`]).
pub const MESSAGE: f64 = 1000.0;
/// Cost of the work on a cell. The cost of an uneven cut is the cost of its largest part. Memory-bound stencils also
/// take about 0.8 ns per cell and core.
pub const CELL: f64 = 1.0;

/// Returns the first cell of each part of an axis of `n` cells, followed by `n`: part i is `cuts[i]..cuts[i + 1]`.
/// Sizes of parts differ by at most one.
///
/// ```
/// assert_eq!(halocline::program::process_grid::cuts(10, 4), [0, 2, 5, 7, 10]);
/// ```
pub fn cuts(n: usize, parts: usize) -> Vec<usize> {
    (0..=parts).map(|i| (i as u128 * n as u128 / parts as u128) as usize).collect()
}

/// Returns the coordinates `[z, y, x]` of a rank in the process grid.
pub fn coords(dims: [usize; 3], rank: usize) -> [usize; 3] {
    [rank / dims[2] / dims[1], rank / dims[2] % dims[1], rank % dims[2]]
}

/// Returns the rank at coordinates `[z, y, x]` of the process grid.
///
/// ```
/// use halocline::program::process_grid::{coords, rank_of};
/// assert_eq!(rank_of([2, 3, 4], [1, 0, 2]), 14);
/// assert_eq!(coords([2, 3, 4], 14), [1, 0, 2]);
/// ```
pub fn rank_of(dims: [usize; 3], coords: [usize; 3]) -> usize {
    (coords[0] * dims[1] + coords[1]) * dims[2] + coords[2]
}

/// Returns the process grid of `ranks` ranks with the lowest cost for a grid of `cells`. The cost is the work and the
/// halo faces of the rank with the largest part (see [`FACE`], [`MESSAGE`], [`CELL`]). Of process grids with equal
/// cost, it is the one with most cuts in z, then in y. No part is thinner than `least` cells: 1 if an axis may be cut
/// anywhere, all its cells if it must stay whole. Flat axes are never cut.
///
/// # Errors
/// If no such process grid exists; the message names the nearest legal numbers of ranks.
///
/// ```
/// use halocline::program::process_grid::cheapest;
/// assert_eq!(cheapest([256, 256, 256], [true; 3], [1; 3], 4)?, [4, 1, 1]);
/// assert_eq!(cheapest([1, 64, 64], [true; 3], [1; 3], 4)?, [1, 4, 1]);
/// assert_eq!(cheapest([1, 64, 64], [true; 3], [1, 32, 1], 4)?, [1, 2, 2]);
/// # Ok::<(), halocline::Error>(())
/// ```
pub fn cheapest(cells: [usize; 3], periodic: [bool; 3], least: [usize; 3], ranks: usize) -> Result<[usize; 3]> {
    check_counts(cells, ranks)?;
    let most = most_parts(cells, least);
    // Factorisations come in this order, so the first with the lowest cost has most cuts in z, then in y.
    let mut best: Option<(f64, [usize; 3])> = None;
    for dims in factorisations(most, ranks) {
        let cost = cost(cells, periodic, dims);
        if best.is_none_or(|(least, _)| cost < least) {
            best = Some((cost, dims));
        }
    }
    best.map(|(_, dims)| dims).ok_or_else(|| {
        Error::input(format!(
            "{ranks} ranks cannot share a grid of {cells:?} cells [z, y, x]: {}",
            reason(cells, least, ranks)
        ))
        .remedy(nearest_legal(most, ranks))
    })
}

/// Returns the maximum number of parts along each axis if no part is thinner than `least`. It is at least 1.
fn most_parts(cells: [usize; 3], least: [usize; 3]) -> [usize; 3] {
    std::array::from_fn(|a| (cells[a] / least[a].max(1)).max(1))
}

/// Checks a process grid that the user has chosen.
///
/// # Errors
/// If it is not one of `ranks` ranks, or its parts are thinner than `least` cells (see [`cheapest`]).
pub fn check(cells: [usize; 3], dims: [usize; 3], least: [usize; 3], ranks: usize) -> Result<()> {
    check_counts(cells, ranks)?;
    if let Some(axis) = (0..3).find(|&a| dims[a] == 0) {
        return Err(Error::input(format!("the process grid {dims:?} [z, y, x] has 0 ranks along {}", NAMES[axis]))
            .remedy("an axis that is not cut has 1"));
    }
    let product: u128 = dims.iter().map(|&d| d as u128).fold(1, u128::saturating_mul);
    if product != ranks as u128 {
        return Err(Error::input(format!(
            "the process grid {dims:?} [z, y, x] has {product} ranks, but the run has {ranks}"
        ))
        .remedy(match cheapest(cells, [true; 3], least, ranks) {
            Ok(dims) => format!("start {product} ranks, or leave the process grid out to get {dims:?}"),
            Err(_) => format!("start {product} ranks"),
        }));
    }
    if let Some(axis) = (0..3).find(|&a| dims[a] > most_parts(cells, least)[a]) {
        let (name, n, d) = (NAMES[axis], cells[axis], dims[axis]);
        let thin = match least[axis] {
            0 | 1 => String::new(),
            least => format!(", and a part needs {least}"),
        };
        return Err(Error::input(format!(
            "the process grid {dims:?} [z, y, x] cuts {name} into {d} parts, but the grid of {cells:?} cells has {n} along {name}{thin}"
        ))
        .remedy(match cheapest(cells, [true; 3], least, ranks) {
            Ok(dims) => format!("leave the process grid out to get {dims:?}"),
            Err(e) => e.to_string().split_once('\n').map_or(String::new(), |(_, remedy)| remedy.trim().to_owned()),
        }));
    }
    Ok(())
}

const NAMES: [&str; 3] = ["z", "y", "x"];

fn check_counts(cells: [usize; 3], ranks: usize) -> Result<()> {
    if let Some(axis) = (0..3).find(|&a| cells[a] == 0) {
        return Err(Error::input(format!("the grid of {cells:?} cells [z, y, x] has none along {}", NAMES[axis]))
            .remedy("every axis needs at least one cell; a flat axis has exactly one"));
    }
    if ranks == 0 {
        return Err(Error::input("a run needs at least one rank, not 0"));
    }
    Ok(())
}

/// Returns all process grids of `ranks` ranks with at most `most` parts along each axis, ordered by decreasing number
/// of cuts in z, then in y.
fn factorisations(most: [usize; 3], ranks: usize) -> impl Iterator<Item = [usize; 3]> {
    let divisors = |n: usize, most: usize| (1..=most.min(n)).rev().filter(move |&d| n.is_multiple_of(d));
    divisors(ranks, most[0]).flat_map(move |z| {
        let rest = ranks / z;
        divisors(rest, most[1]).filter(move |y| rest / y <= most[2]).map(move |y| [z, y, rest / y])
    })
}

/// Returns the cost of a step on the rank with the largest part.
fn cost(cells: [usize; 3], periodic: [bool; 3], dims: [usize; 3]) -> f64 {
    let largest: [f64; 3] = std::array::from_fn(|a| cells[a].div_ceil(dims[a]) as f64);
    let volume: f64 = largest.iter().product();
    let exchange = |a: usize| {
        // Of two ranks along a bounded axis, each has one neighbour. Along a periodic axis, both faces have the same
        // neighbour.
        let (faces, messages) = match (dims[a], periodic[a]) {
            (1, _) => (0.0, 0.0),
            (2, false) => (1.0, 1.0),
            (2, true) => (2.0, 1.0),
            _ => (2.0, 2.0),
        };
        faces * FACE[a] * volume / largest[a] + messages * MESSAGE
    };
    CELL * volume + (0..3).map(exchange).sum::<f64>()
}

/// Returns the reason why no legal process grid exists, for the error message.
fn reason(cells: [usize; 3], least: [usize; 3], ranks: usize) -> String {
    let most = most_parts(cells, least);
    let all: u128 = most.iter().map(|&n| n as u128).fold(1, u128::saturating_mul);
    let thin = match least.map(|l| l.max(1)) {
        [1, 1, 1] => String::new(),
        least => format!("a part needs at least {least:?} of them, and "),
    };
    match (ranks as u128 > all, thin.is_empty()) {
        (true, true) => format!("it has only {all}"),
        (true, false) => format!("{thin}there are only {all} such parts"),
        _ => format!(
            "{thin}{ranks} is not a product of three factors of at most {}, {} and {}",
            most[0], most[1], most[2]
        ),
    }
}

/// Returns a remedy: the largest legal number of ranks up to `ranks` and, if near, the smallest above it.
fn nearest_legal(most: [usize; 3], ranks: usize) -> String {
    let all = most.iter().map(|&n| n as u128).fold(1, u128::saturating_mul).min(usize::MAX as u128) as usize;
    let legal = |&n: &usize| factorisations(most, n).next().is_some();
    // One rank is always legal.
    let below = (1..=ranks.min(all)).rev().find(legal).unwrap_or(1);
    match (ranks..=all.min(ranks.saturating_add(ranks / 4))).find(legal) {
        Some(above) => format!("use {below} or {above} ranks: the nearest numbers that it can be cut into"),
        None => format!("use {below} ranks: the largest number up to {ranks} that it can be cut into"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cheap_axes_are_cut_first() {
        let periodic = [true; 3];
        for (cells, ranks, dims) in [
            ([64, 64, 64], 1, [1, 1, 1]),
            ([64, 64, 64], 2, [2, 1, 1]),
            ([1, 64, 64], 4, [1, 4, 1]),
            ([1, 1, 64], 4, [1, 1, 4]),
            // z faces of a thin slab are its largest: 2·64·512 for [2, 8, 1] against 2·2·4·512 for this.
            ([4, 512, 512], 16, [1, 16, 1]),
            // z + 2·y faces: 131072 + 65536, as much as [8, 8, 1] with 65536 + 131072; [32, 2, 1] has 262144 + 32768.
            ([512, 512, 512], 64, [16, 4, 1]),
            // Seven parts of 8 cells hold at most 2 each, so a quarter of the work would be wasted; 7 of 70 do not.
            ([8, 70, 70], 7, [1, 7, 1]),
            // The larger half of 3 cells has 2: 512 + 2·256 (cells + faces) in z, 384 + 2·2·96 in y.
            ([3, 8, 32], 2, [1, 2, 1]),
        ] {
            assert_eq!(cheapest(cells, periodic, [1; 3], ranks).unwrap(), dims, "{cells:?} on {ranks} ranks");
        }
    }

    #[test]
    fn a_bounded_axis_of_two_ranks_has_one_face() {
        // Two ranks cut x by 15·32 a face, z by 256: two faces of z are cheaper than two of x, but not than one.
        assert_eq!(cheapest([8, 4, 64], [true, true, true], [1; 3], 2).unwrap(), [2, 1, 1]);
        assert_eq!(cheapest([8, 4, 64], [true, true, false], [1; 3], 2).unwrap(), [1, 1, 2]);
    }

    fn message<T: std::fmt::Debug>(result: Result<T>) -> String {
        let error = result.unwrap_err();
        assert_eq!(error.exit_code(), 2);
        error.to_string()
    }

    #[test]
    fn errors_of_impossible_grids_name_numbers_and_remedy() {
        let any = [true; 3];
        assert_eq!(
            message(cheapest([1, 2, 3], any, [1; 3], 7)),
            "7 ranks cannot share a grid of [1, 2, 3] cells [z, y, x]: it has only 6\n  \
             use 6 ranks: the largest number up to 7 that it can be cut into"
        );
        assert_eq!(
            message(cheapest([4, 4, 4], any, [1; 3], 11)),
            "11 ranks cannot share a grid of [4, 4, 4] cells [z, y, x]: \
             11 is not a product of three factors of at most 4, 4 and 4\n  \
             use 9 or 12 ranks: the nearest numbers that it can be cut into"
        );
        assert!(message(cheapest([4, 0, 4], any, [1; 3], 1)).contains("none along y"));
        assert!(message(cheapest([4, 4, 4], any, [1; 3], 0)).contains("at least one rank"));
        assert!(cheapest([usize::MAX; 3], any, [1; 3], 12).is_ok());
        assert!(message(cheapest([1, 2, 2], any, [1; 3], usize::MAX)).contains("use 4 ranks"));

        check([4, 4, 4], [1, 2, 4], [1; 3], 8).unwrap();
        assert_eq!(
            message(check([4, 4, 4], [1, 2, 2], [1; 3], 8)),
            "the process grid [1, 2, 2] [z, y, x] has 4 ranks, but the run has 8\n  \
             start 4 ranks, or leave the process grid out to get [4, 2, 1]"
        );
        assert_eq!(
            message(check([4, 1, 4], [2, 2, 2], [1; 3], 8)),
            "the process grid [2, 2, 2] [z, y, x] cuts y into 2 parts, but the grid of [4, 1, 4] cells has 1 along y\n  \
             leave the process grid out to get [4, 1, 2]"
        );
        assert!(message(check([2, 1, 4], [2, 5, 1], [1; 3], 10)).contains("use 8 ranks"));
        assert!(message(check([4, 4, 4], [2, 0, 4], [1; 3], 8)).contains("0 ranks along y"));
        assert!(message(check([4, 4, 4], [usize::MAX; 3], [1; 3], 8)).contains("but the run has 8"));

        assert_eq!(
            message(cheapest([1, 9, 4], any, [1, 4, 4], 3)),
            "3 ranks cannot share a grid of [1, 9, 4] cells [z, y, x]: \
             a part needs at least [1, 4, 4] of them, and there are only 2 such parts\n  \
             use 2 ranks: the largest number up to 3 that it can be cut into"
        );
        assert_eq!(
            message(check([4, 9, 4], [1, 3, 1], [1, 4, 1], 3)),
            "the process grid [1, 3, 1] [z, y, x] cuts y into 3 parts, but the grid of [4, 9, 4] cells has 9 along y, \
             and a part needs 4\n  leave the process grid out to get [3, 1, 1]"
        );
    }

    proptest! {
        #[test]
        fn parts_cover_the_axis_evenly(n in 0_usize..500, parts in 1_usize..40) {
            let cuts = cuts(n, parts);
            prop_assert_eq!((cuts.len(), cuts[0], cuts[parts]), (parts + 1, 0, n));
            for part in cuts.windows(2) {
                prop_assert!((n / parts..=n.div_ceil(parts)).contains(&(part[1] - part[0])));
            }
        }

        #[test]
        fn ranks_and_coordinates_are_one_to_one(dims in prop::array::uniform3(1_usize..6)) {
            let mut rank = 0;
            for z in 0..dims[0] {
                for y in 0..dims[1] {
                    for x in 0..dims[2] {
                        prop_assert_eq!(rank_of(dims, [z, y, x]), rank);
                        prop_assert_eq!(coords(dims, rank), [z, y, x]);
                        rank += 1;
                    }
                }
            }
        }

        #[test]
        fn the_process_grid_is_legal_and_has_the_lowest_cost(
            cells in prop::array::uniform3(1_usize..14), least in prop::array::uniform3(1_usize..4),
            periodic in prop::array::uniform3(any::<bool>()), ranks in 1_usize..60,
        ) {
            let thick = |dims: [usize; 3]| {
                (0..3).all(|a| dims[a] == 1 || self::cuts(cells[a], dims[a]).windows(2).all(|p| p[1] - p[0] >= least[a]))
            };
            let all = |ranks: usize| {
                let mut all = vec![];
                for z in 1..=cells[0] {
                    for y in 1..=cells[1] {
                        let product = |d: &[usize; 3]| d.iter().product::<usize>();
                        all.extend((1..=cells[2]).map(|x| [z, y, x]).filter(|d| product(d) == ranks && thick(*d)));
                    }
                }
                all
            };
            match cheapest(cells, periodic, least, ranks) {
                Ok(dims) => {
                    prop_assert!(all(ranks).contains(&dims));
                    check(cells, dims, least, ranks).unwrap();
                    for other in all(ranks) {
                        let (best, cost) = (cost(cells, periodic, dims), cost(cells, periodic, other));
                        prop_assert!(best < cost || best == cost && dims >= other, "{:?} is better than {:?}", other, dims);
                    }
                }
                Err(e) => {
                    prop_assert!(all(ranks).is_empty());
                    let below = (1..ranks).rev().find(|&n| !all(n).is_empty()).unwrap();
                    let above = (ranks..=ranks + ranks / 4).find(|&n| !all(n).is_empty());
                    let named = above.map_or(format!("use {below} ranks"), |above| format!("use {below} or {above} ranks"));
                    prop_assert!(e.to_string().contains(&named), "{e} does not say: {named}");
                }
            }
        }
    }
}
