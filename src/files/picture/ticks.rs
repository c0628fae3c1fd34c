//! The ticks of an axis.

/// Round numbers on an axis.
pub(super) struct Ticks {
    /// Values and their labels; the labels leave out a factor of 10^`power`.
    pub(super) marks: Vec<(f64, String)>,
    pub(super) power: i32,
}

impl Ticks {
    /// About `about` ticks between `low` and `high`.
    pub(super) fn of(low: f64, high: f64, about: usize) -> Ticks {
        let (low, high) = (low.min(high), low.max(high));
        // The step is 1, 2 or 5 times a power of ten, whichever is nearest.
        let (digit, exponent) = scientific(high / about as f64 - low / about as f64);
        let (step, exponent) = match digit {
            d if d < 1.4 => (1, exponent),
            d if d < 3.2 => (2, exponent),
            d if d < 7.1 => (5, exponent),
            _ => (1, exponent + 1),
        };
        let step = decimal(step, exponent);
        let (_, largest) = scientific(low.abs().max(high.abs()));
        let power = if (-3..6).contains(&largest) { 0 } else { largest };
        let decimals = (power - exponent).max(0) as usize;
        // With a tolerance, since 0.3 is not exactly three times 0.1.
        let (first, last) = ((low / step - 1e-9).ceil() as i64, (high / step + 1e-9).floor() as i64);
        let mark = |i: i64| {
            let value = i as f64 * step;
            // Adding zero turns -0 into 0.
            (value, format!("{:.decimals$}", value / decimal(1, power) + 0.0).replace('-', "−"))
        };
        // More ticks than requested means that doubles cannot resolve the interval.
        Ticks { marks: (first..=last).take(2 * about).map(mark).collect(), power }
    }
}

/// Mantissa in [1, 10) and exponent, exact unlike a logarithm; (1, 0) for zero, NaN and infinities.
fn scientific(v: f64) -> (f64, i32) {
    let text = format!("{v:e}");
    let parts = text.split_once('e').and_then(|(m, e)| Some((m.parse().ok()?, e.parse().ok()?)));
    parts.filter(|&(m, _)| m != 0.0).unwrap_or((1.0, 0))
}

/// The double nearest to digit · 10^exponent.
fn decimal(digit: i32, exponent: i32) -> f64 {
    format!("{digit}e{exponent}").parse().unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_numbers() {
        let labels = |low, high, most| {
            let ticks = Ticks::of(low, high, most);
            (ticks.marks.iter().map(|m| m.1.clone()).collect::<Vec<_>>().join(" "), ticks.power)
        };
        assert_eq!(labels(0.0, 360.0, 8), ("0 50 100 150 200 250 300 350".into(), 0));
        assert_eq!(labels(-0.3, 0.3, 6), ("−0.3 −0.2 −0.1 0.0 0.1 0.2 0.3".into(), 0));
        assert_eq!(labels(0.0, 2.5e-7, 5), ("0.0 0.5 1.0 1.5 2.0 2.5".into(), -7));
        assert_eq!(labels(1.5e9, 1.0e9, 5), ("1.0 1.1 1.2 1.3 1.4 1.5".into(), 9));
        assert_eq!(labels(5.0, 5.0, 5).0, "5");
    }
}
