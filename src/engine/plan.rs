//! The plan of a model: how grids are split and how much memory fields take. Made from the schedule alone, on one rank,
//! before anything is allocated.
use super::fused::{Depth, bytes};
use super::{Halo, Layout, fits, halos};
use crate::base::Result;
use crate::engine::exchange::Exchange;
use crate::model::declaration::{Design, Measure, Model, flatten};
use crate::model::field::FieldDeclaration;
use crate::model::stage::{Item, Stage, Work};
use crate::program::domain::Domain;
use halocline_kernels::Extent;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

/// What follows from a model and a number of ranks.
pub struct Plan<'m> {
    pub(super) stages: Vec<&'m Arc<Stage>>,
    /// Splits of grids.
    pub(super) domains: BTreeMap<Layout, Domain>,
    /// How far each field is read.
    pub(super) extent: Vec<Extent>,
    /// How far around its cells a rank holds each field, and which need two arrays.
    pub(super) depth: Depth,
}

impl<'m> Plan<'m> {
    /// Plans a model for a number of ranks. Starts nothing and allocates no field.
    ///
    /// # Errors
    /// As [`Model::compile`].
    pub fn new(model: &'m Model, ranks: usize) -> Result<Plan<'m>> {
        model.check()?;
        Plan::of(&model.design, ranks)
    }

    pub(super) fn of(model: &'m Design, ranks: usize) -> Result<Plan<'m>> {
        let (mut stages, mut domains) = (vec![], BTreeMap::new());
        flatten(&model.start, &mut stages);
        flatten(&model.step, &mut stages);
        let extent = halo_reach(model, &stages);
        fits::check(model, &stages, &extent)?;
        for d in &model.declarations {
            let (grid, layout) = (&model.grids[d.grid], (d.grid, d.whole));
            if let Entry::Vacant(place) = domains.entry(layout) {
                let thickness = fits::thickness(model, layout, &extent)?;
                place.insert(match d.whole {
                    [false, false, false] => Domain::new(grid, ranks, model.dims.filter(|_| d.grid == 0), thickness)?,
                    whole => Domain::whole(grid, ranks, whole, thickness),
                });
            }
        }
        for stage in &stages {
            if let Work::Lines { axis, .. } = stage.work {
                let field = stage.reads.first().map(|r| r.0).or(stage.writes.first().copied());
                let Some(d) = field.map(|f| &model.declarations[f]) else { continue };
                let layout = line_layout(&domains, d, axis);
                domains.entry(layout).or_insert_with(|| Domain::whole(&model.grids[d.grid], ranks, layout.1, [1; 3]));
            }
        }
        let double = read_and_written(model, &stages);
        let depth = Depth::of(model, &domains, &extent, &double);
        Ok(Plan { stages, domains, extent, depth })
    }

    /// The process grid of the first grid, parts along z, y, x.
    pub fn process_grid(&self) -> [usize; 3] {
        self.domains.get(&(0, [false; 3])).map_or([1; 3], |d| d.dims)
    }

    /// Bytes of fields on a rank.
    pub fn memory(&self, model: &Model, rank: usize) -> u64 {
        bytes(&model.design, &self.domains, &self.depth.halo, &self.depth.double, rank)
    }

    /// Messages that a rank sends in a step and their bytes, loops passed once.
    pub fn messages(&self, model: &Model, ranks: usize, rank: usize) -> (usize, usize) {
        let design = &model.design;
        let mut fresh = vec![vec![]; design.declarations.len()];
        // The second pass is like all that follow.
        let mut pass = || {
            let mut exchanged: Vec<Halo> = vec![];
            self.walk(design, &design.step, &mut fresh, &mut exchanged);
            exchanged
        };
        pass();
        let sent = pass()
            .into_iter()
            .map(|halo| Exchange::sent(rank, ranks, |rank| halos::wanted(design, &self.domains, &halo, rank)));
        sent.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
    }

    fn walk(&self, design: &Design, items: &[Item], fresh: &mut [Vec<Extent>], exchanged: &mut Vec<Halo>) {
        for item in items {
            match item {
                Item::Stage(stage) => {
                    let halo = halos::stale(fresh, &stage.reads);
                    halos::freshen(fresh, &halo);
                    if !halo.is_empty() {
                        exchanged.push(halo);
                    }
                    stage.writes.iter().for_each(|&f| halos::soil(design, fresh, f));
                }
                Item::Repeat(n, body) => (0..*n).for_each(|_| self.walk(design, body, fresh, exchanged)),
                Item::Until(_, _, body) => self.walk(design, body, fresh, exchanged),
                Item::Once(_) => {}
            }
        }
    }
}

/// The deepest reach at which each field is read.
fn halo_reach(model: &Design, stages: &[&Arc<Stage>]) -> Vec<Extent> {
    let mut extent = vec![Extent::POINTWISE; model.declarations.len()];
    let measured = model.diagnostics.iter().filter_map(|d| match &d.what {
        Measure::Reduction(r) => Some(r.reads()),
        Measure::Scalar(_) => None,
    });
    for (f, r) in stages.iter().flat_map(|s| s.reads.iter().copied()).chain(measured.flatten()) {
        extent[f] = extent[f].union(&r);
    }
    // Components of a vector turn into each other, so they need the same room.
    for vector in &model.vectors {
        let all = vector.iter().flatten().fold(Extent::POINTWISE, |all, &f| all.union(&extent[f]));
        vector.iter().flatten().for_each(|&f| extent[f] = all);
    }
    extent
}

/// Fields that some stage makes anew from their own present values: they need two arrays.
fn read_and_written(model: &Design, stages: &[&Arc<Stage>]) -> Vec<bool> {
    let mut double = vec![false; model.declarations.len()];
    for stage in stages {
        for f in stage.writes.iter().filter(|f| stage.reads.iter().any(|r| r.0 == **f)) {
            double[*f] = true;
        }
    }
    double
}

/// The split that leaves an axis whole: the field's own, where it does already.
pub(super) fn line_layout(domains: &BTreeMap<Layout, Domain>, d: &FieldDeclaration, axis: usize) -> Layout {
    let home = (d.grid, d.whole);
    if domains[&home].dims[axis] == 1 {
        return home;
    }
    let mut whole = [false; 3];
    whole[axis] = true;
    (d.grid, whole)
}
