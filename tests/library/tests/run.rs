//! The user's crate is a whole command line, and its results do not depend on ranks.
use std::process::Command;

#[test]
fn a_users_crate_runs() {
    let dir = tempfile::tempdir().unwrap();
    let state = |ranks: &str| {
        let out = dir.path().join(ranks);
        let mut heat = Command::new(env!("CARGO_BIN_EXE_my-heat"));
        heat.args(["run", concat!(env!("CARGO_MANIFEST_DIR"), "/heat.toml"), "--ranks", ranks, "--output"]).arg(&out);
        let done = heat.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let files = ["job.toml", "summary.json", "series.csv", "series.png", "fields.h5", "fields.xdmf", "means.h5"];
        for file in files.into_iter().chain(["fields-temperature.png", "fields-flux.png"]) {
            assert!(out.join(file).is_file(), "{file} is missing");
        }
        String::from_utf8(done.stdout).unwrap().lines().last().unwrap().to_owned()
    };
    let alone = state("1");
    assert!(alone.starts_with("state ") && alone.len() == 38, "{alone}");
    assert_eq!(state("3"), alone);
}

#[test]
fn the_tutorial_shows_this_crate() {
    let chapter = include_str!("../../../src/docs/tutorial/09_your_own_job.md");
    for (file, text) in [("src/main.rs", include_str!("../src/main.rs")), ("heat.toml", include_str!("../heat.toml"))] {
        assert!(chapter.contains(text), "chapter 9 of the tutorial has another {file}");
    }
}
