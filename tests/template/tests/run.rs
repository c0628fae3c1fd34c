//! The program of a new crate runs its job file, and the results do not depend on ranks.
use std::fs;
use std::process::Command;

#[test]
fn a_new_crate_runs_its_job_file() {
    let dir = tempfile::tempdir().unwrap();
    let state = |ranks: &str| {
        let out = dir.path().join(ranks);
        let mut waves = Command::new(env!("CARGO_BIN_EXE_my-waves"));
        waves.args(["run", concat!(env!("CARGO_MANIFEST_DIR"), "/../../src/cli/template/job.toml")]);
        let done = waves.args(["--ranks", ranks, "--output"]).arg(&out).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        for file in ["job.toml", "summary.json", "fields.h5", "fields.xdmf", "fields-eta.png"] {
            assert!(out.join(file).is_file(), "{file} is missing");
        }
        let xdmf = fs::read_to_string(out.join("fields.xdmf")).unwrap();
        assert_eq!(xdmf.matches("<Time").count(), 3 * 5, "5 instants of 3 fields: {xdmf}");
        let summary = fs::read_to_string(out.join("summary.json")).unwrap();
        let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
        let mean = summary["results"]["mean(eta)"].as_f64();
        // Nothing flows through the walls: the mean is the initial bell's, π width² / area, but for its tail beyond them.
        let expected = std::f64::consts::PI * (10e3 * 10e3) / (200e3 * 300e3);
        assert!(mean.is_some_and(|mean| (mean / expected - 1.0).abs() < 1e-9), "{summary} and {expected}");
        String::from_utf8(done.stdout).unwrap().lines().last().unwrap().to_owned()
    };
    let alone = state("1");
    assert!(alone.starts_with("state ") && alone.len() == 38, "{alone}");
    assert_eq!(state("3"), alone);
}
