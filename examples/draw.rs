//! Draws a plane of a variable of an HDF5 or NetCDF file: `draw FILE VARIABLE OUT.png [INDEX …]`, with one index for each
//! dimension except the last two.
use halocline::files::{self, input};
use halocline::{Error, Result};
use ndarray::ArrayView2;
use std::process::ExitCode;

fn main() -> ExitCode {
    match draw(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::from(e.exit_code())
        }
    }
}

fn draw(arguments: &[String]) -> Result<()> {
    let [file, name, picture, indices @ ..] = arguments else {
        return Err(Error::input("usage: draw FILE VARIABLE OUT.png [INDEX …]"));
    };
    let info = input::variable(file, name)?;
    let wrong = || Error::input(format!("{name} has dimensions {:?}: give an index for each but two", info.dims));
    let Some((leading, [(y, ny), (x, nx)])) = info.dims.split_last_chunk::<2>() else { return Err(wrong()) };
    let mut start: Vec<usize> = indices.iter().map(|i| i.parse().map_err(|_| wrong())).collect::<Result<_>>()?;
    if start.len() != leading.len() {
        return Err(wrong());
    }
    start.extend([0, 0]);
    let count = [vec![1; leading.len()], vec![*ny, *nx]].concat();
    let values = input::read(file, name, &start, &count)?;
    let plane = ArrayView2::from_shape((*ny, *nx), &values).map_err(|e| Error::failure(e.to_string()))?;
    let title = if info.long_name.is_empty() { name } else { &info.long_name };
    let axis = |dim: &str, n: usize| match input::read(file, dim, &[0], &[n]) {
        // The edges are half a cell outside of the outermost centres.
        Ok(c) if n > 1 => {
            let unit = input::variable(file, dim).map(|v| v.unit).unwrap_or_default();
            (format!("{dim} ({unit})"), c[0] - (c[1] - c[0]) / 2.0, c[n - 1] + (c[n - 1] - c[n - 2]) / 2.0)
        }
        _ => (dim.to_string(), 0.0, n as f64),
    };
    let (x, y) = (axis(x, *nx), axis(y, *ny));
    files::png(picture, title, &info.unit, plane, (&x.0, x.1, x.2), (&y.0, y.1, y.2))
}
