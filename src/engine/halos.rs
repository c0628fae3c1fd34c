//! Keeps halos valid, and overlaps halo exchange with the computation of cells that need no message.
use crate::base::Region;
use crate::comm::Comm;
use crate::engine::boundary_fill;
use crate::engine::exchange::Exchange;
use crate::engine::fields::Fields;
use crate::engine::phase::Phase;
use crate::engine::timers::Timers;
use crate::model::location::Location;
use crate::model::stage::Stage;
use crate::program::Program;
use crate::program::copies;
use crate::program::domain::Domain;
use crate::program::exchange_plan::ExchangePlan;
use crate::program::halo_validity::{Halo, invalidate, mark_valid, stale};
use crate::program::layout::layout_of;
use crate::program::transfers::{self, Transfer};
use halocline_kernels::Extent;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// Which halos are valid, and the exchanges that make them so.
pub(super) struct Halos {
    /// By field, the extents to which its halo is valid.
    pub valid: Vec<Vec<Extent>>,
    exchanges: BTreeMap<Halo, Exchange>,
}

impl Halos {
    /// No halo is valid yet.
    pub fn new(fields: usize) -> Halos {
        Halos { valid: vec![vec![]; fields], exchanges: BTreeMap::new() }
    }

    /// Makes all halos stale.
    pub fn invalidate_all(&mut self) {
        self.valid.iter_mut().for_each(Vec::clear);
    }

    /// True if messages may still touch the arrays.
    pub fn is_under_way(&mut self) -> bool {
        self.exchanges.values_mut().any(Exchange::is_under_way)
    }

    /// Starts an exchange: posts the messages, makes local copies and fills boundaries. Returns for each patch the cells that
    /// can be computed before the messages arrive.
    fn start(
        &mut self,
        comm: &Comm,
        fields: &mut Fields,
        timers: &mut Timers,
        halo: &Halo,
        patches: &[Region],
        reads: &[(usize, Extent)],
    ) -> Vec<Region> {
        let started = Instant::now();
        let exchange = self.exchanges.entry(halo.clone()).or_insert_with(|| {
            let program = &fields.program;
            let wanted = |rank| transfers::of_halos(&program.declared, &program.domains, halo, rank);
            plan(comm, program, halo, wanted)
        });
        exchange.start(comm, &fields.now, &fields.now);
        timers.record_messages(exchange.traffic());
        let mut inner = patches.to_vec();
        let extent = reads.iter().fold(Extent::POINTWISE, |all, r| all.union(&r.1));
        for (patch, target) in exchange.remote_targets() {
            inner[patch] = away_from(inner[patch], patches[patch], target, &extent);
        }
        // Inner cells also read corners where boundaries and local halos meet; the other corners follow with the messages.
        fill_boundaries(fields, halo);
        // SAFETY: until `finish`, computations read no halo cell that a message writes, and write only to other arrays: a
        // stage that reads and writes a field writes to its `next` array.
        unsafe { exchange.start_direct(&fields.now, &fields.now) };
        timers.record(Phase::Halos, started);
        inner
    }

    /// Waits for the messages of [`Halos::start`].
    fn finish(&mut self, comm: &Comm, fields: &mut Fields, timers: &mut Timers, halo: &Halo) {
        let started = Instant::now();
        let received = self.exchanges.get_mut(halo).expect("started").finish(comm, &fields.now);
        let started = timers.record(Phase::Wait, started);
        if received && halo.iter().any(|(_, extent)| extent.corners) {
            fill_boundaries(fields, halo);
            timers.record(Phase::Halos, started);
        }
        mark_valid(&mut self.valid, halo);
    }

    /// Makes halos valid without overlapping computation.
    pub fn exchange(&mut self, comm: &Comm, fields: &mut Fields, timers: &mut Timers, halo: &Halo) {
        let Some(&(first, _)) = halo.first() else { return };
        let patches = fields.patch_regions(first);
        self.start(comm, fields, timers, halo, &patches, &[]);
        self.finish(comm, fields, timers, halo);
    }

    /// Calls `work` on boxes that cover the patches of a stage: first boxes that need no message, then, once the
    /// messages have arrived, the others.
    pub fn overlap(
        &mut self,
        comm: &Comm,
        fields: &mut Fields,
        timers: &mut Timers,
        stage: &Stage,
        patches: &[Region],
        mut work: impl FnMut(&Fields, &[(usize, Region)]),
    ) {
        let stale = stale(&self.valid, &stage.reads);
        let all: Vec<(usize, Region)> = patches.iter().copied().enumerate().collect();
        if stale.is_empty() {
            let started = Instant::now();
            work(fields, &all);
            timers.record(Phase::Compute, started);
            return;
        }
        let inner = self.start(comm, fields, timers, &stale, patches, &stage.reads);
        let started = Instant::now();
        work(fields, &inner.iter().copied().enumerate().collect::<Vec<_>>());
        timers.record(Phase::Compute, started);
        self.finish(comm, fields, timers, &stale);
        if inner != patches {
            let started = Instant::now();
            let rest = all.iter().flat_map(|&(p, region)| region.without(&inner[p]).into_iter().map(move |e| (p, e)));
            work(fields, &rest.collect::<Vec<_>>());
            timers.record(Phase::Edges, started);
        }
    }

    /// Marks the halos of written fields stale, and sets their values on boundaries.
    pub fn written(&mut self, fields: &mut Fields, written: &[usize]) {
        let Fields { program, now, patches, boundary_time, .. } = fields;
        for &f in written {
            invalidate(&program.declared, &mut self.valid, f);
            let d = &program.declared.fields[f];
            if d.location != Location::Center && !d.derived {
                for (array, patch) in now[f].iter_mut().zip(&patches[f]) {
                    let grid = program.grid_of(f);
                    boundary_fill::set_boundary_faces(array, grid, patch, d.location, &d.boundaries, *boundary_time);
                }
            }
        }
    }

