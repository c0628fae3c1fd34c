//! The state that stages operate on.
use crate::comm::Comm;
use crate::engine::fields::Fields;
use crate::engine::halos::Halos;
use crate::engine::timers::Timers;
use crate::model::handle::{DT, TIME};
use crate::model::stage::{Stage, StageId, Work};
use crate::program::Program;
use halocline_kernels::row::RowFn;
use std::sync::Arc;

/// Fields, halos and kernels of a rank.
pub(super) struct Core {
    pub comm: Comm,
    pub fields: Fields,
    pub halos: Halos,
    /// By stage, its compiled kernel, if it has one.
    kernels: Vec<Option<RowFn>>,
    /// The timers of this rank.
    pub timers: Timers,
    /// Steps done.
    pub steps: u64,
}

impl Core {
    pub fn new(comm: Comm, fields: Fields) -> Core {
        let declared = fields.declared();
        let kernel = |stage: &Stage| match &stage.work {
            Work::Cells { kernel, .. } | Work::Reduce { kernel, .. } => Some(kernel(declared.instructions)),
            _ => None,
        };
        let kernels = declared.stages.iter().map(kernel).collect();
        let halos = Halos::new(declared.fields.len());
        Core { comm, fields, halos, kernels, timers: Timers::default(), steps: 0 }
    }

    /// The program, shared, so that it can be read while the fields are borrowed mutably.
    pub fn program(&self) -> Arc<Program> {
        self.fields.program.clone()
    }

    /// The kernel of a stage that has one.
    pub fn kernel(&self, stage: StageId) -> &RowFn {
        self.kernels[stage.0].as_ref().expect("the stage has a kernel")
    }

    /// Swaps the current and next arrays of the fields that a stage both reads and writes, and marks all written fields.
    pub fn swap(&mut self, stage: &Stage) {
        for &f in stage.writes.iter().filter(|f| stage.reads_field(**f)) {
            let Fields { now, next, .. } = &mut self.fields;
            std::mem::swap(&mut now[f], &mut next[f]);
        }
        self.written(&stage.writes);
    }

    /// Marks fields as written: their halos are stale.
    pub fn written(&mut self, written: &[usize]) {
        self.halos.written(&mut self.fields, written);
    }

    /// Marks halos with time-dependent boundary conditions stale.
    pub fn time_passes(&mut self) {
        let time = self.fields.scalars[TIME];
        self.halos.boundaries_at(&mut self.fields, time);
    }

    /// Takes boundary values at a time in steps after the beginning of the step.
    pub fn boundaries_at(&mut self, steps_after: f64) {
        let scalars = &self.fields.scalars;
        let time = if steps_after == 0.0 { scalars[TIME] } else { scalars[TIME] + steps_after * scalars[DT] };
        if time != self.fields.boundary_time {
            self.halos.boundaries_at(&mut self.fields, time);
        }
    }

    /// Advances time and the step count at the end of a step.
    pub fn tick(&mut self) {
        self.fields.scalars[TIME] = self.fields.time_after(self.steps, 1);
        self.steps += 1;
        self.time_passes();
    }
}
