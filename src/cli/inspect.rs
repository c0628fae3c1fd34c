//! The commands that start no run: `list`, `describe` and `check`.
use super::arguments::JobArguments;
use super::job::read;
use crate::base::Result;
use crate::comm::Comm;
use crate::config::{self, JobFile, KeyDescription};
use crate::model::field::FieldDeclaration;
use crate::program::Program;
use crate::run::{self, JobEntry};
use comfy_table::{ContentArrangement, Table, presets};
use indicatif::DecimalBytes;
use std::num::NonZeroUsize;

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
            let header = ["field", "unit", "at", "numbers", "meaning"].map(str::to_owned);
            let row = |d: &FieldDeclaration| {
                let at = d.location.description();
                vec![d.name.clone(), d.unit.clone(), at.into(), d.element.name().into(), d.long_name.clone()]
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

/// `halocline describe`: the keys of every job file.
pub(super) fn manual() -> String {
    format!("The keys of a job file; on the command line, KEY=VALUE\n\n{}", keys(config::describe::<JobFile>()))
}

/// `halocline check`: checks a job file completely, and describes the cost of the run on `ranks` ranks.
pub(super) fn check(jobs: &[JobEntry], arguments: &JobArguments, ranks: Option<NonZeroUsize>) -> Result<String> {
    let job = read(jobs, arguments)?;
    let file = job.file();
    let wanted = file.parallel.ranks.map(|split| split.iter().product());
    let ranks = ranks.map(NonZeroUsize::get).or(wanted).unwrap_or(1);
    let model = run::model(&job, Comm::alone())?;
    run::check_streams(file, &model)?;
    let notes = run::check_inputs(file, &model)?;
    let clock = model.declared.clock;
    let program = Program::new(model, ranks)?;
    let [z, y, x] = file.grid.cells;
    let (end, element) = (file.time.end, file.engine.element.name());
    let memory =
        (0..ranks).map(|rank| program.memory(rank)).collect::<Result<Vec<u64>>>()?.into_iter().max().unwrap_or(0);
    let (messages, bytes) = program.messages().into_iter().max_by_key(|m| m.1).unwrap_or((0, 0));
    let mut text = format!(
        "{}: no errors found\n  {} on {z} × {y} × {x} cells of {element}, until {end}\n",
        arguments.file.display(),
        file.job
    );
    let s = if ranks == 1 { "" } else { "s" };
    text += &format!(
        "  {ranks} rank{s}, process grid {:?}, {} of fields on a rank\n",
        program.process_grid(),
        DecimalBytes(memory)
    );
    text += &format!("  a step moves {} in memory", DecimalBytes(program.bytes_per_step()));
    if ranks > 1 {
        text += &format!(
            ", and sends {messages} messages with {} in all from the busiest rank",
            DecimalBytes(bytes as u64)
        );
    }
    notes.iter().for_each(|note| text += &format!("\n  note: {note}"));
    let state = program.bytes_of_state();
    text += &format!("\n  a checkpoint takes {} on disk\n", DecimalBytes(state));
    if file.replica.is_on() {
        // A rank keeps its own part and the part of another rank, for two alternating replicas.
        let each = DecimalBytes(4 * state.div_ceil(ranks as u64));
        text += &format!("  a replica takes up to {each} of memory per rank\n");
    }
    for warning in run::warnings(file, clock) {
        text += &format!("  warning: {warning}\n");
    }
    Ok(text)
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
