//! Fixed models: several element types in one kernel, grids of other sizes, records, sources, ensembles, more ranks than cells.
use halocline::comm::ranks;
use halocline::model::source::{Arrival, Replay};
use halocline::model::{Op, Reduction};
use halocline::prelude::*;

/// Runs a model on all numbers of ranks from 1 to 12, with one to three threads, and wants the same from all.
fn same_on_all_ranks<R: Send + PartialEq + std::fmt::Debug>(sketch: impl Fn(Comm) -> Result<R> + Sync) -> R {
    let mut alone = None;
    for n in 1..=12 {
        for result in ranks(n, 1 + n % 3, &sketch).expect("no rank fails") {
            let result = result.unwrap_or_else(|e| panic!("{n} ranks: {e}"));
            match &alone {
                None => alone = Some(result),
                Some(alone) => assert_eq!(result, *alone, "on {n} ranks"),
            }
        }
    }
    alone.expect("one rank at least")
}

/// Numbers of three types in, numbers of three types out.
struct Mixed;
impl Kernel<f64> for Mixed {
    type Reads = (As<f32, Star<1>>, As<Complex<f64>, Backward<2>>, Pointwise, As<Complex<f32>, Cube<1>>);
    type Writes = (f32, f64, Complex<f32>, Complex<f64>);
    #[inline(always)]
    fn cell(&self, (a, c, b, d): Near<'_, f64, Self>) -> (f32, f64, Complex<f32>, Complex<f64>) {
        let near = a.x::<-1>() + a.y::<1>() * 2.0;
        let far = c.x::<-2>() - c.y::<-1>() * 0.5;
        let corner = d.at::<0, 1, -1>() + d.at::<0, -1, 1>();
        (near * 0.25, b.here() * 0.5 + f64::from(near), corner * 0.25, far * 0.5 + Complex::new(0.0, b.here()))
    }
}

#[test]
fn kernels_of_several_types() {
    let n = 12;
    let value = |seed: u64, key: u64| halocline_kernels::random::uniform(seed, key);
    let fields = same_on_all_ranks(|comm| {
        let mut model = Model::new(comm, Grid::new([n, n]).periodic([true; 2]));
        let a = model.field::<f32>("a").initial(move |at| value(0, at.key)).build()?;
        let b = model.field::<f64>("b").initial(move |at| value(1, at.key)).build()?;
        let complex = move |seed, at: At| Complex::new(value(seed, at.key), value(seed + 1, at.key));
        let c = model.field::<Complex<f64>>("c").initial(move |at| complex(2, at)).build()?;
        let d = model.field::<Complex<f32>>("d").initial(move |at| complex(4, at)).build()?;
        model.every_step(|s| _ = s.apply(Mixed, (a, c, b, d), (a, b, d, c)));
        let mut run = model.compile()?;
        run.advance(2)?;
        Ok((run.gather(a).remove(0), run.gather(b).remove(0), run.gather(c).remove(0), run.gather(d).remove(0)))
    });
    let at = |y: usize, x: usize, dy: isize, dx: isize| {
        let wrap = |i: usize, d: isize| (i as isize + d).rem_euclid(n as isize) as usize;
        wrap(y, dy) * n + wrap(x, dx)
    };
    let draw = |seed| (0..(n * n) as u64).map(move |key| value(seed, key));
    let pairs = |seed| draw(seed).zip(draw(seed + 1)).map(|(re, im)| Complex::new(re, im)).collect::<Vec<_>>();
    let (mut a, mut b) = (draw(0).map(|v| v as f32).collect::<Vec<_>>(), draw(1).collect::<Vec<_>>());
    let (mut c, mut d) =
        (pairs(2), pairs(4).iter().map(|v| Complex::new(v.re as f32, v.im as f32)).collect::<Vec<_>>());
    for _ in 0..2 {
        let (mut e, mut f, mut g, mut h) = (vec![], vec![], vec![], vec![]);
        for y in 0..n {
            for x in 0..n {
                let here = at(y, x, 0, 0);
                let near = a[at(y, x, 0, -1)] + a[at(y, x, 1, 0)] * 2.0;
                e.push(near * 0.25);
                f.push(b[here] * 0.5 + f64::from(near));
                g.push((d[at(y, x, 1, -1)] + d[at(y, x, -1, 1)]) * 0.25);
                h.push((c[at(y, x, 0, -2)] - c[at(y, x, -1, 0)] * 0.5) * 0.5 + Complex::new(0.0, b[here]));
            }
        }
        (a, b, d, c) = (e, f, g, h);
    }
    assert!(fields.0.iter().eq(&a) && fields.1.iter().eq(&b) && fields.2.iter().eq(&c) && fields.3.iter().eq(&d));
}

