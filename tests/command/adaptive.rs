//! Cadences of a job with adaptive time steps. The runs are in this process, and no other thread of it may start a program
//! meanwhile, which would inherit locked files: so all is one test.
mod attempts;
mod support;

use attempts::{noted, same_output};
use halocline::config::JobFile;
use halocline::prelude::*;
use halocline::{jobs, run};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use support::instants;

#[test]
fn adaptive_steps_and_cadences() {
    aligned_steps_end_at_the_instants();
    means_are_weighted_by_the_length_of_steps();
}

/// A job whose field is the time, with adaptive steps of 0.03 s and 0.05 s, or of 0.03 s, which is chosen once.
struct Adaptive;

#[parameters]
struct Lengths {
    /// whether steps differ in length
    #[parameter(default = false)]
    vary: bool,
}

struct Add;

impl Kernel<f64> for Add {
    type Reads = (Pointwise, Uniform);
    type Writes = [f64; 1];
    #[inline(always)]
    fn cell(&self, (time, dt): Near<'_, f64, Self>) -> [f64; 1] {
        [time.here() + dt]
    }
}

impl Job for Adaptive {
    const NAME: &'static str = "adaptive";
    const SUMMARY: &'static str = "the time, in every cell";
    type Parameters = Lengths;

    fn build<R: Real>(p: &Lengths, model: &mut Model) -> Result<()> {
        let now = model.field::<f64>("now").unit("s").build()?;
        let (dt, count, vary) = (model.adaptive_step(0.03), model.scalar("count", 0.0), p.vary);
        model.every_step(|s| {
            if vary {
                s.compute(count, [count], |[n]| n + 1.0);
                s.compute(dt, [count], |[n]| if n % 3.0 == 0.0 { 0.05 } else { 0.03 });
            }
            s.apply(Add, (now, dt), [now]);
        });
        Ok(())
    }
}

const ADAPTIVE: &str = "job = 'adaptive'\ngrid.cells = [4, 6]\n[output]\nall = {every = '1 step'}\n\
    mean = {every = '0.2 s', reduce = 'mean'}\nhighest = {every = '0.2 s', reduce = 'max'}\n";

fn adaptive(output: &Path, more: &str, end: &str, resumes: bool) -> u8 {
    let file = JobFile::parse("adaptive.toml", &format!("{ADAPTIVE}{more}"), &[format!("time.end={end}")]).unwrap();
    let job = run::PreparedJob::of_file(jobs![Adaptive], file).unwrap();
    let options = run::Options {
        ranks: NonZeroUsize::new(2),
        threads: NonZeroUsize::new(1),
        output: output.into(),
        force: false,
        resume: resumes.then(BTreeMap::new),
        restart: false,
        trace: false,
    };
    run::run(&job, options)
}

/// The numbers of one cell of a variable, by instant.
fn column(output: &Path, stream: &str, variable: &str) -> Vec<f64> {
    instants(output, stream, variable).into_iter().map(|(_, values)| values[0]).collect()
}

fn close(a: &[f64], b: &[f64]) {
    assert!(a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12), "{a:?} is not {b:?}");
}

fn aligned_steps_end_at_the_instants() {
    let top = tempfile::tempdir().unwrap();
    for vary in [true, false] {
        let output = top.path().join(format!("{vary}"));
        let more = format!(
            "tenths = {{every = '0.1 s', align = true}}\n[checkpoint]\nevery = '0.25 s'\nalign = true\n[parameters]\nvary = {vary}\n"
        );
        assert_eq!(adaptive(&output, &more, "1 s", false), 0);
        close(&column(&output, "tenths", "time"), &(0..=10).map(|k| f64::from(k) / 10.0).collect::<Vec<_>>());
        // Only steps before an instant are shortened.
        let times = column(&output, "all", "time");
        for lengths in times.windows(2) {
            let (dt, end) = (lengths[1] - lengths[0], lengths[1]);
            let at_instant = [10.0, 4.0].iter().any(|n| (n * end - (n * end).round()).abs() < 1e-9);
            let own = (dt - 0.03).abs() < 1e-12 || vary && (dt - 0.05).abs() < 1e-12;
            assert!(own || at_instant && dt < 0.05, "a step of {dt} until {end}");
        }
        let saved = noted(&output, "checkpoint");
        close(&saved.iter().map(|&step| times[step as usize]).collect::<Vec<_>>(), &[0.25, 0.5, 0.75, 1.0]);
        // An end on the cadence, and what follows it.
        let parts = top.path().join(format!("{vary}-parts"));
        assert_eq!(adaptive(&parts, &more, "0.5 s", false), 0);
        assert_eq!(adaptive(&parts, &more, "1 s", true), 0);
        same_output(&output, &parts);
    }
}

fn means_are_weighted_by_the_length_of_steps() {
    let top = tempfile::tempdir().unwrap();
    let output = top.path().join("run");
    assert_eq!(adaptive(&output, "[parameters]\nvary = true\n", "0.5 s", false), 0);
    let (times, values) = (column(&output, "all", "time"), column(&output, "all", "now"));
    assert_eq!(times, values, "the field is the time");
    let bounds = instants(&output, "mean", "time_bnds");
    assert_eq!(bounds, instants(&output, "highest", "time_bnds"));
    assert_eq!((bounds.len(), bounds[0].1[0], bounds[2].1[1]), (3, 0.0, 0.5), "the last is cut short");
    for ((bound, mean), highest) in
        bounds.iter().zip(column(&output, "mean", "now")).zip(column(&output, "highest", "now"))
    {
        let (begin, end) = (bound.1[0], bound.1[1]);
        let steps = times.windows(2).filter(|step| step[0] >= begin && step[1] <= end);
        let sum: f64 = steps.map(|step| step[1] * (step[1] - step[0])).sum();
        close(&[mean, highest], &[sum / (end - begin), end]);
    }
    assert!(bounds.windows(2).all(|two| two[0].1[1] == two[1].1[0]), "no gap: {bounds:?}");
}
