//! Sources and stations act where they were declared, also between cells.
mod support;
use halocline::config::JobFile;
use halocline::prelude::*;
use halocline::{jobs, run};
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::Command;
use support::Ranks::Threads;
use support::{both, instants, resume, run, skipped, smoke};

/// The state of the acoustic smoke file with its source at the center of the cell that contained it.
const SOURCE_AT_A_CENTER: &str = "1a1692f8b64c27e6cb355213bb13406e";

#[test]
fn a_source_at_a_cell_center_changes_one_cell_alone() {
    let folder = tempfile::tempdir().unwrap();
    let keys = ["parameters.source=[65.0, 115.0, 135.0]"];
    let ended = run(Threads(2), &smoke("acoustic"), &folder.path().join("run")).with_all(keys).ends();
    assert_eq!(ended.state(), SOURCE_AT_A_CENTER);
}

/// The eight weights of a position in a grid of 10 m cells, and the numbers of their cells in the smoke file's grid.
fn weights([z, y, x]: [f64; 3]) -> Vec<(usize, f64)> {
    let pair = |p: f64| {
        let s = p / 10.0 - 0.5;
        [(s.floor() as usize, 1.0 - (s - s.floor())), (s.floor() as usize + 1, s - s.floor())]
    };
    let mut all = vec![];
    for (k, wz) in pair(z) {
        for (j, wy) in pair(y) {
            for (i, wx) in pair(x) {
                all.push(((k * 22 + j) * 26 + i, wz * wy * wx));
            }
        }
    }
    all
}

#[test]
fn stations_interpolate_and_have_the_same_bits_on_any_ranks() {
    let places = [[63.0, 101.0, 131.0], [100.0, 110.0, 130.0], [12.5, 112.5, 202.5], [66.0, 137.0, 127.0]];
    let points = format!("output.receivers.points={places:?}");
    let keys = [points.as_str(), "output.fields.every=1 step", "output.receivers.element=f64", "time.end=40 step"];
    let folder = tempfile::tempdir().unwrap();
    let mut first = None;
    for (i, ranks) in [vec![Threads(1), Threads(3)], both(8)].concat().into_iter().enumerate() {
        let output = folder.path().join(i.to_string());
        let ended = run(ranks, &smoke("acoustic"), &output).with_all(keys).ends();
        let found = (ended.state().to_owned(), instants(&output, "receivers", "pressure"));
        assert_eq!(first.get_or_insert_with(|| found.clone()), &found, "{ranks:?}");
    }
    let (_, seen) = first.unwrap();
    assert_eq!(seen.len(), 41);
    for ((step, values), (_, field)) in seen.iter().zip(instants(&folder.path().join("0"), "fields", "pressure")) {
        for (value, place) in values.iter().zip(places) {
            let exact: f64 = weights(place).into_iter().map(|(cell, weight)| weight * field[cell]).sum();
            assert!((value - exact).abs() <= 1e-13 * exact.abs().max(1.0), "step {step}, {place:?}: {value}, {exact}");
        }
    }
    assert!(seen.last().unwrap().1.iter().any(|v| v.abs() > 1e-3), "something has arrived");
    let path = folder.path().join("0/receivers.h5");
    for (axis, name) in ["z", "y", "x"].into_iter().enumerate() {
        let written = halocline::files::input::read(&path, name, &[0], &[4]).unwrap();
        assert_eq!(written, places.map(|p| p[axis]), "{name}");
    }
}

/// A job with fields at centers and on faces, equal to a linear function of the position of their values, on a periodic y axis.
struct Linear;

#[parameters]
struct NoParameters {}

impl Job for Linear {
    const NAME: &'static str = "linear";
    const SUMMARY: &'static str = "fields that are linear in the position";
    type Parameters = NoParameters;

    fn build<R: Real>(_: &NoParameters, model: &mut Model) -> Result<()> {
        // The slope across the walls on which values lie.
        for (name, location, slope) in
            [("c", Location::Center, 0.0), ("u", Location::FaceX, 1.0), ("w", Location::FaceZ, -2.0)]
        {
            let linear = |at: At| 3.0 + at.x - 2.0 * at.z;
            let field = model.field::<R>(name).location(location).initial(linear);
            field.boundary(Boundary::Gradient(slope)).build()?;
        }
        let heat = model.field::<R>("heat").location(Location::FaceX).build()?;
        let source = model.point_source(heat, [2.2, 0.1, 3.3])?;
        model.every_step(|s| _ = s.inject("source", &source, |_| 1.0));
        model.diagnose("total", sum(heat));
        Ok(())
    }
}

fn ended(text: &str, output: &Path, ranks: usize) -> u8 {
    let file = JobFile::parse("linear.toml", text, &[]).unwrap();
    let job = run::PreparedJob::of_file(jobs![Linear], file).unwrap();
    let options = run::Options {
        ranks: NonZeroUsize::new(ranks),
        threads: NonZeroUsize::new(1),
        output: output.to_owned(),
        force: false,
        resume: None,
        restart: false,
        trace: false,
    };
    run::run(&job, options)
}

