//! The commands that start no run: `list` and `describe`.
use crate::comm::Comm;
use crate::config::{self, JobFile, KeyDescription};
use crate::model::field::FieldDeclaration;
use crate::model::grid::AXES;
use crate::run::{self, JobEntry};
use comfy_table::{ContentArrangement, Table, presets};

/// `halocline list`: the jobs, one per line.
pub(super) fn list(jobs: &[JobEntry]) -> String {
    columns(None, jobs.iter().map(|entry| vec![entry.name().to_owned(), entry.summary().to_owned()]).collect())
}

/// The parameters of a job, and its fields and schedule with default parameters.
pub(super) fn describe(entry: &JobEntry) -> String {
    let rows = entry.describe();
    let mut text = format!("{}: {}\n\n", entry.name(), entry.summary());
    if rows.is_empty() {
        text += "It has no parameters.\n";
    } else {
        text += "[parameters] of its job files; on the command line, parameters.KEY=VALUE\n\n";
        text += &keys(rows);
    }
    let name = entry.name();
    let example = format!("job = '{name}'\ngrid.cells = [64, 64, 64]\ngrid.periodic = true\ntime.end = '1 step'");
    let model = JobFile::parse("example", &example, &[])
        .and_then(|file| entry.prepare(file))
        .and_then(|job| run::model(&job, Comm::alone()));
    match model {
        Ok(model) => {
            let header = ["field", "unit", "at", "numbers", "boundaries", "meaning"].map(str::to_owned);
            let row = |d: &FieldDeclaration| {
                let at = d.location.description();
                let derived = if d.derived { ", derived from fields for output" } else { "" };
                let meaning = format!("{}{derived}", d.long_name);
                vec![d.name.clone(), d.unit.clone(), at.into(), d.element.name().into(), boundaries(d), meaning]
            };
            let fields = columns(Some(header.to_vec()), model.fields().iter().map(row).collect());
            let schedule = model.describe_schedule().join("\n");
            text += &format!(
                "\n{fields}\nIts schedule, with default parameters on a three-dimensional grid\n\n{schedule}\n"
            );
        }
        Err(e) => {
            text += &format!("\nWith default parameters, its fields and schedule cannot be shown: {}\n", e.what())
        }
    }
    text
}

/// Describes the boundary conditions of a field: once if all sides have the same, otherwise for each axis.
fn boundaries(d: &FieldDeclaration) -> String {
    if d.derived {
        return "none".into();
    }
    let sides = d.boundaries.each_ref().map(|axis| axis.each_ref().map(|condition| format!("{condition:?}")));
    let axis = |a: usize| match &sides[a] {
        [low, high] if low == high => format!("{} {low}", AXES[a]),
        [low, high] => format!("{0} {low} and {high}", AXES[a]),
    };
    if sides.iter().flatten().all(|side| *side == sides[0][0]) {
        sides[0][0].clone()
    } else {
        [0, 1, 2].map(axis).join(", ")
    }
}

/// `halocline describe`: the keys of every job file.
pub(super) fn manual() -> String {
    format!("The keys of a job file; on the command line, KEY=VALUE\n\n{}", keys(config::describe::<JobFile>()))
}

/// Formats descriptions of keys as a table.
fn keys(rows: Vec<KeyDescription>) -> String {
    let header = ["key", "type", "unit", "default", "range", "meaning"].map(str::to_owned);
    let cells = |row: KeyDescription| vec![row.name, row.kind, row.unit, row.default, row.range, row.description];
    columns(Some(header.to_vec()), rows.into_iter().map(cells).collect())
}

/// Formats rows as aligned columns without lines. On a terminal, long texts wrap inside their column.
fn columns(header: Option<Vec<String>>, rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if let Some(header) = header {
        table.set_header(header);
    }
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt() + "\n"
}
