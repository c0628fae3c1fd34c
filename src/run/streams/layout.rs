//! The layout of a stream's file: its axes and variables, and the columns of values behind the variables.
use super::cells::Cells;
use crate::base::Region;
use crate::config::{JobFile, Reduction, StreamElement, StreamSection};
use crate::files::{Axis, Layout, RecordAxis, Variable};
use crate::model::Clock;
use crate::model::declarations::Declarations;
use crate::model::field::FieldDeclaration;
use crate::model::grid::{AXES, Grid, Location};
use crate::model::{AxisDescription, Direction};
use halocline_kernels::ElementType;

/// The values behind one variable of the file.
#[derive(Clone, Copy)]
pub struct Column {
    pub field: usize,
    /// 0 for the real part, 1 for the imaginary part.
    pub part: usize,
    /// The element type in the file.
    pub element: ElementType,
}

/// The layout of the file of stream `name`, and its columns. A complex field becomes two variables.
pub fn layout(
    job: &JobFile,
    name: &str,
    declared: &Declarations,
    provenance: &[(String, String)],
) -> (Layout, Vec<Column>) {
    let (section, grid) = (&job.output[name], &declared.grids[0]);
    let cells = Cells::of(section, grid);
    let record_axis = if declared.clock == Clock::Steps { RecordAxis::Step } else { RecordAxis::Time };
    let (mut axes, mut variables, mut columns) = (vec![], vec![], vec![]);
    for field in chosen(section, &declared.fields) {
        let d = &declared.fields[field];
        let own = axes_of((grid, &declared.axes), d.location, &cells, section, &mut axes);
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
        provenance: provenance.to_vec(),
    };
    (layout, columns)
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
    cells: &Cells,
    section: &StreamSection,
    all: &mut Vec<Axis>,
) -> Vec<usize> {
    let own = match cells {
        Cells::Points(points) => {
            let places = section.points.iter().flatten().map(|p| format!("{p:?}")).collect::<Vec<_>>().join(" ");
            let long_name = format!("number of the point; positions [z, y, x] in m: {places}");
            let values = (0..points.len()).map(|i| i as f64).collect();
            vec![Axis {
                name: "point".into(),
                long_name,
                unit: String::new(),
                cf_axis: None,
                standard_name: None,
                attributes: vec![],
                values,
            }]
        }
        Cells::Region(region, kept) => {
            kept.iter().map(|&a| axis(grid, &descriptions[a], a, location, region)).collect()
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
