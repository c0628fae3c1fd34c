//! Runs fused steps and groups of stages, and chooses the fastest way by measurement.
use crate::base::Result;
use crate::comm::{Comm, Reduce};
use crate::engine::core::Core;
use crate::engine::fused::choice::{Candidate, Choice};
use crate::engine::fused::deep_halos::DeepHalos;
use crate::engine::fused::sweep;
use crate::model::handle::TIME;
use crate::program::Program;
use crate::program::fusion::{Block, FusionGroup, STEPS};
use crate::program::lists::GroupId;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// The fused blocks of a simulation, and the measurements of their speed.
pub(in crate::engine) struct Fusion {
    /// Blocks of whole steps, by the number of steps.
    blocks: BTreeMap<usize, Arc<Block>>,
    /// The candidates for whole steps; made when the first step runs.
    choice: Option<Choice>,
    /// By group, its candidates; made when the group first runs.
    groups: Vec<Option<Choice>>,
    deep: DeepHalos,
}

impl Fusion {
    /// The fusion of a program, with nothing measured yet.
    pub fn new(program: &Program) -> Fusion {
        let groups = program.groups.iter().map(|_| None).collect();
        Fusion { blocks: BTreeMap::new(), choice: None, groups, deep: DeepHalos::default() }
    }

    /// True if messages may still touch the arrays.
    pub fn is_under_way(&mut self) -> bool {
        self.deep.is_under_way()
    }

    /// The number of steps, at most `most`, that are fastest to run at once. The same on every rank.
    pub fn steps_at_once(&self, program: &Program, most: u64) -> u64 {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let best = self.choice.as_ref().map_or(program.depths.most, |choice| choice.next(most).1.steps);
        best.clamp(1, most.max(1)) as u64
    }

    /// How to run the next steps, at most `most`: the index of the candidate, the candidate, and whether to measure it.
    pub fn next(&mut self, core: &Core, most: usize) -> (usize, Candidate, bool) {
        if self.choice.is_none() {
            self.choice = Some(Choice::between(self.candidates(core)));
        }
        self.choice.as_ref().expect("made above").next(most)
    }

    /// The candidates: numbers of steps and of rows of a tile.
    fn candidates(&mut self, core: &Core) -> Vec<(usize, usize)> {
        let program = core.program();
        let (most, asked) = (program.depths.most, program.declared.fuse);
        let mut all = vec![];
        for steps in asked.map_or_else(|| STEPS.to_vec(), |asked| vec![asked]).into_iter().filter(|&k| k <= most) {
            let Some(block) = self.block(core, steps) else { continue };
            all.extend(sweep::sizes(core, &block).into_iter().map(|rows| (steps, rows)));
        }
        if asked.is_none() {
            // Stage by stage (0 rows), communication overlaps with computation.
            all.push((1, 0));
        }
        all
    }

    /// The block of `steps` steps, if they can be fused.
    pub fn block(&mut self, core: &Core, steps: usize) -> Option<Arc<Block>> {
        if let Some(block) = self.blocks.get(&steps) {
            return Some(block.clone());
        }
        let block = Arc::new(core.fields.program.block(steps).ok()?);
        self.blocks.insert(steps, block.clone());
        Some(block)
    }

    /// Records the time that steps of a candidate took.
    pub fn measured(&mut self, comm: &Comm, number: usize, started: Instant, steps: usize) {
        if let Some(choice) = &mut self.choice {
            measured(comm, choice, number, started, steps);
        }
    }

    /// Runs the steps of a block on tiles of `rows` rows. `bytes` is the memory traffic of all ranks. Collective.
    pub fn run_steps(&mut self, core: &mut Core, block: &Block, rows: usize, bytes: u64) -> Result<()> {
        let begun = Instant::now();
        crate::comm::set_current_stage("fused steps", core.steps);
        let (mut history, limit) = sweep::scalar_history(core, block);
        sweep::run(core, &mut self.deep, block, rows, &history)?;
        core.fields.scalars = history.pop().expect("there is one after the last stage");
        core.fields.limit = limit;
        let first = core.steps;
        core.steps += block.steps as u64;
        core.fields.scalars[TIME] = core.fields.time_after(core.steps, 0);
        core.time_passes();
        let name = if block.steps == 1 { "1 step".to_owned() } else { format!("{} steps fused", block.steps) };
        core.timers.record_stage(&name, begun, first, bytes);
        Ok(())
    }

