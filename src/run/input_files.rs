//! The check of input files: what can be found out before anything is allocated.
use crate::base::{Error, Result};
use crate::config::{JobFile, KeyOrigins};
use crate::files::input::FieldInput;
use crate::model::Model;
use crate::model::field::Initial;
use crate::saved::acquisition;
use std::path::Path;
use toml::Value;

/// Opens the files of initial values, and compares their variables with the fields of the model: shapes, units, coordinates,
/// instants. Reads no values of fields. Returns notes for the user.
///
/// # Errors
/// If a file or variable does not exist, cannot be read, or does not fit its field; the message names the key of the job file.
pub fn check_inputs(file: &JobFile, model: &Model) -> Result<Vec<String>> {
    let declared = &model.declared;
    let mut notes = vec![];
    for field in &declared.fields {
        let Initial::File(input) = &field.initial else { continue };
        let found = FieldInput::open(input, field, (&declared.grids[field.grid], &declared.axes));
        notes.extend(found.map_err(|e| located(file, &input.file, e))?.notes);
    }
    Ok(notes)
}

/// Checks that a new run that overwrites the run in `dir` keeps the files of initial values.
///
/// # Errors
/// If the earlier run has written one of them; the message names the key of the job file.
pub fn check_kept(file: &JobFile, model: &Model, dir: &Path) -> Result<()> {
    model.declared.fields.iter().try_for_each(|field| match &field.initial {
        Initial::File(input) => acquisition::check_keeps(dir, input.path()).map_err(|e| located(file, &input.file, e)),
        _ => Ok(()),
    })
}

/// Adds the place of the key whose value is the path of a file to an error about the file.
fn located(file: &JobFile, path: &str, error: Error) -> Error {
    match key_of(&Value::Table(file.parameters.clone()), path, "parameters") {
        Some(key) => located_at(&file.origins, &key, error),
        None => error,
    }
}

fn located_at(origins: &KeyOrigins, key: &str, error: Error) -> Error {
    origins.error(key, format!("`{key}`: {error}"), "")
}

/// The dotted path of the first key in a table whose value is this text.
fn key_of(value: &Value, text: &str, key: &str) -> Option<String> {
    match value {
        Value::String(found) => (found == text).then(|| key.to_owned()),
        Value::Table(table) => table.iter().find_map(|(name, inner)| key_of(inner, text, &format!("{key}.{name}"))),
        Value::Array(values) => {
            values.iter().enumerate().find_map(|(i, inner)| key_of(inner, text, &format!("{key}[{i}]")))
        }
        _ => None,
    }
}
