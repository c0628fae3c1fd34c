//! Halos: which are stale, and how they are made fresh.
use super::{Halo, Layout, Phase, Simulation, Store};
use crate::base::Region;
use crate::engine::exchange::{Exchange, Move};
use crate::model::boundary;
use crate::model::declaration::Design;
use crate::model::field::FieldDeclaration;
use crate::model::grid::Location;
use crate::program::copies::{self, Copy};
use crate::program::domain::Domain;
use halocline_kernels::{ElementType, Extent};
use std::collections::BTreeMap;
use std::time::Instant;

impl Simulation {
    /// Starts to make halos fresh: messages fly, and what needs none is done when this returns. For each patch, the cells
    /// that can be computed before the messages are here.
    pub(super) fn start_halos(&mut self, halo: &Halo, patches: &[Region], reads: &[(usize, Extent)]) -> Vec<Region> {
        let started = Instant::now();
        if !self.exchanges.contains_key(halo) {
            let exchange =
                Exchange::new(&self.comm, |rank| wanted(&self.store.design, &self.store.domains, halo, rank));
            self.exchanges.insert(halo.clone(), exchange);
        }
        let exchange = self.exchanges.get_mut(halo).expect("made above");
        exchange.start(&self.comm, &self.store.now, &self.store.now);
        self.timers.sends(exchange.traffic());
        let mut inner = patches.to_vec();
        let extent = reads.iter().fold(Extent::POINTWISE, |all, r| all.union(&r.1));
        for (patch, target) in exchange.remote_targets() {
            inner[patch] = away_from(inner[patch], patches[patch], target, &extent);
        }
        // Where walls and local halos meet, corners are read by the inner cells too; the others follow with the messages.
        self.fill_boundaries(halo);
        let exchange = self.exchanges.get_mut(halo).expect("made above");
        // SAFETY: what is computed until `finish_halos` reads no cell beyond a patch where a message arrives, and writes
        // other arrays: a stage that reads a field makes the next one.
        unsafe { exchange.launch(&self.store.now, &self.store.now) };
        self.timers.spent(Phase::Halos, started);
        inner
    }

    /// Waits for the messages of [`Simulation::start_halos`].
    pub(super) fn finish_halos(&mut self, halo: &Halo) {
        let started = Instant::now();
        let received = self.exchanges.get_mut(halo).expect("started").finish(&self.comm, &self.store.now);
        let started = self.timers.spent(Phase::Wait, started);
        if received && halo.iter().any(|(_, extent)| extent.corners) {
            self.fill_boundaries(halo);
            self.timers.spent(Phase::Halos, started);
        }
        freshen(&mut self.fresh, halo);
    }

    fn fill_boundaries(&mut self, halo: &Halo) {
        let time = self.time();
        for (f, extent) in halo {
            let Store { design, now, patches, .. } = &mut self.store;
            let d = &design.declarations[*f];
            let grid = &design.grids[d.grid];
            for (array, patch) in now[*f].iter_mut().zip(&patches[*f]) {
                boundary::fill(array, grid, patch, d.location, &d.boundaries, extent, time);
            }
        }
    }

    /// Marks fields as written: their halos are stale, and what lies on walls is set.
    pub(super) fn written(&mut self, fields: &[usize]) {
        let time = self.time();
        for &f in fields {
            soil(&self.store.design, &mut self.fresh, f);
            let Store { design, now, patches, .. } = &mut self.store;
            let d = &design.declarations[f];
            if d.location != Location::Center {
                let grid = &design.grids[d.grid];
                for (array, patch) in now[f].iter_mut().zip(&patches[f]) {
                    boundary::set_walls(array, grid, patch, d.location, &d.boundaries, time);
                }
            }
        }
    }

    /// What depends on time through a boundary condition is out of date when it passes: halos, and values on walls.
    pub(super) fn time_passes(&mut self) {
        let varies = |d: &FieldDeclaration| d.boundaries.iter().flatten().any(boundary::Boundary::varies);
        let declarations = self.store.design.declarations.iter();
        let varying: Vec<usize> = declarations.enumerate().filter(|(_, d)| varies(d)).map(|(f, _)| f).collect();
        self.written(&varying);
    }
}

