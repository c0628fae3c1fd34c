//! Running the schedule.
use super::{Phase, Simulation, Store, sources};
use crate::base::{Error, Result};
use crate::model::declaration::{DT, Design, TIME};
use crate::model::stage::{Item, PointUpdate, Stage, Work};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

impl Simulation {
    /// Does what comes before the first step, if it was not done yet.
    ///
    /// # Errors
    /// If a stage fails.
    pub fn start(&mut self) -> Result<()> {
        if !self.started {
            self.started = true;
            let items = std::mem::take(&mut self.store.design.start);
            let done = self.run_items(&items);
            crate::comm::now_outside();
            self.store.design.start = items;
            done?;
        }
        Ok(())
    }

    /// Does a number of steps. Collective: every rank does as many.
    ///
    /// # Errors
    /// If a stage fails.
    pub fn advance(&mut self, steps: u64) -> Result<()> {
        self.start()?;
        let mut left = steps;
        let mut done = Ok(());
        while left > 0 && done.is_ok() {
            let most = usize::try_from(left).unwrap_or(usize::MAX);
            done = self.some_steps(most).map(|steps| left -= steps as u64);
        }
        crate::comm::now_outside();
        done
    }

    /// One step, stage by stage.
    pub(super) fn one_step(&mut self) -> Result<()> {
        let items = std::mem::take(&mut self.store.design.step);
        self.set_scalar(DT, self.store.scalars[DT]);
        let done = self.run_items(&items);
        self.store.design.step = items;
        done?;
        self.tick();
        Ok(())
    }

    /// True if a step has items that are done the first time only, and were not yet.
    pub(super) fn has_first_items(&self) -> bool {
        fn first(items: &[Item], once: &BTreeSet<*const Item>) -> bool {
            items.iter().any(|item| match item {
                Item::Once(_) => !once.contains(&std::ptr::from_ref(item)),
                Item::Repeat(_, body) | Item::Until(_, _, body) => first(body, once),
                Item::Stage(_) => false,
            })
        }
        first(&self.store.design.step, &self.once)
    }

    /// True once the model's own test for an end holds.
    pub fn is_finished(&self) -> bool {
        self.store.design.stop.as_ref().is_some_and(|test| (test.holds)(self.store.scalars[test.scalar]))
    }

    /// Bytes of all ranks that must move in a step, loops left out.
    pub(crate) fn bytes_per_step(&self) -> f64 {
        bytes_of(&self.store.design, &self.store.design.step) as f64
    }

    /// Bytes of all ranks that had to move in the steps so far: what T_eff counts.
    pub(crate) fn moved(&self) -> u64 {
        self.moved
    }

    /// The time step of the last step, in seconds.
    pub(crate) fn last_step(&self) -> f64 {
        self.store.scalars[DT]
    }

    /// Counts the bytes that had to move in passes through a list of items.
    fn count_bytes(&mut self, items: &[Item], passes: u64) {
        let bytes = match self.passes.get(&items.as_ptr()) {
            Some(bytes) => *bytes,
            None => {
                let bytes = bytes_of(&self.store.design, items);
                self.passes.insert(items.as_ptr(), bytes);
                bytes
            }
        };
        self.moved += passes * bytes;
    }

    /// Counts the bytes that had to move in steps whose stages were fused.
    pub(super) fn count_steps(&mut self, steps: u64) {
        fn all(simulation: &mut Simulation, items: &[Item], passes: u64) {
            simulation.count_bytes(items, passes);
            for item in items {
                if let Item::Repeat(n, body) = item {
                    all(simulation, body, passes * *n as u64);
                }
            }
        }
        let items = std::mem::take(&mut self.store.design.step);
        all(self, &items, steps);
        self.store.design.step = items;
    }

