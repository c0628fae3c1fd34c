//! Runs one of the models in equations: `cargo run --release --example equations -- gray_scott [steps]`.
use halocline::prelude::*;
use std::process::ExitCode;

#[allow(dead_code)] // parameters that only tests change
mod models;

fn declare(name: &str) -> Result<Model> {
    let grid = |cells: [usize; 2]| Grid::new(cells).length([1.0, 1.0]);
    let model = |grid: Grid| Model::new(Comm::alone(), grid);
    let bell = |at: At| at.bell(0.1);
    let mut m = match name {
        "gray_scott" => model(Grid::new([160, 320]).length([1.6, 3.2]).periodic([true; 2])),
        "convection" => model(Grid::new([32, 64]).length([1.0, 2.016]).periodic([false, true])),
        "acoustics" => model(Grid::new([200, 200]).length([2000.0, 2000.0])),
        _ => model(grid([128, 128])),
    };
    match name {
        "acoustics" => {
            let p = models::acoustics::Parameters { speed: 1500.0, dt: 2e-3, frequency: 15.0, layer: 200.0 };
            models::acoustics::acoustics(&p, &mut m, |_| 0.0)
        }
        "advection" => models::advection::advection(0.4, &mut m, [1.0, 0.5], bell),
        "burgers" => models::burgers::burgers(Scheme::SspRk3, 1e-3, 1e-3, &mut m, bell),
        "convection" => models::convection::convection(5000.0, 1e-4, &mut m),
        "conjugate_gradients" => models::conjugate_gradients::conjugate_gradients(1e-8, &mut m, bell),
        "gray_scott" => models::gray_scott::gray_scott::<f64>(&mut m),
        "maxwell" => models::maxwell::maxwell(4e-3, &mut m, bell),
        "shallow_water" => {
            let p = models::shallow_water::Parameters { depth: 100.0, coriolis: 1.0, dt: 1e-4 };
            models::shallow_water::shallow_water(&p, &mut m, bell)
        }
        _ => Err(Error::input(format!("no model is called `{name}`")).remedy(
            "acoustics, advection, burgers, conjugate_gradients, convection, gray_scott, maxwell, shallow_water",
        )),
    }?;
    Ok(m)
}

fn run() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let name = arguments.first().map_or("gray_scott", String::as_str);
    let steps = arguments.get(1).and_then(|n| n.parse().ok()).unwrap_or(1000);
    let mut run = declare(name)?.compile()?;
    run.advance(steps)?;
    println!("{name} after {steps} steps, t = {} s: state {}", run.time(), run.state()?);
    let diagnostics = run.diagnostics().into_iter().map(|(name, measured)| (name, measured.value));
    for (name, value) in diagnostics.chain(run.recorded()) {
        println!("  {name} = {value}");
    }
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}
