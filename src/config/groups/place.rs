//! A position in a grid, as a parameter.
use crate::base::{Error, Result};
use crate::model::grid::{AXES, Grid};

/// Returns a position `[z, y, x]` in m from a list, `parameters.KEY`, that is aligned to the right, like `grid.origin`. An empty list means the
/// middle of the grid. Along a flat axis the position is always the middle of the cell.
///
/// # Errors
/// If the list has fewer numbers than the grid has axes that are not flat, or more than three, or the position is outside the
/// grid or not a number.
pub fn position(key: &str, given: &[f64], grid: &Grid) -> Result<[f64; 3]> {
    let block = grid.block(0);
    let mut place = [0, 1, 2].map(|a| block.origin[a] + 0.5 * block.length[a]);
    if given.is_empty() {
        return Ok(place);
    }
    let axes = (0..3).find(|&a| !grid.is_flat(a)).map_or(1, |first| 3 - first);
    if given.len() < axes || given.len() > 3 {
        return Err(Error::input(format!("`parameters.{key}` = {given:?}: the grid has {axes} axes"))
            .remedy("positions are [z, y, x], [y, x] or [x]"));
    }
    for (a, &p) in (3 - given.len()..3).zip(given) {
        let (low, high) = (block.origin[a], block.origin[a] + block.length[a]);
        if !(low..=high).contains(&p) {
            let axis = AXES[a];
            return Err(Error::input(format!("`parameters.{key}` = {given:?} lies outside the grid along {axis}"))
                .remedy(format!("{axis} goes from {low} to {high} m")));
        }
        if !grid.is_flat(a) {
            place[a] = p;
        }
    }
    Ok(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_apply_from_the_right() {
        let grid = Grid::new([4, 8]).length([2.0, 4.0]).origin([-1.0, 0.0]);
        assert_eq!(position("p", &[], &grid).unwrap(), [0.25, 0.0, 2.0]);
        assert_eq!(position("p", &[1.0, 4.0], &grid).unwrap(), [0.25, 1.0, 4.0]);
        assert_eq!(position("p", &[0.4, -1.0, 0.0], &grid).unwrap(), [0.25, -1.0, 0.0]);
        let above = position("p", &[9.0, -1.0, 0.0], &grid).unwrap_err();
        assert!(above.what().ends_with("lies outside the grid along z"), "{above}");
        assert!(position("p", &[f64::NAN, 0.0], &grid).unwrap_err().what().contains("= [NaN, 0.0] lies outside"));
        let outside = position("p", &[1.5, 0.0], &grid).unwrap_err();
        assert_eq!(
            outside.to_string(),
            "`parameters.p` = [1.5, 0.0] lies outside the grid along y\n  y goes from -1 to 1 m"
        );
        assert!(position("p", &[1.0], &grid).unwrap_err().what().contains("the grid has 2 axes"));
    }
}
