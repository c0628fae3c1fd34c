//! [`Canvas`]: axes, frames and texts of a picture.
use super::ticks::Ticks;
use plotters::backend::BitMapBackend;
use plotters::drawing::DrawingArea;
use plotters::element::{PathElement, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, FontTransform, IntoFont, RGBColor, TextStyle, register_font};
use std::sync::Once;

const INK: RGBColor = RGBColor(40, 40, 40);

/// The pixels of a picture.
pub(super) struct Canvas<'a>(pub(super) DrawingArea<BitMapBackend<'a>, plotters::coord::Shift>);

/// The side of a rectangle on which an axis is drawn.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Below,
    LeftOf,
    RightOf,
}

pub(super) type Drawn<T = ()> = Result<T, Box<dyn std::error::Error>>;

impl Canvas<'_> {
    /// Draws ticks and numbers from `low` at `origin` to `high`, `length` pixels away. Returns the power of ten that the numbers
    /// leave out.
    pub(super) fn axis(&self, side: Side, origin: (i32, i32), length: i32, low: f64, high: f64) -> Drawn<i32> {
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
            self.0.draw(&PathElement::new([at, end], INK.stroke_width(1)))?;
            self.text(label, text, 20, h, v, false)?;
        }
        Ok(ticks.power)
    }

    pub(super) fn frame(&self, from: (i32, i32), to: (i32, i32)) -> Drawn {
        Ok(self.0.draw(&Rectangle::new([from, to], INK.stroke_width(1)))?)
    }

    pub(super) fn text(&self, text: &str, at: (i32, i32), size: i32, h: HPos, v: VPos, upwards: bool) -> Drawn {
        static FONT: Once = Once::new();
        FONT.call_once(|| {
            // The font is compiled in, so it is always valid.
            let _ = register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular());
        });
        let font = ("sans-serif", size).into_font();
        let font = if upwards { font.transform(FontTransform::Rotate270) } else { font };
        let style = TextStyle::from(font).color(&INK).pos(Pos::new(h, v));
        Ok(self.0.draw(&Text::new(text.to_string(), at, style))?)
    }
}

/// A label that names the power of ten which the numbers of its axis leave out.
pub(super) fn with_factor(label: &str, power: i32) -> String {
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
