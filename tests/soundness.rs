//! Programs in safe code that must not reach undefined behaviour: each is refused with an error, before any cell is touched.
use halocline::comm::ranks;
use halocline::model::{Op, Records};
use halocline::prelude::*;

/// Doubles a field.
struct Twice;
impl Kernel<f64> for Twice {
    type Reads = (Pointwise,);
    type Writes = [f64; 1];
    #[inline(always)]
    fn cell(&self, (t,): Near<'_, f64, Self>) -> [f64; 1] {
        [2.0 * t.here()]
    }
}

/// A field of coefficients along x.
struct AlongX;
impl Kernel<f64> for AlongX {
    type Reads = (Along<2>,);
    type Writes = [f64; 1];
    #[inline(always)]
    fn cell(&self, (c,): Near<'_, f64, Self>) -> [f64; 1] {
        [c.here()]
    }
}

/// A field times a scalar.
struct Scaled;
impl Kernel<f64> for Scaled {
    type Reads = (Pointwise, Uniform);
    type Writes = [f64; 1];
    #[inline(always)]
    fn cell(&self, (t, s): Near<'_, f64, Self>) -> [f64; 1] {
        [s * t.here()]
    }
}

/// The sum of the neighbours two cells away.
struct Far;
impl Kernel<f64> for Far {
    type Reads = (Star<2>,);
    type Writes = (f64,);
    #[inline(always)]
    fn cell(&self, (t,): Near<'_, f64, Self>) -> (f64,) {
        (t.x::<-2>() + t.x::<2>(),)
    }
}

/// What an error says, in one line.
fn refused<T>(outcome: Result<T>) -> String {
    let Err(error) = outcome else { panic!("it was accepted") };
    error.to_string()
}

/// A model with a large and a small grid, and a field on each.
fn two_grids(comm: Comm) -> Result<(Model, Field<f64>, Field<f64>)> {
    let mut model = Model::new(comm, Grid::new([64, 64, 64]));
    let small = model.add_grid(Grid::new([4, 4, 4]));
    let a = model.field::<f64>("a").initial(|_| 1.0).build()?;
    let b = model.field::<f64>("b").on(small).initial(|_| 1.0).build()?;
    Ok((model, a, b))
}

#[test]
fn measurements_and_diagnostics_on_two_grids() {
    let (model, a, b) = two_grids(Comm::alone()).unwrap();
    let mut run = model.compile().unwrap();
    let why = refused(run.measure(dot(a, b)));
    assert!(why.contains("`dot` uses `a` and `b`, which are on different grids or decompositions"), "{why}");
    assert_eq!(run.measure(sum(b)).unwrap().value, 64.0);
    let (mut model, a, b) = two_grids(Comm::alone()).unwrap();
    model.diagnose("a dot b", dot(a, b));
    assert!(refused(model.compile()).contains("`dot` uses `a` and `b`"));
}

#[test]
fn measurements_in_two_splits() {
    let found = ranks(2, 1, |comm| -> Result<String> {
        let mut model = Model::new(comm, Grid::new([64, 64]));
        let a = model.field::<f64>("a").initial(|_| 1.0).build()?;
        let b = model.field::<f64>("b").whole([Y]).initial(|_| 1.0).build()?;
        Ok(refused(model.compile()?.measure(dot(a, b))))
    });
    for why in found.unwrap() {
        assert!(why.unwrap().contains("different grids or decompositions"));
    }
}

#[test]
fn measurements_beyond_the_halo() {
    let mut model = Model::new(Comm::alone(), Grid::new([8, 8]).periodic([true; 2]));
    let a = model.field::<f64>("a").build().unwrap();
    let far = || Reduction::of::<f64, _>("far", Op::Sum, Far, [a]);
    let why = refused(model.compile().unwrap().measure(far()));
    assert!(why.contains("`far` reads `a` as far as") && why.contains("Model::diagnose"), "{why}");
}

