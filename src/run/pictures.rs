//! Pictures of fields: the plane in the middle of a region, gathered on rank 0.
use crate::base::Region;
use crate::base::Result;
use crate::comm::Comm;
use crate::config::JobFile;
use crate::engine::Fields;
use crate::engine::extract::{Extract, extract};
use crate::files::png;
use crate::model::grid::AXES;
use ndarray::Array2;
use std::path::Path;

/// A picture that a run draws of its final state.
pub struct Picture {
    /// The stream that asks for it.
    pub stream: String,
    /// The index of the field.
    pub field: usize,
    /// The name of the file.
    pub name: String,
}

/// The pictures that the streams of a job file ask for.
pub fn wanted(file: &JobFile, store: &Fields) -> Vec<Picture> {
    let mut pictures = vec![];
    for (name, stream) in file.output.iter().filter(|(_, s)| s.picture && s.points.is_none()) {
        for (field, d) in store.declared().fields.iter().enumerate() {
            if stream.fields.as_ref().map_or(d.output && d.grid == 0, |names| names.contains(&d.name)) {
                pictures.push(Picture { stream: name.clone(), field, name: format!("{name}-{}.png", d.name) });
            }
        }
    }
    pictures
}

/// Draws a field's plane in the middle of a region of the first block, where the region has a plane: `false` if it has
/// none. Collective.
///
/// # Errors
/// If the picture cannot be written.
pub fn draw(comm: &Comm, store: &Fields, field: usize, region: Region, when: &str, path: &Path) -> Result<bool> {
    let (d, block) = (&store.declared().fields[field], store.grid_of(field).block(0));
    let size = region.size();
    let deep: Vec<usize> = (0..3).filter(|&a| size[a] > 1).collect();
    let [.., up, across] = deep[..] else { return Ok(false) };
    // The axis that the plane is cut across, if the grid is not flat along it.
    let cut = (0..3).find(|&a| a != up && a != across && block.cells[a] > 1);
    let mut plane = region;
    if let Some(a) = cut {
        let middle = region.low[a] + (size[a] / 2) as isize;
        plane = plane.with(a, middle, middle + 1);
    }
    let Some(values) = gather(comm, store, field, plane, [up, across]) else {
        return comm.agree(Ok(true));
    };
    let edge = |a: usize, index: isize| block.origin[a] + index as f64 * block.cell_length(a);
    let edges = |a: usize| (edge(a, plane.low[a]), edge(a, plane.high[a]));
    let at =
        cut.map_or(String::new(), |a| format!(", {} = {:.3}", AXES[a], block.coordinate(a, plane.low[a], d.location)));
    let what = if d.element.parts() == 2 { format!("|{}|", d.long_name) } else { d.long_name.clone() };
    let label = |a: usize| format!("{} / m", AXES[a]);
    let ((x0, x1), (y0, y1)) = (edges(across), edges(up));
    let title = format!("{what}{at}, {when}");
    let drawn = png(path, &title, &d.unit, values.view(), (&label(across), x0, x1), (&label(up), y0, y1));
    comm.agree(drawn.map(|()| true))
}

/// The values of a plane on rank 0 (the absolute ones of a complex field), `[up, across]`.
fn gather(comm: &Comm, store: &Fields, field: usize, plane: Region, [up, across]: [usize; 2]) -> Option<Array2<f64>> {
    let part = |region: Region| region.intersect(&plane);
    let mut mine = vec![];
    for (array, patch) in store.arrays(field).iter().zip(store.patches(field)) {
        if patch.block == 0 && !part(patch.region).is_empty() {
            mine.extend(extract(comm.threads(), array, &part(patch.region), Extract::Magnitude));
        }
    }
    let all = comm.gather(0, &mine)?;
    let size = plane.size();
    let mut values = Array2::from_elem((size[up], size[across]), f64::NAN);
    for (rank, bytes) in all.iter().enumerate() {
        let mut numbers = bytes.as_chunks().0.iter().map(|b| f64::from_ne_bytes(*b));
        for patch in store.domain_of(field).patches(rank).iter().filter(|p| p.block == 0) {
            let cells = part(patch.region);
            if cells.is_empty() {
                continue;
            }
            let range = |a: usize| (cells.low[a] - plane.low[a]) as usize..(cells.high[a] - plane.low[a]) as usize;
            let mut target = values.slice_mut(ndarray::s![range(up), range(across)]);
            target.iter_mut().zip(&mut numbers).for_each(|(t, v)| *t = v);
        }
    }
    Some(values)
}
