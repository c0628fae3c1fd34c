//! Copy regions: boxes of cells that are copied between patches. Halo exchanges, transposes and gathers are lists of
//! them.
use crate::base::Region;
use crate::base::index_transform::IndexTransform;
use crate::model::grid::Grid;
use crate::program::domain::Domain;
use halocline_kernels::Extent;
use std::collections::BTreeSet;

/// A box of cells to be copied from one patch to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CopyRegion {
    /// The patch that owns the cells: rank, and index among the patches of the rank.
    pub from: (usize, usize),
    /// The patch that receives the cells: rank, and index among the patches of the rank.
    pub to: (usize, usize),
    /// The cells in indices of the receiving patch.
    pub target: Region,
    /// The map from indices of the receiving patch to indices of the owning patch.
    pub transform: IndexTransform,
}

/// Returns the halo of every patch of a rank: all boxes within `extent` of the patch that some rank owns. The order is
/// the same on sender and receiver. Without corners, only the boxes next to the faces of a patch.
pub fn halo(grid: &Grid, domain: &Domain, rank: usize, extent: &Extent) -> Vec<CopyRegion> {
    let mut copies = vec![];
    let stored = |depth: [usize; 3]| [0, 1, 2].map(|a| if a < 2 && grid.is_flat(a) { 0 } else { depth[a] });
    let (below, above) = (stored(extent.below), stored(extent.above));
    for (p, patch) in domain.patches(rank).iter().enumerate() {
        let owned = patch.region;
        let around = if extent.corners {
            owned.grow(below, above).without(&owned)
        } else {
            let faces = (0..3).flat_map(|a| {
                let (low, high) = (owned.low[a], owned.high[a]);
                [owned.with(a, low - below[a] as isize, low), owned.with(a, high, high + above[a] as isize)]
            });
            faces.filter(|face| !face.is_empty()).collect()
        };
        for region in around {
            for (block, cells, transform) in grid.resolve(patch.block, region) {
                copies.extend(domain.owners(block, &cells).into_iter().map(|(owner, position, part)| CopyRegion {
                    from: (owner, position),
                    to: (rank, p),
                    target: transform.inverse().region(&part),
                    transform,
                }));
            }
        }
    }
    copies
}

/// Returns the copies to `rank` when all cells of decomposition `from` are copied to decomposition `to`. `transform`
/// maps indices of `to` to indices of `from`.
pub fn between(from: &Domain, to: &Domain, transform: IndexTransform, rank: usize) -> Vec<CopyRegion> {
    let mut copies = vec![];
    for (p, patch) in to.patches(rank).iter().enumerate() {
        let cells = transform.region(&patch.region);
        copies.extend(from.owners(patch.block, &cells).into_iter().map(|(owner, position, part)| CopyRegion {
            from: (owner, position),
            to: (rank, p),
            target: transform.inverse().region(&part),
            transform,
        }));
    }
    copies
}

/// Returns true if the cells of a copy are one contiguous range of memory on both sides, of the same shape, apart from
/// halo cells between them: whole planes, or whole rows of one plane, of patches of equal width. (All arrays of a field
/// have halos of the same depth.)
pub fn is_contiguous(domain: &Domain, copy: &CopyRegion) -> bool {
    let owned = |(rank, patch): (usize, usize)| domain.patches(rank)[patch].region;
    let (source, target) = (owned(copy.from), owned(copy.to));
    let spans = |a: usize| copy.target.low[a] <= target.low[a] && target.high[a] <= copy.target.high[a];
    let one_plane = copy.target.size()[0] == 1;
    copy.transform.is_shift() && source.size()[1..] == target.size()[1..] && spans(2) && (spans(1) || one_plane)
}

/// Returns a superset of the ranks that exchange halo cells within `extent` with `rank`, and `rank` itself. No
/// communication is needed. A path to a halo cell crosses at most three faces, one per axis, and faces can be crossed
/// in both directions, so three steps over face neighbours find all these ranks.
pub fn neighbours(grid: &Grid, domain: &Domain, rank: usize, extent: &Extent) -> BTreeSet<usize> {
    let far = extent.below.iter().chain(&extent.above).copied().max().unwrap_or(0);
    let mut found = BTreeSet::from([rank]);
    let mut outermost = vec![rank];
    for _ in 0..3 {
        let regions = outermost.iter().flat_map(|&r| halo(grid, domain, r, &Extent::star(far)));
        let next: BTreeSet<usize> = regions.map(|copy| copy.from.0).collect();
        outermost = next.into_iter().filter(|r| found.insert(*r)).collect();
    }
    found
}

