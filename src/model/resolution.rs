//! What a grid can resolve: the width of a shape against the size of cells.
use crate::base::{Error, Result};
use crate::model::grid::{AXES, Grid};

/// Returns the axis with the longest cells among those that are not flat, and their length in m; `None` if all axes are flat.
pub fn coarsest(grid: &Grid) -> Option<(usize, f64)> {
    let lengths = grid.all_blocks().iter().flat_map(|block| (0..3).map(|a| (a, block.cell_length(a))));
    lengths.filter(|(a, _)| !grid.is_flat(*a)).max_by(|one, other| one.1.total_cmp(&other.1))
}

/// Checks that a shape of this width in m, such as a Gaussian's distance to 1/e or the radius of a ball, covers at least a cell.
/// The sum of a Gaussian over cells is its integral within 0.03 % from this width on; of a narrower one the grid sees anything
/// between nothing and a multiple, depending on where it lies between the cells.
///
/// # Errors
/// If it is narrower. `what` names the width in the message, such as `` `parameters.width` ``.
pub fn check_width(grid: &Grid, what: &str, width: f64) -> Result<()> {
    match coarsest(grid) {
        // A width that is rounded as the spacing is.
        Some((axis, h)) if width.is_nan() || width < h * (1.0 - 1e-9) => {
            let name = AXES[axis];
            Err(Error::input(format!("{what} = {width} m: cells of {h} m along {name} do not resolve it"))
                .remedy(format!("use at least {h} m, or smaller cells")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_narrower_than_a_cell_are_refused() {
        let grid = Grid::new([10, 20]).length([1.0, 1.0]);
        assert_eq!(coarsest(&grid), Some((1, 0.1)));
        check_width(&grid, "w", 0.1).unwrap();
        let error = check_width(&grid, "`width`", 0.05).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`width` = 0.05 m: cells of 0.1 m along y do not resolve it\n  use at least 0.1 m, or smaller cells"
        );
        assert!(check_width(&grid, "w", f64::NAN).is_err());
        assert_eq!(coarsest(&Grid::new([1])), None);
    }
}
