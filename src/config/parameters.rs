//! Keys of a job file for the manual, and the check of `[parameters]`: both come from the doc comments, defaults and
//! ranges of a plain struct.
use super::origins::KeyOrigins;
use super::schema::{KeySchema, ValueSchema};
use super::{check, convert};
use crate::base::Result;
use schemars::JsonSchema;
use serde_json::Value as Json;

/// The description of one key, as `halocline describe` prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyDescription {
    /// The dotted path of the key, such as `table.key`.
    pub name: String,
    /// The type, such as `number` or `list of 3 numbers`.
    pub kind: String,
    /// The unit; empty for a key without unit.
    pub unit: String,
    /// The default in TOML; empty for a key without default.
    pub default: String,
    /// The allowed values, such as `≥ 0` or `"f64" or "f32"`; empty if all values are allowed.
    pub range: String,
    /// The meaning of the key.
    pub description: String,
}

/// Describes the keys of the table that deserialises to a `T`, in the order of its fields.
///
/// The struct is best declared with [`parameters`](crate::parameters).
///
/// ```
/// use halocline::parameters;
///
/// #[parameters]
/// struct Parameters {
///     /// diffusivity κ
///     #[parameter(default = 1.5, unit = "m²/s", min = 0.0)]
///     kappa: f64,
/// }
///
/// let row = &halocline::config::describe::<Parameters>()[0];
/// assert_eq!([&*row.name, &row.kind, &row.unit], ["kappa", "number", "m²/s"]);
/// assert_eq!([&*row.default, &row.range, &row.description], ["1.5", "≥ 0", "diffusivity κ"]);
/// ```
///
/// A struct with the derives of serde and schemars will do as well. The unit then stands in brackets at the end of the doc
/// comment, the range comes from `#[schemars(range(…))]`, an open bound from `#[schemars(extend("exclusiveMinimum" = 0.0))]`, and
/// the default from `T::default()`.
pub fn describe<T: JsonSchema>() -> Vec<KeyDescription> {
    let mut rows = vec![];
    if let ValueSchema::Table(keys) = ValueSchema::of::<T>() {
        add_rows("", &keys, &mut rows);
    }
    rows
}

/// Converts numbers with a unit in the table `[parameters]`, then checks it against the schema of `T`.
///
/// # Errors
/// If a key is unknown, or a value has a wrong type, unit or range; the message names its line in the job file.
pub fn check_parameters<T: JsonSchema>(parameters: &mut toml::Table, origins: &KeyOrigins) -> Result<()> {
    match ValueSchema::of::<T>() {
        ValueSchema::Table(keys) => {
            convert::table(parameters, &keys, "parameters", origins)?;
            check::table(parameters, &keys, "parameters", origins)
        }
        _ => Ok(()),
    }
}

fn add_rows(prefix: &str, keys: &[KeySchema], rows: &mut Vec<KeyDescription>) {
    for key in keys {
        let name = format!("{prefix}{}", key.name);
        match &key.schema {
            ValueSchema::Table(inner) => add_rows(&format!("{name}."), inner, rows),
            ValueSchema::Map(values) => match &**values {
                ValueSchema::Table(inner) => add_rows(&format!("{name}.NAME."), inner, rows),
                _ => rows.push(row(name, key)),
            },
            ValueSchema::Either(schemas) => {
                rows.push(row(name.clone(), key));
                let tables =
                    schemas.iter().filter_map(|s| if let ValueSchema::Table(inner) = s { Some(inner) } else { None });
                tables.for_each(|inner| add_rows(&format!("{name}."), inner, rows));
            }
            _ => rows.push(row(name, key)),
        }
    }
}

fn row(name: String, key: &KeySchema) -> KeyDescription {
    let mut description = key.description.clone();
    if let ValueSchema::Choice(names) = &key.schema {
        let described = names.iter().filter(|(_, what)| !what.is_empty());
        let described: Vec<String> = described.map(|(name, what)| format!("{name} = {what}")).collect();
        if !described.is_empty() {
            description = format!("{description}: {}", described.join("; "));
        }
    }
    KeyDescription {
        name,
        kind: key.schema.kind(),
        unit: key.unit.clone(),
        default: match &key.default {
            _ if key.required => "required".into(),
            Some(default) => in_toml(default),
            None => String::new(),
        },
        range: key.schema.range(),
        description,
    }
}

/// Formats a JSON value as TOML. The two differ in tables only, which have no default of their own.
fn in_toml(value: &Json) -> String {
    match value {
        Json::Array(values) => format!("[{}]", values.iter().map(in_toml).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}
