//! Input files through the command: what is read from them, and what is said about those that cannot be used.
#[path = "input_files/classic_file.rs"]
mod classic_file;
mod support;

use classic_file::Kind::{F32, F64, I8, I16};
use classic_file::{Variable, classic_file};
use std::fs;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::*;
use tempfile::TempDir;

/// A job file on a grid of [4, 8] cells of 0.125 m, and input files beside it.
struct Folder(TempDir);

impl Folder {
    fn new() -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        let text = "job = 'diffusion'\ngrid.cells = [4, 8]\ntime.end = '0 step'\n\
                    [output.fields]\nevery = '1 step'\n";
        folder.write("job.toml", text.as_bytes());
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    /// Runs the job with keys of the table `parameters.initial`; a file name is one of this folder.
    fn run_on(&self, ranks: Ranks, file: &str, keys: &str) -> Ended {
        let output = self.path("out");
        let _ = fs::remove_dir_all(&output);
        let table = format!("parameters.initial={{file = '{}'{keys}}}", self.path(file).display());
        run(ranks, &self.path("job.toml"), &output).with(table).ends()
    }

    /// Runs the job on one rank. Returns the initial values, row by row.
    fn values(&self, file: &str, keys: &str) -> Vec<f64> {
        let ended = self.run_on(Ranks::Threads(1), file, keys);
        ended.state();
        instants(&self.path("out"), "fields", "temperature").remove(0).1
    }

    /// `halocline check` and `run` both refuse a file with this message, and nothing is written.
    fn refused(&self, file: &str, keys: &str, texts: &[&str]) {
        let table = format!("parameters.initial={{file = '{}'{keys}}}", self.path(file).display());
        let program = Path::new(env!("CARGO_BIN_EXE_halocline"));
        let check = Run::of(Ranks::Threads(1), program, "check").with("check");
        check.with(self.path("job.toml").to_str().unwrap()).with(table).ends().fails(2, texts);
        self.run_on(Ranks::Threads(2), file, keys).fails(2, texts);
        assert!(!self.path("out").exists(), "{file}");
    }
}

const T: &str = ", variable = 'T'";

fn ramp() -> Vec<f64> {
    (0..32).map(f64::from).collect()
}

fn coordinate(name: &'static str, dim: usize, values: &[f64]) -> Variable {
    Variable::new(name, &[dim], F64, values).text("units", "m")
}

/// Cell centres along an axis of `n` cells of `h` metres.
fn centres(n: usize, h: f64) -> Vec<f64> {
    (0..n).map(|i| (i as f64 + 0.5) * h).collect()
}

const YX: [(&str, u32); 2] = [("y", 4), ("x", 8)];

/// A file of a variable T on (y, x) with the coordinates of the grid.
fn on_grid(t: Variable) -> Vec<u8> {
    classic_file(1, 0, &YX, &[coordinate("y", 0, &centres(4, 0.125)), coordinate("x", 1, &centres(8, 0.125)), t])
}

#[test]
fn packed_values_are_unpacked_in_all_classic_formats() {
    let folder = Folder::new();
    for version in [1, 2, 5] {
        let bytes = |t: &Variable| classic_file(version, 0, &YX, std::slice::from_ref(t));
        let sevens: Vec<f64> = ramp().iter().map(|v| v * 7.0).collect();
        let stored: Vec<f64> = sevens.iter().map(|&v| if v > 127.0 { v - 256.0 } else { v }).collect();
        let t = Variable::new("T", &[0, 1], I8, &stored).text("_Unsigned", "true");
        folder.write("a.nc", &bytes(&t));
        assert_eq!(folder.values("a.nc", T), sevens, "version {version}");
        let t = Variable::new("T", &[0, 1], I16, &ramp()).numbers("scale_factor", F64, &[0.5]);
        folder.write("a.nc", &bytes(&t.numbers("add_offset", F64, &[100.0])));
        assert_eq!(folder.values("a.nc", T)[31], 115.5);
    }
}

