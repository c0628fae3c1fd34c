//! [`JobFile`]: a whole job file as a Rust value.
use super::origins::KeyOrigins;
use super::schema::ValueSchema;
use super::sections::{
    CheckpointSection, EngineSection, GridSection, ParallelSection, ReplicaSection, SeriesSection, StreamSection,
    TimeSection,
};
use super::{axes, check, consistency, convert, read};
use crate::base::{Error, Result};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A job file that was read and checked, with every default filled in.
///
/// ```
/// use halocline::config::{JobFile, SimulatedDuration};
/// let text = "job = 'diffusion'\ngrid.cells = [32, 64]\ntime.end = '5 day'";
/// let file = JobFile::parse("heat.toml", text, &["time.end=40 step".into()])?;
/// assert_eq!((file.grid.cells, file.grid.length), ([1, 32, 64], [1.0 / 64.0, 0.5, 1.0]));
/// assert_eq!(file.time.end, SimulatedDuration::Steps(40));
/// # Ok::<(), halocline::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobFile {
    /// name of the job, one of `halocline list`
    pub job: String,
    /// the number of cells and their positions
    pub grid: GridSection,
    /// when the run begins and ends
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
    /// the table of the quantities that the job records over time
    #[serde(default)]
    pub series: SeriesSection,
    /// when the state is saved on disk, to resume an interrupted run
    #[serde(default)]
    pub checkpoint: CheckpointSection,
    /// when the state is kept in memory, to resume after the loss of a rank or a node
    #[serde(default)]
    pub replica: ReplicaSection,
    /// Where each key was given: a line of the file or the command line.
    #[serde(skip)]
    pub origins: KeyOrigins,
}

/// The first line of a job file that halocline wrote itself. A directory whose `job.toml` begins with it is a run directory.
pub const WRITTEN_BY: &str = "# As it was run, every default written out, by halocline";

impl JobFile {
    /// Reads a job file, sets each `key.sub=value` of `overrides`, then checks the result. A value that does not parse as
    /// TOML is taken as a string.
    ///
    /// Everything except `[parameters]` is checked here; the job checks its parameters itself
    /// ([`JobEntry::prepare`](crate::JobEntry::prepare)).
    ///
    /// # Errors
    /// If the file cannot be read or is not TOML, if a key is unknown or missing, or a value has a wrong type, unit or range.
    pub fn read(path: impl AsRef<Path>, overrides: &[String]) -> Result<JobFile> {
        let path = path.as_ref();
        JobFile::parse(&path.display().to_string(), &read::read(path)?, overrides)
    }

    /// As [`JobFile::read`], for the text of a job file; messages call the file `name`.
    ///
    /// # Errors
    /// As [`JobFile::read`].
    pub fn parse(name: &str, text: &str, overrides: &[String]) -> Result<JobFile> {
        let (mut table, origins) = KeyOrigins::parse(name, text, overrides)?;
        if let ValueSchema::Table(keys) = ValueSchema::of::<JobFile>() {
            convert::table(&mut table, &keys, "", &origins)?;
            check::table(&table, &keys, "", &origins)?;
        }
        if let Some(toml::Value::Table(stream)) = table.get_mut("output").and_then(|output| output.get_mut("fields")) {
            stream.entry("picture").or_insert(true.into());
        }
        let given = table.clone();
        let mut file: JobFile = table.try_into().map_err(|e: toml::de::Error| {
            Error::input(format!("{name}: {}", e.message().trim().replace('\n', ", ")))
        })?;
        file.origins = origins;
        axes::check_counts(&given, file.grid.cells, &file.origins)?;
        consistency::complete_grid(&mut file.grid, &file.origins)?;
        consistency::complete_streams(&mut file.output, &file.grid, &file.origins)?;
        Ok(file)
    }

