//! Grids: blocks of cells, and the blocks or boundaries adjacent to their faces.
use crate::base::Region;
use crate::base::index_transform::{IndexTransform, SignedAxis, X, Y, Z};
use crate::base::{Error, Result};
use crate::model::location::Location;

/// The region adjacent to a face of a block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Adjacent {
    /// A physical boundary: boundary conditions give the values that a kernel reads beyond it.
    Boundary,
    /// Another block, or the same one, with the map from indices of this block to indices of the adjacent block.
    Block(usize, IndexTransform),
}

/// One side of a block, as its outward direction: `X` is the face at high x, `-Y` the face at low y.
pub type Side = SignedAxis;

/// A block: a box of cells with coordinates.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Cells along z, y, x. An axis with one cell is *flat*: the neighbour of a cell along it is the cell itself.
    pub cells: [usize; 3],
    /// Position of the lowest corner in metres, z, y, x.
    pub origin: [f64; 3],
    /// Length of the block along z, y, x in metres.
    pub length: [f64; 3],
    beyond: [[Adjacent; 2]; 3],
}

impl Block {
    fn new(cells: [usize; 3]) -> Block {
        let spacing = 1.0 / cells.into_iter().max().unwrap_or(1) as f64;
        let mut block = Block {
            cells,
            origin: [0.0; 3],
            length: cells.map(|n| n as f64 * spacing),
            beyond: [[Adjacent::Boundary; 2]; 3],
        };
        for axis in 0..3 {
            if cells[axis] == 1 {
                block.wrap(0, axis);
            }
        }
        block
    }

    /// Makes an axis of the block periodic; `own` is the index of the block.
    fn wrap(&mut self, own: usize, axis: usize) {
        let n = self.cells[axis] as isize;
        for (side, offset) in [n, -n].into_iter().enumerate() {
            self.beyond[axis][side] = Adjacent::Block(own, IndexTransform::shift(axis, offset));
        }
    }

    /// Returns the region adjacent to the lower (0) or upper (1) face across an axis.
    pub fn beyond(&self, axis: usize, side: usize) -> Adjacent {
        self.beyond[axis][side]
    }

    /// Returns the length of a cell along an axis in metres, also along a flat axis.
    pub fn cell_length(&self, axis: usize) -> f64 {
        self.length[axis] / self.cells[axis] as f64
    }

    /// Returns the position in metres along an axis of the value with this index and location. The index may be outside
    /// the block.
    pub fn coordinate(&self, axis: usize, index: isize, location: Location) -> f64 {
        let half = if location.is_low(axis) { 0.0 } else { 0.5 };
        self.origin[axis] + (index as f64 + half) * self.cell_length(axis)
    }
}

/// A global grid: one block, or several joined at their faces. Axes are in the order z, y, x; x is contiguous in
/// memory.
///
/// ```
/// use halocline::Grid;
/// let grid = Grid::new([64, 128]).periodic([false, true]).length([1.0e6, 2.0e6]);
/// assert_eq!(grid.cells(), [1, 64, 128]);
/// assert_eq!(grid.spacing(), [f64::INFINITY, 15625.0, 15625.0]); // z is flat
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    blocks: Vec<Block>,
}

/// Expands `[x]`, `[y, x]` or `[z, y, x]` to three axes; `rest` fills the axes on the left.
fn from_right<T: Copy, const N: usize>(values: [T; N], rest: T) -> [T; 3] {
    const { assert!(N >= 1 && N <= 3, "one to three axes") };
    std::array::from_fn(|a| if a + N >= 3 { values[a + N - 3] } else { rest })
}

impl Grid {
    /// A grid of one block of `[x]`, `[y, x]` or `[z, y, x]` cubic cells. The longest axis has length 1 m, and all axes
    /// that are not flat are bounded.
    pub fn new<const N: usize>(cells: [usize; N]) -> Grid {
        Grid { blocks: vec![Block::new(from_right(cells, 1))] }
    }

    /// A grid of `count` blocks of equal size, not joined to each other.
    pub fn blocks<const N: usize>(count: usize, cells: [usize; N]) -> Grid {
        Grid { blocks: vec![Block::new(from_right(cells, 1)); count] }.renumbered()
    }

    /// Sets the block index in all periodic links of each block to the block itself.
    fn renumbered(mut self) -> Grid {
        for (b, block) in self.blocks.iter_mut().enumerate() {
            for adjacent in block.beyond.iter_mut().flatten() {
                if let Adjacent::Block(to, _) = adjacent {
                    *to = b;
                }
            }
        }
        self
    }

    /// Makes axes periodic: each block becomes adjacent to itself. Flat axes are always periodic. Call this before
    /// `join`.
    pub fn periodic<const N: usize>(mut self, axes: [bool; N]) -> Grid {
        for (axis, wraps) in from_right(axes, false).into_iter().enumerate() {
            if wraps {
                self.blocks.iter_mut().enumerate().for_each(|(b, block)| block.wrap(b, axis));
            }
        }
        self
    }

