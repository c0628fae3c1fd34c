//! A picture of a plane of numbers, because people look before they read.
use super::durable;
use super::ticks::Ticks;
use crate::base::{Error, Result};
use colorgrad::Gradient;
use ndarray::ArrayView2;
use plotters::backend::BitMapBackend;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{PathElement, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, FontTransform, IntoFont, RGBColor, TextStyle, register_font};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Once;

/// Draws values `[y, x]`, the row of the lowest y first, into a PNG file: colours with a bar, axes with ticks, a title.
///
/// `x` and `y` are each axis' label and the coordinates of its two edges. Values of one sign are drawn from dark to bright;
/// values of both signs in blue and red with white at zero; NaN and infinities in grey. A plane of more points than the
/// picture has is averaged, one of fewer is drawn in squares.
///
/// # Errors
/// No values, or a file that cannot be written.
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
        Decoration { area, width: width as i32, height: height as i32 }.draw(title, unit, x, y, &colours)
    };
    drawn.map_err(|e| Error::file("draw", path, e))?;
    durable::replace(path, |part| {
        let encode = || -> Result<(), png::EncodingError> {
            let mut file = BufWriter::new(File::create(part)?);
            let mut encoder = png::Encoder::new(&mut file, whole.0 as u32, whole.1 as u32);
            encoder.set_color(png::ColorType::Rgb);
            encoder.set_depth(png::BitDepth::Eight);
            encoder.write_header()?.write_image_data(&pixels)?;
            Ok(file.flush()?)
        };
        encode().map_err(|e| match e {
            png::EncodingError::IoError(e) => durable::why("write", path, e),
            other => Error::file("write", path, other),
        })
    })
}

/// Pixels around the plane.
const LEFT: usize = 110;
const RIGHT: usize = 190;
const TOP: usize = 64;
const BOTTOM: usize = 84;

const INK: RGBColor = RGBColor(40, 40, 40);
const MISSING: [u8; 3] = [150, 150, 150];

/// Width and height of the plane in pixels: true to scale unless that makes a stripe, and no smaller than people like.
fn size((ny, nx): (usize, usize), x: (&str, f64, f64), y: (&str, f64, f64)) -> (usize, usize) {
    let aspect = ((x.2 - x.1) / (y.2 - y.1)).abs();
    let aspect = if aspect.is_finite() && aspect > 0.0 { aspect.clamp(1.0 / 3.0, 4.0) } else { 1.0 };
    let long = nx.max(ny).clamp(800, 1600) as f64;
    let (width, height) = if aspect > 1.0 { (long, long / aspect) } else { (long * aspect, long) };
    (width as usize, height as usize)
}

/// The mean of the cells under each pixel, leaving out those that are not numbers; the nearest cell where there are more
/// pixels than cells.
fn resample(values: ArrayView2<f64>, (width, height): (usize, usize)) -> ndarray::Array2<f64> {
    let cells = |pixel: usize, pixels: usize, n: usize| {
        let first = pixel * n / pixels;
        first..((pixel + 1) * n / pixels).max(first + 1)
    };
    ndarray::Array2::from_shape_fn((height, width), |(row, column)| {
        let (mut sum, mut count) = (0.0, 0);
        for j in cells(row, height, values.nrows()) {
            for i in cells(column, width, values.ncols()) {
                let v = values[[j, i]];
                if v.is_finite() {
                    (sum, count) = (sum + v, count + 1);
                }
            }
        }
        if count == 0 { f64::NAN } else { sum / count as f64 }
    })
}

/// From values to colours.
struct Colours {
    low: f64,
    high: f64,
    gradient: Box<dyn Gradient>,
    reversed: bool,
}

impl Colours {
    fn of(values: ArrayView2<f64>) -> Colours {
        let finite = || values.iter().copied().filter(|v| v.is_finite());
        let (mut low, mut high) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        let widest = low.abs().max(high.abs());
        // A trace of the other sign is noise and not worth half of the colours.
        if low < -1e-3 * widest && high > 1e-3 * widest {
            // That map runs from red to blue.
            let gradient = Box::new(colorgrad::preset::rd_bu());
            return Colours { low: -widest, high: widest, gradient, reversed: true };
        }
        if low == high {
            let half = if widest > 0.0 { 0.5 * widest } else { 0.5 };
            (low, high) = (low - half, high + half);
        }
        Colours { low, high, gradient: Box::new(colorgrad::preset::viridis()), reversed: false }
    }

    fn rgb(&self, v: f64) -> [u8; 3] {
        if !v.is_finite() {
            return MISSING;
        }
        // Halved, since the difference of the largest doubles is no double.
        let t = ((0.5 * v - 0.5 * self.low) / (0.5 * self.high - 0.5 * self.low)) as f32;
        let [r, g, b, _] = self.gradient.at(if self.reversed { 1.0 - t } else { t }).to_rgba8();
        [r, g, b]
    }
}

/// All that is not the plane itself.
struct Decoration<'a> {
    area: DrawingArea<BitMapBackend<'a>, plotters::coord::Shift>,
    width: i32,
    height: i32,
}