/// What compiling a model says whose step uses handles of another model, with the same numbers but other types.
fn with_foreign(declare: impl Fn(&mut Schedule, Field<f64>, &Foreign)) -> String {
    let grid = || Grid::new([4, 4, 64]);
    let mut other = Model::new(Comm::alone(), grid());
    let foreign = Foreign {
        wide: other.field::<f64>("wide").build().unwrap(),
        long: other.profile::<2>(|x| x),
        scalar: other.scalar("s", 1.0),
        records: other.records("r", |_, _| vec![1_u64]),
    };
    let mut model = Model::new(Comm::alone(), grid());
    model.field::<f32>("narrow").build().unwrap();
    let mine = model.field::<f64>("mine").build().unwrap();
    model.profile::<0>(|z| z);
    model.scalar("t", 1.0);
    model.records("q", |_, _| vec![1_u8]);
    model.every_step(|s| declare(s, mine, &foreign));
    refused(model.compile())
}

/// Handles of another model.
struct Foreign {
    wide: Field<f64>,
    long: Profile<2>,
    scalar: Scalar,
    records: Records<u64>,
}

#[test]
fn handles_of_other_models() {
    let by_another = |why: String, what: &str| {
        assert!(why.contains(what) && why.contains("was declared by another model"), "{why}");
    };
    by_another(
        with_foreign(|s, mine, f| _ = s.apply(Twice, [f.wide], [mine])),
        "the stage `Twice` uses a field of `f64`",
    );
    by_another(with_foreign(|s, mine, f| _ = s.apply(Twice, [mine], [f.wide])), "a field of `f64`");
    by_another(with_foreign(|s, mine, f| _ = s.transpose(mine, f.wide, [Z, Y, X])), "the stage `transpose`");
    by_another(with_foreign(|s, mine, f| _ = s.apply(AlongX, (f.long,), [mine])), "a profile along x");
    by_another(with_foreign(|s, mine, f| _ = s.apply(Scaled, (mine, f.scalar), [mine])), "a scalar");
    by_another(with_foreign(|s, mine, f| _ = s.reduce(f.scalar, sum(mine))), "a scalar");
    by_another(with_foreign(|s, _, f| _ = s.compute(f.scalar, [], |[]| 1.0)), "a scalar");
    by_another(with_foreign(|s, _, f| _ = s.scatter(f.records, |r| *r)), "a set of records");
    by_another(with_foreign(|s, _, f| _ = s.at_point("p", f.wide, [0; 3], |v, _| v)), "a field of `f64`");
    by_another(with_foreign(|s, _, f| _ = s.tiles("t", [], [f.wide], |[], [_]| {})), "a field of `f64`");
    by_another(with_foreign(|s, mine, f| _ = s.lines("l", X, [f.wide], [mine], |[_], [_]| {})), "a field of `f64`");
    let until = with_foreign(|s, mine, f| _ = s.until(f.scalar.below(1.0), 2, |s| _ = s.apply(Twice, [mine], [mine])));
    assert!(until.contains("uses a scalar of another model"), "{until}");
}

#[test]
fn handles_of_other_models_after_compiling() {
    let mut other = Model::new(Comm::alone(), Grid::new([4, 4]));
    let wide = other.field::<f64>("wide").build().unwrap();
    let (grid, scalar) = (other.add_grid(Grid::new([2, 2])), other.scalar("s", 1.0));
    let mut model = Model::new(Comm::alone(), Grid::new([4, 4]));
    let why = refused(model.field::<f32>("on").on(grid).build());
    assert!(why.contains("a grid of another model"), "{why}");
    model.field::<f32>("narrow").build().unwrap();
    let mut run = model.compile().unwrap();
    assert!(refused(run.measure(sum(wide))).contains("declared by another model"));
    let run = std::panic::AssertUnwindSafe(run);
    assert!(std::panic::catch_unwind(|| run.gather(wide).len()).is_err());
    assert!(std::panic::catch_unwind(|| run.scalar(scalar)).is_err());
    let mut model = Model::new(Comm::alone(), Grid::new([4, 4]));
    model.field::<f64>("mine").build().unwrap();
    model.vector([None, None, Some(wide)]);
    assert!(refused(model.compile()).contains("a vector is declared with a field of another model"));
}

#[test]
fn grids_that_no_memory_can_hold() {
    for cells in [[1 << 58, 1, 1], [1, 1 << 40, 1 << 40], [1, 1, 1 << 62]] {
        let mut model = Model::new(Comm::alone(), Grid::new(cells));
        model.field::<f64>("t").build().unwrap();
        let why = refused(model.compile());
        assert!(why.contains("is larger than the address space"), "{why}");
    }
}
