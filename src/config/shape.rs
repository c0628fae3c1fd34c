//! What a value may be, as read from the JSON schema that `schemars` derives from a Rust type: the one source of the
//! checks and of the descriptions.
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::Value as Json;
use std::fmt;

/// What a value may be.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Whole(Range),
    /// A finite number.
    Number(Range),
    /// Any text.
    Text,
    /// A text with a unit: `span`, `cadence`, `wall` or `wall-cadence`.
    Time(String),
    /// One of these texts; the second of each pair describes it.
    Choice(Vec<(String, String)>),
    /// A list whose length lies in the range.
    List(Box<Shape>, Range),
    /// A table with these keys.
    Table(Vec<Key>),
    /// A table with keys of the user's choice.
    Map(Box<Shape>),
    /// Any of these.
    Either(Vec<Shape>),
    /// Left to serde.
    Anything,
}

/// A key of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// Its name in the file.
    pub name: String,
    /// What it may be.
    pub shape: Shape,
    /// What it means.
    pub description: String,
    /// The unit of its number; empty if it has none.
    pub unit: String,
    /// Its default, if it has one.
    pub default: Option<Json>,
    /// True if it must be given.
    pub required: bool,
}

/// The numbers from `low` to `high`; an open end is left out itself.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Range {
    low: Option<f64>,
    high: Option<f64>,
    low_open: bool,
    high_open: bool,
}

impl Shape {
    /// The shape of values of type `T`.
    pub fn of<T: JsonSchema>() -> Shape {
        let mut settings = SchemaSettings::draft2020_12();
        settings.inline_subschemas = true;
        shape(settings.into_generator().into_root_schema_for::<T>().as_value())
    }

    /// The type in a word: `number`, `list of 3 numbers`, `choice`.
    pub fn kind(&self) -> String {
        match self {
            Shape::Flag => "true or false".into(),
            Shape::Whole(_) => "whole number".into(),
            Shape::Number(_) => "number".into(),
            Shape::Text => "text".into(),
            Shape::Time(_) => "time".into(),
            Shape::Choice(_) => "choice".into(),
            Shape::List(items, count) => {
                format!("list of {}{}", count.count(), items.plural())
            }
            Shape::Table(_) | Shape::Map(_) => "table".into(),
            Shape::Either(shapes) => shapes.iter().map(Shape::kind).collect::<Vec<_>>().join(" or "),
            Shape::Anything => "value".into(),
        }
    }

    /// The values allowed, if not all of the kind are.
    pub fn range(&self) -> String {
        match self {
            Shape::Whole(range) | Shape::Number(range) => range.to_string(),
            Shape::Choice(names) => names.iter().map(|(n, _)| format!("{n:?}")).collect::<Vec<_>>().join(" or "),
            Shape::List(items, _) => items.range(),
            Shape::Either(shapes) => {
                shapes.iter().map(Shape::range).filter(|r| !r.is_empty()).collect::<Vec<_>>().join(" or ")
            }
            _ => String::new(),
        }
    }

    fn plural(&self) -> String {
        match self {
            Shape::Flag => "flags".into(),
            Shape::Choice(_) => self.range(),
            Shape::List(items, count) => format!("lists of {}{}", count.count(), items.plural()),
            other => format!("{}s", other.kind()),
        }
    }
}

/// As it follows "must be": `a number ≥ 0`, `"f32" or "f64"`.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shape::Flag => f.write_str("true or false"),
            Shape::Time(format) if format == "span" => f.write_str("a time such as \"40 step\" or \"5 day\""),
            Shape::Time(format) if format == "cadence" => {
                f.write_str("\"never\" or a time such as \"10 step\" or \"6 h\"")
            }
            Shape::Time(_) => f.write_str("a time such as \"1 minute\" or \"0 s\""),
            Shape::Choice(_) => f.write_str(&self.range()),
            Shape::Either(shapes) => {
                let all: Vec<String> = shapes.iter().map(Shape::to_string).collect();
                f.write_str(&all.join(", or "))
            }
            Shape::Text | Shape::Anything => write!(f, "a {}", self.kind()),
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

impl Range {
    /// True for a number in the range.
    pub fn contains(&self, x: f64) -> bool {
        self.low.is_none_or(|low| x > low || (x == low && !self.low_open))
            && self.high.is_none_or(|high| x < high || (x == high && !self.high_open))
    }

    /// Narrowed to what an integer type holds; of wider types TOML has no larger numbers.
    fn and_of(mut self, format: Option<&str>) -> Range {
        let (low, high) = match format {
            Some("int32") => (i32::MIN.into(), i32::MAX.into()),
            Some("uint32") => (0.0, u32::MAX.into()),
            _ => return self,
        };
        self.low = self.low.or(Some(low));
        self.high = self.high.or(Some(high));
        self
    }

