//! The colours of values.
use colorgrad::Gradient;
use ndarray::ArrayView2;

/// The colour of cells without a value: land, fill values, NaN, infinities. Neither colour map has a grey.
pub(super) const MISSING: [u8; 3] = [150, 150, 150];

/// A map of values from `low` to `high` to colours.
pub(super) struct Colours {
    pub(super) low: f64,
    pub(super) high: f64,
    gradient: Box<dyn Gradient>,
    reversed: bool,
}

impl Colours {
    /// A sequential map for values of one sign, a diverging one with white at zero for values of both signs.
    pub(super) fn of(values: ArrayView2<f64>) -> Colours {
        let finite = || values.iter().copied().filter(|v| v.is_finite());
        let (mut low, mut high) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        let widest = low.abs().max(high.abs());
        // A small part of the other sign is noise and does not justify half of the colours.
        if low < -1e-3 * widest && high > 1e-3 * widest {
            // This map runs from red to blue.
            let gradient = Box::new(colorgrad::preset::rd_bu());
            return Colours { low: -widest, high: widest, gradient, reversed: true };
        }
        if low == high {
            let half = if widest > 0.0 { 0.5 * widest } else { 0.5 };
            (low, high) = ((low - half).max(f64::MIN), (high + half).min(f64::MAX));
        }
        Colours { low, high, gradient: Box::new(colorgrad::preset::viridis()), reversed: false }
    }

    /// The value at a fraction of the range from `low` to `high`, which may be too wide for a number.
    pub(super) fn value(&self, fraction: f64) -> f64 {
        self.low * (1.0 - fraction) + self.high * fraction
    }

    /// The colour of a value.
    pub(super) fn rgb(&self, v: f64) -> [u8; 3] {
        if !v.is_finite() {
            return MISSING;
        }
        // Halved, since the difference of the largest doubles overflows.
        let t = ((0.5 * v - 0.5 * self.low) / (0.5 * self.high - 0.5 * self.low)) as f32;
        let [r, g, b, _] = self.gradient.at(if self.reversed { 1.0 - t } else { t }).to_rgba8();
        [r, g, b]
    }
}
