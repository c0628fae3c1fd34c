//! The allowed values of a key, read from the JSON schema that `schemars` derives from a Rust type. Checks and descriptions
//! both use it.
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::Value as Json;
use std::fmt;

/// The values that a key may have.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueSchema {
    /// `true` or `false`.
    Flag,
    /// A whole number in a range.
    Whole(Bounds),
    /// A finite number in a range.
    Number(Bounds),
    /// Any string.
    Text,
    /// A string with a number and a unit, of the format `duration`, `cadence`, `wall` or `wall-cadence`, or a `date`.
    Time(String),
    /// One of these strings, each with its description.
    Choice(Vec<(String, String)>),
    /// One of these numbers.
    OneOf(Vec<serde_json::Number>),
    /// A list whose length lies in the range.
    List(Box<ValueSchema>, Bounds),
    /// A table with these keys.
    Table(Vec<KeySchema>),
    /// A table with any keys, whose values have this schema.
    Map(Box<ValueSchema>),
    /// A value that fits any of these schemas.
    Either(Vec<ValueSchema>),
    /// Any value: only serde checks it.
    Anything,
}

/// A key of a table, with its schema.
#[derive(Clone, Debug, PartialEq)]
pub struct KeySchema {
    /// The name in the file.
    pub name: String,
    /// The allowed values.
    pub schema: ValueSchema,
    /// The meaning, for the manual.
    pub description: String,
    /// The unit; empty for a key without unit.
    pub unit: String,
    /// The default value.
    pub default: Option<Json>,
    /// True if a file must give the key.
    pub required: bool,
}

/// The numbers from `low` to `high`. An open end does not belong to the range.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Bounds {
    low: Option<f64>,
    high: Option<f64>,
    low_open: bool,
    high_open: bool,
}

impl ValueSchema {
    /// The schema of the Rust type `T`.
    pub fn of<T: JsonSchema>() -> ValueSchema {
        let mut settings = SchemaSettings::draft2020_12();
        settings.inline_subschemas = true;
        read(settings.into_generator().into_root_schema_for::<T>().as_value())
    }

    /// The type for the manual: `number`, `list of 3 numbers`, `choice`.
    pub fn kind(&self) -> String {
        match self {
            ValueSchema::Flag => "true or false".into(),
            ValueSchema::Whole(_) => "whole number".into(),
            ValueSchema::Number(_) => "number".into(),
            ValueSchema::Text => "string".into(),
            ValueSchema::Time(format) if format == "date" => "date".into(),
            ValueSchema::Time(_) => "time".into(),
            ValueSchema::Choice(_) => "choice".into(),
            ValueSchema::OneOf(numbers) if numbers.iter().all(|n| !n.is_f64()) => "whole number".into(),
            ValueSchema::OneOf(_) => "number".into(),
            ValueSchema::List(items, count) => {
                format!("list of {}{}", count.count(), items.plural())
            }
            ValueSchema::Table(_) | ValueSchema::Map(_) => "table".into(),
            ValueSchema::Either(schemas) => schemas.iter().map(ValueSchema::kind).collect::<Vec<_>>().join(" or "),
            ValueSchema::Anything => "value".into(),
        }
    }

    /// The allowed values; empty if all values of the type are allowed.
    pub fn range(&self) -> String {
        match self {
            ValueSchema::Whole(range) | ValueSchema::Number(range) => range.to_string(),
            ValueSchema::Choice(names) => names.iter().map(|(n, _)| format!("{n:?}")).collect::<Vec<_>>().join(" or "),
            ValueSchema::OneOf(numbers) => numbers.iter().map(|n| n.to_string()).collect::<Vec<_>>().join(" or "),
            ValueSchema::List(items, _) => items.range(),
            ValueSchema::Either(schemas) => {
                schemas.iter().map(ValueSchema::range).filter(|r| !r.is_empty()).collect::<Vec<_>>().join(" or ")
            }
            _ => String::new(),
        }
    }

    /// True if a number or a list of numbers can be a value.
    pub(super) fn accepts_numbers(&self) -> bool {
        match self {
            ValueSchema::Whole(_) | ValueSchema::Number(_) | ValueSchema::OneOf(_) => true,
            ValueSchema::List(items, _) => items.accepts_numbers(),
            ValueSchema::Either(schemas) => schemas.iter().any(ValueSchema::accepts_numbers),
            _ => false,
        }
    }

