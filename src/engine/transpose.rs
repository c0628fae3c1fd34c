//! Transposes: copies all cells of a field into another, which may have another decomposition or another order of axes.
use crate::base::index_transform::IndexTransform;
use crate::comm::Comm;
use crate::engine::core::Core;
use crate::engine::exchange::Exchange;
use crate::engine::lines::run_exchange;
use crate::model::stage::Stage;
use crate::program::Program;
use crate::program::copies;
use crate::program::exchange_plan::ExchangePlan;
use crate::program::transfers::{Transfer, offsets_of_transpose};

/// Runs a transpose. `exchange` is made the first time.
pub(super) fn run(core: &mut Core, stage: &Stage, transform: IndexTransform, exchange: &mut Option<Exchange>) {
    let program = core.program();
    let exchange = exchange.get_or_insert_with(|| plan(&core.comm, &program, stage, transform));
    let Core { comm, fields, timers, .. } = core;
    run_exchange(comm, timers, exchange, &fields.now, &fields.now);
    core.written(&stage.writes);
}

fn plan(comm: &Comm, program: &Program, stage: &Stage, transform: IndexTransform) -> Exchange {
    let (from, to) = (stage.reads[0].0, stage.writes[0]);
    let transform = offsets_of_transpose(transform, program.grid_of(from));
    let element = program.declared.fields[from].element;
    let (source, target) = (program.domain_of(from), program.domain_of(to));
    let wanted = |rank| {
        let copies = copies::between(source, target, transform, rank);
        let one = |copy| Transfer { copy, from, to, negate: false, element, contiguous: false };
        copies.into_iter().map(one).collect()
    };
    let peers = copies::receivers(source, target, transform, comm.rank());
    Exchange::new(comm, ExchangePlan::new(comm.rank(), &peers, wanted))
}
