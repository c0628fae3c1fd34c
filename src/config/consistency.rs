//! Conditions on several keys of a job file together, and the defaults that depend on other keys.
use super::origins::KeyOrigins;
use super::sections::{GridSection, StreamSection};
use crate::base::{Region, Result};
use indexmap::IndexMap;

const AXES: [&str; 3] = ["z", "y", "x"];
/// The names of files and directories of a run, without extensions, that no stream may have.
const RESERVED: [&str; 7] = ["checkpoints", "control", "job", "ledger", "series", "summary", "trace"];
/// The most characters of a stream's name: file systems limit names to 255 bytes, of which fields and extensions take a part.
const LONGEST_NAME: usize = 64;

/// Fills in the defaults of `[grid]`, then checks its numbers against each other.
///
/// # Errors
/// If the grid has too many cells, or if double precision cannot resolve their positions.
pub(super) fn complete_grid(grid: &mut GridSection, origins: &KeyOrigins) -> Result<()> {
    let cells = grid.cells;
    // The index of a cell is 64-bit, and no field may be larger than half the address space.
    if cells.iter().try_fold(1usize, |all, &n| all.checked_mul(n)).is_none_or(|all| all > 1 << 59) {
        let why = "more than 2^59 cells: a field of this size cannot fit in memory";
        return Err(origins.wrong("grid.cells", format!("{cells:?}"), why));
    }
    // Without a list all lengths are missing; with a list, only the lengths of flat axes can be missing.
    let longest = cells.iter().copied().max().unwrap_or(1) as f64;
    let flat = grid.length[2] / cells[2] as f64;
    for axis in 0..3 {
        if !grid.length[axis].is_finite() {
            grid.length[axis] = if flat.is_finite() { flat } else { cells[axis] as f64 / longest };
        }
        if !grid.origin[axis].is_finite() {
            grid.origin[axis] = 0.0;
        }
        let (length, origin) = (grid.length[axis], grid.origin[axis]);
        let spacing = length / cells[axis] as f64;
        if !spacing.is_normal() || origin + spacing == origin || !(origin + length).is_finite() {
            let what = format!(
                "{} cells over {length:?} m from {origin:?} m along {}: double precision cannot resolve their positions",
                cells[axis], AXES[axis]
            );
            let key = if spacing.is_normal() { "grid.origin" } else { "grid.length" };
            return Err(origins.error(key, what, "choose another `grid.length` or `grid.origin`"));
        }
    }
    Ok(())
}

/// Checks the output streams against the grid, and fills in the coordinates of points along flat axes.
///
/// # Errors
/// If a stream has an invalid name, both a region and points, or a region or point outside of the grid.
pub(super) fn complete_streams(
    streams: &mut IndexMap<String, StreamSection>,
    grid: &GridSection,
    origins: &KeyOrigins,
) -> Result<()> {
    streams.iter_mut().try_for_each(|(name, stream)| complete_stream(name, stream, grid, origins))
}

fn complete_stream(name: &str, stream: &mut StreamSection, grid: &GridSection, origins: &KeyOrigins) -> Result<()> {
    let key = format!("output.{name}");
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.chars().all(legal) || !name.starts_with(|c| legal(c) && c != '-') || name.len() > LONGEST_NAME {
        let why = format!("`{key}` is not a valid stream name: the name is used for files in the run directory");
        let remedy = format!("use at most {LONGEST_NAME} letters, digits, _ and -, the first not a -");
        return Err(origins.error(&key, why, &remedy));
    }
    if RESERVED.contains(&name) {
        let why = format!("`{key}` is not a valid stream name: a run has a file or directory `{name}` of its own");
        let remedy = format!("use another name; {} are reserved", RESERVED.join(", "));
        return Err(origins.error(&key, why, &remedy));
    }
    if stream.region.is_some() && stream.points.is_some() {
        let what = format!("`{key}` has both `region` and `points`");
        return Err(origins.error(&format!("{key}.points"), what, "split it into two streams"));
    }
    if let Some(region) = &stream.region {
        for (axis, range) in [region.z, region.y, region.x].into_iter().enumerate() {
            let (Some([low, high]), cells) = (range, grid.cells[axis]) else { continue };
            if low >= high || high > cells {
                let key = format!("{key}.region.{}", AXES[axis]);
                let why = format!("must be [first, one past the last] of the {cells} cells along {}", AXES[axis]);
                return Err(origins.wrong(&key, format!("[{low}, {high}]"), &why));
            }
        }
        debug_assert!(Region::of(grid.cells).contains(&region.within(grid.cells)));
    }
    if let Some(names) = &stream.names {
        check_names(&key, names, stream.points.as_ref().map(Vec::len), origins)?;
    }
    for (i, point) in stream.points.iter_mut().flatten().enumerate() {
        for axis in 0..3 {
            let (low, high) = (grid.origin[axis], grid.origin[axis] + grid.length[axis]);
            if !point[axis].is_finite() {
                point[axis] = low + 0.5 * grid.length[axis];
            }
            if !(low..=high).contains(&point[axis]) {
                let key = format!("{key}.points[{i}]");
                let why = format!("{} must be inside the grid, from {low} to {high} m", AXES[axis]);
                return Err(origins.wrong(&key, format!("{point:?}"), &why));
            }
        }
    }
    Ok(())
}

/// Checks the names of stations: one for each point, each different and not empty.
fn check_names(key: &str, names: &[String], points: Option<usize>, origins: &KeyOrigins) -> Result<()> {
    let (key, count) = (format!("{key}.names"), names.len());
    match points {
        None => return Err(origins.error(&key, format!("`{key}` without `points`"), "names are those of points")),
        Some(n) if n != count => {
            let what = format!("`{key}` has {count} names for {n} points");
            return Err(origins.error(&key, what, "give each point a name, or none"));
        }
        Some(_) => {}
    }
    if let Some((i, name)) = names.iter().enumerate().find(|(_, name)| name.contains(char::is_control)) {
        let why = "has a control character, and texts in files end at some of them";
        return Err(origins.wrong(&format!("{key}[{i}]"), format!("{name:?}"), why));
    }
    let mut known = std::collections::HashSet::new();
    match names.iter().enumerate().find(|(_, name)| name.trim().is_empty() || !known.insert(*name)) {
        None => Ok(()),
        Some((i, name)) => {
            let why = "names must differ, and none may be empty";
            Err(origins.wrong(&format!("{key}[{i}]"), format!("{name:?}"), why))
        }
    }
}
