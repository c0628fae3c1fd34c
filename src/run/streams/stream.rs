//! [`OutputStream`]: one stream of a run, with its file and the values accumulated since its last instant.
use super::accumulator::Accumulator;
use super::cells::{self, Cells, Piece};
use super::column::Column;
use super::layout::layout;
use super::stations::Stations;
use crate::base::hyperslab::{Hyperslab, Selection};
use crate::base::{Error, Result};
use crate::comm::Comm;
use crate::config::{Cadence, JobFile};
use crate::engine::extract::{self, Extract};
use crate::engine::{Fields, Part, Saved, Snapshot};
use crate::files::{Layout, Seal, Stream};
use halocline_kernels::ElementType;
use std::path::Path;

/// One output stream.
pub struct OutputStream {
    comm: Comm,
    file: Stream,
    name: String,
    /// The names of the variables, one for each column.
    variables: Vec<String>,
    columns: Vec<Column>,
    cells: Cells,
    every: Cadence,
    accumulator: Accumulator,
    /// The time of the previous step.
    last_time: f64,
}

impl OutputStream {
    /// Creates the stream `name`. If the run `resumes`, continues the stream as it was in the saved `state` instead, or from
    /// its beginning if there is none. Collective.
    ///
    /// # Errors
    /// If its files cannot be created or continued.
    pub fn begin(
        comm: &Comm,
        store: &Fields,
        job: &JobFile,
        name: &str,
        dir: &Path,
        provenance: &[(String, String)],
        (resumes, state): (bool, Option<&dyn Saved>),
    ) -> Result<OutputStream> {
        let section = &job.output[name];
        let grid = &store.declared().grids[0];
        let (layout, columns) = layout(grid, &store.declared().axes, &store.declared().fields, section);
        let cells = match &section.points {
            Some(positions) => Cells::Stations(comm.agree(Stations::new(comm, store, &columns, positions))?),
            None => {
                let (whole, kept) = cells::region(grid, section.region.as_ref().map(|r| r.within(grid.cells())));
                Cells::Region(whole, kept)
            }
        };
        let names = layout.variables.iter().map(|v| v.name.clone()).collect();
        let layout = Layout {
            name: name.into(),
            title: format!("{}, stream {name}", job.job),
            source: format!("halocline {}, job {}", env!("CARGO_PKG_VERSION"), job.job),
            reference_date: job.time.start,
            provenance: provenance.to_vec(),
            ..layout
        };
        let seal = Seal { seconds: section.seal.0.as_secs_f64(), ..Seal::default() };
        let file = match resumes {
            false => Stream::create(comm, dir, layout, seal)?,
            true => Stream::resume(comm, dir, layout, seal, state.map(Saved::step))?,
        };
        let mut stream = OutputStream {
            comm: comm.clone(),
            file,
            name: name.into(),
            variables: names,
            columns,
            cells,
            every: section.every,
            accumulator: Accumulator::new(section.reduce),
            last_time: 0.0,
        };
        if let Some(state) = state {
            comm.agree(stream.restore(store, state))?;
        }
        Ok(stream)
    }

    /// Checks that the stream `name` can continue from the saved `state`.
    ///
    /// # Errors
    /// If the state does not hold what the stream has accumulated.
    pub fn check(store: &Fields, job: &JobFile, name: &str, state: &dyn Saved) -> Result<()> {
        if state.number(&format!("stream/{name}/count")).unwrap_or(0) == 0 {
            return Ok(());
        }
        let (section, grid) = (&job.output[name], &store.declared().grids[0]);
        let (layout, _) = layout(grid, &store.declared().axes, &store.declared().fields, section);
        layout.variables.iter().try_for_each(|v| check_part(state, &part(name, &v.name), &layout.shape(v)))
    }

    /// Adds the accumulated values to a snapshot.
    pub fn save(&self, store: &Fields, snapshot: &mut Snapshot) {
        let mut number = |what: &str, bits| _ = snapshot.numbers.insert(format!("stream/{}/{what}", self.name), bits);
        number("count", self.accumulator.count);
        number("last time", self.last_time.to_bits());
        if self.accumulator.count == 0 {
            return;
        }
        for c in 0..self.columns.len() {
            let boxes = self.cells.boxes(store, &self.columns, c).into_iter().zip(&self.accumulator.values[c]);
            let boxes = boxes.map(|((start, count), values)| Hyperslab::of(&start, &count, values));
            let (name, number, shape) = (self.part(c), ElementType::F64, self.cells.shape());
            snapshot.parts.push(Part { name, number, shape, boxes: boxes.collect() });
        }
    }

