//! Reductions: one number from all cells, bit-identical for any decomposition. Sums are exact (see
//! [`crate::engine::sums`]).
use crate::model::argument::{BoundArgument, Handles, field_reads, scalar_reads, unbind};
use crate::model::handle::{Field, Scalar, Use};
use crate::model::reduction_op::Op;
use crate::model::stage::{Compile, Stage, Work};
use halocline_kernels::row::erase;
use halocline_kernels::{Element, Kernel, Near, Pointwise};
use std::sync::Arc;

/// A reduction of all cells to one number, as data.
#[derive(Clone)]
pub struct Reduction {
    name: &'static str,
    op: Op,
    kernel: Compile,
    arguments: Vec<BoundArgument>,
    uses: Vec<Use>,
}

impl Reduction {
    /// Returns the stage of the reduction, which writes the scalar `into` if there is one.
    pub(crate) fn stage(self, into: Option<Scalar>) -> Stage {
        let Reduction { name, op, kernel, arguments, mut uses } = self;
        uses.extend(into.map(Use::from));
        Stage {
            name: name.into(),
            uses,
            reads: field_reads(&arguments),
            writes: vec![],
            scalars_read: scalar_reads(&arguments),
            scalar_written: into.map(|scalar| scalar.id),
            work: Work::Reduce { kernel, arguments, op },
        }
    }

    /// A reduction with any kernel: the kernel computes an `f64` for every cell, and `op` combines them.
    ///
    /// ```
    /// use halocline::prelude::*;
    /// use halocline::model::{Op, Reduction};
    ///
    /// /// The kinetic energy of a cell.
    /// struct Kinetic;
    /// impl Kernel<f64> for Kinetic {
    ///     type Reads = (Pointwise, Pointwise);
    ///     type Writes = (f64,);
    ///     #[inline(always)]
    ///     fn cell(&self, (u, v): Near<'_, f64, Self>) -> (f64,) {
    ///         (0.5 * (u.here() * u.here() + v.here() * v.here()),)
    ///     }
    /// }
    /// fn energy(u: Field<f64>, v: Field<f64>) -> Reduction {
    ///     Reduction::of::<f64, _>("kinetic energy", Op::Sum, Kinetic, [u, v])
    /// }
    /// ```
    pub fn of<T: Element, K: Kernel<T, Writes = (f64,)>>(
        name: &'static str,
        op: Op,
        kernel: K,
        of: impl Handles<T, K::Reads>,
    ) -> Reduction {
        let (kernel, (arguments, uses)) = (Arc::new(kernel), unbind(of.bind()));
        Reduction { name, op, kernel: Arc::new(move |set| erase::<T, K>(&kernel, set)), arguments, uses }
    }
}

macro_rules! maps {
    ($($(#[$doc:meta])* $Kernel:ident $arguments:tt -> $value:expr;)+) => {
        $($(#[$doc])* struct $Kernel;
        impl<T: Element> Kernel<T> for $Kernel {
            type Reads = maps!(@reads $arguments);
            type Writes = (f64,);
            #[inline(always)]
            fn cell(&self, near: Near<'_, T, Self>) -> (f64,) {
                maps!(@bind near $arguments);
                ($value,)
            }
        })+
    };
    (@reads ($a:ident)) => { (Pointwise,) };
    (@reads ($a:ident, $b:ident)) => { (Pointwise, Pointwise) };
    (@bind $near:ident ($a:ident)) => { let $a = $near.0.here().parts(); };
    (@bind $near:ident ($a:ident, $b:ident)) => { let ($a, $b) = ($near.0.here().parts(), $near.1.here().parts()); };
}
maps! {
    /// The real part.
    Value(a) -> a[0];
    /// |a|.
    Magnitude(a) -> if a[1] == 0.0 { a[0].abs() } else { (a[0] * a[0] + a[1] * a[1]).sqrt() };
    /// |a|².
    Square(a) -> a[0] * a[0] + a[1] * a[1];
    /// The real part of conj(a) b.
    Product(a, b) -> a[0] * b[0] + a[1] * b[1];
    /// |a − b|.
    Distance(a, b) -> {
        let d = [a[0] - b[0], a[1] - b[1]];
        if d[1] == 0.0 { d[0].abs() } else { (d[0] * d[0] + d[1] * d[1]).sqrt() }
    };
}

/// The sum over all cells (real parts).
pub fn sum<T: Element>(f: Field<T>) -> Reduction {
    Reduction::of("sum", Op::Sum, Value, [f])
}

/// The mean over all cells (real parts).
pub fn mean<T: Element>(f: Field<T>) -> Reduction {
    Reduction::of("mean", Op::Mean, Value, [f])
}

/// The largest value (of real parts), and its position.
pub fn max<T: Element>(f: Field<T>) -> Reduction {
    Reduction::of("max", Op::Max, Value, [f])
}

/// The smallest value (of real parts), and its position.
pub fn min<T: Element>(f: Field<T>) -> Reduction {
    Reduction::of("min", Op::Min, Value, [f])
}

/// The largest absolute value, and its position: the norm l∞.
pub fn max_abs<T: Element>(f: Field<T>) -> Reduction {
    Reduction::of("max |·|", Op::Max, Magnitude, [f])
}

/// The sum of absolute values: the norm l1.
pub fn norm1<T: Element>(f: Field<T>) -> Reduction {
    Reduction::of("norm1", Op::Sum, Magnitude, [f])
}

/// The root of the sum of squares: the norm l2.
pub fn norm2<T: Element>(f: Field<T>) -> Reduction {
    Reduction::of("norm2", Op::RootOfSum, Square, [f])
}

/// The root of the mean of squares.
pub fn rms<T: Element>(f: Field<T>) -> Reduction {
    Reduction::of("rms", Op::RootOfMean, Square, [f])
}

/// The dot product, Σ conj(a) b, real part.
pub fn dot<T: Element>(a: Field<T>, b: Field<T>) -> Reduction {
    Reduction::of("dot", Op::Sum, Product, [a, b])
}

/// The largest difference |a − b|, and its position.
pub fn max_difference<T: Element>(a: Field<T>, b: Field<T>) -> Reduction {
    Reduction::of("max |difference|", Op::Max, Distance, [a, b])
}
