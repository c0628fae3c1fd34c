//! The settings of a field: `#[parameter(default = 1.0, unit = "m", above = 0.0)]`.
use crate::value::number;
use proc_macro2::Span;
use quote::ToTokens;
use syn::{Error, Expr, Field, Lit, Result};

/// A limit of values, by its name in `#[parameter(…)]` and by its keyword in a JSON schema.
const LIMITS: [(&str, &str); 7] = [
    ("min", "minimum"),
    ("max", "maximum"),
    ("above", "exclusiveMinimum"),
    ("below", "exclusiveMaximum"),
    ("one_of", "enum"),
    ("min_length", "minItems"),
    ("max_length", "maxItems"),
];

/// What the attributes of a field say.
#[derive(Default)]
pub struct Settings {
    pub default: Option<Expr>,
    /// The unit; empty for none.
    pub unit: String,
    pub flatten: bool,
    /// Each limit: the name, the keyword of a JSON schema, and the value.
    pub limits: Vec<(&'static str, &'static str, Expr)>,
}

impl Settings {
    /// Takes the settings of a field out of its attributes.
    pub fn take(field: &mut Field) -> Result<Settings> {
        let mut settings = Settings::default();
        let mut others = vec![];
        for attribute in std::mem::take(&mut field.attrs) {
            if !attribute.path().is_ident("parameter") {
                others.push(attribute);
                continue;
            }
            attribute.parse_nested_meta(|meta| {
                let name = meta.path.to_token_stream().to_string();
                let limit = LIMITS.iter().find(|(limit, _)| *limit == name);
                match (&*name, limit) {
                    ("flatten", _) => settings.flatten = true,
                    ("default", _) => settings.default = Some(meta.value()?.parse()?),
                    ("unit", _) => settings.unit = unit(&meta.value()?.parse()?)?,
                    (_, Some((name, keyword))) => settings.limits.push((name, keyword, meta.value()?.parse()?)),
                    _ => {
                        let names = LIMITS.map(|(name, _)| name).join(", ");
                        return Err(meta.error(format!("not a setting: there are default, unit, {names} and flatten")));
                    }
                }
                Ok(())
            })?;
        }
        field.attrs = others;
        settings.check(field)?;
        Ok(settings)
    }

    fn check(&self, field: &Field) -> Result<()> {
        if self.flatten && (!self.unit.is_empty() || !self.limits.is_empty()) {
            return Err(Error::new_spanned(field, "the keys of a group have units and limits, not the group"));
        }
        let Some(default) = &self.default else { return Ok(()) };
        for (name, _, limit) in &self.limits {
            let (Some(value), Some(bound)) = (number(default), number(limit)) else { continue };
            let (holds, word) = match *name {
                "min" => (value >= bound, "at least"),
                "max" => (value <= bound, "at most"),
                "above" => (value > bound, "above"),
                "below" => (value < bound, "below"),
                _ => continue,
            };
            if !holds {
                return Err(Error::new_spanned(default, format!("the default must be {word} {bound}")));
            }
        }
        Ok(())
    }

    /// Unit, default and limits in words, for the documentation; empty if there are none.
    pub fn summary(&self) -> String {
        let text = |value: &Expr| value.to_token_stream().to_string();
        let unit = Some(format!("in {}", self.unit)).filter(|_| !self.unit.is_empty());
        let default = self.default.as_ref().map(|value| format!("default `{}`", text(value)));
        let limits = self.limits.iter().map(|(name, _, value)| format!("{} `{}`", name.replace('_', " "), text(value)));
        unit.into_iter().chain(default).chain(limits).collect::<Vec<_>>().join("; ")
    }
}

fn unit(value: &Expr) -> Result<String> {
    let Expr::Lit(syn::ExprLit { lit: Lit::Str(text), .. }) = value else {
        return Err(Error::new_spanned(value, "a unit is a string, such as \"m2 s-1\""));
    };
    let unit = text.value().trim().to_owned();
    match unit.is_empty() || unit.contains(['[', ']']) {
        true => Err(Error::new(text.span(), "a unit has no brackets and is not empty: leave it out for none")),
        false => Ok(unit),
    }
}

/// The error for a field without default.
pub fn missing_default(span: Span) -> Error {
    let remedy = "this parameter needs a default: `#[parameter(default = …)]`, or the type `Option<…>` for one that may be left out";
    Error::new(span, remedy)
}
