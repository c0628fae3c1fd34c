//! Whole steps as one block.
use super::choice::Choice;
use super::levels::Block;
use super::{STEPS, measured};
use crate::base::Result;
use crate::engine::Simulation;
use crate::model::declaration::TIME;
use std::sync::Arc;
use std::time::Instant;

impl Simulation {
    /// How many steps are best done at a time where at most so many can be: the same on every rank.
    pub(crate) fn steps_at_once(&self, most: u64) -> u64 {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let best = self.fusion.choice.as_ref().map_or(self.fusion.most, |choice| choice.next(most).1.steps);
        best.clamp(1, most.max(1)) as u64
    }

    /// Does some steps, at most so many, and says how many. Collective.
    pub(in crate::engine) fn some_steps(&mut self, most: usize) -> Result<usize> {
        if self.fusion.most == 0 || self.has_first_items() {
            self.one_step()?;
            return Ok(1);
        }
        if self.fusion.choice.is_none() {
            self.fusion.choice = Some(Choice::between(self.candidates()));
        }
        let choice = self.fusion.choice.as_ref().expect("made above");
        let (number, candidate, open) = choice.next(most);
        let steps = candidate.steps.min(most);
        let started = Instant::now();
        match candidate.rows {
            0 => self.one_step()?,
            rows => self.run_block(steps, rows)?,
        }
        if open {
            measured(&self.comm, self.fusion.choice.as_mut().expect("made above"), number, started, steps);
        }
        Ok(steps)
    }

    /// Numbers of steps and rows of a tile that are worth a try.
    fn candidates(&mut self) -> Vec<(usize, usize)> {
        let (most, asked) = (self.fusion.most, self.store.design.fuse);
        let mut all = vec![];
        for steps in asked.map_or_else(|| STEPS.to_vec(), |asked| vec![asked]).into_iter().filter(|&k| k <= most) {
            let Some(block) = self.block(steps) else { continue };
            all.extend(self.sizes(&block).into_iter().map(|rows| (steps, rows)));
        }
        if asked.is_none() {
            // Stage by stage, messages fly while cells are computed: no rows stand for that.
            all.push((1, 0));
        }
        all
    }

    pub(super) fn block(&mut self, steps: usize) -> Option<Arc<Block>> {
        if !self.fusion.blocks.contains_key(&steps) {
            let block = Block::of(&self.store.design, &self.store.domains, &self.store.extent, steps).ok()?;
            self.fusion.blocks.insert(steps, Arc::new(block));
        }
        self.fusion.blocks.get(&steps).cloned()
    }

    /// Does some steps at a time, on tiles of so many rows.
    fn run_block(&mut self, steps: usize, rows: usize) -> Result<()> {
        let Some(block) = self.block(steps) else { return self.one_step() };
        let (begun, moved) = (Instant::now(), self.moved);
        crate::comm::now_in("fused steps", self.steps);
        let mut moments = self.moments(&block);
        self.sweep(&block, rows, &moments)?;
        self.count_steps(steps as u64);
        self.store.scalars = moments.pop().expect("there is one after the last stage");
        self.steps += steps as u64;
        self.store.scalars[TIME] = self.time_after(0);
        self.time_passes();
        let name = if steps == 1 { "1 step".to_owned() } else { format!("{steps} steps fused") };
        self.timers.stage(&name, begun, self.steps - steps as u64, self.moved - moved);
        Ok(())
    }
}
