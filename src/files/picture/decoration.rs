//! Title, axes and colour bar around the plane.
use super::colours::{Colours, MISSING};
use super::ticks::Ticks;
use plotters::backend::BitMapBackend;
use plotters::drawing::DrawingArea;
use plotters::element::{PathElement, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, FontTransform, IntoFont, RGBColor, TextStyle, register_font};
use std::sync::Once;

/// Pixels around the plane.
pub(super) const LEFT: usize = 110;
pub(super) const RIGHT: usize = 190;
pub(super) const TOP: usize = 64;
pub(super) const BOTTOM: usize = 84;

const INK: RGBColor = RGBColor(40, 40, 40);

/// Draws everything except the plane itself.
pub(super) struct Decoration<'a> {
    pub(super) area: DrawingArea<BitMapBackend<'a>, plotters::coord::Shift>,
    /// Size of the plane in pixels.
    pub(super) width: i32,
    pub(super) height: i32,
    /// True if some cells have no value: a legend explains their colour.
    pub(super) lacks_values: bool,
}

/// The side of a rectangle on which an axis is drawn.
#[derive(Clone, Copy)]
enum Side {
    Below,
    LeftOf,
    RightOf,
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

impl Decoration<'_> {
    /// Draws the title, both axes and the colour bar.
    pub(super) fn draw(
        &self,
        title: &str,
        unit: &str,
        x: (&str, f64, f64),
        y: (&str, f64, f64),
        colours: &Colours,
    ) -> Drawn {
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
            let [r, g, b] = colours.rgb(colours.value((row as f64 + 0.5) / self.height as f64));
            let place = [(from, bottom - row - 1), (to, bottom - row)];
            self.area.draw(&Rectangle::new(place, RGBColor(r, g, b).filled()))?;
        }
        self.frame((from, top), (to, bottom))?;
        let label = self.axis(Side::RightOf, (to, bottom), self.height, colours.low, colours.high)?;
        self.text(&with_factor(unit, label), (from, top - 20), 22, HPos::Left, VPos::Center, false)?;
        if self.lacks_values {
            let [r, g, b] = MISSING;
            let (above, below) = (bottom + 28, bottom + 48);
            self.area.draw(&Rectangle::new([(from, above), (to, below)], RGBColor(r, g, b).filled()))?;
            self.frame((from, above), (to, below))?;
            self.text("no value", (to + 12, (above + below) / 2), 20, HPos::Left, VPos::Center, false)?;
        }
        self.area.present()?;
        Ok(())
    }

    /// Draws ticks and numbers from `low` at `origin` to `high`, `length` pixels away. Returns the power of ten that the numbers
    /// leave out.
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
            // Halved, since the difference of the largest doubles overflows.
            let along = ((0.5 * value - 0.5 * low) / (0.5 * high - 0.5 * low) * length as f64) as i32;
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
            // The font is compiled in, so it is always valid.
            let _ = register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular());
        });
        let font = ("sans-serif", size).into_font();
        let font = if upwards { font.transform(FontTransform::Rotate270) } else { font };
        let style = TextStyle::from(font).color(&INK).pos(Pos::new(h, v));
        Ok(self.area.draw(&Text::new(text.to_string(), at, style))?)
    }
}

/// A label that names the power of ten which the numbers of its axis leave out.
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

    #[test]
    fn a_power_of_ten_precedes_the_unit() {
        assert_eq!((with_factor("K", -12), with_factor("K", 0)), ("10⁻¹² K".into(), "K".into()));
    }
}
