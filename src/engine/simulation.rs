//! A simulation: a compiled model with its memory, and what it can be asked.
use crate::base::{Error, Result};
use crate::comm::Comm;
use crate::engine::accumulator::Measurement;
use crate::engine::core::Core;
use crate::engine::exchange::Exchange;
use crate::engine::fields::Fields;
use crate::engine::fused::Fusion;
use crate::engine::lines::TransposeBuffers;
use crate::engine::missing;
use crate::engine::moment::Moment;
use crate::engine::records::RecordStore;
use crate::engine::reduce;
use crate::engine::sources::SourceProgress;
use crate::engine::timers::Timers;
use crate::model::builder::Model;
use crate::model::declarations::Clock;
use crate::model::handle::{DT, Field, Scalar, TIME};
use crate::model::reduction::Reduction;
use crate::model::source::Source;
use crate::model::stage::Work;
use crate::program::domain::Domain;
use crate::program::{Measured, Program};
use halocline_kernels::Element;
use std::cell::OnceCell;
use std::sync::Arc;

/// A compiled model: allocated, filled, ready to advance.
pub struct Simulation {
    pub(super) core: Core,
    pub(super) fusion: Fusion,
    /// By stage: the transpose buffers of stages on lines, if the axis of the lines is decomposed.
    pub(super) lines: Vec<Option<TransposeBuffers>>,
    /// By stage: the exchange of a transpose.
    pub(super) transposes: Vec<Option<Exchange>>,
    pub(super) records: RecordStore,
    pub(super) sources: Vec<Option<Box<dyn Source>>>,
    /// By source: its progress.
    pub(super) taken: Vec<SourceProgress>,
    /// By list that runs only once: whether it has run.
    pub(super) once: Vec<bool>,
    pub(super) started: bool,
    /// The error of a loop that ended because its condition was NaN.
    pub(super) broken_loop: Option<Error>,
    /// Bytes of memory traffic of all ranks so far.
    pub(super) moved: u64,
    /// Hashes of fields that no stage writes; computed on first use.
    pub(super) constants: OnceCell<Vec<(String, u64)>>,
}

impl Model {
    /// Makes a simulation of the model: chooses process grid, halo depths and memory from the whole schedule, allocates, and
    /// fills fields with their initial values. Collective.
    ///
    /// # Errors
    /// If the grid cannot be decomposed over the ranks, or handles, fields, files and stages do not fit together.
    pub fn compile(self) -> Result<Simulation> {
        let program = Program::of(self.declared, self.comm.size())?;
        Simulation::new(self.comm, Arc::new(program))
    }
}

impl Simulation {
    /// Makes a simulation of a program that was compiled for the ranks of `comm`: see [`Model::compile`]. Collective.
    pub(crate) fn new(comm: Comm, program: Arc<Program>) -> Result<Simulation> {
        let declared = &program.declared;
        let sources = declared.sources.iter().map(|(name, open)| match comm.rank() {
            0 => open().map(Some).map_err(|e| Error::input(format!("source `{name}`: {}", e.what()))),
            _ => Ok(None),
        });
        let sources = comm.agree(sources.collect::<Result<Vec<_>>>())?;
        let records = RecordStore::new(&comm, declared.id, &declared.records);
        let fields = comm.agree(Fields::new(program.clone(), comm.rank(), comm.threads()))?;
        missing::report(&comm, &fields)?;
        let none = || declared.stages.iter().map(|_| None);
        Ok(Simulation {
            fusion: Fusion::new(&program),
            lines: none().map(|_: Option<()>| None).collect(),
            transposes: none().map(|_: Option<()>| None).collect(),
            records,
            taken: vec![SourceProgress::default(); sources.len()],
            sources,
            once: vec![false; program.once],
            started: false,
            broken_loop: None,
            moved: 0,
            constants: OnceCell::new(),
            core: Core::new(comm, fields),
        })
    }