/// A coefficient eight cells ahead.
struct Coefficient;
impl Kernel<f64> for Coefficient {
    type Reads = (Along<2>,);
    type Writes = [f64; 1];
    #[inline(always)]
    fn cell(&self, (k,): Near<'_, f64, Self>) -> [f64; 1] {
        [k.at::<8>()]
    }
}

#[test]
fn grids_of_their_own_size() {
    // The second grid is longer than the first, and has fewer cells across than there are ranks.
    let lines = same_on_all_ranks(|comm| {
        let mut model = Model::new(comm, Grid::new([4, 3, 2]).length([4.0, 3.0, 2.0]));
        let other = model.add_grid(Grid::new([1, 2, 50]).length([1.0, 2.0, 50.0]));
        let _ = model.field::<f64>("first").whole([Z]).build()?;
        let k = model.profile::<2>(|x| x);
        let f = model.field::<f64>("f").on(other).whole([X]).build()?;
        model.every_step(|s| _ = s.apply(Coefficient, (k,), [f]));
        let mut run = model.compile()?;
        run.advance(1)?;
        Ok(run.gather(f).remove(0))
    });
    assert!(lines.indexed_iter().all(|((_, _, x), v)| *v == x as f64 + 8.5), "{lines}");
}

#[test]
fn lines_begin_as_zeros_wherever_they_are() {
    let (a, b) = same_on_all_ranks(|comm| {
        let mut model = Model::new(comm, Grid::new([12, 5, 11]));
        let a = model.field::<f64>("a").initial(|at| at.x).build()?;
        let b = model.field::<f64>("b").initial(|_| 7.0).build()?;
        model.every_step(|s| {
            for along in [Z, -Y, X] {
                s.lines("first", along, [a], [a, b], |[old], [mut a, mut b]| {
                    b[0] += old[0];
                    a[0] = b[0] + 1.0;
                    a[old.len() - 1] += 1.0;
                });
            }
        });
        let mut run = model.compile()?;
        run.advance(2)?;
        Ok((run.gather(a).remove(0), run.gather(b).remove(0)))
    });
    for ((z, y, x), a) in a.indexed_iter() {
        let b = b[[z, y, x]];
        assert!(if x == 0 { *a == b + 1.0 } else { b == 0.0 && *a == f64::from(x == 10) }, "{a} and {b} in {x}");
    }
    assert!(b.iter().any(|b| *b > 1.0));
}

/// The neighbour toward higher x.
struct Adjacent;
impl Kernel<f64> for Adjacent {
    type Reads = (Forward<1>,);
    type Writes = (f64,);
    #[inline(always)]
    fn cell(&self, (a,): Near<'_, f64, Self>) -> (f64,) {
        (a.x::<1>(),)
    }
}

#[test]
fn diagnostics_may_read_neighbours_and_see_the_present_time() {
    let largest = same_on_all_ranks(|comm| {
        let mut model = Model::new(comm, Grid::new([12, 4]));
        model.fixed_step(1.0);
        let a = model.field("a").boundary_at(X, Boundary::function(|_, t| 10.0 + t)).build()?;
        let beyond = || Reduction::of::<f64, _>("beyond", Op::Max, Adjacent, [a]);
        model.diagnose("beyond", beyond());
        let mut run = model.compile()?;
        let mut seen = vec![run.measure(beyond()).unwrap().value];
        for _ in 0..2 {
            run.advance(1)?;
            seen.push(run.measure(beyond()).unwrap().value);
        }
        Ok(seen)
    });
    assert_eq!(largest, [20.0, 22.0, 24.0], "twice the value at the wall, less nothing");
}

#[test]
fn values_on_walls_follow_the_time() {
    let walls = same_on_all_ranks(|comm| {
        let mut model = Model::new(comm, Grid::new([12, 24]));
        model.fixed_step(1.0);
        let u = model.field::<f64>("u").location(Location::FaceX).boundary(Boundary::function(|_, t| t)).build()?;
        let seen = model.field::<f64>("seen").build()?;
        model.every_step(|s| _ = s.apply(Sides, [u], [seen]));
        let mut run = model.compile()?;
        run.advance(4)?; // the last step begins at time 3
        Ok((run.gather(seen)[0][[0, 5, 0]], run.gather(seen)[0][[0, 5, 23]], run.gather(u)[0][[0, 5, 0]]))
    });
    assert_eq!(walls, (3.0, 3.0, 4.0));
}
/// The faces on both sides of a cell.
struct Sides;
impl Kernel<f64> for Sides {
    type Reads = (ArmsX<0, 1>,);
    type Writes = [f64; 1];
    #[inline(always)]
    fn cell(&self, (u,): Near<'_, f64, Self>) -> [f64; 1] {
        [u.here() + u.x::<1>()]
    }
}

