//! Numbers over time: the table `series.csv`, its picture, and its bytes after stops, kills and extensions.
mod support;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use support::Ranks::{Mpi, Threads};
use support::{at_most, half_written, has_mpirun, resume, run, signal, skipped, smoke, verified, works};

fn table(dir: &Path) -> String {
    fs::read_to_string(dir.join("series.csv")).unwrap()
}

/// The columns of a table by their headers.
fn columns(dir: &Path) -> BTreeMap<String, Vec<f64>> {
    let text = table(dir);
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let rows: Vec<Vec<f64>> = lines.map(|row| row.split(',').map(|n| n.parse().unwrap()).collect()).collect();
    names.iter().enumerate().map(|(i, name)| (name.to_string(), rows.iter().map(|row| row[i]).collect())).collect()
}

fn results(dir: &Path) -> serde_json::Value {
    serde_json::from_slice::<serde_json::Value>(&fs::read(dir.join("summary.json")).unwrap()).unwrap()["results"].take()
}

#[test]
fn a_table_has_a_row_for_each_instant_and_for_both_ends() {
    let top = tempfile::tempdir().unwrap();
    let output = top.path().join("run");
    run(Threads(2), &smoke("diffusion"), &output).with_all(["series.every=7 step", "time.end=24 step"]).ends().state();
    let columns = columns(&output);
    assert_eq!(columns["step"], [0.0, 7.0, 14.0, 21.0, 24.0]);
    let dt = columns["time [s]"][1] / 7.0;
    assert!(columns["time [s]"].iter().zip(&columns["step"]).all(|(t, n)| (t - n * dt).abs() <= 1e-12 * t.abs()));
    // The last row holds the diagnostics at the end.
    let results = results(&output);
    for name in ["max", "min", "mean"] {
        let last = *columns[&format!("{name} [K]")].last().unwrap();
        let diagnostic = &results[format!("{name}(temperature)")];
        assert_eq!(Some(last), diagnostic.as_f64().or(diagnostic["value"].as_f64()), "{name}: {results}");
    }
    // The maximum of a temperature falls, and the minimum rises.
    assert!(columns["max [K]"].windows(2).all(|pair| pair[1] < pair[0]));
    let (verified, said) = verified(&output);
    assert!(verified && said.contains("series.csv") && said.contains("series.png"), "{said}");
}

#[test]
fn a_table_is_the_same_bytes_on_any_ranks() {
    let top = tempfile::tempdir().unwrap();
    for job in ["gray_scott", "acoustic", "poisson"] {
        let output = |name: &str| top.path().join(format!("{job}-{name}"));
        let of = |ranks, name: &str| {
            run(ranks, &smoke(job), &output(name)).with("series.every=3 step").ends().state();
            table(&output(name))
        };
        let alone = of(Threads(1), "1");
        assert!(alone.lines().count() > 2, "{alone}");
        for n in [2, 3, 4, 6, 8] {
            assert_eq!(of(Threads(n), &n.to_string()), alone, "{job} on {n} ranks");
        }
        if has_mpirun() {
            assert_eq!(of(Mpi(at_most(2)), "mpi"), alone, "{job} on MPI ranks");
        }
    }
}

#[test]
fn a_long_table_is_the_same_bytes_after_kills_on_other_ranks() {
    let top = tempfile::tempdir().unwrap();
    let (whole, parts) = (top.path().join("whole"), top.path().join("parts"));
    let steps = 100_000;
    let settings = [
        "grid.cells=[6, 6, 6]".into(),
        "series={every='1 step', show=['mean'], picture=false}".into(),
        "output.fields.every=never".into(),
        "parameters.width=0.4".into(),
        "grid.length=[1, 1, 1]".into(),
        "checkpoint={every='5000 step', keep=2}".into(),
        format!("time.end={steps} step"),
    ];
    let expected = run(Threads(1), &smoke("diffusion"), &whole).with_all(settings.clone()).ends().state().to_owned();
    assert_eq!(table(&whole).lines().count(), steps + 2);
    for (attempt, ranks) in [3, 1, 2].map(|n| Threads(at_most(n))).into_iter().enumerate() {
        let mut running = match attempt {
            0 => run(ranks, &smoke("diffusion"), &parts).with_all(settings.clone()).starts(),
            _ => resume(ranks, &parts).starts(),
        };
        let newest = |_: &support::Running| {
            let names = fs::read_dir(parts.join("checkpoints")).into_iter().flatten().flatten();
            let steps = names.filter_map(|e| e.file_name().to_str()?.strip_suffix(".h5")?.parse::<usize>().ok());
            steps.max().unwrap_or(0) >= 20_000 * (attempt + 1)
        };
        running.until("a checkpoint", newest);
        signal("KILL", &[running.process()]);
        running.ends();
    }
    assert!(table(&parts).lines().count() < steps, "killed before the end");
    assert_eq!(resume(Threads(at_most(2)), &parts).ends().state(), expected);
    assert!(table(&whole) == table(&parts), "the tables differ");
    assert!(half_written(&parts).is_empty() && verified(&parts).0);
}

