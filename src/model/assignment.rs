//! Assignments of expressions to fields, as stages.
use crate::model::argument::{BoundArgument, field_reads, scalar_reads};
use crate::model::handle::{Field, ModelId, Use, Used};
use crate::model::stage::{Compile, Stage, Work};
use halocline_kernels::Element;
use halocline_kernels::expr::{
    Assignable, BoundExpressions, Expressions, LayoutError, LocationOfField, Name, Source, bind,
};
use halocline_kernels::kernel::Argument;
use std::sync::Arc;

/// A field that can be set to the value `V`, or a tuple of fields and a tuple of values: see [`crate::model::Schedule::set`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be set to `{V}`",
    label = "a field is set to an expression or a number, a tuple of at most six fields to as many values"
)]
pub trait Settable<V>: sealed::Sealed {
    /// Returns the stage.
    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn stage(self, values: V) -> Stage;
}

impl<T: Element, L: LocationOfField, N: Name, V: Assignable<T, L>> Settable<V> for Field<T, L, N> {
    #[allow(private_interfaces)]
    fn stage(self, value: V) -> Stage {
        stage::<T, _>(vec![self.into()], (value.expression(),))
    }
}

macro_rules! tuples {
    ($($L:ident $N:ident $V:ident $i:tt),+) => {
        impl<T: Element, $($L: LocationOfField, $N: Name, $V: Assignable<T, $L>),+> Settable<($($V,)+)>
            for ($(Field<T, $L, $N>,)+)
        {
            #[allow(private_interfaces)]
            fn stage(self, values: ($($V,)+)) -> Stage {
                stage::<T, _>(vec![$(self.$i.into()),+], ($(values.$i.expression(),)+))
            }
        }
        impl<T, $($L, $N),+> sealed::Sealed for ($(Field<T, $L, $N>,)+) {}
    };
}
tuples!(L0 N0 V0 0);
tuples!(L0 N0 V0 0, L1 N1 V1 1);
tuples!(L0 N0 V0 0, L1 N1 V1 1, L2 N2 V2 2);
tuples!(L0 N0 V0 0, L1 N1 V1 1, L2 N2 V2 2, L3 N3 V3 3);
tuples!(L0 N0 V0 0, L1 N1 V1 1, L2 N2 V2 2, L3 N3 V3 3, L4 N4 V4 4);
tuples!(L0 N0 V0 0, L1 N1 V1 1, L2 N2 V2 2, L3 N3 V3 3, L4 N4 V4 4, L5 N5 V5 5);

pub(crate) mod sealed {
    //! Fields and tuples of fields: the types for which expressions are assigned and integrated.
    pub trait Sealed {}
    impl<T, L, N> Sealed for crate::model::handle::Field<T, L, N> {}
}

/// The name of stages that set fields, until the names of the fields are known.
pub(crate) const SET: &str = "set";

/// The stage that sets fields to the values of expressions.
pub(crate) fn stage<T: Element, X: Expressions<T>>(fields: Vec<Use>, expressions: X) -> Stage {
    let BoundKernel { kernel, arguments, mut uses, refused } = kernel::<T, X>(expressions);
    uses.extend(&fields);
    Stage {
        uses,
        reads: field_reads(&arguments),
        writes: fields.iter().map(|field| field.id).collect(),
        scalars_read: scalar_reads(&arguments),
        refused,
        ..Stage::new(SET.into(), Work::Cells { kernel, arguments })
    }
}

/// Expressions as the kernel of a stage.
pub(crate) struct BoundKernel {
    pub kernel: Compile,
    pub arguments: Vec<BoundArgument>,
    pub uses: Vec<Use>,
    /// The limit that the expressions exceed.
    pub refused: Option<LayoutError>,
}

/// Binds expressions to the fields, scalars and profiles that they read.
pub(crate) fn kernel<T: Element, X: Expressions<T>>(expressions: X) -> BoundKernel {
    let BoundExpressions { arguments, compile } = match bind::<T, X>(expressions) {
        Ok(bound) => bound,
        Err(error) => return refused(error),
    };
    let (arguments, uses) = arguments.into_iter().map(|(source, argument)| bound_argument(source, argument)).unzip();
    BoundKernel { kernel: compile, arguments, uses, refused: None }
}

/// A kernel that is never called, because checks refuse its stage.
fn refused(error: LayoutError) -> BoundKernel {
    let kernel: Compile = Arc::new(|_| unreachable!("checks refuse stages whose expressions exceed a limit"));
    BoundKernel { kernel, arguments: vec![], uses: vec![], refused: Some(error) }
}

fn bound_argument(source: Source, argument: Argument) -> (BoundArgument, Use) {
    let used = |owner, id, what| Use { model: ModelId(owner), id, what };
    match (source, argument) {
        (Source::Field { owner, id }, Argument::Field { element, extent, rows }) => {
            (BoundArgument::Field { id, element, extent, rows }, used(owner, id, Used::Field(element)))
        }
        (Source::Scalar { owner, id }, Argument::Uniform { element }) => {
            (BoundArgument::Scalar { id, element }, used(owner, id, Used::Scalar))
        }
        (Source::Profile { owner, id, axis }, Argument::Along { element, .. }) => {
            (BoundArgument::Profile { id, axis, element }, used(owner, id, Used::Profile(axis)))
        }
        (source, argument) => unreachable!("{source:?} is bound as {argument:?}"),
    }
}
