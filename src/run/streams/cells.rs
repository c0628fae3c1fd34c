//! [`Cells`]: which cells of the grid a stream writes.
use crate::base::Region;
use crate::base::hyperslab::Selection;
use crate::config::StreamSection;
use crate::engine::Fields;
use crate::model::grid::Grid;
use crate::program::domain::Patch;

/// The cells that a stream writes, on the first block of the first grid.
pub enum Cells {
    /// A box of the grid, and the axes that the file keeps.
    Region(Region, Vec<usize>),
    /// Single cells.
    Points(Vec<[usize; 3]>),
}

/// The cells of a stream in one patch of this rank.
pub struct Piece {
    pub patch: usize,
    pub region: Region,
    /// For points, the index of the point.
    pub point: usize,
}

impl Cells {
    /// The cells of the stream that `section` describes.
    pub fn of(section: &StreamSection, grid: &Grid) -> Cells {
        if let Some(points) = &section.points {
            let cell = |p: &[f64; 3]| [0, 1, 2].map(|a| cell_at(grid, *p, a).unwrap_or(0));
            return Cells::Points(points.iter().map(cell).collect());
        }
        let cells = grid.cells();
        let whole = section.region.as_ref().map_or(Region::of(cells), |r| r.within(cells));
        let mut kept: Vec<usize> = (0..3).filter(|&a| cells[a] > 1).collect();
        if kept.is_empty() {
            kept.push(2);
        }
        Cells::Region(whole, kept)
    }

    /// The size of one instant in the file, along the axes that it keeps.
    pub fn shape(&self) -> Vec<usize> {
        match self {
            Cells::Points(cells) => vec![cells.len()],
            Cells::Region(whole, kept) => kept.iter().map(|&a| whole.size()[a]).collect(),
        }
    }

    /// The place of the value with this index in an instant, as a message names it.
    pub fn place(&self, mut index: usize) -> String {
        match self {
            Cells::Points(_) => format!("point {index}"),
            Cells::Region(whole, kept) => {
                let mut cell = whole.low;
                for &axis in kept.iter().rev() {
                    cell[axis] += (index % whole.size()[axis]) as isize;
                    index /= whole.size()[axis];
                }
                format!("cell {cell:?}")
            }
        }
    }

    /// The position of a piece in an instant of the file: its first index and its size.
    pub fn selection(&self, piece: &Piece) -> Selection {
        match self {
            Cells::Points(_) => (vec![piece.point], vec![1]),
            Cells::Region(whole, kept) => {
                let (size, low) = (piece.region.size(), |&a: &usize| (piece.region.low[a] - whole.low[a]) as usize);
                (kept.iter().map(low).collect(), kept.iter().map(|&a| size[a]).collect())
            }
        }
    }

    /// The pieces of a field that this rank owns.
    pub fn pieces(&self, store: &Fields, field: usize) -> Vec<Piece> {
        let patches = store.patches(field);
        match self {
            Cells::Region(whole, _) => {
                let on_first_block = patches.iter().enumerate().filter(|(_, patch)| patch.block == 0);
                let piece = |(patch, p): (usize, &Patch)| Piece { patch, region: p.region.intersect(whole), point: 0 };
                on_first_block.map(piece).filter(|piece| !piece.region.is_empty()).collect()
            }
            Cells::Points(cells) => {
                let mine = cells.iter().enumerate().filter_map(|(point, c)| {
                    let region = Region::of([1; 3]).shift(c.map(|i| i as isize));
                    let owner = patches.iter().position(|patch| patch.block == 0 && patch.region.contains(&region));
                    owner.map(|patch| Piece { patch, region, point })
                });
                mine.collect()
            }
        }
    }
}

/// The index along `axis` of the cell that contains `point`; none outside of the grid.
pub fn cell_at(grid: &Grid, point: [f64; 3], axis: usize) -> Option<usize> {
    let block = grid.block(0);
    let index = ((point[axis] - block.origin[axis]) / block.cell_length(axis)).floor();
    let n = block.cells[axis];
    // The upper end of the grid belongs to the last cell.
    let index =
        if index == n as f64 && point[axis] <= block.origin[axis] + block.length[axis] { index - 1.0 } else { index };
    (index >= 0.0 && index < n as f64).then_some(index as usize)
}
