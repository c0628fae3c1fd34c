//! The job file: TOML in which every unknown key, wrong unit and impossible number is an error before anything starts.
//!
//! The Rust types are the only definition of the keys: `schemars` derives a schema from them ([`Shape`]), against which
//! a file is checked and from which `halocline describe` prints the keys with unit, default and range.
mod axes;
mod check;
mod parameters;
mod resumed;
mod rules;
mod sections;
mod shape;
mod source;
mod span;

pub use parameters::{Row, check_parameters, describe};
pub use sections::{
    CheckpointSection, EngineSection, Float, Fuse, GridKind, GridSection, InstructionSet, ParallelSection, Reduction,
    RegionSection, ReplicaSection, StreamElement, StreamSection, TimeSection,
};
pub use shape::{Key, Range, Shape};
pub use source::{Source, nearest, suggestion};
pub use span::{Cadence, Span, Wall, WallCadence};

use crate::base::{Error, Result};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A job file, read and checked, with all defaults filled in.
///
/// ```
/// use halocline::config::{JobFile, Span};
/// let text = "job = 'diffusion'\ngrid.cells = [32, 64]\ntime.end = '5 day'";
/// let file = JobFile::parse("heat.toml", text, &["time.end=40 step".into()])?;
/// assert_eq!((file.grid.cells, file.grid.length), ([1, 32, 64], [1.0 / 64.0, 0.5, 1.0]));
/// assert_eq!(file.time.end, Span::Steps(40));
/// # Ok::<(), halocline::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobFile {
    /// name of the job, one of `halocline list`
    pub job: String,
    /// the cells and where they lie
    pub grid: GridSection,
    /// when the run ends
    pub time: TimeSection,
    /// the job's own parameters: see `halocline describe JOB`
    #[serde(default)]
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub parameters: toml::Table,
    /// how the steps are computed
    #[serde(default)]
    pub engine: EngineSection,
    /// how the grid is split over ranks
    #[serde(default)]
    pub parallel: ParallelSection,
    /// the output streams, in the order of the file
    #[serde(default)]
    pub output: IndexMap<String, StreamSection>,
    /// what a run that was cut short can go on from
    #[serde(default)]
    pub checkpoint: CheckpointSection,
    /// what a run that lost a rank or a node goes on from
    #[serde(default)]
    pub replica: ReplicaSection,
    /// Where each key was given.
    #[serde(skip)]
    pub source: Source,
}

/// The first line of a job file that halocline wrote itself: it tells a run's folder from any other.
pub const WRITTEN_BY: &str = "# As it was run, every default written out, by halocline";

impl JobFile {
    /// Reads a job file and sets each `key.sub=value` of `overrides` before it is checked. A value is TOML, and where
    /// it is not, a text.
    ///
    /// Everything but `[parameters]` is checked here; those, the job checks ([`crate::run::job::JobEntry::check`]).
    ///
    /// # Errors
    /// A file that cannot be read or is no TOML, an unknown or missing key, a value of a wrong type, unit or range.
    pub fn read(path: impl AsRef<Path>, overrides: &[String]) -> Result<JobFile> {
        let path = path.as_ref();
        JobFile::parse(&path.display().to_string(), &source::read(path)?, overrides)
    }

    /// The same for a text; `name` is the file's name in messages.
    ///
    /// # Errors
    /// As [`JobFile::read`].
    pub fn parse(name: &str, text: &str, overrides: &[String]) -> Result<JobFile> {
        let (mut table, source) = Source::parse(name, text, overrides)?;
        if let Shape::Table(keys) = Shape::of::<JobFile>() {
            check::table(&table, &keys, "", &source)?;
        }
        if let Some(toml::Value::Table(stream)) = table.get_mut("output").and_then(|output| output.get_mut("fields")) {
            stream.entry("picture").or_insert(true.into());
        }
        let given = table.clone();
        let mut file: JobFile = table.try_into().map_err(|e: toml::de::Error| {
            Error::input(format!("{name}: {}", e.message().trim().replace('\n', ", ")))
        })?;
        file.source = source;
        axes::check_counts(&given, file.grid.cells, &file.source)?;
        rules::settle(&mut file)?;
        Ok(file)
    }

