//! What other people's programs make of our files: ncdump here, since every cluster has it.
mod support;
use halocline::config::JobFile;
use halocline::model::Direction;
use halocline::prelude::*;
use halocline::{jobs, run};
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::Command;
use support::Ranks::Threads;
use support::{run, skipped, smokes, streams};

/// What `ncdump` prints of a file, without tabs; `None` where there is no ncdump.
fn ncdump(arguments: &[&str], file: &Path) -> Option<String> {
    let Ok(output) = Command::new("ncdump").args(arguments).arg(file).output() else {
        skipped("files as ncdump sees them", "there is no ncdump");
        return None;
    };
    let (text, why) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && why.is_empty(), "{}: {why}", file.display());
    Some(text.replace('\t', ""))
}

/// Asserts that these lines are there.
fn has(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|l| l.trim() == *line), "{line:?} is not in\n{text}");
    }
}

#[test]
fn every_job_names_its_dimensions_and_units() {
    for (job, file) in smokes() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("run");
        run(Threads(2), &file, &output).ends().state();
        for stream in streams(&file) {
            let Some(text) = ncdump(&["-h"], &output.join(format!("{stream}.h5"))) else { return };
            // The job without time has steps.
            let (record, units) =
                if job == "poisson" { ("step", "1") } else { ("time", "seconds since 2000-01-01 00:00:00") };
            has(
                &text,
                &[
                    &format!("{record}:units = \"{units}\" ;"),
                    ":Conventions = \"CF-1.11\" ;",
                    &format!(":source = \"halocline {VERSION}, job {job}\" ;"),
                ],
            );
            assert!(text.contains(&format!("{record} = UNLIMITED ; // (")), "{job}, {stream}: {text}");
            assert_eq!(text.contains("time:axis = \"T\" ;"), record == "time", "{job}, {stream}: {text}");
            // Every variable has a unit and a meaning; and each names dimensions that have coordinates.
            for variable in text.lines().filter_map(|line| line.strip_suffix(") ;")?.split_once('(')) {
                let name = variable.0.rsplit(' ').next().expect("a name");
                assert!(text.contains(&format!("{name}:units = \"")), "{job}, {stream}: {name} has no unit");
                assert!(text.contains(&format!("{name}:long_name = \"")), "{job}, {stream}: {name} has no meaning");
                for dimension in variable.1.split(", ") {
                    assert!(text.contains(&format!(" {dimension}({dimension}) ;")), "{dimension} has no coordinates");
                }
            }
        }
    }
}

#[test]
fn numbers_arrive() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("run");
    run(Threads(3), &support::smoke("diffusion"), &output).ends().state();
    let Some(text) = ncdump(&["-v", "step,x"], &output.join("fields.h5")) else { return };
    has(&text, &["step = 0, 10, 20, 30, 40 ;"]);
    assert!(text.contains(" x = 0.5, 1.5, 2.5, 3.5,"), "{text}");
    let packed = Command::new(env!("CARGO_BIN_EXE_halocline")).arg("pack").arg(&output).output().unwrap();
    assert!(packed.status.success());
    std::fs::remove_dir_all(output.join("fields")).unwrap();
    let plain = ncdump(&["-v", "temperature"], &output.join("fields.packed.h5")).expect("ncdump is there");
    let bell = plain.split_once("temperature =").and_then(|(_, data)| data.split_once(';')).expect("the numbers").0;
    // What is missing would be an underscore.
    let numbers = bell.split(',').filter(|number| number.trim().parse::<f64>().is_ok()).count();
    assert_eq!(numbers, 5 * 20 * 22 * 26, "the packed file stands alone");
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

