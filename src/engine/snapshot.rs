//! Snapshots: the state of a simulation as a restart needs it, derived from the declarations and the schedule, so that it is
//! always complete.
//!
//! A state is *numbers* by name and *parts*, global arrays of which each rank holds boxes. It does not depend on the number
//! of ranks and can be restored on any number. Parameters, coefficients and fields that no stage writes are recomputed at each
//! start; the state holds only hashes of such fields, to detect changes.
use crate::base::Region;
use crate::base::buffer_pool::BufferPool;
use crate::base::hyperslab::{Hyperslab, Selection};
use crate::base::{Error, Result};
use crate::engine::extract::{Extract, extract_into, insert};
use crate::engine::simulation::Simulation;
use crate::engine::sources::SourceProgress;
use crate::engine::state_hash::state_hash;
use crate::model::field::FieldDeclaration;
use crate::model::handle::{DT, TIME};
use halocline_kernels::ElementType;
use std::collections::BTreeMap;

/// The name of the length of the next time step before it is shortened, in seconds.
const WANTED_STEP: &str = "step/wanted";

/// The share of this rank of a state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Steps done.
    pub step: u64,
    /// Simulated time in seconds.
    pub time: f64,
    /// Bits of numbers that are equal on all ranks, by name.
    pub numbers: BTreeMap<String, u64>,
    /// Global arrays.
    pub parts: Vec<Part>,
}

/// A global array, of which this rank holds boxes.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Its name, with `/` between groups.
    pub name: String,
    /// The type of its elements.
    pub number: ElementType,
    /// Its size along each axis.
    pub shape: Vec<usize>,
    /// The boxes that this rank holds. Over all ranks, each element is held once.
    pub boxes: Vec<Hyperslab>,
}

/// A stored state that can be restored.
pub trait Saved {
    /// Steps done.
    fn step(&self) -> u64;
    /// A number by name.
    fn number(&self, name: &str) -> Option<u64>;
    /// The element type of an array, and its size along each axis.
    fn part(&self, name: &str) -> Option<(ElementType, Vec<usize>)>;
    /// Boxes of an array, each row-major. Collective: all ranks ask for the same arrays in the same order, each for its own
    /// boxes.
    ///
    /// # Errors
    /// If one cannot be read.
    fn read(&self, part: &str, boxes: &[Selection]) -> Result<Vec<Vec<u8>>>;
}

impl Snapshot {
    /// Bytes of this rank's boxes.
    pub fn bytes(&self) -> usize {
        self.parts.iter().flat_map(|part| &part.boxes).map(|b| b.bytes.len()).sum()
    }
}

impl Simulation {
    /// Takes a snapshot of the current state, reusing the memory of an older one. Collective.
    pub fn snapshot(&self, older: Option<Snapshot>) -> Snapshot {
        let mut pool = BufferPool::new(older.into_iter().flat_map(|s| s.parts).flat_map(|p| p.boxes).map(|b| b.bytes));
        let mut parts: Vec<Part> = vec![];
        for (f, d) in self.written_fields() {
            let blocks = self.core.fields.declared().grids[d.grid].all_blocks();
            for (b, block) in blocks.iter().enumerate() {
                let mine = self.core.fields.now[f]
                    .iter()
                    .zip(self.core.fields.patches(f))
                    .filter(|(_, patch)| patch.block == b);
                let boxes = mine.map(|(array, patch)| {
                    let (start, count) = place(d, &patch.region);
                    let mut bytes = pool.take(count.iter().product::<usize>() * number(d).size());
                    extract_into(self.core.comm.threads(), array, &patch.region, Extract::Stored, &mut bytes);
                    Hyperslab { start, count, bytes }
                });
                let boxes = boxes.collect();
                let shape = place(d, &Region::of(block.cells)).1;
                parts.push(Part { name: part_name(d, blocks.len(), b), number: number(d), shape, boxes });
            }
        }
        let (step, time) = (self.core.steps, self.core.fields.scalars[TIME]);
        let mut numbers = self.numbers();
        numbers.insert(WANTED_STEP.into(), self.core.fields.limit.wanted.to_bits());
        for (declared, (many, bytes)) in self.core.fields.declared().records.iter().zip(self.records.bytes()) {
            let name = &declared.name;
            // Where each rank's share ends.
            let shares = self.core.comm.all_gather(&[many, bytes.len()].map(|n| (n as u64).to_le_bytes()).concat());
            let word = |share: &[u8], i: usize| {
                u64::from_le_bytes(share[8 * i..][..8].try_into().expect("two numbers of eight bytes"))
            };
            let ends = |i| {
                let mut all = 0;
                shares.iter().map(move |share| {
                    all += word(share, i);
                    all
                })
            };
            let ends: Vec<(u64, u64)> = ends(0).zip(ends(1)).collect();
            let (records, total) = ends.last().copied().unwrap_or_default();
            let start = ends[self.core.comm.rank()].1 as usize - bytes.len();
            numbers.insert(format!("bags/{name}/record bytes"), total.checked_div(records).unwrap_or(0));
            let boxes = vec![Hyperslab { start: vec![start], count: vec![bytes.len()], bytes: bytes.into() }];
            let (name, number, shape) = (format!("bags/{name}/records"), ElementType::U8, vec![total as usize]);
            parts.push(Part { name, number, shape, boxes });
        }
        Snapshot { step, time, numbers, parts }
    }

