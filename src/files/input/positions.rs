//! The coordinates of a file beside the positions of the grid.
use super::role::{is_angle, metres};
use super::variable::InputVariable;
use crate::base::Result;
use crate::model::grid::{AXES, Grid, Location};

/// A coordinate variable beside the axis of the grid that it belongs to.
#[derive(Debug, PartialEq)]
pub(super) enum Comparison {
    /// The positions are the grid's, or nothing can be said against it; true if they descend along the file.
    Fits { descends: bool },
    /// The same, with a note for the user.
    NotCompared { descends: bool, why: String },
    /// They are others: what is wrong, and the remedy.
    Differs { what: String, remedy: String },
}

/// Compares a coordinate with the positions of the values of a field at `location` along `axis` of the grid.
///
/// # Errors
/// If the coordinate cannot be read.
pub(super) fn compare(
    name: &str,
    coordinate: &mut dyn InputVariable,
    grid: &Grid,
    axis: usize,
    location: Location,
) -> Result<Comparison> {
    let n = grid.cells()[axis];
    let mut values = coordinate.read(&[0], &[n])?;
    let letter = AXES[axis];
    if is_angle(coordinate) {
        unwrap_degrees(&mut values);
    }
    let rises = values.windows(2).all(|w| w[0] < w[1]);
    let falls = values.windows(2).all(|w| w[0] > w[1]);
    if !rises && !falls {
        let what = format!("its coordinate {name} neither rises nor falls throughout");
        return Ok(Comparison::Differs { what, remedy: String::new() });
    }
    let unit = coordinate.text("units");
    let Some(metre) = metres(coordinate) else {
        let (low, high) = (values[0], values[n - 1]);
        let even = spacing(&values).is_some();
        let why = match (is_angle(coordinate), even) {
            // Angles cannot be those of a box in metres; their order and their even spacing can.
            (true, true) => return Ok(Comparison::Fits { descends: falls }),
            (true, false) => format!("its coordinate {name} is not evenly spaced, as the grid is along {letter}"),
            (false, _) if unit.is_empty() => {
                format!("its coordinate {name} ({low} to {high}) has no unit, and is not compared with the grid")
            }
            (false, _) => {
                format!(
                    "its coordinate {name} ({low} to {high} {unit}) is no length, and is not compared with the grid"
                )
            }
        };
        return Ok(Comparison::NotCompared { descends: falls, why });
    };
    let metric: Vec<f64> = values.iter().map(|v| v * metre).collect();
    let block = grid.block(0);
    let h = block.cell_length(axis);
    let expected: Vec<f64> = (0..n).map(|i| block.coordinate(axis, i as isize, location)).collect();
    // A hundredth of a cell, or the rounding of a single-precision coordinate.
    let is_close = |a: f64, b: f64| (a - b).abs() <= 0.01 * h + 1e-6 * b.abs();
    let fits = |sign: f64, reversed: bool| {
        let at = |i: usize| sign * metric[if reversed { n - 1 - i } else { i }];
        (0..n).all(|i| is_close(at(i), expected[i]))
    };
    if fits(1.0, falls) {
        return Ok(Comparison::Fits { descends: falls });
    }
    // Depths are positive downward: the position is the negative depth.
    if coordinate.text("positive").eq_ignore_ascii_case("down") && fits(-1.0, rises) {
        return Ok(Comparison::Fits { descends: rises });
    }
    Ok(difference(name, &metric, &expected, (block.origin[axis], h), letter))
}

/// The common spacing of values, negative if they fall; `None` if it varies by more than a hundredth.
fn spacing(values: &[f64]) -> Option<f64> {
    let n = values.len();
    let mean = (values[n - 1] - values[0]) / (n - 1) as f64;
    let rounding = 1e-6 * values.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
    let even = values.windows(2).all(|w| (w[1] - w[0] - mean).abs() <= 0.01 * mean.abs() + rounding);
    even.then_some(mean)
}

/// Says how positions in metres differ from the expected ones.
fn difference(name: &str, metric: &[f64], expected: &[f64], (origin, h): (f64, f64), letter: &str) -> Comparison {
    let n = metric.len();
    let Some(step) = spacing(metric) else {
        let what = format!("its coordinate {name} is not evenly spaced, as the grid is along {letter}");
        return Comparison::Differs { what, remedy: "interpolate it to the grid first".into() };
    };
    let (step, low) = (step.abs(), metric[0].min(metric[n - 1]));
    if (step - h).abs() > 0.01 * h {
        let what = format!("its values are {:?} m apart along {letter}, those of the grid {:?} m", tidy(step), tidy(h));
        let remedy = format!(
            "for this file, the grid along {letter} has the length {:?} m and the origin {:?} m (grid.length, grid.origin)",
            tidy(step * n as f64),
            tidy(low - 0.5 * step)
        );
        return Comparison::Differs { what, remedy };
    }
    let shift = low - expected[0];
    let what =
        format!("its values begin at {letter} = {:?} m, those of the grid at {:?} m", tidy(low), tidy(expected[0]));
    let remedy = if (shift.abs() - 0.5 * h).abs() <= 0.01 * h {
        "they are half a cell apart: are one of them at centres of cells and the others at faces?".into()
    } else {
        format!("for this file, the grid along {letter} has the origin {:?} m (grid.origin)", tidy(origin + shift))
    };
    Comparison::Differs { what, remedy }
}

/// A number with at most seven significant digits.
fn tidy(x: f64) -> f64 {
    format!("{x:.6e}").parse().unwrap_or(x)
}

/// Continues longitudes beyond 360 where they start again.
fn unwrap_degrees(values: &mut [f64]) {
    let mut turns = 0.0;
    for i in 1..values.len() {
        let (before, now) = (values[i - 1], values[i] + turns);
        let jump = if now - before < -180.0 {
            360.0
        } else if now - before > 180.0 {
            -360.0
        } else {
            0.0
        };
        turns += jump;
        values[i] = now + jump;
    }
}