#[test]
fn missing_values_are_counted_and_placed_or_filled() {
    let folder = Folder::new();
    let mut single = ramp();
    single[10] = f64::from(1e20f32);
    let mut default_fill = ramp();
    default_fill[20] = f64::from(9.969_21e36_f32);
    let mut not_a_number = ramp();
    not_a_number[9..12].fill(f64::NAN);
    let variable = |values: &[f64]| Variable::new("T", &[0, 1], F32, values);
    let out_of_range = variable(&ramp()).numbers("valid_range", F32, &[2.0, 40.0]);
    for (t, count, place) in [
        (variable(&single).numbers("missing_value", F64, &[1e20]), 1, "[0, 1, 2] (y = 0.1875 m, x = 0.3125 m)"),
        (variable(&default_fill), 1, "[0, 2, 4]"),
        (variable(&not_a_number), 3, "[0, 1, 1]"),
        (out_of_range, 2, "[0, 0, 0]"),
    ] {
        folder.write("a.nc", &on_grid(t));
        let message = format!("T: {count} of 32 values are missing, the first at [z, y, x] = {place}");
        for ranks in [Ranks::Threads(1), Ranks::Threads(3)] {
            folder.run_on(ranks, "a.nc", T).fails(2, &[&message, "fill = 0.0"]);
        }
        assert!(!folder.path("out").exists());
        let filled = folder.values("a.nc", &format!("{T}, fill = -1.5"));
        assert_eq!(filled.iter().filter(|v| **v == -1.5).count(), count);
    }
    let mut infinite = ramp();
    infinite[3] = f64::INFINITY;
    folder.write("a.nc", &on_grid(variable(&infinite)));
    let ended = folder.run_on(Ranks::Threads(1), "a.nc", &format!("{T}, fill = 0.0"));
    ended.fails(2, &["1 of 32 values are infinite as f64, the first at [z, y, x] = [0, 0, 3]"]);
}

#[test]
fn dimensions_are_put_in_the_order_of_the_grid() {
    let folder = Folder::new();
    let (y, x) = (centres(4, 0.125), centres(8, 0.125));
    let rising = |values: &[f64]| values.iter().rev().copied().collect::<Vec<f64>>();
    // Descending y, in kilometres; transposed; both axes descending.
    let flipped: Vec<f64> = ramp().chunks(8).rev().flatten().copied().collect();
    let km: Vec<f64> = rising(&y).iter().map(|v| v * 1e-3).collect();
    let y_in_km = Variable::new("y", &[0], F64, &km).text("units", "km");
    folder.write(
        "a.nc",
        &classic_file(1, 0, &YX, &[y_in_km, coordinate("x", 1, &x), Variable::new("T", &[0, 1], F64, &flipped)]),
    );
    assert_eq!(folder.values("a.nc", T), ramp());
    assert_eq!(folder.values("a.nc", &format!("{T}, positions = 'ignore'")), flipped);
    // Names of dimensions are of no account then.
    let square = classic_file(1, 0, &[("x", 4), ("y", 8)], &[Variable::new("T", &[0, 1], F64, &ramp())]);
    folder.write("a.nc", &square);
    folder.refused("a.nc", T, &["it has the shape [x = 4, y = 8], the grid"]);
    assert_eq!(folder.values("a.nc", &format!("{T}, positions = 'ignore'")), ramp());
    let transposed: Vec<f64> = (0..32).map(|i| f64::from(i % 4 * 8 + i / 4)).collect();
    let t = Variable::new("T", &[1, 0], F64, &transposed);
    folder.write("a.nc", &classic_file(1, 0, &YX, std::slice::from_ref(&t)));
    assert_eq!(folder.values("a.nc", T), ramp());
    let both: Vec<f64> = ramp().into_iter().rev().collect();
    let t = Variable::new("T", &[0, 1], F64, &both);
    let reversed = [coordinate("y", 0, &rising(&y)), coordinate("x", 1, &rising(&x)), t];
    folder.write("a.nc", &classic_file(1, 0, &YX, &reversed));
    assert_eq!(folder.values("a.nc", T), ramp());
    // The same on ranks that own parts.
    assert_eq!(
        folder.run_on(Ranks::Threads(3), "a.nc", T).state(),
        folder.run_on(Ranks::Threads(1), "a.nc", T).state()
    );
}