    /// The file as it was run, every default written out; it reads back to an equal `JobFile`.
    pub fn to_toml(&self) -> String {
        let text = toml::to_string(self).expect("a job file has texts, numbers, lists and tables only");
        format!("{WRITTEN_BY} {}.\n{text}", env!("CARGO_PKG_VERSION"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::{collection, option, sample::select};
    use std::num::NonZeroUsize;
    use std::time::Duration;

    const SMALL: &str = "job = 'x'\ngrid.cells = [8, 16]\ntime.end = '4 step'\n";

    fn parse(text: &str) -> JobFile {
        JobFile::parse("a.toml", text, &[]).unwrap()
    }

    fn error(text: &str) -> String {
        JobFile::parse("a.toml", &format!("{SMALL}{text}"), &[]).unwrap_err().to_string()
    }

    #[test]
    fn defaults_are_those_of_the_manual() {
        let file = parse(&format!("{SMALL}output.fields.every = '1 h'\noutput.slice.every = '2 step'"));
        assert_eq!((file.grid.cells, file.grid.length), ([1, 8, 16], [1.0 / 16.0, 0.5, 1.0]));
        assert_eq!((file.grid.origin, file.grid.periodic, file.parallel.ranks), ([0.0; 3], None, None));
        assert_eq!((file.engine.element, file.engine.fuse), (Float::F64, Fuse::Auto));
        assert_eq!((file.engine.check_every, file.checkpoint.every), (Cadence::Steps(100), Cadence::Never));
        let (fields, slice) = (&file.output["fields"], &file.output["slice"]);
        assert_eq!((fields.picture, slice.picture), (true, false));
        assert_eq!((fields.every, fields.seal), (Cadence::Seconds(3600.0), Wall(Duration::from_secs(60))));
        assert_eq!((fields.element, fields.reduce), (StreamElement::Same, Reduction::Instant));
    }

    #[test]
    fn lists_apply_from_the_right() {
        let text = "job = 'x'\ntime.end = '1 s'\ngrid = {cells = [4, 1, 8], length = [2.0, 1, 4], origin = [-1, 0, 1], periodic = true}\n\
                    parallel.ranks = [2, 1, 1]\n[output.a]\nevery = '1 step'\npoints = [[0.0, 0.5, 2.0]]\nseal = '0 s'\n\
                    [output.b]\nevery = 'never'\nregion = {x = [2, 8], z = [0, 3]}";
        let file = parse(text);
        assert_eq!((file.grid.length, file.grid.origin), ([2.0, 1.0, 4.0], [-1.0, 0.0, 1.0]));
        assert_eq!((file.grid.periodic, file.parallel.ranks), (Some([true; 3]), Some([2, 1, 1])));
        assert_eq!(
            file.output["b"].region.as_ref().unwrap().within(file.grid.cells),
            crate::base::Region::new([0, 0, 2], [3, 1, 8])
        );
        let flat = parse(
            "job = 'x'\ntime.end = '1 s'\ngrid = {cells = [8], length = [4], periodic = [true]}\noutput.a = {every = '1 s', points = [[1]]}",
        );
        assert_eq!((flat.grid.length, flat.grid.periodic), ([0.5, 0.5, 4.0], Some([false, false, true])));
        assert_eq!(flat.output["a"].points, Some(vec![[0.25, 0.25, 1.0]]));
    }

    #[test]
    fn the_order_of_streams_is_that_of_the_file() {
        let file = parse(&format!("{SMALL}[output]\nz.every = '1 s'\na.every = '1 s'\nm.every = '1 s'"));
        assert_eq!(file.output.keys().collect::<Vec<_>>(), ["z", "a", "m"]);
    }

    #[test]
    fn impossible_numbers_are_errors() {
        for (text, message) in [
            ("grid.length = [1.0]", "a.toml:4: `grid.length` = [1.0]: the grid has 2 axes: cells = [1, 8, 16]"),
            ("grid.periodic = [true]", "a.toml:4: `grid.periodic` = [true]: the grid has 2 axes: cells = [1, 8, 16]"),
            ("grid.length = [1e-320, 1]", "a.toml:4: 8 cells over 1e-320 m"),
            ("grid.origin = [0, 1e30]", "a.toml:4: 16 cells over 1.0 m from 1e30 m along x"),
            ("grid.origin = [0, nan]", "a.toml:4: `grid.origin[1]` = nan: is not finite: must be a number [m]"),
            ("output.job.every = '1 s'", "a.toml:4: the name of the stream `output.job` cannot be"),
            ("output.'a/b'.every = '1 s'", "a.toml:4: the name of the stream `output.a/b` cannot be"),
            ("output.a = {every = '1 s', region = {}, points = [[0, 0]]}", "a.toml:4: `output.a` has both"),
            ("output.a = {every = '1 s', region.x = [3, 17]}", "a.toml:4: `output.a.region.x` = [3, 17]: must be"),
            ("output.a = {every = '1 s', region.x = [3, 3]}", "a.toml:4: `output.a.region.x` = [3, 3]: must be"),
            ("output.a = {every = '1 s', points = [[0]]}", "a.toml:4: `output.a.points[0]` = [0]: the grid has 2 axes"),
            (
                "output.a = {every = '1 s', points = [[0, 0], [0, 2]]}",
                "a.toml:4: `output.a.points[1]` = [0.03125, 0.0, 2.0]: x must be",
            ),
            ("output.a = {every = '1 s', fields = []}", "a.toml:4: `output.a.fields` = []: must be a list"),
        ] {
            let got = error(text);
            assert!(got.starts_with(message), "{text}\n{got}");
        }
        for n in [i64::MAX, 1 << 32] {
            let huge = format!("job = 'x'\ngrid.cells = [{n}, {n}, {n}]\ntime.end = '1 s'");
            assert!(JobFile::parse("a.toml", &huge, &[]).is_err());
        }
        let huge = "job = 'x'\ngrid.cells = [4000000000, 4000000000]\ntime.end = '1 s'";
        let message = JobFile::parse("a.toml", huge, &[]).unwrap_err();
        assert_eq!(
            message.what(),
            "a.toml:2: `grid.cells` = [1, 4000000000, 4000000000]: is more than 2^59 cells, of which no field fits in memory"
        );
    }

    fn cadence() -> impl Strategy<Value = Cadence> {
        prop_oneof![Just(Cadence::Never), (1u64..).prop_map(Cadence::Steps), (1e-9..1e12f64).prop_map(Cadence::Seconds)]
    }

    fn stream() -> impl Strategy<Value = StreamSection> {
        let place = prop_oneof![
            Just((None, None)),
            Just((Some(RegionSection { z: None, y: Some([0, 3]), x: Some([1, 2]) }), None)),
            collection::vec([0.0..1.0f64, 0.0..1.0, 0.0..1.0], 1..3).prop_map(|points| (None, Some(points))),
        ];
        let element = select(vec![StreamElement::Same, StreamElement::F32, StreamElement::F64]);
        let reduce = select(vec![Reduction::Instant, Reduction::Mean, Reduction::Max, Reduction::Min]);
        let fields = option::of(collection::vec("[a-z\"\\\\é]{1,6}", 1..3));
        (cadence(), fields, place, element, reduce, 0..1u64 << 50, any::<bool>()).prop_map(
            |(every, fields, (region, points), element, reduce, seal, picture)| {
                let seal = Wall(Duration::from_nanos(seal));
                StreamSection { every, fields, region, points, element, reduce, seal, picture }
            },
        )
    }

    prop_compose! {
        fn job_file()(
            job in "[a-z_]{1,9}", cells in [3usize..99, 3..99, 3..99], length in [1.0..1e6f64, 1.0..1e6, 1.0..1e6],
            origin in [-1.0..=0.0f64, -1.0..=0.0, -1.0..=0.0], periodic: Option<[bool; 3]>, ranks in option::of([1usize..9, 1..9, 1..9]),
            end in prop_oneof![any::<u64>().prop_map(Span::Steps), (0.0..1e20f64).prop_map(Span::Seconds)],
            numbers in collection::btree_map("[a-zκ .]{1,6}", any::<i64>(), 0..4), texts in collection::btree_map("[A-Z]{1,6}", any::<String>(), 0..4),
            double: bool, fuse in option::of(1usize..99), check_every in cadence(), save in cadence(),
            streams in collection::vec(("[a-z][a-z0-9_-]{0,5}", stream()), 0..4),
        ) -> JobFile {
            let legal = |name: &String| !["job", "summary"].contains(&name.as_str());
            let numbers = numbers.into_iter().map(|(key, n)| (key, toml::Value::Integer(n)));
            JobFile {
                job,
                grid: GridSection { kind: GridKind::Box, cells, length: length.map(|l| l + 1.0), origin, periodic },
                time: TimeSection { end },
                parameters: numbers.chain(texts.into_iter().map(|(key, t)| (key, toml::Value::String(t)))).collect(),
                engine: EngineSection {
                    element: if double { Float::F64 } else { Float::F32 },
                    fuse: fuse.and_then(NonZeroUsize::new).map_or(Fuse::Auto, Fuse::Steps),
                    instruction_set: if double { InstructionSet::Avx512 } else { InstructionSet::Auto },
                    check_every,
                },
                parallel: ParallelSection { ranks },
                output: streams.into_iter().filter(|(name, _)| legal(name)).collect(),
                checkpoint: CheckpointSection { every: save, ..CheckpointSection::default() },
                replica: ReplicaSection { every: save, ..ReplicaSection::default() },
                source: Source::default(),
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(file in job_file()) {
            let text = file.to_toml();
            prop_assert!(text.starts_with(WRITTEN_BY));
            let again = JobFile::parse("job.toml", &text, &[]).map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
            prop_assert_eq!(&again, &file);
            prop_assert_eq!(again.output.keys().collect::<Vec<_>>(), file.output.keys().collect::<Vec<_>>());
            prop_assert_eq!(again.to_toml(), text);
        }
    }
}