    /// Sets the length of every block along the axes in metres. An axis to the left of the given ones (usually flat)
    /// gets the cell length of the first given axis.
    pub fn length<const N: usize>(mut self, length: [f64; N]) -> Grid {
        for block in &mut self.blocks {
            let rest = length[0] / block.cells[3 - N] as f64;
            block.length = from_right(length, rest);
        }
        self
    }

    /// Sets the position of the lowest corner of every block in metres.
    pub fn origin<const N: usize>(mut self, origin: [f64; N]) -> Grid {
        for block in &mut self.blocks {
            block.origin = from_right(origin, 0.0);
        }
        self
    }

    /// Joins the face `side` of block `a` to a face of block `b`, in both directions. `axes` are the signed axes of `b`
    /// that the z, y, x axes of `a` map to. With the side `X` and the axes `[Z, -X, Y]`, the cells beyond high x of `a`
    /// are the cells of `b` at its lowest y.
    ///
    /// # Errors
    /// If `axes` is not a permutation of the axes, a block does not exist, or the two faces have different sizes.
    pub fn join(mut self, a: usize, side: Side, b: usize, axes: [SignedAxis; 3]) -> Result<Grid> {
        let mut named = [false; 3];
        axes.iter().for_each(|a| named[a.axis] = true);
        if named != [true; 3] || a >= self.blocks.len() || b >= self.blocks.len() {
            return Err(Error::input(format!(
                "cannot join block {a} to block {b} of {} with the axes {axes:?}",
                self.blocks.len()
            ))
            .remedy("name each of Z, Y, X once, with a sign"));
        }
        let (na, nb) = (self.blocks[a].cells, self.blocks[b].cells);
        let mut map = IndexTransform { to: axes, offset: [0; 3] };
        for axis in 0..3 {
            let (from, to) = (na[axis] as isize, nb[axes[axis].axis] as isize);
            let reversed = axes[axis].reversed;
            map.offset[axis] = match (axis == side.axis, side.reversed, reversed) {
                (true, false, false) => -from,
                (true, false, true) => from + to - 1,
                (true, true, false) => to,
                (true, true, true) => -1,
                (false, _, false) => 0,
                (false, _, true) => to - 1,
            };
            if axis != side.axis && from != to {
                return Err(Error::input(format!(
                    "the faces of block {a} ({na:?} cells) and block {b} ({nb:?}) that are joined have {from} and {to} cells along an edge"
                )).remedy("joined faces need the same number of cells"));
            }
        }
        let entered = SignedAxis { reversed: side.reversed == axes[side.axis].reversed, ..axes[side.axis] };
        self.blocks[a].beyond[side.axis][usize::from(!side.reversed)] = Adjacent::Block(b, map);
        self.blocks[b].beyond[entered.axis][usize::from(!entered.reversed)] = Adjacent::Block(a, map.inverse());
        Ok(self)
    }

    /// Returns all blocks.
    pub fn all_blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Returns the block of this index.
    pub fn block(&self, block: usize) -> &Block {
        &self.blocks[block]
    }

    /// Returns the cells of the first block along z, y, x.
    pub fn cells(&self) -> [usize; 3] {
        self.blocks[0].cells
    }

    /// Returns the number of cells in all blocks.
    pub fn total_cells(&self) -> u64 {
        self.blocks.iter().map(|b| b.cells.iter().map(|&n| n as u64).product::<u64>()).sum()
    }

    /// Returns the cell spacing of the first block along z, y, x in metres; infinite along a flat axis, so that
    /// derivatives along it are zero.
    pub fn spacing(&self) -> [f64; 3] {
        let block = &self.blocks[0];
        std::array::from_fn(|a| if self.is_flat(a) { f64::INFINITY } else { block.cell_length(a) })
    }

    /// Returns true if the axis has one cell in every block.
    pub fn is_flat(&self, axis: usize) -> bool {
        self.blocks.iter().all(|b| b.cells[axis] == 1)
    }

    /// Returns true if some block has a physical boundary across this axis.
    pub fn is_bounded(&self, axis: usize) -> bool {
        self.blocks.iter().any(|b| b.beyond[axis].contains(&Adjacent::Boundary))
    }

    /// Returns true if both faces of a block across this axis are adjacent to the opposite face of the same block.
    pub fn is_periodic(&self, block: usize, axis: usize) -> bool {
        let n = self.blocks[block].cells[axis] as isize;
        self.blocks[block].beyond[axis]
            == [n, -n].map(|cells| Adjacent::Block(block, IndexTransform::shift(axis, cells)))
    }

    /// Returns the global key of a cell: its position in the order (block, z, y, x).
    pub fn key(&self, block: usize, [z, y, x]: [isize; 3]) -> u64 {
        let before: u64 = self.blocks[..block].iter().map(|b| Region::of(b.cells).cells() as u64).sum();
        let [_, ny, nx] = self.blocks[block].cells.map(|n| n as u64);
        before + (z as u64 * ny + y as u64) * nx + x as u64
    }

