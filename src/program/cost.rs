//! The cost of a program: memory, messages and memory traffic. The time to compute it is linear in the number of ranks.
use crate::base::{Error, Result};
use crate::model::stage::{Item, Work};
use crate::program::checks::thickness;
use crate::program::compile::Program;
use crate::program::domain::Domain;
use crate::program::exchange_plan::ExchangePlan;
use crate::program::fusion::field_bytes;
use crate::program::halo_validity::{Halo, invalidate, mark_valid, stale};
use crate::program::layout::layout_of;
use crate::program::transfers;
use halocline_kernels::Extent;

/// The halos of a program while its stages are counted.
struct Walk<'a> {
    /// By field, the extents to which its halo is valid.
    valid: &'a mut [Vec<Extent>],
    /// The time of boundary values, in steps after the beginning of the step.
    steps_after: f64,
    exchanged: Vec<Halo>,
}

impl Program {
    /// Returns the bytes of all fields on a rank, with halos.
    ///
    /// # Errors
    /// If the number of bytes overflows.
    pub fn memory(&self, rank: usize) -> Result<u64> {
        let depths = &self.depths;
        let bytes = |f| {
            field_bytes(&self.declared, &self.domains, f, &depths.halo[f], depths.double[f], rank).ok_or_else(|| {
                let d = &self.declared.fields[f];
                let cells = self.declared.grids[d.grid].cells();
                Error::input(format!(
                    "the field `{}` of {cells:?} cells [z, y, x] is larger than the address space",
                    d.name
                ))
                .remedy("use fewer cells")
            })
        };
        (0..self.declared.fields.len()).map(bytes).sum()
    }

    /// Returns, for each rank, the number of messages that it sends in a step and their bytes. An `until` loop counts
    /// as one iteration.
    pub fn messages(&self) -> Vec<(usize, usize)> {
        let mut valid = vec![vec![]; self.declared.fields.len()];
        // Halos that the first step leaves valid need no exchange in the second, which stands for all later steps.
        let mut pass = || {
            // Boundary values have changed with the time of the step.
            self.declared.varying().for_each(|f| invalidate(&self.declared, &mut valid, f));
            let mut walk = Walk { valid: &mut valid, steps_after: 0.0, exchanged: vec![] };
            self.walk(&self.declared.step, &mut walk);
            walk.exchanged
        };
        pass();
        let mut all = vec![(0, 0); self.ranks];
        for halo in pass() {
            let incoming = |rank| transfers::of_halos(&self.declared, &self.domains, &halo, rank);
            for (all, one) in all.iter_mut().zip(ExchangePlan::sent(self.ranks, incoming)) {
                *all = (all.0 + one.0, all.1 + one.1);
            }
        }
        all
    }

    /// Appends the halo exchanges of a list of items.
    fn walk(&self, items: &[Item], walk: &mut Walk) {
        for item in items {
            match item {
                Item::Stage(id) => {
                    let stage = self.stage(*id);
                    let Walk { valid, steps_after, exchanged } = walk;
                    let timeless = matches!(stage.work, Work::Scalar(_) | Work::Records { .. });
                    if !timeless && std::mem::replace(steps_after, stage.steps_after) != stage.steps_after {
                        self.declared.varying().for_each(|f| invalidate(&self.declared, valid, f));
                    }
                    let halo = stale(valid, &stage.reads);
                    mark_valid(valid, &halo);
                    if !halo.is_empty() {
                        exchanged.push(halo);
                    }
                    stage.writes.iter().for_each(|&f| invalidate(&self.declared, valid, f));
                }
                Item::Repeat(n, body) => (0..*n).for_each(|_| self.walk(body, walk)),
                Item::Until(_, _, body) => self.walk(body, walk),
                Item::Once(_) => {}
            }
        }
    }

    /// Returns the bytes that all ranks together must read or write in memory in a step, without loops: the bytes of
    /// T_eff.
    pub fn bytes_per_step(&self) -> u64 {
        self.declared.bytes_of_items(&self.declared.step)
    }

    /// Returns the bytes of a rank's own cells of all fields in a checkpoint.
    pub fn bytes_of_state_on(&self, rank: usize) -> u64 {
        let bytes = |f: usize| {
            let cells = self.domain_of(f).patches(rank).iter().map(|patch| patch.region.cells() as u64).sum::<u64>();
            cells.saturating_mul(self.declared.fields[f].element.size() as u64)
        };
        self.declared.written().into_iter().map(bytes).fold(0, u64::saturating_add)
    }

    /// Returns the largest number of ranks that the grids of all fields can be divided over; none if there are no fields.
    ///
    /// # Errors
    /// As [`Program::new`].
    pub fn most_ranks(&self) -> Result<Option<usize>> {
        let divided = self.declared.fields.iter().filter(|d| d.whole == [false; 3]);
        let most = divided.map(|d| {
            let thickness = thickness(&self.declared, layout_of(d), &self.extent)?;
            Ok(Domain::most_ranks(&self.declared.grids[d.grid], thickness))
        });
        Ok(most.collect::<Result<Vec<usize>>>()?.into_iter().min())
    }

    /// Returns the bytes of all fields in a checkpoint.
    pub fn bytes_of_state(&self) -> u64 {
        self.declared.written().into_iter().map(|f| self.declared.bytes_of_field(f)).sum()
    }
}