#[test]
fn other_positions_and_units_are_refused_with_the_keys_that_repair_them() {
    let folder = Folder::new();
    let (y, x) = (centres(4, 0.125), centres(8, 0.125));
    let t = || Variable::new("T", &[0, 1], F64, &ramp());
    let with = |x: &[f64], t: Variable| classic_file(1, 0, &YX, &[coordinate("y", 0, &y), coordinate("x", 1, x), t]);
    let moved = |by: f64| x.iter().map(|x| x + by).collect::<Vec<f64>>();
    folder.write("spacing.nc", &with(&centres(8, 0.25), t()));
    folder.refused(
        "spacing.nc",
        T,
        &[
            "command line: `parameters.initial.file`: ",
            "T: its values are 0.25 m apart along x, those of the grid 0.125 m",
            "length 2.0 m",
        ],
    );
    folder.write("origin.nc", &with(&moved(10.0), t()));
    folder.refused("origin.nc", T, &["begin at x = 10.0625 m, those of the grid at 0.0625 m", "the origin 10.0 m"]);
    folder.write("half.nc", &with(&moved(-0.0625), t()));
    folder.refused("half.nc", T, &["begin at x = 0.0 m", "half a cell apart"]);
    let uneven: Vec<f64> = x.iter().map(|x| x * x).collect();
    folder.write("uneven.nc", &with(&uneven, t()));
    folder.refused("uneven.nc", T, &["its coordinate x is not evenly spaced"]);
    assert_eq!(folder.values("uneven.nc", &format!("{T}, positions = 'ignore'")), ramp());
    folder.write("celsius.nc", &on_grid(t().text("units", "degC")));
    folder.refused("celsius.nc", T, &["its unit is degC, that of the field temperature is K", "offset = 273.15"]);
    assert_eq!(folder.values("celsius.nc", &format!("{T}, offset = 273.15"))[1], 274.15);
    folder.write("milli.nc", &on_grid(t().text("units", "mK")));
    folder.refused("milli.nc", T, &["its unit is mK", "factor = 0.001"]);
    folder.write("metres.nc", &on_grid(t().text("units", "m")));
    folder.refused("metres.nc", T, &["its unit is m, that of the field temperature is K", "factor = 1.0"]);
    folder.write("same.nc", &on_grid(t().text("units", "kelvin")));
    assert_eq!(folder.values("same.nc", T), ramp());
}

#[test]
fn large_positions_are_compared_to_a_hundredth_of_a_cell() {
    let folder = Folder::new();
    let text = fs::read_to_string(folder.path("job.toml")).unwrap();
    folder.write("job.toml", text.replace("time.end", "grid.origin = [5e6, 4e5]\ntime.end").as_bytes());
    let moved = |values: Vec<f64>, by: f64| values.iter().map(|v| v + by).collect::<Vec<f64>>();
    let file = |by: f64| {
        let y = coordinate("y", 0, &moved(centres(4, 0.125), 5e6 + by));
        let x = coordinate("x", 1, &moved(centres(8, 0.125), 4e5));
        classic_file(1, 0, &YX, &[y, x, Variable::new("T", &[0, 1], F64, &ramp())])
    };
    folder.write("a.nc", &file(0.001));
    assert_eq!(folder.values("a.nc", T), ramp());
    folder.write("a.nc", &file(0.375));
    folder.refused("a.nc", T, &["begin at y = 5000000.4375 m, those of the grid at 5000000.0625 m"]);
}

#[test]
fn depths_are_negative_heights() {
    let folder = Folder::new();
    let text = fs::read_to_string(folder.path("job.toml")).unwrap();
    let with_origin = |z: f64| {
        let keys = format!("[4, 1, 8]\ngrid.origin = [{z:?}, 0.0, 0.0]");
        folder.write("job.toml", text.replace("[4, 8]", &keys).as_bytes());
    };
    let depth = coordinate("depth", 0, &centres(4, 0.125)).text("positive", "down");
    let dims = [("depth", 4), ("x", 8)];
    folder.write("a.nc", &classic_file(1, 0, &dims, &[depth, Variable::new("T", &[0, 1], F64, &ramp())]));
    with_origin(0.0);
    folder.refused("a.nc", T, &["depth is positive down, and the grid is positive up", "the origin -0.5 m"]);
    with_origin(-0.5);
    let flipped: Vec<f64> = ramp().chunks(8).rev().flatten().copied().collect();
    assert_eq!(folder.values("a.nc", T), flipped);
}

