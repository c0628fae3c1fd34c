//! Derived quantities: fields that have values at instants of output only.
use crate::base::{Error, Result};
use crate::engine::cells;
use crate::engine::simulation::Simulation;
use halocline_kernels::Element;
use ndarray::Array3;
use std::time::Instant;

impl Simulation {
    /// Computes those of `fields` that are derived quantities from the current state. They take memory until
    /// [`Simulation::free_derived`]. Collective.
    ///
    /// # Errors
    /// If memory cannot be allocated.
    pub(crate) fn derive(&mut self, fields: &[usize]) -> Result<()> {
        let program = self.core.program();
        for &(field, stage) in program.outputs.iter().filter(|(field, _)| fields.contains(field)) {
            let started = Instant::now();
            let (comm, rank) = (self.core.comm.clone(), self.core.comm.rank());
            comm.agree(self.core.fields.allocate(field, rank))?;
            cells::run(&mut self.core, stage);
            let name = &program.declared.stages[stage.0].name;
            self.core.timers.record_stage(name, started, self.core.steps, program.stage_bytes[stage.0]);
        }
        Ok(())
    }

    /// Frees the memory of all derived quantities.
    pub(crate) fn free_derived(&mut self) {
        self.core.fields.free_derived();
    }

    /// Computes a derived quantity ([`Model::output`](crate::Model::output)) from the current state, and gathers it on every
    /// rank: one array `[z, y, x]` per block. For tests and small grids. Collective.
    ///
    /// # Errors
    /// If the model has no such quantity with elements `T`, or memory cannot be allocated.
    pub fn output<T: Element>(&mut self, name: &str) -> Result<Vec<Array3<T>>> {
        let declared = self.core.fields.declared().fields.iter();
        let found = declared.enumerate().find(|(_, d)| d.derived && d.name == name && d.element == T::TYPE);
        let Some(field) = found.map(|(field, _)| field) else {
            return Err(Error::input(format!("the model has no output `{name}` of {}", T::TYPE.name()))
                .remedy("declare it with `Model::output`"));
        };
        self.derive(&[field])?;
        let gathered = self.gather_field(field);
        self.free_derived();
        Ok(gathered)
    }
}
