//! Applies a kernel to ndarray arrays, without grid, ranks or engine.
use crate::cell::{MAX_ROWS, RowPointers};
use crate::element::Element;
use crate::extent::Extent;
use crate::instruction_set::InstructionSet;
use crate::kernel::{Arg, Args, Argument, FieldArg, Kernel, MAX_OUT, Uniform};
use crate::row::{Rows, erase};
use crate::sealed::Sealed;
use ndarray::{ArrayView3, ArrayViewMut3};
use std::sync::Arc;

/// An input for the argument `A` of a kernel with elements `T`: a 3-D view for a field, a number for [`Uniform`].
pub trait Input<T: Element, A: Arg<T>>: Sealed {
    /// The shape of an array; `None` for a number.
    fn shape(&self) -> Option<[usize; 3]>;
    /// The address of the cell (z, y, x).
    fn cell(&self, at: [usize; 3]) -> *const u8;
}
impl<T: Element, A: FieldArg<T>> Input<T, A> for ArrayView3<'_, A::Element> {
    fn shape(&self) -> Option<[usize; 3]> {
        Some(self.dim().into())
    }
    fn cell(&self, [z, y, x]: [usize; 3]) -> *const u8 {
        (&raw const self[[z, y, x]]).cast()
    }
}
macro_rules! number {
    ($real:ident) => {
        impl<T: Element<Real = $real>> Input<T, Uniform> for $real {
            fn shape(&self) -> Option<[usize; 3]> {
                None
            }
            fn cell(&self, _: [usize; 3]) -> *const u8 {
                (self as *const $real).cast()
            }
        }
    };
}
number!(f32);
number!(f64);

/// A tuple of inputs for a tuple of arguments.
pub trait Inputs<T: Element, A: Args<T>>: Sealed {
    /// The shapes of the inputs; `None` for numbers.
    fn shapes(&self) -> Vec<Option<[usize; 3]>>;
    /// Pointer to the cell of input `i`.
    fn cell(&self, i: usize, at: [usize; 3]) -> *const u8;
}
macro_rules! inputs {
    ($($A:ident $I:ident $n:tt),+) => {
        impl<T: Element, $($A: Arg<T>, $I: Input<T, $A>),+> Inputs<T, ($($A,)+)> for ($($I,)+) {
            fn shapes(&self) -> Vec<Option<[usize; 3]>> {
                vec![$(self.$n.shape()),+]
            }
            fn cell(&self, i: usize, at: [usize; 3]) -> *const u8 {
                match i {
                    $($n => self.$n.cell(at),)+
                    _ => unreachable!("a kernel has as many inputs as arguments"),
                }
            }
        }
    };
}
inputs!(A I 0);
inputs!(A I 0, B J 1);
inputs!(A I 0, B J 1, C K 2);
inputs!(A I 0, B J 1, C K 2, D L 3);
inputs!(A I 0, B J 1, C K 2, D L 3, E M 4);
inputs!(A I 0, B J 1, C K 2, D L 3, E M 4, F N 5);

/// Applies a kernel to all cells whose neighbourhood lies in the arrays, and leaves the others as they are.
/// All arrays have the shape `[z, y, x]`, x contiguous. An axis of one cell is flat: along it a cell's neighbours are
/// itself (z and y only).
///
/// ```
/// use halocline_kernels::{apply, diffusion::Ftcs};
/// use ndarray::Array3;
///
/// let mut t = Array3::zeros((8, 8, 8));
/// t[[4, 4, 4]] = 1.0;
/// let mut new = t.clone();
/// apply(Ftcs::new(1.0, 0.1, [1.0; 3]), (t.view(),), [new.view_mut()]);
/// assert_eq!(new[[4, 4, 5]], 0.1);
/// assert!((new.sum() - 1.0_f64).abs() < 1e-15);
/// ```
///
/// # Panics
/// If shapes differ, x is not contiguous, or the kernel reads positions or profiles, which need a grid.
pub fn apply<T, K, I, const N: usize>(kernel: K, inputs: I, mut outputs: [ArrayViewMut3<'_, T>; N])
where
    T: Element,
    K: Kernel<T, Writes = [T; N]>,
    [T; N]: crate::kernel::Outputs,
    I: Inputs<T, K::Reads>,
{
    let arguments = K::Reads::arguments();
    let n: [usize; 3] = outputs[0].dim().into();
    let contiguous = |strides: &[isize]| n[2] <= 1 || strides[2] == 1;
    for out in &outputs {
        assert!(<[usize; 3]>::from(out.dim()) == n, "outputs of shapes {n:?} and {:?}", out.dim());
        assert!(contiguous(out.strides()), "the last axis of an output is not contiguous");
    }
    for (i, shape) in inputs.shapes().into_iter().enumerate() {
        let Some(shape) = shape else { continue };
        assert!(shape == n, "input {i} has the shape {shape:?}, the outputs {n:?}");
        let apart = |a, b| inputs.cell(i, b) as isize - inputs.cell(i, a) as isize;
        let Argument::Field { element, .. } = &arguments[i] else { unreachable!("only fields have shapes") };
        assert!(n[2] == 1 || apart([0; 3], [0, 0, 1]) == element.size() as isize, "input {i}: x is not contiguous");
    }
    let extent = arguments.iter().fold(Extent::POINTWISE, |all, a| match a {
        Argument::Field { extent, .. } => all.union(extent),
        Argument::Uniform { .. } => all,
        _ => panic!("positions and profiles need a grid"),
    });
    let flat = [n[0] == 1, n[1] == 1];
    let range = |a: usize| if a < 2 && flat[a] { 0..1 } else { extent.below[a]..n[a].saturating_sub(extent.above[a]) };
    let (first, cells) = (range(2).start, range(2).len());
    if cells == 0 {
        return;
    }
    let row = erase::<T, K>(&Arc::new(kernel), InstructionSet::best());
    for z in range(0) {
        for y in range(1) {
            let (mut table, mut slot): (RowPointers, usize) = ([std::ptr::null(); MAX_ROWS], 0);
            for (i, argument) in arguments.iter().enumerate() {
                let own = [[0, 0]];
                let rows = if let Argument::Field { rows, .. } = argument { rows.as_slice() } else { &own };
                for [dz, dy] in rows {
                    let at = |i: usize, d: isize, flat: bool| if flat { i } else { i.wrapping_add_signed(d) };
                    table[slot] = inputs.cell(i, [at(z, *dz, flat[0]), at(y, *dy, flat[1]), first]);
                    slot += 1;
                }
            }
            let mut out: Rows = [std::ptr::null_mut(); MAX_OUT];
            for (o, array) in outputs.iter_mut().enumerate() {
                out[o] = (&raw mut array[[z, y, first]]).cast();
            }
            // SAFETY: shapes and contiguity were checked, the range keeps all reads inside the inputs, and outputs are
            // exclusive borrows, so that they overlap nothing.
            unsafe { row.compute(&table, &out, 0..cells) };
        }
    }
}
