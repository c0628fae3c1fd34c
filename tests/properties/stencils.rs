//! Kernels with random weights: a sum over all offsets of a shape, in a fixed order.
use halocline::prelude::*;
use halocline_kernels::kernel::FieldArg;
use std::marker::PhantomData;

/// A shape whose offsets are listed, so that a plain loop can do the same sum.
pub trait Stencil<T: Element>: FieldArg<T, Element = T> + Send + Sync {
    /// Offsets z, y, x in the order of the sum.
    fn offsets() -> Vec<[isize; 3]>;
    /// Σ weight × value.
    fn sum(view: &Self::View<'_>, weights: &[T]) -> T;
}

macro_rules! arms {
    ($($shape:ty: z $z:tt, y $y:tt, x $x:tt;)+) => { $(
        impl<T: Element> Stencil<T> for $shape {
            fn offsets() -> Vec<[isize; 3]> {
                let mut all = vec![[0; 3]];
                all.extend($z.map(|z: isize| [z, 0, 0]));
                all.extend($y.map(|y: isize| [0, y, 0]));
                all.extend($x.map(|x: isize| [0, 0, x]));
                all
            }
            #[inline(always)]
            #[allow(unused_mut)]
            fn sum(view: &Self::View<'_>, weights: &[T]) -> T {
                let (mut sum, mut k) = (view.here() * weights[0], 1);
                arms!(@add sum k view weights z $z);
                arms!(@add sum k view weights y $y);
                arms!(@add sum k view weights x $x);
                assert_eq!(k, weights.len());
                sum
            }
        }
    )+ };
    (@add $sum:ident $k:ident $view:ident $weights:ident $along:ident [$($d:literal),*]) => {
        $($sum += $view.$along::<$d>() * $weights[$k]; $k += 1;)*
    };
}
arms! {
    Pointwise: z [], y [], x [];
    Star<1>: z [-1, 1], y [-1, 1], x [-1, 1];
    Star<2>: z [-2, -1, 1, 2], y [-2, -1, 1, 2], x [-2, -1, 1, 2];
    Star<3>: z [-3, -2, -1, 1, 2, 3], y [-3, -2, -1, 1, 2, 3], x [-3, -2, -1, 1, 2, 3];
    Star<4>: z [-4, -3, -2, -1, 1, 2, 3, 4], y [-4, -3, -2, -1, 1, 2, 3, 4], x [-4, -3, -2, -1, 1, 2, 3, 4];
    Forward<1>: z [1], y [1], x [1];
    Forward<2>: z [1, 2], y [1, 2], x [1, 2];
    Backward<1>: z [-1], y [-1], x [-1];
    Backward<3>: z [-3, -2, -1], y [-3, -2, -1], x [-3, -2, -1];
    ArmsX<2, 1>: z [], y [], x [-2, -1, 1];
    ArmsY<0, 3>: z [], y [1, 2, 3], x [];
    ArmsZ<1, 2>: z [-1, 1, 2], y [], x [];
    Arms<1, 0, 0, 2, 3, 0>: z [-1], y [1, 2], x [-3, -2, -1];
}

macro_rules! cubes {
    ($($r:literal: $d:tt;)+) => { $(
        impl<T: Element> Stencil<T> for Cube<$r> {
            fn offsets() -> Vec<[isize; 3]> {
                let each = || $d.into_iter();
                each().flat_map(|z| each().flat_map(move |y| each().map(move |x| [z, y, x]))).collect()
            }
            #[inline(always)]
            fn sum(view: &Self::View<'_>, weights: &[T]) -> T {
                let (mut sum, mut k) = (T::default(), 0);
                cubes!(@z sum k view weights $d $d $d);
                assert_eq!(k, weights.len());
                sum
            }
        }
    )+ };
    (@z $s:ident $k:ident $v:ident $w:ident [$($z:literal),*] $y:tt $x:tt) => { $(cubes!(@y $s $k $v $w $z $y $x);)* };
    (@y $s:ident $k:ident $v:ident $w:ident $z:literal [$($y:literal),*] $x:tt) => { $(cubes!(@x $s $k $v $w $z $y $x);)* };
    (@x $s:ident $k:ident $v:ident $w:ident $z:literal $y:literal [$($x:literal),*]) => {
        $($s += $v.at::<$z, $y, $x>() * $w[$k]; $k += 1;)*
    };
}
cubes! {
    1: [-1, 0, 1];
    2: [-2, -1, 0, 1, 2];
}

/// How many shapes [`with_shape`] knows.
pub const SHAPES: usize = 15;

/// Does the same generic work for the shape of a number, and for a second one that goes with it.
macro_rules! with_shape {
    ($number:expr, $S:ident, $P:ident => $work:expr) => {{
        macro_rules! shape {
            ($a:ty, $b:ty) => {{
                type $S = $a;
                type $P = $b;
                $work
            }};
        }
        match $number % crate::stencils::SHAPES {
            0 => shape!(Star<1>, Pointwise),
            1 => shape!(Star<2>, Cube<1>),
            2 => shape!(Star<3>, Forward<1>),
            3 => shape!(Star<4>, ArmsX<2, 1>),
            4 => shape!(Cube<1>, Star<2>),
            5 => shape!(Cube<2>, Backward<3>),
            6 => shape!(Forward<1>, Backward<1>),
            7 => shape!(Forward<2>, Cube<2>),
            8 => shape!(Backward<1>, Star<1>),
            9 => shape!(Backward<3>, ArmsY<0, 3>),
            10 => shape!(ArmsX<2, 1>, ArmsZ<1, 2>),
            11 => shape!(ArmsY<0, 3>, Cube<1>),
            12 => shape!(ArmsZ<1, 2>, Star<1>),
            13 => shape!(Arms<1, 0, 0, 2, 3, 0>, Forward<2>),
            _ => shape!(Pointwise, Star<3>),
        }
    }};
}
pub(crate) use with_shape;

/// Weights in [−1, 1] whose absolute sum is about one half, so that values stay small.
pub fn weights<T: Element>(seed: u64, count: usize) -> Vec<T> {
    let part = |k: u64, draw| (2.0 * halocline_kernels::random::uniform_draw(seed, k, draw) - 1.0) / count as f64;
    (0..count as u64).map(|k| T::from_parts([part(k, 0), part(k, 1)])).collect()
}

/// A sum over one field.
pub struct Plain<T, S> {
    weights: Vec<T>,
    of: PhantomData<fn() -> S>,
}
impl<T: Element, S: Stencil<T>> Plain<T, S> {
    pub fn new(seed: u64) -> Self {
        Plain { weights: weights(seed, S::offsets().len()), of: PhantomData }
    }
}
impl<T: Element, S: Stencil<T>> Kernel<T> for Plain<T, S> {
    type Reads = (S,);
    type Writes = [T; 1];
    #[inline(always)]
    fn cell(&self, (a,): Near<'_, T, Self>) -> [T; 1] {
        [S::sum(&a, &self.weights)]
    }
}

/// Two numbers from all kinds of arguments at once.
pub struct Rich<T, S, P> {
    first: Vec<T>,
    second: Vec<T>,
    of: PhantomData<fn() -> (S, P)>,
}
impl<T: Element, S: Stencil<T>, P: Stencil<T>> Rich<T, S, P> {
    pub fn new(seed: u64) -> Self {
        let (first, second) = (weights(seed, S::offsets().len()), weights(seed + 1, P::offsets().len()));
        Rich { first, second, of: PhantomData }
    }
}

/// A number in [−1, 1] from a place; sums and products of few bits, hence exact.
pub fn place([z, y, x]: [f64; 3], index: [usize; 3], key: u64) -> f64 {
    (x + 2.0 * y - 4.0 * z) / 1024.0 + (index[0] + 3 * index[1] + 5 * index[2]) as f64 / 4096.0 + key as f64 / 16384.0
}

impl<T: Element, S: Stencil<T>, P: Stencil<T>> Kernel<T> for Rich<T, S, P> {
    type Reads = (S, P, Pointwise, Uniform, Along<0>, Along<1>, Along<2>, Position);
    type Writes = [T; 2];
    #[inline(always)]
    fn cell(&self, (a, b, c, s, pz, py, px, at): Near<'_, T, Self>) -> [T; 2] {
        let (near, other) = (S::sum(&a, &self.first), P::sum(&b, &self.second));
        let factor = s * pz.here() + py.at::<2>() - px.at::<-3>();
        let place = T::Real::of(place([at.z(), at.y(), at.x()], at.index(), at.key()));
        [near * factor + c.here() * T::of(0.25), other * place + near]
    }
}

/// A number from the place alone: no field is read.
pub struct CellPosition;
impl<T: Element> Kernel<T> for CellPosition {
    type Reads = (Position,);
    type Writes = [T; 1];
    #[inline(always)]
    fn cell(&self, (at,): Near<'_, T, Self>) -> [T; 1] {
        [T::of(place([at.z(), at.y(), at.x()], at.index(), at.key()))]
    }
}
