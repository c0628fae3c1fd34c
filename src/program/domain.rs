//! Domain decompositions: the cells of a grid that each rank owns.
use crate::base::Region;
use crate::base::{Error, Result};
use crate::model::grid::Grid;
use crate::program::process_grid;

/// A box of cells that a rank owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patch {
    /// The block of the grid.
    pub block: usize,
    /// The cells, in indices of the block.
    pub region: Region,
}

/// The decomposition of a grid over ranks. Every rank holds the whole decomposition, so ranks plan messages without
/// communication.
///
/// Every block is cut by the same process grid. The `blocks × parts` boxes are distributed evenly: a rank owns
/// `blocks / gcd(blocks, ranks)` boxes, which is one box if the grid has one block.
#[derive(Clone, Debug, PartialEq)]
pub struct Domain {
    /// Parts along z, y, x of every block.
    pub dims: [usize; 3],
    cuts: Vec<[Vec<usize>; 3]>,
    boxes_per_rank: usize,
    ranks: usize,
}

impl Domain {
    /// The cheapest legal decomposition, or the one with the process grid `dims`. No part of a bounded axis is thinner
    /// than `thickness`, the deepest halo, so mirror images beyond a boundary need no cell of another rank.
    ///
    /// # Errors
    /// If no legal decomposition exists; the message names the largest legal number of ranks.
    pub fn new(grid: &Grid, ranks: usize, dims: Option<[usize; 3]>, thickness: [usize; 3]) -> Result<Domain> {
        let (cells, periodic, least) = Domain::limits(grid, thickness);
        let blocks = grid.all_blocks().len();
        let parts = |ranks: usize| ranks / gcd(ranks, blocks);
        let legal = |ranks: usize| process_grid::cheapest(cells, periodic, least, parts(ranks));
        let dims = match dims {
            Some(dims) => process_grid::check(cells, dims, least, parts(ranks)).map(|()| dims),
            None => legal(ranks),
        };
        let dims = dims.map_err(|e| match blocks {
            1 => e,
            _ => {
                let most = (1..=ranks).rev().find(|&r| legal(r).is_ok()).unwrap_or(1);
                Error::input(format!(
                    "{ranks} ranks on {blocks} blocks cut each block into {} parts: {}",
                    parts(ranks),
                    e.what()
                ))
                .remedy(format!(
                    "use {most} ranks: the largest number up to {ranks} over which the blocks can be distributed"
                ))
            }
        })?;
        Ok(Domain::with(grid, ranks, dims))
    }

    /// A decomposition that does not cut the axes `whole`. If the other axes have too few cells for all ranks, the last
    /// ranks own no cells. Parts of bounded axes are as thick as in [`Domain::new`].
    pub fn whole(grid: &Grid, ranks: usize, whole: [bool; 3], thickness: [usize; 3]) -> Domain {
        let (cells, periodic, mut least) = Domain::limits(grid, thickness);
        (0..3).filter(|&a| whole[a]).for_each(|a| least[a] = cells[a]);
        let blocks = grid.all_blocks().len();
        let split = |busy: usize| {
            process_grid::cheapest(cells, periodic, least, busy / gcd(busy, blocks)).ok().map(|dims| (busy, dims))
        };
        // One rank can always own the whole grid.
        let (busy, dims) = (1..=ranks).rev().find_map(split).unwrap_or((1, [1; 3]));
        Domain { ranks, ..Domain::with(grid, busy, dims) }
    }

    /// Returns the cells of the smallest block, the axes that are periodic, and the minimum number of cells of a part.
    fn limits(grid: &Grid, thickness: [usize; 3]) -> ([usize; 3], [bool; 3], [usize; 3]) {
        let cells = [0, 1, 2].map(|a| grid.all_blocks().iter().map(|b| b.cells[a]).min().unwrap_or(1));
        let periodic = [0, 1, 2].map(|a| !grid.is_bounded(a));
        (cells, periodic, [0, 1, 2].map(|a| if periodic[a] { 1 } else { thickness[a].max(1) }))
    }

    /// Returns the largest number of ranks that can each own a box: no part is thinner than in [`Domain::new`].
    pub fn most_ranks(grid: &Grid, thickness: [usize; 3]) -> usize {
        let (cells, _, least) = Domain::limits(grid, thickness);
        let parts = (0..3).map(|a| (cells[a] / least[a]).max(1)).fold(1, usize::saturating_mul);
        parts.saturating_mul(grid.all_blocks().len())
    }