    /// Takes boundary values at another time in seconds: marks the halos of fields with time-dependent boundary conditions stale,
    /// and sets their values on boundaries.
    pub fn boundaries_at(&mut self, fields: &mut Fields, time: f64) {
        fields.boundary_time = time;
        let varying: Vec<usize> = fields.declared().varying().collect();
        self.written(fields, &varying);
    }
}

/// Sets up the exchange of a halo with the neighbours of this rank.
pub(super) fn plan(comm: &Comm, program: &Program, halo: &Halo, wanted: impl Fn(usize) -> Vec<Transfer>) -> Exchange {
    let near = |(f, extent): &(usize, Extent)| {
        let domain: &Domain = &program.domains[&layout_of(&program.declared.fields[*f])];
        copies::neighbours(program.grid_of(*f), domain, comm.rank(), extent)
    };
    let peers: BTreeSet<usize> = halo.iter().flat_map(near).collect();
    Exchange::new(comm, ExchangePlan::new(comm.rank(), &peers, wanted))
}

fn fill_boundaries(fields: &mut Fields, halo: &Halo) {
    let Fields { program, now, patches, boundary_time, .. } = fields;
    for (f, extent) in halo {
        let (d, grid) = (&program.declared.fields[*f], program.grid_of(*f));
        for (array, patch) in now[*f].iter_mut().zip(&patches[*f]) {
            boundary_fill::fill(array, grid, patch, d.location, &d.boundaries, extent, *boundary_time);
        }
    }
}

/// Shrinks `inner`, a part of the patch `whole`, to a box without the cells that read `target`.
fn away_from(mut inner: Region, whole: Region, target: Region, extent: &Extent) -> Region {
    // Along each axis where the target lies outside the patch, cells near that side read it. Cutting along one
    // such axis is enough, and costs nothing if that side was cut already.
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

#[cfg(test)]
mod tests {
    use crate::base::index_transform::{X, Y, Z};
    use crate::comm::ranks;
    use crate::prelude::*;
    use crate::program::Program;

    /// Sums all cells of a stencil, weighted by their offsets.
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

    fn model(comm: &Comm, grid: &Grid, parts: usize, direct: usize) -> Result<Model> {
        let mut model = Model::new(comm.clone(), grid.clone());
        model.process_grid([parts, 1, 1]);
        model.direct(direct);
        model.fixed_step(0.5);
        // Boundary values vary along the boundary and with time.
        let condition = Boundary::function(|at, time| 3.0 * at.z * at.z + time);
        let a = model.field::<f64>("a").initial(|at| at.uniform(1)).boundary(condition).build()?;
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
        Ok(model)
    }

    /// The state after some steps, and the messages of all ranks.
    fn run(grid: &Grid, size: usize, parts: usize, direct: usize) -> (String, u64) {
        let all = ranks(size, 1, |comm| {
            let plan = Program::new(model(&comm, grid, parts, direct)?, size)?.messages()[comm.rank()];
            let mut run = model(&comm, grid, parts, direct)?.compile()?;
            run.advance(3)?;
            let timers = run.timers();
            assert_eq!((timers.messages, timers.sent), (3 * plan.0 as u64, 3 * plan.1 as u64));
            let messages = timers.messages;
            Ok::<_, Error>((run.state()?, messages))
        });
        let all: Vec<_> = all.unwrap().into_iter().map(Result::unwrap).collect();
        (all[0].0.clone(), all.iter().map(|one| one.1).sum())
    }

    /// An integrator reads boundary values at the times of its stages, so it exchanges their fields before each stage.
    #[test]
    fn integrators_send_the_messages_of_the_plan() {
        let declare = |comm: &Comm, varies: bool| -> Result<Model> {
            let mut model = Model::new(comm.clone(), Grid::new([24]));
            model.fixed_step(0.1);
            model.fuse(0);
            let condition = if varies { Boundary::function(|_, time| time) } else { Boundary::Value(1.0) };
            let q = model.field::<f64>("q").boundary(condition.clone()).at(Center)?;
            let c = model.field::<f64>("c").initial(|at| at.x).boundary(condition).at(Center)?;
            model.integrate(Scheme::Rk4, (q,), |(q,)| (laplacian(q + c),))?;
            Ok(model)
        };
        for (varies, halos) in [(false, 4), (true, 7)] {
            let all = ranks(3, 1, |comm| {
                let plan = Program::new(declare(&comm, varies)?, 3)?.messages()[comm.rank()];
                let mut run = declare(&comm, varies)?.compile()?;
                run.advance(1)?;
                let before = (run.timers().messages, run.timers().sent);
                run.advance(3)?;
                let timers = run.timers();
                let sent = (timers.messages - before.0, timers.sent - before.1);
                assert_eq!(sent, (3 * plan.0 as u64, 3 * plan.1 as u64), "with varying boundaries: {varies}");
                assert_eq!(plan.1, halos * 8 * if comm.rank() == 1 { 2 } else { 1 });
                Ok::<_, Error>(())
            });
            all.unwrap().into_iter().for_each(|one| one.unwrap());
        }
    }

    #[test]
    fn corners_are_correct_after_direct_transfers() {
        let one = Grid::new([12, 5, 33]).periodic([true, false, false]);
        // A boundary function beyond the end of a block differs from its values in the next block.
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
