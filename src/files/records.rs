//! The records of a stream's file: its instants, and the small datasets along the record axis that hold them.
use super::hdf5::{self, Dataset, File, Group, Storage};
use super::layout::{Layout, RecordAxis};
use halocline_kernels::ElementType;

/// An instant of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Instant {
    /// The number of the step.
    pub step: u64,
    /// The time in seconds; 0 in a simulation without time.
    pub time: f64,
    /// The step and the time in seconds at which the interval of a statistic began.
    pub begin: (u64, f64),
}

impl Instant {
    /// A single instant, without an interval.
    pub fn at(step: u64, time: f64) -> Instant {
        Instant { step, time, begin: (step, time) }
    }
}

/// Instants per chunk of the datasets.
pub(super) const CHUNK: usize = 128;

/// A dataset along the record axis with numbers of the instants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordDataset {
    Time,
    Step,
    TimeBounds,
    StepBounds,
}

use RecordDataset::{Step, StepBounds, Time, TimeBounds};

impl RecordDataset {
    /// The datasets of a stream, the coordinate of the record axis first.
    pub(super) fn of(layout: &Layout) -> Vec<RecordDataset> {
        let mut all = match layout.record_axis {
            RecordAxis::Time => vec![Time, Step],
            RecordAxis::Step => vec![Step],
        };
        all.extend(layout.bounds.then_some(if layout.record_axis == RecordAxis::Time {
            TimeBounds
        } else {
            StepBounds
        }));
        all
    }

    /// The datasets of an existing file.
    pub(super) fn found_in(file: &File) -> Vec<RecordDataset> {
        [Time, Step, TimeBounds, StepBounds].into_iter().filter(|data| file.link_exists(data.name())).collect()
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Time => "time",
            Step => "step",
            TimeBounds => "time_bnds",
            StepBounds => "step_bnds",
        }
    }

    fn element(self) -> ElementType {
        match self {
            Time | TimeBounds => ElementType::F64,
            Step | StepBounds => ElementType::I64,
        }
    }

    /// The shape for a number of instants.
    pub(super) fn shape(self, instants: usize) -> Vec<usize> {
        match self {
            Time | Step => vec![instants],
            TimeBounds | StepBounds => vec![instants, 2],
        }
    }

    /// The shape of a chunk.
    pub(super) fn chunk(self) -> Vec<usize> {
        self.shape(CHUNK)
    }

    /// The numbers of instants, as bytes of the dataset.
    fn bytes(self, instants: &[Instant]) -> Vec<u8> {
        let bytes = |i: &Instant| -> Vec<u8> {
            let step = |step: u64| (step as i64).to_ne_bytes();
            match self {
                Time => i.time.to_ne_bytes().into(),
                Step => step(i.step).into(),
                TimeBounds => [i.begin.1, i.time].map(f64::to_ne_bytes).concat(),
                StepBounds => [i.begin.0, i.step].map(step).concat(),
            }
        };
        instants.iter().flat_map(bytes).collect()
    }

    /// Writes all instants. The dataset must already have the right length. With `collective`, all ranks must call this, and
    /// only the one that `writes` contributes numbers.
    pub(super) fn put(self, data: &Dataset, instants: &[Instant], writes: bool, collective: bool) -> hdf5::Result<()> {
        if !writes || instants.is_empty() {
            return hdf5::write(data, &[], &[], collective);
        }
        let shape = self.shape(instants.len());
        hdf5::write(data, &[(vec![0; shape.len()], shape)], &self.bytes(instants), collective)
    }
}

/// Creates the datasets of a stream with these instants, and returns the coordinate of the record axis.
pub(super) fn create(file: &File, layout: &Layout, instants: &[Instant]) -> hdf5::Result<Dataset> {
    let mut scale: Option<Dataset> = None;
    for kind in RecordDataset::of(layout) {
        let (name, shape) = (kind.name(), kind.shape(instants.len()));
        let data = hdf5::dataset(file, name, kind.element(), &shape, Storage::Growing(kind.chunk()))?;
        match kind {
            Time => describe_time(&data, layout)?,
            Step => describe(&data, "number of the time step", "1")?,
            // Bounds have the attributes of their coordinate.
            TimeBounds | StepBounds => hdf5::attach_scale(&data, &bounds_axis(file)?, 1)?,
        }
        match &scale {
            None => {
                if layout.bounds {
                    hdf5::put_text(&data, "bounds", &format!("{name}_bnds"))?;
                }
                hdf5::make_scale(&data, name)?;
            }
            Some(scale) => hdf5::attach_scale(&data, scale, 0)?,
        }
        kind.put(&data, instants, true, false)?;
        scale = scale.or(Some(data));
    }
    Ok(scale.expect("each stream has a record axis"))
}

/// The dimension of two bounds, which has no coordinates. NetCDF marks such a dimension by this name of its scale.
fn bounds_axis(file: &Group) -> hdf5::Result<Dataset> {
    let axis = hdf5::dataset(file, "bnds", ElementType::I64, &[2], Storage::Whole)?;
    hdf5::make_scale(&axis, &format!("This is a netCDF dimension but not a netCDF variable.{:10}", 2))?;
    Ok(axis)
}

/// The instants in a file.
pub(super) fn read(file: &File) -> hdf5::Result<Vec<Instant>> {
    let all = RecordDataset::found_in(file);
    let numbers = |kind: RecordDataset| -> hdf5::Result<Option<Vec<f64>>> {
        all.contains(&kind).then(|| file.dataset(kind.name())?.read_raw::<f64>()).transpose()
    };
    let integers = |kind: RecordDataset| -> hdf5::Result<Option<Vec<i64>>> {
        all.contains(&kind).then(|| file.dataset(kind.name())?.read_raw::<i64>()).transpose()
    };
    let steps = file.dataset(Step.name())?.read_raw::<i64>()?;
    let (times, time_bounds, step_bounds) = (numbers(Time)?, numbers(TimeBounds)?, integers(StepBounds)?);
    let instant = |i: usize| {
        let (step, time) = (steps[i] as u64, times.as_ref().and_then(|all| all.get(i)).copied().unwrap_or(0.0));
        let begin_step = step_bounds.as_ref().and_then(|all| all.get(2 * i)).map_or(step, |step| *step as u64);
        let begin_time = time_bounds.as_ref().and_then(|all| all.get(2 * i)).copied().unwrap_or(time);
        Instant { step, time, begin: (begin_step, begin_time) }
    };
    Ok((0..steps.len()).map(instant).collect())
}

fn describe(data: &Dataset, long_name: &str, unit: &str) -> hdf5::Result<()> {
    hdf5::put_text(data, "long_name", long_name)?;
    hdf5::put_text(data, "units", unit)
}

/// Describes the time coordinate. CF knows no time without a date; without one, the time is in plain seconds.
fn describe_time(time: &Dataset, layout: &Layout) -> hdf5::Result<()> {
    describe(time, "time since the start of the simulation", &layout.time_unit())?;
    hdf5::put_text(time, "standard_name", "time")?;
    hdf5::put_text(time, "axis", "T")?;
    if let Some(date) = layout.reference_date {
        hdf5::put_text(time, "calendar", date.calendar())?;
    }
    Ok(())
}
