//! Lists of one to three values, one per axis: `[z, y, x]`, `[y, x]` or `[x]`. The last value belongs to x.
use super::origins::KeyOrigins;
use crate::base::Result;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use toml::{Table, Value};

/// The value of an axis that a list of numbers leaves out, until its default is known.
pub(super) const NOT_GIVEN: f64 = f64::NAN;

fn pad<T: Copy>(given: &[T], filler: T) -> Option<[T; 3]> {
    let missing = 3usize.checked_sub(given.len())?;
    Some(std::array::from_fn(|axis| if axis < missing { filler } else { given[axis - missing] }))
}

fn padded<'de, D: Deserializer<'de>, T: Deserialize<'de> + Copy>(from: D, filler: T) -> Result<[T; 3], D::Error> {
    let given = Vec::deserialize(from)?;
    pad(&given, filler).ok_or_else(|| serde::de::Error::invalid_length(given.len(), &"1 to 3 values, [z, y, x]"))
}

pub(super) fn cells<'de, D: Deserializer<'de>>(from: D) -> Result<[usize; 3], D::Error> {
    padded(from, 1)
}

pub(super) fn ranks<'de, D: Deserializer<'de>>(from: D) -> Result<Option<[usize; 3]>, D::Error> {
    padded(from, 1).map(Some)
}

pub(super) fn numbers<'de, D: Deserializer<'de>>(from: D) -> Result<[f64; 3], D::Error> {
    padded(from, NOT_GIVEN)
}

pub(super) fn not_given() -> [f64; 3] {
    [NOT_GIVEN; 3]
}

pub(super) fn points<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<[f64; 3]>>, D::Error> {
    let points: Vec<Vec<f64>> = Vec::deserialize(from)?;
    let all: Option<Vec<[f64; 3]>> = points.iter().map(|point| pad(point, NOT_GIVEN)).collect();
    all.map(Some).ok_or_else(|| serde::de::Error::custom("a point has 1 to 3 numbers, [z, y, x]"))
}

/// `true` or `false` for all axes, or one flag per axis.
pub(super) fn flags<'de, D: Deserializer<'de>>(from: D) -> Result<Option<[bool; 3]>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Flags {
        All(bool),
        Each(Vec<bool>),
    }
    match Flags::deserialize(from)? {
        Flags::All(all) => Ok(Some([all; 3])),
        Flags::Each(given) => Ok(pad(&given, false)),
    }
}

fn list(items: Schema) -> Schema {
    json_schema!({"type": "array", "items": items, "minItems": 1, "maxItems": 3})
}

pub(super) fn counts_schema(_: &mut SchemaGenerator) -> Schema {
    list(json_schema!({"type": "integer", "minimum": 1}))
}

pub(super) fn lengths_schema(_: &mut SchemaGenerator) -> Schema {
    list(json_schema!({"type": "number", "exclusiveMinimum": 0}))
}

pub(super) fn numbers_schema(_: &mut SchemaGenerator) -> Schema {
    list(json_schema!({"type": "number"}))
}

pub(super) fn flags_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"anyOf": [{"type": "boolean"}, list(json_schema!({"type": "boolean"}))]})
}

pub(super) fn points_schema(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": numbers_schema(generator), "minItems": 1})
}

/// Checks that lists leave out leading axes only where the grid is flat: on any other axis the value would be a guess.
pub(super) fn check_counts(table: &Table, cells: [usize; 3], origins: &KeyOrigins) -> Result<()> {
    let axes = 3 - cells.iter().position(|&n| n > 1).unwrap_or(2);
    let check = |key: &str, value: &Value| match value {
        Value::Array(values) if values.len() < axes => {
            let count = if axes == 1 { "1 axis".into() } else { format!("{axes} axes") };
            let why = format!("the grid has {count}: cells = {cells:?}\nlists are [z, y, x], [y, x] or [x]");
            Err(origins.wrong(key, super::origins::shown(value), &why))
        }
        _ => Ok(()),
    };
    for (section, key) in [("grid", "length"), ("grid", "origin"), ("grid", "periodic"), ("parallel", "ranks")] {
        if let Some(value) = table.get(section).and_then(|section| section.get(key)) {
            check(&format!("{section}.{key}"), value)?;
        }
    }
    for (name, stream) in table.get("output").and_then(Value::as_table).into_iter().flatten() {
        for (i, point) in stream.get("points").and_then(Value::as_array).into_iter().flatten().enumerate() {
            check(&format!("output.{name}.points[{i}]"), point)?;
        }
    }
    Ok(())
}
