//! Advances a simulation: runs the lists of its program, stage by stage or fused.
use crate::base::{Error, Result};
use crate::engine::cells;
use crate::engine::fused::Candidate;
use crate::engine::lines;
use crate::engine::phase::Phase;
use crate::engine::points;
use crate::engine::reduce;
use crate::engine::simulation::Simulation;
use crate::engine::sources::{self, SourceProgress};
use crate::engine::transpose;
use crate::model::condition::Condition;
use crate::model::handle::DT;
use crate::model::stage::{StageId, Work};
use crate::program::lists::{GroupId, ListId, Op};
use std::time::Instant;

impl Simulation {
    /// Runs the stages that come before the first step, unless they have run already. Collective.
    ///
    /// # Errors
    /// If a stage fails.
    pub fn start(&mut self) -> Result<()> {
        if !self.started {
            self.started = true;
            let done = self.run_list(self.program().start);
            crate::comm::clear_current_stage();
            done?;
        }
        Ok(())
    }

    /// Advances by `steps` steps. Collective; all ranks pass the same number.
    ///
    /// # Errors
    /// If a stage fails, or the condition of a loop becomes NaN.
    pub fn advance(&mut self, steps: u64) -> Result<()> {
        self.start()?;
        let mut left = steps;
        let mut done = Ok(());
        while left > 0 && done.is_ok() {
            let most = usize::try_from(left).unwrap_or(usize::MAX);
            done = self.advance_some(most).map(|steps| left -= steps as u64);
            if let Some(error) = self.broken_loop() {
                done = done.and(Err(error));
            }
        }
        crate::comm::clear_current_stage();
        done
    }

    /// Advances by at most `most` steps, and returns how many.
    fn advance_some(&mut self, most: usize) -> Result<usize> {
        let program = self.core.program();
        let first = program.once_in_step.iter().any(|&list| !self.once[list]);
        if program.depths.most == 0 || first {
            self.one_step()?;
            return Ok(1);
        }
        let (number, candidate, open) = self.fusion.next(&self.core, most);
        let steps = candidate.steps.min(most);
        let started = Instant::now();
        match candidate {
            Candidate { rows: 0, .. } => self.one_step()?,
            Candidate { rows, .. } => match self.fusion.block(&self.core, steps) {
                Some(block) => {
                    let bytes = steps as u64 * self.bytes_of(program.step);
                    self.moved += bytes;
                    self.fusion.run_steps(&mut self.core, &block, rows, bytes)?;
                }
                None => self.one_step()?,
            },
        }
        if open {
            self.fusion.measured(&self.core.comm, number, started, steps);
        }
        Ok(steps)
    }

    /// Runs one step, stage by stage.
    fn one_step(&mut self) -> Result<()> {
        self.core.fields.set_scalar(DT, self.core.fields.limit.wanted);
        self.run_list(self.program().step)?;
        self.core.tick();
        Ok(())
    }

