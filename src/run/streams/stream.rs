//! [`OutputStream`]: one stream of a run, with its file and the values accumulated since its last instant.
use super::accumulator::Accumulator;
use super::cells::{self, Cells, Piece};
use super::column::Column;
use super::layout::layout;
use super::overflow::{Overflow, infinite};
use super::stations::Stations;
use crate::base::hyperslab::{Hyperslab, Selection};
use crate::base::{Error, Result};
use crate::comm::Comm;
use crate::config::{Cadence, JobFile, Reduction};
use crate::engine::extract::{self, Extract};
use crate::engine::{Fields, Moment, Part, Saved, Snapshot};
use crate::files::{Instant, Seal, Stream};
use crate::model::Clock;
use crate::run::cadence::CadenceState;
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
    cadence: CadenceState,
    /// True if adaptive time steps are shortened to meet the instants.
    align: bool,
    /// True if time steps differ in length, so that a mean is weighted by it.
    weighted: bool,
    accumulator: Accumulator,
    /// The step of the last instant in the file.
    last: Option<u64>,
    /// True if the file may not hold a finite value of the fields or of their sums.
    may_overflow: bool,
    overflow: Overflow,
}

impl OutputStream {
    /// Creates the stream `name`. If the run `resumes` at `moment`, continues the stream as it was in the saved `state` instead,
    /// or from its beginning if there is none. Collective.
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
        (resumes, moment, state): (bool, &Moment, Option<&dyn Saved>),
    ) -> Result<OutputStream> {
        let section = &job.output[name];
        let declared = store.declared();
        let grid = &declared.grids[0];
        let (layout, columns) = layout(job, name, declared, provenance);
        let cells = match &section.points {
            Some(positions) => Cells::Stations(comm.agree(Stations::new(comm, store, &columns, positions))?),
            None => {
                let (whole, kept) = cells::region(grid, section.region.as_ref().map(|r| r.within(grid.cells())));
                Cells::Region(whole, kept)
            }
        };
        let variables = layout.variables.iter().map(|v| v.name.clone()).collect();
        let seal = Seal { seconds: section.seal.0.as_secs_f64(), ..Seal::default() };
        // The saved state knows the last instant that belongs to it: a finished run has written one more, its end.
        let last = match state {
            Some(state) => state.number(&last_key(name)).map_or(Some(state.step()), |last| last.checked_sub(1)),
            None => None,
        };
        let file = match resumes {
            false => Stream::create(comm, dir, layout, seal)?,
            true => Stream::resume(comm, dir, layout, seal, last)?,
        };
        let cadence = match state {
            Some(state) => CadenceState::resumed(section.every, &format!("output/{name}"), moment, state),
            None => CadenceState::new(section.every),
        };
        let double = |c: &Column| {
            let element = declared.fields[c.field].element;
            element.size() / element.parts() == size_of::<f64>()
        };
        let narrows = |c: &Column| c.element == ElementType::F32 && double(c);
        let sums = section.reduce == Reduction::Mean;
        let mut stream = OutputStream {
            comm: comm.clone(),
            file,
            name: name.into(),
            variables,
            cells,
            cadence,
            align: section.align,
            weighted: declared.clock == Clock::Adaptive,
            accumulator: Accumulator::new(section.reduce, (moment.step, moment.time)),
            last,
            may_overflow: columns.iter().any(|c| narrows(c) || sums && double(c)),
            overflow: state.map_or_else(Overflow::default, |state| Overflow::restored(name, state)),
            columns,
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
        let (layout, _) = layout(job, name, store.declared(), &[]);
        layout.variables.iter().try_for_each(|v| check_part(state, &part(name, &v.name), &layout.shape(v)))
    }

    /// Adds the accumulated values to a snapshot.
    pub fn save(&self, store: &Fields, snapshot: &mut Snapshot) {
        self.cadence.save(&format!("output/{}", self.name), snapshot);
        self.overflow.save(&self.name, snapshot);
        snapshot.numbers.insert(last_key(&self.name), self.last.map_or(0, |last| last + 1));
        let Accumulator { count, weight, begin, .. } = self.accumulator;
        let numbers = [count, weight.to_bits(), begin.0, begin.1.to_bits()];
        snapshot.numbers.extend(self.accumulator_keys().into_iter().zip(numbers));
        if count == 0 {
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
        let [Some(count), Some(weight), Some(step), Some(time)] = self.accumulator_keys().map(|key| state.number(&key))
        else {
            return Ok(());
        };
        self.accumulator.begin = (step, f64::from_bits(time));
        (self.accumulator.count, self.accumulator.weight) = (count, f64::from_bits(weight));
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

    /// The names of the numbers of the accumulator in a saved state.
    fn accumulator_keys(&self) -> [String; 4] {
        ["count", "weight", "begin step", "begin time"].map(|what| format!("stream/{}/{what}", self.name))
    }

    /// True if an instant is due with the step that ends at `moment`.
    pub fn is_due(&self, moment: &Moment) -> bool {
        match moment.step {
            0 => self.accumulator.is_off(),
            _ => self.cadence.is_due(moment),
        }
    }

    /// True if the stream needs the fields at `moment`.
    pub fn wants(&self, moment: &Moment) -> bool {
        !self.accumulator.is_off() || self.is_due(moment)
    }

    /// The fields that the stream writes.
    pub fn fields(&self) -> impl Iterator<Item = usize> + '_ {
        self.columns.iter().map(|column| column.field)
    }

    /// The next instant in seconds that an adaptive time step must not pass.
    pub fn next_aligned(&self) -> Option<f64> {
        self.cadence.next_time().filter(|_| self.align)
    }

    /// Accumulates the values at the end of a step, and writes an instant if one is due or `requested`. A stream of means or
    /// extrema ignores requests. Collective.
    ///
    /// # Errors
    /// If the instant cannot be written.
    pub fn step(&mut self, store: &Fields, moment: &Moment, requested: bool) -> Result<()> {
        if !self.accumulator.is_off() && moment.step > 0 {
            let weight = if self.weighted { moment.dt } else { 1.0 };
            self.accumulator.add(self.cells.values(store, &self.columns), weight);
        }
        let due = self.is_due(moment) || requested && self.accumulator.is_off();
        self.cadence.pass(moment);
        if due { self.write(store, moment) } else { Ok(()) }
    }

    /// True if the file lacks the end of a run that ends at `moment`.
    pub fn lacks(&self, moment: &Moment) -> bool {
        match self.accumulator.is_off() {
            true => self.last != Some(moment.step),
            false => self.accumulator.count > 0,
        }
    }

    /// Writes the end of the run, at `moment`, unless it is in the file: the last instant, or the statistic over the part of an
    /// interval since the last instant. Returns a note on such a part. Collective.
    ///
    /// # Errors
    /// If the instant cannot be written.
    pub fn write_end(&mut self, store: &Fields, moment: &Moment) -> Result<Option<String>> {
        if !self.lacks(moment) {
            return Ok(None);
        }
        let Accumulator { count, begin, .. } = self.accumulator;
        let note = (!self.accumulator.is_off()).then(|| {
            let covered = match self.cadence.every() {
                Cadence::Seconds(_) => format!("{} s", (moment.time - begin.1) as f32),
                Cadence::Steps(_) | Cadence::Never => format!("{count} step"),
            };
            format!("the last interval of output.{} covers {covered} of {}", self.name, self.cadence.every())
        });
        self.write(store, moment)?;
        Ok(note)
    }

    /// Writes an instant. Collective.
    fn write(&mut self, store: &Fields, moment: &Moment) -> Result<()> {
        let boxes = self.hyperslabs(store);
        if self.may_overflow {
            self.count_overflow(moment.step, &boxes);
        }
        let at = match self.accumulator.is_off() {
            true => Instant::at(moment.step, moment.time),
            false => Instant { begin: self.accumulator.begin, ..Instant::at(moment.step, moment.time) },
        };
        self.accumulator.restart((moment.step, moment.time));
        self.last = Some(moment.step);
        self.file.write(at, boxes)
    }

    /// Counts the values of an instant that the file holds as infinity. Collective.
    fn count_overflow(&mut self, step: u64, boxes: &[Vec<Hyperslab>]) {
        let shape = self.cells.shape();
        let (mut count, mut first) = (0, None);
        for (c, (column, boxes)) in self.columns.iter().zip(boxes).enumerate() {
            for slab in boxes {
                let (found, at) = infinite(&slab.bytes, column.element);
                count += found;
                let at = at.map(|at| (c, index_in(&shape, slab, at)));
                first = [first, at].into_iter().flatten().min();
            }
        }
        self.overflow.add(&self.comm, step, count, first);
    }

    /// A warning that names the values that the file holds as infinity, if there are any.
    pub fn overflow_note(&self) -> Option<String> {
        let Overflow { count, first: [step, column, index] } = self.overflow;
        let column = self.columns.get(column as usize).filter(|_| count > 0)?;
        let what = match column.element {
            ElementType::F32 => "the largest f32",
            _ => "the sum that a mean is made of",
        };
        let variable = &self.variables[self.columns.iter().position(|c| std::ptr::eq(c, column))?];
        let place = self.cells.place(index as usize);
        Some(format!(
            "output.{}: values beyond {what} are infinity in the file: {count}, the first in `{variable}` after step {step} at \
             {place}",
            self.name
        ))
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

    /// Follows the run directory to another name.
    pub fn move_to(&mut self, dir: &Path) {
        self.file.move_to(dir);
    }

    /// True if sealing the stream now does not produce an extra segment.
    pub fn may_seal(&self) -> bool {
        self.file.is_ripe()
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

/// Checks that a saved state holds accumulated values of this shape.
fn check_part(state: &dyn Saved, part: &str, shape: &[usize]) -> Result<()> {
    if state.part(part) != Some((ElementType::F64, shape.to_vec())) {
        return Err(Error::input(format!("the saved state has no accumulated values `{part}`"))
            .remedy("nothing was changed; give the stream another name, or keep its keys as they were"));
    }
    Ok(())
}

/// The name of the step of the last instant, plus 1, in a saved state; 0 is none.
fn last_key(name: &str) -> String {
    format!("stream/{name}/instants until")
}

/// The index in an array of this shape of the value at position `at` of a hyperslab.
fn index_in(shape: &[usize], slab: &Hyperslab, mut at: usize) -> usize {
    let (mut index, mut stride) = (0, 1);
    for axis in (0..shape.len()).rev() {
        index += stride * (slab.start[axis] + at % slab.count[axis]);
        at /= slab.count[axis];
        stride *= shape[axis];
    }
    index
}
