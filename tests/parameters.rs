//! `#[parameters]`: schema, defaults, groups and units of a job's parameters, each declared once.
use halocline::config::groups::{InitialKind, InitialValues, TimeStep, Walls};
use halocline::config::{JobFile, describe};
use halocline::prelude::*;
use halocline::{JobEntry, jobs};

/// The parameters of the job of these tests.
#[parameters]
#[derive(Debug, PartialEq)]
struct Heat {
    /// diffusivity κ,
    /// the same everywhere
    #[parameter(default = 1, unit = "m2 s-1", above = 0.0, below = 1e6)]
    kappa: f64,
    /// order of accuracy in space
    #[parameter(default = 2, one_of = [2, 4])]
    order: usize,
    /// weight of the new values
    #[parameter(default = 0.5, one_of = [0.5, 1.0])]
    weight: f64,
    #[parameter(flatten, default = TimeStep::fraction(0.25))]
    step: TimeStep,
    /// name of the field
    #[parameter(default = "t")]
    field: String,
    /// depths of the layers
    #[parameter(default = [1.0, 2.5], unit = "m", min = 0.0, min_length = 1, max_length = 3)]
    depths: Vec<f64>,
    /// the material
    #[parameter(default = Material::DrySand)]
    material: Material,
    #[parameter(flatten, default = InitialValues::uniform(280.0))]
    initial: InitialValues,
    #[parameter(flatten)]
    walls: Walls,
}

/// A material.
#[parameters]
#[derive(Clone, Copy, Debug, PartialEq)]
enum Material {
    /// sand without water
    DrySand,
    /// water
    Water,
}

/// A job without parameters.
#[parameters]
struct NoParameters {}

struct HeatJob;

impl Job for HeatJob {
    const NAME: &'static str = "heat";
    const SUMMARY: &'static str = "heat";
    type Parameters = Heat;

    fn build<R: Real>(p: &Heat, model: &mut Model) -> Result<()> {
        let dt = model.fixed_step(p.step.within(10.0, "Δt ≤ 10 s")?);
        let kappa = p.kappa * 1e-6;
        let t = field!(model, t: f64).unit("K").initial_values(&p.initial)?.boundary(p.walls.boundary()).at(Center)?;
        model.every_step(|s| _ = s.set(t, t + dt * kappa * laplacian(t)));
        Ok(())
    }
}

/// The job file with these lines, its parameters checked; or the message.
fn checked(lines: &str) -> Result<JobFile, String> {
    let text = format!("job = 'heat'\ngrid.cells = [8, 16]\ntime.end = '3 step'\n{lines}");
    let file = JobFile::parse("a.toml", &text, &[]).map_err(|e| e.to_string())?;
    let entry: &[JobEntry] = jobs![HeatJob];
    entry[0].prepare(file).map(|job| job.file().clone()).map_err(|e| e.to_string())
}

fn parsed(lines: &str) -> Heat {
    checked(lines).unwrap_or_else(|e| panic!("{e}")).parameters.try_into().unwrap()
}

/// The model of a job file with these lines, or the message.
fn model(lines: &str) -> Result<Simulation, String> {
    let p = parsed(lines);
    let mut model = Model::new(Comm::alone(), Grid::new([8, 16]));
    HeatJob::build::<f64>(&p, &mut model).map_err(|e| e.to_string())?;
    model.compile().map_err(|e| e.to_string())
}

