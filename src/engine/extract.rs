//! Copies of the cells of a region between an array and contiguous bytes: output, pictures and snapshots.
use crate::base::{Array, Region};
use crate::comm::Threads;
use crate::engine::with_element;
use halocline_kernels::{Element, ElementType};
use std::sync::{Mutex, PoisonError};

/// What to copy of each cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Extract {
    /// The number as it is stored.
    Stored,
    /// The real (0) or imaginary (1) part, as `F32` or `F64`.
    Part(usize, ElementType),
    /// The absolute value of a complex number, or a real number with its sign, as `F64`.
    Magnitude,
}

impl Extract {
    /// Bytes per cell of an array of this type.
    fn size(self, element: ElementType) -> usize {
        match self {
            Extract::Stored => element.size(),
            Extract::Part(_, converted) => converted.size(),
            Extract::Magnitude => size_of::<f64>(),
        }
    }

    /// Copies one row of cells.
    fn row(self, array: &Array, row: &Region, bytes: &mut [u8]) {
        match self {
            Extract::Stored => bytes.copy_from_slice(array.row(row.low, row.size()[2])),
            Extract::Part(part, element) => with_element!(array.element(), T => {
                encode_into(array.view::<T>(row).iter().map(|v| v.parts()[part]), element, bytes);
            }),
            Extract::Magnitude if array.element().parts() == 1 => {
                Extract::Part(0, ElementType::F64).row(array, row, bytes)
            }
            Extract::Magnitude => with_element!(array.element(), T => {
                let magnitudes = array.view::<T>(row);
                let magnitudes = magnitudes.iter().map(|v| {
                    let [re, im] = v.parts();
                    (re * re + im * im).sqrt()
                });
                encode_into(magnitudes, ElementType::F64, bytes);
            }),
        }
    }
}

/// Copies the cells of a region of an array into bytes, row-major, on all threads.
///
/// # Panics
/// If the region exceeds the array, or `bytes` does not have the size of the copy.
pub(crate) fn extract_into(threads: &Threads, array: &Array, region: &Region, extract: Extract, bytes: &mut [u8]) {
    const TASKS: usize = 64;
    let [nz, ny, nx] = region.size();
    let row_bytes = nx * extract.size(array.element());
    assert_eq!(bytes.len(), nz * ny * row_bytes, "the size of a copy of {region:?}");
    if bytes.is_empty() {
        return;
    }
    let rows_per_task = (nz * ny).div_ceil(TASKS);
    let tasks: Vec<Mutex<&mut [u8]>> = bytes.chunks_mut(rows_per_task * row_bytes).map(Mutex::new).collect();
    threads.for_each(tasks.len(), |task| {
        let mut rows = tasks[task].lock().unwrap_or_else(PoisonError::into_inner);
        for (i, bytes) in rows.chunks_exact_mut(row_bytes).enumerate() {
            extract.row(array, &row(region, task * rows_per_task + i), bytes);
        }
    });
}

/// Returns a copy of the cells of a region of an array, as [`extract_into`] makes it.
pub(crate) fn extract(threads: &Threads, array: &Array, region: &Region, extract: Extract) -> Vec<u8> {
    let mut bytes = vec![0; region.size().iter().product::<usize>() * extract.size(array.element())];
    extract_into(threads, array, region, extract, &mut bytes);
    bytes
}

/// Returns the real (0) or imaginary (1) parts of the cells of a region in double precision, row-major.
pub(crate) fn values(array: &Array, region: &Region, part: usize) -> Vec<f64> {
    with_element!(array.element(), T => array.view::<T>(region).iter().map(|v| v.parts()[part]).collect())
}

/// Converts values to `F32` or `F64` in the machine's byte order.
pub(crate) fn encode(values: impl ExactSizeIterator<Item = f64>, element: ElementType) -> Vec<u8> {
    let mut bytes = vec![0; values.len() * element.size()];
    encode_into(values, element, &mut bytes);
    bytes
}

