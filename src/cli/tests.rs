//! Tests of the command line. The messages for bad input are a page of the documentation, compared word by word;
//! `BLESS=1 cargo test bad_inputs` rewrites the page.
use super::arguments::{Arguments, Command};
use super::entry::reply;
use super::reply::Reply;
use super::start;
use crate::base::Result;
use crate::comm::Comm;
use crate::config::{self, JobFile};
use crate::run::{self, PreparedJob};
use crate::{Grid, Job, Model, jobs};
use clap::Parser;
use halocline_kernels::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;

struct Heat;

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Parameters {
    /// diffusivity κ [m²/s]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    kappa: f64,
    /// width of the initial state,
    /// from its middle [m]
    #[schemars(range(min = 0.0, max = 10.0))]
    width: f64,
    /// number of modes
    modes: u32,
    /// the initial state
    start: Start,
    /// a constant drift, \[z, y, x\] \[m/s\]
    drift: [f64; 3],
    /// a source, if any
    source: Option<Heater>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Start {
    /// a smooth bump
    Gaussian,
    /// a jump
    Step,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Heater {
    /// its power [K/s]
    power: f32,
}

impl Default for Parameters {
    fn default() -> Parameters {
        Parameters { kappa: 1.0, width: 0.1, modes: 3, start: Start::Gaussian, drift: [0.0; 3], source: None }
    }
}

impl Job for Heat {
    const NAME: &'static str = "heat";
    const SUMMARY: &'static str = "heat equation ∂T/∂t = κ ∇²T";
    type Parameters = Parameters;
    fn build<R: Real>(_: &Parameters, model: &mut Model) -> Result<()> {
        model.field::<R>("temperature").unit("K").build().map(|_| ())
    }
}

struct Empty;

impl Job for Empty {
    const NAME: &'static str = "empty_space";
    const SUMMARY: &'static str = "nothing at all";
    type Parameters = NoParameters;
    fn build<R: Real>(_: &NoParameters, _: &mut Model) -> Result<()> {
        Ok(())
    }
}

#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct NoParameters {}

const FILE: &str = "job = 'heat'\ngrid.cells = [32, 64]\ntime.end = '40 step'\n";

fn ask(arguments: &[&str]) -> Reply {
    reply(jobs![Heat, Empty], std::iter::once("halocline").chain(arguments.iter().copied()).map(OsString::from))
}

/// The prepared job of this text, as the file `heat.toml`.
fn checked(text: &str) -> Result<PreparedJob> {
    PreparedJob::of_file(jobs![Heat, Empty], JobFile::parse("heat.toml", text, &[])?)
}

/// Splits a command at spaces outside of double quotes, and removes the quotes.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut quoted) = (vec![String::new()], false);
    for c in command.chars() {
        match (c, words.last_mut()) {
            ('"', _) => quoted = !quoted,
            (' ', _) if !quoted => words.push(String::new()),
            (c, Some(word)) => word.push(c),
            (_, None) => {}
        }
    }
    words
}

/// The output of `command` in the directory `dir`.
fn printed(dir: &Path, command: &str) -> String {
    // Words without `=` after the subcommand or after --output are paths in the directory.
    let all = words(command);
    let is_path =
        |i: usize, word: &str| i > 1 && !word.contains('=') && !word.starts_with('-') && word.parse::<u8>().is_err();
    let describe = all[1] == "describe";
    let in_folder =
        |(i, word): (usize, &String)| match !describe && is_path(i, word) && (i == 2 || all[i - 1] == "--output") {
            true => dir.join(word).display().to_string(),
            false => word.clone(),
        };
    let reply = reply(jobs![Heat, Empty], all.iter().enumerate().map(in_folder).map(OsString::from));
    assert_eq!((reply.code, reply.out.as_str()), (2, ""), "{command}\n{}", reply.err);
    reply.err.replace(&format!("{}/", dir.display()), "").replace(&dir.display().to_string(), ".")
}

#[test]
fn bad_inputs() {
    let page = include_str!("bad_inputs.md");
    let (mut blocks, mut cases, mut base) = (String::new(), 0, None);
    let mut file = String::new();
    for (i, block) in page.split("```").enumerate() {
        let written = match block.split_once('\n') {
            Some(("toml", text)) if i % 2 == 1 => {
                file = text.to_owned();
                base.get_or_insert(text.to_owned());
                block.to_owned()
            }
            Some(("console", text)) if i % 2 == 1 => {
                let dir = tempfile::tempdir().unwrap();
                fs::write(dir.path().join("heat.toml"), &file).unwrap();
                fs::write(dir.path().join("latin1.toml"), b"# \xe4\njob = 'heat'").unwrap();
                for (path, content) in
                    [("jobs/smoke.toml", ""), ("results/job.toml", config::WRITTEN_BY), ("thesis/draft.txt", "")]
                {
                    let path = dir.path().join(path);
                    fs::create_dir_all(path.parent().unwrap()).unwrap();
                    fs::write(path, content).unwrap();
                }
                cases += 1;
                file = base.clone().unwrap();
                let command = text.lines().next().unwrap();
                format!("console\n{command}\n{}", printed(dir.path(), command.trim_start_matches("$ ")))
            }
            _ => block.to_owned(),
        };
        blocks.push_str(if i == 0 { "" } else { "```" });
        blocks.push_str(&written);
    }
    assert!(cases >= 40, "{cases} cases");
    if std::env::var_os("BLESS").is_some() {
        fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/cli/bad_inputs.md"), &blocks).unwrap();
    } else {
        let differs = page.lines().zip(blocks.lines()).find(|(old, new)| old != new);
        assert!(page == blocks, "the page and the printed messages differ: {differs:#?}");
    }
}

#[test]
fn jobs_are_listed_one_per_line() {
    let reply = ask(&["list"]);
    assert_eq!(reply.out, "heat         heat equation ∂T/∂t = κ ∇²T\nempty_space  nothing at all\n");
    assert_eq!((reply.err.as_str(), reply.code), ("", 0));
}

#[test]
fn parameters_are_described_in_aligned_columns() {
    let expected = "\
heat: heat equation ∂T/∂t = κ ∇²T

[parameters] of its job files; on the command line, parameters.KEY=VALUE

key           type               unit  default          range                 meaning
kappa         number             m²/s  1.0              > 0                   diffusivity κ
width         number             m     0.1              0 to 10               width of the initial state, from its middle
modes         whole number             3                0 to 4294967295       number of modes
start         choice                   \"gaussian\"       \"gaussian\" or \"step\"  the initial state: gaussian = a smooth bump; step = a jump
drift         list of 3 numbers  m/s   [0.0, 0.0, 0.0]                        a constant drift, [z, y, x]
source.power  number             K/s   required                               its power
";
    let got = ask(&["describe", "heat"]).out;
    assert!(got.starts_with(expected), "{got}");
    assert!(got[expected.len()..].contains("Its schedule"), "{got}");
    assert!(ask(&["describe", "empty_space"]).out.contains("It has no parameters.\n"));
}

#[test]
fn every_key_of_a_job_file_is_described() {
    let manual = ask(&["describe"]).out;
    let rows = config::describe::<JobFile>();
    for key in
        ["job", "grid.cells", "time.end", "engine.fuse", "parallel.ranks", "output.NAME.region.x", "checkpoint.every"]
    {
        assert!(rows.iter().any(|row| row.name == key && !row.description.is_empty()), "{key}\n{manual}");
    }
    let check_every = rows.iter().find(|row| row.name == "engine.check_every").unwrap();
    assert_eq!((check_every.kind.as_str(), check_every.default.as_str()), ("time", "\"100 step\""));
}

#[test]
fn a_check_fills_in_the_parameters() {
    let job = checked(&format!("{FILE}parameters = {{kappa = 2, source = {{power = 0.1}}}}")).unwrap();
    let parameters: Parameters = job.file().parameters.clone().try_into().unwrap();
    assert_eq!((parameters.kappa, parameters.width, parameters.source.map(|s| s.power)), (2.0, 0.1, Some(0.1f32)));
    assert_eq!(checked(&job.file().to_toml()).unwrap().file(), job.file());
    job.declare(&mut Model::new(Comm::alone(), Grid::new([8]))).unwrap();
}

#[test]
fn parameters_are_checked_before_serde_sees_them() {
    for (parameters, message) in [
        ("source = {}", "heat.toml:4: `parameters.source.power` is missing\n  its power"),
        ("source = {power = 1, size = 2}", "heat.toml:4: unknown key `parameters.source.size`\n  known keys are power"),
        ("drift = [0, 0]", "heat.toml:4: `parameters.drift` = [0, 0]: must be a list of 3 numbers [m/s]"),
        ("drift = [0, 0, inf]", "heat.toml:4: `parameters.drift[2]` = inf: is not finite: must be a number [m/s]"),
        ("modes = 1.5", "heat.toml:4: `parameters.modes` = 1.5: must be a whole number from 0 to 4294967295"),
        ("width = 10.1", "heat.toml:4: `parameters.width` = 10.1: must be a number from 0 to 10 [m]"),
        ("kappa = -0.0", "heat.toml:4: `parameters.kappa` = -0.0: must be a number > 0 [m²/s]"),
        ("start = 1", "heat.toml:4: `parameters.start` = 1: must be \"gaussian\" or \"step\""),
    ] {
        let error = checked(&format!("{FILE}parameters = {{{parameters}}}")).err().unwrap();
        assert_eq!(error.to_string(), message, "{parameters}");
    }
    let empty = FILE.replace("heat", "empty_space") + "parameters.kappa = 1";
    let error = checked(&empty).err().unwrap();
    assert_eq!(error.to_string(), "heat.toml:4: unknown key `parameters.kappa`\n  `parameters` has no keys");
}

#[test]
fn a_run_gets_the_options_of_the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("heat3d.toml");
    fs::write(&path, FILE).unwrap();
    let file = path.to_str().unwrap();
    let jobs = jobs![Heat];
    let parse = |more: &[&str]| {
        let all = ["halocline", "run", file].into_iter().chain(more.iter().copied());
        match Arguments::try_parse_from(all).unwrap().command {
            Command::Run(arguments) => start::prepare_run(jobs, arguments).unwrap().unwrap(),
            _ => panic!("another command"),
        }
    };
    let (_, options) = parse(&[]);
    let expected = run::Options {
        ranks: None,
        threads: None,
        output: "runs/heat3d".into(),
        force: false,
        resume: None,
        restart: false,
        trace: false,
    };
    assert_eq!(options, expected);
    let (job, options) = parse(&[
        "--ranks",
        "4",
        "time.end=3 day",
        "--threads=2",
        "parallel.ranks=[2,2]",
        "--force",
        "--output",
        "x/y",
        "--trace",
    ]);
    let expected = run::Options {
        ranks: NonZeroUsize::new(4),
        threads: NonZeroUsize::new(2),
        output: "x/y".into(),
        force: true,
        resume: None,
        restart: false,
        trace: true,
    };
    assert_eq!((job.file().job.as_str(), options), ("heat", expected));
    assert_eq!(job.file().time.end, config::SimulatedDuration::Seconds(259_200.0));
}

#[test]
fn help_is_no_error() {
    for arguments in [&["--help"][..], &["run", "--help"], &["--version"]] {
        let reply = ask(arguments);
        assert_eq!((reply.code, reply.err.as_str(), reply.out.is_empty()), (0, "", false));
    }
    let reply = ask(&[]);
    assert_eq!((reply.code, reply.out.as_str()), (2, ""));
}

#[test]
fn a_good_file_passes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("heat.toml");
    fs::write(&path, FILE).unwrap();
    let reply = ask(&["check", path.to_str().unwrap(), "engine.element=f32"]);
    assert!(
        reply.out.contains("heat.toml: no errors found\n  heat on 1 × 32 × 64 cells of f32, until 40 step: 40 steps\n  cells of 0.015625 × 0.015625 m\n  1 rank (at most 2048),"),
        "{reply:?}"
    );
}