    fn run_list(&mut self, list: ListId) -> Result<()> {
        let program = self.core.program();
        self.moved += program.lists[list.0].bytes;
        for op in program.ops(list) {
            match op {
                Op::Stage(stage) => self.run_stage(*stage)?,
                Op::Group(group) => self.run_group(*group)?,
                Op::Repeat(n, body) => (0..*n).try_for_each(|_| self.run_list(*body))?,
                Op::Until(condition, most, body) => {
                    for _ in 0..*most {
                        let value = self.core.fields.scalars[condition.scalar];
                        if value.is_nan() {
                            self.end_broken_loop(condition);
                        }
                        if value.is_nan() || condition.holds(&self.core.fields.scalars) {
                            break;
                        }
                        self.run_list(*body)?;
                    }
                }
                Op::Once(number, body) => {
                    if !std::mem::replace(&mut self.once[*number], true) {
                        self.run_list(*body)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Notes that a loop has ended because its condition cannot hold any more: the scalar is the same on all ranks.
    fn end_broken_loop(&mut self, condition: &Condition) {
        let (declared, step) = (self.core.fields.declared(), self.core.steps + 1);
        let name = &declared.scalars[condition.scalar].0;
        let what = format!("the loop until `{name}` {} cannot end in step {step}: `{name}` is NaN", condition.text);
        let remedy = "a division 0/0 is the usual cause: let the function of the scalar return 0 there";
        self.broken_loop.get_or_insert_with(|| Error::failure(what).remedy(remedy));
    }

    /// Runs the stages of a group, fused or one by one, whichever is faster.
    fn run_group(&mut self, id: GroupId) -> Result<()> {
        let program = self.core.program();
        let group = &program.groups[id.0];
        let (number, candidate, open) = self.fusion.next_of_group(&self.core, id);
        let started = Instant::now();
        match candidate {
            Candidate { rows: 0, .. } => group.block.stages.iter().try_for_each(|&stage| self.run_stage(stage))?,
            Candidate { rows, .. } => {
                // No stage of a group reads boundary values at another time.
                self.core.boundaries_at(0.0);
                self.fusion.run_group(&mut self.core, group, rows)?
            }
        }
        if open {
            self.fusion.group_measured(&self.core.comm, id, number, started);
        }
        Ok(())
    }

    fn run_stage(&mut self, id: StageId) -> Result<()> {
        let started = Instant::now();
        self.do_stage(id)?;
        let program = self.core.program();
        let bytes = program.stage_bytes[id.0];
        self.core.timers.record_stage(&program.stage(id).name, started, self.core.steps, bytes);
        Ok(())
    }

    fn do_stage(&mut self, id: StageId) -> Result<()> {
        let program = self.core.program();
        let stage = program.stage(id);
        crate::comm::set_current_stage(&stage.name, self.core.steps);
        if !matches!(stage.work, Work::Scalar(_) | Work::Records { .. }) {
            self.core.boundaries_at(stage.steps_after);
        }
        let written = match &stage.work {
            Work::Cells { .. } => {
                cells::run(&mut self.core, id);
                None
            }
            Work::Tiles(work) => {
                cells::run_tiles(&mut self.core, stage, work);
                None
            }
            Work::Reduce { op, .. } => {
                let kernel = self.core.kernel(id).clone();
                Some(reduce::run(&mut self.core, stage, &kernel, *op).value)
            }
            Work::Scalar(f) => {
                let from: Vec<f64> = stage.scalars_read.iter().map(|&s| self.core.fields.scalars[s]).collect();
                Some(f(&from))
            }
            Work::Lines { axis, lines } => {
                lines::run(&mut self.core, stage, *axis, lines, &mut self.lines[id.0]);
                None
            }
            Work::Transpose(transform) => {
                transpose::run(&mut self.core, stage, *transform, &mut self.transposes[id.0]);
                None
            }
            Work::Point { cell: (block, index), update } => {
                let time = self.time();
                points::update(&mut self.core, stage.writes[0], *block, *index, time, update)?;
                self.core.written(&stage.writes);
                None
            }
            Work::Receive { source, update } => {
                let until = self.time();
                let arrivals = sources::take(&self.core.comm, self.sources[*source].as_mut(), until)?;
                let given = self.taken[*source].given + arrivals.len() as u64;
                self.taken[*source] = SourceProgress { given, until };
                for r in &arrivals {
                    points::update(&mut self.core, stage.writes[0], r.block, r.index, r.value, update)?;
                }
                if !arrivals.is_empty() {
                    self.core.written(&stage.writes);
                }
                None
            }
            Work::Records { records, work } => {
                let started = Instant::now();
                let sum = self.records.run(&self.core.comm, *records, work);
                self.core.timers.record(Phase::Compute, started);
                Some(sum)
            }
        };
        if let (Some(value), Some(scalar)) = (written, stage.scalar_written) {
            self.core.fields.set_scalar(scalar, value);
        }
        Ok(())
    }

    /// Bytes of memory traffic of a list, including its loops of a fixed length.
    fn bytes_of(&self, list: ListId) -> u64 {
        let body = |op: &Op| if let Op::Repeat(n, body) = op { *n as u64 * self.bytes_of(*body) } else { 0 };
        self.program().lists[list.0].bytes + self.program().ops(list).iter().map(body).sum::<u64>()
    }
}