    /// Returns the block and the index of the cell with this global key: the inverse of [`Grid::key`].
    pub fn cell_of(&self, key: u64) -> (usize, [usize; 3]) {
        let mut rest = key as usize;
        let mut block = 0;
        while block + 1 < self.blocks.len() && rest >= Region::of(self.blocks[block].cells).cells() {
            rest -= Region::of(self.blocks[block].cells).cells();
            block += 1;
        }
        let [_, ny, nx] = self.blocks[block].cells;
        (block, [rest / nx / ny, rest / nx % ny, rest % nx])
    }

    /// Maps a region in indices of `block`, which may extend beyond its faces, to the blocks that contain its cells.
    /// Returns for each part the block, the cells in indices of that block, and the map from indices of `block` to
    /// these. Parts beyond a physical boundary are left out.
    pub fn resolve(&self, block: usize, region: Region) -> Vec<(usize, Region, IndexTransform)> {
        let mut pieces = vec![];
        self.resolve_into(block, region, IndexTransform::NONE, &mut pieces);
        pieces
    }

    /// Appends the parts of `region`, in indices of `block`, to `pieces`. `transform` maps indices of the original
    /// block to indices of `block`.
    fn resolve_into(
        &self,
        block: usize,
        mut region: Region,
        transform: IndexTransform,
        pieces: &mut Vec<(usize, Region, IndexTransform)>,
    ) {
        let here = &self.blocks[block];
        for axis in 0..3 {
            let n = here.cells[axis] as isize;
            let (low, high) = (region.low[axis], region.high[axis]);
            for (side, outside) in [(0, region.with(axis, low, high.min(0))), (1, region.with(axis, low.max(n), high))]
            {
                if outside.is_empty() {
                    continue;
                }
                if let Adjacent::Block(next, step) = here.beyond[axis][side] {
                    self.resolve_into(next, step.region(&outside), transform.then(&step), pieces);
                }
            }
            region = region.with(axis, low.max(0), high.min(n));
            if region.is_empty() {
                return;
            }
        }
        pieces.push((block, region, transform));
    }
}

/// The names of the axes in the order of indices.
pub const AXES: [&str; 3] = ["z", "y", "x"];
/// The axes in the order of indices.
pub const SIGNED_AXES: [SignedAxis; 3] = [Z, Y, X];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periodic_axes_wrap_as_often_as_needed() {
        let grid = Grid::new([2]).periodic([true]);
        let found: Vec<_> = (-5..7)
            .map(|i| {
                let pieces = grid.resolve(0, Region::new([0, 0, i], [1, 1, i + 1]));
                assert_eq!(pieces.len(), 1);
                pieces[0].1.low[2]
            })
            .collect();
        assert_eq!(found, (-5..7).map(|i: isize| i.rem_euclid(2)).collect::<Vec<_>>());
    }

    #[test]
    fn every_block_wraps_onto_itself() {
        let grid = Grid::blocks(2, [3, 4]).periodic([true, false]);
        for b in 0..2 {
            assert!(grid.is_periodic(b, 1) && !grid.is_periodic(b, 2));
            assert_eq!(grid.resolve(b, Region::new([0, -1, 0], [1, 0, 1]))[0].0, b);
        }
        let ring = Grid::blocks(2, [3, 4]).join(0, X, 1, [Z, Y, X]).unwrap().join(1, X, 0, [Z, Y, X]).unwrap();
        assert!(!ring.is_periodic(0, 2), "block 0 is adjacent to block 1, not to itself");
    }

    #[test]
    fn parts_beyond_boundaries_are_left_out() {
        let grid = Grid::new([4, 4]);
        assert_eq!(grid.resolve(0, Region::new([0, -2, 0], [1, 0, 4])), vec![]);
        assert_eq!(grid.resolve(0, Region::new([0, -2, 0], [1, 1, 4]))[0].1, Region::new([0, 0, 0], [1, 1, 4]));
    }

    #[test]
    fn joins_map_in_both_directions() {
        let grid = Grid::blocks(2, [8, 8]).join(0, X, 1, [Z, -X, Y]).unwrap();
        let beyond = Region::new([0, 2, 8], [1, 3, 9]); // one cell right of (y 2, x 7)
        let (block, there, transform) = grid.resolve(0, beyond)[0];
        assert_eq!((block, there), (1, Region::new([0, 0, 5], [1, 1, 6])));
        assert_eq!(transform.inverse().region(&there), beyond);
        let (back, cells, _) = grid.resolve(1, Region::new([0, -1, 5], [1, 0, 6]))[0];
        assert_eq!((back, cells), (0, Region::new([0, 2, 7], [1, 3, 8])));
    }

    #[test]
    fn keys_and_cells_are_inverse() {
        let grid = Grid::blocks(3, [2, 3, 5]);
        for key in 0..90 {
            let (b, [z, y, x]) = grid.cell_of(key);
            assert_eq!(grid.key(b, [z as isize, y as isize, x as isize]), key);
        }
    }
}
