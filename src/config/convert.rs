//! Numbers with a unit: a key that has a unit takes a number in this unit, or a string such as `"2 cm2/s"` with another unit of
//! the same dimension. Strings become numbers before the table is checked and deserialised.
use super::duration::SimulatedDuration;
use super::number_fault::{is_misspelt, underflows};
use super::origins::{KeyOrigins, shown};
use super::schema::{KeySchema, ValueSchema};
use crate::base::Result;
use crate::base::dimension::{Relation, converted};
use toml::{Table, Value};

/// Converts the values in the table with the dotted path `prefix` (empty for the whole file) to the units of their keys.
///
/// # Errors
/// If the unit of a value is unknown or has another dimension, or if the converted number is out of range.
pub fn table(table: &mut Table, keys: &[KeySchema], prefix: &str, origins: &KeyOrigins) -> Result<()> {
    for (name, value) in table {
        if let Some(key) = keys.iter().find(|key| key.name == *name) {
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            convert(value, &key.schema, &path, &key.unit, origins)?;
        }
    }
    Ok(())
}

fn convert(value: &mut Value, schema: &ValueSchema, key: &str, unit: &str, origins: &KeyOrigins) -> Result<()> {
    match (schema, &mut *value) {
        (ValueSchema::Number(range), Value::String(text)) if !unit.is_empty() => {
            let Some(number) = number(text, key, unit, origins)? else { return Ok(()) };
            if !range.contains(number) {
                let why = format!("is {number:?} {unit}, but must be {schema} [{unit}]");
                return Err(origins.wrong(key, shown(value), &why));
            }
            *value = Value::Float(number);
            Ok(())
        }
        (ValueSchema::List(items, _), Value::Array(values)) => {
            let each = |(i, value)| convert(value, items, &format!("{key}[{i}]"), unit, origins);
            values.iter_mut().enumerate().try_for_each(each)
        }
        (ValueSchema::Table(keys), Value::Table(inner)) => table(inner, keys, key, origins),
        (ValueSchema::Map(values), Value::Table(inner)) => inner
            .iter_mut()
            .try_for_each(|(name, value)| convert(value, values, &format!("{key}.{name}"), unit, origins)),
        (ValueSchema::Either(schemas), Value::Table(_)) => {
            let mut tables = schemas.iter().filter(|schema| matches!(schema, ValueSchema::Table(_)));
            match (tables.next(), tables.next()) {
                (Some(schema), None) => convert(value, schema, key, unit, origins),
                _ => Ok(()),
            }
        }
        (ValueSchema::Either(schemas), _) => {
            schemas.iter().try_for_each(|schema| convert(value, schema, key, unit, origins))
        }
        _ => Ok(()),
    }
}

/// The number in the unit `unit` that a text stands for. None if the text is not a number with a unit: the check says why.
fn number(text: &str, key: &str, unit: &str, origins: &KeyOrigins) -> Result<Option<f64>> {
    let Some((number, given)) = parts(text) else { return Ok(None) };
    let quoted = || Value::String(text.to_owned()).to_string();
    if underflows(number) {
        return Err(origins.wrong(
            key,
            quoted(),
            "is too small: numbers begin at 5e-324\nwrite 0.0, or a larger number",
        ));
    }
    let remedy = format!("write a number in {unit}, or one with a unit of this dimension");
    let of_sum = seconds(text).and_then(|seconds| converted(&format!("{seconds:?}"), "s", unit).ok());
    let why = match converted(number, given, unit) {
        Ok(number) if number.is_finite() => return Ok(Some(number)),
        Ok(_) => format!("is too large a number of {unit}"),
        // A sum of times is no product of units.
        Err(_) if of_sum.is_some() => return Ok(of_sum),
        Err(_) if is_misspelt(text) => return Ok(None),
        Err(Relation::Unknown) => format!("the unit `{given}` is not known, and cannot be converted to {unit}"),
        Err(_) => format!("the unit `{given}` has another dimension than {unit}"),
    };
    Err(origins.wrong(key, quoted(), &format!("{why}\n{remedy}")))
}

/// The seconds of a simulated time such as `1 h 30 min`.
fn seconds(text: &str) -> Option<f64> {
    match text.parse() {
        Ok(SimulatedDuration::Seconds(seconds)) => Some(seconds),
        _ => None,
    }
}

/// The number and the unit of a text such as `2 cm2/s` or `3km`.
fn parts(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    let longest = text.find(|c: char| !(c.is_ascii_digit() || "+-.eE".contains(c))).unwrap_or(text.len());
    let is_number = |length: &usize| text[..*length].parse::<f64>().is_ok();
    let length = (1..=longest).rev().find(is_number)?;
    let (number, rest) = text.split_at(length);
    let unit = rest.trim();
    // `0.03 1/s`, but not `8 000` or `1,5`.
    let is_unit = unit.starts_with(|c: char| c.is_alphabetic() || c == '%' || c == '°') || unit.starts_with("1/");
    is_unit.then_some((number, unit))
}

