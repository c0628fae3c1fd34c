//! [`OutputStream`]: one stream of a run, with its file and the values accumulated since its last instant.
use super::accumulator::Accumulator;
use super::cells::{Cells, Piece};
use super::layout::{Column, layout};
use crate::base::hyperslab::Hyperslab;
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
        let cells = Cells::of(section, grid);
        let (axes, variables, columns) =
            layout(grid, &store.declared().axes, &store.declared().fields, &cells, section);
        let names = variables.iter().map(|v| v.name.clone()).collect();
        let layout = Layout {
            name: name.into(),
            title: format!("{}, stream {name}", job.job),
            source: format!("halocline {}, job {}", env!("CARGO_PKG_VERSION"), job.job),
            reference_date: job.time.start,
            axes,
            variables,
            provenance: provenance.to_vec(),
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

    /// Adds the accumulated values to a snapshot.
    pub fn save(&self, store: &Fields, snapshot: &mut Snapshot) {
        let mut number = |what: &str, bits| _ = snapshot.numbers.insert(format!("stream/{}/{what}", self.name), bits);
        number("count", self.accumulator.count);
        number("last time", self.last_time.to_bits());
        if self.accumulator.count == 0 {
            return;
        }
        for (c, column) in self.columns.iter().enumerate() {
            let boxes = self.cells.pieces(store, column.field).into_iter().enumerate().map(|(p, piece)| {
                let (start, count) = self.cells.selection(&piece);
                Hyperslab::of(&start, &count, &self.accumulator.values[c][p])
            });
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
        let values = self.columns.iter().enumerate().map(|(c, column)| {
            let part = self.part(c);
            if state.part(&part) != Some((ElementType::F64, self.cells.shape())) {
                return Err(Error::input(format!("the saved state has no accumulated values `{part}`")));
            }
            let pieces = self.cells.pieces(store, column.field);
            let read =
                state.read(&part, &pieces.iter().map(|piece| self.cells.selection(piece)).collect::<Vec<_>>())?;
            let numbers = |bytes: &Vec<u8>| bytes.as_chunks().0.iter().map(|b| f64::from_ne_bytes(*b)).collect();
            Ok(read.iter().map(numbers).collect::<Vec<Vec<f64>>>())
        });
        self.accumulator.values = values.collect::<Result<_>>()?;
        Ok(())
    }

    /// The name of a column's accumulated values in a saved state.
    fn part(&self, column: usize) -> String {
        format!("streams/{}/{}", self.name, self.variables[column])
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
            let pieces = |c: &Column| {
                let pieces = self.cells.pieces(store, c.field);
                pieces
                    .iter()
                    .map(|piece| extract::values(&store.arrays(c.field)[piece.patch], &piece.region, c.part))
                    .collect()
            };
            self.accumulator.add(self.columns.iter().map(pieces).collect());
        }
        let due = self.is_due(step, time) || requested && self.accumulator.is_off();
        self.last_time = time;
        if !due {
            return Ok(());
        }
        let boxes: Vec<Vec<Hyperslab>> = (0..self.columns.len()).map(|c| self.hyperslabs(store, c)).collect();
        self.accumulator.clear();
        self.file.write(step, time, boxes)
    }

    /// This rank's values of a column, for the next instant.
    fn hyperslabs(&self, store: &Fields, column: usize) -> Vec<Hyperslab> {
        let c = &self.columns[column];
        let hyperslab = |(p, piece): (usize, Piece)| {
            let (start, count) = self.cells.selection(&piece);
            let bytes = match self.accumulator.is_off() {
                true => {
                    let (array, part) = (&store.arrays(c.field)[piece.patch], Extract::Part(c.part, c.element));
                    extract::extract(self.comm.threads(), array, &piece.region, part)
                }
                false => extract::encode(self.accumulator.result(column, p).into_iter(), c.element),
            };
            Hyperslab { start, count, bytes: bytes.into() }
        };
        self.cells.pieces(store, c.field).into_iter().enumerate().map(hyperslab).collect()
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

/// The number of whole intervals of `s` seconds in `time`, with a tolerance for round-off.
fn intervals(time: f64, s: f64) -> u64 {
    (time / s + 1e-9).floor() as u64
}
