//! The search for non-finite values in the fields.
use crate::base::Error;
use crate::comm::{Comm, Reduce};
use crate::engine::{NonFinite, Simulation};

/// The search for non-finite values on one rank, with the first one found and the step after which it was found.
#[derive(Default)]
pub struct FiniteCheck {
    found: Option<(u64, NonFinite)>,
}

impl FiniteCheck {
    /// Searches this rank's cells after a step. Returns true if all values are finite. Not collective.
    pub fn search(&mut self, simulation: &Simulation, step: u64) -> bool {
        let now = simulation.not_finite();
        let is_finite = now.is_none();
        if self.found.is_none() {
            self.found = now.map(|cell| (step, cell));
        }
        is_finite
    }

    /// True if this rank has found a non-finite value.
    pub fn has_found(&self) -> bool {
        self.found.is_some()
    }

    /// True if all values on all ranks are finite. Collective.
    pub fn all_finite(&mut self, comm: &Comm, simulation: &Simulation, step: u64) -> bool {
        let mut found = [i64::from(!self.search(simulation, step))];
        comm.reduce(Reduce::Max, &mut found);
        found[0] == 0
    }

    /// The error for the first non-finite value that any rank has found, the same on all ranks. Collective.
    pub fn error(&self, simulation: &Simulation) -> Error {
        let Some((step, NonFinite { field, block, index, value })) = simulation.first_non_finite(self.found.clone())
        else {
            return Error::failure("a value is not finite, but no rank knows its cell");
        };
        let block = if simulation.fields().declared().grids[0].all_blocks().len() > 1 {
            format!(" of block {block}")
        } else {
            String::new()
        };
        Error::failure(format!("`{field}` is {value} in cell {index:?} [z, y, x]{block} after step {step}"))
            .remedy("try a smaller time step or smoother initial data; earlier output and checkpoints are intact")
    }
}