    /// Reduces all cells to a number, the same on every rank. Collective.
    ///
    /// # Errors
    /// If the reduction uses handles of another model, fields on different grids, or a stencil extent larger than
    /// those of the schedule and the diagnostics, for which no halo is allocated.
    pub fn measure(&mut self, reduction: Reduction) -> Result<Measurement> {
        let program = self.core.program();
        let stage = reduction.stage(None);
        program.check_stage(&stage)?;
        let Work::Reduce { kernel, op, .. } = &stage.work else { unreachable!("the stage of a reduction reduces") };
        let kernel = kernel(program.declared.instructions);
        Ok(reduce::run(&mut self.core, &stage, &kernel, *op))
    }

    /// Measures all diagnostics of the model, with their names. Collective.
    pub fn diagnostics(&mut self) -> Vec<(String, Measurement)> {
        let all = self.core.program().diagnostics.clone();
        all.into_iter().map(|(name, what)| (name, self.measured(what))).collect()
    }

    /// Measures the quantities that [`Model::record`] records, with their names. Collective.
    pub fn recorded(&mut self) -> Vec<(String, f64)> {
        let program = self.core.program();
        let names = program.declared.series.iter().map(|recorded| recorded.name.clone());
        names.zip(&program.series).map(|(name, what)| (name, self.measured(*what).value)).collect()
    }

    fn measured(&mut self, what: Measured) -> Measurement {
        match what {
            Measured::Scalar(scalar) => Measurement { value: self.core.fields.scalars[scalar.id], at: None },
            Measured::Reduction(id) => {
                let (program, kernel) = (self.core.program(), self.core.kernel(id).clone());
                let stage = program.stage(id);
                let Work::Reduce { op, .. } = stage.work else { unreachable!("the stage of a reduction reduces") };
                reduce::run(&mut self.core, stage, &kernel, op)
            }
        }
    }

    /// True once the model's own condition for an end holds.
    pub fn is_finished(&self) -> bool {
        self.program().declared.stop.as_ref().is_some_and(|stop| stop.holds(&self.core.fields.scalars))
    }

    /// The error of the model's own condition for a failure, once that holds.
    pub fn failure(&self) -> Option<Error> {
        let failure = self.program().declared.failure.as_ref();
        let failure = failure.filter(|failure| failure.condition.holds(&self.core.fields.scalars));
        failure.map(|failure| (failure.error)(&self.core.fields.scalars))
    }

    /// The error of a loop that ended because its condition was NaN, the same on all ranks.
    pub(crate) fn broken_loop(&self) -> Option<Error> {
        self.broken_loop.clone()
    }

    /// True if the model has a condition for an end, which does not hold.
    pub(crate) fn is_unfinished(&self) -> bool {
        self.program().declared.stop.is_some() && !self.is_finished()
    }

    /// The program that the simulation executes.
    pub(crate) fn program(&self) -> &Program {
        &self.core.fields.program
    }

    /// The fields of this rank.
    pub(crate) fn fields(&self) -> &Fields {
        &self.core.fields
    }

    /// The timers of this rank.
    pub fn timers(&self) -> &Timers {
        &self.core.timers
    }

    /// The timers of this rank, mutable.
    pub(crate) fn timers_mut(&mut self) -> &mut Timers {
        &mut self.core.timers
    }

    /// The communicator.
    pub fn comm(&self) -> &Comm {
        &self.core.comm
    }

    /// The decomposition of the first grid.
    pub fn domain(&self) -> Option<&Domain> {
        self.program().domains.get(&(0, [false; 3]))
    }

    /// Steps done.
    pub fn steps(&self) -> u64 {
        self.core.steps
    }

    /// The simulated time in seconds.
    pub fn time(&self) -> f64 {
        self.core.fields.scalars[TIME]
    }

    /// The end of the last step.
    pub(crate) fn moment(&self) -> Moment {
        self.moment_after(0)
    }

    /// The end of the step that is `steps` steps ahead, if all these steps have the length of the last one.
    pub(crate) fn moment_after(&self, steps: u64) -> Moment {
        let step = self.core.steps + steps;
        let time = if steps == 0 { self.time() } else { self.core.fields.time_after(self.core.steps, steps) };
        // A fixed step is multiplied, with a relative error of a few ulp; adaptive steps are summed.
        let roundings = if self.clock() == Clock::Adaptive { step.max(4) as f64 } else { 4.0 };
        let dt = self.core.fields.scalars[DT];
        Moment { step, time, dt, round_off: roundings * f64::EPSILON * time }
    }

