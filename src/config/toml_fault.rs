//! Messages for text that is not TOML: the common faults by name, others in the words of the parser.
use super::number_fault::NumberFault;
use crate::base::Error;

/// Returns the error for line `line` of `text`, which is not TOML for the reason `reason`; `place` is the origin of the line.
pub(super) fn error(place: &str, line: &str, reason: &str) -> Error {
    let shown: String = line.trim().chars().filter(|c| !c.is_control()).take(60).collect();
    let within = if shown.is_empty() { String::new() } else { format!(" in `{shown}`") };
    if reason.contains("duplicate") {
        return Error::input(format!("{place}: not TOML: {reason}{within}")).remedy("remove one of the two");
    }
    match fault(line) {
        Some((why, remedy)) if remedy.is_empty() => Error::input(format!("{place}: not TOML: {why}{within}")),
        Some((why, remedy)) => Error::input(format!("{place}: not TOML: {why}{within}")).remedy(remedy),
        None => Error::input(format!("{place}: not TOML: {reason}{within}")),
    }
}

/// What is wrong with a line, and the remedy; none if the fault is not one of these.
fn fault(line: &str) -> Option<(String, String)> {
    if let Some(c) = line.chars().find(|c| "“”„‟‘’‚«»".contains(*c)) {
        let straight = if "‘’‚".contains(c) { '\'' } else { '"' };
        let why = format!("`{c}` (U+{:04X}) is not a quotation mark of TOML", u32::from(c));
        return Some((why, format!("write {straight}")));
    }
    if let Some(c) = line.chars().find(|&c| c.is_whitespace() && !c.is_ascii()) {
        let why = format!("it contains the invisible character U+{:04X}", u32::from(c));
        return Some((why, "replace it with an ordinary space".into()));
    }
    let line = uncommented(line);
    // In a list over several lines, a line has no key.
    let value = line.split_once('=').map_or(line, |(_, value)| value).trim().trim_end_matches(',');
    if let Some(fault) = whole(value).or_else(|| NumberFault::within(value)) {
        return Some((fault.why, fault.remedy));
    }
    let is_word =
        line.contains('=') && value.starts_with(char::is_alphabetic) && !value.contains(['"', '\'', '[', '=']);
    match value.to_lowercase().as_str() {
        "true" | "false" if value != value.to_lowercase() => {
            Some((format!("`{value}` has capital letters"), format!("write {}", value.to_lowercase())))
        }
        "true" | "false" | "nan" | "inf" => None,
        _ if is_word => Some((format!("`{value}` is a string without quotes"), format!("write \"{value}\""))),
        _ => None,
    }
}

/// The fault of a value that is one number, not a part of a list or table.
fn whole(value: &str) -> Option<NumberFault> {
    if value.contains(['[', ']', '{', '}']) { None } else { NumberFault::of(value) }
}

/// The line without its comment.
fn uncommented(line: &str) -> &str {
    let mut quote = None;
    for (at, c) in line.char_indices() {
        quote = match (quote, c) {
            (None, '#') => return &line[..at],
            (None, '"' | '\'') => Some(c),
            (Some(open), c) if open == c => None,
            (other, _) => other,
        };
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_faults_have_a_remedy() {
        for (line, message) in [
            (
                "kappa = .5 # m",
                "a:1: not TOML: `.5` is not a number: it begins with the decimal point in `kappa = .5 # m`\n  write 0.5",
            ),
            (
                "cells = [8, 08]",
                "a:1: not TOML: `08` is not a number: it begins with a zero in `cells = [8, 08]`\n  write 8",
            ),
            ("  .5]", "a:1: not TOML: `.5` is not a number: it begins with the decimal point in `.5]`\n  write 0.5"),
            ("  01,", "a:1: not TOML: `01` is not a number: it begins with a zero in `01,`\n  write 1"),
            ("start = fast", "a:1: not TOML: `fast` is a string without quotes in `start = fast`\n  write \"fast\""),
            ("on = True", "a:1: not TOML: `True` has capital letters in `on = True`\n  write true"),
            ("job = “x”", "a:1: not TOML: `“` (U+201C) is not a quotation mark of TOML in `job = “x”`\n  write \""),
            (
                "job\u{a0}= 'x'",
                "a:1: not TOML: it contains the invisible character U+00A0 in `job\u{a0}= 'x'`\n  replace it with an ordinary space",
            ),
            ("a: 'x'", "a:1: not TOML: no reason in `a: 'x'`"),
            ("a = ['01', 'b'", "a:1: not TOML: no reason in `a = ['01', 'b'`"),
        ] {
            assert_eq!(error("a:1", line, "no reason").to_string(), message);
        }
        let twice = error("a:2", "job = .5", "duplicate key");
        assert_eq!(twice.to_string(), "a:2: not TOML: duplicate key in `job = .5`\n  remove one of the two");
    }
}
