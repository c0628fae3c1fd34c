//! Checks a TOML table against the schema of its Rust type, before serde deserialises it. The first key that is unknown,
//! missing, of the wrong type or out of range is reported with its value, range, unit and line.
use super::date::ReferenceDate;
use super::duration::{Cadence, SimulatedDuration, WallCadence, WallTime};
use super::number_fault::NumberFault;
use super::origins::{KeyOrigins, shown};
use super::schema::{KeySchema, ValueSchema};
use super::suggestion::{nearest, suggestion};
use crate::base::Result;
use toml::{Table, Value};

/// Checks the table with the dotted path `prefix` (empty for the whole file).
///
/// # Errors
/// The first key that is unknown, missing, of the wrong type or out of range.
pub fn table(table: &Table, keys: &[KeySchema], prefix: &str, origins: &KeyOrigins) -> Result<()> {
    let path = |name: &str| if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
    for (name, value) in table {
        match keys.iter().find(|key| key.name == *name) {
            Some(key) => check(value, &key.schema, &path(name), &key.unit, origins)?,
            None => {
                let known: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
                let remedy = match known.len() {
                    0 => format!("`{prefix}` has no keys"),
                    _ => suggestion(name, &known, "known keys are"),
                };
                return Err(origins.error(&path(name), format!("unknown key `{}`", path(name)), &remedy));
            }
        }
    }
    match keys.iter().find(|key| key.required && !table.contains_key(&key.name)) {
        // For a missing section, name the key in it that has no default.
        Some(KeySchema { name, schema: ValueSchema::Table(inner), .. }) if inner.iter().any(|key| key.required) => {
            self::table(&Table::new(), inner, &path(name), origins)
        }
        Some(key) => {
            let name = path(&key.name);
            Err(origins.error(&name, format!("`{name}` is missing"), &key.description))
        }
        None => Ok(()),
    }
}

fn check(value: &Value, schema: &ValueSchema, key: &str, unit: &str, origins: &KeyOrigins) -> Result<()> {
    let wrong = |why: &str| Err(origins.wrong(key, shown(value), why));
    let unit_shown = if unit.is_empty() { String::new() } else { format!(" [{unit}]") };
    let must_be = || {
        let must_be = format!("must be {schema}{unit_shown}");
        match value {
            Value::String(text) => match string_fault(text, schema, &must_be, origins.is_bare(key)) {
                Some((shown, why)) => Err(origins.wrong(key, shown, &why)),
                None => wrong(&must_be),
            },
            _ => wrong(&must_be),
        }
    };
    match (schema, value) {
        (ValueSchema::Anything, _) | (ValueSchema::Flag, Value::Boolean(_)) | (ValueSchema::Text, Value::String(_)) => {
            Ok(())
        }
        (ValueSchema::Whole(range), Value::Integer(n)) if range.contains(*n as f64) => Ok(()),
        (ValueSchema::Number(range), Value::Integer(n)) if range.contains(*n as f64) => Ok(()),
        (ValueSchema::Number(_), Value::Float(x)) if !x.is_finite() => {
            wrong(&format!("is not finite: must be {schema}{unit_shown}"))
        }
        (ValueSchema::Number(range), Value::Float(x)) if range.contains(*x) => Ok(()),
        (ValueSchema::OneOf(numbers), Value::Integer(n)) if is_one_of(numbers, *n as f64) => Ok(()),
        (ValueSchema::OneOf(numbers), Value::Float(x))
            if numbers.iter().any(|n| n.is_f64()) && is_one_of(numbers, *x) =>
        {
            Ok(())
        }
        (ValueSchema::Time(format), Value::String(text)) => match time(format, text) {
            Ok(()) => Ok(()),
            Err(why) => wrong(&why),
        },
        (ValueSchema::Time(format), Value::Datetime(date)) if format == "date" => match time(format, &date.to_string())
        {
            Ok(()) => Ok(()),
            Err(why) => wrong(&why),
        },
        (ValueSchema::Choice(names), Value::String(text)) if names.iter().any(|(name, _)| name == text) => Ok(()),
        (ValueSchema::Choice(names), Value::String(text)) => match nearest(text, names.iter().map(|(name, _)| &**name))
        {
            Some(name) => wrong(&format!("must be {schema}\ndid you mean \"{name}\"?")),
            None => must_be(),
        },
        (ValueSchema::List(items, count), Value::Array(values)) if count.contains(values.len() as f64) => {
            let each = |(i, value)| check(value, items, &format!("{key}[{i}]"), unit, origins);
            values.iter().enumerate().try_for_each(each)
        }
        (ValueSchema::Table(keys), Value::Table(inner)) => table(inner, keys, key, origins),
        (ValueSchema::Map(values), Value::Table(inner)) => {
            inner.iter().try_for_each(|(name, value)| check(value, values, &format!("{key}.{name}"), unit, origins))
        }
        // A table is meant for the one schema of tables, whose check names the key that is wrong.
        (ValueSchema::Either(schemas), Value::Table(inner)) if only_table(schemas).is_some() => {
            table(inner, only_table(schemas).unwrap_or_default(), key, origins)
        }
        (ValueSchema::Either(schemas), _) => {
            match schemas.iter().any(|schema| check(value, schema, key, unit, origins).is_ok()) {
                true => Ok(()),
                false => must_be(),
            }
        }
        (ValueSchema::Whole(_), Value::Float(x)) if x.fract() == 0.0 && x.abs() < 1e15 => {
            wrong(&format!("must be {schema}{unit_shown}\nwrite {x}"))
        }
        (ValueSchema::Text, other) if !matches!(other, Value::Array(_) | Value::Table(_)) => {
            wrong(&format!("must be {schema}\nput quotes around it: \"{other}\""))
        }
        _ => must_be(),
    }
}

