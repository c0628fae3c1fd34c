//! Grids: blocks of cells, and what lies beyond their faces.
use crate::base::Region;
use crate::base::index_transform::{IndexTransform, SignedAxis, X, Y, Z};
use crate::base::{Error, Result};

/// Where on a cell a field's values sit. All locations have the same number of values as there are cells: a face value of
/// index i lies on the *lower* face of cell i. On a bounded axis the upper wall's face is a boundary value, not a stored one.
///
/// ```text
///        ┌────── y₊ ──────┐
///   FaceX(i)  Center(i)  FaceX(i+1)
///        └── FaceY(j) ────┘
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Location {
    /// The middle of the cell.
    #[default]
    Center,
    /// The lower face across z.
    FaceZ,
    /// The lower face across y.
    FaceY,
    /// The lower face across x.
    FaceX,
}

impl Location {
    /// The axis that the face lies across, if it is one.
    pub fn axis(self) -> Option<usize> {
        match self {
            Location::Center => None,
            Location::FaceZ => Some(0),
            Location::FaceY => Some(1),
            Location::FaceX => Some(2),
        }
    }

    /// The face across an axis.
    pub fn face(axis: usize) -> Location {
        [Location::FaceZ, Location::FaceY, Location::FaceX][axis]
    }
}

/// What lies beyond a face of a block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Adjacent {
    /// Nothing: boundary conditions say what a kernel reads there.
    Wall,
    /// Another block, or the same one: indices there follow by the turn.
    Block(usize, IndexTransform),
}

/// One side of a block, as the direction in which one leaves through it: `X` is the face of high x, `-Y` that of low y.
pub type Side = SignedAxis;

/// A block: a box of cells with coordinates.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Cells along z, y, x. An axis with one cell is *flat*: a cell's neighbour along it is itself.
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
            beyond: [[Adjacent::Wall; 2]; 3],
        };
        for axis in 0..3 {
            if cells[axis] == 1 {
                block.wrap(0, axis);
            }
        }
        block
    }

    /// Lets the block, whose number is `own`, go on at its own other end.
    fn wrap(&mut self, own: usize, axis: usize) {
        let n = self.cells[axis] as isize;
        for (side, offset) in [n, -n].into_iter().enumerate() {
            self.beyond[axis][side] = Adjacent::Block(own, IndexTransform::shift(axis, offset));
        }
    }

    /// What lies beyond the lower (0) or upper (1) face of an axis.
    pub fn beyond(&self, axis: usize, side: usize) -> Adjacent {
        self.beyond[axis][side]
    }

    /// Spacing along an axis in metres: of one cell, also where the axis is flat.
    pub fn cell_length(&self, axis: usize) -> f64 {
        self.length[axis] / self.cells[axis] as f64
    }

    /// Position along an axis of the value with this index (not limited to the block) at this location.
    pub fn coordinate(&self, axis: usize, index: isize, location: Location) -> f64 {
        let half = if location.axis() == Some(axis) { 0.0 } else { 0.5 };
        self.origin[axis] + (index as f64 + half) * self.cell_length(axis)
    }
}

/// A global grid: one block, or several joined at their faces. Axes are in the order z, y, x; x is contiguous in memory.
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

/// One to three numbers for the axes, from the right: `[x]`, `[y, x]` or `[z, y, x]`; `rest` fills the left.
fn from_right<T: Copy, const N: usize>(values: [T; N], rest: T) -> [T; 3] {
    const { assert!(N >= 1 && N <= 3, "one to three axes") };
    std::array::from_fn(|a| if a + N >= 3 { values[a + N - 3] } else { rest })
}

impl Grid {
    /// One block of `[x]`, `[y, x]` or `[z, y, x]` cells, cubes, the longest axis of length 1, all axes bounded.
    pub fn new<const N: usize>(cells: [usize; N]) -> Grid {
        Grid { blocks: vec![Block::new(from_right(cells, 1))] }
    }

    /// `count` blocks of this many cells each, side by side in index space and not yet joined.
    pub fn blocks<const N: usize>(count: usize, cells: [usize; N]) -> Grid {
        Grid { blocks: vec![Block::new(from_right(cells, 1)); count] }.renumbered()
    }

    fn renumbered(mut self) -> Grid {
        for (b, block) in self.blocks.iter_mut().enumerate() {
            for beyond in block.beyond.iter_mut().flatten() {
                if let Adjacent::Block(to, _) = beyond {
                    *to = b;
                }
            }
        }
        self
    }

    /// Which axes wrap around, every block onto itself; flat ones always do. Joins come after this.
    pub fn periodic<const N: usize>(mut self, axes: [bool; N]) -> Grid {
        for (axis, wraps) in from_right(axes, false).into_iter().enumerate() {
            if wraps {
                self.blocks.iter_mut().enumerate().for_each(|(b, block)| block.wrap(b, axis));
            }
        }
        self
    }

    /// Length along the axes in metres, for every block. Axes left of those given (flat ones, as a rule) get cells as long as
    /// those of the first one given.
    pub fn length<const N: usize>(mut self, length: [f64; N]) -> Grid {
        for block in &mut self.blocks {
            let rest = length[0] / block.cells[3 - N] as f64;
            block.length = from_right(length, rest);
        }
        self
    }

    /// Position of the lowest corner in metres, for every block.
    pub fn origin<const N: usize>(mut self, origin: [f64; N]) -> Grid {
        for block in &mut self.blocks {
            block.origin = from_right(origin, 0.0);
        }
        self
    }