#[test]
fn bags_hash_records_and_nothing_between_them() {
    // A byte and a double word: the hash must not depend on padding, on the order, or on who has what.
    let state = |change: u64| {
        same_on_all_ranks(move |comm| {
            let mut model = Model::gridless(comm);
            let bag = model.records("bag", move |rank, size| {
                (0..100)
                    .filter(|i| i % size == rank)
                    .map(|i| (i as u8, (i as u64 * 31) ^ (change * u64::from(i == 57))))
                    .collect()
            });
            let weight = model.scalar("weight", 0.0);
            model.every_step(|s| _ = s.scatter(bag, |r| r.1 / 7).sum_records(weight, bag, |r| r.1 as f64 / 3.0));
            let mut run = model.compile()?;
            let before = run.state()?;
            run.advance(2)?;
            Ok((before, run.state()?, run.scalar(weight)))
        })
    };
    let (one, other) = (state(0), state(1));
    assert!(one.0 != other.0 && one.1 != other.1);
}

#[test]
fn records_arrive_wherever_their_cell_is() {
    let fields = same_on_all_ranks(|comm| {
        let mut model = Model::new(comm, Grid::blocks(2, [11, 2, 4]));
        model.fixed_step(1.0);
        let a = model.field::<f32>("a").initial(|at| at.key as f64).build()?;
        let source = model.source("gauge", || {
            let record = |i: usize| Arrival {
                time: (i / 8) as f64,
                block: i % 2,
                index: [i % 3, i / 3 % 2, i % 4],
                value: i as f64,
            };
            Ok(Replay::new((0..40).map(record).collect()))
        });
        model.every_step(|s| _ = s.receive(source, a, |old, new| 0.5 * old + new));
        let mut run = model.compile()?;
        run.advance(3)?;
        Ok(run.gather(a))
    });
    let mut wanted: Vec<Vec<f32>> = (0..2).map(|b| (0..88).map(|k| (88 * b + k) as f32).collect()).collect();
    for i in 0..24 {
        let cell = &mut wanted[i % 2][(i % 3 * 2 + i / 3 % 2) * 4 + i % 4];
        *cell = (0.5 * f64::from(*cell) + i as f64) as f32;
    }
    fields.iter().zip(wanted).for_each(|(found, wanted)| assert!(found.iter().eq(&wanted)));
}

#[test]
fn members_of_an_ensemble_do_not_disturb_each_other() {
    let member = |comm: Comm, seed: u64| -> Result<String> {
        let mut model = Model::new(comm, Grid::new([12, 13]).periodic([true, false]));
        let a = model.field::<f64>("a").initial(move |at| at.normal(seed)).build()?;
        let norm = model.scalar("norm", 0.0);
        model.every_step(|s| {
            s.repeat(1 + seed as usize, |s| {
                s.tiles("smooth", [(a, Extent::star(1))], [a], |[old], [mut new]| {
                    for ((z, y, x), v) in new.indexed_iter_mut() {
                        *v = 0.25
                            * (old[[z, y, x + 1]]
                                + old[[z, y + 2, x + 1]]
                                + old[[z, y + 1, x]]
                                + old[[z, y + 1, x + 2]]);
                    }
                });
                s.reduce(norm, norm2(a));
            });
        });
        let mut run = model.compile()?;
        run.advance(3)?;
        run.state()
    };
    let alone: Vec<String> = (0..3).map(|seed| member(Comm::alone(), seed).expect("a member runs")).collect();
    for n in 3..=12 {
        let all = ranks(n, 1, |world| member(world.split(world.rank() % 3), (world.rank() % 3) as u64));
        for (rank, state) in all.expect("no rank fails").into_iter().enumerate() {
            assert_eq!(state.expect("a member runs"), alone[rank % 3], "rank {rank} of {n}");
        }
    }
}

