//! Stages on whole lines along an axis: fields are transposed to a decomposition that does not cut the axis, and back.
use crate::base::index_transform::IndexTransform;
use crate::base::{Array, Region};
use crate::comm::{Comm, Threads};
use crate::engine::core::Core;
use crate::engine::exchange::Exchange;
use crate::engine::fields::Arrays;
use crate::engine::phase::Phase;
use crate::engine::timers::Timers;
use crate::model::stage::{Stage, TileFn};
use crate::program::Program;
use crate::program::copies;
use crate::program::exchange_plan::ExchangePlan;
use crate::program::layout::{Layout, layout_of, line_layout};
use crate::program::transfers::Transfer;
use std::time::Instant;

/// Arrays in another decomposition, and the exchanges that transpose fields there and back.
pub(super) struct TransposeBuffers {
    inputs: Arrays,
    outputs: Arrays,
    there: Exchange,
    back: Exchange,
}

/// Runs a stage on lines along an axis. `buffers` are made the first time, if the axis is cut.
pub(super) fn run(core: &mut Core, stage: &Stage, axis: usize, lines: &TileFn, buffers: &mut Option<TransposeBuffers>) {
    let program = core.program();
    let Some(d) = stage.reads.first().map(|r| r.0).or(stage.writes.first().copied()) else { return };
    let d = &program.declared.fields[d];
    let (home, layout) = (layout_of(d), line_layout(&program.domains, d, axis));
    let started = Instant::now();
    if home == layout {
        let inputs: Vec<&[Array]> = stage.reads.iter().map(|(f, _)| &core.fields.now[*f][..]).collect();
        sweep(core.comm.threads(), axis, &inputs, &core.fields.targets(stage), lines);
        core.swap(stage);
        core.timers.record(Phase::Compute, started);
        return;
    }
    let buffers = buffers.get_or_insert_with(|| TransposeBuffers::new(&core.comm, &program, stage, home, layout));
    let Core { comm, fields, timers, .. } = core;
    let started = run_exchange(comm, timers, &mut buffers.there, &fields.now, &buffers.inputs);
    let inputs: Vec<&[Array]> = buffers.inputs.iter().map(Vec::as_slice).collect();
    let outputs: Vec<&[Array]> = buffers.outputs.iter().map(Vec::as_slice).collect();
    sweep(comm.threads(), axis, &inputs, &outputs, lines);
    timers.record(Phase::Compute, started);
    run_exchange(comm, timers, &mut buffers.back, &buffers.outputs, &fields.now);
    core.written(&stage.writes);
}

/// Runs a whole exchange, and returns the time of its end.
pub(super) fn run_exchange(
    comm: &Comm,
    timers: &mut Timers,
    exchange: &mut Exchange,
    from: &[Vec<Array>],
    to: &[Vec<Array>],
) -> Instant {
    let started = Instant::now();
    exchange.start(comm, from, to);
    exchange.finish(comm, to);
    timers.record_messages(exchange.traffic());
    timers.record(Phase::Wait, started)
}

fn sweep(threads: &Threads, axis: usize, inputs: &[&[Array]], outputs: &[&[Array]], lines: &TileFn) {
    let Some(patches) = outputs.first().or(inputs.first()) else { return };
    // Cut across the lines only: along z where that is not their axis, along y otherwise.
    let cut = if axis == 0 { 1 } else { 0 };
    let mut boxes: Vec<(usize, Region)> = vec![];
    for (p, array) in patches.iter().enumerate() {
        let owned = array.owned();
        let thick = owned.size()[cut].div_ceil(4 * threads.count()).max(1) as isize;
        let starts = (owned.low[cut]..owned.high[cut]).step_by(thick as usize);
        boxes.extend(starts.map(|i| (p, owned.with(cut, i, (i + thick).min(owned.high[cut])))));
    }
    threads.for_each(boxes.len(), |b| {
        let (patch, cells) = boxes[b];
        let inputs: Vec<&Array> = inputs.iter().map(|arrays| &arrays[patch]).collect();
        let outputs: Vec<&Array> = outputs.iter().map(|arrays| &arrays[patch]).collect();
        lines(&inputs, &outputs, cells);
    });
}

impl TransposeBuffers {
    fn new(comm: &Comm, program: &Program, stage: &Stage, home: Layout, layout: Layout) -> TransposeBuffers {
        let (own, whole) = (&program.domains[&home], &program.domains[&layout]);
        let element = |f: usize| program.declared.fields[f].element;
        let allocate = |f: usize| -> Vec<Array> {
            let patches = whole.patches(comm.rank());
            patches.iter().map(|p| Array::new(element(f), p.region, [0; 3], [0; 3], [false; 3])).collect()
        };
        // Fields of the stage by number, arrays of the buffers by their place in its list.
        let exchange = |fields: &[usize], there: bool| -> Exchange {
            let (from, to) = if there { (own, whole) } else { (whole, own) };
            let wanted = |rank: usize| -> Vec<Transfer> {
                let copies = copies::between(from, to, IndexTransform::NONE, rank);
                let transfers = |(i, &f): (usize, &usize)| {
                    let (from, to) = if there { (f, i) } else { (i, f) };
                    let element = element(f);
                    let transfer = move |&copy| Transfer { copy, from, to, negate: false, element, contiguous: false };
                    copies.iter().map(transfer).collect::<Vec<_>>()
                };
                fields.iter().enumerate().flat_map(transfers).collect()
            };
            let peers = copies::receivers(from, to, IndexTransform::NONE, comm.rank());
            Exchange::new(comm, ExchangePlan::new(comm.rank(), &peers, wanted))
        };
        let reads: Vec<usize> = stage.reads.iter().map(|r| r.0).collect();
        TransposeBuffers {
            inputs: reads.iter().map(|&f| allocate(f)).collect(),
            outputs: stage.writes.iter().map(|&f| allocate(f)).collect(),
            there: exchange(&reads, true),
            back: exchange(&stage.writes, false),
        }
    }
}
