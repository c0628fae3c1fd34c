//! Where the keys of a job file were given: a line of the file, or the command line. Every message about a key starts with it.
use crate::base::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

/// The origin of every key, by its dotted path.
#[derive(Clone, Debug, Default)]
pub struct Source {
    file: String,
    lines: BTreeMap<String, usize>,
    overridden: BTreeSet<String>,
}

/// Where a value came from is no part of what it says.
impl PartialEq for Source {
    fn eq(&self, _: &Source) -> bool {
        true
    }
}

impl Source {
    /// Parses the text of the file of this name, then sets each `key.sub=value` of `overrides`.
    pub(super) fn parse(file: &str, text: &str, overrides: &[String]) -> Result<(Table, Source)> {
        let mut source = Source { file: file.to_owned(), ..Source::default() };
        let invalid = |e: toml::de::Error| {
            let line = e.span().map_or(1, |span| line_of(text, span.start));
            let shown = text.lines().nth(line - 1).unwrap_or_default().trim();
            let place = if shown.is_empty() { String::new() } else { format!(" in `{shown}`") };
            Error::input(format!("{file}:{line}: not TOML: {}{place}", e.message().trim().replace('\n', ", ")))
        };
        index(DeTable::parse(text).map_err(invalid)?.get_ref(), "", text, &mut source.lines);
        let mut table = text.parse().map_err(invalid)?;
        for text in overrides {
            source.set(&mut table, text)?;
        }
        Ok((table, source))
    }

    /// `smoke.toml:7`, or `command line`; for a key that was not given, its table's place.
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

    /// An error in the value of `key`, whose place and text it names; a second line of `why` is the remedy.
    pub fn wrong(&self, key: &str, value: impl std::fmt::Display, why: &str) -> Error {
        let (why, remedy) = why.split_once('\n').unwrap_or((why, ""));
        self.error(key, format!("`{key}` = {value}: {why}"), remedy.trim())
    }

    /// An error at the place of `key`, with a remedy if that is not empty.
    pub fn error(&self, key: &str, what: impl std::fmt::Display, remedy: &str) -> Error {
        let error = Error::input(format!("{}: {what}", self.place(key)));
        if remedy.is_empty() { error } else { error.remedy(remedy) }
    }

    fn set(&mut self, table: &mut Table, text: &str) -> Result<()> {
        let bad = |why: String| Error::input(format!("command line: `{text}`: {why}"));
        let usage = "a key is set by key=value, such as time.end=\"40 step\" or grid.cells=[64,64]";
        let (key, value) =
            text.split_once('=').ok_or_else(|| bad("is neither an option nor key=value".into()).remedy(usage))?;
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
                other => return Err(bad(format!("`{}` is {}, which has no keys", name(), shown(other)))),
            };
        }
        // A shell takes the quotes away, so what is no TOML value was meant as a text.
        at.insert(last.to_owned(), value.parse().unwrap_or_else(|_| Value::String(value.to_owned())));
        self.overridden.insert(key.to_owned());
        Ok(())
    }
}

/// The text of a job file.
pub(super) fn read(path: &Path) -> Result<String> {
    let name = path.display();
    let jobs_beside = |dir: &Path| -> Vec<String> {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut names: Vec<String> = entries
            .filter(|path| path.extension().is_some_and(|e| e == "toml"))
            .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
            .collect();
        names.sort();
        names
    };
    if path.is_dir() {
        let error = Error::input(format!("{name} is a folder, not a job file"));
        let files = jobs_beside(path);
        return Err(if files.is_empty() { error } else { error.remedy(format!("it holds {}", files.join(", "))) });
    }
    let bytes = std::fs::read(path).map_err(|e| {
        let error = Error::file("read", path, &e).as_input();
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let beside = jobs_beside(folder);
        if beside.is_empty() || e.kind() != std::io::ErrorKind::NotFound {
            return error;
        }
        let beside: Vec<&str> = beside.iter().map(String::as_str).collect();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        error.remedy(suggestion(&name, &beside, &format!("the folder {} holds", folder.display())))
    })?;
    String::from_utf8(bytes).map_err(|e| {
        let (at, byte) = (e.utf8_error().valid_up_to(), e.as_bytes()[e.utf8_error().valid_up_to()]);
        let line = e.as_bytes()[..at].iter().filter(|&&b| b == b'\n').count() + 1;
        Error::input(format!("{name}:{line}: not a text in UTF-8: byte {at} is 0x{byte:02x}"))
            .remedy("a job file is TOML; was this a binary file, or saved in another encoding?")
    })
}

/// A value as a message shows it.
pub(super) fn shown(value: &Value) -> String {
    let text = value.to_string().replace('\n', " ");
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The known name that `name` was most likely meant to be.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |other: &str| strsim::damerau_levenshtein(&name.to_lowercase(), &other.to_lowercase());
    let (distance, best) = known.into_iter().map(|k| (distance(k), k)).min_by_key(|&(d, _)| d)?;
    (distance <= 1 + best.chars().count() / 4).then_some(best)
}

/// `did you mean …?`, or what there is to choose from.
pub fn suggestion(name: &str, known: &[&str], what: &str) -> String {
    match nearest(name, known.iter().copied()) {
        Some(best) => format!("did you mean `{best}`?"),
        None => format!("{what} {}", known.join(", ")),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    let before = &text.as_bytes()[..offset.min(text.len())];
    before.iter().filter(|&&b| b == b'\n').count() + 1
}

fn index(table: &DeTable<'_>, prefix: &str, text: &str, lines: &mut BTreeMap<String, usize>) {
    for (key, value) in table.iter() {
        let path = format!("{prefix}{}", key.get_ref());
        if let DeValue::Table(inner) = value.get_ref() {
            index(inner, &format!("{path}."), text, lines);
        }
        lines.insert(path, line_of(text, key.span().start));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, overrides: &[&str]) -> Result<(Table, Source)> {
        Source::parse("a.toml", text, &overrides.iter().map(|&o| o.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn places_are_lines_or_the_command_line() {
        let text = "job = 'x'\n[grid]\n\ncells = [1,\n 2]\n[output.a]\nregion = {x = [0, 1]}\n";
        let (_, source) = parse(text, &["output.a.every=5 s", "engine={fuse=3}"]).unwrap();
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
            assert_eq!(source.place(key), place, "{key}");
        }
    }

    #[test]
    fn an_override_is_toml_or_else_a_text() {
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
            ("fast", "command line: `fast`: is neither an option nor key=value"),
            ("=3", "command line: `=3`: `` is not a key"),
            ("a..b=3", "command line: `a..b=3`: `a..b` is not a key"),
            ("a b=3", "command line: `a b=3`: `a b` is not a key"),
            ("job.name=3", "command line: `job.name=3`: `job` is \"x\", which has no keys"),
        ] {
            assert_eq!(parse("job = 'x'", &[text]).unwrap_err().what(), message);
        }
    }

    #[test]
    fn the_nearest_name_is_near() {
        assert_eq!(nearest("cels", ["cells", "length"]), Some("cells"));
        assert_eq!(nearest("KAPPA", ["kappa"]), Some("kappa"));
        assert_eq!(nearest("temperature", ["cells", "length"]), None);
        assert_eq!(nearest("x", []), None);
    }
}
