use super::*;
use crate::base::index_transform::{IndexTransform, X, Y, Z};
use crate::comm::ranks;
use crate::model::grid::Grid;
use crate::program::copies;
use crate::program::domain::Domain;
use crate::program::exchange_plan::is_direct;
use halocline_kernels::{ElementType, Extent};

const BELOW: [usize; 3] = [2, 3, 1];
const ABOVE: [usize; 3] = [3, 2, 2];

/// A number that is unique to the cell.
fn number(block: usize, [z, y, x]: [isize; 3]) -> f64 {
    (((block as isize * 100 + z) * 100 + y) * 100 + x) as f64
}

/// Exchanges the halo of one field twice, from two different arrays, and checks every cell of it. All other cells hold
/// values that belong to no cell, so that a misplaced one is detected. Returns the number of pieces received packed and the
/// number received directly, summed over all ranks.
fn check(grid: &Grid, dims: Option<[usize; 3]>, size: usize, extent: Extent, unpacked: bool) -> [usize; 2] {
    let counts = ranks(size, 2, |comm| {
        let domain = Domain::new(grid, size, dims, [3; 3]).unwrap();
        let wanted = |rank: usize| -> Vec<Transfer> {
            let copies = copies::halo(grid, &domain, rank, &extent).into_iter();
            let one = |copy| {
                let contiguous = unpacked && copies::is_contiguous(&domain, &copy);
                Transfer { copy, from: 0, to: 0, negate: false, element: ElementType::F64, contiguous }
            };
            copies.map(one).collect()
        };
        let me = comm.rank();
        let peers = copies::neighbours(grid, &domain, me, &extent);
        let mut exchange = Exchange::new(&comm, ExchangePlan::new(me, &peers, wanted));
        assert_eq!(exchange.traffic(), ExchangePlan::sent(size, wanted)[me]);
        for round in [0.25, 0.5] {
            let flat = [0, 1, 2].map(|a| grid.is_flat(a));
            let make = |patch: &crate::program::domain::Patch| {
                let mut array = Array::new(ElementType::F64, patch.region, BELOW, ABOVE, flat);
                let all = array.padded();
                array.view_mut::<f64>(&all).fill(-1.0 - me as f64);
                let low = patch.region.low;
                let owned = array.view_mut::<f64>(&patch.region);
                { owned }.indexed_iter_mut().for_each(|((z, y, x), v)| {
                    let index = [low[0] + z as isize, low[1] + y as isize, low[2] + x as isize];
                    *v = number(patch.block, index) + round;
                });
                array
            };
            let arrays = [domain.patches(me).iter().map(make).collect::<Vec<_>>()];
            exchange.start(&comm, &arrays, &arrays);
            // SAFETY: the arrays are not accessed until `finish` has returned.
            unsafe { exchange.start_direct(&arrays, &arrays) };
            exchange.finish(&comm, &arrays);
            assert!(!exchange.is_under_way());
            for Transfer { copy: CopyRegion { from, to, target, transform }, .. } in wanted(me) {
                let block = domain.patches(from.0)[from.1].block;
                for ((z, y, x), v) in arrays[0][to.1].view::<f64>(&target).indexed_iter() {
                    let index = [z, y, x].map(|i| i as isize);
                    let index = [0, 1, 2].map(|a| target.low[a] + index[a]);
                    let expected = number(block, transform.index(index)) + round;
                    assert_eq!(*v, expected, "cell {index:?} of rank {me} of {size}, {dims:?}, {extent:?}");
                }
            }
            for (array, patch) in arrays[0].iter().zip(domain.patches(me)) {
                let owned = array.view::<f64>(&patch.region);
                assert!(owned.iter().all(|v| *v >= 0.0), "owned cells of rank {me} are overwritten");
            }
        }
        let packed: usize = exchange.incoming.iter().map(|m| m.pieces.len()).sum();
        [packed, exchange.direct_transfers.map_or(0, |direct| direct.receives.len())]
    });
    counts.unwrap().into_iter().fold([0; 2], |all, one| [all[0] + one[0], all[1] + one[1]])
}

fn extents() -> [Extent; 4] {
    let extent = |below, above, corners| Extent { below, above, corners };
    [
        extent([1; 3], [1; 3], false),
        extent([1; 3], [1; 3], true),
        extent([2, 0, 1], [3, 2, 0], false),
        extent(BELOW, ABOVE, true),
    ]
}

