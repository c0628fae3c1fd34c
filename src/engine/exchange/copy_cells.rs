//! Copies a box of cells between two memory layouts: any order of axes and any strides.
use crate::base::Array;
use crate::base::Region;
use crate::base::index_transform::IndexTransform;
use crate::program::copies::CopyRegion;
use crate::program::transfers::Transfer;
use halocline_kernels::ElementType;

/// One side of a copy: the address of the first cell, and the strides in bytes along the target's axes.
#[derive(Clone, Copy)]
pub(super) struct StridedCells {
    at: *mut u8,
    strides: [isize; 3],
}

/// The cells of a region of an array, with the strides of the array.
pub(super) fn array_cells(array: &Array, region: &Region) -> StridedCells {
    assert!(array.padded().contains(region), "{region:?} lies outside {:?}", array.padded());
    let strides = [array.plane_stride(), array.row_stride(), array.element().size() as isize];
    StridedCells { at: array.cell_mut(region.low), strides }
}

/// The source cells of a copy, with strides along the target's axes.
pub(super) fn source_cells(array: &Array, copy: &CopyRegion) -> StridedCells {
    let IndexTransform { to, .. } = copy.transform;
    let own = array_cells(array, &copy.transform.region(&copy.target)).strides;
    let strides = to.map(|h| if h.reversed { -own[h.axis] } else { own[h.axis] });
    StridedCells { at: array.cell_mut(copy.transform.index(copy.target.low)), strides }
}

/// The cells of a region in a contiguous buffer, row-major.
pub(super) fn packed_cells(at: *mut u8, region: &Region, element: ElementType) -> StridedCells {
    let ([_, ny, nx], size) = (region.size(), element.size() as isize);
    StridedCells { at, strides: [(ny * nx) as isize * size, nx as isize * size, size] }
}

/// Copies the cells of a transfer, and changes their sign if the transfer negates.
///
/// # Safety
/// Both sides must be valid for all cells of the transfer, and must not overlap.
pub(super) unsafe fn copy_cells(m: &Transfer, from: StridedCells, to: StridedCells) {
    let [nz, ny, nx] = m.copy.target.size();
    let size = m.element.size();
    let rows = from.strides[2] == size as isize && to.strides[2] == size as isize && nx * size > SHORT;
    // Cells that cannot be copied as rows are copied one by one along the longer axis: a face across x is only a cell or
    // two wide.
    let (inner, outer, lines, cells) = if nx < ny { (1, 2, nx, ny) } else { (2, 1, ny, nx) };
    for z in 0..nz as isize {
        let at = |axis: usize, i: isize| {
            let place = |end: StridedCells| end.at.wrapping_offset(z * end.strides[0] + i * end.strides[axis]);
            (place(from).cast_const(), place(to))
        };
        if rows {
            for (source, target) in (0..ny as isize).map(|y| at(1, y)) {
                // SAFETY: by the contract of this function, all cells of both sides are valid.
                unsafe { std::ptr::copy_nonoverlapping(source, target, nx * size) }
            }
        } else {
            for (source, target) in (0..lines as isize).map(|i| at(outer, i)) {
                let (step, stride) = (from.strides[inner], to.strides[inner]);
                // SAFETY: as above.
                unsafe {
                    match size {
                        4 => copy_strided::<u32>(source, step, target, stride, cells),
                        8 => copy_strided::<u64>(source, step, target, stride, cells),
                        _ => copy_strided::<[u64; 2]>(source, step, target, stride, cells),
                    }
                }
            }
        }
        if m.negate {
            for (_, target) in (0..ny as isize).map(|y| at(1, y)) {
                // SAFETY: as above.
                unsafe {
                    match m.element {
                        ElementType::F32 | ElementType::C32 => negate::<u32>(target, nx * size / 4, 1 << 31),
                        ElementType::F64 | ElementType::C64 => negate::<u64>(target, nx * size / 8, 1 << 63),
                        _ => unreachable!("fields hold real or complex floating-point numbers"),
                    }
                }
            }
        }
    }
}

/// Rows of at most this many bytes are copied cell by cell: a call to `memcpy` costs more.
const SHORT: usize = 64;

/// Copies `n` cells between two strides in bytes.
///
/// # Safety
/// `n` cells must be valid on both sides.
unsafe fn copy_strided<U: std::marker::Copy>(from: *const u8, step: isize, to: *mut u8, stride: isize, n: usize) {
    for i in 0..n as isize {
        // SAFETY: by the contract of this function. In a message a wide element may follow a narrow one, so no alignment is
        // assumed.
        unsafe { to.offset(i * stride).cast::<U>().write_unaligned(from.offset(i * step).cast::<U>().read_unaligned()) }
    }
}

/// Flips the sign bit of `n` contiguous floats, which is exact for all values including NaN.
///
/// # Safety
/// `n` floats must be valid.
unsafe fn negate<U: std::marker::Copy + std::ops::BitXorAssign>(at: *mut u8, n: usize, sign: U) {
    for i in 0..n {
        // SAFETY: by the contract of this function; no alignment is assumed, as above.
        unsafe {
            let mut bits = at.cast::<U>().add(i).read_unaligned();
            bits ^= sign;
            at.cast::<U>().add(i).write_unaligned(bits);
        }
    }
}
