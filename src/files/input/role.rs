//! What a dimension of a foreign file is: time, or an axis of space, after the conventions of CF and COARDS and by its name.
use super::variable::InputVariable;
use crate::base::dimension::Unit;

/// The role of a dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Time: an instant of it is chosen.
    Time,
    /// An axis of space: 0 is z, 1 is y, 2 is x.
    Space(usize),
    /// Neither its coordinate nor its name tells.
    Unknown,
}

/// The role of dimension `name`, whose coordinate variable is `coordinate`.
pub(super) fn role(name: &str, coordinate: Option<&dyn InputVariable>) -> Role {
    coordinate.and_then(by_attributes).unwrap_or_else(|| by_name(name))
}

fn by_attributes(coordinate: &dyn InputVariable) -> Option<Role> {
    let axis = match &*coordinate.text("axis").to_lowercase() {
        "t" => Some(Role::Time),
        "z" => Some(Role::Space(0)),
        "y" => Some(Role::Space(1)),
        "x" => Some(Role::Space(2)),
        _ => None,
    };
    let units = coordinate.text("units").to_lowercase();
    let standard = match &*coordinate.text("standard_name") {
        "time" | "forecast_reference_time" => Some(Role::Time),
        "latitude" | "grid_latitude" | "projection_y_coordinate" => Some(Role::Space(1)),
        "longitude" | "grid_longitude" | "projection_x_coordinate" => Some(Role::Space(2)),
        "depth" | "height" | "altitude" | "air_pressure" => Some(Role::Space(0)),
        _ => None,
    };
    let by_unit = || match &*units {
        _ if units.contains(" since ") => Some(Role::Time),
        "degrees_north" | "degree_north" | "degrees_n" | "degree_n" => Some(Role::Space(1)),
        "degrees_east" | "degree_east" | "degrees_e" | "degree_e" => Some(Role::Space(2)),
        _ => None,
    };
    let positive = || (!coordinate.text("positive").is_empty()).then_some(Role::Space(0));
    axis.or(standard).or_else(by_unit).or_else(positive)
}

fn by_name(name: &str) -> Role {
    let name = name.to_lowercase();
    const NAMES: [(&[&str], Role); 4] = [
        (&["t", "time", "times", "record", "date", "month", "day", "hour", "step"], Role::Time),
        (&["z", "lev", "level", "levels", "depth", "height", "altitude", "alt", "plev", "nz"], Role::Space(0)),
        (&["y", "lat", "latitude", "nlat", "ny", "rlat", "north", "northing"], Role::Space(1)),
        (&["x", "lon", "long", "longitude", "nlon", "nx", "rlon", "east", "easting"], Role::Space(2)),
    ];
    let is = |name: &str| NAMES.iter().find(|(names, _)| names.contains(&name)).map(|(_, role)| *role);
    // `x_face`, `ETOPO05_X`; WRF's `south_north`, `west_east` and `bottom_top`.
    let part = || {
        let mut parts = name.split('_').rev().filter(|part| !part.is_empty() && *part != "stag");
        let last = parts.next().filter(|last| *last != "face")?;
        is(last).or_else(|| (last == "top").then_some(Role::Space(0)))
    };
    let face = || is(name.strip_suffix("_face")?);
    is(&name).or_else(face).or_else(part).unwrap_or(Role::Unknown)
}

/// The unit of length of a coordinate in metres; `None` for another unit.
pub(super) fn metres(coordinate: &dyn InputVariable) -> Option<f64> {
    Unit::parse(&coordinate.text("units")).and_then(Unit::metres)
}

/// True for a coordinate in degrees or radians.
pub(super) fn is_angle(coordinate: &dyn InputVariable) -> bool {
    let units = coordinate.text("units").to_lowercase();
    units.starts_with("degree") || Unit::parse(&units).is_some_and(Unit::is_angle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_dimensions_tell_their_axis() {
        for (name, role) in [
            ("time", Role::Time),
            ("TIME", Role::Time),
            ("z_face", Role::Space(0)),
            ("ETOPO05_Y", Role::Space(1)),
            ("south_north", Role::Space(1)),
            ("west_east_stag", Role::Space(2)),
            ("bottom_top", Role::Space(0)),
            ("lon", Role::Space(2)),
            ("dim0", Role::Unknown),
            ("member", Role::Unknown),
        ] {
            assert_eq!(by_name(name), role, "{name}");
        }
    }
}