    /// How to run a group: the index of the candidate, the candidate, and whether to measure it.
    pub fn next_of_group(&mut self, core: &Core, id: GroupId) -> (usize, Candidate, bool) {
        let choice = self.groups[id.0].get_or_insert_with(|| {
            let program = core.program();
            let sizes = sweep::sizes(core, &program.groups[id.0].block).into_iter().map(|rows| (1, rows));
            // As for steps: 0 rows are stage by stage.
            Choice::between(sizes.chain(program.declared.fuse.is_none().then_some((1, 0))))
        });
        choice.next(1)
    }

    /// Records the time that a group took.
    pub fn group_measured(&mut self, comm: &Comm, id: GroupId, number: usize, started: Instant) {
        if let Some(choice) = &mut self.groups[id.0] {
            measured(comm, choice, number, started, 1);
        }
    }

    /// Runs a group on tiles of `rows` rows. Collective.
    pub fn run_group(&mut self, core: &mut Core, group: &FusionGroup, rows: usize) -> Result<()> {
        let FusionGroup { block, name, bytes, .. } = group;
        let started = Instant::now();
        crate::comm::set_current_stage(name, core.steps);
        let (mut history, limit) = sweep::scalar_history(core, block);
        let found = sweep::run(core, &mut self.deep, block, rows, &history)?;
        core.fields.scalars = history.pop().expect("there is one after the last stage");
        core.fields.limit = limit;
        let program = core.program();
        let reductions = block.instances.iter().filter(|instance| instance.op.is_some());
        for (instance, found) in reductions.zip(found) {
            if let Some(id) = program.stage(instance.stage).scalar_written {
                core.fields.set_scalar(id, found.value);
            }
        }
        core.timers.record_stage(name, started, core.steps, *bytes);
        Ok(())
    }

    /// Describes how steps are fused, or why not.
    pub fn describe(&self, program: &Program) -> String {
        let depths = &program.depths;
        match (&depths.refused, &self.choice) {
            (Some(why), _) => match self.describe_groups(program) {
                Some(how) => format!("fused {how}, no whole steps: {why}"),
                None => format!("stage by stage: {why}"),
            },
            (None, _) if depths.most == 0 => "stage by stage".into(),
            (None, choice) => match choice.as_ref().and_then(Choice::settled) {
                Some(c) if c.rows == 0 => "stage by stage, which was fastest".into(),
                Some(c) if c.steps == 1 => format!("steps one by one, tiles of {} rows", c.rows),
                Some(c) => format!("fused {} steps, tiles of {} rows", c.steps, c.rows),
                None => format!("up to {} steps fused", depths.most),
            },
        }
    }

    /// The groups that a step may run, each with its candidates.
    fn in_steps<'a>(&'a self, program: &'a Program) -> impl Iterator<Item = (&'a FusionGroup, Option<&'a Choice>)> {
        program.groups.iter().zip(&self.groups).filter(|(group, _)| group.in_step).map(|(g, c)| (g, c.as_ref()))
    }

    /// Describes the groups that are fused within a step, if any.
    fn describe_groups(&self, program: &Program) -> Option<String> {
        let all = self.in_steps(program).map(|(g, c)| (g, c.and_then(Choice::settled).map(|c| c.rows)));
        let swept: Vec<_> = all.filter(|(g, rows)| g.block.instances.len() > 1 && *rows != Some(0)).collect();
        let stages: usize = swept.iter().map(|(group, _)| group.block.instances.len()).sum();
        let sweeps = if swept.len() == 1 { "sweep" } else { "sweeps" };
        let mut rows: Vec<String> = swept.iter().filter_map(|(_, rows)| *rows).map(|rows| rows.to_string()).collect();
        rows.dedup();
        let tiles = if rows.is_empty() { String::new() } else { format!(", tiles of {} rows", rows.join(" and ")) };
        (stages > 0).then(|| format!("{stages} stages of a step in {} {sweeps}{tiles}", swept.len()))
    }

    /// True once all candidates are measured. A loop may never be entered, so groups that did not run are ignored.
    pub fn is_settled(&self, program: &Program, steps: u64) -> bool {
        match program.depths.most {
            0 => {
                let mut groups = self.in_steps(program).peekable();
                groups.peek().is_none() || steps > 0 && groups.filter_map(|(_, c)| c).all(Choice::is_settled)
            }
            _ => self.choice.as_ref().is_some_and(Choice::is_settled),
        }
    }
}