    /// Restores the state of a simulation with the same schedule, saved on any number of ranks. Collective.
    ///
    /// Records are distributed in order and in equal shares: a schedule scatters records before it relies on their ranks.
    ///
    /// # Errors
    /// If the state belongs to another model, or cannot be read.
    pub fn restore(&mut self, saved: &dyn Saved) -> Result<()> {
        let (comm, mine) = (self.core.comm.clone(), self.numbers());
        let restored = self.restore_local(saved, mine);
        comm.agree(restored)
    }

    fn restore_local(&mut self, saved: &dyn Saved, mine: BTreeMap<String, u64>) -> Result<()> {
        let program = self.core.program();
        let fields: Vec<usize> = self.written_fields().map(|(f, _)| f).collect();
        for f in fields {
            let d = &program.declared.fields[f];
            let blocks = program.grid_of(f).all_blocks();
            for (b, block) in blocks.iter().enumerate() {
                let (name, shape) = (part_name(d, blocks.len(), b), place(d, &Region::of(block.cells)).1);
                if saved.part(&name) != Some((number(d), shape.clone())) {
                    return Err(unlike(&format!("`{name}` as {} numbers {shape:?}", number(d).name())));
                }
                let mine = self.core.fields.now[f].iter_mut().zip(&self.core.fields.patches[f]);
                let (arrays, boxes): (Vec<_>, Vec<_>) = mine
                    .filter(|(_, patch)| patch.block == b)
                    .map(|(array, patch)| (array, place(d, &patch.region)))
                    .unzip();
                let read = saved.read(&name, &boxes)?;
                arrays.into_iter().zip(read).for_each(|(array, bytes)| insert(array, &bytes));
            }
        }
        for (name, bits) in mine {
            let found = saved.number(&name).ok_or_else(|| unlike(&format!("the number `{name}`")))?;
            if name.starts_with("constant/") && found != bits {
                let name = name.trim_start_matches("constant/");
                return Err(Error::input(format!("`{name}` is not what it was when the checkpoint was written"))
                    .remedy("the file that it is read from, or what it is computed from, has changed: restore it"));
            }
        }
        let number = |name: String| saved.number(&name).unwrap_or_default();
        for (scalar, (name, _)) in self.core.fields.scalars.iter_mut().zip(&program.declared.scalars) {
            *scalar = f64::from_bits(number(format!("scalar/{name}")));
        }
        // A step that was shortened to meet an instant has its own length again.
        let scalars = &self.core.fields.scalars;
        self.core.fields.limit.wanted = saved.number(WANTED_STEP).map_or(scalars[DT], f64::from_bits);
        self.core.steps = saved.step();
        self.started = number("started".into()) != 0;
        for (i, once) in self.once.iter_mut().enumerate() {
            *once = number(format!("once/{i}")) != 0;
        }
        let (rank, ranks) = (self.core.comm.rank(), self.core.comm.size());
        for (set, declared) in program.declared.records.iter().enumerate() {
            let name = &declared.name;
            let part = format!("bags/{name}/records");
            let (_, shape) = saved.part(&part).ok_or_else(|| unlike(&format!("the records `{name}`")))?;
            let record = (number(format!("bags/{name}/record bytes")) as usize).max(1);
            let cut = |rank: usize| shape[0] / record * rank / ranks * record;
            let mine = (vec![cut(rank)], vec![cut(rank + 1) - cut(rank)]);
            self.records.replace(set, &saved.read(&part, &[mine])?[0]);
        }
        for (i, (name, open)) in program.declared.sources.iter().enumerate() {
            let given = number(format!("source/{name}/given"));
            let until = f64::from_bits(number(format!("source/{name}/until")));
            self.taken[i] = SourceProgress { given, until };
            // The rank that owns the source reads it again from its beginning.
            let Some(source) = self.sources[i].as_mut() else { continue };
            *source = open()?;
            if given == 0 {
                continue;
            }
            let again = source.take(until)?.len() as u64;
            if again != given {
                return Err(Error::failure(format!(
                    "the source `{name}` had given {given} records up to t = {until} s, and gives {again} now"
                ))
                .remedy("a source has to give the same records again for a run to go on"));
            }
        }
        self.core.halos.invalidate_all();
        self.core.time_passes();
        Ok(())
    }