#[test]
fn time_counts_from_the_reference_date() {
    let folder = tempfile::tempdir().unwrap();
    let header = |job: &str, keys: &[&str]| {
        let output = folder.path().join("run");
        let _ = std::fs::remove_dir_all(&output);
        run(Threads(2), &support::smoke(job), &output).with_all(keys.iter().copied()).ends().state();
        ncdump(&["-h"], &output.join("fields.h5"))
    };
    for (date, units, calendar) in [
        ("2000-01-01", "2000-01-01 00:00:00", "standard"),
        ("1850-06-30T12:00-01:30", "1850-06-30 13:30:00", "standard"),
        ("0001-01-01 00:00:30.5", "0001-01-01 00:00:30.5", "proleptic_gregorian"),
    ] {
        let Some(text) = header("diffusion", &[&format!("time.start={date}")]) else { return };
        has(
            &text,
            &[
                &format!("time:units = \"seconds since {units}\" ;"),
                &format!("time:calendar = \"{calendar}\" ;"),
                "time:standard_name = \"time\" ;",
                "time:axis = \"T\" ;",
                "z:axis = \"Z\" ;",
                "z:positive = \"up\" ;",
                "x:axis = \"X\" ;",
                "x:standard_name = \"projection_x_coordinate\" ;",
            ],
        );
    }
    let text = header("acoustic", &[]).expect("ncdump is there");
    has(
        &text,
        &["z:positive = \"down\" ;", "z:standard_name = \"depth\" ;", "z:long_name = \"depth of cell centres\" ;"],
    );
    // A unit that UDUNITS spells otherwise.
    let text = header("diffusion", &["parameters.unit=m² s⁻¹"]).expect("ncdump is there");
    has(&text, &["temperature:units = \"m2 s-1\" ;"]);
}

#[test]
fn a_start_without_a_date_or_a_time_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("run");
    for (job, start, texts) in [
        ("diffusion", "2001-02-29", ["`time.start` = \"2001-02-29\": must be a date", "such as \"2000-01-31\""]),
        ("diffusion", "5 day", ["`time.start` = \"5 day\": must be a date", "such as \"2000-01-31\""]),
        ("poisson", "2000-01-01", ["`time.start` is 2000-01-01, but the job `poisson` has no time", "remove"]),
    ] {
        run(Threads(1), &support::smoke(job), &output).with(format!("time.start={start}")).ends().fails(2, &texts);
        assert!(!output.exists());
    }
}

/// The files of all jobs, also packed, pass the checker of the CF conventions.
#[test]
fn the_compliance_checker_finds_no_error() {
    if !support::works("compliance-checker", "--version") {
        return skipped("the CF compliance checker", "there is no compliance-checker (pip install compliance-checker)");
    }
    for (job, file) in smokes() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("run");
        let fields = JobFile::read(&file, &[]).unwrap().output;
        let every = fields["fields"].every;
        let mean = format!("output.mean={{every=\"{every}\", reduce=\"mean\"}}");
        run(Threads(2), &file, &output).with(mean).ends().state();
        let packed = Command::new(env!("CARGO_BIN_EXE_halocline")).arg("pack").arg(&output).output().unwrap();
        assert!(packed.status.success());
        let mut names = streams(&file);
        names.push("mean".into());
        for stream in names.iter().flat_map(|name| [name.clone(), format!("{name}.packed")]) {
            // The conventions ask for names in `.nc`.
            let path = output.join(format!("{stream}.nc"));
            std::os::unix::fs::symlink(output.join(format!("{stream}.h5")), &path).unwrap();
            let checked = Command::new("compliance-checker")
                .args(["--test", "cf:1.11", "--criteria", "lenient"])
                .arg(&path)
                .output()
                .unwrap();
            let report = String::from_utf8_lossy(&checked.stdout);
            assert!(checked.status.success(), "{job}, {stream}: {report}");
        }
    }
}

