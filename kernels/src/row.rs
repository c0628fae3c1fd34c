//! Rows of cells: a kernel compiled into a loop for each instruction set, and erased into a function of bytes.
use crate::cell::RowPointers;
use crate::element::Element;
use crate::instruction_set::InstructionSet;
use crate::kernel::{Args, Kernel, MAX_OUT, Outputs};
use crate::stream::{LINE, Stream, stream_with};
use std::ops::Range;
use std::ptr::NonNull;
use std::slice::from_raw_parts_mut;
use std::sync::Arc;

/// The addresses of the written rows, one per output of a kernel.
pub type Rows = [*mut u8; MAX_OUT];

/// A compiled kernel as a function of rows of bytes.
pub trait RowKernel: Send + Sync {
    /// Computes the cells `cells` of a row.
    ///
    /// # Safety
    /// The table must have the pointers of the kernel's arguments, in their order, aligned and readable over the
    /// stencil around these cells. The written rows must hold the cells, be aligned for their elements, and overlap
    /// neither each other nor any row read.
    unsafe fn compute(&self, table: &RowPointers, out: &Rows, cells: Range<usize>);

    /// Computes the cells like [`RowKernel::compute`], and writes whole cache lines of the new values to the rows `to` by
    /// non-temporal stores (no store where the pointer is null). The rest of a last cache line is not copied.
    ///
    /// # Safety
    /// As [`RowKernel::compute`], with the same contract for `to`; in these rows and in `out` the first of the cells begins a
    /// cache line.
    unsafe fn compute_and_stream(&self, table: &RowPointers, out: &Rows, to: &Rows, cells: Range<usize>);
}

/// A compiled kernel with its type erased.
pub type RowFn = Arc<dyn RowKernel>;

/// A row kernel as a closure of the table, the written rows, the first cell and the number of cells.
struct Compiled<F> {
    cells: F,
    /// Bytes of the kernel's element type, and of each output.
    size: usize,
    written: Vec<usize>,
    stream: Stream,
}

/// Bytes of a piece of a row that is written at once by non-temporal stores: a whole row would fill the write-combining
/// buffers and stall the core.
const PIECE: usize = 1024;

impl<F> Compiled<F> {
    /// The addresses of the written rows at a cell.
    fn from(&self, out: &Rows, first: usize) -> Rows {
        let mut rows = *out;
        for (row, size) in rows.iter_mut().zip(&self.written) {
            *row = row.wrapping_add(first * size);
        }
        rows
    }
}

impl<F: Fn(&RowPointers, &Rows, usize, usize) + Send + Sync> RowKernel for Compiled<F> {
    unsafe fn compute(&self, table: &RowPointers, out: &Rows, cells: Range<usize>) {
        (self.cells)(table, &self.from(out, cells.start), cells.start, cells.len())
    }

    unsafe fn compute_and_stream(&self, table: &RowPointers, out: &Rows, to: &Rows, cells: Range<usize>) {
        let piece = PIECE / self.size;
        for first in cells.clone().step_by(piece) {
            let cells = piece.min(cells.end - first);
            let rows = self.from(out, first);
            (self.cells)(table, &rows, first, cells);
            for ((from, to), size) in rows.iter().zip(to).zip(&self.written).filter(|((_, to), _)| !to.is_null()) {
                // SAFETY: the contract of this function; pieces begin on cache lines for all element types.
                unsafe { (self.stream)(to.wrapping_add(first * size), *from, cells * size / LINE * LINE) }
            }
        }
    }
}

/// The loop over the cells of a row. Absent outputs are `()`, whose rows cost neither memory nor time.
///
/// # Safety
/// As [`RowKernel::compute`]; all slices have the length of `a`.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
unsafe fn row_loop<T: Element, K: Kernel<T>>(
    kernel: &K,
    table: &RowPointers,
    first: usize,
    a: &mut [<K::Writes as Outputs>::A],
    b: &mut [<K::Writes as Outputs>::B],
    c: &mut [<K::Writes as Outputs>::C],
    d: &mut [<K::Writes as Outputs>::D],
    e: &mut [<K::Writes as Outputs>::E],
    f: &mut [<K::Writes as Outputs>::F],
) {
    let n = a.len();
    // Whole vectors first, then one more vector that ends with the row: the overlap is computed twice, to the same bits,
    // which is cheaper than a scalar remainder loop. Only rows shorter than one vector use scalar code.
    let vector = VECTOR / size_of::<T>();
    let (mut start, mut end) = (0, if n < vector { n } else { n - n % vector });
    loop {
        // Slices of known and equal length: a bounds check in the loop would prevent vectorisation of complex loads.
        let cells = start..end;
        let (a, b, c) = (&mut a[cells.clone()], &mut b[cells.clone()], &mut c[cells.clone()]);
        let (d, e, f) = (&mut d[cells.clone()], &mut e[cells.clone()], &mut f[cells]);
        for i in 0..a.len() {
            // SAFETY: the caller's contract covers every cell of the row.
            let near = unsafe { K::Reads::views(table, first + start + i) };
            (a[i], b[i], c[i], d[i], e[i], f[i]) = kernel.cell(near).split();
        }
        if end == n {
            break;
        }
        (start, end) = (n - vector, n);
    }
}

/// Bytes of the widest vector.
const VECTOR: usize = 64;

