//! Arrays: the memory of one field on one patch, with halos and padded rows.
use crate::base::memory::{LINE, Memory};
use crate::base::{Error, Region, Result};
use halocline_kernels::{Element, ElementType};
use ndarray::{ArrayView3, ArrayViewMut3, ShapeBuilder};

/// Rows whose stride in bytes is a multiple of this number map to the same sets of the first-level cache.
const CONFLICT: usize = 4096;

/// An array of the owned cells of a patch and the halo around them, in indices of the block. A flat z or y axis has a
/// stride of zero, so the neighbour of a cell along it is the cell itself.
pub struct Array {
    memory: Memory,
    element: ElementType,
    owned: Region,
    padded: Region,
    /// Bytes from a row to the next.
    row: isize,
    /// Bytes from a plane to the next.
    plane: isize,
    /// Bytes from the start of the memory to cell `padded.low`.
    first: usize,
    lines: Lines,
}

/// The cache lines of a row, which contain cells of no other row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lines {
    /// Bytes before the first owned cell of the row.
    pub(crate) left: usize,
    /// Bytes of all cache lines of the row.
    pub(crate) used: usize,
}

impl Lines {
    /// Returns the bytes from a row to the next: a stride that avoids conflict misses in the first-level cache.
    pub(crate) fn stride(self) -> usize {
        if self.used % CONFLICT < 2 * LINE { self.used + 2 * LINE } else { self.used }
    }
}

/// The memory layout of padded rows: strides and sizes in bytes.
struct Layout {
    padded: Region,
    row: usize,
    plane: usize,
    first: usize,
    bytes: usize,
    lines: Lines,
}

impl Layout {
    /// The layout of an array; `None` if its size or an index overflows.
    fn of(
        element: ElementType,
        owned: Region,
        below: [usize; 3],
        above: [usize; 3],
        flat: [bool; 3],
    ) -> Option<Layout> {
        let depth = |d: [usize; 3]| [0, 1, 2].map(|a| if a < 2 && flat[a] { 0 } else { d[a] });
        let (below, above) = (depth(below), depth(above));
        let mut padded = owned;
        for a in 0..3 {
            padded.low[a] = owned.low[a].checked_sub_unsigned(below[a])?;
            padded.high[a] = owned.high[a].max(owned.low[a]).checked_add_unsigned(above[a])?;
            padded.high[a].checked_sub(padded.low[a])?;
        }
        let [nz, ny, _] = padded.size();
        let size = element.size();
        let left = below[2].checked_mul(size)?.checked_next_multiple_of(LINE)?;
        let right = owned.size()[2].checked_add(above[2])?.checked_mul(size)?.checked_next_multiple_of(LINE)?;
        let lines = Lines { left, used: left.checked_add(right).filter(|&used| used <= isize::MAX as usize / 2)? };
        let row = lines.stride();
        let plane = ny.checked_mul(row)?.checked_add(if ny > 1 { 4 * LINE } else { 0 })?;
        let bytes = nz.checked_mul(plane)?.checked_add(LINE)?;
        // `Memory` rounds the size up to whole huge pages, which must not overflow.
        (bytes <= isize::MAX as usize / 2).then_some(())?;
        Some(Layout { padded, row, plane, first: left - below[2] * size, bytes, lines })
    }
}

impl Array {
    /// An array of zeros: the cells `owned`, with `below` and `above` halo cells on each axis. Flat axes get no halo
    /// along z and y.
    ///
    /// # Panics
    /// If z or y is flat and has more than one cell, or the memory cannot be allocated (see [`Array::try_new`]).
    ///
    /// A flat axis of several cells would let views alias, so it is refused:
    /// ```should_panic
    /// use halocline::base::{Array, Region};
    /// use halocline_kernels::ElementType;
    /// Array::new(ElementType::F64, Region::of([1, 4, 2]), [0; 3], [0; 3], [false, true, false]);
    /// ```
    pub fn new(element: ElementType, owned: Region, below: [usize; 3], above: [usize; 3], flat: [bool; 3]) -> Array {
        Array::try_new(element, owned, below, above, flat).unwrap_or_else(|e| panic!("{}", e.what()))
    }

    /// As [`Array::new`], but without a panic if the memory cannot be allocated.
    ///
    /// # Errors
    /// If the size overflows (see [`Array::bytes_for`]) or the system refuses the memory.
    ///
    /// # Panics
    /// If z or y is flat and has more than one cell.
    pub fn try_new(
        element: ElementType,
        owned: Region,
        below: [usize; 3],
        above: [usize; 3],
        flat: [bool; 3],
    ) -> Result<Array> {
        for axis in (0..2).filter(|&a| flat[a]) {
            assert!(owned.size()[axis] <= 1, "axis {axis} of {owned:?} is flat and has more than one cell");
        }
        let Some(Layout { padded, row, plane, first, bytes, lines }) = Layout::of(element, owned, below, above, flat)
        else {
            let what = format!("an array of {owned:?} with halos is larger than the address space");
            return Err(Error::failure(what).remedy("use fewer cells, or more ranks"));
        };
        Ok(Array {
            memory: Memory::zeroed(bytes)?,
            element,
            owned,
            padded,
            row: if flat[1] { 0 } else { row as isize },
            plane: if flat[0] { 0 } else { plane as isize },
            first,
            lines,
        })
    }

