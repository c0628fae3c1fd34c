//! Where each key of a job file was given: a line of the file, or the command line. Every message about a key begins with it.
use super::number_fault::underflows;
use super::toml_fault;
use crate::base::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

/// The origin of every key of a job file, by its dotted path.
#[derive(Clone, Debug, Default)]
pub struct KeyOrigins {
    file: String,
    lines: BTreeMap<String, usize>,
    overridden: BTreeSet<String>,
    /// Keys whose values were given on the command line without quotes and are no TOML: each value is a string.
    bare: BTreeSet<String>,
}

/// All origins are equal: job files with the same values compare equal.
impl PartialEq for KeyOrigins {
    fn eq(&self, _: &KeyOrigins) -> bool {
        true
    }
}

impl KeyOrigins {
    /// Parses the text of the file `file`, then sets each `key.sub=value` of `overrides`.
    pub(super) fn parse(file: &str, text: &str, overrides: &[String]) -> Result<(Table, KeyOrigins)> {
        let mut origins = KeyOrigins { file: file.to_owned(), ..KeyOrigins::default() };
        let invalid = |e: toml::de::Error| {
            let line = e.span().map_or(1, |span| line_of(text, span.start));
            let shown = text.split('\n').nth(line - 1).unwrap_or_default();
            toml_fault::error(&format!("{file}:{line}"), shown, &e.message().trim().replace('\n', ", "))
        };
        let mut vanishing = None;
        index(DeTable::parse(text).map_err(invalid)?.get_ref(), "", text, &mut origins.lines, &mut vanishing);
        if let Some((key, number)) = vanishing {
            return Err(origins.vanishes(&key, &number));
        }
        let mut table = text.parse().map_err(invalid)?;
        for text in overrides {
            origins.set(&mut table, text)?;
        }
        Ok((table, origins))
    }

    /// True if `key` was given, in the file or on the command line.
    pub(crate) fn is_given(&self, key: &str) -> bool {
        self.overridden.contains(key) || self.lines.contains_key(key)
    }

    /// The origin of `key`: `smoke.toml:7`, or `command line`. For a key that was not given, the origin of its table.
    pub fn place(&self, key: &str) -> String {
        let mut key = key;
        loop {
            if self.overridden.contains(key) {
                return "command line".into();
            }
            if let Some(line) = self.lines.get(key) {
                return format!("{}:{line}", self.file);
            }
            match key.rfind(['.', '[']) {
                Some(end) => key = &key[..end],
                None => return self.file.clone(),
            }
        }
    }

    /// An input error for the value of `key`, with its origin. A second line of `why` is the remedy.
    pub fn wrong(&self, key: &str, value: impl std::fmt::Display, why: &str) -> Error {
        let (why, remedy) = why.split_once('\n').unwrap_or((why, ""));
        self.error(key, format!("`{key}` = {value}: {why}"), remedy.trim())
    }

    /// An input error that begins with the origin of `key`. An empty `remedy` is left out.
    pub fn error(&self, key: &str, what: impl std::fmt::Display, remedy: &str) -> Error {
        let error = Error::input(format!("{}: {what}", self.place(key)));
        if remedy.is_empty() { error } else { error.remedy(remedy) }
    }

    /// True if the value of `key` was given on the command line without quotes and is no TOML.
    pub(super) fn is_bare(&self, key: &str) -> bool {
        self.bare.contains(key)
    }

    fn vanishes(&self, key: &str, number: &str) -> Error {
        self.wrong(key, number, "is too small: numbers begin at 5e-324\nwrite 0.0, or a larger number")
    }

