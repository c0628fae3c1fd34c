//! A kernel that panics in one cell ends all ranks, with one line that says where.
use halocline::comm::ranks;
use halocline::prelude::*;

/// Is wrong in one cell after a while.
struct Fragile;
impl Kernel<f64> for Fragile {
    type Reads = (Star<1>, Position, Uniform);
    type Writes = [f64; 1];
    #[inline(always)]
    fn cell(&self, (a, at, time): Near<'_, f64, Self>) -> [f64; 1] {
        assert!(at.key() != 77 || time < 2.0, "a bad cell");
        [a.x::<1>() + a.y::<-1>()]
    }
}

fn fail(comm: Comm) -> Result<()> {
    let mut model = Model::new(comm, Grid::new([12, 12]));
    model.fixed_step(1.0);
    let a = model.field("a").initial(|at| at.uniform(1)).build()?;
    let (time, total) = (model.time(), model.scalar("total", 0.0));
    model.every_step(|s| _ = s.apply(Fragile, (a, Here, time), [a]).reduce(total, sum(a)));
    model.compile()?.advance(5)
}

#[test]
fn a_panic_in_one_cell_ends_all_ranks() {
    for (n, threads) in [(1, 1), (1, 3), (2, 2), (6, 1), (12, 2)] {
        let failure = ranks(n, threads, fail).expect_err("a cell panics");
        let message = &failure.message;
        assert!(message.starts_with("a bad cell (tests/properties/failures.rs:"), "{message}");
        // Alone, or in one sweep with the sum.
        let stage = ["`Fragile`", "`Fragile + sum`"].map(|stage| format!(") in stage {stage} of step 2"));
        assert!(stage.iter().any(|s| message.ends_with(s)) && !message.contains('\n'), "{message}");
        assert_eq!(failure.code, 1);
    }
}

#[test]
fn a_panic_after_the_steps_names_no_stage() {
    let failure = ranks(2, 1, |comm| {
        let mut model = Model::new(comm, Grid::new([4, 4]));
        let a = model.field::<f64>("a").build()?;
        model.every_step(|s| _ = s.apply(crate::stencils::CellPosition, (Here,), [a]));
        model.at_start(|s| _ = s.apply(crate::stencils::CellPosition, (Here,), [a]));
        let mut run = model.compile()?;
        run.start()?;
        run.advance(1)?;
        assert!(run.steps() == 0, "later");
        Ok::<(), Error>(())
    });
    let message = failure.expect_err("it panics").message;
    assert!(message.starts_with("later (") && !message.contains("stage"), "{message}");
}

#[test]
fn nothing_is_printed_on_the_way() {
    let this = std::env::current_exe().expect("a test has a program");
    let run = std::process::Command::new(this)
        .args(["--exact", "failures::a_panic_in_one_cell_ends_all_ranks", "--nocapture"])
        .env_remove("RUST_BACKTRACE")
        .output()
        .expect("the program starts again");
    let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success() && out.contains("1 passed"), "{out}{err}");
    assert_eq!(err, "", "who catches the failure speaks, and nobody else");
}
