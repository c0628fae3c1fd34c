//! Copying a box of cells from one order of axes and one spacing to another.
use crate::base::Array;
use crate::base::Region;
use crate::base::index_transform::IndexTransform;
use crate::program::copies::CopyRegion;
use crate::program::transfers::Transfer;
use halocline_kernels::ElementType;

/// One end of a copy: the first cell, and bytes from cell to cell along the target's axes.
#[derive(Clone, Copy)]
pub(super) struct StridedCells {
    at: *mut u8,
    strides: [isize; 3],
}

/// Cells of an array in its own order of axes.
pub(super) fn array_cells(array: &Array, region: &Region) -> StridedCells {
    assert!(array.padded().contains(region), "{region:?} lies outside {:?}", array.padded());
    let strides = [array.plane_stride(), array.row_stride(), array.element().size() as isize];
    StridedCells { at: array.cell_mut(region.low), strides }
}

/// The source cells of a copy, walked along the target's axes.
pub(super) fn source_cells(array: &Array, copy: &CopyRegion) -> StridedCells {
    let IndexTransform { to, .. } = copy.transform;
    let own = array_cells(array, &copy.transform.region(&copy.target)).strides;
    let strides = to.map(|h| if h.reversed { -own[h.axis] } else { own[h.axis] });
    StridedCells { at: array.cell_mut(copy.transform.index(copy.target.low)), strides }
}

/// Cells packed one after the other.
pub(super) fn packed_cells(at: *mut u8, region: &Region, element: ElementType) -> StridedCells {
    let ([_, ny, nx], size) = (region.size(), element.size() as isize);
    StridedCells { at, strides: [(ny * nx) as isize * size, nx as isize * size, size] }
}

/// # Safety
/// Both ends must be valid for all cells of the move, and not overlap.
pub(super) unsafe fn copy_cells(m: &Transfer, from: StridedCells, to: StridedCells) {
    let [nz, ny, nx] = m.copy.target.size();
    let size = m.element.size();
    let rows = from.strides[2] == size as isize && to.strides[2] == size as isize && nx * size > SHORT;
    // What is not copied row by row goes cell by cell along the longer axis: a face across x is a cell or two wide.
    let (inner, outer, lines, cells) = if nx < ny { (1, 2, nx, ny) } else { (2, 1, ny, nx) };
    for z in 0..nz as isize {
        let at = |axis: usize, i: isize| {
            let place = |end: StridedCells| end.at.wrapping_offset(z * end.strides[0] + i * end.strides[axis]);
            (place(from).cast_const(), place(to))
        };
        if rows {
            for (source, target) in (0..ny as isize).map(|y| at(1, y)) {
                // SAFETY: within both ends, by the caller's promise.
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

/// Bytes of a row up to which a call to copy it costs more than going cell by cell.
const SHORT: usize = 64;

/// # Safety
/// `n` cells must be valid on both sides.
unsafe fn copy_strided<U: std::marker::Copy>(from: *const u8, step: isize, to: *mut u8, stride: isize, n: usize) {
    for i in 0..n as isize {
        // SAFETY: by the caller's promise. In a message a wide number may follow a narrow one, so nothing is aligned.
        unsafe { to.offset(i * stride).cast::<U>().write_unaligned(from.offset(i * step).cast::<U>().read_unaligned()) }
    }
}

/// Changes the sign of floats by their bits, which is exact for all numbers. Only rows can be negated.
///
/// # Safety
/// `n` floats must be valid.
unsafe fn negate<U: std::marker::Copy + std::ops::BitXorAssign>(at: *mut u8, n: usize, sign: U) {
    for i in 0..n {
        // SAFETY: by the caller's promise; not aligned, as above.
        unsafe {
            let mut bits = at.cast::<U>().add(i).read_unaligned();
            bits ^= sign;
            at.cast::<U>().add(i).write_unaligned(bits);
        }
    }
}
