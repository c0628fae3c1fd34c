//! Stretches of stages within a list of items, each done as one block: nothing stands between them.
use super::choice::Choice;
use super::fusible::{self, MOST_STAGES};
use super::levels::{Block, Level};
use super::measured;
use crate::base::Result;
use crate::engine::run::bytes_of_stages;
use crate::engine::{Layout, Simulation};
use crate::model::declaration::Design;
use crate::model::stage::{Item, Stage, Work};
use crate::program::domain::Domain;
use halocline_kernels::Extent;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

/// Stages that follow each other in a list of items.
pub(super) struct Stretch {
    items: Range<usize>,
    pub block: Block,
    /// For people.
    name: String,
    /// Bytes of all ranks that have to move.
    bytes: u64,
    /// True if every step may come to it: not if it is done once.
    in_step: bool,
    /// What is chosen among, once it is due.
    choice: Option<Choice>,
}

/// What can be fused within lists of items, by the list.
#[derive(Default)]
pub(super) struct Stretches(BTreeMap<*const Item, Vec<Stretch>>);

impl Stretches {
    /// Looks for stretches in a list of items and the lists within it; `take` may refuse some.
    pub fn find(
        &mut self,
        design: &Design,
        domains: &BTreeMap<Layout, Domain>,
        extent: &[Extent],
        items: &[Item],
        in_step: bool,
        take: &mut impl FnMut(&Block) -> bool,
    ) {
        if fusible::grid(design, domains).is_err() {
            return;
        }
        let (mut stretches, mut at) = (vec![], 0);
        while at < items.len() {
            match &items[at] {
                Item::Repeat(_, body) | Item::Until(_, _, body) => {
                    self.find(design, domains, extent, body, in_step, take);
                }
                Item::Once(body) => self.find(design, domains, extent, body, false, take),
                Item::Stage(_) => {}
            }
            let Some((stages, block)) = longest(design, domains, extent, &items[at..]).filter(|(_, block)| take(block))
            else {
                at += 1;
                continue;
            };
            let works = |s: &&Arc<Stage>| !matches!(s.work, Work::Scalar(_));
            let names: Vec<&str> = block.stages.iter().filter(works).map(|s| s.name.as_str()).collect();
            let (name, bytes) = (names.join(" + "), bytes_of_stages(design, block.stages.iter().map(|s| &**s)));
            stretches.push(Stretch { items: at..at + stages, block, name, bytes, in_step, choice: None });
            at += stages;
        }
        if !stretches.is_empty() {
            self.0.insert(items.as_ptr(), stretches);
        }
    }

    /// True if no step has any.
    pub fn is_empty(&self) -> bool {
        self.in_steps().next().is_none()
    }

    fn in_steps(&self) -> impl Iterator<Item = &Stretch> {
        self.0.values().flatten().filter(|s| s.in_step)
    }

    /// True once it is known of all that steps have come to how they are done fastest. A loop may never be entered.
    pub fn are_settled(&self) -> bool {
        self.in_steps().filter_map(|s| s.choice.as_ref()).all(Choice::is_settled)
    }
}

/// The longest stretch that a list of items begins with, if it has any level: how many stages, and their block.
fn longest(
    design: &Design,
    domains: &BTreeMap<Layout, Domain>,
    extent: &[Extent],
    items: &[Item],
) -> Option<(usize, Block)> {
    let (mut stages, mut found): (Vec<Arc<Stage>>, _) = (vec![], None);
    for item in items.iter().take(MOST_STAGES) {
        let Item::Stage(stage) = item else { break };
        if !knows(&stages, stage) {
            break;
        }
        stages.push(stage.clone());
        let Ok(block) = Block::new(design, domains, extent, stages.clone(), 1) else { break };
        if block.levels.last().is_some_and(|level| Arc::ptr_eq(&level.stage, stage)) {
            found = Some((stages.len(), block));
        }
    }
    found
}

/// Whether a stage needs no number that reductions among the stages before it are still to find.
fn knows(before: &[Arc<Stage>], stage: &Stage) -> bool {
    let open = |s: &&Arc<Stage>| matches!(s.work, Work::Reduce { .. });
    let mut open = before.iter().filter(open).filter_map(|s| s.scalar_written);
    !open.any(|s| stage.scalars_read.contains(&s) || stage.scalar_written == Some(s))
}

impl Simulation {
    /// For people: what is fused within a step, if anything is.
    pub(super) fn stretched(&self) -> Option<String> {
        let settled = |s: &Stretch| s.choice.as_ref().and_then(Choice::settled).map(|c| c.rows);
        let swept = |s: &&Stretch| s.block.levels.len() > 1 && settled(s) != Some(0);
        let swept: Vec<&Stretch> = self.fusion.stretches.in_steps().filter(swept).collect();
        let stages: usize = swept.iter().map(|s| s.block.levels.len()).sum();
        let sweeps = if swept.len() == 1 { "sweep" } else { "sweeps" };
        let mut rows: Vec<String> = swept.iter().filter_map(|s| settled(s)).map(|rows| rows.to_string()).collect();
        rows.dedup();
        let tiles = if rows.is_empty() { String::new() } else { format!(", tiles of {} rows", rows.join(" and ")) };
        (stages > 0).then(|| format!("{stages} stages of a step in {} {sweeps}{tiles}", swept.len()))
    }

    /// The stretch that begins with an item of a list: which, and how many items it has.
    pub(in crate::engine) fn stretch_at(&self, items: &[Item], at: usize) -> Option<(usize, usize)> {
        let stretches = self.fusion.stretches.0.get(&items.as_ptr())?;
        let found = stretches.iter().position(|s| s.items.start == at)?;
        Some((found, stretches[found].items.len()))
    }

    /// Does a stretch of a list of items. Collective.
    pub(in crate::engine) fn run_stretch(&mut self, items: &[Item], which: usize) -> Result<()> {
        // Lent for a while, so that the rest of the simulation can be changed.
        let list = self.fusion.stretches.0.get_mut(&items.as_ptr()).expect("stretches were found in this list");
        let mut list = std::mem::take(list);
        let done = self.run_this(&mut list[which], items);
        self.fusion.stretches.0.insert(items.as_ptr(), list);
        done
    }

    fn run_this(&mut self, stretch: &mut Stretch, items: &[Item]) -> Result<()> {
        let Stretch { items: range, block, name, bytes, choice, .. } = stretch;
        let choice = choice.get_or_insert_with(|| {
            let sizes = self.sizes(block).into_iter().map(|rows| (1, rows));
            // As for steps: no rows stand for stage by stage.
            let plain = self.store.design.fuse.is_none().then_some((1, 0));
            Choice::between(sizes.chain(plain))
        });
        let (number, candidate, open) = choice.next(1);
        let started = Instant::now();
        if candidate.rows == 0 {
            for item in &items[range.clone()] {
                if let Item::Stage(stage) = item {
                    self.run_stage(stage)?;
                }
            }
        } else {
            crate::comm::now_in(name, self.steps);
            let mut moments = self.moments(block);
            let found = self.sweep(block, candidate.rows, &moments)?;
            self.store.scalars = moments.pop().expect("there is one after the last stage");
            let into = block.levels.iter().filter(|l: &&Level| l.reduces().is_some()).map(|l| l.stage.scalar_written);
            for (into, found) in into.zip(found) {
                if let Some(id) = into {
                    self.set_scalar(id, found.value);
                }
            }
            self.timers.stage(name, started, self.steps, *bytes);
        }
        if open {
            measured(&self.comm, choice, number, started, 1);
        }
        Ok(())
    }
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
    fn what_is_never_or_once_done_settles() {
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