    /// Fields that some stage writes; all others are as they were filled.
    fn written_fields(&self) -> impl Iterator<Item = (usize, &FieldDeclaration)> {
        let written = self.core.fields.declared().written();
        self.core.fields.declared().fields.iter().enumerate().filter(move |(f, _)| written.contains(f))
    }

    /// Scalars, what is done the first time only, what sources gave, hashes of what is constant. Collective.
    fn numbers(&self) -> BTreeMap<String, u64> {
        let declared = self.core.fields.declared();
        let mut numbers = BTreeMap::from([("started".to_owned(), u64::from(self.started))]);
        for ((name, _), value) in declared.scalars.iter().zip(&self.core.fields.scalars) {
            numbers.insert(format!("scalar/{name}"), value.to_bits());
        }
        for (i, once) in self.once.iter().enumerate() {
            numbers.insert(format!("once/{i}"), u64::from(*once));
        }
        for ((name, _), taken) in declared.sources.iter().zip(&self.taken) {
            numbers.insert(format!("source/{name}/given"), taken.given);
            numbers.insert(format!("source/{name}/until"), taken.until.to_bits());
        }
        numbers.extend(self.constants.get_or_init(|| self.hash_constants()).clone());
        numbers
    }

    /// Hashes of fields that no stage writes. Collective.
    fn hash_constants(&self) -> Vec<(String, u64)> {
        let declared = self.core.fields.declared();
        let written = declared.written();
        let constants = declared.fields.iter().enumerate().filter(|(f, d)| !written.contains(f) && !d.derived);
        let hashed = constants.map(|(f, d)| {
            let hash = state_hash(&self.core.comm, &[(d.name.as_str(), self.field_hash(f))]);
            (format!("constant/{}", d.name), u64::from_str_radix(&hash[..16], 16).unwrap_or_default())
        });
        hashed.collect()
    }
}

fn unlike(what: &str) -> Error {
    Error::input(format!("the checkpoint does not have {what}"))
        .remedy("it was written by another job, grid, element type or version")
}

fn part_name(d: &FieldDeclaration, blocks: usize, block: usize) -> String {
    if blocks == 1 { format!("fields/{}", d.name) } else { format!("fields/{}/{block}", d.name) }
}

/// What the parts of a field's numbers are.
fn number(d: &FieldDeclaration) -> ElementType {
    if d.element.size() / d.element.parts() == 4 { ElementType::F32 } else { ElementType::F64 }
}

/// A region of a field as a box of its part of a state: complex numbers have an axis of two more.
fn place(d: &FieldDeclaration, region: &Region) -> Selection {
    let (mut start, mut count) = (region.low.map(|i| i as usize).to_vec(), region.size().to_vec());
    if d.element.parts() > 1 {
        start.push(0);
        count.push(d.element.parts());
    }
    (start, count)
}