#[test]
fn an_instant_of_a_time_axis_is_chosen() {
    let folder = Folder::new();
    let dims = [("time", 0), ("y", 4), ("x", 8)];
    let both: Vec<f64> = (0..64).map(f64::from).collect();
    let t = Variable::new("T", &[0, 1, 2], F64, &both);
    folder.write("a.nc", &classic_file(2, 2, &dims, std::slice::from_ref(&t)));
    let first = |keys: &str| folder.values("a.nc", &format!("{T}, instant = {keys}"))[0];
    assert_eq!(["'first'", "'last'", "0", "1"].map(first), [0.0, 32.0, 0.0, 32.0]);
    folder.refused("a.nc", T, &["it has 2 instants along time, and none is chosen", "instant = \"last\""]);
    folder.refused("a.nc", &format!("{T}, instant = 2"), &["instant = 2, but it has 2 instants", "0 … 1"]);
    folder.refused("a.nc", &format!("{T}, instant = 'lst'"), &["`parameters.initial.instant` = \"lst\""]);
    let none = Variable::new("T", &[0, 1, 2], F64, &[]);
    folder.write("a.nc", &classic_file(1, 0, &dims, std::slice::from_ref(&none)));
    folder.refused(
        "a.nc",
        &format!("{T}, instant = 'last'"),
        &["it has no values: its dimension time has the length 0"],
    );
    folder.write("a.nc", &on_grid(Variable::new("T", &[0, 1], F64, &ramp())));
    folder.refused("a.nc", &format!("{T}, instant = 'last'"), &["instant = \"last\" needs a time axis"]);
}

#[test]
fn a_run_starts_from_the_fields_of_another() {
    let folder = Folder::new();
    let first = folder.path("first");
    let job = |output: &Path| run(Ranks::Threads(2), &folder.path("job.toml"), output);
    job(&first).with("parameters.initial=random").with("time.end=3 step").ends().state();
    let written = instants(&first, "fields", "temperature");
    let name = ", variable = 'temperature', instant = 'last'";
    assert_eq!(folder.values("first/fields.h5", name), written[3].1);
    assert_eq!(folder.values("first/fields.h5", &name.replace("'last'", "1")), written[1].1);
    let pack = Command::new(env!("CARGO_BIN_EXE_halocline")).arg("pack").arg(&first).output().unwrap();
    let packed = String::from_utf8(pack.stdout).unwrap().trim().to_owned();
    fs::rename(&packed, folder.path("packed.h5")).unwrap();
    assert_eq!(folder.values("packed.h5", name), written[3].1);
    // The virtual file alone reads as NaN where its segments are missing.
    fs::copy(first.join("fields.h5"), folder.path("alone.h5")).unwrap();
    folder.refused("alone.h5", name, &["is a virtual file", "is missing", "fields/000000.h5"]);
}

#[test]
fn variables_that_are_not_found_are_suggested() {
    let folder = Folder::new();
    folder.write("a.nc", &on_grid(Variable::new("temperature", &[0, 1], F64, &ramp())));
    folder.refused(
        "a.nc",
        ", variable = 'temprature'",
        &["no variable \"temprature\"", "did you mean `temperature`? it has temperature, x, y"],
    );
    folder.refused("a.nc", ", variable = 'x'", &["it has the shape [x = 8], the grid z = 1, y = 4, x = 8"]);
    folder.refused(
        "a.nc",
        ", varible = 'x'",
        &["unknown key `parameters.initial.varible`", "did you mean `variable`?"],
    );
    folder.refused("none.nc", T, &["cannot open", "none.nc: No such file or directory"]);
    let plain = run(Ranks::Threads(1), &folder.path("job.toml"), &folder.path("out"));
    plain
        .with("parameters.initial=file")
        .with("parameters.file=none.nc")
        .with("parameters.variable=T")
        .ends()
        .fails(2, &["cannot open none.nc: No such file", "the current folder is"]);
}

