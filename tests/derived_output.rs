//! Derived output: computed when asked for, the same bits on any ranks, and no part of the state.
use halocline::comm::ranks;
use halocline::prelude::*;
use ndarray::Array3;

/// A rotating flow on a C grid, which advects itself.
fn flow(comm: &Comm, derived: bool) -> Result<Model> {
    let mut model = Model::new(comm.clone(), Grid::new([12, 14]).length([1.2, 1.4]).periodic([false, true]));
    let dt = model.fixed_step(1e-3);
    let u = field!(model, u: f64).unit("m s-1").initial(|at| at.uniform(1)).at(FaceX)?;
    let v = field!(model, v: f64).unit("m s-1").initial(|at| at.uniform(2)).at(FaceY)?;
    model.every_step(|s| {
        s.set(u, u + dt * (laplacian(u) - u * ddx(u).on(FaceX)));
        s.set(v, v + dt * laplacian(v));
    });
    if derived {
        model.output("vorticity", ddx(v) - ddy(u)).unit("s-1").long_name("relative vorticity");
        model.output("energy", 0.5 * ((u * u).on(Center) + (v * v).on(Center))).unit("m2 s-2").hidden();
    }
    Ok(model)
}

/// The vorticity and the energy after five steps, and the state after nine.
type Outcome = (Vec<Array3<f64>>, Vec<Array3<f64>>, String);

fn run(comm: &Comm) -> Result<Outcome> {
    let mut run = flow(comm, true)?.compile()?;
    run.advance(5)?;
    let (vorticity, energy) = (run.output("vorticity")?, run.output("energy")?);
    run.advance(4)?;
    Ok((vorticity, energy, run.state()?))
}

#[test]
fn it_is_the_same_bits_on_any_ranks_and_no_part_of_the_state() {
    let (vorticity, energy, state) = run(&Comm::alone()).unwrap();
    let mut without = flow(&Comm::alone(), false).unwrap().compile().unwrap();
    let memory = without.memory();
    without.advance(9).unwrap();
    assert_eq!(without.state().unwrap(), state, "the state");
    assert_eq!(flow(&Comm::alone(), true).unwrap().compile().unwrap().memory(), memory, "memory between instants");
    for n in [2, 3, 4, 6, 8] {
        for of_rank in ranks(n, 1, |comm| run(&comm)).unwrap() {
            let (a, b, of_state) = of_rank.unwrap();
            assert!((&a, &b, &of_state) == (&vorticity, &energy, &state), "{n} ranks");
        }
    }
}

#[test]
fn it_is_what_the_fields_give() {
    let mut run = flow(&Comm::alone(), true).unwrap().compile().unwrap();
    run.advance(3).unwrap();
    let vorticity = run.output::<f64>("vorticity").unwrap().remove(0);
    let [u, v] = ["u", "v"].map(|name| run.gather(run.field::<f64>(name).unwrap()).remove(0));
    let h = 0.1;
    for (y, x) in (1..12).flat_map(|y| (0..14).map(move |x| (y, x))) {
        let west = (x + 13) % 14;
        let expected = (v[[0, y, x]] - v[[0, y, west]]) / h - (u[[0, y, x]] - u[[0, y - 1, x]]) / h;
        let found = vorticity[[0, y, x]];
        assert!((found - expected).abs() < 1e-9 * expected.abs().max(1.0), "{found} {expected} at {y} {x}");
    }
    assert!(run.field::<f64>("vorticity").is_none(), "it is no field");
    assert!(run.output::<f32>("vorticity").unwrap_err().what().contains("no output `vorticity` of f32"));
}

#[test]
fn invalid_declarations_are_errors_of_the_model() {
    type Declare = fn(&mut Model, Field<f64, FaceX>);
    let refused = |declare: Declare| {
        let mut model = Model::new(Comm::alone(), Grid::new([8, 8]));
        let u = model.field::<f64>("u").at(FaceX).unwrap();
        declare(&mut model, u);
        model.compile().err().map_or_else(String::new, |e| e.to_string())
    };
    let cases: [(Declare, &str); 4] = [
        (|model, u| _ = model.output("u", ddx(u)), "the field `u` is declared twice"),
        (|model, u| _ = model.output("my flux", ddx(u)), "`my flux` is not a valid field name"),
        (|model, u| _ = model.output("flux", ddx(u)).unit("m $"), "field `flux`"),
        (
            |model, _| {
                let mut other = Model::new(Comm::alone(), Grid::new([8, 8]));
                let w = other.field::<f64>("w").at(FaceX).expect("a field");
                _ = model.output("flux", ddx(w));
            },
            "another model",
        ),
    ];
    for (declare, message) in cases {
        let said = refused(declare);
        assert!(said.contains(message), "{message} in {said}");
    }
}
