//! Graphs of numbers over time.
use super::canvas::{Canvas, Drawn, Side, with_factor};
use super::pixels::write;
use crate::base::{Error, Result};
use crate::files::series::read_series;
use plotters::backend::BitMapBackend;
use plotters::drawing::IntoDrawingArea;
use plotters::element::PathElement;
use plotters::style::text_anchor::{HPos, VPos};
use plotters::style::{Color, RGBColor};
use std::path::Path;

/// Pixels around each graph, and of the graph.
const LEFT: i32 = 110;
const RIGHT: i32 = 40;
const ABOVE: i32 = 44;
const BELOW: i32 = 84;
const WIDTH: i32 = 800;
const HEIGHT: i32 = 180;
/// The most graphs of a picture.
const MOST: usize = 24;
const LINE: RGBColor = RGBColor(31, 85, 150);

/// Draws the table of a run directory into a PNG file: one graph for each of the first 24 quantities, over the time or, in a table
/// without a time, over the steps. Returns whether there is anything to draw.
///
/// # Errors
/// If the table cannot be read or the file cannot be written.
pub fn draw_series(dir: &Path, path: &Path) -> Result<bool> {
    let (header, columns) = read_series(dir)?;
    let first = if header.get(1).is_some_and(|name| name == "time [s]") { 2 } else { 1 };
    let graphs = (first..header.len()).take(MOST);
    if graphs.len() == 0 || columns[0].is_empty() {
        return Ok(false);
    }
    let size = ((LEFT + WIDTH + RIGHT) as usize, (graphs.len() as i32 * (ABOVE + HEIGHT) + BELOW) as usize);
    let mut pixels = vec![255; size.0 * size.1 * 3];
    let drawn = || -> Drawn {
        let area = BitMapBackend::with_buffer(&mut pixels, (size.0 as u32, size.1 as u32)).into_drawing_area();
        let canvas = Canvas(area);
        let (x, last) = (&columns[first - 1], graphs.len() - 1);
        for (i, column) in graphs.enumerate() {
            let top = i as i32 * (ABOVE + HEIGHT) + ABOVE;
            let label = (i == last).then(|| header[first - 1].as_str());
            graph(&canvas, top, label, x, &header[column], &columns[column])?;
        }
        Ok(canvas.0.present()?)
    }();
    drawn.map_err(|e| Error::file("draw", path, e))?;
    write(path, size, &pixels).map(|()| true)
}

/// Draws one graph, with the label of its horizontal axis if it is the lowest.
fn graph(canvas: &Canvas, top: i32, label: Option<&str>, x: &[f64], name: &str, y: &[f64]) -> Drawn {
    let (right, bottom) = (LEFT + WIDTH, top + HEIGHT);
    canvas.frame((LEFT, top), (right, bottom))?;
    let (from, to) = range(x);
    if let Some(label) = label {
        let power = canvas.axis(Side::Below, (LEFT, bottom), WIDTH, from, to)?;
        let at = (LEFT + WIDTH / 2, bottom + 58);
        canvas.text(&with_factor(label, power), at, 22, HPos::Center, VPos::Center, false)?;
    }
    let (low, high) = range(y);
    let power = canvas.axis(Side::LeftOf, (LEFT, bottom), HEIGHT, low, high)?;
    canvas.text(&with_factor(name, power), (LEFT, top - 18), 22, HPos::Left, VPos::Center, false)?;
    // Halved, since the difference of the largest doubles overflows.
    let part = |v: f64, low: f64, high: f64| (0.5 * v - 0.5 * low) / (0.5 * high - 0.5 * low);
    let pixel = |(x, y): (f64, f64)| {
        (LEFT + (part(x, from, to) * WIDTH as f64) as i32, bottom - (part(y, low, high) * HEIGHT as f64) as i32)
    };
    for line in lines(x, y) {
        let mut pixels: Vec<(i32, i32)> = vec![];
        for (column, pixel) in line.into_iter().map(pixel).map(|pixel| (pixel.0, pixel)) {
            // Many rows may fall on one column of pixels: the line goes to the lowest and the highest of them.
            match pixels[..] {
                [.., a, b, c] if [a.0, b.0, c.0] == [column; 3] => {
                    let (low, high) = (a.1.min(b.1).min(c.1).min(pixel.1), a.1.max(b.1).max(c.1).max(pixel.1));
                    let n = pixels.len();
                    pixels[n - 3..].copy_from_slice(&[(column, low), (column, high), pixel]);
                }
                _ => pixels.push(pixel),
            }
        }
        canvas.0.draw(&PathElement::new(pixels, LINE.stroke_width(2)))?;
    }
    Ok(())
}

/// The points of a graph, cut where a number is not finite.
fn lines(x: &[f64], y: &[f64]) -> Vec<Vec<(f64, f64)>> {
    let points: Vec<(f64, f64)> = x.iter().copied().zip(y.iter().copied()).collect();
    let parts = points.split(|(x, y)| !x.is_finite() || !y.is_finite());
    parts.filter(|part| !part.is_empty()).map(<[(f64, f64)]>::to_vec).collect()
}

/// The range of an axis: of the finite numbers, widened if they are all equal.
fn range(values: &[f64]) -> (f64, f64) {
    let finite = || values.iter().copied().filter(|v| v.is_finite());
    let (low, high) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    let widest = low.abs().max(high.abs());
    if low > high {
        (0.0, 1.0)
    } else if high - low <= 1e-12 * widest || low == high {
        let half = if widest > 0.0 { 0.5 * widest } else { 0.5 };
        ((low - half).max(f64::MIN), (high + half).min(f64::MAX))
    } else {
        (low, high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::SeriesFile;
    use halocline_kernels::math;

    #[test]
    fn a_table_with_gaps_and_constants_is_drawn() {
        let dir = tempfile::tempdir().unwrap();
        let header = ["step", "time [s]", "a [K]", "b", "c"].map(str::to_owned);
        let mut table = SeriesFile::create(dir.path(), &header).unwrap();
        let path = dir.path().join("series.png");
        table.sync().unwrap();
        assert!(!draw_series(dir.path(), &path).unwrap(), "no rows");
        for step in 0..5000 {
            let time = 1e-3 * step as f64;
            let b = if step == 70 { f64::NAN } else { f64::MAX * math::sin(0.1 * time) };
            table.add(step, &[time, math::sin(time), b, 300.0]).unwrap();
        }
        table.sync().unwrap();
        assert!(draw_series(dir.path(), &path).unwrap());
        let reader =
            png::Decoder::new(std::io::BufReader::new(std::fs::File::open(&path).unwrap())).read_info().unwrap();
        assert_eq!((reader.info().width, reader.info().height), (950, 3 * 224 + 84));
    }

    #[test]
    fn ranges_have_a_width() {
        assert_eq!(range(&[f64::NAN, 2.0, 3.0]), (2.0, 3.0));
        assert_eq!((range(&[4.0, 4.0]), range(&[0.0]), range(&[])), ((2.0, 6.0), (-0.5, 0.5), (0.0, 1.0)));
    }
}