/// A side that ticks and numbers are put on.
#[derive(Clone, Copy)]
enum Side {
    Below,
    LeftOf,
    RightOf,
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

impl Decoration<'_> {
    fn draw(&self, title: &str, unit: &str, x: (&str, f64, f64), y: (&str, f64, f64), colours: &Colours) -> Drawn {
        let (left, top) = (LEFT as i32, TOP as i32);
        let (right, bottom) = (left + self.width, top + self.height);
        self.text(title, (left + self.width / 2, top / 2), 28, HPos::Center, VPos::Center, false)?;
        self.frame((left, top), (right, bottom))?;
        let label = self.axis(Side::Below, (left, bottom), self.width, x.1, x.2)?;
        self.text(
            &with_factor(x.0, label),
            (left + self.width / 2, bottom + 58),
            22,
            HPos::Center,
            VPos::Center,
            false,
        )?;
        let label = self.axis(Side::LeftOf, (left, bottom), self.height, y.1, y.2)?;
        self.text(&with_factor(y.0, label), (24, top + self.height / 2), 22, HPos::Center, VPos::Center, true)?;
        // The colour bar.
        let (from, to) = (right + 30, right + 56);
        for row in 0..self.height {
            let v = colours.low + (colours.high - colours.low) * (row as f64 + 0.5) / self.height as f64;
            let [r, g, b] = colours.rgb(v);
            let place = [(from, bottom - row - 1), (to, bottom - row)];
            self.area.draw(&Rectangle::new(place, RGBColor(r, g, b).filled()))?;
        }
        self.frame((from, top), (to, bottom))?;
        let label = self.axis(Side::RightOf, (to, bottom), self.height, colours.low, colours.high)?;
        self.text(&with_factor(unit, label), (from, top - 20), 22, HPos::Left, VPos::Center, false)?;
        self.area.present()?;
        Ok(())
    }

    /// Ticks and numbers from `low` at `origin` to `high`, `length` pixels away. Returns the power of ten to be told.
    fn axis(
        &self,
        side: Side,
        origin: (i32, i32),
        length: i32,
        low: f64,
        high: f64,
    ) -> Result<i32, Box<dyn std::error::Error>> {
        let most = if let Side::Below = side { length / 110 } else { length / 60 };
        let ticks = Ticks::of(low, high, most.clamp(2, 10) as usize);
        for (value, label) in &ticks.marks {
            let along = ((value - low) / (high - low) * length as f64) as i32;
            let (at, end, text, h, v) = match side {
                Side::Below => {
                    let at = (origin.0 + along, origin.1);
                    (at, (at.0, at.1 + 7), (at.0, at.1 + 13), HPos::Center, VPos::Top)
                }
                Side::LeftOf => {
                    let at = (origin.0, origin.1 - along);
                    (at, (at.0 - 7, at.1), (at.0 - 12, at.1 + 3), HPos::Right, VPos::Center)
                }
                Side::RightOf => {
                    let at = (origin.0, origin.1 - along);
                    (at, (at.0 + 7, at.1), (at.0 + 12, at.1 + 3), HPos::Left, VPos::Center)
                }
            };
            self.area.draw(&PathElement::new([at, end], INK.stroke_width(1)))?;
            self.text(label, text, 20, h, v, false)?;
        }
        Ok(ticks.power)
    }

    fn frame(&self, from: (i32, i32), to: (i32, i32)) -> Drawn {
        Ok(self.area.draw(&Rectangle::new([from, to], INK.stroke_width(1)))?)
    }

    fn text(&self, text: &str, at: (i32, i32), size: i32, h: HPos, v: VPos, upwards: bool) -> Drawn {
        static FONT: Once = Once::new();
        FONT.call_once(|| {
            // The crate's own font, which cannot be unreadable.
            let _ = register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular());
        });
        let font = ("sans-serif", size).into_font();
        let font = if upwards { font.transform(FontTransform::Rotate270) } else { font };
        let style = TextStyle::from(font).color(&INK).pos(Pos::new(h, v));
        Ok(self.area.draw(&Text::new(text.to_string(), at, style))?)
    }
}

fn with_factor(label: &str, power: i32) -> String {
    if power == 0 {
        return label.to_string();
    }
    let raised: String = power
        .to_string()
        .chars()
        .map(|c| match c {
            '-' => '⁻',
            digit => ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'][digit as usize - '0' as usize],
        })
        .collect();
    format!("10{raised} {label}").trim_end().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    fn pixels(path: &Path) -> (usize, usize, Vec<u8>) {
        let mut reader = png::Decoder::new(std::io::BufReader::new(File::open(path).unwrap())).read_info().unwrap();
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
    fn large_planes_are_averaged() {
        let values = Array2::from_shape_fn((10, 8000), |(_, i)| (i % 5) as f64);
        let plane = resample(values.view(), size(values.dim(), ("", 0.0, 4.0), ("", 0.0, 1.0)));
        assert_eq!(plane.dim(), (400, 1600));
        assert!(plane.iter().all(|&v| v == 2.0));
    }

    #[test]
    fn a_power_of_ten_is_told_with_the_unit() {
        assert_eq!((with_factor("K", -12), with_factor("K", 0)), ("10⁻¹² K".into(), "K".into()));
    }

    #[test]
    fn odd_planes_are_drawn_and_empty_ones_refused() {
        let dir = tempfile::tempdir().unwrap();
        let draw = |values: Array2<f64>| {
            png(dir.path().join("a.png"), "", "", values.view(), ("", 0.0, 0.0), ("", f64::NAN, 1.0))
        };
        for values in [Array2::zeros((1, 1)), Array2::from_elem((3, 2), f64::NAN), Array2::from_elem((2, 2), 1e300)] {
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