    /// How time advances.
    pub(crate) fn clock(&self) -> Clock {
        self.program().declared.clock
    }

    /// Sets the next time in seconds that a step must not pass, such as the end time: an adaptive time step is shortened to
    /// reach it exactly.
    pub(crate) fn stop_short_at(&mut self, time: f64) {
        self.core.fields.limit.time = time;
    }

    /// The number of steps, at most `most`, that are fastest to run at once. The same on every rank.
    pub(crate) fn steps_at_once(&self, most: u64) -> u64 {
        self.fusion.steps_at_once(self.program(), most)
    }

    /// A scalar's value, the same on every rank.
    ///
    /// # Panics
    /// If the handle belongs to another model.
    pub fn scalar(&self, scalar: Scalar) -> f64 {
        assert!(self.program().declared.owns(scalar.into()), "the scalar was declared by another model");
        self.core.fields.scalars[scalar.id]
    }

    /// The records of this rank.
    pub fn records(&self) -> &RecordStore {
        &self.records
    }

    /// Bytes of memory in fields on this rank.
    pub fn memory(&self) -> usize {
        self.core.fields.bytes()
    }

    /// The handle of a field, by name and type; `None` if the model has no such field.
    pub fn field<T: Element>(&self, name: &str) -> Option<Field<T>> {
        let declared = &self.program().declared;
        let found = declared.fields.iter().position(|d| d.name == name && d.element == T::TYPE && !d.derived);
        found.map(|id| Field::new(declared.id, id, declared.grids[declared.fields[id].grid].spacing()))
    }

    /// Bytes of memory traffic of all ranks in a step, without loops.
    pub(crate) fn bytes_per_step(&self) -> f64 {
        self.program().bytes_per_step() as f64
    }

    /// Bytes of memory traffic of all ranks so far, which the effective throughput T_eff counts.
    pub(crate) fn moved(&self) -> u64 {
        self.moved
    }

    /// Describes how steps are fused, or why not.
    pub fn fusion(&self) -> String {
        self.fusion.describe(self.program())
    }

    /// True once the fastest way to run steps is chosen: the measurements take about the first hundred steps.
    pub fn is_settled(&self) -> bool {
        self.fusion.is_settled(self.program(), self.core.steps)
    }

    #[cfg(test)]
    pub(super) fn core_mut(&mut self) -> &mut Core {
        &mut self.core
    }
}

impl Drop for Simulation {
    /// After a failure, pending messages may still access the arrays; their memory is then leaked instead of freed.
    fn drop(&mut self) {
        if self.core.halos.is_under_way() || self.fusion.is_under_way() {
            std::mem::forget(std::mem::take(&mut self.core.fields.now));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::comm::ranks;
    use crate::prelude::*;
    use halocline_kernels::diffusion::Ftcs;

    fn heat(comm: &Comm, cells: usize) -> Result<Simulation> {
        let mut model = Model::new(comm.clone(), Grid::new([cells, 12]).periodic([true, true]));
        let t = model.field::<f64>("t").initial(|at| at.uniform(1)).build()?;
        model.every_step(|s| {
            s.apply(Ftcs::new(0.1, 1.0, [f64::INFINITY, 1.0, 1.0]), [t], [t]);
        });
        model.compile()
    }

    #[test]
    fn two_simulations_share_a_communicator() {
        let states = ranks(3, 1, |comm| -> Result<[String; 2]> {
            let (mut a, mut b) = (heat(&comm, 9)?, heat(&comm, 10)?);
            b.advance(1)?;
            a.advance(2)?;
            b.advance(1)?;
            Ok([a.state()?, b.state()?])
        });
        let alone = [9, 10].map(|cells| {
            let mut run = heat(&Comm::alone(), cells).unwrap();
            run.advance(2).unwrap();
            run.state().unwrap()
        });
        for state in states.unwrap() {
            assert_eq!(state.unwrap(), alone);
        }
    }
}
