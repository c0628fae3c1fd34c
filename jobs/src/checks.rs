//! Checks of parameters that several jobs share: a stable time step, a position in the grid.
use halocline::{Error, Grid, Result};

/// Returns the time step in s: the given one, or else a fraction of the largest stable one.
///
/// # Errors
/// If the given step exceeds the limit, or if no stable step exists.
pub fn time_step(given: Option<f64>, fraction: f64, limit: f64, why: &str) -> Result<f64> {
    if !(limit > 0.0 && limit.is_finite()) {
        return Err(Error::input(format!("the largest stable time step would be {limit:e} s ({why})"))
            .remedy("the grid needs an axis of more than one cell; look at the numbers that this limit is made of"));
    }
    match given {
        None => Ok(fraction * limit),
        Some(dt) if dt <= limit => Ok(dt),
        Some(dt) => Err(Error::input(format!(
            "`parameters.dt` = {dt} s is unstable: at most {limit:.6e} s on this grid ({why})"
        ))
        .remedy("leave it out to have a stable one, or use larger cells")),
    }
}

/// Returns a position `[z, y, x]` in m from a list that is aligned to the right, like `grid.origin`. An empty list means the
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
            let axis = halocline::model::grid::AXES[a];
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
    fn steps_are_as_given_or_a_fraction_of_the_limit() {
        assert_eq!(time_step(None, 0.5, 2.0, "").unwrap(), 1.0);
        assert_eq!(time_step(Some(2.0), 0.5, 2.0, "").unwrap(), 2.0);
        let error = time_step(Some(2.5), 0.5, 2.0, "Δt ≤ 2").unwrap_err();
        assert_eq!(error.what(), "`parameters.dt` = 2.5 s is unstable: at most 2.000000e0 s on this grid (Δt ≤ 2)");
        for limit in [f64::INFINITY, f64::NAN, 0.0] {
            assert!(time_step(None, 0.5, limit, "").is_err());
        }
    }

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