fn encode_into(values: impl Iterator<Item = f64>, element: ElementType, bytes: &mut [u8]) {
    match element {
        ElementType::F32 => {
            bytes.as_chunks_mut().0.iter_mut().zip(values).for_each(|(b, v)| *b = (v as f32).to_ne_bytes())
        }
        ElementType::F64 => bytes.as_chunks_mut().0.iter_mut().zip(values).for_each(|(b, v)| *b = v.to_ne_bytes()),
        _ => unreachable!("files and pictures take real floating-point numbers"),
    }
}

/// Copies stored numbers into the owned cells of an array, row-major: the inverse of [`Extract::Stored`].
pub(crate) fn insert(array: &mut Array, bytes: &[u8]) {
    let owned = array.owned();
    let nx = owned.size()[2];
    for (i, bytes) in bytes.chunks_exact((nx * array.element().size()).max(1)).enumerate() {
        array.row_mut(row(&owned, i).low, nx).copy_from_slice(bytes);
    }
}

/// Row number `i` of a region.
fn row(region: &Region, i: usize) -> Region {
    let ([_, ny, nx], low) = (region.size(), region.low);
    Region::of([1, 1, nx]).shift([low[0] + (i / ny) as isize, low[1] + (i % ny) as isize, low[2]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Comm;
    use num_complex::Complex;

    fn array<T: Element>(number: impl Fn(f64) -> T) -> Array {
        let owned = Region::of([3, 70, 5]).shift([2, 1, 4]);
        let mut array = Array::new(T::TYPE, owned, [1; 3], [2; 3], [false; 3]);
        array.view_mut::<T>(&owned).iter_mut().enumerate().for_each(|(i, v)| *v = number(i as f64));
        array
    }

    fn floats(bytes: &[u8]) -> Vec<f64> {
        bytes.as_chunks().0.iter().map(|b| f64::from_ne_bytes(*b)).collect()
    }

    #[test]
    fn regions_are_extracted_in_row_major_order() {
        let comm = Comm::alone();
        let array = array(|i| (i / 3.0) as f32);
        let region = Region::of([2, 67, 2]).shift([3, 2, 5]);
        let expected: Vec<f32> = array.view::<f32>(&region).iter().copied().collect();
        let stored = extract(comm.threads(), &array, &region, Extract::Stored);
        let single = extract(comm.threads(), &array, &region, Extract::Part(0, ElementType::F32));
        let double = floats(&extract(comm.threads(), &array, &region, Extract::Part(0, ElementType::F64)));
        assert_eq!(stored, expected.iter().flat_map(|v| v.to_ne_bytes()).collect::<Vec<u8>>());
        assert_eq!(single, stored);
        assert_eq!(double, expected.iter().map(|v| f64::from(*v)).collect::<Vec<_>>());
        assert_eq!((values(&array, &region, 0), encode(double.iter().copied(), ElementType::F32)), (double, stored));
    }

    #[test]
    fn complex_numbers_have_parts_and_a_magnitude() {
        let comm = Comm::alone();
        let array = array(|i| Complex::new(3.0 * i, -4.0 * i));
        let owned = array.owned();
        let of = |what| floats(&extract(comm.threads(), &array, &owned, what));
        let imaginary: Vec<f64> = (0..1050).map(|i| -4.0 * f64::from(i)).collect();
        assert_eq!(of(Extract::Part(1, ElementType::F64)), imaginary);
        assert_eq!(of(Extract::Magnitude), imaginary.iter().map(|v| -1.25 * v).collect::<Vec<_>>());
    }

    #[test]
    fn inserted_cells_are_the_extracted_ones() {
        let comm = Comm::alone();
        let (from, mut to) = (array(|i| Complex::new(i, -i)), array(|_| Complex::new(0.0, 0.0)));
        let owned = from.owned();
        insert(&mut to, &extract(comm.threads(), &from, &owned, Extract::Stored));
        assert_eq!(to.view::<Complex<f64>>(&owned), from.view::<Complex<f64>>(&owned));
        let nothing = Region::of([0, 2, 2]).shift(owned.low);
        assert!(extract(comm.threads(), &from, &nothing, Extract::Magnitude).is_empty());
    }
}