    /// Joins the face `side` of block `a` to block `b`, both ways. `turn` says where the z, y, x directions of `a` point
    /// in `b`: leaving `a` through `X` with the turn `[Z, -X, Y]` one enters `b` along its y, through its lowest row.
    ///
    /// # Errors
    /// If `turn` is no rotation or reflection, or the two faces have different sizes.
    pub fn join(mut self, a: usize, side: Side, b: usize, turn: [SignedAxis; 3]) -> Result<Grid> {
        let mut seen = [false; 3];
        turn.iter().for_each(|h| seen[h.axis] = true);
        if seen != [true; 3] || a >= self.blocks.len() || b >= self.blocks.len() {
            return Err(Error::input(format!(
                "cannot join block {a} to block {b} of {} by {turn:?}",
                self.blocks.len()
            ))
            .remedy("a turn names each of Z, Y, X once, with a sign"));
        }
        let (na, nb) = (self.blocks[a].cells, self.blocks[b].cells);
        let mut map = IndexTransform { to: turn, offset: [0; 3] };
        for axis in 0..3 {
            let (from, to) = (na[axis] as isize, nb[turn[axis].axis] as isize);
            let reversed = turn[axis].reversed;
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
        let entered = SignedAxis { reversed: side.reversed == turn[side.axis].reversed, ..turn[side.axis] };
        self.blocks[a].beyond[side.axis][usize::from(!side.reversed)] = Adjacent::Block(b, map);
        self.blocks[b].beyond[entered.axis][usize::from(!entered.reversed)] = Adjacent::Block(a, map.inverse());
        Ok(self)
    }

    /// All blocks.
    pub fn all_blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// One block.
    pub fn block(&self, block: usize) -> &Block {
        &self.blocks[block]
    }

    /// Cells of the first block along z, y, x.
    pub fn cells(&self) -> [usize; 3] {
        self.blocks[0].cells
    }

    /// Number of cells in all blocks.
    pub fn total_cells(&self) -> u64 {
        self.blocks.iter().map(|b| b.cells.iter().map(|&n| n as u64).product::<u64>()).sum()
    }

    /// Cell spacing of the first block along z, y, x in metres; infinite along a flat axis, where nothing varies.
    pub fn spacing(&self) -> [f64; 3] {
        let block = &self.blocks[0];
        std::array::from_fn(|a| if self.is_flat(a) { f64::INFINITY } else { block.cell_length(a) })
    }

    /// True if the axis has one cell in every block.
    pub fn is_flat(&self, axis: usize) -> bool {
        self.blocks.iter().all(|b| b.cells[axis] == 1)
    }

    /// True if a block has a wall across this axis.
    pub fn is_bounded(&self, axis: usize) -> bool {
        self.blocks.iter().any(|b| b.beyond[axis].contains(&Adjacent::Wall))
    }

    /// True if a block goes on along this axis at its own other end.
    pub fn is_periodic(&self, block: usize, axis: usize) -> bool {
        let n = self.blocks[block].cells[axis] as isize;
        self.blocks[block].beyond[axis]
            == [n, -n].map(|cells| Adjacent::Block(block, IndexTransform::shift(axis, cells)))
    }

    /// The global key of a cell: its place in the order (block, z, y, x).
    pub fn key(&self, block: usize, [z, y, x]: [isize; 3]) -> u64 {
        let before: u64 = self.blocks[..block].iter().map(|b| Region::of(b.cells).cells() as u64).sum();
        let [_, ny, nx] = self.blocks[block].cells.map(|n| n as u64);
        before + (z as u64 * ny + y as u64) * nx + x as u64
    }

    /// The inverse of [`Grid::key`]: block and index.
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

    /// Follows a box of cells beyond the faces of `block`: the pieces of it that lie in some block, each with its cells
    /// there and the turn from indices of `block` to indices there. Parts beyond a wall are left out.
    pub fn resolve(&self, block: usize, region: Region) -> Vec<(usize, Region, IndexTransform)> {
        let mut pieces = vec![];
        self.follow(block, region, IndexTransform::NONE, &mut pieces);
        pieces
    }

    fn follow(
        &self,
        block: usize,
        mut region: Region,
        way: IndexTransform,
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
                if let Adjacent::Block(next, turn) = here.beyond[axis][side] {
                    self.follow(next, turn.region(&outside), way.then(&turn), pieces);
                }
            }
            region = region.with(axis, low.max(0), high.min(n));
            if region.is_empty() {
                return;
            }
        }
        pieces.push((block, region, way));
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
        assert!(!ring.is_periodic(0, 2), "it goes on at the other's end");
    }

    #[test]
    fn walls_end_the_world() {
        let grid = Grid::new([4, 4]);
        assert_eq!(grid.resolve(0, Region::new([0, -2, 0], [1, 0, 4])), vec![]);
        assert_eq!(grid.resolve(0, Region::new([0, -2, 0], [1, 1, 4]))[0].1, Region::new([0, 0, 0], [1, 1, 4]));
    }

    #[test]
    fn joins_lead_there_and_back() {
        let grid = Grid::blocks(2, [8, 8]).join(0, X, 1, [Z, -X, Y]).unwrap();
        let beyond = Region::new([0, 2, 8], [1, 3, 9]); // one cell right of (y 2, x 7)
        let (block, there, turn) = grid.resolve(0, beyond)[0];
        assert_eq!((block, there), (1, Region::new([0, 0, 5], [1, 1, 6])));
        assert_eq!(turn.inverse().region(&there), beyond);
        let (back, home, _) = grid.resolve(1, Region::new([0, -1, 5], [1, 0, 6]))[0];
        assert_eq!((back, home), (0, Region::new([0, 2, 7], [1, 3, 8])));
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
