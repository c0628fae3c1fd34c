//! Multilinear interpolation of a field at a position, and its adjoint, which distributes a source over the same cells.
//!
//! Along each axis, a position lies between two neighbouring values of the field, at cell centres, on faces, edges or corners, and the weights of
//! both are linear in the distance. Beyond the outermost value at a wall, the line through the last two values is continued: so
//! linear fields are reproduced everywhere, and the weights always add up to 1. Across a periodic axis or a joined block the
//! neighbour is the next cell there. A flat axis has no weights. A position that coincides with a value takes it as it is.
use crate::base::{Error, Region, Result};
use crate::model::grid::{AXES, Grid, SIGNED_AXES};
use crate::model::location::Location;

/// A distance to a value, in cells, below which a position coincides with it: positions are rounded decimal numbers.
const COINCIDES: f64 = 1e-9;

/// A cell, and the weight of its value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weight {
    /// The block of the cell.
    pub block: usize,
    /// The index z, y, x of the cell in the block.
    pub index: [usize; 3],
    /// The weight of its value.
    pub weight: f64,
}

/// Returns the weights of the values of a field at `location` that interpolate it at `position` (z, y, x in m, in coordinates of
/// `block`), in the order of their indices. Sums in this order have the same bits on any number of ranks.
///
/// ```
/// use halocline::model::{Grid, Location, interpolation::weights};
/// let grid = Grid::new([4]).length([4.0]); // centres at 0.5, 1.5, 2.5, 3.5 m
/// let found = weights(&grid, 0, Location::Center, [0.5, 0.5, 1.75])?;
/// assert_eq!(found.iter().map(|w| (w.index[2], w.weight)).collect::<Vec<_>>(), [(1, 0.75), (2, 0.25)]);
/// # Ok::<(), halocline::Error>(())
/// ```
///
/// # Errors
/// If the position is outside the block or not a number.
pub fn weights(grid: &Grid, block: usize, location: Location, position: [f64; 3]) -> Result<Vec<Weight>> {
    check(grid, block, position)?;
    let pairs: [Vec<(isize, f64)>; 3] = std::array::from_fn(|axis| pair(grid, block, location, position, axis, true));
    // Where blocks meet in a corner, a diagonal neighbour may not exist.
    Ok(combine(grid, block, &pairs).unwrap_or_else(|| {
        let inside = std::array::from_fn(|axis| pair(grid, block, location, position, axis, false));
        combine(grid, block, &inside).unwrap_or_default()
    }))
}

/// Checks that a position z, y, x in m lies inside a block. Along flat axes, any number is inside.
///
/// # Errors
/// If it does not.
pub fn check(grid: &Grid, block: usize, position: [f64; 3]) -> Result<()> {
    let Some(b) = grid.all_blocks().get(block) else {
        let blocks = grid.all_blocks().len();
        return Err(Error::input(format!("the position {position:?} is in block {block}, and the grid has {blocks}")));
    };
    for (axis, x) in position.into_iter().enumerate() {
        let (low, high) = (b.origin[axis], b.origin[axis] + b.length[axis]);
        if !x.is_finite() || b.cells[axis] > 1 && !(low..=high).contains(&x) {
            let name = AXES[axis];
            return Err(Error::input(format!("the position {position:?} lies outside the grid along {name}"))
                .remedy(format!("positions are [z, y, x], and {name} goes from {low} to {high} m")));
        }
    }
    Ok(())
}

/// Returns one or two indices along an axis, which may lie one beyond the block if `beyond` is set, with their weights.
fn pair(
    grid: &Grid,
    block: usize,
    location: Location,
    position: [f64; 3],
    axis: usize,
    beyond: bool,
) -> Vec<(isize, f64)> {
    let b = grid.block(block);
    let n = b.cells[axis] as isize;
    if n == 1 {
        return vec![(0, 1.0)];
    }
    let half = if location.is_low(axis) { 0.0 } else { 0.5 };
    let cells = (position[axis] - b.origin[axis]) / b.cell_length(axis) - half;
    let nearest = cells.round();
    let coincides = (cells - nearest).abs() <= COINCIDES;
    let low = if coincides { nearest } else { cells.floor() } as isize;
    let high = if coincides { low } else { low + 1 };
    let exists = |i: isize| (0..n).contains(&i) || beyond && is_continued(grid, block, location, axis, i);
    if exists(low) && exists(high) {
        let weight = cells - low as f64;
        return if coincides { vec![(low, 1.0)] } else { vec![(low, 1.0 - weight), (high, weight)] };
    }
    let first = low.clamp(0, n - 2);
    let weight = cells - first as f64;
    vec![(first, 1.0 - weight), (first + 1, weight)]
}

/// Returns true if index `i`, which is beyond the block along an axis, is a cell of the next block whose values have the same
/// location: a rotation would turn faces across one axis into faces across another.
fn is_continued(grid: &Grid, block: usize, location: Location, axis: usize, i: isize) -> bool {
    let cell = Region::of([1; 3]).shift(std::array::from_fn(|a| if a == axis { i } else { 0 }));
    let unturned = |to: [_; 3]| to == SIGNED_AXES || location == Location::Center;
    grid.resolve(block, cell).first().is_some_and(|(_, _, transform)| unturned(transform.to))
}