#[test]
fn two_models_on_one_communicator() {
    let states = same_on_all_ranks(|comm| {
        let make = |seed: u64| -> Result<(Simulation, Field<f64>)> {
            let mut model = Model::new(comm.clone(), Grid::new([24, 5]).periodic([true, true]));
            let a = model.field::<f64>("a").initial(move |at| at.uniform(seed)).build()?;
            model.every_step(|s| _ = s.apply(Sides, [a], [a]).apply(Wide, [a], [a]));
            Ok((model.compile()?, a))
        };
        let ((mut one, _), (mut other, _)) = (make(1)?, make(2)?);
        for _ in 0..3 {
            one.advance(1)?;
            other.advance(2)?;
        }
        Ok([one.state()?, other.state()?])
    });
    assert_ne!(states[0], states[1]);
}
/// Four cells up and down.
struct Wide;
impl Kernel<f64> for Wide {
    type Reads = (Star<4>,);
    type Writes = [f64; 1];
    #[inline(always)]
    fn cell(&self, (a,): Near<'_, f64, Self>) -> [f64; 1] {
        [(a.y::<4>() + a.y::<-4>()) * 0.25]
    }
}

#[test]
fn periodic_axes_one_cell_thick() {
    // A rank a cell, read four away: halos come from eight other ranks, or wrap several times.
    for n in [1, 2, 3, 12] {
        let line = |comm: Comm| -> Result<Vec<f64>> {
            let mut model = Model::new(comm, Grid::new([n, 1]).periodic([true, true]));
            let a = model.field("a").initial(|at| at.key as f64).build()?;
            model.every_step(|s| _ = s.apply(Wide, [a], [a]));
            let mut run = model.compile()?;
            run.advance(1)?;
            Ok(run.gather(a)[0].iter().copied().collect())
        };
        let wanted: Vec<f64> = (0..n).map(|i| ((i + 4) % n + (i + 4 * n - 4) % n) as f64 * 0.25).collect();
        for found in ranks(n, 1, line).expect("no rank fails") {
            assert_eq!(found.expect("it runs"), wanted);
        }
    }
}

#[test]
fn misfits_are_named_before_anything_is_allocated() {
    let error = |size: usize, grid: Grid, declare: fn(&mut Model) -> Result<()>| {
        let mut all = ranks(size, 1, |comm| {
            let mut model = Model::new(comm, grid.clone());
            declare(&mut model).expect("declarations are fine");
            model.compile().err().expect("this cannot work")
        })
        .expect("no rank fails");
        let first = all.swap_remove(0);
        assert!(all.iter().all(|e| *e == first) && first.exit_code() == 2);
        first.to_string()
    };
    fn wide(model: &mut Model) -> Result<()> {
        let a = model.field("a").build()?;
        model.every_step(|s| _ = s.apply(Wide, [a], [a]));
        Ok(())
    }
    let short = error(1, Grid::new([3, 8]), wide);
    let (what, place) = short.split_once(" (the stage is declared at ").expect("a line of the source");
    assert_eq!(
        what,
        "axis y has 3 cells, and the field `a` needs 4 in the stage `Wide`: values beyond the boundaries are mirror images of \
         these cells"
    );
    assert!(place.starts_with(file!()) && place.ends_with(")\n  use more cells, or a smaller stencil"), "{short}");
    let thin = error(7, Grid::new([9, 8]), wide);
    assert!(thin.ends_with("use 4 ranks: the largest number up to 7 that it can be cut into"), "{thin}");
    let given = error(3, Grid::new([9, 8]), |model| {
        model.process_grid([1, 3, 1]);
        wide(model)
    });
    assert!(given.contains("cuts y into 3 parts") && given.contains("a part needs 4"), "{given}");
    let itself = error(1, Grid::new([3, 8]), |model| {
        let a = model.field::<f64>("a").build()?;
        model.every_step(|s| _ = s.transpose(a, a, [Z, -Y, X]));
        Ok(())
    });
    assert!(itself.starts_with("the transpose of `a` into `a` has the same source and target"), "{itself}");
    let crooked = error(1, Grid::new([3, 8]), |model| {
        let (a, b) = (model.field::<f64>("a").build()?, model.field("b").build()?);
        model.every_step(|s| _ = s.transpose(a, b, [Z, Y, Y]));
        Ok(())
    });
    assert!(crooked.contains("which is not a permutation"), "{crooked}");
    let long = error(1, Grid::new([3, 8]), |model| {
        let (a, b) = (model.field::<f64>("a").build()?, model.field("b").build()?);
        model.every_step(|s| _ = s.transpose(a, b, [Z, X, Y]));
        Ok(())
    });
    assert!(long.contains("copies 1 × [1, 3, 8] cells into 1 × [1, 3, 8]"), "{long}");
    let outside = error(1, Grid::new([3, 8]), |model| {
        let a = model.field::<f64>("a").build()?;
        model.every_step(|s| _ = s.at_point("lamp", a, [0, 3, 0], |old, _| old));
        Ok(())
    });
    assert!(outside.contains("`lamp` changes `a` in cell [0, 3, 0]"), "{outside}");
}
