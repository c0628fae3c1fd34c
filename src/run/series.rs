//! [`Series`]: the table of the quantities that a job records, as a run writes it.
use super::cadence::CadenceState;
use crate::base::Result;
use crate::base::message::message;
use crate::comm::Comm;
use crate::config::{Cadence, JobFile};
use crate::engine::{Moment, Saved, Simulation, Snapshot};
use crate::files::{SERIES, SeriesFile, draw_series};
use crate::model::declarations::Declarations;
use crate::model::series::header;
use crate::model::{Clock, Recorded};
use std::path::Path;

/// The name of the picture of the table.
pub const PICTURE: &str = "series.png";
/// The name of its counter in a saved state, and of the step of its last row, plus 1; 0 is none.
const CADENCE: &str = "series";
const UNTIL: &str = "series/rows until";
const ROWS: &str = "series/rows";

/// The table of an attempt. It does nothing if the job records nothing, or never.
pub struct Series {
    cadence: CadenceState,
    align: bool,
    has_time: bool,
    /// The columns that progress reports show.
    shown: Vec<usize>,
    names: Vec<String>,
    /// On rank 0.
    file: Option<SeriesFile>,
    /// The step of the last row.
    last: Option<u64>,
    /// The numbers that were measured last, and whether they still have to be written.
    numbers: Vec<f64>,
    pending: bool,
    rows: u64,
}

/// True if a run of this job file writes a table.
pub fn is_on(file: &JobFile, declared: &Declarations) -> bool {
    file.series.every != Cadence::Never && !declared.series.is_empty()
}

/// The names of the files that a run writes for its table.
pub fn planned(file: &JobFile, declared: &Declarations) -> Vec<String> {
    let picture = file.series.picture.then_some(PICTURE);
    [SERIES].into_iter().chain(picture).filter(|_| is_on(file, declared)).map(str::to_owned).collect()
}

/// Checks `[series]` against the quantities that the job records.
///
/// # Errors
/// If a name to show is not among them.
pub fn check(file: &JobFile, declared: &Declarations) -> Result<()> {
    let known: Vec<&str> = declared.series.iter().map(|recorded| recorded.name.as_str()).collect();
    match file.series.show.iter().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let remedy = match known[..] {
                [] => "the job records nothing: remove `series.show`".to_owned(),
                _ => crate::config::suggestion(name, &known, "it records"),
            };
            Err(file.origins.error("series.show", format!("the job records no `{name}`"), &remedy))
        }
    }
}

/// A note for a job file that does not say whether the quantities which the job records are written.
pub fn note(file: &JobFile, declared: &Declarations) -> Option<String> {
    let names: Vec<&str> = declared.series.iter().map(|recorded| recorded.name.as_str()).collect();
    let is_open = !names.is_empty() && !["series", "series.every"].iter().any(|key| file.origins.is_given(key));
    is_open.then(|| {
        let names = names.join(", ");
        format!("the job records {names}: give `series.every`, such as \"10 step\", to write them to {SERIES}")
    })
}

fn columns(declared: &Declarations) -> Vec<String> {
    let time = (declared.clock != Clock::Steps).then(|| header("time", "s"));
    let quantities = declared.series.iter().map(Recorded::header);
    std::iter::once("step".to_owned()).chain(time).chain(quantities).collect()
}

/// The step of the last row that belongs to a saved state; none if it has no rows.
fn last_row(state: &dyn Saved) -> Option<u64> {
    state.number(UNTIL).and_then(|until| until.checked_sub(1))
}

/// The step until which rows of a table belong to a saved state. A state that was saved while no rows were written knows its own
/// step only.
fn until(state: &dyn Saved) -> u64 {
    last_row(state).unwrap_or_else(|| state.step())
}

impl Series {
    /// Checks that the table in the run directory can be continued from a saved state, without changing anything.
    ///
    /// # Errors
    /// If it has other columns.
    pub fn check_resumable(dir: &Path, file: &JobFile, declared: &Declarations) -> Result<()> {
        if is_on(file, declared) { SeriesFile::check(dir, &columns(declared)) } else { Ok(()) }
    }