    /// As the length of a list: `3 `, `1 to 3 `, `1 or more `, or nothing.
    fn count(&self) -> String {
        match (self.low, self.high) {
            (None, None) => String::new(),
            (Some(low), None) => format!("{low} or more "),
            _ => format!("{self} "),
        }
    }

    /// From these keys of a schema; of an open and a closed bound, the tighter counts.
    fn read(schema: &Json, [low, high, above, below]: [&str; 4]) -> Range {
        let number = |key: &str| schema.get(key).and_then(Json::as_f64);
        let (low, above, high, below) = (number(low), number(above), number(high), number(below));
        let low_open = above.is_some_and(|a| low.is_none_or(|l| a >= l));
        let high_open = below.is_some_and(|b| high.is_none_or(|h| b <= h));
        Range {
            low: if low_open { above } else { low },
            high: if high_open { below } else { high },
            low_open,
            high_open,
        }
    }
}

/// `≥ 0`, `0 to 1`, `> 0 and < 1`, `3`.
impl fmt::Display for Range {
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

fn shape(schema: &Json) -> Shape {
    let list = |key: &str| schema.get(key).and_then(Json::as_array);
    if let Some(parts) = list("oneOf").or(list("anyOf")) {
        return either(parts);
    }
    let description = || text(schema, "description");
    if let Some(names) = list("enum") {
        return Shape::Choice(names.iter().filter_map(Json::as_str).map(|n| (n.into(), description())).collect());
    }
    if let Some(name) = schema.get("const").and_then(Json::as_str) {
        return Shape::Choice(vec![(name.into(), description())]);
    }
    let numbers = || Range::read(schema, ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]);
    match kind(schema) {
        Some("boolean") => Shape::Flag,
        Some("integer") => Shape::Whole(numbers().and_of(schema.get("format").and_then(Json::as_str))),
        Some("number") => Shape::Number(numbers()),
        Some("string") => match schema.get("format").and_then(Json::as_str) {
            Some(format @ ("span" | "cadence" | "wall" | "wall-cadence")) => Shape::Time(format.into()),
            _ => Shape::Text,
        },
        Some("array") => match schema.get("items") {
            Some(items) => Shape::List(Box::new(shape(items)), Range::read(schema, ["minItems", "maxItems", "", ""])),
            None => Shape::Anything,
        },
        Some("object") => {
            match (schema.get("properties").and_then(Json::as_object), schema.get("additionalProperties")) {
                (None, Some(values)) if *values != Json::Bool(false) => Shape::Map(Box::new(shape(values))),
                (keys, _) => Shape::Table(
                    keys.into_iter().flatten().map(|(name, schema_of)| key(name, schema_of, schema)).collect(),
                ),
            }
        }
        _ => Shape::Anything,
    }
}

/// The type, leaving out `null`: an optional key is simply not given.
fn kind(schema: &Json) -> Option<&str> {
    match schema.get("type")? {
        Json::Array(kinds) => kinds.iter().filter_map(Json::as_str).find(|&k| k != "null"),
        kind => kind.as_str(),
    }
}

fn either(parts: &[Json]) -> Shape {
    let (mut names, mut others) = (vec![], vec![]);
    for part in parts.iter().filter(|part| part.get("type").and_then(Json::as_str) != Some("null")) {
        match shape(part) {
            Shape::Choice(more) => names.extend(more),
            // The variants of an enum with fields: which one is meant, serde tells best.
            Shape::Table(_) | Shape::Anything if parts.len() > 2 => return Shape::Anything,
            other => others.push(other),
        }
    }
    if !names.is_empty() {
        others.insert(0, Shape::Choice(names));
    }
    if others.len() == 1 { others.remove(0) } else { Shape::Either(others) }
}

fn key(name: &str, schema: &Json, table: &Json) -> Key {
    // rustdoc takes `[m]` for a link, so some write `\[m\]`.
    let whole = text(schema, "description").replace("\\[", "[").replace("\\]", "]");
    let whole = whole.split_whitespace().collect::<Vec<_>>().join(" ");
    let (description, unit) = match whole.strip_suffix(']').and_then(|rest| rest.rsplit_once(" [")) {
        Some((description, unit)) => (description.to_owned(), unit.to_owned()),
        None => (whole, String::new()),
    };
    let required = table.get("required").and_then(Json::as_array);
    Key {
        name: name.to_owned(),
        shape: shape(schema),
        description,
        unit,
        default: schema.get("default").filter(|d| is_value(d)).cloned(),
        required: required.is_some_and(|names| names.iter().any(|n| n == name)),
    }
}

/// False for what is not given: `None`, and numbers that stand for it.
fn is_value(default: &Json) -> bool {
    match default {
        Json::Array(values) => values.iter().all(is_value),
        other => !other.is_null(),
    }
}

fn text(schema: &Json, key: &str) -> String {
    schema.get(key).and_then(Json::as_str).unwrap_or_default().to_owned()
}
