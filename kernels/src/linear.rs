//! Linear algebra on fields, for iterative solvers such as conjugate gradients. Vectors are fields, scalars are uniform
//! arguments, and matrices are stencils.
use crate::central::{Central, inverse_squares};
use crate::prelude::*;

/// Computes a + s b from (a, s, b).
///
/// ```
/// use halocline_kernels::{apply, linear::Axpy};
/// use ndarray::Array3;
///
/// let (a, b) = (Array3::from_elem((1, 1, 4), 1.0), Array3::from_elem((1, 1, 4), 3.0));
/// let mut sum = a.clone();
/// apply(Axpy, (a.view(), 2.0, b.view()), [sum.view_mut()]);
/// assert_eq!(sum[[0, 0, 0]], 7.0);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Axpy;

impl<T: Element> Kernel<T> for Axpy {
    type Reads = (Pointwise, Uniform, Pointwise);
    type Writes = [T; 1];
    #[inline(always)]
    fn cell(&self, (a, s, b): Near<'_, T, Self>) -> [T; 1] {
        [a.here() + b.here() * s]
    }
}

/// Computes a − s from (a, s).
///
/// ```
/// use halocline_kernels::{apply, linear::Less};
/// use ndarray::Array3;
///
/// let a = Array3::from_elem((1, 1, 4), 1.0);
/// let mut rest = a.clone();
/// apply(Less, (a.view(), 0.25), [rest.view_mut()]);
/// assert_eq!(rest[[0, 0, 3]], 0.75);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Less;

impl<R: Real> Kernel<R> for Less {
    type Reads = (Pointwise, Uniform);
    type Writes = [R; 1];
    #[inline(always)]
    fn cell(&self, (a, s): Near<'_, R, Self>) -> [R; 1] {
        [a.here() - s]
    }
}

/// Computes x + α p and r − α Ap from (x, r, α, p, Ap): the update of solution and residual in conjugate gradients.
///
/// Hestenes, Stiefel, *Methods of conjugate gradients for solving linear systems*, J. Res. NBS 49 (1952).
///
/// ```
/// use halocline_kernels::{apply, linear::Descend};
/// use ndarray::Array3;
///
/// let [x, r, p, ap] = [0.0, 3.0, 1.0, 2.0].map(|v| Array3::from_elem((1, 1, 1), v));
/// let (mut new_x, mut new_r) = (x.clone(), r.clone());
/// apply(Descend, (x.view(), r.view(), 0.5, p.view(), ap.view()), [new_x.view_mut(), new_r.view_mut()]);
/// assert_eq!((new_x[[0, 0, 0]], new_r[[0, 0, 0]]), (0.5, 2.0));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Descend;

impl<T: Element> Kernel<T> for Descend {
    type Reads = (Pointwise, Pointwise, Uniform, Pointwise, Pointwise);
    type Writes = [T; 2];
    #[inline(always)]
    fn cell(&self, (x, r, alpha, p, ap): Near<'_, T, Self>) -> [T; 2] {
        [x.here() + p.here() * alpha, r.here() - ap.here() * alpha]
    }
}

/// Computes −∇² f to second order: Σₐ (2f − f₋ − f₊) / hₐ². The operator is symmetric and positive semidefinite for
/// boundaries with zero value, reflecting boundaries and periodic axes. If no boundary has a fixed value, its null space is the
/// constants.
///
/// With zero at both boundaries of an axis of n cells, half a cell beyond the outer centers, its eigenvectors are
/// sin(kπ(i + ½)/n), k = 1 … n, with the eigenvalues (2 − 2cos(kπ/n)) / h².
///
/// ```
/// use halocline_kernels::{apply, linear::NegativeLaplacian};
/// use ndarray::Array3;
///
/// let squares = Array3::from_shape_fn((1, 1, 5), |(_, _, x)| (x * x) as f64);
/// let mut curvature = squares.clone();
/// apply(NegativeLaplacian::new([f64::INFINITY, f64::INFINITY, 1.0]), (squares.view(),), [curvature.view_mut()]);
/// assert_eq!(curvature[[0, 0, 2]], -2.0);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct NegativeLaplacian<R> {
    minus: [R; 3],
}

impl<R: Real> NegativeLaplacian<R> {
    /// Makes the kernel for a spacing (z, y, x) in m, infinite along flat axes.
    pub fn new(spacing: [f64; 3]) -> NegativeLaplacian<R> {
        NegativeLaplacian { minus: inverse_squares(spacing).map(|a| R::of(-a)) }
    }
}

impl<R: Real> Kernel<R> for NegativeLaplacian<R> {
    type Reads = (Star<1>,);
    type Writes = [R; 1];
    #[inline(always)]
    fn cell(&self, (f,): Near<'_, R, Self>) -> [R; 1] {
        [Star::laplacian(&f, self.minus)]
    }
}