    /// Creates the table. If the run `resumes` at `moment`, continues it from a saved state instead, cut back to the rows of this
    /// state. Collective.
    ///
    /// # Errors
    /// If the file cannot be written, or has other columns.
    pub fn begin(
        comm: &Comm,
        file: &JobFile,
        declared: &Declarations,
        dir: &Path,
        (resumes, moment, state): (bool, &Moment, Option<&dyn Saved>),
    ) -> Result<Series> {
        let names: Vec<String> = declared.series.iter().map(|recorded| recorded.name.clone()).collect();
        let every = if is_on(file, declared) { file.series.every } else { Cadence::Never };
        let cadence = match state {
            Some(state) => CadenceState::resumed(every, CADENCE, moment, state),
            None => CadenceState::new(every),
        };
        let last = state.and_then(last_row);
        let known = state.and_then(|state| state.number(ROWS)).unwrap_or(0);
        let mut series = Series {
            cadence,
            align: file.series.align,
            has_time: declared.clock != Clock::Steps,
            shown: file.series.show.iter().filter_map(|name| names.iter().position(|n| n == name)).collect(),
            names,
            file: None,
            last,
            numbers: vec![],
            pending: false,
            rows: known,
        };
        let open = || -> Result<Option<SeriesFile>> {
            if every == Cadence::Never {
                return Ok(None);
            }
            let header = columns(declared);
            if !resumes {
                return SeriesFile::create(dir, &header).map(Some);
            }
            let (table, rows) = SeriesFile::resume(dir, &header, state.map(until))?;
            if rows < known {
                let path = dir.join(SERIES);
                message!("warning: {} has lost {} of {} rows", path.display(), known - rows, known);
            }
            Ok(Some(table))
        };
        series.file = comm.agree(if comm.is_root() { open() } else { Ok(None) })?;
        Ok(series)
    }

    /// True if a row is due with the step that ends at `moment`.
    pub fn is_due(&self, moment: &Moment) -> bool {
        match moment.step {
            0 => self.cadence.every() != Cadence::Never && self.last.is_none(),
            _ => self.cadence.is_due(moment),
        }
    }

    /// True if the table lacks the end of a run that ends at `moment`.
    pub fn lacks(&self, moment: &Moment) -> bool {
        self.cadence.every() != Cadence::Never && self.last != Some(moment.step)
    }

    /// The next instant in seconds that an adaptive time step must not pass.
    pub fn next_aligned(&self) -> Option<f64> {
        self.cadence.next_time().filter(|_| self.align)
    }

    /// Measures the quantities for a row of the table, if one is due. Returns whether all of them are finite. Collective.
    pub fn measure(&mut self, simulation: &mut Simulation, moment: &Moment) -> bool {
        let due = self.is_due(moment);
        self.cadence.pass(moment);
        !due || self.measure_end(simulation, moment)
    }

    /// Measures the quantities for the last row. Returns whether all of them are finite. Collective.
    pub fn measure_end(&mut self, simulation: &mut Simulation, moment: &Moment) -> bool {
        self.numbers = simulation.recorded().into_iter().map(|(_, number)| number).collect();
        (self.last, self.pending) = (Some(moment.step), true);
        self.numbers.iter().all(|number| number.is_finite())
    }

    /// Adds the row that was measured at `moment`, if there is one. Collective if there is.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&mut self, comm: &Comm, moment: &Moment) -> Result<()> {
        if !std::mem::take(&mut self.pending) {
            // Only rank 0 has rows that wait. An error comes back with the next row, on all ranks.
            _ = self.file.as_mut().map(SeriesFile::write_late);
            return Ok(());
        }
        self.rows += 1;
        let time = self.has_time.then_some(moment.time);
        let row: Vec<f64> = time.into_iter().chain(self.numbers.iter().copied()).collect();
        let written = self.file.as_mut().map_or(Ok(()), |file| file.add(moment.step, &row));
        comm.agree(written)
    }

    /// The quantities that progress reports show, as they were measured last.
    pub fn shown(&self) -> String {
        let shown =
            self.shown.iter().filter_map(|&i| Some(format!("  {} = {:.6e}", self.names[i], self.numbers.get(i)?)));
        shown.collect()
    }

    /// Adds the counters to a snapshot.
    pub fn save(&self, snapshot: &mut Snapshot) {
        if self.cadence.every() == Cadence::Never {
            return;
        }
        self.cadence.save(CADENCE, snapshot);
        let until = self.last.map_or(0, |last| last + 1);
        snapshot.numbers.extend([(UNTIL.to_owned(), until), (ROWS.to_owned(), self.rows)]);
    }

    /// Writes all rows to disk, before a state is saved that they belong to. Collective.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn seal(&mut self, comm: &Comm) -> Result<()> {
        comm.agree(self.file.as_mut().map_or(Ok(()), SeriesFile::sync))
    }

    /// Follows the run directory to another name, or copies the table where the directory was removed.
    ///
    /// # Errors
    /// If the table cannot be copied.
    pub fn move_to(&mut self, dir: &Path, removed: bool) -> Result<()> {
        match &mut self.file {
            Some(file) if removed => file.copy_to(dir),
            Some(file) => {
                file.move_to(dir);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// On rank 0: completes the table and draws it. Returns the names of the files.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn finish(&mut self, dir: &Path, picture: bool) -> Result<Vec<String>> {
        let Some(file) = &mut self.file else { return Ok(vec![]) };
        file.sync()?;
        let drawn = picture && draw_series(dir, &dir.join(PICTURE))?;
        Ok([SERIES].into_iter().chain(drawn.then_some(PICTURE)).map(str::to_owned).collect())
    }
}