#[test]
fn fields_at_centers_and_on_faces_are_read_at_the_same_position() {
    let folder = tempfile::tempdir().unwrap();
    let text = "job = 'linear'\ntime.end = '2 step'\nparallel.ranks = [2, 1, 2]\n\
                grid = {cells = [4, 3, 6], length = [4, 3, 6], periodic = [false, true, false]}\n\
                [output.fields]\nevery = 'never'\n[output.stations]\nevery = '1 step'\nfields = ['c', 'u', 'w']\n\
                names = ['wall', 'middle', 'corner']\npoints = [[0, 0, 0], [2.3, 0.2, 2.9], [4, 3, 6]]\n";
    let output = folder.path().join("run");
    assert_eq!(ended(text, &output, 4), 0);
    for name in ["c", "u", "w"] {
        for (_, values) in instants(&output, "stations", name) {
            let exact = [3.0, 3.0 + 2.9 - 2.0 * 2.3, 3.0 + 6.0 - 8.0];
            let close = values.iter().zip(exact).all(|(v, e)| (v - e).abs() < 1e-12);
            assert!(close, "{name}: {values:?}");
        }
    }
    let summary: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(output.join("summary.json")).unwrap()).unwrap();
    let total = &summary["results"]["total"];
    let total = total.as_f64().or(total["value"].as_f64()).expect("a number");
    assert!((total - 2.0).abs() < 1e-14, "the shares of a source add up to it: {total}");
}

#[test]
fn three_thousand_stations_are_written_resumed_packed_and_compared() {
    let folder = tempfile::tempdir().unwrap();
    let smoke = std::fs::read_to_string(smoke("acoustic")).unwrap();
    let (before, _) = smoke.split_once("points = ").expect("the receivers end the file");
    let point = |i: usize| format!("[{}, {}, {}]", 15.0 + 0.05 * i as f64, 110.0, 20.0 + 0.07 * i as f64);
    let points = (0..3000).map(point).collect::<Vec<_>>().join(", ");
    let names = (0..3000).map(|i| format!("'station {i}'")).collect::<Vec<_>>().join(", ");
    let file = folder.path().join("many.toml");
    std::fs::write(&file, format!("{before}points = [{points}]\nnames = [{names}]\n")).unwrap();
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    let state = run(Threads(1), &file, &whole).ends().state().to_owned();
    let keys = ["time.end=30 step", "checkpoint.every=30 step"];
    run(Threads(3), &file, &parts).with_all(keys).ends().state();
    let resumed = resume(Threads(2), &parts).with_all(["time.end=60 step"]).ends();
    assert_eq!(resumed.state(), state);
    let command = |arguments: &[&str]| {
        let ended = Command::new(env!("CARGO_BIN_EXE_halocline")).args(arguments).output().unwrap();
        assert!(ended.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ended.stderr));
    };
    command(&["pack", parts.to_str().unwrap()]);
    command(&["verify", parts.to_str().unwrap()]);
    if !support::works("h5diff", "--version") {
        return skipped("comparing stations", "there is no h5diff");
    }
    for other in ["parts/receivers.h5", "parts/receivers.packed.h5"] {
        let (a, b) = (whole.join("receivers.h5"), folder.path().join(other));
        let same = Command::new("h5diff").args(["--exclude-path", "/provenance"]).arg(&a).arg(&b).output().unwrap();
        // The packed file has no comment on virtual datasets; h5diff says so, and compares what both have.
        let text = String::from_utf8_lossy(&same.stdout).into_owned();
        assert!(!text.contains("differences found"), "{other}: {text}");
        assert!(same.status.code().is_some_and(|code| code < 2), "{other}: {text}");
    }
}

#[test]
fn positions_that_no_grid_has_are_refused_with_the_numbers() {
    let folder = tempfile::tempdir().unwrap();
    for (key, says) in [
        ("output.receivers.points=[[20.0, 110.0, 261.0]]", "x must be inside the grid, from 0 to 260 m"),
        ("output.receivers.points=[[20.0, nan, 100.0]]", "is not finite"),
        ("output.receivers.points=[[20.0, 100.0]]", "the grid has 3 axes"),
        ("output.receivers.points=[[1.0, 20.0, 100.0, 7.0]]", "must be a list of 1 to 3 numbers"),
        ("output.receivers.names=['a']", "has 1 names for 3 points"),
        ("output.receivers.names=['a', 'b', 'a']", "names must differ"),
        ("output.fields.names=['a']", "`output.fields.names` without `points`"),
        ("parameters.source=[20.0, 110.0, 261.0]", "lies outside the grid along x"),
        ("parameters.source=[20.0, 110.0]", "the grid has 3 axes"),
    ] {
        let output = folder.path().join("none");
        run(Threads(2), &smoke("acoustic"), &output).with_all([key]).ends().fails(2, &[says]);
        assert!(!output.exists(), "{key}");
    }
}
