//! Output streams of a run: which numbers of the fields go to which file, and when.
use super::setup::cell_at;
use crate::base::Region;
use crate::base::hyperslab::Selection;
use crate::base::{Error, Result};
use crate::comm::Comm;
use crate::config::{Cadence, JobFile, Reduction, StreamElement, StreamSection};
use crate::engine::extract::{self, Extract};
use crate::engine::{Fields, Part, Saved, Snapshot};
use crate::files::{Axis, Hyperslab, Layout, Seal, Stream, Variable};
use crate::model::field::FieldDeclaration;
use crate::model::grid::{AXES, Grid, Location};
use halocline_kernels::ElementType;
use std::path::Path;

/// A stream of a run: its file, what it holds, and what has been gathered since the last instant.
pub struct Recorder {
    comm: Comm,
    stream: Stream,
    name: String,
    /// Of the variables, one for each column.
    names: Vec<String>,
    /// Fields, the part of each (real or imaginary), and the type on disk.
    columns: Vec<Column>,
    pieces: Pieces,
    every: Cadence,
    reduce: Reduction,
    gathered: Vec<Vec<Vec<f64>>>,
    count: u64,
    last_time: f64,
}

#[derive(Clone, Copy)]
struct Column {
    field: usize,
    part: usize,
    element: ElementType,
}

/// Which cells a stream holds.
enum Pieces {
    /// A box of the grid; axes that are kept in the file.
    Region(Region, Vec<usize>),
    /// Single cells.
    Points(Vec<[usize; 3]>),
}

impl Recorder {
    /// Begins the stream `name`; or goes on with one, as it was when a checkpoint was written or, without one, from its
    /// beginning. Collective.
    ///
    /// # Errors
    /// If its files cannot be made, or cannot be gone on with.
    pub fn begin(
        comm: &Comm,
        store: &Fields,
        file: &JobFile,
        name: &str,
        dir: &Path,
        provenance: &[(String, String)],
        (goes_on, from): (bool, Option<&dyn Saved>),
    ) -> Result<Recorder> {
        let section = &file.output[name];
        let grid = &store.declared().grids[0];
        let fields = chosen(section, &store.declared().fields);
        let pieces = match &section.points {
            Some(points) => {
                Pieces::Points(points.iter().map(|p| [0, 1, 2].map(|a| cell_at(grid, *p, a).unwrap_or(0))).collect())
            }
            None => {
                let cells = grid.cells();
                let whole = section.region.as_ref().map_or(Region::of(cells), |r| r.within(cells));
                let mut kept: Vec<usize> = (0..3).filter(|&a| cells[a] > 1).collect();
                if kept.is_empty() {
                    kept.push(2);
                }
                Pieces::Region(whole, kept)
            }
        };
        let (mut axes, mut variables, mut columns) = (vec![], vec![], vec![]);
        for f in fields {
            let d = &store.declared().fields[f];
            let own = axes_of(grid, d.location, &pieces, section, &mut axes);
            let real = if d.element.size() / d.element.parts() == 4 { ElementType::F32 } else { ElementType::F64 };
            let element = match section.element {
                StreamElement::Same => real,
                StreamElement::F32 => ElementType::F32,
                StreamElement::F64 => ElementType::F64,
            };
            for part in 0..d.element.parts() {
                let suffix = if d.element.parts() == 1 { "" } else { ["_re", "_im"][part] };
                let what = if d.element.parts() == 1 { "" } else { [", real part", ", imaginary part"][part] };
                let mut attributes = vec![];
                if section.reduce != Reduction::Instant {
                    attributes.push(("cell_methods".into(), format!("time: {}", reduction_name(section.reduce))));
                }
                variables.push(Variable {
                    name: format!("{}{suffix}", d.name),
                    long_name: format!("{}{what}", d.long_name),
                    unit: d.unit.clone(),
                    element,
                    axes: own.clone(),
                    attributes,
                });
                columns.push(Column { field: f, part, element });
            }
        }
        let layout = Layout {
            name: name.into(),
            title: format!("{}, stream {name}", file.job),
            axes,
            variables,
            provenance: provenance.to_vec(),
        };
        let seal = Seal { seconds: section.seal.0.as_secs_f64(), ..Seal::default() };
        let names = layout.variables.iter().map(|v| v.name.clone()).collect();
        let stream = match goes_on {
            false => Stream::create(comm, dir, layout, seal)?,
            true => Stream::resume(comm, dir, layout, seal, from.map(Saved::step))?,
        };
        let mut recorder = Recorder {
            comm: comm.clone(),
            stream,
            name: name.into(),
            names,
            gathered: vec![],
            count: 0,
            last_time: 0.0,
            every: section.every,
            reduce: section.reduce,
            columns,
            pieces,
        };
        if let Some(saved) = from {
            comm.agree(recorder.put_back(store, saved))?;
        }
        Ok(recorder)
    }

