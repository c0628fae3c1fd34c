//! [`Cells`]: which cells of the grid a stream writes.
use super::column::Column;
use super::stations::Stations;
use crate::base::Region;
use crate::base::hyperslab::Selection;
use crate::engine::{Fields, extract};
use crate::model::grid::Grid;
use crate::program::domain::Patch;

/// The cells that a stream writes, on the first block of the first grid.
pub enum Cells {
    /// A box of the grid, and the axes that the file keeps.
    Region(Region, Vec<usize>),
    /// Values interpolated at positions.
    Stations(Stations),
}

/// The cells of a stream in one patch of this rank.
pub struct Piece {
    pub patch: usize,
    pub region: Region,
}

/// The region of a grid of `cells` cells as a stream writes it, with the axes that the file keeps.
pub fn region(grid: &Grid, region: Option<Region>) -> (Region, Vec<usize>) {
    let cells = grid.cells();
    let mut kept: Vec<usize> = (0..3).filter(|&a| cells[a] > 1).collect();
    if kept.is_empty() {
        kept.push(2);
    }
    (region.unwrap_or(Region::of(cells)), kept)
}

impl Cells {
    /// The size of one instant in the file, along the axes that it keeps.
    pub fn shape(&self) -> Vec<usize> {
        match self {
            Cells::Stations(stations) => vec![stations.count],
            Cells::Region(whole, kept) => kept.iter().map(|&a| whole.size()[a]).collect(),
        }
    }

    /// The place of the value with this index in an instant, as a message names it.
    pub fn place(&self, mut index: usize) -> String {
        match self {
            Cells::Stations(_) => format!("station {index}"),
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

    /// The boxes of an instant in the file that this rank writes for column number `c`: first indices and sizes.
    pub fn boxes(&self, store: &Fields, columns: &[Column], c: usize) -> Vec<Selection> {
        match self {
            Cells::Stations(stations) => stations.boxes(c).collect(),
            Cells::Region(whole, kept) => {
                let selection = |piece: Piece| {
                    let (size, low) = (piece.region.size(), |&a: &usize| (piece.region.low[a] - whole.low[a]) as usize);
                    (kept.iter().map(low).collect(), kept.iter().map(|&a| size[a]).collect())
                };
                pieces(store, columns[c].field, whole).into_iter().map(selection).collect()
            }
        }
    }

    /// The values that this rank writes, by column and box, in double precision. Collective.
    pub fn values(&mut self, store: &Fields, columns: &[Column]) -> Vec<Vec<Vec<f64>>> {
        match self {
            Cells::Stations(stations) => stations.sample(store, columns),
            Cells::Region(whole, _) => {
                let values = |c: &Column| {
                    let value = |p: Piece| extract::values(&store.arrays(c.field)[p.patch], &p.region, c.part);
                    pieces(store, c.field, whole).into_iter().map(value).collect()
                };
                columns.iter().map(values).collect()
            }
        }
    }
}

/// The pieces of a region of a field that this rank owns.
pub fn pieces(store: &Fields, field: usize, whole: &Region) -> Vec<Piece> {
    let on_first_block = store.patches(field).iter().enumerate().filter(|(_, patch)| patch.block == 0);
    let piece = |(patch, p): (usize, &Patch)| Piece { patch, region: p.region.intersect(whole) };
    on_first_block.map(piece).filter(|piece| !piece.region.is_empty()).collect()
}