    /// True if `true` and `false` can be values.
    pub(super) fn accepts_flag(&self) -> bool {
        match self {
            ValueSchema::Flag => true,
            ValueSchema::Either(schemas) => schemas.iter().any(ValueSchema::accepts_flag),
            _ => false,
        }
    }

    fn plural(&self) -> String {
        match self {
            ValueSchema::Flag => "booleans".into(),
            ValueSchema::Choice(_) => self.range(),
            ValueSchema::List(items, count) => format!("lists of {}{}", count.count(), items.plural()),
            other => format!("{}s", other.kind()),
        }
    }
}

/// The text that follows "must be" in a message: `a number ≥ 0`, `"f32" or "f64"`.
impl fmt::Display for ValueSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValueSchema::Flag => f.write_str("true or false"),
            ValueSchema::Time(format) if format == "date" => f.write_str("a date such as \"2000-01-31\""),
            ValueSchema::Time(format) if format == "duration" => f.write_str("a time such as \"40 step\" or \"5 day\""),
            ValueSchema::Time(format) if format == "cadence" => {
                f.write_str("\"never\" or a time such as \"10 step\" or \"6 h\"")
            }
            ValueSchema::Time(_) => f.write_str("a time such as \"1 minute\" or \"0 s\""),
            ValueSchema::Choice(_) | ValueSchema::OneOf(_) => f.write_str(&self.range()),
            ValueSchema::Table(keys) if keys.iter().any(|key| key.required) => {
                let required = keys.iter().filter(|key| key.required).map(|key| format!("{} = …", key.name));
                write!(f, "a table {{ {} }}", required.collect::<Vec<_>>().join(", "))
            }
            ValueSchema::Either(schemas) => {
                let all: Vec<String> = schemas.iter().map(ValueSchema::to_string).collect();
                f.write_str(&all.join(", or "))
            }
            ValueSchema::Text | ValueSchema::Anything => write!(f, "a {}", self.kind()),
            other => {
                write!(f, "a {}", other.kind())?;
                let range = other.range();
                match range.as_str() {
                    "" => Ok(()),
                    range if range.contains(" to ") => write!(f, " from {range}"),
                    range => write!(f, " {range}"),
                }
            }
        }
    }
}

impl Bounds {
    /// True if `x` is in the range.
    pub fn contains(&self, x: f64) -> bool {
        self.low.is_none_or(|low| x > low || (x == low && !self.low_open))
            && self.high.is_none_or(|high| x < high || (x == high && !self.high_open))
    }

    /// The range, limited to the values of a 32-bit integer type. TOML integers have 64 bits, so wider types need no limit.
    fn within_integer(mut self, format: Option<&str>) -> Bounds {
        let (low, high) = match format {
            Some("int32") => (i32::MIN.into(), i32::MAX.into()),
            Some("uint32") => (0.0, u32::MAX.into()),
            _ => return self,
        };
        self.low = self.low.or(Some(low));
        self.high = self.high.or(Some(high));
        self
    }

    /// The range as the length of a list: `3 `, `1 to 3 `, `1 or more `, or nothing.
    fn count(&self) -> String {
        match (self.low, self.high) {
            (None, None) => String::new(),
            (Some(low), None) => format!("{low} or more "),
            _ => format!("{self} "),
        }
    }

    /// Reads the range from these keys of a JSON schema. The tighter of an open and a closed bound counts.
    fn read(schema: &Json, [low, high, above, below]: [&str; 4]) -> Bounds {
        let number = |key: &str| schema.get(key).and_then(Json::as_f64);
        let (low, above, high, below) = (number(low), number(above), number(high), number(below));
        let low_open = above.is_some_and(|a| low.is_none_or(|l| a >= l));
        let high_open = below.is_some_and(|b| high.is_none_or(|h| b <= h));
        Bounds {
            low: if low_open { above } else { low },
            high: if high_open { below } else { high },
            low_open,
            high_open,
        }
    }
}

/// `≥ 0`, `0 to 1`, `> 0 and < 1`, `3`.
impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let low = |low: f64| format!("{} {low}", if self.low_open { ">" } else { "≥" });
        let high = |high: f64| format!("{} {high}", if self.high_open { "<" } else { "≤" });
        match (self.low, self.high) {
            (None, None) => Ok(()),
            (Some(l), None) => f.write_str(&low(l)),
            (None, Some(h)) => f.write_str(&high(h)),
            (Some(l), Some(h)) if self.low_open || self.high_open => write!(f, "{} and {}", low(l), high(h)),
            (Some(l), Some(h)) if l == h => write!(f, "{l}"),
            (Some(l), Some(h)) => write!(f, "{l} to {h}"),
        }
    }
}