#[test]
fn keys_of_a_file_need_initial_values_from_it() {
    let folder = Folder::new();
    folder.write("a.nc", &on_grid(Variable::new("T", &[0, 1], F64, &ramp())));
    for key in ["file='a.nc'", "variable='T'", "factor=2.0"] {
        let unused = run(Ranks::Threads(1), &folder.path("job.toml"), &folder.path("out"));
        let name = key.split('=').next().unwrap();
        let message = format!("`parameters.{name}` is given, but `parameters.initial` is not \"file\"");
        unused.with(format!("parameters.{key}")).ends().fails(2, &[&message]);
    }
}

#[test]
fn a_run_never_removes_its_own_input() {
    let folder = Folder::new();
    let out = folder.path("out");
    run(Ranks::Threads(1), &folder.path("job.toml"), &out).with("time.end=2 step").ends().state();
    let before = fs::read(out.join("fields.h5")).unwrap();
    std::os::unix::fs::symlink(&out, folder.path("link")).unwrap();
    for file in ["out/fields.h5", "link/fields.h5", "out/fields/000000.h5"] {
        let name = "variable = 'temperature', instant = 'last'";
        let table = format!("parameters.initial={{file = '{}', {name}}}", folder.path(file).display());
        let over = run(Ranks::Threads(1), &folder.path("job.toml"), &out).with(table).with("--force");
        over.ends().fails(2, &["--force would remove", "an input of this run"]);
        assert_eq!(fs::read(out.join("fields.h5")).unwrap(), before);
    }
}

#[test]
fn files_of_other_formats_and_damaged_ones_are_refused() {
    let folder = Folder::new();
    let whole = on_grid(Variable::new("T", &[0, 1], F64, &ramp()));
    for (bytes, text) in [
        (&b""[..], "is empty, not HDF5"),
        (b"x,y\n1,2\n", "is a text file, not HDF5"),
        (b"\x89PNG\r\n\x1a\n0000", "is a PNG picture"),
        (b"PK\x03\x04aaaaaaaa", "is a zip archive"),
        (b"GRIB\0\0\0\x02", "is a GRIB file"),
        (b"\x01\x02\x03\x04\xff", "is of an unknown format"),
        (b"CDF\x07aaaaaaaa", "is a NetCDF file of an unknown version"),
        (b"\x89HDF\r\n\x1a\n and no more", "cannot read"),
        (&whole[..whole.len() - 9], "the file is truncated: T needs "),
        (&whole[..40], "the file is truncated"),
    ] {
        folder.write("a.nc", bytes);
        folder.refused("a.nc", T, &["a.nc", text]);
    }
    fs::create_dir(folder.path("folder.nc")).unwrap();
    folder.refused("folder.nc", T, &["folder.nc is a directory"]);
}

#[test]
fn what_is_no_file_is_never_opened() {
    let folder = Folder::new();
    let made = Command::new("mkfifo").arg(folder.path("fifo")).status().is_ok_and(|status| status.success());
    assert!(made, "mkfifo is a command of every Unix");
    let _socket = UnixListener::bind(folder.path("socket")).unwrap();
    folder.refused("fifo", T, &["fifo is a FIFO"]);
    folder.refused("socket", T, &["socket is a socket"]);
    let program = Path::new(env!("CARGO_BIN_EXE_halocline"));
    for (path, what) in
        [(folder.path("fifo"), "a FIFO"), (folder.path("socket"), "a socket"), ("/dev/zero".into(), "a device")]
    {
        let check = Run::of(Ranks::Threads(1), program, "check").with("check").with(path.to_str().unwrap());
        check.ends().fails(2, &[&format!("{} is {what}", path.display())]);
    }
    // A FIFO as a control file would stop the run at its next look.
    folder.write("a.nc", &on_grid(Variable::new("T", &[0, 1], F64, &ramp())));
    let output = folder.path("out");
    let table = format!("parameters.initial={{file = '{}'{T}}}", folder.path("a.nc").display());
    let long = run(Ranks::Threads(1), &folder.path("job.toml"), &output).with(table).with("time.end=100000000 step");
    let mut running = long.with("output.fields.every=never").starts();
    running.until_file(&output.join("job.toml"));
    assert!(Command::new("mkfifo").arg(output.join("control")).status().unwrap().success());
    std::thread::sleep(std::time::Duration::from_millis(1500));
    signal("TERM", &[running.process()]);
    running.ends().stops(&["control is a FIFO"]);
}

