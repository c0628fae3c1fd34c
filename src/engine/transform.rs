//! Whole lines and transposes: fields carried to another split of their grid, and back.
use super::{Layout, Phase, Simulation, fits, line_layout};
use crate::base::Array;
use crate::base::Region;
use crate::base::index_transform::IndexTransform;
use crate::engine::exchange::{Exchange, Move};
use crate::model::stage::{Stage, TileFn};
use crate::program::copies;
use std::sync::Arc;
use std::time::Instant;

/// Arrays in another split, and the messages that carry fields there and back.
pub(super) struct TransposeBuffers {
    inputs: Vec<Vec<Array>>,
    outputs: Vec<Vec<Array>>,
    there: Exchange,
    back: Exchange,
}

impl Simulation {
    pub(super) fn run_lines(&mut self, stage: &Arc<Stage>, axis: usize, lines: &TileFn) {
        let fields: Vec<usize> = stage.reads.iter().map(|r| r.0).chain(stage.writes.iter().copied()).collect();
        let Some(d) = fields.first().map(|&f| &self.store.design.declarations[f]) else { return };
        let (home, layout) = ((d.grid, d.whole), line_layout(&self.store.domains, d, axis));
        if home == layout {
            let started = Instant::now();
            let inputs: Vec<&[Array]> = stage.reads.iter().map(|(f, _)| &self.store.now[*f][..]).collect();
            let written = |&f: &usize| {
                if stage.reads.iter().any(|r| r.0 == f) { &self.store.next[f][..] } else { &self.store.now[f][..] }
            };
            let outputs: Vec<&[Array]> = stage.writes.iter().map(written).collect();
            self.sweep_lines(axis, &inputs, &outputs, lines);
            self.swap(stage);
            self.timers.spent(Phase::Compute, started);
            return;
        }
        let key = Arc::as_ptr(stage);
        let mut buffers = match self.transpose_buffers.remove(&key) {
            Some(buffers) => buffers,
            None => self.buffers(stage, home, layout),
        };
        let started = Instant::now();
        self.carry(&mut buffers.there, &self.store.now, &buffers.inputs);
        self.timers.sends(buffers.there.traffic());
        let started = self.timers.spent(Phase::Wait, started);
        let inputs: Vec<&[Array]> = buffers.inputs.iter().map(Vec::as_slice).collect();
        let outputs: Vec<&[Array]> = buffers.outputs.iter().map(Vec::as_slice).collect();
        self.sweep_lines(axis, &inputs, &outputs, lines);
        let started = self.timers.spent(Phase::Compute, started);
        self.carry(&mut buffers.back, &buffers.outputs, &self.store.now);
        self.timers.sends(buffers.back.traffic());
        self.timers.spent(Phase::Wait, started);
        self.transpose_buffers.insert(key, buffers);
        self.written(&stage.writes);
    }

    fn carry(&self, exchange: &mut Exchange, from: &[Vec<Array>], to: &[Vec<Array>]) {
        exchange.start(&self.comm, from, to);
        exchange.finish(&self.comm, to);
    }

    fn sweep_lines(&self, axis: usize, inputs: &[&[Array]], outputs: &[&[Array]], lines: &TileFn) {
        let Some(patches) = outputs.first().or(inputs.first()) else { return };
        // Cut across the lines only: along z where that is not their axis, along y otherwise.
        let cut = if axis == 0 { 1 } else { 0 };
        let mut boxes: Vec<(usize, Region)> = vec![];
        for (p, array) in patches.iter().enumerate() {
            let owned = array.owned();
            let n = owned.size()[cut];
            let thick = n.div_ceil(4 * self.comm.threads().count()).max(1) as isize;
            let starts = (owned.low[cut]..owned.high[cut]).step_by(thick as usize);
            boxes.extend(starts.map(|i| (p, owned.with(cut, i, (i + thick).min(owned.high[cut])))));
        }
        self.comm.threads().for_each(boxes.len(), |b| {
            let (patch, cells) = boxes[b];
            let inputs: Vec<&Array> = inputs.iter().map(|arrays| &arrays[patch]).collect();
            let outputs: Vec<&Array> = outputs.iter().map(|arrays| &arrays[patch]).collect();
            lines(&inputs, &outputs, cells);
        });
    }

    fn buffers(&self, stage: &Stage, home: Layout, layout: Layout) -> TransposeBuffers {
        let (from, to) = (&self.store.domains[&home], &self.store.domains[&layout]);
        let element = |f: usize| self.store.design.declarations[f].element;
        let allocate = |f: usize| -> Vec<Array> {
            let patches = to.patches(self.comm.rank());
            patches.iter().map(|p| Array::new(element(f), p.region, [0; 3], [0; 3], [false; 3])).collect()
        };
        let moves = |fields: &[usize], there: bool, rank: usize| -> Vec<Move> {
            let (a, b) = if there { (from, to) } else { (to, from) };
            let one = |(i, &f): (usize, &usize)| {
                let (source, target) = if there { (f, i) } else { (i, f) };
                let copies = copies::between(a, b, IndexTransform::NONE, rank);
                copies
                    .into_iter()
                    .map(move |copy| (copy, source, target))
                    .map(|(copy, from, to)| Move {
                        copy,
                        from,
                        to,
                        negate: false,
                        element: element(f),
                        contiguous: false,
                    })
                    .collect::<Vec<_>>()
            };
            fields.iter().enumerate().flat_map(one).collect()
        };
        let reads: Vec<usize> = stage.reads.iter().map(|r| r.0).collect();
        TransposeBuffers {
            inputs: reads.iter().map(|&f| allocate(f)).collect(),
            outputs: stage.writes.iter().map(|&f| allocate(f)).collect(),
            there: Exchange::new(&self.comm, |rank| moves(&reads, true, rank)),
            back: Exchange::new(&self.comm, |rank| moves(&stage.writes, false, rank)),
        }
    }

    pub(super) fn run_transpose(&mut self, stage: &Arc<Stage>, turn: IndexTransform) {
        let started = Instant::now();
        let key = Arc::as_ptr(stage);
        let mut exchange = match self.transposes.remove(&key) {
            Some(exchange) => exchange,
            None => self.transposer(stage, turn),
        };
        self.carry(&mut exchange, &self.store.now, &self.store.now);
        self.timers.sends(exchange.traffic());
        self.transposes.insert(key, exchange);
        self.timers.spent(Phase::Wait, started);
        self.written(&stage.writes);
    }

    fn transposer(&self, stage: &Stage, turn: IndexTransform) -> Exchange {
        let (source, target) = (stage.reads[0].0, stage.writes[0]);
        let turn = fits::transpose_turn(turn, self.store.grid_of(source));
        let element = self.store.design.declarations[source].element;
        let (a, b) = (self.store.domain_of(source), self.store.domain_of(target));
        Exchange::new(&self.comm, |rank| {
            let copies = copies::between(a, b, turn, rank);
            let one = |copy| Move { copy, from: source, to: target, negate: false, element, contiguous: false };
            copies.into_iter().map(one).collect()
        })
    }
}