#[test]
fn halos_are_the_same_packed_and_unpacked() {
    let grids = [
        Grid::new([12, 5, 7]).periodic([true; 3]),
        Grid::new([13, 6, 4]).periodic([true, false, true]),
        Grid::new([14, 9, 8]).periodic([false, true, false]),
        Grid::new([16, 11]).periodic([true; 2]),
        Grid::new([16, 11]).periodic([true, false]),
    ];
    for grid in &grids {
        for extent in extents() {
            for (size, parts) in [(2, [2, 1, 1]), (3, [3, 1, 1]), (4, [4, 1, 1]), (4, [2, 2, 1]), (2, [1, 1, 2])] {
                let parts = if grid.is_flat(0) { [1, parts[0], parts[1].max(parts[2])] } else { parts };
                let least = [0, 1, 2].map(|a| grid.cells()[a] / parts[a]);
                if (0..3).any(|a| parts[a] > 1 && least[a] < 3) {
                    continue;
                }
                let [_, none] = check(grid, Some(parts), size, extent, false);
                assert_eq!(none, 0);
                let [_, direct] = check(grid, Some(parts), size, extent, true);
                let cut = usize::from(grid.is_flat(0));
                assert_eq!(direct > 0, parts[cut] > 1, "{parts:?}, {extent:?}");
            }
        }
    }
}

#[test]
fn whole_planes_are_sent_directly() {
    let grid = Grid::new([12, 5, 7]).periodic([true; 3]);
    let star = Extent { below: [1; 3], above: [1; 3], corners: false };
    assert_eq!(check(&grid, Some([3, 1, 1]), 3, star, true), [0, 6]);
    let cube = Extent { below: [2, 2, 1], above: [2; 3], corners: true };
    let [packed, direct] = check(&grid, Some([3, 1, 1]), 3, cube, true);
    assert!(packed > 0 && direct == 6, "corners are packed, and unpacked over the planes received before");
    let grid = Grid::new([16, 11]).periodic([true; 2]);
    assert_eq!(check(&grid, Some([1, 4, 1]), 4, star, true), [0, 8], "rows of one plane");
}

#[test]
fn planes_of_unequal_width_are_packed() {
    let grid = Grid::new([12, 9, 7]).periodic([true; 3]);
    let extent = Extent { below: [1; 3], above: [1; 3], corners: false };
    let [packed, direct] = check(&grid, Some([2, 2, 1]), 4, extent, true);
    assert!(packed > 0 && direct == 8, "{packed}, {direct}");
}

#[test]
fn unrotated_block_interfaces_need_no_packing() {
    let ring = Grid::blocks(2, [9, 5, 7]).join(0, Z, 1, [Z, Y, X]).unwrap().join(1, Z, 0, [Z, Y, X]).unwrap();
    let star = Extent { below: [1; 3], above: [1; 3], corners: false };
    assert_eq!(check(&ring, Some([1; 3]), 2, star, true), [0, 4]);
    // Two patches per rank: between patches of one rank nothing is sent.
    assert_eq!(check(&ring, Some([3, 1, 1]), 3, star, true), [0, 6]);
    let turned = Grid::blocks(2, [8, 8]).join(0, X, 1, [Z, -X, Y]).unwrap();
    for extent in extents() {
        check(&ring, Some([3, 1, 1]), 3, extent, true);
        assert_eq!(check(&turned, None, 2, extent, true)[1], 0);
    }
}

#[test]
fn overlapping_transfers_are_packed() {
    let cells = |y: [isize; 2]| Region::new([8, y[0], 0], [10, y[1], 7]);
    let one = |from: usize, y: [isize; 2]| Transfer {
        copy: CopyRegion { from: (from, 0), to: (0, 0), target: cells(y), transform: IndexTransform::NONE },
        from: 0,
        to: 0,
        negate: false,
        element: ElementType::F64,
        contiguous: from == 1 && y == [0, 5],
    };
    let direct = |corner: usize, y: [isize; 2]| is_direct(0, &[one(1, [0, 5]), one(corner, y)], 0);
    assert!(direct(1, [5, 6]), "a packed corner is unpacked later");
    assert!(!direct(0, [5, 6]), "a corner that this rank copies itself would be overwritten");
    assert!(!direct(1, [0, 5]), "two transfers with the same target");
}