    /// Adds to a snapshot what has been gathered since the last instant.
    pub fn save(&self, store: &Fields, snapshot: &mut Snapshot) {
        let mut number = |what: &str, bits| _ = snapshot.numbers.insert(format!("stream/{}/{what}", self.name), bits);
        number("count", self.count);
        number("last time", self.last_time.to_bits());
        if self.count == 0 {
            return;
        }
        for (c, column) in self.columns.iter().enumerate() {
            let boxes = self.boxes(store, column.field).into_iter().enumerate().map(|(b, (_, region, point))| {
                let (start, count) = self.place(&region, point);
                Hyperslab::of(&start, &count, &self.gathered[c][b])
            });
            let (name, number, shape) = (self.part(c), ElementType::F64, self.shape());
            snapshot.parts.push(Part { name, number, shape, boxes: boxes.collect() });
        }
    }

    /// Takes from a saved state what [`Recorder::save`] has put there. A stream that the state does not know begins.
    fn put_back(&mut self, store: &Fields, saved: &dyn Saved) -> Result<()> {
        let number = |what: &str| saved.number(&format!("stream/{}/{what}", self.name));
        let time = saved.number("scalar/time").unwrap_or_default();
        let (count, last_time) = (number("count").unwrap_or(0), f64::from_bits(number("last time").unwrap_or(time)));
        (self.count, self.last_time) = (count, last_time);
        if self.count == 0 {
            return Ok(());
        }
        let gathered = self.columns.iter().enumerate().map(|(c, column)| {
            let part = self.part(c);
            if saved.part(&part) != Some((ElementType::F64, self.shape())) {
                return Err(Error::input(format!("the checkpoint does not hold what `{part}` has gathered")));
            }
            let boxes =
                self.boxes(store, column.field).into_iter().map(|(_, region, point)| self.place(&region, point));
            let read = saved.read(&part, &boxes.collect::<Vec<_>>())?;
            let numbers = |bytes: &Vec<u8>| bytes.as_chunks().0.iter().map(|b| f64::from_ne_bytes(*b)).collect();
            Ok(read.iter().map(numbers).collect::<Vec<Vec<f64>>>())
        });
        self.gathered = gathered.collect::<Result<_>>()?;
        Ok(())
    }

    fn part(&self, column: usize) -> String {
        format!("streams/{}/{}", self.name, self.names[column])
    }

    /// The size of an instant, along the axes that are kept.
    fn shape(&self) -> Vec<usize> {
        match &self.pieces {
            Pieces::Points(cells) => vec![cells.len()],
            Pieces::Region(whole, kept) => kept.iter().map(|&a| whole.size()[a]).collect(),
        }
    }

    /// A box of an instant: its first index and its size.
    fn place(&self, region: &Region, point: usize) -> Selection {
        match &self.pieces {
            Pieces::Points(_) => (vec![point], vec![1]),
            Pieces::Region(whole, kept) => {
                let (size, low) = (region.size(), |&a: &usize| (region.low[a] - whole.low[a]) as usize);
                (kept.iter().map(low).collect(), kept.iter().map(|&a| size[a]).collect())
            }
        }
    }

    /// True if an instant is due after this step.
    pub fn is_due(&self, step: u64, time: f64) -> bool {
        if step == 0 {
            return self.every != Cadence::Never && self.reduce == Reduction::Instant;
        }
        match self.every {
            Cadence::Never => false,
            Cadence::Steps(n) => step.is_multiple_of(n),
            Cadence::Seconds(s) => passed(time, s) > passed(self.last_time, s),
        }
    }

    /// True if it has to see the fields after this step.
    pub fn wants(&self, step: u64, time: f64) -> bool {
        self.reduce != Reduction::Instant || self.is_due(step, time)
    }