    fn set(&mut self, table: &mut Table, text: &str) -> Result<()> {
        let bad = |why: String| Error::input(format!("command line: `{text}`: {why}"));
        let usage = "set a key with KEY=VALUE, such as time.end=\"40 step\" or grid.cells=[64,64]";
        let (key, value) =
            text.split_once('=').ok_or_else(|| bad("neither an option nor KEY=VALUE".into()).remedy(usage))?;
        let (key, value) = (key.trim(), value.trim());
        let valid = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if !key.split('.').all(|part| !part.is_empty() && part.chars().all(valid)) {
            return Err(bad(format!("`{key}` is not a key")).remedy(usage));
        }
        let (sections, last) = match key.rsplit_once('.') {
            Some((sections, last)) => (sections.split('.').collect(), last),
            None => (vec![], key),
        };
        let mut at = table;
        for (depth, section) in sections.iter().enumerate() {
            let name = || sections[..=depth].join(".");
            let inner = at.entry(section.to_owned()).or_insert_with(|| {
                self.overridden.insert(name());
                Value::Table(Table::new())
            });
            at = match inner {
                Value::Table(inner) => inner,
                other => return Err(bad(format!("`{}` is {}, not a table", name(), shown(other)))),
            };
        }
        // A shell removes quotes, so a value that is not TOML is meant as a string.
        self.overridden.insert(key.to_owned());
        self.bare.remove(key);
        let parsed = match value.parse() {
            Ok(Value::Float(_)) if underflows(value) => return Err(self.vanishes(key, value)),
            Ok(parsed) => parsed,
            Err(_) => {
                self.bare.insert(key.to_owned());
                Value::String(value.to_owned())
            }
        };
        at.insert(last.to_owned(), parsed);
        Ok(())
    }
}

/// A value as text for messages, at most 60 characters and one line.
pub(super) fn shown(value: &Value) -> String {
    let text = value.to_string().replace('\n', " ");
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    let before = &text.as_bytes()[..offset.min(text.len())];
    before.iter().filter(|&&b| b == b'\n').count() + 1
}

/// Adds the line of each key to `lines`. `vanishing` becomes the first number that is too small for double precision.
fn index(
    table: &DeTable<'_>,
    prefix: &str,
    text: &str,
    lines: &mut BTreeMap<String, usize>,
    vanishing: &mut Option<(String, String)>,
) {
    fn small(key: &str, value: &DeValue<'_>, found: &mut Option<(String, String)>) {
        match value {
            DeValue::Float(number) if underflows(number.as_str()) => {
                found.get_or_insert_with(|| (key.to_owned(), number.as_str().to_owned()));
            }
            DeValue::Array(values) => {
                values.iter().enumerate().for_each(|(i, value)| small(&format!("{key}[{i}]"), value.get_ref(), found));
            }
            _ => {}
        }
    }
    for (key, value) in table.iter() {
        let path = format!("{prefix}{}", key.get_ref());
        lines.insert(path.clone(), line_of(text, key.span().start));
        match value.get_ref() {
            DeValue::Table(inner) => index(inner, &format!("{path}."), text, lines, vanishing),
            value => small(&path, value, vanishing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, overrides: &[&str]) -> Result<(Table, KeyOrigins)> {
        KeyOrigins::parse("a.toml", text, &overrides.iter().map(|&o| o.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn places_are_lines_or_the_command_line() {
        let text = "job = 'x'\n[grid]\n\ncells = [1,\n 2]\n[output.a]\nregion = {x = [0, 1]}\n";
        let (_, origins) = parse(text, &["output.a.every=5 s", "engine={fuse=3}"]).unwrap();
        for (key, place) in [
            ("job", "a.toml:1"),
            ("grid.cells[1]", "a.toml:4"),
            ("grid.length", "a.toml:2"),
            ("output.a.region.x[0]", "a.toml:7"),
            ("output.a.every", "command line"),
            ("engine.fuse", "command line"),
            ("engine", "command line"),
            ("time.end", "a.toml"),
        ] {
            assert_eq!(origins.place(key), place, "{key}");
        }
    }

    #[test]
    fn an_override_is_toml_or_else_a_string() {
        let overrides =
            ["time.end=40 step", "a.b=[1, 2]", "a.c=true", "a.d=1e3", "a.e=", "a.f=x=y", "a.g=[1", "a.h=\"5\""];
        let (table, _) = parse("[a]\nb = 3\n", &overrides).unwrap();
        let expected =
            "[a]\nb = [1, 2]\nc = true\nd = 1e3\ne = ''\nf = 'x=y'\ng = '[1'\nh = '5'\n[time]\nend = '40 step'";
        assert_eq!(table, expected.parse::<Table>().unwrap());
    }

    #[test]
    fn bad_overrides_are_named() {
        for (text, message) in [
            ("fast", "command line: `fast`: neither an option nor KEY=VALUE"),
            ("=3", "command line: `=3`: `` is not a key"),
            ("a..b=3", "command line: `a..b=3`: `a..b` is not a key"),
            ("a b=3", "command line: `a b=3`: `a b` is not a key"),
            ("job.name=3", "command line: `job.name=3`: `job` is \"x\", not a table"),
        ] {
            assert_eq!(parse("job = 'x'", &[text]).unwrap_err().what(), message);
        }
    }
}
