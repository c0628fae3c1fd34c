//! Which dimension of a variable is which axis of the grid: transposed and descending dimensions are put in place.
use crate::base::Region;

/// What an index of one dimension of the variable is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Index {
    /// Always this one: an instant, or the only one.
    Fixed(usize),
    /// The index along an axis of the grid; counted from the other end if `descends`.
    Along { axis: usize, cells: usize, descends: bool },
}

/// The indices of all dimensions of a variable, slowest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placement(pub(super) Vec<Index>);

impl Placement {
    /// The box of the variable that holds the cells of a region: start and count per dimension.
    pub(super) fn selection(&self, region: &Region) -> (Vec<usize>, Vec<usize>) {
        let range = |index: &Index| match *index {
            Index::Fixed(i) => (i, 1),
            Index::Along { axis, cells, descends } => {
                let (low, high) = (region.low[axis] as usize, region.high[axis] as usize);
                (if descends { cells - high } else { low }, high - low)
            }
        };
        self.0.iter().map(range).unzip()
    }

    /// Reorders values of the box of a region, in the order of the file, to z, y, x ascending.
    pub(super) fn in_order_of_the_grid(&self, region: &Region, values: Vec<f64>) -> Vec<f64> {
        let along = self.0.iter().filter_map(|index| match *index {
            Index::Along { axis, descends, .. } => Some((axis, descends)),
            Index::Fixed(_) => None,
        });
        let along: Vec<(usize, bool)> = along.collect();
        if along.is_sorted() && along.iter().all(|(_, descends)| !descends) {
            return values;
        }
        let size = region.size();
        // Distance in the file between neighbours along each axis of the grid, and the place of its first cell.
        let (mut stride, mut first, mut all) = ([0isize; 3], 0isize, 1isize);
        for &(axis, descends) in along.iter().rev() {
            stride[axis] = if descends { -all } else { all };
            first += if descends { all * (size[axis] as isize - 1) } else { 0 };
            all *= size[axis] as isize;
        }
        let mut ordered = Vec::with_capacity(values.len());
        for z in 0..size[0] as isize {
            for y in 0..size[1] as isize {
                let row = first + z * stride[0] + y * stride[1];
                ordered.extend((0..size[2] as isize).map(|x| values[(row + x * stride[2]) as usize]));
            }
        }
        ordered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transposed_and_descending_dimensions_are_put_in_place() {
        // A variable v[x = 3, time = 2, y = 2 descending] of a grid of [1, 2, 3] cells.
        let along = |axis, cells, descends| Index::Along { axis, cells, descends };
        let placement = Placement(vec![along(2, 3, false), Index::Fixed(1), along(1, 2, true)]);
        let value = |x: usize, y: usize| (10 * x + (1 - y)) as f64;
        let whole = Region::of([1, 2, 3]);
        assert_eq!(placement.selection(&whole), (vec![0, 1, 0], vec![3, 1, 2]));
        let stored: Vec<f64> = (0..3).flat_map(|x| [value(x, 1), value(x, 0)]).collect();
        let ordered = [value(0, 0), value(1, 0), value(2, 0), value(0, 1), value(1, 1), value(2, 1)];
        assert_eq!(placement.in_order_of_the_grid(&whole, stored), ordered);
        let part = Region::new([0, 0, 1], [1, 1, 3]);
        assert_eq!(placement.selection(&part), (vec![1, 1, 1], vec![2, 1, 1]));
        assert_eq!(placement.in_order_of_the_grid(&part, vec![5.0, 6.0]), [5.0, 6.0]);
        let same = Placement(vec![Index::Fixed(0), along(1, 2, false), along(2, 3, false)]);
        assert_eq!(same.in_order_of_the_grid(&whole, vec![3.0; 6]), [3.0; 6]);
    }
}
