//! The jobs and their smoke files.
use halocline::config::JobFile;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the jobs.
pub fn jobs() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The smoke file of a job.
pub fn smoke(job: &str) -> PathBuf {
    jobs().join(job).join("smoke.toml")
}

/// Name and smoke file of every job, as their folders show.
pub fn smokes() -> Vec<(String, PathBuf)> {
    let mut all: Vec<_> = fs::read_dir(jobs())
        .expect("the folder of the jobs")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name in UTF-8"))
        .filter(|name| smoke(name).is_file())
        .map(|name| (name.clone(), smoke(&name)))
        .collect();
    all.sort();
    assert!(all.len() >= 4, "{all:?}");
    all
}

/// The streams of a job file.
pub fn streams(file: &Path) -> Vec<String> {
    JobFile::read(file, &[]).expect("a job file without errors").output.keys().cloned().collect()
}
