//! The common part of nodes that are a linear combination of values of one operand, times a factor.

/// Implements `Node` and `Evaluate` for a type with the members `of` (the operand) and `by` (the factor): a combination `$sum`
/// of values of the operand, times the factor.
macro_rules! linear {
    ([$($g:tt)*] [$($where:tt)*] $Type:ty, number: $number:expr, at: $At:ty, |$s:ident, $c:ident, $at:ident| $sum:expr) => {
        impl<E, $($g)*> Sealed for $Type {}
        impl<E: Node, $($g)*> Node for $Type where $($where)* {
            type At = $At;
            type Scaled = Self;
            const NAMES: Names = E::NAMES;
            const STRUCTURE: u64 = structure(stringify!($Type), $number, &[E::STRUCTURE]);
            const STRUCTURES: Structures = E::STRUCTURES.with(Self::STRUCTURE);
            const LAPLACIAN: bool = E::LAPLACIAN;
            const PRODUCT: bool = true;
            fn scaled(self, by: f64) -> Self { Self { by: self.by * by, ..self } }
            fn leaves(&mut self, f: &mut dyn FnMut(&mut Leaf, u64)) { self.of.leaves(f) }
            fn spacing(&self) -> Option<[f64; 3]> { self.of.spacing() }
        }
        impl<T: Element, E: Evaluate<T>, $($g)*> Evaluate<T> for $Type where $($where)* {
            #[inline(always)]
            fn eval<C: Context>(&self, $c: &C, $at: Offset) -> T {
                let $s = self;
                let sum: T = $sum;
                sum * T::Real::of($c.constant::<Self>(self.by))
            }
            #[inline(always)]
            fn plus<C: Context>(&self, $c: &C, $at: Offset, term: T) -> T {
                let $s = self;
                let sum: T = $sum;
                sum.fused_real(T::Real::of($c.constant::<Self>(self.by)), term)
            }
            #[inline(always)]
            fn minus<C: Context>(&self, $c: &C, $at: Offset, from: T) -> T {
                let $s = self;
                let sum: T = $sum;
                sum.fused_real(T::Real::of(-$c.constant::<Self>(self.by)), from)
            }
        }
    };
}
pub(super) use linear;
