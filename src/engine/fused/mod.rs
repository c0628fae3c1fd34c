//! Fusion: several stages and steps are computed on a tile while it is in cache.
//!
//! An unfused stencil code is limited by memory bandwidth: each step reads and writes every field once. But a stage is a pure
//! function of its stencil, and the program knows the whole schedule. So several stages and steps are computed on a part of
//! the grid that stays in cache, for any kernels, and memory is read and written once for all of them. The same operations
//! are applied to the same numbers, so results are bit-identical.
//!
//! Whole steps are fused if nothing in them needs all cells (a reduction whose result is read, a sweep along lines, a
//! transpose); otherwise the groups of consecutive stages between such operations. `program::fusion` decides what can be
//! fused.
//!
//! In the order of execution: [`deep_halos`] exchanges halos as deep as all instances together read; [`sweep`] runs a
//! block on all tiles of a rank; [`wavefront`] runs it on one tile; [`worker`] computes a plane of an instance;
//! [`ring_buffer`] holds its rows; [`prefetch`] loads the planes read next into cache; [`choice`] measures how many steps and
//! rows are fastest; [`fusion`] runs steps and groups.
mod choice;
mod context;
mod deep_halos;
mod fusion;
mod prefetch;
mod ring_buffer;
mod sweep;
mod wavefront;
mod worker;

pub(super) use choice::Candidate;
pub(super) use fusion::Fusion;

#[cfg(test)]
mod tests {
    use crate::comm::ranks;
    use crate::model::Clock;
    use crate::prelude::*;

    /// Two fields of different types: one read with a symmetric stencil, the other forward.
    struct Mix;
    impl Kernel<f64> for Mix {
        type Reads = (Star<2>, As<f32, Forward<1>>);
        type Writes = (f64, f32);
        #[inline(always)]
        fn cell(&self, (a, b): Near<'_, f64, Self>) -> (f64, f32) {
            let around = a.x::<-2>() + a.x::<1>() + a.y::<-1>() + a.y::<2>() + a.z::<-2>() + a.z::<1>();
            let forward = b.x::<1>() + b.y::<1>() - b.z::<1>();
            (0.5 * a.here() + 0.08 * around + f64::from(b.here()), 0.25 * forward - a.here() as f32)
        }
    }

    fn model(comm: &Comm, cells: [usize; 3], periodic: bool) -> Result<Model> {
        let mut model = Model::new(comm.clone(), Grid::new(cells).periodic([periodic, false, periodic]));
        let a = model.field::<f64>("a").initial(|at| at.uniform(1)).boundary(Boundary::Value(0.5)).build()?;
        let b = model.field::<f32>("b").location(Location::FaceX).initial(|at| at.uniform(2));
        let b = b.boundary(Boundary::Reflecting).build()?;
        model.fixed_step(0.5);
        model.every_step(|s| {
            s.at_point("source", a, [3, 4, 5], |old, time| old + 0.25 * time);
            s.apply(Mix, (a, b), (a, b));
        });
        Ok(model)
    }

    /// The state after some steps, and how they were fused. Without caches all rows are written by non-temporal stores.
    fn state(fuse: usize, caches: bool, cells: [usize; 3], periodic: bool, on: (usize, usize)) -> (String, String) {
        let all = ranks(on.0, on.1, |comm| {
            let mut model = model(&comm, cells, periodic)?;
            model.fuse(fuse);
            let mut run = model.compile()?;
            run.core_mut().fields.cache = if caches { usize::MAX / 8 } else { 0 };
            run.advance(7)?;
            Ok::<_, Error>((run.state()?, run.fusion()))
        });
        all.unwrap().swap_remove(0).unwrap()
    }

    #[test]
    fn rows_written_by_non_temporal_stores_are_complete() {
        for cells in [[9, 10, 7], [12, 9, 16], [8, 11, 151], [6, 9, 1030]] {
            for periodic in [false, true] {
                let (plain, how) = state(0, true, cells, periodic, (1, 1));
                assert_eq!(how, "stage by stage");
                for (fuse, on) in [(0, (1, 2)), (1, (1, 1)), (2, (1, 3)), (3, (2, 1)), (7, (1, 1))] {
                    for caches in [false, true] {
                        let (found, how) = state(fuse, caches, cells, periodic, on);
                        assert_eq!(found, plain, "{cells:?}, periodic {periodic}, {on:?}, caches {caches}: {how}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_reason_for_not_fusing_is_described() {
        let why = |change: fn(&mut Model)| {
            let mut model = model(&Comm::alone(), [9, 10, 7], false).unwrap();
            change(&mut model);
            model.compile().unwrap().fusion()
        };
        assert!(
            why(|model| model.fuse(4)).starts_with("fused 4") || why(|model| model.fuse(4)) == "up to 4 steps fused"
        );
        assert!(why(|model| model.process_grid([1, 1, 1])).starts_with("up to"));
        let time = why(|model| model.declared.clock = Clock::Adaptive);
        assert_eq!(time, "stage by stage: the time step may change");
        let stop = why(|model| {
            let norm = model.scalar("norm", 1.0);
            model.stop_when(norm.below(0.5));
        });
        assert_eq!(stop, "stage by stage: any step may be the last");
        assert_eq!(why(|model| model.fuse(99)), "stage by stage: 99 steps have 198 stages, and at most 64 are fused");
    }
}
