//! [`Moment`]: the end of a step, as cadences see it.

/// The end of a step, or the start of the simulation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moment {
    /// Steps done.
    pub step: u64,
    /// The simulated time in seconds; 0 for a model without time.
    pub time: f64,
    /// The length of the step that ended, in seconds; 0 for a model without time.
    pub dt: f64,
    /// A bound on the round-off error of the time, in seconds.
    pub round_off: f64,
}

impl Moment {
    /// The number of whole intervals of `seconds` that have passed. Round-off neither adds nor delays one: an interval that
    /// ends within the round-off of the time, which is always less than a thousandth of the step, has passed.
    pub fn whole_intervals(&self, seconds: f64) -> f64 {
        let tolerance = self.round_off.max(1e-9 * seconds).min(1e-3 * self.dt);
        ((self.time + tolerance) / seconds).floor()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed(step: u64, dt: f64) -> Moment {
        let time = step as f64 * dt;
        Moment { step, time, dt, round_off: 4.0 * f64::EPSILON * time }
    }

    /// The steps in `1..=last` after which an interval has passed that had not before.
    fn instants(last: u64, seconds: f64, moment: impl Fn(u64) -> Moment) -> Vec<u64> {
        let whole = |step| moment(step).whole_intervals(seconds);
        (1..=last).filter(|&step| whole(step) > whole(step - 1)).collect()
    }

    #[test]
    fn round_off_neither_adds_nor_delays_an_interval() {
        for (dt, seconds, steps) in [
            (0.01, 0.05, 5),
            (0.1, 0.3, 3),
            (0.1, 0.7, 7),
            (1e-3, 0.1, 100),
            (0.05, 0.05, 1),
            (1e-9, 3e-9, 3),
            (0.7, 4.9, 7),
        ] {
            let expected: Vec<u64> = (1..=2000).map(|k| k * steps).collect();
            assert_eq!(instants(2000 * steps, seconds, |step| fixed(step, dt)), expected, "{dt} {seconds}");
        }
        // Far from the start, where the round-off of the time is many times that of an interval.
        for step in [3_000_000_000u64, 3_000_000_003] {
            assert_eq!(fixed(step, 0.1).whole_intervals(0.3), (step / 3) as f64);
            assert_eq!(fixed(step - 1, 0.1).whole_intervals(0.3), (step / 3 - 1) as f64);
        }
    }

    #[test]
    fn an_interval_that_is_no_multiple_of_the_step_ends_with_the_step_that_passes_it() {
        assert_eq!(instants(12, 0.25, |step| fixed(step, 0.1)), [3, 5, 8, 10]);
        assert_eq!(instants(3, 0.25, |step| fixed(step, 1.0)), [1, 2, 3]);
        // A short step decides, not the interval.
        assert_eq!(instants(5, 1e9, |step| fixed(step, 1e-3)), [0; 0]);
    }

    #[test]
    fn sums_of_steps_are_as_good_as_multiples() {
        let mut sums = vec![Moment::default()];
        for step in 1..=1_000_000u64 {
            let time = sums[step as usize - 1].time + 0.1;
            sums.push(Moment { step, time, dt: 0.1, round_off: step as f64 * f64::EPSILON * time });
        }
        let expected: Vec<u64> = (1..=200_000).map(|k| 5 * k).collect();
        assert_eq!(instants(1_000_000, 0.5, |step| sums[step as usize]), expected);
    }

    #[test]
    fn without_time_no_interval_passes() {
        let moment = Moment { step: 7, ..Moment::default() };
        assert_eq!(moment.whole_intervals(1.0), 0.0);
    }
}