    /// The job file as TOML with every default written out. Reading it gives an equal `JobFile`.
    pub fn to_toml(&self) -> String {
        let text = toml::to_string(self).expect("a job file holds strings, numbers, lists and tables only");
        format!("{WRITTEN_BY} {}.\n{text}", env!("CARGO_PKG_VERSION"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::*;
    use halocline_kernels::ElementType;
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
    fn defaults_match_the_manual() {
        let file = parse(&format!("{SMALL}output.fields.every = '1 h'\noutput.slice.every = '2 step'"));
        assert_eq!((file.grid.cells, file.grid.length), ([1, 8, 16], [1.0 / 16.0, 0.5, 1.0]));
        assert_eq!((file.grid.origin, file.grid.periodic, file.parallel.ranks), ([0.0; 3], None, None));
        assert_eq!((file.engine.element, file.engine.fuse), (ElementType::F64, Fuse::Auto));
        assert_eq!((file.engine.check_every, file.checkpoint.every), (Cadence::Steps(100), Cadence::Never));
        assert!(file.checkpoint.at_end);
        let (fields, slice) = (&file.output["fields"], &file.output["slice"]);
        assert_eq!((fields.picture, slice.picture), (true, false));
        assert_eq!((fields.every, fields.seal), (Cadence::Seconds(3600.0), WallTime(Duration::from_secs(60))));
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
    fn names_of_stations_have_no_control_characters() {
        let text = error("output.a = {every = '1 s', points = [[0.1, 0.1]], names = [\"a\\u0000b\"]}");
        assert!(text.contains("`output.a.names[0]`") && text.contains("has a control character"), "{text}");
    }

    #[test]
    fn streams_keep_the_order_of_the_file() {
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
            ("output.job.every = '1 s'", "a.toml:4: `output.job` is not a valid stream name"),
            ("output.control.every = '1 s'", "a.toml:4: `output.control` is not a valid stream name"),
            ("output.'a/b'.every = '1 s'", "a.toml:4: `output.a/b` is not a valid stream name"),
            ("output.'a.b'.every = '1 s'", "a.toml:4: `output.a.b` is not a valid stream name"),
            ("output.'..'.every = '1 s'", "a.toml:4: `output...` is not a valid stream name"),
            ("output.''.every = '1 s'", "a.toml:4: `output.` is not a valid stream name"),
            ("output.-a.every = '1 s'", "a.toml:4: `output.-a` is not a valid stream name"),
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
            "a.toml:2: `grid.cells` = [1, 4000000000, 4000000000]: more than 2^59 cells: a field of this size cannot fit in memory"
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
        (cadence(), any::<bool>(), fields, place, element, reduce, 0..1u64 << 50, any::<bool>()).prop_map(
            |(every, align, fields, (region, points), element, reduce, seal, picture)| {
                let seal = WallTime(Duration::from_nanos(seal));
                StreamSection { every, align, fields, region, points, names: None, element, reduce, seal, picture }
            },
        )
    }

    prop_compose! {
        fn job_file()(
            job in "[a-z_]{1,9}", cells in [3usize..99, 3..99, 3..99], length in [1.0..1e6f64, 1.0..1e6, 1.0..1e6],
            origin in [-1.0..=0.0f64, -1.0..=0.0, -1.0..=0.0], periodic: Option<[bool; 3]>, ranks in option::of([1usize..9, 1..9, 1..9]),
            end in prop_oneof![any::<u64>().prop_map(SimulatedDuration::Steps), (0.0..1e20f64).prop_map(SimulatedDuration::Seconds)],
            numbers in collection::btree_map("[a-zκ .]{1,6}", any::<i64>(), 0..4), texts in collection::btree_map("[A-Z]{1,6}", any::<String>(), 0..4),
            start in option::of(select(vec!["2000-01-01", "1850-06-30 12:00:00.5"])),
            double: bool, fuse in option::of(1usize..99), check_every in cadence(), save in cadence(),
            streams in collection::vec(("[a-z][a-z0-9_-]{0,5}", stream()), 0..4),
        ) -> JobFile {
            let start = start.map(|date| date.parse().expect("a date"));
            let legal = |name: &String| !["job", "trace"].contains(&name.as_str());
            let show = (!job.is_empty()).then(|| job.clone()).into_iter().collect();
            let numbers = numbers.into_iter().map(|(key, n)| (key, toml::Value::Integer(n)));
            JobFile {
                job,
                grid: GridSection { kind: GridKind::Box, cells, length: length.map(|l| l + 1.0), origin, periodic },
                time: TimeSection { start, end },
                parameters: numbers.chain(texts.into_iter().map(|(key, t)| (key, toml::Value::String(t)))).collect(),
                engine: EngineSection {
                    element: if double { ElementType::F64 } else { ElementType::F32 },
                    fuse: fuse.and_then(NonZeroUsize::new).map_or(Fuse::Auto, Fuse::Steps),
                    instruction_set: if double { InstructionSetChoice::Avx512 } else { InstructionSetChoice::Auto },
                    check_every,
                },
                parallel: ParallelSection { ranks, oversubscribe: false, overcommit: double },
                output: streams.into_iter().filter(|(name, _)| legal(name)).collect(),
                series: SeriesSection { every: check_every, align: double, show, picture: !double },
                checkpoint: CheckpointSection { every: save, at_end: double, ..CheckpointSection::default() },
                replica: ReplicaSection { every: save, ..ReplicaSection::default() },
                origins: KeyOrigins::default(),
            }
        }
    }

    proptest! {
        #[test]
        fn a_written_file_reads_back(file in job_file()) {
            let text = file.to_toml();
            prop_assert!(text.starts_with(WRITTEN_BY));
            let again = JobFile::parse("job.toml", &text, &[]).map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
            prop_assert_eq!(&again, &file);
            prop_assert_eq!(again.output.keys().collect::<Vec<_>>(), file.output.keys().collect::<Vec<_>>());
            prop_assert_eq!(again.to_toml(), text);
        }
    }
}