#[cfg(test)]
mod tests {
    use super::super::check_parameters;
    use super::*;
    use schemars::JsonSchema;
    use serde::Deserialize;

    #[derive(JsonSchema, Deserialize, PartialEq, Debug, Default)]
    #[serde(default, deny_unknown_fields)]
    struct Keys {
        /// diffusivity [m²/s]
        #[schemars(extend("exclusiveMinimum" = 0.0))]
        kappa: f64,
        /// time step [s]
        dt: Option<f64>,
        /// positions [m]
        places: Vec<Vec<f64>>,
        /// rate [1/s]
        rate: f64,
        /// salinity [psu]
        salt: f64,
        /// width [cells]
        width: usize,
        /// no unit
        plain: f64,
        /// a table
        inner: Option<Inner>,
    }

    #[derive(JsonSchema, Deserialize, PartialEq, Debug, Default)]
    struct Inner {
        /// temperature [K]
        t: f64,
    }

    fn keys(text: &str) -> Result<Keys> {
        let (mut table, origins) = KeyOrigins::parse("a.toml", text, &[])?;
        let mut inner = table.remove("parameters").and_then(|value| value.try_into::<Table>().ok()).unwrap_or_default();
        check_parameters::<Keys>(&mut inner, &origins)?;
        Ok(inner.try_into().expect("checked values"))
    }

    #[test]
    fn numbers_with_a_unit_are_converted_to_the_unit_of_their_key() {
        let text = "[parameters]\nkappa = '2 cm2/s'\ndt = '5 min'\nplaces = [['3 km', 4], ['1e2cm']]\nrate = '3 1/min'\n\
                    salt = '35 psu'\ninner = {t = '20 degC'}";
        let expected = Keys {
            kappa: 2e-4,
            dt: Some(300.0),
            places: vec![vec![3000.0, 4.0], vec![1.0]],
            rate: 0.05,
            salt: 35.0,
            inner: Some(Inner { t: 293.15 }),
            ..Keys::default()
        };
        assert_eq!(keys(text).unwrap(), expected);
        assert_eq!(keys("parameters.dt = '1 h 30 min'\nparameters.kappa = 1").unwrap().dt, Some(5400.0));
    }

    #[test]
    fn other_dimensions_unknown_units_and_ranges_are_errors_at_their_line() {
        for (text, message) in [
            (
                "[parameters]\nkappa = '2 K'",
                "a.toml:2: `parameters.kappa` = \"2 K\": the unit `K` has another dimension than m²/s\n  \
                 write a number in m²/s, or one with a unit of this dimension",
            ),
            (
                "[parameters]\nplaces = [\n[1, '2 s']]",
                "a.toml:2: `parameters.places[0][1]` = \"2 s\": the unit `s` has another dimension than m\n  \
                 write a number in m, or one with a unit of this dimension",
            ),
            (
                "parameters.dt = '3 step'",
                "a.toml:1: `parameters.dt` = \"3 step\": the unit `step` is not known, and cannot be converted to s\n  \
                 write a number in s, or one with a unit of this dimension",
            ),
            (
                "parameters.kappa = '-2 cm2/s'",
                "a.toml:1: `parameters.kappa` = \"-2 cm2/s\": is -0.0002 m²/s, but must be a number > 0 [m²/s]",
            ),
            (
                "parameters.kappa = '1e308 km2/s'",
                "a.toml:1: `parameters.kappa` = \"1e308 km2/s\": is too large a number of m²/s\n  \
                 write a number in m²/s, or one with a unit of this dimension",
            ),
            (
                "parameters.kappa = '1e-400 m2/s'",
                "a.toml:1: `parameters.kappa` = \"1e-400 m2/s\": is too small: numbers begin at 5e-324\n  \
                 write 0.0, or a larger number",
            ),
        ] {
            assert_eq!(keys(text).unwrap_err().to_string(), message);
        }
        // As before: the check says what is wrong with these.
        for (text, message) in [
            ("parameters.kappa = '2'", "must be a number > 0 [m²/s], but this is a string\n  remove the quotes"),
            ("parameters.kappa = '1d3'", "remove the quotes and write 1e3"),
            ("parameters.kappa = '1,5 m2/s'", "must be a number > 0 [m²/s]"),
            ("parameters.width = '3 m'", "must be a whole number ≥ 0 [cells]"),
            ("parameters.plain = '3 m'", "must be a number"),
            ("parameters.kappa = 'fast'", "must be a number > 0 [m²/s]"),
        ] {
            let error = keys(text).unwrap_err().to_string();
            assert!(error.contains(message), "{text}\n{error}");
        }
    }
}