#[test]
fn an_extended_run_drops_the_row_of_its_end() {
    let top = tempfile::tempdir().unwrap();
    let (whole, parts) = (top.path().join("whole"), top.path().join("parts"));
    let every = "series.every=4 step";
    run(Threads(1), &smoke("diffusion"), &whole).with_all([every, "time.end=20 step"]).ends().state();
    run(Threads(1), &smoke("diffusion"), &parts).with_all([every, "time.end=10 step"]).ends().state();
    assert_eq!(columns(&parts)["step"], [0.0, 4.0, 8.0, 10.0]);
    resume(Threads(2), &parts).with("time.end=20 step").ends().state();
    assert_eq!(table(&parts), table(&whole));
    // A row that the user has removed is reported.
    let short: String = table(&parts).lines().take(3).map(|line| format!("{line}\n")).collect();
    fs::write(parts.join("series.csv"), short).unwrap();
    let ended = resume(Threads(1), &parts).with("time.end=30 step").ends();
    assert!(ended.err.contains("has lost 4 of 6 rows"), "{}", ended.err);
}

#[test]
fn a_table_that_is_not_written_for_a_while_keeps_its_rows() {
    let top = tempfile::tempdir().unwrap();
    let output = top.path().join("run");
    run(Threads(1), &smoke("gray_scott"), &output).with_all(["series.every=4 step", "time.end=10 step"]).ends().state();
    let on = |steps: &str, every: &str| {
        let settings = [format!("time.end={steps} step"), format!("series.every={every}")];
        resume(Threads(1), &output).with_all(settings).ends().state();
        columns(&output)["step"].clone()
    };
    // The row of the end at step 10 is none of the cadence.
    assert_eq!(on("20", "never"), [0.0, 4.0, 8.0, 10.0]);
    assert_eq!(on("30", "4 step"), [0.0, 4.0, 8.0, 10.0, 24.0, 28.0, 30.0]);
    assert_eq!(on("32", "4 step"), [0.0, 4.0, 8.0, 10.0, 24.0, 28.0, 32.0]);
}

#[test]
fn mistakes_are_found_before_anything_is_written() {
    let top = tempfile::tempdir().unwrap();
    let output = top.path().join("run");
    let of = |set: &str| run(Threads(1), &smoke("gray_scott"), &output).with(set).ends();
    of("series.show=['mean(w)']").fails(2, &["the job records no `mean(w)`", "did you mean `mean(u)`"]);
    of("series.every=3 parsec").fails(2, &["series.every"]);
    of("series.evry=3 step").fails(2, &["series.evry", "every"]);
    of("output.series={every='1 step'}").fails(2, &["`output.series` is not a valid stream name"]);
    assert!(!output.exists());
    run(Threads(1), &smoke("gray_scott"), &output).ends().state();
    // Another header: of a program whose job records something else.
    let other = table(&output).replacen("mean(u)", "mean(w)", 1);
    fs::write(output.join("series.csv"), &other).unwrap();
    resume(Threads(1), &output)
        .with("time.end=80 step")
        .ends()
        .fails(2, &["series.csv has the columns", "nothing was changed"]);
    assert_eq!(table(&output), other);
}

#[test]
fn python_reads_a_table() {
    if !works("python3", "--version") {
        return skipped("python", "there is no python3");
    }
    let top = tempfile::tempdir().unwrap();
    let output = top.path().join("run");
    run(Threads(1), &smoke("gray_scott"), &output).ends().state();
    // The csv module of the standard library, where pandas is not installed, has the same rules for quotes.
    let script =
        "import csv, sys; rows = list(csv.DictReader(open(sys.argv[1]))); print(len(rows), float(rows[-1]['mean(u)']))";
    let read =
        std::process::Command::new("python3").args(["-c", script]).arg(output.join("series.csv")).output().unwrap();
    let said = String::from_utf8_lossy(&read.stdout).into_owned();
    let last = columns(&output)["mean(u)"].last().copied().unwrap();
    assert_eq!(said.trim(), format!("7 {last}"));
}
