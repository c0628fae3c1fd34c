//! What several keys of a job file must fulfil together, and the defaults that depend on other keys.
use super::JobFile;
use crate::base::{Region, Result};

const AXES: [&str; 3] = ["z", "y", "x"];

/// Fills in the defaults that depend on other keys, then checks the numbers against each other.
pub(super) fn settle(file: &mut JobFile) -> Result<()> {
    grid(file)?;
    let names: Vec<String> = file.output.keys().cloned().collect();
    names.iter().try_for_each(|name| stream(file, name))
}

fn grid(file: &mut JobFile) -> Result<()> {
    let (cells, source) = (file.grid.cells, &file.source);
    // A cell's number along a row and its key are 64-bit, and no field may be larger than half the address space.
    if cells.iter().try_fold(1usize, |all, &n| all.checked_mul(n)).is_none_or(|all| all > 1 << 59) {
        let why = "is more than 2^59 cells, of which no field fits in memory";
        return Err(source.wrong("grid.cells", format!("{cells:?}"), why));
    }
    // Where no list is given, all lengths are missing; where one is, only those of flat axes can be.
    let longest = cells.iter().copied().max().unwrap_or(1) as f64;
    let flat = file.grid.length[2] / cells[2] as f64;
    for axis in 0..3 {
        if !file.grid.length[axis].is_finite() {
            file.grid.length[axis] = if flat.is_finite() { flat } else { cells[axis] as f64 / longest };
        }
        if !file.grid.origin[axis].is_finite() {
            file.grid.origin[axis] = 0.0;
        }
        let (length, origin) = (file.grid.length[axis], file.grid.origin[axis]);
        let spacing = length / cells[axis] as f64;
        if !spacing.is_normal() || origin + spacing == origin || !(origin + length).is_finite() {
            let what = format!(
                "{} cells over {length:?} m from {origin:?} m along {}: double precision cannot tell their positions apart",
                cells[axis], AXES[axis]
            );
            let key = if spacing.is_normal() { "grid.origin" } else { "grid.length" };
            return Err(source.error(key, what, "choose another `grid.length` or `grid.origin`"));
        }
    }
    Ok(())
}

fn stream(file: &mut JobFile, name: &str) -> Result<()> {
    let (grid, source, key) = (&file.grid, &file.source, format!("output.{name}"));
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || !name.chars().all(legal) || ["checkpoints", "job", "summary"].contains(&name) {
        let why = format!("the name of the stream `{key}` cannot be that of a file beside job.toml");
        return Err(source.error(&key, why, "use letters, digits, _ and -, and not checkpoints, job or summary"));
    }
    let stream = &mut file.output[name];
    if stream.region.is_some() && stream.points.is_some() {
        let what = format!("`{key}` has both `region` and `points`");
        return Err(source.error(&format!("{key}.points"), what, "make two streams of them"));
    }
    if let Some(region) = &stream.region {
        for (axis, range) in [region.z, region.y, region.x].into_iter().enumerate() {
            let (Some([low, high]), cells) = (range, grid.cells[axis]) else { continue };
            if low >= high || high > cells {
                let key = format!("{key}.region.{}", AXES[axis]);
                let why = format!("must be [first, one past the last] of the {cells} cells along {}", AXES[axis]);
                return Err(source.wrong(&key, format!("[{low}, {high}]"), &why));
            }
        }
        debug_assert!(Region::of(grid.cells).contains(&region.within(grid.cells)));
    }
    for (i, point) in stream.points.iter_mut().flatten().enumerate() {
        for axis in 0..3 {
            let (low, high) = (grid.origin[axis], grid.origin[axis] + grid.length[axis]);
            if !point[axis].is_finite() {
                point[axis] = low + 0.5 * grid.length[axis];
            }
            if !(low..=high).contains(&point[axis]) {
                let key = format!("{key}.points[{i}]");
                let why = format!("{} must be from {low} to {high} m, where the grid is", AXES[axis]);
                return Err(source.wrong(&key, format!("{point:?}"), &why));
            }
        }
    }
    Ok(())
}