#[test]
fn one_declaration_gives_defaults_and_a_description_of_every_key() {
    let p = Heat::default();
    assert_eq!((p.kappa, p.order, p.field.as_str(), &p.depths[..]), (1.0, 2, "t", &[1.0, 2.5][..]));
    assert_eq!(
        (p.step, p.material, p.walls),
        (TimeStep { dt: None, fraction: 0.25 }, Material::DrySand, Walls::default())
    );
    let rows: Vec<String> = describe::<Heat>()
        .into_iter()
        .map(|row| [row.name, row.kind, row.unit, row.default, row.range, row.description].join("|"))
        .filter(|row| !row.starts_with("initial"))
        .collect();
    let expected = [
        "kappa|number|m2 s-1|1.0|> 0 and < 1000000|diffusivity κ, the same everywhere",
        "order|whole number||2|2 or 4|order of accuracy in space",
        "weight|number||0.5|0.5 or 1.0|weight of the new values",
        "dt|number|s||> 0|time step; by default `fraction` of the largest stable one",
        "fraction|number||0.25|> 0 and ≤ 1|time step as a fraction of the largest stable one, if `dt` is not given",
        "field|string||\"t\"||name of the field",
        "depths|list of 1 to 3 numbers|m|[1.0, 2.5]|≥ 0|depths of the layers",
        "material|choice||\"dry_sand\"|\"dry_sand\" or \"water\"|the material: dry_sand = sand without water; water = water",
        "width|number|m|0.1|> 0|width of the bell: the distance from the middle at which it has fallen to 1/e",
        "seed|whole number||1|≥ 0|seed of the random numbers",
        "file|string||\"\"||file of initial values, HDF5 or NetCDF; the path is relative to the working directory",
        "variable|string||\"\"||variable in the file, with as many values as the grid has cells",
        "factor|number||||factor by which the values of `file` are multiplied; with it, the units of file and field are not compared",
        "walls|choice||\"insulated\"|\"insulated\" or \"fixed\"|boundary condition at walls; periodic axes have no walls: insulated = no flux; fixed = the value `wall_value`",
        "wall_value|number||0.0||value at fixed walls, in the unit of the field",
    ];
    assert_eq!(rows, expected);
    let initial = describe::<Heat>().into_iter().find(|row| row.name == "initial").unwrap();
    assert_eq!((initial.kind.as_str(), initial.default.as_str()), ("choice or number or table", "280.0"));
    assert!(describe::<NoParameters>().is_empty());
}

#[test]
fn a_group_keeps_the_defaults_of_its_job_when_some_of_its_keys_are_given() {
    assert_eq!(parsed(""), Heat::default());
    let p = parsed("parameters = {dt = 2, width = 0.3, walls = 'fixed', material = 'water', kappa = 3}");
    assert_eq!(p.step, TimeStep { dt: Some(2.0), fraction: 0.25 });
    assert_eq!((p.initial.initial, p.initial.width, p.initial.seed), (InitialKind::Uniform(280.0), 0.3, 1));
    assert_eq!((p.walls, p.material, p.kappa), (Walls::fixed(0.0), Material::Water, 3.0));
    assert_eq!(parsed("parameters.initial = 'random'").initial, InitialValues::random(1));
    assert_eq!(parsed("parameters.initial = 3").initial, InitialValues::uniform(3.0));
    let table = "parameters.initial = {file = 'a.nc', variable = 'T'}";
    assert_eq!(parsed(table).initial.initial, InitialKind::Variable(FileInput::new("a.nc", "T")));
}

#[test]
fn a_number_with_a_unit_is_converted_once_and_written_as_a_number() {
    let with_units =
        checked("parameters = {kappa = '1.1 cm2/s', dt = '0.1 min', depths = ['3 km', 5, '7 ft']}").unwrap();
    let plain = checked("parameters = {kappa = 1.1e-4, dt = 6.0, depths = [3000.0, 5.0, 2.1336]}").unwrap();
    assert_eq!(with_units.to_toml(), plain.to_toml());
    assert!(with_units.to_toml().contains("kappa = 0.00011\n"), "{}", with_units.to_toml());
    // What was written reads back as the same numbers: a resumed run has the same parameters to the last bit.
    let again = JobFile::parse("job.toml", &with_units.to_toml(), &[]).unwrap();
    assert_eq!(again.parameters, with_units.parameters);
    let overridden = ["parameters.dt=0.1 min".to_owned()];
    let given = JobFile::parse("job.toml", &with_units.to_toml(), &overridden).unwrap();
    assert_eq!(jobs![HeatJob][0].prepare(given).unwrap().file().parameters, with_units.parameters);
    let [a, b] = [
        "parameters = {kappa = '1.1 cm2/s', dt = '0.1 min', initial = 'bell', width = '20 cm'}",
        "parameters = {kappa = 1.1e-4, dt = 6, initial = 'bell', width = 0.2}",
    ]
    .map(|lines| {
        let mut run = model(lines).unwrap();
        run.advance(3).unwrap();
        run.state().unwrap().to_string()
    });
    assert_eq!(a, b);
}