/// Returns the products of the weights along the axes; `None` if one of their cells does not exist.
fn combine(grid: &Grid, block: usize, [z, y, x]: &[Vec<(isize, f64)>; 3]) -> Option<Vec<Weight>> {
    let mut found = vec![];
    for &(k, wz) in z {
        for &(j, wy) in y {
            for &(i, wx) in x {
                let (block, cell, _) = *grid.resolve(block, Region::of([1; 3]).shift([k, j, i])).first()?;
                found.push(Weight { block, index: cell.low.map(|i| i as usize), weight: wz * wy * wx });
            }
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::index_transform::{X, Y, Z};

    /// Interpolates a function of the position of values, and checks that the weights add up to 1.
    fn interpolate(grid: &Grid, location: Location, position: [f64; 3], f: impl Fn([f64; 3]) -> f64) -> f64 {
        let found = weights(grid, 0, location, position).unwrap();
        assert!((found.iter().map(|w| w.weight).sum::<f64>() - 1.0).abs() < 1e-14);
        let at = |w: &Weight| [0, 1, 2].map(|a| grid.block(w.block).coordinate(a, w.index[a] as isize, location));
        found.iter().map(|w| w.weight * f(at(w))).sum()
    }

    #[test]
    fn linear_fields_are_reproduced_everywhere_at_all_locations() {
        let grid = Grid::new([4, 5, 6]).length([2.0, 5.0, 3.0]).origin([-1.0, 0.0, 10.0]);
        let f = |[z, y, x]: [f64; 3]| 3.0 + 2.0 * z - 5.0 * y + 0.25 * x;
        for location in Location::ALL {
            for position in [[-1.0, 0.0, 10.0], [1.0, 5.0, 13.0], [-0.9, 4.8, 12.9], [0.3, 2.2, 11.7]] {
                assert!((interpolate(&grid, location, position, f) - f(position)).abs() < 1e-12, "{location:?}");
            }
        }
    }

    #[test]
    fn positions_of_values_take_one_value_despite_rounding() {
        let grid = Grid::new([10]).length([0.1]); // cells of 0.01 m
        let at = |x: f64, location| weights(&grid, 0, location, [0.0, 0.0, x]).unwrap();
        for i in 0..10 {
            let only = |x, location| {
                assert_eq!(at(x, location), [Weight { block: 0, index: [0, 0, i], weight: 1.0 }], "{x}");
            };
            only(0.01 * (i as f64 + 0.5), Location::Center);
            only(0.01 * i as f64, Location::FaceX);
            only(0.01 * (i as f64 + 0.5), Location::FaceY);
        }
        assert_eq!(at(0.015 + 1e-5, Location::Center).len(), 2);
    }

    #[test]
    fn periodic_axes_wrap_and_walls_continue_the_line() {
        let wraps = Grid::new([4]).length([4.0]).periodic([true]);
        let indices = |grid: &Grid, location, x| {
            weights(grid, 0, location, [0.5, 0.5, x])
                .unwrap()
                .iter()
                .map(|w| (w.index[2], w.weight))
                .collect::<Vec<_>>()
        };
        assert_eq!(indices(&wraps, Location::Center, 0.25), [(3, 0.25), (0, 0.75)]);
        assert_eq!(indices(&wraps, Location::Center, 4.0), [(3, 0.5), (0, 0.5)]);
        assert_eq!(indices(&wraps, Location::FaceX, 3.75), [(3, 0.25), (0, 0.75)]);
        assert_eq!(indices(&wraps, Location::FaceX, 4.0), [(0, 1.0)]);
        let walls = Grid::new([4]).length([4.0]);
        assert_eq!(indices(&walls, Location::Center, 0.0), [(0, 1.5), (1, -0.5)]);
        assert_eq!(indices(&walls, Location::FaceX, 4.0), [(2, -1.0), (3, 2.0)]);
    }

    #[test]
    fn joined_blocks_are_neighbours() {
        let pair = Grid::blocks(2, [4, 4]).length([4.0, 4.0]).join(0, X, 1, [Z, Y, X]).unwrap();
        let found = weights(&pair, 0, Location::Center, [0.5, 0.5, 4.0]).unwrap();
        assert_eq!(
            found.iter().map(|w| (w.block, w.index[2], w.weight)).collect::<Vec<_>>(),
            [(0, 3, 0.5), (1, 0, 0.5)]
        );
        let turned = Grid::blocks(2, [4, 4]).length([4.0, 4.0]).join(0, X, 1, [Z, -X, Y]).unwrap();
        assert_eq!(weights(&turned, 0, Location::Center, [0.5, 0.5, 4.0]).unwrap()[1].block, 1);
        assert!(weights(&turned, 0, Location::FaceX, [0.5, 0.5, 3.5]).unwrap().iter().all(|w| w.block == 0));
    }

    #[test]
    fn positions_outside_are_refused_with_the_numbers() {
        let grid = Grid::new([4, 4]).length([4.0, 8.0]);
        let error = weights(&grid, 0, Location::Center, [0.0, 5.0, 1.0]).unwrap_err();
        let text = "the position [0.0, 5.0, 1.0] lies outside the grid along y\n  positions are [z, y, x], and y goes from 0 to 4 m";
        assert_eq!(error.to_string(), text);
        for bad in [[0.0, f64::NAN, 1.0], [f64::INFINITY, 1.0, 1.0], [0.0, 1.0, -1e-6]] {
            assert!(weights(&grid, 0, Location::Center, bad).is_err(), "{bad:?}");
        }
        assert!(weights(&grid, 1, Location::Center, [0.0; 3]).unwrap_err().what().contains("the grid has 1"));
    }
}
