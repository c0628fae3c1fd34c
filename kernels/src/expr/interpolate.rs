//! Values at other locations and in other cells.
use super::context::Context;
use super::linear::linear;
use super::location::{Beside, Location};
use super::name::Names;
use super::node::{Evaluate, Node};
use super::read::{Leaf, Offset, along};
use super::shared::{Structures, structure};
use crate::element::Element;
use crate::sealed::Sealed;
use std::marker::PhantomData;

/// The sum of the nearest values around the location `L`, times a factor: the mean is linear interpolation, second order.
#[derive(Clone, Copy, Debug)]
pub struct Interpolated<E, L> {
    pub(super) of: E,
    pub(super) by: f64,
    to: PhantomData<L>,
}

/// By axis, the offset of the second of two neighbours; 0 along axes along which the locations agree.
const fn steps<From: Location, To: Location>() -> [isize; 3] {
    let (mut d, mut a) = ([0; 3], 0);
    while a < 3 {
        if From::LOW[a] != To::LOW[a] {
            d[a] = if To::LOW[a] { -1 } else { 1 };
        }
        a += 1;
    }
    d
}

impl<E: Node<At: Location>, L: Location> Interpolated<E, L> {
    pub(super) fn new(of: E) -> Self {
        let axes = const {
            let d = steps::<E::At, L>();
            (d[0] != 0) as usize + (d[1] != 0) as usize + (d[2] != 0) as usize
        };
        Interpolated { of, by: [1.0, 0.5, 0.25, 0.125][axes], to: PhantomData }
    }
}

linear!([L: Location] [E::At: Location] Interpolated<E, L>, number: low(L::LOW), at: L, |s, c, at| nearest::<T, E, L, C>(&s.of, c, at));

/// A location as a number.
const fn low([z, y, x]: [bool; 3]) -> u64 {
    z as u64 * 4 + y as u64 * 2 + x as u64
}

/// The sum of the nearest values, axis by axis.
#[inline(always)]
fn nearest<T: Element, E: Evaluate<T, At: Location>, L: Location, C: Context>(of: &E, c: &C, at: Offset) -> T {
    macro_rules! pair {
        ($axis:literal, $at:expr, |$here:ident| $value:expr) => {{
            let first = {
                let $here = $at;
                $value
            };
            const { assert!($axis < 3) };
            if const { steps::<E::At, L>()[$axis] != 0 } {
                let $here = along($at, $axis, const { steps::<E::At, L>()[$axis] });
                first + $value
            } else {
                first
            }
        }};
    }
    pair!(0, at, |z| pair!(1, z, |y| pair!(2, y, |x| of.eval(c, x))))
}

/// The values of another cell, `Z`, `Y`, `X` cells away, as values at the location `L`.
#[derive(Clone, Copy, Debug)]
pub struct Shifted<E, L, const Z: isize, const Y: isize, const X: isize> {
    of: E,
    to: PhantomData<L>,
}
impl<E, L, const Z: isize, const Y: isize, const X: isize> Shifted<E, L, Z, Y, X> {
    pub(super) fn new(of: E) -> Self {
        Shifted { of, to: PhantomData }
    }
}

/// The nearest value on one side of the location half a cell away along an axis: for a face, the cell below or above it.
#[derive(Clone, Copy, Debug)]
pub struct OneSide<E, const AXIS: usize, const ABOVE: bool>(pub(super) E);

/// Implements `Node` and `Evaluate` for a node that reads its operand `$of` at another offset.
macro_rules! moved {
    ([$($g:tt)*] [$($where:tt)*] $Type:ty, of: $of:tt, number: $number:expr, at: $At:ty, |$at:ident| $moved:expr) => {
        impl<E, $($g)*> Sealed for $Type {}
        impl<E: Node, $($g)*> Node for $Type where $($where)* {
            type At = $At;
            type Scaled = super::arithmetic::Scaled<Self>;
            const NAMES: Names = E::NAMES;
            const STRUCTURE: u64 = structure(stringify!($Type), $number, &[E::STRUCTURE]);
            const STRUCTURES: Structures = E::STRUCTURES;
            const LAPLACIAN: bool = E::LAPLACIAN;
            fn scaled(self, by: f64) -> Self::Scaled { super::arithmetic::Scaled { of: self, by } }
            fn leaves(&mut self, f: &mut dyn FnMut(&mut Leaf, u64)) { self.$of.leaves(f) }
            fn spacing(&self) -> Option<[f64; 3]> { self.$of.spacing() }
        }
        impl<T: Element, E: Evaluate<T>, $($g)*> Evaluate<T> for $Type where $($where)* {
            #[inline(always)]
            fn eval<C: Context>(&self, c: &C, $at: Offset) -> T { self.$of.eval(c, $moved) }
        }
    };
}
moved!([L: Copy + Send + Sync + 'static, const Z: isize, const Y: isize, const X: isize] [] Shifted<E, L, Z, Y, X>,
    of: of, number: ((Z as u64 & 0xffff) << 32) | ((Y as u64 & 0xffff) << 16) | (X as u64 & 0xffff), at: L, |at| [at[0] + Z, at[1] + Y, at[2] + X]);
moved!([const A: usize, const ABOVE: bool] [E::At: Beside<A>] OneSide<E, A, ABOVE>,
    of: 0, number: A as u64 * 2 + ABOVE as u64, at: <E::At as Beside<A>>::Other,
    |at| along(at, A, const { super::difference::sides::<E::At>(A)[ABOVE as usize] }));
