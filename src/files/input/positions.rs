//! The coordinates of a file beside the positions of the grid.
use super::role::{is_angle, metres};
use super::variable::InputVariable;
use crate::base::Result;
use crate::files::stored_number::Attribute;
use crate::model::Direction;
use crate::model::grid::{AXES, Grid};
use crate::model::location::Location;

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

/// Compares a coordinate with the positions of the values of a field at `location` along `axis` of the grid, which has this
/// direction.
///
/// # Errors
/// If the coordinate cannot be read.
pub(super) fn compare(
    name: &str,
    coordinate: &mut dyn InputVariable,
    grid: &Grid,
    axis: usize,
    (location, direction): (Location, Direction),
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
        let even = spacing(&values, 1e-6).is_some();
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
    let opposite = opposite_direction(coordinate, direction);
    let sign = if opposite.is_some() { -1.0 } else { 1.0 };
    let metric: Vec<f64> = values.iter().map(|v| sign * v * metre).collect();
    let falls = falls != opposite.is_some();
    let block = grid.block(0);
    let h = block.cell_length(axis);
    let expected: Vec<f64> = (0..n).map(|i| block.coordinate(axis, i as isize, location)).collect();
    let rounding = rounding(coordinate);
    // A hundredth of a cell, and the rounding of the coordinate.
    let is_close = |a: f64, b: f64| (a - b).abs() <= 0.01 * h + rounding * b.abs();
    if (0..n).all(|i| is_close(metric[if falls { n - 1 - i } else { i }], expected[i])) {
        return Ok(Comparison::Fits { descends: falls });
    }
    let found = difference(name, &metric, &expected, (block.origin[axis], h), (letter, rounding));
    Ok(match (found, opposite) {
        (Comparison::Differs { what, remedy }, Some(why)) => {
            let what = format!("its coordinate {name} is {why}, so positions have the other sign: {what}");
            Comparison::Differs { what, remedy }
        }
        (found, _) => found,
    })
}

/// Says how a coordinate that grows in the other vertical direction than the axis of the grid does; none if it does not.
fn opposite_direction(coordinate: &dyn InputVariable, direction: Direction) -> Option<&'static str> {
    let positive = coordinate.text("positive");
    match direction {
        Direction::Down if positive.eq_ignore_ascii_case("up") => Some("positive up, and the grid is positive down"),
        Direction::Up if positive.eq_ignore_ascii_case("down") => Some("positive down, and the grid is positive up"),
        _ => None,
    }
}

/// The largest relative error of the values of a coordinate: a few units in the last place of its numbers, or of those that
/// unpack it.
fn rounding(coordinate: &dyn InputVariable) -> f64 {
    let packed = ["scale_factor", "add_offset"].map(|name| match coordinate.attribute(name) {
        Some(Attribute::Numbers(stored, _)) => stored.rounding(),
        _ => 0.0,
    });
    let largest = packed.into_iter().fold(coordinate.stored().rounding(), f64::max);
    8.0 * largest.max(f64::EPSILON)
}

/// The common spacing of values with this relative error, negative if they fall; `None` if it varies by more than a hundredth.
fn spacing(values: &[f64], rounding: f64) -> Option<f64> {
    let n = values.len();
    let mean = (values[n - 1] - values[0]) / (n - 1) as f64;
    let rounding = rounding * values.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
    let even = values.windows(2).all(|w| (w[1] - w[0] - mean).abs() <= 0.01 * mean.abs() + rounding);
    even.then_some(mean)
}

/// Says how positions in metres differ from the expected ones.
fn difference(
    name: &str,
    metric: &[f64],
    expected: &[f64],
    (origin, h): (f64, f64),
    (letter, rounding): (&str, f64),
) -> Comparison {
    let n = metric.len();
    // A position with as many digits as the coordinate has.
    let position = |x: f64| if rounding < 1e-12 { rounded(x, 11) } else { tidy(x) };
    let Some(step) = spacing(metric, rounding) else {
        let what = format!("its coordinate {name} is not evenly spaced, as the grid is along {letter}");
        return Comparison::Differs { what, remedy: "interpolate it to the grid first".into() };
    };
    let (step, low) = (step.abs(), metric[0].min(metric[n - 1]));
    if (step - h).abs() > 0.01 * h {
        let what = format!("its values are {:?} m apart along {letter}, those of the grid {:?} m", tidy(step), tidy(h));
        let remedy = format!(
            "for this file, the grid along {letter} has the length {:?} m and the origin {:?} m (grid.length, grid.origin)",
            tidy(step * n as f64),
            position(low - 0.5 * step)
        );
        return Comparison::Differs { what, remedy };
    }
    let shift = low - expected[0];
    let what = format!(
        "its values begin at {letter} = {:?} m, those of the grid at {:?} m",
        position(low),
        position(expected[0])
    );
    let remedy = if (shift.abs() - 0.5 * h).abs() <= 0.01 * h {
        "they are half a cell apart: are one of them at centres of cells and the others at faces?".into()
    } else {
        format!("for this file, the grid along {letter} has the origin {:?} m (grid.origin)", position(origin + shift))
    };
    Comparison::Differs { what, remedy }
}

/// A number with at most seven significant digits.
fn tidy(x: f64) -> f64 {
    rounded(x, 6)
}

/// A number with at most this many digits after the first.
fn rounded(x: f64, digits: usize) -> f64 {
    format!("{x:.digits$e}").parse().unwrap_or(x)
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
