//! The outcome of a run, as its summary states it.
use super::regular_file;
use std::path::Path;

/// The outcome in the summary of the run in `dir`; none without a readable summary.
pub fn outcome(dir: &Path) -> Option<String> {
    let summary: serde_json::Value =
        serde_json::from_slice(&regular_file::read(&dir.join("summary.json")).ok()?).ok()?;
    summary["outcome"].as_str().map(str::to_owned)
}

/// True if the run in `dir` is complete.
pub fn is_done(dir: &Path) -> bool {
    outcome(dir).is_some_and(|outcome| is_final(&outcome))
}

/// True for an outcome after which nothing is left to compute.
pub fn is_final(outcome: &str) -> bool {
    matches!(outcome, "done" | "converged" | "not converged")
}