    /// Takes note of a step, and writes an instant if one is due or asked for: a mean is asked for in vain. Collective.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn step(&mut self, store: &Fields, step: u64, time: f64, asked: bool) -> Result<()> {
        if self.reduce != Reduction::Instant && step > 0 {
            self.gather(store);
        }
        let due = self.is_due(step, time) || asked && self.reduce == Reduction::Instant;
        self.last_time = time;
        if !due {
            return Ok(());
        }
        let boxes: Vec<Vec<Hyperslab>> =
            self.columns.iter().enumerate().map(|(c, column)| self.slabs(store, c, column)).collect();
        self.gathered.clear();
        self.count = 0;
        self.stream.write(step, time, boxes)
    }

    /// True if sealing now makes no more segments than are made anyway.
    pub fn is_ripe(&self) -> bool {
        self.stream.is_ripe()
    }

    /// Seals what was written: it survives a kill. Collective.
    ///
    /// # Errors
    /// If it cannot be sealed.
    pub fn seal(&mut self) -> Result<()> {
        self.stream.seal()
    }

    /// Seals what was written, and ends. Collective.
    ///
    /// # Errors
    /// If it cannot be sealed.
    pub fn finish(self) -> Result<()> {
        self.stream.finish()
    }

    /// The boxes of a field that this rank has a part in: patch and cells.
    fn boxes(&self, store: &Fields, field: usize) -> Vec<(usize, Region, usize)> {
        let patches = store.patches(field);
        match &self.pieces {
            Pieces::Region(whole, _) => {
                // A stream holds cells of the first block.
                let parts = patches.iter().enumerate().filter(|(_, patch)| patch.block == 0);
                let parts = parts.map(|(p, patch)| (p, patch.region.intersect(whole), 0));
                parts.filter(|(_, region, _)| !region.is_empty()).collect()
            }
            Pieces::Points(cells) => {
                let cell = |c: &[usize; 3]| Region::of([1; 3]).shift(c.map(|i| i as isize));
                let mine = cells.iter().enumerate().flat_map(|(i, c)| {
                    let cell = cell(c);
                    let owner = patches.iter().position(|patch| patch.block == 0 && patch.region.contains(&cell));
                    owner.map(|p| (p, cell, i))
                });
                mine.collect()
            }
        }
    }

    fn slabs(&self, store: &Fields, column: usize, c: &Column) -> Vec<Hyperslab> {
        let boxes = self.boxes(store, c.field).into_iter().enumerate();
        boxes
            .map(|(b, (patch, region, number))| {
                let (start, count) = self.place(&region, number);
                let bytes = match self.reduce {
                    Reduction::Instant => {
                        let (array, part) = (&store.arrays(c.field)[patch], Extract::Part(c.part, c.element));
                        extract::extract(self.comm.threads(), array, &region, part)
                    }
                    Reduction::Mean => {
                        let means = self.gathered[column][b].iter().map(|v| v / self.count as f64);
                        extract::encode(means, c.element)
                    }
                    Reduction::Max | Reduction::Min => {
                        extract::encode(self.gathered[column][b].iter().copied(), c.element)
                    }
                };
                Hyperslab { start, count, bytes: bytes.into() }
            })
            .collect()
    }

    /// Adds the values after a step to those gathered since the last instant.
    fn gather(&mut self, store: &Fields) {
        let first = self.count == 0;
        let now: Vec<Vec<Vec<f64>>> = self
            .columns
            .iter()
            .map(|c| {
                self.boxes(store, c.field)
                    .iter()
                    .map(|(p, region, _)| extract::values(&store.arrays(c.field)[*p], region, c.part))
                    .collect()
            })
            .collect();
        self.count += 1;
        if first {
            self.gathered = now;
            return;
        }
        let all = self.gathered.iter_mut().flatten().flatten().zip(now.iter().flatten().flatten());
        match self.reduce {
            Reduction::Max => all.for_each(|(old, new)| *old = if *new > *old { *new } else { *old }),
            Reduction::Min => all.for_each(|(old, new)| *old = if *new < *old { *new } else { *old }),
            _ => all.for_each(|(old, new)| *old += *new),
        }
    }
}

/// How many whole intervals of `s` seconds have passed; a hair less than whole is round-off.
fn passed(time: f64, s: f64) -> u64 {
    (time / s + 1e-9).floor() as u64
}

fn chosen(section: &StreamSection, declarations: &[FieldDeclaration]) -> Vec<usize> {
    let position = |name: &String| declarations.iter().position(|d| d.name == *name);
    match &section.fields {
        Some(names) => names.iter().filter_map(position).collect(),
        None => (0..declarations.len()).filter(|&f| declarations[f].output && declarations[f].grid == 0).collect(),
    }
}

fn reduction_name(reduce: Reduction) -> &'static str {
    match reduce {
        Reduction::Instant => "point",
        Reduction::Mean => "mean",
        Reduction::Max => "maximum",
        Reduction::Min => "minimum",
    }
}

/// The axes of a field, added to those of the file where they are not there yet.
fn axes_of(
    grid: &Grid,
    location: Location,
    pieces: &Pieces,
    section: &StreamSection,
    all: &mut Vec<Axis>,
) -> Vec<usize> {
    let own = match pieces {
        Pieces::Points(cells) => {
            let places = section.points.iter().flatten().map(|p| format!("{p:?}")).collect::<Vec<_>>().join(" ");
            let long_name = format!("number of the point; positions [z, y, x] in m: {places}");
            let values = (0..cells.len()).map(|i| i as f64).collect();
            vec![Axis {
                name: "point".into(),
                long_name,
                unit: String::new(),
                cf_axis: None,
                standard_name: None,
                values,
            }]
        }
        Pieces::Region(region, kept) => kept.iter().map(|&a| axis(grid, a, location, region)).collect(),
    };
    own.into_iter()
        .map(|axis| {
            all.iter().position(|known| known.name == axis.name).unwrap_or_else(|| {
                all.push(axis);
                all.len() - 1
            })
        })
        .collect()
}

fn axis(grid: &Grid, a: usize, location: Location, region: &Region) -> Axis {
    let on_faces = location.axis() == Some(a);
    let name = AXES[a];
    let block = grid.block(0);
    Axis {
        name: if on_faces { format!("{name}_face") } else { name.into() },
        long_name: format!("{name} of {}", if on_faces { "lower cell faces" } else { "cell centres" }),
        unit: "m".into(),
        cf_axis: Some(["Z", "Y", "X"][a].chars().next().unwrap_or('X')),
        standard_name: None,
        values: (region.low[a]..region.high[a]).map(|i| block.coordinate(a, i, location)).collect(),
    }
}
