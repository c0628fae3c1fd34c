//! Iterations that say whether they have converged, scalars with all their digits, and shapes whose sum is what was declared.
use halocline::comm::ranks;
use halocline::config::JobFile;
use halocline::prelude::*;
use std::num::NonZeroUsize;
use std::path::Path;

fn job(text: &str, comm: Comm) -> Result<Simulation> {
    let file = JobFile::parse("test.toml", text, &[])?;
    let job = halocline::run::PreparedJob::of_file(halocline_jobs::all(), file)?;
    halocline::run::model(&job, comm)?.compile()
}

/// Runs a job file on three ranks, and returns the exit code and the summary.
fn run(text: &str, output: &Path) -> (u8, serde_json::Value) {
    let file = JobFile::parse("test.toml", text, &[]).unwrap();
    let job = halocline::run::PreparedJob::of_file(halocline_jobs::all(), file).unwrap();
    let options = halocline::run::Options {
        ranks: NonZeroUsize::new(3),
        threads: NonZeroUsize::new(1),
        output: output.to_owned(),
        force: false,
        resume: None,
        restart: false,
        trace: false,
    };
    let code = halocline::run::run(&job, options);
    (code, serde_json::from_slice(&std::fs::read(output.join("summary.json")).unwrap()).unwrap())
}

const POISSON: &str = "job = 'poisson'\ntime.end = '40 step'\ngrid = {cells = [20, 22, 26], length = [0.2, 0.22, 0.26]}\n\
                       output.fields = {every = '1 step', picture = false}\nparameters.width = 0.02\n";

#[test]
fn single_precision_that_stagnates_is_a_failure_with_the_residual() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("run");
    let (code, summary) = run(&format!("{POISSON}engine.element = 'f32'\nparameters.tolerance = 1e-8\n"), &output);
    let outcome = summary["outcome"].as_str().unwrap();
    assert_eq!(code, 1, "{outcome}");
    assert!(outcome.contains("stagnated at a relative residual of") && outcome.contains("= 1e-8"), "{outcome}");
    let results = &summary["results"];
    let (residual, recurrent) = (results["residual"].as_f64().unwrap(), results["residual of the recurrence"].as_f64());
    assert!(residual > 1e-7 && residual < 1e-4 && recurrent.is_some(), "{results}");
    assert!(output.join("fields.h5").exists(), "its output is written");
}

#[test]
fn a_residual_is_that_of_the_solution() {
    let folder = tempfile::tempdir().unwrap();
    for (key, code, outcome) in [
        ("parameters.tolerance = 1e-8", 0, "converged"),
        ("engine.element = 'f32'\nparameters.tolerance = 1e-4", 0, "converged"),
        ("parameters.tolerance = 1e-12\ntime.end = '2 step'", 0, "not converged"),
    ] {
        let output = folder.path().join(outcome.replace(' ', "-")).join(code.to_string()).join(key.len().to_string());
        let text = match key.contains("time.end") {
            true => POISSON.replace("time.end = '40 step'\n", ""),
            false => POISSON.to_owned(),
        };
        std::fs::create_dir_all(output.parent().unwrap()).unwrap();
        let (ended, summary) = run(&format!("{text}{key}\n"), &output);
        assert_eq!((ended, summary["outcome"].as_str().unwrap()), (code, outcome), "{key}");
        let residual = summary["results"]["residual"].as_f64().unwrap();
        let tolerance: f64 = key.split("tolerance = ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
        assert_eq!(residual < tolerance, outcome == "converged", "{key}: {residual}");
    }
}

/// The right-hand side that the solver sees adds up to the charge, at any place that is not at a wall.
#[test]
fn charges_add_up() {
    for place in ["[0.1, 0.11, 0.13]", "[0.104, 0.1123, 0.1377]"] {
        let total = ranks(2, 1, |comm| -> Result<f64> {
            let text = format!("{POISSON}parameters.charges = [3.0]\nparameters.positions = [{place}]\n")
                .replace("width = 0.02", "width = 0.01");
            let mut run = job(&text, comm)?;
            let charge = run.field::<f64>("charge").expect("a charge");
            Ok(run.measure(sum(charge))?.value * 1e-6)
        });
        let total = total.unwrap().remove(0).unwrap();
        assert!((total - 3.0).abs() < 3.0 * 3.2e-4, "{place}: {total}");
    }
}

/// Jobs that choose their element types themselves.
struct Fixed;

#[parameters]
struct NoParameters {}

impl Job for Fixed {
    const NAME: &'static str = "fixed";
    const SUMMARY: &'static str = "a field in double precision, whatever the job file says";
    type Parameters = NoParameters;

    fn build<R: Real>(_: &NoParameters, model: &mut Model) -> Result<()> {
        model.field::<f64>("a").build().map(|_| ())
    }
}

#[test]
fn single_precision_is_refused_where_it_changes_nothing() {
    let model = |element: &str| {
        let text = format!("job = 'fixed'\ngrid.cells = [4]\ntime.end = '1 step'\nengine.element = '{element}'\n");
        let job = halocline::run::PreparedJob::of_file(halocline::jobs![Fixed], JobFile::parse("a.toml", &text, &[])?)?;
        halocline::run::model(&job, Comm::alone()).map(|_| ())
    };
    model("f64").unwrap();
    let error = model("f32").unwrap_err();
    assert_eq!(error.exit_code(), 2);
    let what = "a.toml:4: `engine.element` is \"f32\", but the job `fixed` has no field in single precision";
    assert_eq!(error.what(), what);
}

/// Writes the parity of a count: the count has more digits than the numbers of the kernel.
struct Parity;
impl Kernel<f32> for Parity {
    type Reads = (As<f64, Uniform>, Uniform);
    type Writes = [f32; 2];
    #[inline(always)]
    fn cell(&self, (wide, narrow): Near<'_, f32, Self>) -> [f32; 2] {
        [(wide % 2.0) as f32, narrow % 2.0]
    }
}

#[test]
fn a_scalar_keeps_its_digits_in_a_single_precision_kernel() {
    let mut model = Model::new(Comm::alone(), Grid::new([5]));
    let count = model.scalar("count", (1 << 24) as f64);
    let [odd, rounded] = ["odd", "rounded"].map(|name| model.field::<f32>(name).build().unwrap());
    model.every_step(|s| {
        s.compute(count, [count], |[n]| n + 1.0).apply(Parity, (count, count), [odd, rounded]);
    });
    let mut run = model.compile().unwrap();
    run.advance(1).unwrap();
    assert_eq!(run.scalar(count), 16_777_217.0);
    let values = [odd, rounded].map(|f| run.measure(max(f)).unwrap().value);
    assert_eq!(values, [1.0, 0.0], "an f32 cannot hold 2²⁴ + 1");
}