/// Halos have been exchanged. Corners from earlier exchanges count no more, since whole planes bring others along.
pub(super) fn freshen(fresh: &mut [Vec<Extent>], halo: &Halo) {
    for (f, extent) in halo {
        fresh[*f].retain(|r| !r.corners);
        fresh[*f].push(*extent);
    }
}

/// All cells of these halos that some rank owns, as a rank wants them.
pub(super) fn wanted(design: &Design, domains: &BTreeMap<Layout, Domain>, halo: &Halo, rank: usize) -> Vec<Move> {
    let mut moves = vec![];
    for (f, extent) in halo {
        let d = &design.declarations[*f];
        let (grid, domain) = (&design.grids[d.grid], &domains[&(d.grid, d.whole)]);
        for copy in copies::halo(grid, domain, rank, extent) {
            let (mut from, mut negate) = (*f, false);
            if let Some((vector, axis)) = d.vector
                && !copy.turn.is_shift()
            {
                let heading = copy.turn.to[axis];
                from = design.vectors[vector][heading.axis].unwrap_or(*f);
                negate = heading.reversed;
            }
            let contiguous = from == *f && !negate && goes_unpacked(design, domain, &copy, d.element);
            moves.push(Move { copy, from, to: *f, negate, element: d.element, contiguous });
        }
    }
    moves
}

/// Fewer bytes of a row than these are copied sooner than sent with the row's ends.
const SHORT: usize = 256;

/// Whether cells are one piece of memory on both sides, and a message of their own is worth its while.
pub(super) fn goes_unpacked(design: &Design, domain: &Domain, copy: &Copy, element: ElementType) -> bool {
    let [bytes, row] = [copy.target.cells(), copy.target.size()[2]].map(|cells| cells * element.size());
    bytes >= design.direct && row >= SHORT.min(design.direct) && copies::is_contiguous(domain, copy)
}

/// A field is written: its halo is stale, and so are those of the other components of a vector, which turn into each other.
pub(super) fn soil(design: &Design, fresh: &mut [Vec<Extent>], f: usize) {
    fresh[f].clear();
    if let Some((vector, _)) = design.declarations[f].vector {
        design.vectors[vector].iter().flatten().for_each(|&component| fresh[component].clear());
    }
}

/// Reads whose halo is not up to date, without the axes along which it is (corners belong to all axes).
pub(super) fn stale(fresh: &[Vec<Extent>], reads: &[(usize, Extent)]) -> Halo {
    let stale = |&(f, extent): &(usize, Extent)| {
        let is_fresh = |wanted: &Extent| fresh[f].iter().any(|r| r.covers(wanted));
        let mut rest = extent;
        for a in (0..3).filter(|_| !extent.corners) {
            let mut along = Extent::POINTWISE;
            (along.below[a], along.above[a]) = (extent.below[a], extent.above[a]);
            if is_fresh(&along) {
                (rest.below[a], rest.above[a]) = (0, 0);
            }
        }
        (!rest.is_pointwise() && !is_fresh(&extent)).then_some((f, rest))
    };
    reads.iter().filter_map(stale).collect()
}

/// What is left of `inner`, a part of the patch `whole`, when all cells that read `target` are taken away.
fn away_from(mut inner: Region, whole: Region, target: Region, extent: &Extent) -> Region {
    // Along each axis where the target lies outside the patch, cells near that side read it. One such axis is enough, and
    // one along which the side was cut off already costs nothing.
    let mut cuts = vec![];
    for a in 0..3 {
        if target.high[a] <= whole.low[a] {
            cuts.push(inner.with(a, (whole.low[a] + extent.below[a] as isize).max(inner.low[a]), inner.high[a]));
        } else if target.low[a] >= whole.high[a] {
            cuts.push(inner.with(a, inner.low[a], (whole.high[a] - extent.above[a] as isize).min(inner.high[a])));
        }
    }
    if let Some(best) = cuts.into_iter().max_by_key(Region::cells) {
        inner = best;
    }
    if inner.is_empty() { Region::new(whole.low, whole.low) } else { inner }
}