fn read(schema: &Json) -> ValueSchema {
    let list = |key: &str| schema.get(key).and_then(Json::as_array);
    if let Some(parts) = list("oneOf").or(list("anyOf")) {
        return either(parts);
    }
    let description = || text(schema, "description");
    if let Some(numbers) = list("enum").filter(|values| values.iter().all(Json::is_number)) {
        return ValueSchema::OneOf(numbers.iter().filter_map(|n| n.as_number().cloned()).collect());
    }
    if let Some(names) = list("enum") {
        return ValueSchema::Choice(names.iter().filter_map(Json::as_str).map(|n| (n.into(), description())).collect());
    }
    if let Some(name) = schema.get("const").and_then(Json::as_str) {
        return ValueSchema::Choice(vec![(name.into(), description())]);
    }
    let numbers = || Bounds::read(schema, ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]);
    match kind(schema) {
        Some("boolean") => ValueSchema::Flag,
        Some("integer") => ValueSchema::Whole(numbers().within_integer(schema.get("format").and_then(Json::as_str))),
        Some("number") => ValueSchema::Number(numbers()),
        Some("string") => match schema.get("format").and_then(Json::as_str) {
            Some(format @ ("date" | "duration" | "cadence" | "wall" | "wall-cadence")) => {
                ValueSchema::Time(format.into())
            }
            _ => ValueSchema::Text,
        },
        Some("array") => match schema.get("items") {
            Some(items) => {
                ValueSchema::List(Box::new(read(items)), Bounds::read(schema, ["minItems", "maxItems", "", ""]))
            }
            None => ValueSchema::Anything,
        },
        Some("object") => {
            match (schema.get("properties").and_then(Json::as_object), schema.get("additionalProperties")) {
                (None, Some(values)) if *values != Json::Bool(false) => ValueSchema::Map(Box::new(read(values))),
                (keys, _) => ValueSchema::Table(
                    keys.into_iter().flatten().map(|(name, schema_of)| key(name, schema_of, schema)).collect(),
                ),
            }
        }
        _ => ValueSchema::Anything,
    }
}

/// The JSON type without `null`: an optional key is left out of the file.
fn kind(schema: &Json) -> Option<&str> {
    match schema.get("type")? {
        Json::Array(kinds) => kinds.iter().filter_map(Json::as_str).find(|&k| k != "null"),
        kind => kind.as_str(),
    }
}

fn either(parts: &[Json]) -> ValueSchema {
    let (mut names, mut others) = (vec![], vec![]);
    for part in parts.iter().filter(|part| part.get("type").and_then(Json::as_str) != Some("null")) {
        match read(part) {
            ValueSchema::Choice(more) => names.extend(more),
            // The variants of an enum with fields: serde finds the variant and reports its errors. A table with more than
            // one key is a struct beside names.
            ValueSchema::Anything if parts.len() > 2 => return ValueSchema::Anything,
            ValueSchema::Table(keys) if parts.len() > 2 && keys.len() < 2 => return ValueSchema::Anything,
            other => others.push(other),
        }
    }
    if !names.is_empty() {
        others.insert(0, ValueSchema::Choice(names));
    }
    if others.len() == 1 { others.remove(0) } else { ValueSchema::Either(others) }
}

fn key(name: &str, schema: &Json, table: &Json) -> KeySchema {
    // rustdoc takes `[m]` for a link, so doc comments may write `\[m\]`.
    let whole = text(schema, "description").replace("\\[", "[").replace("\\]", "]");
    let whole = whole.split_whitespace().collect::<Vec<_>>().join(" ");
    let (description, unit) = match whole.strip_suffix(']').and_then(|rest| rest.rsplit_once(" [")) {
        Some((description, unit)) => (description.to_owned(), unit.to_owned()),
        None => (whole, String::new()),
    };
    let required = table.get("required").and_then(Json::as_array);
    KeySchema {
        name: name.to_owned(),
        schema: read(schema),
        description,
        unit,
        default: schema.get("default").filter(|d| is_value(d)).cloned(),
        required: required.is_some_and(|names| names.iter().any(|n| n == name)),
    }
}

/// False for a default that stands for a missing value: `None`, and NaN, which JSON writes as null.
fn is_value(default: &Json) -> bool {
    match default {
        Json::Array(values) => values.iter().all(is_value),
        other => !other.is_null(),
    }
}

fn text(schema: &Json, key: &str) -> String {
    schema.get(key).and_then(Json::as_str).unwrap_or_default().to_owned()
}