// One function for each instruction set. Every written row is a parameter of its own, and the function is never inlined:
// `&mut` is `noalias` to the compiler only as a parameter. Rows taken from an array of pointers inside would get a run-time
// check for overlap with every row that is read, and short rows no vectors at all.
macro_rules! row_for {
    ($name:ident, $($features:literal)?) => {
        $(#[cfg(target_arch = "x86_64")] #[target_feature(enable = $features)])?
        #[inline(never)]
        #[allow(clippy::too_many_arguments)]
        unsafe fn $name<T: Element, K: Kernel<T>>(
            kernel: &K,
            table: &RowPointers,
            first: usize,
            a: &mut [<K::Writes as Outputs>::A],
            b: &mut [<K::Writes as Outputs>::B],
            c: &mut [<K::Writes as Outputs>::C],
            d: &mut [<K::Writes as Outputs>::D],
            e: &mut [<K::Writes as Outputs>::E],
            f: &mut [<K::Writes as Outputs>::F],
        ) {
            // SAFETY: the caller's contract.
            unsafe { row_loop(kernel, table, first, a, b, c, d, e, f) }
        }
    };
}
row_for!(row_baseline,);
row_for!(row_avx2, "avx2,fma");
row_for!(row_avx512, "avx512f,avx512vl,avx512dq,avx512bw,fma");

/// A written row as a slice of numbers.
///
/// # Safety
/// `at` must point to a row of `n` elements `N` that is accessed through this slice only; if `N` is `()`, it may be any
/// address.
#[inline(always)]
unsafe fn written<'a, N>(at: *mut u8, n: usize) -> &'a mut [N] {
    let at = if size_of::<N>() == 0 { NonNull::dangling().as_ptr() } else { at.cast() };
    // SAFETY: the contract of this function; `()` has no bytes, so any aligned non-null pointer is valid.
    unsafe { from_raw_parts_mut(at, n) }
}

/// A kernel as a function of rows of bytes, compiled for one instruction set.
///
/// # Panics
/// If this machine does not have the instruction set.
pub fn erase<T: Element, K: Kernel<T>>(kernel: &Arc<K>, instructions: InstructionSet) -> RowFn {
    const { assert!(K::Reads::ROWS <= crate::cell::MAX_ROWS, "the kernel reads too many rows") };
    assert!(instructions.is_available(), "this machine has no {}", instructions.name());
    let kernel = kernel.clone();
    let size = size_of::<T>();
    let written_sizes = K::Writes::elements().into_iter().map(|e| e.size()).collect();
    macro_rules! erased {
        ($row:ident) => {{
            // SAFETY: the instruction set was found above; the rest is the contract of `RowKernel`.
            let cells = move |table: &RowPointers, &[a, b, c, d, e, f]: &Rows, first: usize, n: usize| unsafe {
                $row(
                    &*kernel,
                    table,
                    first,
                    written(a, n),
                    written(b, n),
                    written(c, n),
                    written(d, n),
                    written(e, n),
                    written(f, n),
                )
            };
            Arc::new(Compiled { cells, size, written: written_sizes, stream: stream_with(instructions) })
        }};
    }
    match instructions {
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx512 => erased!(row_avx512),
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx2 => erased!(row_avx2),
        _ => erased!(row_baseline),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::MAX_ROWS;
    use crate::prelude::*;
    use std::ptr::null;

    /// Two outputs from three neighbouring cells.
    struct Mix;
    impl<T: Element> Kernel<T> for Mix {
        type Reads = (ArmsX<1, 1>,);
        type Writes = [T; 2];
        #[inline(always)]
        fn cell(&self, (t,): Near<'_, T, Self>) -> [T; 2] {
            [t.x::<-1>() * t.here() + t.x::<1>(), t.x::<1>() * t.here() - t.x::<-1>()]
        }
    }

    fn rows_of_any_length<T: Element>() {
        for set in InstructionSet::ALL.into_iter().filter(|set| set.is_available()) {
            let row = erase::<T, _>(&Arc::new(Mix), set);
            for n in 0..70 {
                let t: Vec<T> = (0..n + 2).map(|i| T::from_parts([i as f64 / 7.0, 1.0 / (i + 1) as f64])).collect();
                let mut new = [vec![T::of(-1.0); n + 1], vec![T::of(-1.0); n + 1]];
                let (mut table, mut out): (RowPointers, Rows) = ([null(); MAX_ROWS], [std::ptr::null_mut(); MAX_OUT]);
                table[0] = t[1..].as_ptr().cast();
                (out[0], out[1]) = (new[0].as_mut_ptr().cast(), new[1].as_mut_ptr().cast());
                // SAFETY: one row with a cell before and after it is read, two rows of `n + 1` cells are written.
                unsafe { row.compute(&table, &out, 0..n) };
                for (i, near) in t.windows(3).enumerate() {
                    let expected = [near[0] * near[1] + near[2], near[2] * near[1] - near[0]];
                    assert_eq!([new[0][i], new[1][i]], expected, "cell {i} of {n}, {}", set.name());
                }
                assert_eq!([new[0][n], new[1][n]], [T::of(-1.0); 2], "nothing is written behind a row of {n}");
            }
        }
    }

    #[test]
    fn rows_of_any_length_are_computed_to_their_end() {
        rows_of_any_length::<f32>();
        rows_of_any_length::<f64>();
        rows_of_any_length::<Complex<f32>>();
        rows_of_any_length::<Complex<f64>>();
    }
}
