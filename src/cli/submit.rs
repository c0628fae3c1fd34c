//! The command `submit`: a batch job of a run, or of an array of runs.
use super::arguments::{JobArguments, Machine, RunArguments, SubmitArguments};
use super::check::check_elsewhere;
use super::start::default_directory;
use crate::base::{Error, Result};
use crate::launch::submit::Batch;
use crate::run::JobEntry;
use std::num::NonZeroUsize;

/// `halocline submit`: makes all checks of the runs first, so that no job waits in a queue only to fail.
pub(super) fn submit(jobs: &[JobEntry], arguments: SubmitArguments) -> Result<String> {
    let SubmitArguments { job, nodes, spare, ranks_per_node, cores_per_rank, time, margin, array, output, look, site } =
        arguments;
    let ranks = nodes.saturating_mul(ranks_per_node);
    let array = array.map(|text| array_of(&text)).transpose()?;
    let output = output.unwrap_or_else(|| default_directory(&job.file));
    let cases: Vec<Vec<String>> = match &array {
        Some((key, values)) => values.iter().map(|v| [&job.set[..], &[format!("{key}={v}")]].concat()).collect(),
        None => vec![job.set.clone()],
    };
    for set in cases {
        let job = JobArguments { file: job.file.clone(), set };
        let machine = Machine { ranks: Some(ranks), threads: None, trace: false };
        // A job that Slurm starts again continues its run.
        let run = RunArguments { job, machine, output: Some(output.clone()), force: false, resume: true };
        check_elsewhere(jobs, run, ranks.get())?;
    }
    let name = job.file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let arguments = [vec![job.file.display().to_string()], job.set].concat();
    let [nodes, ranks_per_node] = [nodes, ranks_per_node].map(NonZeroUsize::get);
    let cores_per_rank = cores_per_rank.map(NonZeroUsize::get);
    let batch =
        Batch { name, nodes, spare, ranks_per_node, cores_per_rank, time, margin, arguments, output, array, site };
    batch.submit(look)
}

/// The key and the values of `--array KEY=A,B,C`.
///
/// # Errors
/// If the key, a value or the end of a list is missing, or a value occurs twice: its jobs would share a directory.
fn array_of(text: &str) -> Result<(String, Vec<String>)> {
    let wrong =
        |why: &str| Error::input(format!("--array {text}{why}")).remedy("name a key and its values: --array KEY=A,B,C");
    let (key, list) = text.split_once('=').filter(|(key, _)| !key.trim().is_empty()).ok_or_else(|| wrong(""))?;
    let values = split_at_commas(list).ok_or_else(|| wrong(": a bracket or quote is not closed"))?;
    let values = match &values[..] {
        [one] if one.starts_with('[') && one.ends_with(']') => {
            split_at_commas(&one[1..one.len() - 1]).ok_or_else(|| wrong(": a bracket or quote is not closed"))?
        }
        _ => values,
    };
    if values.iter().any(String::is_empty) {
        return Err(wrong(": a value is missing"));
    }
    if let Some((i, value)) = values.iter().enumerate().find(|(i, value)| values[..*i].contains(value)) {
        return Err(wrong(&format!(": value {} is {value}, which occurs before", i + 1)));
    }
    Ok((key.trim().to_owned(), values))
}

/// The parts of a text between commas outside of brackets, braces and quotes; none if one of these is not closed.
fn split_at_commas(text: &str) -> Option<Vec<String>> {
    let (mut parts, mut depth, mut quote) = (vec![String::new()], 0i32, None);
    for c in text.chars() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => quote = Some(c),
            ('[' | '{', None) => depth += 1,
            (']' | '}', None) => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return None;
        }
        match parts.last_mut() {
            Some(part) if c != ',' || depth > 0 || quote.is_some() => part.push(c),
            _ => parts.push(String::new()),
        }
    }
    let closed = depth == 0 && quote.is_none();
    closed.then(|| parts.iter().map(|part| part.trim().to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_has_numbers_texts_or_lists_as_values() {
        let values = |text: &str| array_of(text).map(|(key, values)| format!("{key}: {}", values.join(" | ")));
        for (text, expected) in [
            ("a.b=1,2,4", "a.b: 1 | 2 | 4"),
            ("a.b=[1, 2, 4]", "a.b: 1 | 2 | 4"),
            ("grid.cells=[64,64],[128,128]", "grid.cells: [64,64] | [128,128]"),
            ("grid.cells=[[64,64],[128,128]]", "grid.cells: [64,64] | [128,128]"),
            ("p={x=1,y=2},{x=3,y=4}", "p: {x=1,y=2} | {x=3,y=4}"),
            ("time.end=\"40 step, or so\",b", "time.end: \"40 step, or so\" | b"),
            ("a=1", "a: 1"),
        ] {
            assert_eq!(values(text).unwrap(), expected);
        }
        for text in ["a", "=1", "a=", "a=1,,2", "a=[1,2", "a=1],2", "a='1,2", "a=1,2,1", "a=[1,1]"] {
            assert_eq!(values(text).unwrap_err().exit_code(), 2, "{text}");
        }
    }
}
