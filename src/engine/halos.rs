//! Halos: which are stale, and how they are made fresh.
use super::{Halo, Layout, Phase, Simulation, Store};
use crate::boundary;
use crate::domain::Domain;
use crate::exchange::{Exchange, Move};
use crate::field::Declaration;
use crate::grid::Location;
use crate::model::Design;
use crate::region::Region;
use crate::traffic;
use halocline_kernels::Reach;
use std::collections::BTreeMap;
use std::time::Instant;

impl Simulation {
    /// Starts to make halos fresh: messages fly, and what needs none is done when this returns. For each patch, the cells
    /// that can be computed before the messages are here.
    pub(super) fn start_halos(&mut self, halo: &Halo, patches: &[Region], reads: &[(usize, Reach)]) -> Vec<Region> {
        let started = Instant::now();
        if !self.exchanges.contains_key(halo) {
            let exchange =
                Exchange::new(&self.comm, |rank| wanted(&self.store.design, &self.store.domains, halo, rank));
            self.exchanges.insert(halo.clone(), exchange);
        }
        let exchange = self.exchanges.get_mut(halo).expect("made above");
        exchange.start(&self.comm, &self.store.now, &self.store.now);
        self.clockwork.sends(exchange.traffic());
        let mut inner = patches.to_vec();
        let reach = reads.iter().fold(Reach::OWN, |all, r| all.union(&r.1));
        for (patch, target) in exchange.remote_targets() {
            inner[patch] = away_from(inner[patch], patches[patch], target, &reach);
        }
        // Where walls and local halos meet, corners are read by the inner cells too; the others follow with the messages.
        self.fill_boundaries(halo);
        if inner == patches {
            self.freshen(halo);
        }
        self.clockwork.spent(Phase::Halos, started);
        inner
    }

    /// Waits for the messages of [`Simulation::start_halos`].
    pub(super) fn finish_halos(&mut self, halo: &Halo) {
        let started = Instant::now();
        self.exchanges.get_mut(halo).expect("started").finish(&self.comm, &self.store.now);
        let started = self.clockwork.spent(Phase::Wait, started);
        if halo.iter().any(|(_, reach)| reach.corners) {
            self.fill_boundaries(halo);
            self.clockwork.spent(Phase::Halos, started);
        }
        self.freshen(halo);
    }

    fn freshen(&mut self, halo: &Halo) {
        for (f, reach) in halo {
            self.fresh[*f].push(*reach);
        }
    }

    fn fill_boundaries(&mut self, halo: &Halo) {
        let time = self.time();
        for (f, reach) in halo {
            let Store { design, now, patches, .. } = &mut self.store;
            let d = &design.declarations[*f];
            let grid = &design.grids[d.grid];
            for (array, patch) in now[*f].iter_mut().zip(&patches[*f]) {
                boundary::fill(array, grid, patch, d.location, &d.boundaries, reach, time);
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
        let varies = |d: &Declaration| d.boundaries.iter().flatten().any(boundary::Boundary::varies);
        let declarations = self.store.design.declarations.iter();
        let varying: Vec<usize> = declarations.enumerate().filter(|(_, d)| varies(d)).map(|(f, _)| f).collect();
        self.written(&varying);
    }
}

/// All cells of these halos that some rank owns, as a rank wants them.
pub(super) fn wanted(design: &Design, domains: &BTreeMap<Layout, Domain>, halo: &Halo, rank: usize) -> Vec<Move> {
    let mut moves = vec![];
    for (f, reach) in halo {
        let d = &design.declarations[*f];
        let (grid, domain) = (&design.grids[d.grid], &domains[&(d.grid, d.whole)]);
        for copy in traffic::halo(grid, domain, rank, reach) {
            let (mut from, mut negate) = (*f, false);
            if let Some((vector, axis)) = d.vector
                && !copy.turn.is_shift()
            {
                let heading = copy.turn.to[axis];
                from = design.vectors[vector][heading.axis].unwrap_or(*f);
                negate = heading.reversed;
            }
            moves.push(Move { copy, from, to: *f, negate, element: d.element });
        }
    }
    moves
}

/// A field is written: its halo is stale, and so are those of the other components of a vector, which turn into each other.
pub(super) fn soil(design: &Design, fresh: &mut [Vec<Reach>], f: usize) {
    fresh[f].clear();
    if let Some((vector, _)) = design.declarations[f].vector {
        design.vectors[vector].iter().flatten().for_each(|&component| fresh[component].clear());
    }
}

/// Reads whose halo is not up to date, without the axes along which it is (corners belong to all axes).
pub(super) fn stale(fresh: &[Vec<Reach>], reads: &[(usize, Reach)]) -> Halo {
    let stale = |&(f, reach): &(usize, Reach)| {
        let is_fresh = |wanted: &Reach| fresh[f].iter().any(|r| r.covers(wanted));
        let mut rest = reach;
        for a in (0..3).filter(|_| !reach.corners) {
            let mut along = Reach::OWN;
            (along.below[a], along.above[a]) = (reach.below[a], reach.above[a]);
            if is_fresh(&along) {
                (rest.below[a], rest.above[a]) = (0, 0);
            }
        }
        (!rest.is_own() && !is_fresh(&reach)).then_some((f, rest))
    };
    reads.iter().filter_map(stale).collect()
}

/// What is left of `inner`, a part of the patch `whole`, when all cells that read `target` are taken away.
fn away_from(mut inner: Region, whole: Region, target: Region, reach: &Reach) -> Region {
    // Along each axis where the target lies outside the patch, cells near that side read it. One such axis is enough, and
    // one along which the side was cut off already costs nothing.
    let mut cuts = vec![];
    for a in 0..3 {
        if target.high[a] <= whole.low[a] {
            cuts.push(inner.with(a, (whole.low[a] + reach.below[a] as isize).max(inner.low[a]), inner.high[a]));
        } else if target.low[a] >= whole.high[a] {
            cuts.push(inner.with(a, inner.low[a], (whole.high[a] - reach.above[a] as isize).min(inner.high[a])));
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