    /// Returns the bytes of memory of an array with the same arguments as [`Array::new`]; `None` if they overflow.
    pub fn bytes_for(
        element: ElementType,
        owned: Region,
        below: [usize; 3],
        above: [usize; 3],
        flat: [bool; 3],
    ) -> Option<usize> {
        Some(Memory::bytes_for(Layout::of(element, owned, below, above, flat)?.bytes))
    }

    /// Returns the element type.
    pub fn element(&self) -> ElementType {
        self.element
    }

    /// Returns the owned cells.
    pub fn owned(&self) -> Region {
        self.owned
    }

    /// Returns the owned cells and the halo as one region.
    pub fn padded(&self) -> Region {
        self.padded
    }

    /// Returns the bytes from a row to the next (zero along a flat y).
    pub fn row_stride(&self) -> isize {
        self.row
    }

    /// Returns the bytes from a plane to the next (zero along a flat z).
    pub fn plane_stride(&self) -> isize {
        self.plane
    }

    /// Returns the cache lines of a row.
    pub(crate) fn lines(&self) -> Lines {
        self.lines
    }

    /// Returns the bytes of memory.
    pub fn bytes(&self) -> usize {
        self.memory.bytes()
    }

    /// Returns the bytes from the start of the memory to a cell.
    fn offset(&self, [z, y, x]: [isize; 3]) -> isize {
        let low = self.padded.low;
        self.first as isize
            + (z - low[0]) * self.plane
            + (y - low[1]) * self.row
            + (x - low[2]) * self.element.size() as isize
    }

    /// Returns a pointer to a cell. It may be dereferenced only if the index is in the padded region.
    pub fn cell(&self, index: [isize; 3]) -> *const u8 {
        self.memory.at().wrapping_offset(self.offset(index))
    }

    /// Returns a pointer to a cell for writing. It may be dereferenced only if the index is in the padded region. Rows
    /// do not overlap, so threads may write different rows at the same time.
    pub fn cell_mut(&self, index: [isize; 3]) -> *mut u8 {
        self.memory.at().wrapping_offset(self.offset(index))
    }

    /// Asserts that `cells` cells of a row, from `index` on, are in the array.
    fn check_row(&self, index: [isize; 3], cells: usize) {
        let Region { low, high } = self.padded;
        let inside = (0..3).all(|a| low[a] <= index[a] && index[a] < high[a]);
        let fits = inside && cells <= (high[2] - index[2]) as usize;
        assert!(fits, "{cells} cells from {index:?} on are outside the array {:?}", self.padded);
    }

    /// Returns the bytes of `cells` cells of a row, from `index` on.
    ///
    /// # Panics
    /// If a cell is outside the array.
    pub fn row(&self, index: [isize; 3], cells: usize) -> &[u8] {
        self.check_row(index, cells);
        // SAFETY: the cells are in the array, in one row.
        unsafe { std::slice::from_raw_parts(self.cell(index), cells * self.element.size()) }
    }

    /// Returns the bytes of `cells` cells of a row for writing, from `index` on.
    ///
    /// # Panics
    /// As [`Array::row`].
    pub fn row_mut(&mut self, index: [isize; 3], cells: usize) -> &mut [u8] {
        self.check_row(index, cells);
        // SAFETY: as in `row`; the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.cell_mut(index), cells * self.element.size()) }
    }

    /// Asserts that a view of a region with elements `T` is valid; returns its shape, strides and first cell.
    fn check<T: Element>(&self, region: &Region) -> (ndarray::StrideShape<ndarray::Ix3>, *mut T) {
        assert_eq!(T::TYPE, self.element, "a field's array is viewed as another type");
        assert!(self.padded.contains(region), "{region:?} is outside the array {:?}", self.padded);
        let size = self.element.size() as isize;
        let shape = region.size();
        let strides = [self.plane / size, self.row / size, 1].map(|s| s as usize);
        // An empty region may have indices outside the array.
        let at = if region.is_empty() { self.memory.at() } else { self.cell_mut(region.low) };
        ((shape[0], shape[1], shape[2]).strides((strides[0], strides[1], strides[2])), at.cast())
    }