    fn run_items(&mut self, items: &[Item]) -> Result<()> {
        self.count_bytes(items, 1);
        let mut at = 0;
        while let Some(item) = items.get(at) {
            if let Some((stretch, stages)) = self.stretch_at(items, at) {
                self.run_stretch(items, stretch)?;
                at += stages;
                continue;
            }
            at += 1;
            match item {
                Item::Stage(stage) => self.run_stage(stage)?,
                Item::Repeat(n, body) => (0..*n).try_for_each(|_| self.run_items(body))?,
                Item::Until(test, most, body) => {
                    for _ in 0..*most {
                        if (test.holds)(self.store.scalars[test.scalar]) {
                            break;
                        }
                        self.run_items(body)?;
                    }
                }
                Item::Once(body) => {
                    if self.once.insert(std::ptr::from_ref(item)) {
                        self.run_items(body)?;
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn run_stage(&mut self, stage: &Arc<Stage>) -> Result<()> {
        let started = Instant::now();
        self.do_stage(stage)?;
        let bytes = match self.stage_bytes.get(&Arc::as_ptr(stage)) {
            Some(bytes) => *bytes,
            None => {
                let bytes = bytes_of_stages(&self.store.design, [&**stage]);
                self.stage_bytes.insert(Arc::as_ptr(stage), bytes);
                bytes
            }
        };
        self.timers.stage(&stage.name, started, self.steps, bytes);
        Ok(())
    }

    fn do_stage(&mut self, stage: &Arc<Stage>) -> Result<()> {
        crate::comm::now_in(&stage.name, self.steps);
        match &stage.work {
            Work::Cells { bound, .. } => {
                let row = self.rows[&Arc::as_ptr(stage)].clone();
                self.run_cells(stage, &row, bound);
            }
            Work::Tiles(work) => self.run_tiles(stage, work),
            Work::Reduce { bound, op, .. } => {
                let row = self.rows[&Arc::as_ptr(stage)].clone();
                let value = self.reduce(stage, &row, bound, *op).value;
                stage.scalar_written.into_iter().for_each(|id| self.set_scalar(id, value));
            }
            Work::Scalar(f) => {
                let from: Vec<f64> = stage.scalars_read.iter().map(|&s| self.store.scalars[s]).collect();
                stage.scalar_written.into_iter().for_each(|id| self.set_scalar(id, f(&from)));
            }
            Work::Lines { axis, lines } => self.run_lines(stage, *axis, lines),
            Work::Transpose(turn) => self.run_transpose(stage, *turn),
            Work::Point { cell: (block, index), mix } => {
                let time = self.store.scalars[TIME];
                self.mix(stage.writes[0], *block, *index, time, mix)?;
                self.written(&stage.writes);
            }
            Work::Receive { source, mix } => {
                let until = self.store.scalars[TIME];
                let arrivals = sources::take(&self.comm, self.sources[*source].as_mut(), until)?;
                let given = self.taken[*source].given + arrivals.len() as u64;
                self.taken[*source] = sources::Taken { given, until };
                for r in &arrivals {
                    self.mix(stage.writes[0], r.block, r.index, r.value, mix)?;
                }
                if !arrivals.is_empty() {
                    self.written(&stage.writes);
                }
            }
            Work::RecordStore(work) => {
                let started = Instant::now();
                work(&self.comm, &mut self.bags)?;
                self.timers.spent(Phase::Compute, started);
                let value = self.bags.result;
                stage.scalar_written.into_iter().for_each(|id| self.set_scalar(id, value));
            }
        }
        Ok(())
    }

    pub(super) fn set_scalar(&mut self, id: usize, value: f64) {
        let Store { design, scalars, .. } = &mut self.store;
        design.set(scalars, id, value);
    }

    /// Changes one cell, on the rank that owns it.
    pub(super) fn mix(
        &mut self,
        f: usize,
        block: usize,
        index: [usize; 3],
        number: f64,
        mix: &PointUpdate,
    ) -> Result<()> {
        let grid = self.store.grid_of(f);
        let inside = block < grid.all_blocks().len() && (0..3).all(|a| index[a] < grid.block(block).cells[a]);
        if !inside {
            let name = &self.store.design.declarations[f].name;
            return Err(Error::failure(format!("`{name}` has no cell {index:?} in block {block}")));
        }
        let cell = crate::base::Region::of([1; 3]).shift(index.map(|i| i as isize));
        for (rank, patch, _) in self.store.domain_of(f).owners(block, &cell) {
            if rank == self.comm.rank() {
                super::with_element!(self.store.design.declarations[f].element, T => {
                    let mut cells = self.store.now[f][patch].view_mut::<T>(&cell);
                    let value = &mut cells[[0, 0, 0]];
                    let [re, im] = halocline_kernels::Element::parts(*value);
                    *value = halocline_kernels::Element::from_parts([mix(re, number), im]);
                });
            }
        }
        Ok(())
    }
}

/// Bytes that must move in a pass through these items, loops left out: every field read or written once.
pub(crate) fn bytes_of(design: &Design, items: &[Item]) -> u64 {
    let stages = items.iter().filter_map(|item| if let Item::Stage(stage) = item { Some(&**stage) } else { None });
    bytes_of_stages(design, stages)
}

pub(super) fn bytes_of_stages<'a>(design: &Design, stages: impl IntoIterator<Item = &'a Stage>) -> u64 {
    let (mut reads, mut writes) = (BTreeSet::new(), BTreeSet::new());
    for stage in stages {
        // A point or a record is a cell.
        if !matches!(stage.work, Work::Point { .. } | Work::Receive { .. }) {
            reads.extend(stage.reads.iter().map(|r| r.0));
            writes.extend(stage.writes.iter().copied());
        }
    }
    let bytes = |f: &usize| {
        let d = &design.declarations[*f];
        d.element.size() as u64 * design.grids[d.grid].total_cells()
    };
    reads.iter().chain(&writes).map(bytes).sum()
}
