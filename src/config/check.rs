//! Checks a table against the shape of the type that it is to become, before serde sees it: the first key that is
//! unknown, of the wrong type, out of range or missing ends in one message with key, value, range, unit and place.
use super::shape::{Key, Shape};
use super::source::{Source, nearest, shown, suggestion};
use crate::base::Result;
use toml::{Table, Value};

/// Checks the table that stands under `prefix` (empty for the whole file).
pub fn table(table: &Table, keys: &[Key], prefix: &str, source: &Source) -> Result<()> {
    let path = |name: &str| if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
    for (name, value) in table {
        match keys.iter().find(|key| key.name == *name) {
            Some(key) => check(value, &key.shape, &path(name), &key.unit, source)?,
            None => {
                let known: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
                let remedy = match known.len() {
                    0 => format!("`{prefix}` has no keys"),
                    _ => suggestion(name, &known, "known keys are"),
                };
                return Err(source.error(&path(name), format!("unknown key `{}`", path(name)), &remedy));
            }
        }
    }
    match keys.iter().find(|key| key.required && !table.contains_key(&key.name)) {
        // Of a missing section, the key in it that has no default is what is really missing.
        Some(Key { name, shape: Shape::Table(inner), .. }) if inner.iter().any(|key| key.required) => {
            self::table(&Table::new(), inner, &path(name), source)
        }
        Some(key) => {
            let name = path(&key.name);
            Err(source.error(&name, format!("`{name}` is missing"), &key.description))
        }
        None => Ok(()),
    }
}

fn check(value: &Value, shape: &Shape, key: &str, unit: &str, source: &Source) -> Result<()> {
    let wrong = |why: &str| Err(source.wrong(key, shown(value), why));
    let unit_shown = if unit.is_empty() { String::new() } else { format!(" [{unit}]") };
    let must_be = || wrong(&format!("must be {shape}{unit_shown}"));
    match (shape, value) {
        (Shape::Anything, _) | (Shape::Flag, Value::Boolean(_)) | (Shape::Text, Value::String(_)) => Ok(()),
        (Shape::Whole(range), Value::Integer(n)) if range.contains(*n as f64) => Ok(()),
        (Shape::Number(range), Value::Integer(n)) if range.contains(*n as f64) => Ok(()),
        (Shape::Number(_), Value::Float(x)) if !x.is_finite() => {
            wrong(&format!("is not finite: must be {shape}{unit_shown}"))
        }
        (Shape::Number(range), Value::Float(x)) if range.contains(*x) => Ok(()),
        (Shape::Time(format), Value::String(text)) => match time(format, text) {
            Ok(()) => Ok(()),
            Err(why) => wrong(&why),
        },
        (Shape::Choice(names), Value::String(text)) if names.iter().any(|(name, _)| name == text) => Ok(()),
        (Shape::Choice(names), Value::String(text)) => match nearest(text, names.iter().map(|(name, _)| &**name)) {
            Some(name) => wrong(&format!("must be {shape}\ndid you mean \"{name}\"?")),
            None => must_be(),
        },
        (Shape::List(items, count), Value::Array(values)) if count.contains(values.len() as f64) => {
            let each = |(i, value)| check(value, items, &format!("{key}[{i}]"), unit, source);
            values.iter().enumerate().try_for_each(each)
        }
        (Shape::Table(keys), Value::Table(inner)) => table(inner, keys, key, source),
        (Shape::Map(values), Value::Table(inner)) => {
            inner.iter().try_for_each(|(name, value)| check(value, values, &format!("{key}.{name}"), unit, source))
        }
        (Shape::Either(shapes), _) => match shapes.iter().any(|shape| check(value, shape, key, unit, source).is_ok()) {
            true => Ok(()),
            false => must_be(),
        },
        (Shape::Whole(_) | Shape::Number(_), Value::String(text)) if text.parse::<f64>().is_ok() => {
            wrong(&format!("must be {shape}{unit_shown}, and this is a text\nleave the quotes out"))
        }
        _ => must_be(),
    }
}

fn time(format: &str, text: &str) -> Result<(), String> {
    match format {
        "span" => text.parse::<super::Span>().map(drop),
        "cadence" => text.parse::<super::Cadence>().map(drop),
        "wall-cadence" => text.parse::<super::WallCadence>().map(drop),
        _ => text.parse::<super::Wall>().map(drop),
    }
}
