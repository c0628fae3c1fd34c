//! Tiles: the boxes of cells that threads compute.
use crate::base::Region;

/// Bytes of cache per thread, if the system does not report more.
const OWN_CACHE: usize = 512 << 10;
/// Most cells of a tile, for load balance, and least cells that are worth waking a thread.
const MOST_CELLS: usize = 1 << 21;
const LEAST_CELLS: usize = 1 << 12;
/// Fewest rows of a tile that overlaps others.
const LEAST_ROWS: usize = 8;

/// Bytes of cache per thread for a sweep of a tile plane by plane: half of its share of the last-level cache. Planes of this
/// size ran up to twice as fast as strips that fit the private cache, since memory is read in longer contiguous runs.
pub(super) fn cache() -> usize {
    let level = |index: usize| -> Option<usize> {
        let read = |what: &str| {
            std::fs::read_to_string(format!("/sys/devices/system/cpu/cpu0/cache/index{index}/{what}")).ok()
        };
        let kilobytes: usize = read("size")?.trim().strip_suffix('K')?.parse().ok()?;
        Some((kilobytes << 10) / sharers(&read("shared_cpu_list")?)?)
    };
    (0..8).map_while(level).last().map_or(OWN_CACHE, |share| OWN_CACHE.max(share / 2))
}

/// How many CPUs a list like `0-3,8-11` has.
fn sharers(list: &str) -> Option<usize> {
    let range = |part: &str| -> Option<usize> {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(last.parse::<usize>().ok()?.checked_sub(first.parse().ok()?)? + 1)
    };
    list.trim().split(',').map(range).sum()
}

/// Cuts boxes into tiles of whole x rows: few enough rows in a plane that the planes that a stencil touches stay in cache
/// (`bytes_per_cell` counts all of them), and enough tiles for all threads. They are ordered by z, so that a
/// thread's share of them is a slab, whose pages it has touched first.
pub(super) fn tiles(
    boxes: &[(usize, Region)],
    bytes_per_cell: usize,
    cache: usize,
    threads: usize,
) -> Vec<(usize, Region)> {
    let mut tiles = vec![];
    for &(patch, cells) in boxes {
        let [nz, ny, nx] = cells.size();
        if cells.is_empty() {
            continue;
        }
        let wanted = (4 * threads).min(cells.cells() / LEAST_CELLS).max(1);
        let most_rows = (cache / (bytes_per_cell * nx).max(1)).max(4);
        let across = ny.div_ceil(most_rows).max(wanted.div_ceil(nz)).min(ny);
        let along = wanted.max(cells.cells() / MOST_CELLS).div_ceil(across).min(nz);
        let (planes, rows) = (nz.div_ceil(along), ny.div_ceil(across));
        for z in (0..nz).step_by(planes) {
            for y in (0..ny).step_by(rows) {
                let (z, y) = (cells.low[0] + z as isize, cells.low[1] + y as isize);
                let tile = cells.with(0, z, (z + planes as isize).min(cells.high[0])).with(
                    1,
                    y,
                    (y + rows as isize).min(cells.high[1]),
                );
                tiles.push((patch, tile));
            }
        }
    }
    tiles
}

/// Cuts a box into tiles of about `rows` rows along the axis across `sweep`, and into at least one tile per thread, cut along
/// `sweep` if the other axis has too few rows.
pub(super) fn overlapping_tiles(cells: &Region, sweep: usize, rows: usize, threads: usize) -> Vec<Region> {
    let (size, across) = (cells.size(), 1 - sweep);
    let mut count = size[across].div_ceil(rows.max(1)).max(threads.min(size[across].div_ceil(LEAST_ROWS)));
    if count > threads && size[across] >= count.next_multiple_of(threads) {
        count = count.next_multiple_of(threads);
    }
    let chunks = threads.div_ceil(count.max(1)).min(size[sweep].div_ceil(LEAST_ROWS)).max(1);
    let cut = |n: usize, parts: usize, i: usize| (n / parts * i + (n % parts).min(i)) as isize;
    let mut tiles = vec![];
    for s in 0..chunks {
        for t in 0..count {
            let along = |a: usize, parts: usize, i: usize| {
                (cells.low[a] + cut(size[a], parts, i), cells.low[a] + cut(size[a], parts, i + 1))
            };
            let ((s0, s1), (t0, t1)) = (along(sweep, chunks, s), along(across, count, t));
            tiles.push(cells.with(sweep, s0, s1).with(across, t0, t1));
        }
    }
    tiles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpus_of_a_list() {
        assert_eq!([sharers("0-3,8-11\n"), sharers("7"), sharers("")], [Some(8), Some(1), None]);
    }

    #[test]
    fn tiles_cover_all_cells_once() {
        for size in [[1, 1, 1], [1, 500, 3], [70, 70, 70], [3, 1000, 4000]] {
            for threads in [1, 2, 16] {
                let tiles = tiles(&[(0, Region::of(size))], 24, OWN_CACHE, threads);
                assert_eq!(tiles.iter().map(|t| t.1.cells()).sum::<usize>(), size.iter().product::<usize>());
                for (i, a) in tiles.iter().enumerate() {
                    assert!(tiles[..i].iter().all(|b| a.1.intersect(&b.1).is_empty()));
                }
            }
        }
    }
}
