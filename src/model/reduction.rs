//! Reductions: one number from all cells, bit-identical for any decomposition. Sums are exact (see
//! [`crate::engine::sums`]).
use crate::model::argument::{BoundArgument, Handles, field_reads, scalar_reads, unbind};
use crate::model::assignment::{self, BoundKernel};
use crate::model::handle::{Scalar, Use};
use crate::model::reduction_op::Op;
use crate::model::stage::{Compile, Stage, Work};
use halocline_kernels::expr::{
    Distance, DotProduct, Evaluate, Expressions, LayoutError, Magnitude, Operand, RealPart, Square,
};
use halocline_kernels::row::erase;
use halocline_kernels::{Element, Kernel};
use std::sync::Arc;

/// A reduction of all cells to one number, as data.
#[derive(Clone)]
pub struct Reduction {
    name: &'static str,
    op: Op,
    kernel: Compile,
    arguments: Vec<BoundArgument>,
    uses: Vec<Use>,
    refused: Option<LayoutError>,
}

impl Reduction {
    /// Returns the stage of the reduction, which writes the scalar `into` if there is one.
    pub(crate) fn stage(self, into: Option<Scalar>) -> Stage {
        let Reduction { name, op, kernel, arguments, mut uses, refused } = self;
        uses.extend(into.map(Use::from));
        Stage {
            uses,
            reads: field_reads(&arguments),
            scalars_read: scalar_reads(&arguments),
            scalar_written: into.map(|scalar| scalar.id),
            refused,
            ..Stage::new(name.into(), Work::Reduce { kernel, arguments, op })
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
        let kernel: Compile = Arc::new(move |set| erase::<T, K>(&kernel, set));
        Reduction { name, op, kernel, arguments, uses, refused: None }
    }

    /// A reduction of an expression.
    fn of_expression<T: Element, X: Expressions<T, Out = (f64,)>>(name: &'static str, op: Op, of: X) -> Reduction {
        let BoundKernel { kernel, arguments, uses, refused } = assignment::kernel::<T, X>(of);
        Reduction { name, op, kernel, arguments, uses, refused }
    }
}

macro_rules! reductions {
    ($($(#[$doc:meta])* $name:ident($($a:ident: $A:ident),+) = $text:literal, $op:ident of $Measure:ident;)+) => {$(
        $(#[$doc])*
        pub fn $name<T: Element, $($A: Operand<Node: Evaluate<T>>),+>($($a: $A),+) -> Reduction {
            Reduction::of_expression::<T, _>($text, Op::$op, $Measure($($a.node()),+))
        }
    )+};
}
reductions! {
    /// The sum over all cells (real parts).
    sum(of: A) = "sum", Sum of RealPart;
    /// The mean over all cells (real parts).
    mean(of: A) = "mean", Mean of RealPart;
    /// The largest value (of real parts), and its position.
    max(of: A) = "max", Max of RealPart;
    /// The smallest value (of real parts), and its position.
    min(of: A) = "min", Min of RealPart;
    /// The largest absolute value, and its position: the norm l∞.
    max_abs(of: A) = "max |·|", Max of Magnitude;
    /// The sum of absolute values: the norm l1.
    norm1(of: A) = "norm1", Sum of Magnitude;
    /// The root of the sum of squares: the norm l2.
    norm2(of: A) = "norm2", RootOfSum of Square;
    /// The root of the mean of squares.
    rms(of: A) = "rms", RootOfMean of Square;
    /// The dot product, Σ conj(a) b, real part.
    dot(a: A, b: B) = "dot", Sum of DotProduct;
    /// The largest difference |a − b|, and its position.
    max_difference(a: A, b: B) = "max |difference|", Max of Distance;
}