/// Returns the ranks that receive cells of `rank` when all cells of `from` are copied to `to` (see [`between`]), and
/// `rank` itself.
pub fn receivers(from: &Domain, to: &Domain, transform: IndexTransform, rank: usize) -> BTreeSet<usize> {
    let back = transform.inverse();
    let mine = from.patches(rank);
    let targets = mine.iter().flat_map(|patch| to.owners(patch.block, &back.region(&patch.region)));
    targets.map(|owner| owner.0).chain([rank]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::index_transform::{X, Y, Z};

    #[test]
    fn a_halo_covers_all_cells_inside_boundaries_once() {
        let grid = Grid::new([4, 6, 9]).periodic([true, false, true]);
        for ranks in [1, 2, 6, 8] {
            let domain = Domain::new(&grid, ranks, None, [2; 3]).unwrap();
            for rank in 0..ranks {
                let patch = domain.patches(rank)[0].region;
                let inside = patch.grow([2; 3], [2; 3]).intersect(&Region::new([-9, 0, -9], [99, 6, 99]));
                let copies = halo(&grid, &domain, rank, &Extent::cube(2));
                assert_eq!(copies.iter().map(|c| c.target.cells()).sum::<usize>(), inside.cells() - patch.cells());
                for copy in copies {
                    let owner = domain.patches(copy.from.0)[copy.from.1].region;
                    assert!(owner.contains(&copy.transform.region(&copy.target)));
                    assert!(inside.contains(&copy.target) && copy.target.intersect(&patch).is_empty());
                }
            }
        }
    }

    #[test]
    fn a_star_has_no_corners() {
        let grid = Grid::new([8, 8, 8]).periodic([true; 3]);
        let domain = Domain::new(&grid, 1, None, [1; 3]).unwrap();
        let copies = halo(&grid, &domain, 0, &Extent::star(1));
        assert_eq!(copies.iter().map(|c| c.target.cells()).sum::<usize>(), 6 * 64);
    }

    #[test]
    fn a_transpose_moves_every_cell() {
        let grid = Grid::new([6, 5, 4]);
        let (a, b) = (
            Domain::whole(&grid, 4, [false, false, true], [1; 3]),
            Domain::whole(&grid, 4, [true, false, false], [1; 3]),
        );
        let moved: usize =
            (0..4).flat_map(|r| between(&a, &b, IndexTransform::NONE, r)).map(|c| c.target.cells()).sum();
        assert_eq!(moved, 120);
    }

    #[test]
    fn neighbours_contain_all_ranks_that_exchange_halos() {
        let ring = Grid::blocks(2, [6, 6, 6]).join(0, Z, 1, [Z, -X, Y]).unwrap().join(0, X, 1, [X, Y, Z]).unwrap();
        let grids = [Grid::new([6, 8, 10]).periodic([true, false, true]), Grid::new([9, 9]).periodic([true; 2]), ring];
        for grid in &grids {
            for ranks in [1, 2, 4, 8] {
                let Ok(domain) = Domain::new(grid, ranks, None, [2; 3]) else { continue };
                let extent = Extent { below: [2, 1, 2], above: [1, 2, 2], corners: true };
                for rank in 0..ranks {
                    let near = neighbours(grid, &domain, rank, &extent);
                    for other in 0..ranks {
                        let receives = halo(grid, &domain, other, &extent).iter().any(|copy| copy.from.0 == rank);
                        assert!(!receives || near.contains(&other), "{other} receives cells of {rank} of {ranks}");
                    }
                }
            }
        }
        let large = Domain::new(&Grid::new([64, 64, 64]).periodic([true; 3]), 4096, None, [1; 3]).unwrap();
        let near = neighbours(&Grid::new([64, 64, 64]).periodic([true; 3]), &large, 2000, &Extent::star(1));
        assert!(near.len() < 100, "{}", near.len());
    }

    #[test]
    fn receivers_are_all_ranks_that_get_cells() {
        let grid = Grid::new([6, 5, 4]);
        let whole = |axes| Domain::whole(&grid, 4, axes, [1; 3]);
        let (a, b) = (whole([false, false, true]), whole([true, false, false]));
        for rank in 0..4 {
            let found = receivers(&a, &b, IndexTransform::NONE, rank);
            for other in 0..4 {
                let receives = between(&a, &b, IndexTransform::NONE, other).iter().any(|copy| copy.from.0 == rank);
                assert_eq!(receives || other == rank, found.contains(&other), "{other} and {rank}");
            }
        }
    }
}
