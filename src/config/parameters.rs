//! A job's `[parameters]`: a plain struct whose doc comments, defaults and ranges are also its manual and its checks.
use super::{Key, Shape, Source, check};
use crate::base::Result;
use schemars::JsonSchema;
use serde_json::Value as Json;

/// One key, as `halocline describe` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The key; one of an inner table is `table.key`.
    pub name: String,
    /// Its type in a word, such as `number` or `list of 3 numbers`.
    pub kind: String,
    /// Its unit; empty if it has none.
    pub unit: String,
    /// Its default in TOML; empty if it has none.
    pub default: String,
    /// The values allowed, such as `≥ 0` or `"f64" or "f32"`; empty if all are.
    pub range: String,
    /// What it means.
    pub description: String,
}

/// The keys of the table that becomes a `T`, in the order of its fields. A description comes from the doc comment, and
/// the unit from the brackets at its end; the range from `#[schemars(range(…))]`, where an open bound is
/// `#[schemars(extend("exclusiveMinimum" = 0.0))]`; the default from `T`'s `Default`.
///
/// ```
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, JsonSchema)]
/// #[serde(default, deny_unknown_fields)]
/// struct Parameters {
///     /// diffusivity κ [m²/s]
///     #[schemars(range(min = 0.0))]
///     kappa: f64,
/// }
///
/// impl Default for Parameters {
///     fn default() -> Parameters {
///         Parameters { kappa: 1.5 }
///     }
/// }
///
/// let row = &halocline::config::describe::<Parameters>()[0];
/// assert_eq!([&*row.name, &row.kind, &row.unit], ["kappa", "number", "m²/s"]);
/// assert_eq!([&*row.default, &row.range, &row.description], ["1.5", "≥ 0", "diffusivity κ"]);
/// ```
pub fn describe<T: JsonSchema>() -> Vec<Row> {
    let mut rows = vec![];
    if let Shape::Table(keys) = Shape::of::<T>() {
        add_rows("", &keys, &mut rows);
    }
    rows
}

/// Checks a job's parameters, which stand under `[parameters]`, against their type `T`.
///
/// # Errors
/// An unknown key, a value of a wrong type or range: with its line in the job file.
pub fn check_parameters<T: JsonSchema>(parameters: &toml::Table, source: &Source) -> Result<()> {
    match Shape::of::<T>() {
        Shape::Table(keys) => check::table(parameters, &keys, "parameters", source),
        _ => Ok(()),
    }
}

fn add_rows(prefix: &str, keys: &[Key], rows: &mut Vec<Row>) {
    for key in keys {
        let name = format!("{prefix}{}", key.name);
        match &key.shape {
            Shape::Table(inner) => add_rows(&format!("{name}."), inner, rows),
            Shape::Map(values) => match &**values {
                Shape::Table(inner) => add_rows(&format!("{name}.NAME."), inner, rows),
                _ => rows.push(row(name, key)),
            },
            _ => rows.push(row(name, key)),
        }
    }
}

fn row(name: String, key: &Key) -> Row {
    let mut description = key.description.clone();
    if let Shape::Choice(names) = &key.shape {
        let described = names.iter().filter(|(_, what)| !what.is_empty());
        let described: Vec<String> = described.map(|(name, what)| format!("{name} = {what}")).collect();
        if !described.is_empty() {
            description = format!("{description}: {}", described.join("; "));
        }
    }
    Row {
        name,
        kind: key.shape.kind(),
        unit: key.unit.clone(),
        default: match &key.default {
            _ if key.required => "required".into(),
            Some(default) => in_toml(default),
            None => String::new(),
        },
        range: key.shape.range(),
        description,
    }
}

/// A JSON value in the words of TOML: they differ in tables only, which have no default of their own.
fn in_toml(value: &Json) -> String {
    match value {
        Json::Array(values) => format!("[{}]", values.iter().map(in_toml).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}