/// Records the time that steps of a candidate took since `started`: the maximum over all ranks, so that every rank makes
/// the same choice. Collective.
fn measured(comm: &Comm, choice: &mut Choice, number: usize, started: Instant, steps: usize) {
    let mut nanoseconds = [started.elapsed().as_nanos() as i64];
    comm.reduce(Reduce::Max, &mut nanoseconds);
    choice.measured(number, nanoseconds[0] as f64 / 1e9 / steps as f64);
}

#[cfg(test)]
mod tests {
    use crate::comm::ranks;
    use crate::prelude::*;
    use halocline_kernels::diffusion::Ftcs;
    use halocline_kernels::linear::{Axpy, NegativeLaplacian};

    /// Two sweeps with a number between them that becomes the time step, and a loop with one more.
    fn model(comm: &Comm) -> Result<Model> {
        let mut model = Model::new(comm.clone(), Grid::new([12, 10, 9]).periodic([false, true, true]));
        let a = model.field::<f64>("a").initial(|at| at.uniform(1)).boundary(Boundary::Value(0.5)).build()?;
        let b = model.field::<f64>("b").initial(|at| at.uniform(2)).build()?;
        let c = model.field::<f64>("c").build()?;
        let [top, sum_b, norm] = ["top", "sum", "norm"].map(|name| model.scalar(name, 1.0));
        let dt = model.adaptive_step(0.5);
        let laplacian = NegativeLaplacian::<f64>::new([1.0; 3]);
        model.every_step(|s| {
            s.apply(Ftcs::<f64>::new(0.1, 1.0, [1.0; 3]), [a], [a]);
            s.apply(laplacian, [a], [c]).reduce(top, max_abs(c)).reduce(sum_b, sum(b));
            s.compute(dt, [top, sum_b], |[top, sum]| 1.0 / (8.0 + top + sum.abs()));
            s.apply(Axpy, (b, dt, c), [b]).apply(laplacian, [b], [c]).apply(Axpy, (a, dt, c), [a]);
            s.until(norm.below(0.5), 2, |s| _ = s.apply(Axpy, (a, dt, b), [a]).reduce(norm, norm2(a)));
        });
        Ok(model)
    }

    fn run(fuse: Option<usize>, on: (usize, usize)) -> (String, f64, String) {
        let all = ranks(on.0, on.1, |comm| {
            let mut model = model(&comm)?;
            if let Some(steps) = fuse {
                model.fuse(steps);
                model.tile_rows(16);
            }
            let mut run = model.compile()?;
            run.advance(20)?;
            Ok::<_, Error>((run.state()?, run.time(), run.fusion()))
        });
        all.unwrap().swap_remove(0).unwrap()
    }

    #[test]
    fn measurements_settle_with_groups_that_run_once_or_never() {
        let mut model = model(&Comm::alone()).unwrap();
        let a = model.field::<f64>("d").build().unwrap();
        let never = model.scalar("never", 0.0);
        model.every_step(|s| {
            s.once(|s| _ = s.apply(Axpy, (a, never, a), [a]).reduce(never, sum(a)));
            s.until(never.below(1.0), 9, |s| _ = s.apply(Axpy, (a, never, a), [a]).reduce(never, sum(a)));
        });
        let mut run = model.compile().unwrap();
        assert!(!run.is_settled(), "nothing was measured");
        run.advance(60).unwrap();
        assert!(run.is_settled());
    }

    #[test]
    fn stages_between_numbers_are_fused() {
        let (state, time, how) = run(Some(0), (1, 1));
        assert_eq!(how, "stage by stage");
        for on in [(1, 1), (1, 2), (2, 1), (3, 2), (4, 1)] {
            let found = run(Some(1), on);
            assert_eq!((&found.0, found.1), (&state, time), "{on:?}");
            let how =
                "fused 9 stages of a step in 3 sweeps, tiles of 16 rows, no whole steps: the time step may change";
            assert_eq!(found.2, how);
            let found = run(None, on);
            assert_eq!((found.0, found.1), (state.clone(), time), "{on:?}, as is fastest");
        }
    }
}