    /// Returns a region of cells as an ndarray view, `[z, y, x]`.
    ///
    /// # Panics
    /// If `T` is not the element type of the array, or the region is not in the array.
    pub fn view<T: Element>(&self, region: &Region) -> ArrayView3<'_, T> {
        let (shape, at) = self.check::<T>(region);
        // SAFETY: the region is in the array. Its memory is initialised and aligned to a cache line, and rows to
        // elements.
        unsafe { ArrayView3::from_shape_ptr(shape, at) }
    }

    /// Returns a region of cells as an ndarray view for writing, `[z, y, x]`.
    ///
    /// # Panics
    /// As [`Array::view`].
    pub fn view_mut<T: Element>(&mut self, region: &Region) -> ArrayViewMut3<'_, T> {
        let (shape, at) = self.check::<T>(region);
        // SAFETY: as in `view`; the borrow is exclusive. Cells do not overlap: a stride is zero only along an axis of
        // one cell.
        unsafe { ArrayViewMut3::from_shape_ptr(shape, at) }
    }
}

impl Array {
    /// Returns a region of cells of a shared array as a view for writing, for threads that write disjoint regions.
    ///
    /// # Safety
    /// No other view of these cells may be alive.
    ///
    /// # Panics
    /// As [`Array::view`].
    pub unsafe fn view_shared_mut<T: Element>(&self, region: &Region) -> ArrayViewMut3<'_, T> {
        let (shape, at) = self.check::<T>(region);
        // SAFETY: as in `view`; the caller guarantees that no other view of these cells exists.
        unsafe { ArrayViewMut3::from_shape_ptr(shape, at) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_and_pointers_name_the_same_cells() {
        let owned = Region::new([2, 10, 100], [5, 14, 107]);
        let mut a = Array::new(ElementType::F32, owned, [1, 2, 3], [1, 0, 5], [false; 3]);
        a.view_mut::<f32>(&owned).indexed_iter_mut().for_each(|((z, y, x), v)| *v = (z * 100 + y * 10 + x) as f32);
        // SAFETY: the cell is owned.
        assert_eq!(unsafe { *a.cell([3, 12, 101]).cast::<f32>() }, 121.0);
        assert_eq!(a.row([3, 12, 101], 2), [121.0f32, 122.0].map(f32::to_ne_bytes).concat());
        a.row_mut([2, 10, 100], 1).copy_from_slice(&7f32.to_ne_bytes());
        assert_eq!(a.view::<f32>(&owned)[[0, 0, 0]], 7.0);
        assert_eq!(a.cell([3, 12, 100]) as usize % LINE, 0);
        assert_eq!(a.view::<f32>(&a.padded()).sum(), a.view::<f32>(&owned).sum());
        assert_eq!(a.row_stride() % LINE as isize, 0);
    }

    #[test]
    fn sizes_that_overflow_are_refused() {
        let bytes = |cells: [usize; 3], below: usize| {
            Array::bytes_for(ElementType::F64, Region::of(cells), [below; 3], [0; 3], [false; 3])
        };
        assert!(bytes([4, 4, 4], 1).is_some());
        assert_eq!(bytes([1 << 58, 1, 1], 0), None);
        assert_eq!(bytes([1, 1, 1 << 61], 0), None);
        assert_eq!(bytes([4, 4, 4], usize::MAX), None);
        let huge = || Array::new(ElementType::F64, Region::of([1 << 58, 1, 1]), [0; 3], [0; 3], [false; 3]);
        assert!(std::panic::catch_unwind(huge).is_err());
    }

    #[test]
    fn rows_outside_are_refused() {
        let array = Array::new(ElementType::F64, Region::of([4, 4, 4]), [0; 3], [0; 3], [false; 3]);
        for (index, cells) in
            [([100, 0, 0], (1 << 63) + 1), ([0, 0, 0], 5), ([0, 0, 4], 0), ([0, 4, 0], 1), ([0, 0, -1], 1)]
        {
            let row = std::panic::AssertUnwindSafe(|| array.row(index, cells).len());
            assert!(std::panic::catch_unwind(row).is_err(), "{cells} cells from {index:?} on");
        }
        assert_eq!(array.row([3, 3, 0], 4).len(), 32);
        assert!(array.view::<f64>(&Region::new([9, 9, 9], [9, 9, 9])).is_empty());
    }

    #[test]
    fn along_flat_axes_a_neighbour_is_the_cell_itself() {
        let a = Array::new(ElementType::C64, Region::of([1, 1, 9]), [2; 3], [2; 3], [true, true, false]);
        assert_eq!(a.cell([1, -2, 4]), a.cell([0, 0, 4]));
        assert_eq!(a.padded(), Region::new([0, 0, -2], [1, 1, 11]));
    }

    #[test]
    fn strides_avoid_cache_conflicts() {
        for n in [510, 511, 512, 1024, 4096] {
            let a = Array::new(ElementType::F64, Region::of([4, 4, n]), [1; 3], [1; 3], [false; 3]);
            assert!(a.row_stride() as usize % CONFLICT >= 2 * LINE, "{n}");
        }
    }
}