fn is_one_of(numbers: &[serde_json::Number], x: f64) -> bool {
    numbers.iter().any(|n| n.as_f64() == Some(x))
}

/// The fault of a string where the schema wants another value: its text as shown, then why it is wrong, and on a second line
/// the remedy. None if nothing more is known than what the value must be. A `bare` text was given without quotes.
fn string_fault(text: &str, schema: &ValueSchema, must_be: &str, bare: bool) -> Option<(String, String)> {
    let quoted = || Value::String(text.to_owned()).to_string();
    if text.is_empty() {
        return bare.then(|| (String::new(), format!("no value is given: {must_be}\nwrite it directly after the `=`")));
    }
    let literal = text.to_lowercase();
    if schema.accepts_flag() && ["true", "false"].contains(&&*literal) {
        return Some(match bare {
            true => (text.to_owned(), format!("{must_be}\nwrite {literal}")),
            false => (quoted(), format!("{must_be}, but this is a string\nremove the quotes")),
        });
    }
    if !schema.accepts_numbers() {
        return None;
    }
    let is_list = matches!(schema, ValueSchema::List(..));
    if let Some(list) = is_list.then(|| list(text)).flatten() {
        return Some((text.to_owned(), format!("{must_be}\nwrite {list}")));
    }
    match (NumberFault::of(text).or_else(|| NumberFault::within(text)), bare) {
        (Some(fault), true) => Some((text.to_owned(), format!("{}\n{}", fault.why, fault.remedy))),
        (Some(NumberFault { number: Some(number), .. }), false) => {
            Some((quoted(), format!("{must_be}, but this is a string\nremove the quotes and write {number}")))
        }
        (Some(fault), false) => Some((quoted(), format!("{must_be}\n{}", fault.remedy))),
        (None, false) if matches!(text.parse(), Ok(Value::Integer(_) | Value::Float(_) | Value::Array(_))) => {
            Some((quoted(), format!("{must_be}, but this is a string\nremove the quotes")))
        }
        (None, true) if is_list && text.starts_with('[') => {
            let reason = text.parse::<Value>().err().map(|e| e.message().trim().replace('\n', ", "));
            Some((text.to_owned(), format!("not TOML: {}\n{must_be}", reason.unwrap_or_default())))
        }
        _ => None,
    }
}

/// The list that a text of numbers with other brackets or separators means: `8,8,8`, `(8, 8)`, `[8 8]` or `8x8`.
fn list(text: &str) -> Option<String> {
    let inner = text.trim().trim_start_matches(['[', '(', '{']).trim_end_matches([']', ')', '}']);
    let separators = |c: char| c.is_whitespace() || [',', ';', 'x', '×', '*'].contains(&c);
    let numbers: Vec<&str> = inner.split(separators).filter(|part| !part.is_empty()).collect();
    let is_number = |part: &&str| matches!(part.parse(), Ok(Value::Integer(_) | Value::Float(_)));
    (numbers.len() > 1 && numbers.iter().all(is_number)).then(|| format!("[{}]", numbers.join(", ")))
}

/// The keys of the only table among several schemas.
fn only_table(schemas: &[ValueSchema]) -> Option<&[KeySchema]> {
    let mut tables = schemas.iter().filter_map(|schema| match schema {
        ValueSchema::Table(keys) => Some(&keys[..]),
        _ => None,
    });
    tables.next().filter(|_| tables.next().is_none())
}

fn time(format: &str, text: &str) -> Result<(), String> {
    match format {
        "date" => text.parse::<ReferenceDate>().map(drop),
        "duration" => text.parse::<SimulatedDuration>().map(drop),
        "cadence" => text.parse::<Cadence>().map(drop),
        "wall-cadence" => text.parse::<WallCadence>().map(drop),
        _ => text.parse::<WallTime>().map(drop),
    }
}