#[test]
fn errors_name_the_flat_key_its_line_and_a_remedy() {
    for (lines, message) in [
        ("[parameters]\n\nfractoin = 1", "a.toml:6: unknown key `parameters.fractoin`\n  did you mean `fraction`?"),
        ("parameters.wal_value = 1", "a.toml:4: unknown key `parameters.wal_value`\n  did you mean `wall_value`?"),
        (
            "parameters.zzz = 1",
            "a.toml:4: unknown key `parameters.zzz`\n  known keys are kappa, order, weight, dt, fraction, field, depths, material, \
             initial, width, seed, file, variable, factor, walls, wall_value",
        ),
        ("parameters.step.dt = 1.0", "a.toml:4: unknown key `parameters.step`"),
        ("parameters.dt = 0", "a.toml:4: `parameters.dt` = 0: must be a number > 0 [s]"),
        (
            "parameters.dt = '3 m'",
            "a.toml:4: `parameters.dt` = \"3 m\": the unit `m` has another dimension than s\n  \
             write a number in s, or one with a unit of this dimension",
        ),
        ("parameters.order = 3", "a.toml:4: `parameters.order` = 3: must be 2 or 4"),
        ("parameters.weight = 0.75", "a.toml:4: `parameters.weight` = 0.75: must be 0.5 or 1.0"),
        ("parameters.depths = []", "a.toml:4: `parameters.depths` = []: must be a list of 1 to 3 numbers ≥ 0 [m]"),
        (
            "parameters.depths = [1, '-2 km']",
            "a.toml:4: `parameters.depths[1]` = \"-2 km\": is -2000.0 m, but must be a number ≥ 0 [m]",
        ),
        (
            "parameters.material = 'dry_snad'",
            "a.toml:4: `parameters.material` = \"dry_snad\": must be \"dry_sand\" or \"water\"\n  did you mean \"dry_sand\"?",
        ),
    ] {
        let error = checked(lines).unwrap_err();
        assert!(error.starts_with(message), "{lines}\n{error}");
    }
}

#[test]
fn the_checks_of_groups_name_their_keys_and_the_formula() {
    for (lines, message) in [
        ("parameters.dt = 11", "`parameters.dt` = 11 s is unstable: at most 1.000000e1 s on this grid (Δt ≤ 10 s)"),
        ("parameters = {initial = 'bell', width = 0.01}", "`parameters.width` = 0.01 m: cells of 0.0625 m"),
        ("parameters.file = 'a.nc'", "`parameters.file` is given, but `parameters.initial` is not \"file\""),
        ("parameters.initial = 'file'", "`parameters.initial` = \"file\" needs a file and one of its variables"),
    ] {
        let error = model(lines).err().unwrap_or_else(|| panic!("no error: {lines}"));
        assert!(error.starts_with(message), "{lines}\n{error}");
    }
    let mut run = model("parameters = {walls = 'fixed', wall_value = 280.0}").unwrap();
    run.advance(3).unwrap();
    let t = run.field::<f64>("t").expect("the field");
    assert_eq!([run.measure(max(t)).unwrap().value, run.measure(min(t)).unwrap().value], [280.0; 2]);
}