    fn with(grid: &Grid, ranks: usize, dims: [usize; 3]) -> Domain {
        let blocks = grid.all_blocks().len();
        let cuts = grid.all_blocks().iter().map(|b| std::array::from_fn(|a| process_grid::cuts(b.cells[a], dims[a])));
        Domain { dims, cuts: cuts.collect(), boxes_per_rank: blocks / gcd(ranks, blocks), ranks }
    }

    /// Returns the number of ranks.
    pub fn ranks(&self) -> usize {
        self.ranks
    }

    /// Returns the patches that a rank owns, in order. A patch has at least one cell.
    pub fn patches(&self, rank: usize) -> Vec<Patch> {
        let parts: usize = self.dims.iter().product();
        let mine = rank * self.boxes_per_rank..(rank + 1) * self.boxes_per_rank;
        mine.filter(|&b| b < parts * self.cuts.len())
            .map(|b| {
                let (block, coords) = (b / parts, process_grid::coords(self.dims, b % parts));
                Patch { block, region: self.part(block, coords) }
            })
            .collect()
    }

    fn part(&self, block: usize, coords: [usize; 3]) -> Region {
        let cuts = &self.cuts[block];
        Region {
            low: std::array::from_fn(|a| cuts[a][coords[a]] as isize),
            high: std::array::from_fn(|a| cuts[a][coords[a] + 1] as isize),
        }
    }

    /// Returns the owners of the cells of a region within a block: rank, index among the patches of the rank, cells.
    pub fn owners(&self, block: usize, region: &Region) -> Vec<(usize, usize, Region)> {
        let cuts = &self.cuts[block];
        let [z, y, x]: [std::ops::Range<usize>; 3] = std::array::from_fn(|a| {
            let first = cuts[a].partition_point(|&c| c as isize <= region.low[a]) - 1;
            let last = cuts[a].partition_point(|&c| (c as isize) < region.high[a]);
            first..last
        });
        let parts: usize = self.dims.iter().product();
        let mut owners = vec![];
        for z in z {
            for y in y.clone() {
                for x in x.clone() {
                    let b = block * parts + process_grid::rank_of(self.dims, [z, y, x]);
                    let cells = self.part(block, [z, y, x]).intersect(region);
                    if !cells.is_empty() {
                        owners.push((b / self.boxes_per_rank, b % self.boxes_per_rank, cells));
                    }
                }
            }
        }
        owners
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_has_one_owner() {
        for (grid, ranks) in [(Grid::new([5, 7, 11]), 6), (Grid::blocks(6, [4, 5]), 4), (Grid::blocks(2, [3, 3, 3]), 3)]
        {
            let domain = Domain::new(&grid, ranks, None, [1; 3]).unwrap();
            for (b, block) in grid.all_blocks().iter().enumerate() {
                let whole = Region::of(block.cells);
                let owners = domain.owners(b, &whole);
                assert_eq!(owners.iter().map(|o| o.2.cells()).sum::<usize>(), whole.cells());
                for (rank, patch, cells) in owners {
                    assert_eq!(domain.patches(rank)[patch], Patch { block: b, region: cells });
                }
            }
        }
    }

    #[test]
    fn whole_axes_stay_whole() {
        let grid = Grid::new([8, 2, 2]);
        let domain = Domain::whole(&grid, 12, [true, false, false], [1; 3]);
        assert_eq!(domain.dims, [1, 2, 2]);
        assert_eq!(domain.patches(11), vec![]);
        assert_eq!(domain.owners(0, &Region::of([8, 2, 2])).len(), 4);
    }

    #[test]
    fn parts_of_bounded_axes_are_as_thick_as_the_halo() {
        let bounded = Grid::new([1, 9, 4]);
        assert_eq!(Domain::new(&bounded, 2, None, [1, 4, 4]).unwrap().dims, [1, 2, 1]);
        let thin = Domain::new(&bounded, 3, None, [1, 4, 4]).unwrap_err().to_string();
        assert!(thin.ends_with("use 2 ranks: the largest number up to 3 that it can be cut into"), "{thin}");
        assert_eq!(Domain::new(&bounded.clone().periodic([true, false]), 9, None, [1, 4, 4]).unwrap().dims, [1, 9, 1]);
        assert_eq!(Domain::whole(&bounded, 9, [false, false, true], [1, 3, 1]).dims, [1, 3, 1]);
        let blocks = Domain::new(&Grid::blocks(6, [4, 4]), 12, None, [1, 4, 4]).unwrap_err().to_string();
        assert!(blocks.contains("into 2 parts") && blocks.contains("use 6 ranks"), "{blocks}");
    }
}