/// The boxes of a patch that are left after its inner part.
pub(super) fn edges(patch: Region, inner: Region) -> Vec<Region> {
    patch.without(&inner)
}

#[cfg(test)]
mod tests {
    use crate::base::index_transform::{X, Y, Z};
    use crate::comm::ranks;
    use crate::engine::Plan;
    use crate::prelude::*;

    /// Adds up what a reach reads, with weights by place.
    fn sum(s: &mut Schedule, from: Field<f64>, to: Field<f64>, extent: Extent) {
        s.tiles("sum", [(from, extent)], [to], move |[old], [mut new]| {
            let [z, y, x] = extent.below;
            for ((k, j, i), v) in new.indexed_iter_mut() {
                let here = old[[k + z, j + y, i + x]];
                let corner = if extent.corners { old[[k, j, i + x + 1]] - old[[k + z + 1, j, i]] } else { 0.0 };
                *v = 0.5 * here + 0.25 * old[[k, j + y, i + x]] - 0.125 * old[[k + z, j, i + x]] + 0.375 * corner;
            }
        });
    }

    /// The state after some steps, and the messages of all ranks.
    fn run(grid: &Grid, size: usize, parts: usize, direct: usize) -> (String, u64) {
        let all = ranks(size, 1, |comm| {
            let mut model = Model::new(comm, grid.clone());
            model.process_grid([parts, 1, 1]);
            model.direct(direct);
            model.fixed_step(0.5);
            // Beyond walls values differ from one end of a block to the other, and change with time.
            let wall = Boundary::function(|at, time| 3.0 * at.z * at.z + time);
            let a = model.field::<f64>("a").initial(|at| at.uniform(1)).boundary(wall).build()?;
            let others = ["b", "c", "d"].map(|name| model.field::<f64>(name).boundary(Boundary::Reflecting).build());
            let [b, c, d] = others;
            let (b, c, d) = (b?, c?, d?);
            let extent = |n: usize, corners: bool| Extent { below: [n; 3], above: [n; 3], corners };
            model.every_step(|s| {
                sum(s, a, b, extent(1, true));
                sum(s, a, c, extent(2, false));
                sum(s, a, d, extent(1, true));
                sum(s, c, a, extent(1, true));
            });
            let plan = Plan::new(&model, size)?.messages(&model, size, model.comm().rank());
            let mut run = model.compile()?;
            run.advance(3)?;
            let timers = &run.timers;
            assert_eq!((timers.messages, timers.sent), (3 * plan.0 as u64, 3 * plan.1 as u64));
            Ok::<_, Error>((run.state()?, run.timers.messages))
        });
        let all: Vec<_> = all.unwrap().into_iter().map(Result::unwrap).collect();
        (all[0].0.clone(), all.iter().map(|one| one.1).sum())
    }

    #[test]
    fn corners_survive_whole_planes() {
        let one = Grid::new([12, 5, 33]).periodic([true, false, false]);
        // What a function says beyond the end of a block is not what it says in the next one.
        let two = Grid::blocks(2, [8, 5, 33]).join(0, Z, 1, [Z, Y, X]).unwrap().join(1, Z, 0, [Z, Y, X]).unwrap();
        for (grid, splits) in [(&one, [(2, 2), (3, 3), (4, 4)]), (&two, [(2, 1), (4, 2), (6, 3)])] {
            let (alone, none) = run(grid, 1, 1, 0);
            assert_eq!(none, 0);
            for (size, parts) in splits {
                let (packed, messages) = run(grid, size, parts, usize::MAX);
                assert_eq!(packed, alone, "{size} ranks, packed");
                let (direct, more) = run(grid, size, parts, 0);
                assert_eq!(direct, alone, "{size} ranks, unpacked");
                assert!(more >= messages && (size > 2 || more == 2 * messages), "{more} against {messages} messages");
            }
        }
    }
}
