//! Drawing a plane of values into a PNG file.
use super::canvas::Canvas;
use super::colours::Colours;
use super::decoration::{BOTTOM, Decoration, LEFT, RIGHT, TOP};
use super::pixels::write;
use super::resample::{resample, size};
use crate::base::{Error, Result};
use ndarray::ArrayView2;
use plotters::backend::BitMapBackend;
use plotters::drawing::IntoDrawingArea;
use std::path::Path;

/// Draws values `[y, x]`, the row of the lowest y first, into a PNG file: colours with a bar, axes with ticks, a title.
///
/// `x` and `y` are the label of each axis and the coordinates of its two edges. Values of one sign are drawn from dark to
/// bright, values of both signs in blue and red with white at zero. Cells without a value (land, fill values, NaN) and infinities
/// are grey, with a legend, and do not count for the range of the colours. A plane of more values than pixels is averaged over
/// the cells with a value; each value of a smaller plane is drawn as a square.
///
/// # Errors
/// If there are no values, or the file cannot be written.
pub fn png(
    path: impl AsRef<Path>,
    title: &str,
    unit: &str,
    values: ArrayView2<f64>,
    x: (&str, f64, f64),
    y: (&str, f64, f64),
) -> Result<()> {
    let path = path.as_ref();
    if values.is_empty() {
        let shape = values.shape();
        return Err(Error::input(format!("nothing to draw in {}: {shape:?} values", path.display())));
    }
    let (plane, colours) = (resample(values, size(values.dim(), x, y)), Colours::of(values));
    let (height, width) = plane.dim();
    let whole = (LEFT + width + RIGHT, TOP + height + BOTTOM);
    let mut pixels = vec![255; whole.0 * whole.1 * 3];
    for ((row, column), &v) in plane.indexed_iter() {
        let at = ((TOP + height - 1 - row) * whole.0 + LEFT + column) * 3;
        pixels[at..at + 3].copy_from_slice(&colours.rgb(v));
    }
    let drawn = {
        let area = BitMapBackend::with_buffer(&mut pixels, (whole.0 as u32, whole.1 as u32)).into_drawing_area();
        let lacks_values = values.iter().any(|v| !v.is_finite());
        Decoration { canvas: Canvas(area), width: width as i32, height: height as i32, lacks_values }
            .draw(title, unit, x, y, &colours)
    };
    drawn.map_err(|e| Error::file("draw", path, e))?;
    write(path, whole, &pixels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::picture::colours::MISSING;
    use ndarray::{Array2, array};
    use std::fs::File;

    fn pixels(path: &Path) -> (usize, usize, Vec<u8>) {
        let mut reader = ::png::Decoder::new(std::io::BufReader::new(File::open(path).unwrap())).read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut bytes).unwrap();
        (info.width as usize, info.height as usize, bytes)
    }

    #[test]
    fn the_first_row_is_at_the_bottom_and_missing_values_are_grey() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.png");
        let values = array![[-1.0, 0.0, f64::NAN], [f64::INFINITY, 0.5, 1.0]];
        png(&path, "a title", "K", values.view(), ("x (m)", 0.0, 3.0), ("y (m)", 0.0, 2.0)).unwrap();
        let (width, height, bytes) = pixels(&path);
        let (w, h) = (width - LEFT - RIGHT, height - TOP - BOTTOM);
        assert_eq!((w, h), (800, 533));
        // The colour in the middle of each cell.
        let at = |j: usize, i: usize| {
            let (row, column) = (TOP + h - 1 - (2 * j + 1) * h / 4, LEFT + (2 * i + 1) * w / 6);
            <[u8; 3]>::try_from(&bytes[(row * width + column) * 3..][..3]).unwrap()
        };
        let [blue, white, red] = [at(0, 0), at(0, 1), at(1, 2)];
        assert!(blue[2] > blue[0] + 50 && red[0] > red[2] + 50, "{blue:?} {red:?}");
        assert!(white.iter().all(|&c| c > 235), "{white:?}");
        assert_eq!((at(0, 2), at(1, 0)), (MISSING, MISSING));
        // Something is written on all four sides.
        let inked = |rows: std::ops::Range<usize>, columns: std::ops::Range<usize>| {
            rows.flat_map(|r| columns.clone().map(move |c| (r * width + c) * 3)).any(|i| bytes[i] < 100)
        };
        assert!(inked(0..TOP - 2, LEFT..LEFT + w) && inked(TOP + h + 2..height, LEFT..LEFT + w));
        assert!(inked(TOP..TOP + h, 0..LEFT - 2) && inked(TOP..TOP + h, LEFT + w + 60..width));
    }

    #[test]
    fn cells_without_a_value_do_not_count_for_the_colours() {
        let dir = tempfile::tempdir().unwrap();
        let colours = |name: &str, values: Array2<f64>| {
            let path = dir.path().join(name);
            png(&path, "", "", values.view(), ("", 0.0, 3.0), ("", 0.0, 1.0)).unwrap();
            let (width, height, bytes) = pixels(&path);
            let (w, h) = (width - LEFT - RIGHT, height - TOP - BOTTOM);
            let plane = (0..3).map(|i| &bytes[((TOP + h / 2) * width + LEFT + (2 * i + 1) * w / 6) * 3..][..3]);
            let plane: Vec<[u8; 3]> = plane.map(|rgb| rgb.try_into().unwrap()).collect();
            // In the middle of the legend.
            let legend = &bytes[((TOP + h + 38) * width + LEFT + w + 43) * 3..][..3];
            (plane, legend == MISSING)
        };
        let (land, legend) = colours("land", array![[f64::NAN, 2.0, 3.0]]);
        let (sea, none) = colours("sea", array![[2.0, 2.0, 3.0]]);
        assert_eq!((land[0], &land[1..]), (MISSING, &sea[1..]));
        assert!(legend && !none);
        assert_eq!(colours("no value", Array2::from_elem((1, 3), f64::NAN)), (vec![MISSING; 3], true));
        let (constant, _) = colours("constant", Array2::from_elem((1, 3), f64::MAX));
        assert!(constant[0] == constant[2] && constant[0] != MISSING);
        let (widest, _) = colours("widest", array![[f64::MIN, 0.0, f64::MAX]]);
        assert!(widest[0][2] > widest[0][0] && widest[2][0] > widest[2][2] && widest[1].iter().all(|&c| c > 235));
    }

    #[test]
    fn odd_planes_are_drawn_and_empty_ones_refused() {
        let dir = tempfile::tempdir().unwrap();
        let draw = |values: Array2<f64>| {
            png(dir.path().join("a.png"), "", "", values.view(), ("", 0.0, 0.0), ("", f64::NAN, 1.0))
        };
        let huge = array![[f64::MAX, f64::MIN], [f64::NAN, f64::INFINITY]];
        let constants = [0.0, f64::NAN, 1e300, f64::MAX, f64::INFINITY].map(|v| Array2::from_elem((3, 2), v));
        for values in constants.into_iter().chain([Array2::zeros((1, 1)), huge]) {
            draw(values).unwrap();
        }
        assert!(draw(Array2::zeros((0, 3))).unwrap_err().what().contains("nothing to draw"));
        let (nowhere, plane) = (dir.path().join("none/a.png"), Array2::zeros((1, 1)));
        let error = png(nowhere, "", "", plane.view(), ("", 0.0, 1.0), ("", 0.0, 1.0)).unwrap_err();
        assert!(
            error.what().starts_with("cannot write ") && error.what().contains("none/a.png: No such file"),
            "{error}"
        );
    }
}