#[test]
fn intervals_have_bounds() {
    let folder = tempfile::tempdir().unwrap();
    for (job, record) in [("diffusion", "time"), ("poisson", "step")] {
        let output = folder.path().join(job);
        let more = ["output.means={every='4 step', reduce='mean'}", "output.highest={every='4 step', reduce='max'}"];
        run(Threads(2), &support::smoke(job), &output).with_all(more).with("time.end=6 step").ends().state();
        let packed = Command::new(env!("CARGO_BIN_EXE_halocline")).arg("pack").arg(&output).output().unwrap();
        assert!(packed.status.success());
        for (stream, method) in [("means", "mean"), ("highest", "maximum")] {
            for file in [format!("{stream}.h5"), format!("{stream}.packed.h5")] {
                let bounds = format!("{record}_bnds");
                let Some(text) = ncdump(&["-v", &format!("{bounds},step")], &output.join(&file)) else { return };
                has(&text, &[&format!("{record}:bounds = \"{bounds}\" ;"), "bnds = 2 ;", "step = 4, 6 ;"]);
                assert!(text.contains(&format!("cell_methods = \"{record}: {method}\" ;")), "{text}");
                assert!(text.contains(&format!(" {bounds}({record}, bnds) ;")), "{text}");
                assert!(!text.contains(" bnds(bnds)"), "a dimension without a variable: {text}");
                if record == "step" {
                    assert!(text.contains("0, 4,\n  4, 6 ;"), "{text}");
                }
            }
        }
    }
}

/// A job whose fields lie in cell centres and on faces.
struct Staggered;

#[parameters]
struct NoParameters {}

struct Keep;

impl<R: Real> Kernel<R> for Keep {
    type Reads = (Pointwise,);
    type Writes = [R; 1];
    #[inline(always)]
    fn cell(&self, (a,): Near<'_, R, Self>) -> [R; 1] {
        [a.here()]
    }
}

impl Job for Staggered {
    const NAME: &'static str = "staggered";
    const SUMMARY: &'static str = "a pressure and a velocity";
    type Parameters = NoParameters;

    fn build<R: Real>(_: &NoParameters, model: &mut Model) -> Result<()> {
        let p = model.field::<R>("pressure").standard_name("air_pressure").unit("Pa").initial(|at| at.x).build()?;
        model.axis(Y).direction(Direction::Up).standard_name("height");
        let _u = model.field::<R>("u").unit("m s-1").location(Location::FaceX).initial(|at| at.x).build()?;
        let _v = model.field::<R>("v").unit("m s-1").location(Location::FaceY).initial(|at| at.y).build()?;
        model.fixed_step(1.0);
        model.every_step(|s| {
            s.apply(Keep, [p], [p]);
        });
        Ok(())
    }
}

#[test]
fn staggered_fields_and_points_have_coordinates_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let text = "job = 'staggered'\ngrid.cells = [4, 6]\ngrid.length = [4.0, 6.0]\ntime.end = '2 step'\n\
                output.fields.every = '1 step'\noutput.stations = { every = '1 step', points = [[0.5, 1.5], [3.5, 5.5]] }";
    let file = JobFile::parse("staggered.toml", text, &[]).unwrap();
    let job = run::PreparedJob::of_file(jobs![Staggered], file).unwrap();
    let one = NonZeroUsize::new(1);
    let options = run::Options {
        ranks: one,
        threads: one,
        output: folder.path().join("run"),
        force: false,
        resume: None,
        restart: false,
        trace: false,
    };
    assert_eq!(run::run(&job, options), 0);
    let Some(text) = ncdump(&["-v", "x,x_face,y_face,u,v"], &folder.path().join("run/fields.h5")) else { return };
    has(
        &text,
        &[
            "double pressure(time, y, x) ;",
            "double u(time, y, x_face) ;",
            "pressure:standard_name = \"air_pressure\" ;",
            "y:standard_name = \"height\" ;",
            "y:axis = \"Z\" ;",
            "y_face:positive = \"up\" ;",
            "time:units = \"s\" ;",
            "double v(time, y_face, x) ;",
            "u:units = \"m s-1\" ;",
            "x = 0.5, 1.5, 2.5, 3.5, 4.5, 5.5 ;",
            "x_face = 0, 1, 2, 3, 4, 5 ;",
            "y_face = 0, 1, 2, 3 ;",
            "0, 1, 2, 3, 4, 5,",
        ],
    );
    let text = ncdump(&["-v", "pressure"], &folder.path().join("run/stations.h5")).expect("ncdump is there");
    has(
        &text,
        &[
            "station = 2 ;",
            "double pressure(time, station) ;",
            "double x(station) ;",
            "pressure:coordinates = \"y x\" ;",
            ":featureType = \"timeSeries\" ;",
            "1.5, 5.5,",
        ],
    );
}
