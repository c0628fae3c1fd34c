//! [`StreamPlan`]: what a stream will write, known before anything is allocated.
use super::cells;
use super::layout::chosen;
use crate::base::Region;
use crate::config::{Cadence, JobFile, Reduction, StreamElement};
use crate::engine::Moment;
use crate::model::{Clock, Model};
use crate::program::Program;

/// The number and size of the instants of a stream.
pub struct StreamPlan {
    /// The name of the stream.
    pub name: String,
    /// The number of instants; none if it is not known in advance.
    pub instants: Option<u64>,
    /// Bytes of one instant.
    pub bytes: u64,
    /// For each field, its number and the bytes of one of its cells in the file.
    fields: Vec<(usize, u64)>,
    /// The cells; none for single points.
    region: Option<Region>,
    /// True if the stream accumulates values between instants.
    accumulates: bool,
    /// Bytes of accumulated values in a checkpoint, all ranks together.
    pub accumulated: u64,
}

impl StreamPlan {
    /// Plans the stream `name`, in a run of `steps` steps (none if not known) that ends after `seconds` (none without a time).
    pub fn new(
        name: &str,
        file: &JobFile,
        model: &Model,
        clock: Clock,
        (steps, seconds): (Option<u64>, Option<f64>),
    ) -> StreamPlan {
        let (section, fields) = (&file.output[name], model.fields());
        let bytes_of_cell = |f: usize| {
            let element = fields[f].element;
            let bytes = match section.element {
                StreamElement::Same => element.size(),
                StreamElement::F32 => 4 * element.parts(),
                StreamElement::F64 => 8 * element.parts(),
            };
            (f, bytes as u64)
        };
        let fields: Vec<(usize, u64)> = chosen(section, fields).into_iter().map(bytes_of_cell).collect();
        let grid = model.grid();
        let (cells, region) = match &section.points {
            Some(points) => (points.len() as u64, None),
            None => {
                let (region, _) = cells::region(grid, section.region.as_ref().map(|r| r.within(grid.cells())));
                (region.cells() as u64, Some(region))
            }
        };
        let accumulates = section.reduce != Reduction::Instant;
        let bytes = fields.iter().fold(0, |all: u64, (_, bytes)| all.saturating_add(cells.saturating_mul(*bytes)));
        // Accumulated values are in double precision, one for each part of an element.
        let numbers = fields.iter().map(|(f, _)| 8 * model.fields()[*f].element.parts() as u64);
        let sums = numbers.fold(0, |all: u64, bytes| all.saturating_add(cells.saturating_mul(bytes)));
        let accumulated = if accumulates { sums } else { 0 };
        let intervals = intervals(section.every, clock, steps, seconds);
        // A stream of single instants also writes the first one.
        let instants = intervals.map(|n| n.saturating_add(u64::from(!accumulates)));
        StreamPlan { name: name.into(), instants, bytes, fields, region, accumulates, accumulated }
    }

    /// Returns the bytes of memory from which a rank writes an instant, with the accumulated values.
    pub fn memory(&self, program: &Program, rank: usize) -> u64 {
        let Some(region) = &self.region else { return 0 };
        let cells = |f: usize| -> u64 {
            let patches = program.domain_of(f).patches(rank).into_iter().filter(|patch| patch.block == 0);
            patches.map(|patch| patch.region.intersect(region).cells() as u64).sum()
        };
        // Accumulated values and the values of the step that is added are in double precision.
        let values = if self.accumulates { 16 } else { 0 };
        self.fields.iter().map(|(f, bytes)| cells(*f).saturating_mul(bytes + values)).fold(0, u64::saturating_add)
    }
}

/// The number of intervals of a cadence in a run, if it is known in advance; the last one may be cut short by the end.
fn intervals(every: Cadence, clock: Clock, steps: Option<u64>, seconds: Option<f64>) -> Option<u64> {
    match every {
        Cadence::Never => Some(0),
        Cadence::Steps(n) => Some(steps?.div_ceil(n)),
        Cadence::Seconds(s) => {
            let Clock::Fixed(dt) = clock else { return Some((seconds? / s - 1e-9).ceil() as u64) };
            let last = steps?;
            // As in a run: an instant is met by the first step that ends there or later, and the last step ends an interval.
            let passed = |step: u64| {
                let time = step as f64 * dt;
                Moment { step, time, dt, round_off: 4.0 * f64::EPSILON * time }.whole_intervals(s)
            };
            let at_end = last > 0 && passed(last) == passed(last - 1);
            Some((passed(last) as u64).saturating_add(u64::from(at_end)).min(last))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_counted_in_steps_or_seconds() {
        let fixed = Clock::Fixed(0.5);
        assert_eq!(intervals(Cadence::Steps(10), fixed, Some(45), Some(22.5)), Some(5));
        assert_eq!(intervals(Cadence::Seconds(5.0), fixed, Some(45), Some(22.5)), Some(5));
        assert_eq!(intervals(Cadence::Seconds(0.1), fixed, Some(45), Some(22.5)), Some(45));
        assert_eq!(intervals(Cadence::Steps(10), Clock::Adaptive, None, Some(9.0)), None);
        assert_eq!(intervals(Cadence::Seconds(3.0), Clock::Adaptive, None, Some(9.0)), Some(3));
        // The last step passes the last multiple, 4 s, and ends after it, at 4.05 s.
        assert_eq!(intervals(Cadence::Seconds(0.25), Clock::Fixed(0.15), Some(27), Some(4.05)), Some(16));
        assert_eq!(intervals(Cadence::Seconds(1.0), Clock::Fixed(0.1), Some(41), Some(4.05)), Some(5));
        assert_eq!(intervals(Cadence::Seconds(1.0), Clock::Fixed(0.3), Some(14), Some(4.05)), Some(4));
        assert_eq!(intervals(Cadence::Seconds(1.0), fixed, Some(0), Some(0.0)), Some(0));
        assert_eq!(intervals(Cadence::Never, fixed, None, None), Some(0));
    }
}