#[test]
fn hdf5_numbers_of_any_form_are_read_and_others_are_refused() {
    let folder = Folder::new();
    // Made by the script beside it.
    folder.write("a.h5", include_bytes!("input_files/foreign.h5"));
    let values = |name: &str| folder.values("a.h5", &format!(", variable = '{name}'"));
    assert_eq!(values("half"), ramp());
    assert_eq!(values("big_endian"), ramp());
    assert_eq!(values("deflated"), ramp());
    assert_eq!(values("boolean"), ramp().iter().map(|&v| f64::from(v > 5.0)).collect::<Vec<f64>>());
    assert_eq!(values("group/enumeration"), ramp().iter().map(|v| v % 3.0).collect::<Vec<f64>>());
    folder.run_on(Ranks::Threads(1), "a.h5", ", variable = 'range'").fails(2, &["1 of 32 values are missing"]);
    for (name, text) in [
        ("text", "text holds text, not numbers"),
        ("strings", "strings holds text"),
        ("compound", "compound holds compound values"),
        ("opaque", "opaque holds opaque bytes"),
        ("bits", "bits holds bit fields"),
        ("empty", "it has no values"),
        ("scalar", "it has the shape [], the grid"),
        ("filtered", "filtered is compressed with filter 32999, which HDF5 lacks here"),
        ("nothing", "it has big_endian, bits"),
        ("group", "group is a group, not a variable"),
    ] {
        folder.refused("a.h5", &format!(", variable = '{name}'"), &[text]);
    }
    folder
        .run_on(Ranks::Threads(1), "a.h5", ", variable = 'damaged'")
        .fails(2, &["cannot read", "values of damaged", "is damaged"]);
    assert!(!folder.path("out").exists());
    let bytes = fs::read(folder.path("a.h5")).unwrap();
    folder.write("magic.h5", &bytes[..8]);
    folder.refused("magic.h5", ", variable = 'half'", &["the file is truncated: it has 8 bytes"]);
    folder.write("short.h5", &bytes[..bytes.len() / 2]);
    folder.refused("short.h5", ", variable = 'half'", &["the file is truncated: it has "]);
}

#[test]
fn netcdf4_files_are_read_as_classic_ones() {
    if !works("ncgen", "-h") && Command::new("ncgen").arg("-h").output().is_err() {
        return skipped("NetCDF-4 input files", "there is no ncgen");
    }
    let folder = Folder::new();
    let numbers = (0..32).map(|i| if i == 7 { "_".into() } else { (i * 7).to_string() }).collect::<Vec<_>>().join(", ");
    let text = format!(
        "netcdf a {{ types: byte enum flag {{ off = 0, on = 1 }}; dimensions: lat = 4; lon = 8; time = unlimited;
         variables: double lat(lat); lat:units = \"degrees_north\"; ubyte T(lat, lon); T:_FillValue = 49ub;
         short S(time, lat, lon); flag F(lat, lon); string names(lat);
         data: lat = 60, 40, 20, 0; T = {numbers}; F = {}; names = \"a\", \"b\", \"c\", \"d\"; }}",
        vec!["on"; 32].join(", ")
    );
    folder.write("a.cdl", text.as_bytes());
    let made =
        Command::new("ncgen").args(["-k", "nc4", "-o"]).arg(folder.path("a.nc")).arg(folder.path("a.cdl")).output();
    let made = made.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    // Latitudes descend, so the first row of the file is the last of the grid.
    let values = folder.values("a.nc", &format!("{T}, fill = -1.0"));
    assert_eq!((values[24], values[31], values[0], values[7]), (0.0, -1.0, 168.0, 217.0));
    assert_eq!(folder.values("a.nc", ", variable = 'F'"), vec![1.0; 32]);
    folder.refused(
        "a.nc",
        ", variable = 'S', instant = 'last'",
        &["it has no values: its dimension time has the length 0"],
    );
    folder.refused("a.nc", ", variable = 'names'", &["names holds text, not numbers"]);
    // A dimension without a coordinate is no variable.
    folder.refused("a.nc", ", variable = 'lon'", &["it has F, S, T, lat, names"]);
}
