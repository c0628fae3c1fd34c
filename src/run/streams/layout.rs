//! The layout of a stream's file: its axes and variables, and the columns of values behind the variables.
use super::cells;
use super::column::Column;
use crate::base::Region;
use crate::config::{JobFile, Reduction, StreamElement, StreamSection};
use crate::files::{Axis, Coordinate, CoordinateValues, Layout, RecordAxis, Variable};
use crate::model::Clock;
use crate::model::declarations::Declarations;
use crate::model::field::FieldDeclaration;
use crate::model::grid::{AXES, Grid};
use crate::model::location::Location;
use crate::model::{AxisDescription, Direction};
use halocline_kernels::ElementType;

/// The layout of the file of stream `name`, and its columns. A complex field becomes two variables.
pub fn layout(
    job: &JobFile,
    name: &str,
    declared: &Declarations,
    provenance: &[(String, String)],
) -> (Layout, Vec<Column>) {
    let (section, grid) = (&job.output[name], &declared.grids[0]);
    let record_axis = if declared.clock == Clock::Steps { RecordAxis::Step } else { RecordAxis::Time };
    let (mut axes, mut variables, mut columns) = (vec![], vec![], vec![]);
    let (coordinates, features) = stations(grid, &declared.axes, section);
    let named = coordinates.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(" ");
    for field in chosen(section, &declared.fields) {
        let d = &declared.fields[field];
        let own = axes_of((grid, &declared.axes), d.location, section, &mut axes);
        let real = if d.element.size() / d.element.parts() == 4 { ElementType::F32 } else { ElementType::F64 };
        let element = match section.element {
            StreamElement::Same => real,
            StreamElement::F32 => ElementType::F32,
            StreamElement::F64 => ElementType::F64,
        };
        for part in 0..d.element.parts() {
            let is_real = d.element.parts() == 1;
            let suffix = if is_real { "" } else { ["_re", "_im"][part] };
            let what = if is_real { "" } else { [", real part", ", imaginary part"][part] };
            let mut attributes = vec![];
            if let Some(name) = d.standard_name.as_ref().filter(|_| is_real) {
                attributes.push(("standard_name".into(), name.clone()));
            }
            if section.reduce != Reduction::Instant {
                let method = format!("{}: {}", record_axis.name(), cell_method(section.reduce));
                attributes.push(("cell_methods".into(), method));
            }
            if !named.is_empty() {
                attributes.push(("coordinates".into(), named.clone()));
            }
            variables.push(Variable {
                name: format!("{}{suffix}", d.name),
                long_name: format!("{}{what}", d.long_name),
                unit: d.unit.clone(),
                element,
                axes: own.clone(),
                attributes,
            });
            columns.push(Column { field, part, element });
        }
    }
    let layout = Layout {
        name: name.into(),
        title: format!("{}, stream {name}", job.job),
        source: format!("halocline {}, job {}", env!("CARGO_PKG_VERSION"), job.job),
        reference_date: job.time.start,
        record_axis,
        bounds: section.reduce != Reduction::Instant,
        axes,
        variables,
        coordinates,
        features,
        provenance: provenance.to_vec(),
    };
    (layout, columns)
}

/// The coordinates of stations, as CF describes time series at discrete positions, and the kind of these features; none for a
/// stream without positions.
fn stations(
    grid: &Grid,
    descriptions: &[AxisDescription; 3],
    section: &StreamSection,
) -> (Vec<Coordinate>, Option<String>) {
    let Some(positions) = &section.points else { return (vec![], None) };
    let mut all = vec![];
    for a in (0..3).filter(|&a| !grid.is_flat(a) || a == 2) {
        let Axis { cf_axis, standard_name, mut attributes, .. } =
            axis(grid, &descriptions[a], a, Location::Center, &Region::of([1; 3]));
        attributes.extend(cf_axis.map(|letter| ("axis".into(), letter.into())));
        attributes.extend(standard_name.map(|name| ("standard_name".into(), name)));
        all.push(Coordinate {
            name: AXES[a].into(),
            long_name: format!("{} of the station", descriptions[a].long_name),
            unit: "m".into(),
            axis: 0,
            attributes,
            values: CoordinateValues::Numbers(positions.iter().map(|p| p[a]).collect()),
        });
    }
    if let Some(names) = &section.names {
        all.push(Coordinate {
            name: "station_name".into(),
            long_name: "name of the station".into(),
            unit: String::new(),
            axis: 0,
            attributes: vec![("cf_role".into(), "timeseries_id".into())],
            values: CoordinateValues::Text(names.clone()),
        });
    }
    (all, Some("timeSeries".into()))
}

/// The fields that a stream writes.
pub(super) fn chosen(section: &StreamSection, declarations: &[FieldDeclaration]) -> Vec<usize> {
    let position = |name: &String| declarations.iter().position(|d| d.name == *name);
    match &section.fields {
        Some(names) => names.iter().filter_map(position).collect(),
        None => (0..declarations.len()).filter(|&f| declarations[f].output && declarations[f].grid == 0).collect(),
    }
}

/// The name of a reduction in the CF attribute `cell_methods`.
fn cell_method(reduce: Reduction) -> &'static str {
    match reduce {
        Reduction::Instant => "point",
        Reduction::Mean => "mean",
        Reduction::Max => "maximum",
        Reduction::Min => "minimum",
    }
}

/// Adds the axes of a field to `all`, the axes of the file, and returns their indices there.
fn axes_of(
    (grid, descriptions): (&Grid, &[AxisDescription; 3]),
    location: Location,
    section: &StreamSection,
    all: &mut Vec<Axis>,
) -> Vec<usize> {
    let own = match &section.points {
        Some(positions) => vec![Axis {
            name: "station".into(),
            long_name: "number of the station".into(),
            unit: String::new(),
            cf_axis: None,
            standard_name: None,
            attributes: vec![],
            values: (0..positions.len()).map(|i| i as f64).collect(),
        }],
        None => {
            let (region, kept) = cells::region(grid, section.region.as_ref().map(|r| r.within(grid.cells())));
            kept.iter().map(|&a| axis(grid, &descriptions[a], a, location, &region)).collect()
        }
    };
    own.into_iter()
        .map(|axis| {
            all.iter().position(|known| known.name == axis.name).unwrap_or_else(|| {
                all.push(axis);
                all.len() - 1
            })
        })
        .collect()
}

/// The axis `a` of a field at `location`, over the cells of a region.
fn axis(grid: &Grid, description: &AxisDescription, a: usize, location: Location, region: &Region) -> Axis {
    let on_faces = location.is_low(a);
    let name = AXES[a];
    let block = grid.block(0);
    let (letter, positive) = match description.direction {
        Direction::X => ('X', None),
        Direction::Y => ('Y', None),
        Direction::Up => ('Z', Some("up")),
        Direction::Down => ('Z', Some("down")),
    };
    Axis {
        name: if on_faces { format!("{name}_face") } else { name.into() },
        long_name: format!(
            "{} of {}",
            description.long_name,
            if on_faces { "lower cell faces" } else { "cell centres" }
        ),
        unit: "m".into(),
        cf_axis: Some(letter),
        standard_name: description.standard_name.clone(),
        attributes: positive.map(|to| ("positive".into(), to.into())).into_iter().collect(),
        values: (region.low[a]..region.high[a]).map(|i| block.coordinate(a, i, location)).collect(),
    }
}
