//! What a run leaves in its directory.
use halocline::files::input;
use std::fs;
use std::path::{Path, PathBuf};

/// Files that were being written, in a folder and those below it.
pub fn half_written(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let unfinished = files.into_iter().filter(|path| path.extension().is_some_and(|e| e == "part"));
    unfinished.chain(folders.iter().flat_map(|folder| half_written(folder))).collect()
}

/// Asserts that there are none.
pub fn nothing_half_written(folder: &Path) {
    assert_eq!(half_written(folder), Vec::<PathBuf>::new());
}

/// What `summary.json` in a folder says about how the run ended; `None` without one.
pub fn outcome(folder: &Path) -> Option<String> {
    let text = fs::read_to_string(folder.join("summary.json")).ok()?;
    let summary: serde_json::Value = serde_json::from_str(&text).expect("summary.json is whole");
    Some(summary["outcome"].as_str().expect("an outcome").to_owned())
}

/// The steps of the instants in a stream, and the numbers of one of its variables at each of them.
pub fn instants(folder: &Path, stream: &str, variable: &str) -> Vec<(u64, Vec<f64>)> {
    let path = folder.join(format!("{stream}.h5"));
    let read = |name: &str| -> halocline::Result<Vec<f64>> {
        let sizes: Vec<usize> = input::variable(&path, name)?.dims.iter().map(|d| d.1).collect();
        input::read(&path, name, &vec![0; sizes.len()], &sizes)
    };
    let both = read("step").and_then(|steps| Ok((steps, read(variable)?)));
    let (steps, values) = both.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let each = values.len() / steps.len().max(1);
    steps.iter().zip(values.chunks(each)).map(|(step, values)| (*step as u64, values.to_vec())).collect()
}
