//! Title, axes and colour bar around the plane.
use super::canvas::{Canvas, Drawn, Side, with_factor};
use super::colours::{Colours, MISSING};
use plotters::element::Rectangle;
use plotters::style::text_anchor::{HPos, VPos};
use plotters::style::{Color, RGBColor};

/// Pixels around the plane.
pub(super) const LEFT: usize = 110;
pub(super) const RIGHT: usize = 190;
pub(super) const TOP: usize = 64;
pub(super) const BOTTOM: usize = 84;

/// Draws everything except the plane itself.
pub(super) struct Decoration<'a> {
    pub(super) canvas: Canvas<'a>,
    /// Size of the plane in pixels.
    pub(super) width: i32,
    pub(super) height: i32,
    /// True if some cells have no value: a legend explains their colour.
    pub(super) lacks_values: bool,
}

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
        self.canvas.text(title, (left + self.width / 2, top / 2), 28, HPos::Center, VPos::Center, false)?;
        self.canvas.frame((left, top), (right, bottom))?;
        let label = self.canvas.axis(Side::Below, (left, bottom), self.width, x.1, x.2)?;
        self.canvas.text(
            &with_factor(x.0, label),
            (left + self.width / 2, bottom + 58),
            22,
            HPos::Center,
            VPos::Center,
            false,
        )?;
        let label = self.canvas.axis(Side::LeftOf, (left, bottom), self.height, y.1, y.2)?;
        self.canvas.text(
            &with_factor(y.0, label),
            (24, top + self.height / 2),
            22,
            HPos::Center,
            VPos::Center,
            true,
        )?;
        // The colour bar.
        let (from, to) = (right + 30, right + 56);
        for row in 0..self.height {
            let [r, g, b] = colours.rgb(colours.value((row as f64 + 0.5) / self.height as f64));
            let place = [(from, bottom - row - 1), (to, bottom - row)];
            self.canvas.0.draw(&Rectangle::new(place, RGBColor(r, g, b).filled()))?;
        }
        self.canvas.frame((from, top), (to, bottom))?;
        let label = self.canvas.axis(Side::RightOf, (to, bottom), self.height, colours.low, colours.high)?;
        self.canvas.text(&with_factor(unit, label), (from, top - 20), 22, HPos::Left, VPos::Center, false)?;
        if self.lacks_values {
            let [r, g, b] = MISSING;
            let (above, below) = (bottom + 28, bottom + 48);
            self.canvas.0.draw(&Rectangle::new([(from, above), (to, below)], RGBColor(r, g, b).filled()))?;
            self.canvas.frame((from, above), (to, below))?;
            self.canvas.text("no value", (to + 12, (above + below) / 2), 20, HPos::Left, VPos::Center, false)?;
        }
        self.canvas.0.present()?;
        Ok(())
    }
}