    /// Restores what [`OutputStream::save`] added to the saved state. A stream that the state does not contain begins anew.
    fn restore(&mut self, store: &Fields, state: &dyn Saved) -> Result<()> {
        let number = |what: &str| state.number(&format!("stream/{}/{what}", self.name));
        let time = state.number("scalar/time").unwrap_or_default();
        let (count, last_time) = (number("count").unwrap_or(0), f64::from_bits(number("last time").unwrap_or(time)));
        (self.accumulator.count, self.last_time) = (count, last_time);
        if count == 0 {
            return Ok(());
        }
        let values = (0..self.columns.len()).map(|c| {
            let part = self.part(c);
            check_part(state, &part, &self.cells.shape())?;
            let read = state.read(&part, &self.cells.boxes(store, &self.columns, c))?;
            let numbers = |bytes: &Vec<u8>| bytes.as_chunks().0.iter().map(|b| f64::from_ne_bytes(*b)).collect();
            Ok(read.iter().map(numbers).collect::<Vec<Vec<f64>>>())
        });
        self.accumulator.values = values.collect::<Result<_>>()?;
        Ok(())
    }

    /// The name of a column's accumulated values in a saved state.
    fn part(&self, column: usize) -> String {
        part(&self.name, &self.variables[column])
    }

    /// True if an instant is due after this step.
    pub fn is_due(&self, step: u64, time: f64) -> bool {
        if step == 0 {
            return self.every != Cadence::Never && self.accumulator.is_off();
        }
        match self.every {
            Cadence::Never => false,
            Cadence::Steps(n) => step.is_multiple_of(n),
            Cadence::Seconds(s) => intervals(time, s) > intervals(self.last_time, s),
        }
    }

    /// True if the stream needs the fields after this step.
    pub fn wants(&self, step: u64, time: f64) -> bool {
        !self.accumulator.is_off() || self.is_due(step, time)
    }

    /// Accumulates the values after a step, and writes an instant if one is due or `requested`. A stream of means or extrema
    /// ignores requests. Collective.
    ///
    /// # Errors
    /// If the instant cannot be written.
    pub fn step(&mut self, store: &Fields, step: u64, time: f64, requested: bool) -> Result<()> {
        if !self.accumulator.is_off() && step > 0 {
            self.accumulator.add(self.cells.values(store, &self.columns));
        }
        let due = self.is_due(step, time) || requested && self.accumulator.is_off();
        self.last_time = time;
        if !due {
            return Ok(());
        }
        let boxes = self.hyperslabs(store);
        self.accumulator.clear();
        self.file.write(step, time, boxes)
    }

    /// This rank's values, by column, for the next instant. Collective.
    fn hyperslabs(&mut self, store: &Fields) -> Vec<Vec<Hyperslab>> {
        let bytes: Vec<Vec<Vec<u8>>> = match (&mut self.cells, self.accumulator.is_off()) {
            (Cells::Region(whole, _), true) => {
                let bytes = |c: &Column| {
                    let (arrays, part) = (store.arrays(c.field), Extract::Part(c.part, c.element));
                    let bytes = |p: Piece| extract::extract(self.comm.threads(), &arrays[p.patch], &p.region, part);
                    cells::pieces(store, c.field, whole).into_iter().map(bytes).collect()
                };
                self.columns.iter().map(bytes).collect()
            }
            (cells, is_off) => {
                let values = if is_off { cells.values(store, &self.columns) } else { self.accumulator.results() };
                let encoded = |(values, c): (Vec<Vec<f64>>, &Column)| {
                    values.into_iter().map(|values| extract::encode(values.into_iter(), c.element)).collect()
                };
                values.into_iter().zip(&self.columns).map(encoded).collect()
            }
        };
        let hyperslab = |((start, count), bytes): (Selection, Vec<u8>)| Hyperslab { start, count, bytes: bytes.into() };
        let column = |(c, bytes): (usize, Vec<Vec<u8>>)| {
            self.cells.boxes(store, &self.columns, c).into_iter().zip(bytes).map(hyperslab).collect()
        };
        bytes.into_iter().enumerate().map(column).collect()
    }

    /// True if sealing the stream now does not produce an extra segment.
    pub fn may_seal(&self) -> bool {
        self.file.is_ripe()
    }

    /// Follows the run directory to another name.
    pub fn move_to(&mut self, dir: &Path) {
        self.file.move_to(dir);
    }

    /// Seals the instants written so far: they survive a kill. Collective.
    ///
    /// # Errors
    /// If they cannot be sealed.
    pub fn seal(&mut self) -> Result<()> {
        self.file.seal()
    }

    /// Seals the instants written so far and closes the stream. Collective.
    ///
    /// # Errors
    /// If they cannot be sealed.
    pub fn finish(self) -> Result<()> {
        self.file.finish()
    }
}

/// The name of the accumulated values of a variable in a saved state.
fn part(stream: &str, variable: &str) -> String {
    format!("streams/{stream}/{variable}")
}

/// Checks that a saved state holds these accumulated values.
fn check_part(state: &dyn Saved, part: &str, shape: &[usize]) -> Result<()> {
    if state.part(part) != Some((ElementType::F64, shape.to_vec())) {
        return Err(Error::input(format!("the saved state has no accumulated values `{part}`"))
            .remedy("nothing was changed; give the stream another name, or keep its keys as they were"));
    }
    Ok(())
}

/// The number of whole intervals of `s` seconds in `time`, with a tolerance for round-off.
fn intervals(time: f64, s: f64) -> u64 {
    (time / s + 1e-9).floor() as u64
}
