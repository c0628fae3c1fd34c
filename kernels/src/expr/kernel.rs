//! Expressions as a kernel: recorded once, bound to rows, and compiled into a loop for each instruction set.
use super::context::{CellContext, Context, Recorder, Scope};
use super::layout::{Layout, LayoutError};
use super::location::Fits;
use super::name::{MAX_NAMES, Names};
use super::node::{Evaluate, Node};
use super::operators::Value;
use super::read::{Leaf, Rows, Source};
use super::shared::{Shared, Structures};
use crate::cell::RowPointers;
use crate::element::Element;
use crate::instruction_set::InstructionSet;
use crate::kernel::{Args, Argument, Kernel, Outputs};
use crate::row::{RowFn, erase};
use crate::sealed::Sealed;
use std::sync::Arc;

/// Expressions that are computed together from the same old values: one to six, or the operand of a reduction.
pub trait Expressions<T: Element>: Scope + Sealed {
    /// The values of a cell.
    type Out: Outputs;
    /// Computes the values of a cell.
    fn values<C: Context>(&self, c: &C) -> Self::Out;
    /// Calls `f` with every leaf and the key of its name.
    fn leaves(&mut self, f: &mut dyn FnMut(&mut Leaf, u64));
    /// The spacing (z, y, x) of the grid, from the first field.
    fn spacing(&self) -> Option<[f64; 3]>;
}

macro_rules! tuples {
    ($n:literal: $($A:ident $i:tt),+) => {
        impl<$($A: Node),+> Scope for ($($A,)+) {
            const NAMES: Names = Names::NONE$(.and(&$A::NAMES))+;
            const LAPLACIAN: bool = false $(|| $A::LAPLACIAN)+;
            const STRUCTURES: Structures = Structures::NONE$(.and(&$A::STRUCTURES))+;
        }
        impl<T: Element, $($A: Evaluate<T>),+> Expressions<T> for ($($A,)+) {
            type Out = [T; $n];
            #[inline(always)]
            fn values<Cx: Context>(&self, c: &Cx) -> [T; $n] {
                [$(self.$i.eval(c, [0; 3])),+]
            }
            fn leaves(&mut self, f: &mut dyn FnMut(&mut Leaf, u64)) {
                $(self.$i.leaves(f);)+
            }
            fn spacing(&self) -> Option<[f64; 3]> {
                None$(.or(self.$i.spacing()))+
            }
        }
    };
}
tuples!(1: A 0);
tuples!(2: A 0, B 1);
tuples!(3: A 0, B 1, C 2);
tuples!(4: A 0, B 1, C 2, D 3);
tuples!(5: A 0, B 1, C 2, D 3, E 4);
tuples!(6: A 0, B 1, C 2, D 3, E 4, F 5);

/// The operand of a reduction: a number in double precision of each cell.
macro_rules! measures {
    ($($(#[$doc:meta])* $M:ident<$($A:ident),+>($($i:tt $v:ident),+) -> $value:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $M<$($A),+>($(pub $A),+);
        impl<$($A),+> Sealed for $M<$($A),+> {}
        impl<$($A: Node),+> Scope for $M<$($A),+> {
            const NAMES: Names = Names::NONE$(.and(&$A::NAMES))+;
            const LAPLACIAN: bool = false $(|| $A::LAPLACIAN)+;
            const STRUCTURES: Structures = Structures::NONE$(.and(&$A::STRUCTURES))+;
        }
        impl<T: Element, $($A: Evaluate<T>),+> Expressions<T> for $M<$($A),+> {
            type Out = (f64,);
            #[inline(always)]
            fn values<Cx: Context>(&self, c: &Cx) -> (f64,) {
                let ($($v,)+) = ($(self.$i.eval(c, [0; 3]).parts(),)+);
                ($value,)
            }
            fn leaves(&mut self, f: &mut dyn FnMut(&mut Leaf, u64)) {
                $(self.$i.leaves(f);)+
            }
            fn spacing(&self) -> Option<[f64; 3]> {
                None$(.or(self.$i.spacing()))+
            }
        }
    )+};
}
measures! {
    /// The real part.
    RealPart<A>(0 a) -> a[0];
    /// The absolute value.
    Magnitude<A>(0 a) -> if a[1] == 0.0 { a[0].abs() } else { (a[0] * a[0] + a[1] * a[1]).sqrt() };
    /// The square of the absolute value.
    Square<A>(0 a) -> a[0] * a[0] + a[1] * a[1];
    /// The real part of conj(a) b.
    DotProduct<A, B>(0 a, 1 b) -> a[0] * b[0] + a[1] * b[1];
    /// |a − b|.
    Distance<A, B>(0 a, 1 b) -> {
        let d = [a[0] - b[0], a[1] - b[1]];
        if d[1] == 0.0 { d[0].abs() } else { (d[0] * d[0] + d[1] * d[1]).sqrt() }
    };
}

/// Expressions that are bound to rows: what the engine needs to compute them.
pub struct BoundExpressions {
    /// What is read, in the order of the rows in the table.
    pub arguments: Vec<(Source, Argument)>,
    /// Returns the row function for an instruction set. Its table has the rows of `arguments`.
    pub compile: Arc<dyn Fn(InstructionSet) -> RowFn + Send + Sync>,
}

/// Records what expressions read, lays out their rows, and binds them.
///
/// # Errors
/// If too many rows are read, a value is read from too far away, or two fields have one name.
pub fn bind<T: Element, X: Expressions<T>>(mut expressions: X) -> Result<BoundExpressions, LayoutError> {
    let recorder = Recorder::default();
    expressions.values(&recorder);
    let (mut reads, constants) = recorder.recorded();
    // The field with the first name gets the first rows: `CellContext::field` relies on it.
    let mut first = None;
    expressions.leaves(&mut |leaf, key| {
        if X::NAMES.find(key) == 0 {
            first = Some(leaf.source);
        }
    });
    reads.sort_by_key(|read| Some(read.source) != first);
    let mut layout = Layout::new(&reads, <T::Real as Element>::TYPE)?;
    let mut bound = Ok(());
    expressions.leaves(&mut |leaf, key| {
        if bound.is_ok() {
            bound = layout.bind(leaf, X::NAMES.find(key));
        }
    });
    bound?;
    assert_eq!(layout.names[0].y, 0, "the first name has the first rows");
    let shared = Shared::of(&X::STRUCTURES, &constants, |source| layout.coefficient(source));
    fn compile<T: Element, X: Expressions<T>, const EQUAL: usize, const SHARED: bool>(
        expressions: X,
        names: [Rows; MAX_NAMES],
        shared: Shared,
    ) -> Arc<dyn Fn(InstructionSet) -> RowFn + Send + Sync> {
        let kernel = Arc::new(Equations::<X, EQUAL, SHARED> { expressions, names, shared });
        Arc::new(move |set| erase::<T, Equations<X, EQUAL, SHARED>>(&kernel, set))
    }
    // Code with shared constants is made only where two nodes can share some.
    macro_rules! compile {
        ($equal:literal) => {
            match shared {
                Some(shared) if const { X::STRUCTURES.repeated } => {
                    compile::<T, X, $equal, true>(expressions, layout.names, shared)
                }
                _ => compile::<T, X, $equal, false>(expressions, layout.names, Shared::NONE),
            }
        };
    }
    let [z, y, x] = expressions.spacing().unwrap_or([1.0; 3]);
    let compile = match () {
        () if const { X::LAPLACIAN } && z == y && y == x => compile!(3),
        () if const { X::LAPLACIAN } && z.is_infinite() && y == x => compile!(2),
        () => compile!(0),
    };
    Ok(BoundExpressions { arguments: layout.arguments, compile })
}

/// The kernel of bound expressions. `EQUAL` is [`Context::EQUAL`]; if `SHARED`, nodes of one structure have their constants in
/// `shared`.
struct Equations<X, const EQUAL: usize, const SHARED: bool> {
    expressions: X,
    names: [Rows; MAX_NAMES],
    shared: Shared,
}

/// The argument of that kernel: the table and the index of the cell. It has no rows of its own, so only `bind`, which knows
/// them, may make a kernel with it.
struct WholeTable;
impl Sealed for WholeTable {}
impl<T: Element> Args<T> for WholeTable {
    type Views<'a> = (&'a RowPointers, usize);
    const ROWS: usize = 0;
    #[inline(always)]
    unsafe fn views(table: &RowPointers, i: usize) -> (&RowPointers, usize) {
        (table, i)
    }
    fn arguments() -> Vec<Argument> {
        vec![]
    }
}

impl<T: Element, X: Expressions<T>, const EQUAL: usize, const SHARED: bool> Kernel<T> for Equations<X, EQUAL, SHARED> {
    type Reads = WholeTable;
    type Writes = X::Out;
    #[inline(always)]
    fn cell(&self, (table, i): (&RowPointers, usize)) -> X::Out {
        // SAFETY: only `bind` makes these kernels. By the contract of `RowKernel::compute`, the table holds the rows of
        // `arguments`, to which `bind` has bound the leaves, names and shared coefficients.
        let cell = unsafe { CellContext::<X, EQUAL, SHARED>::new(table, i, &self.names, &self.shared) };
        self.expressions.values(&cell)
    }
}

/// Values that a field with elements `T` at the location `L` can be set to.
#[diagnostic::on_unimplemented(
    message = "a field of `{T}` at `{L}` cannot be set to this value",
    note = "a field is set to an expression of the same numbers at the same location, or to a number"
)]
pub trait Assignable<T: Element, L>: Value {
    /// The node of the value.
    type Expression: Evaluate<T>;
    /// The node of the value.
    fn expression(self) -> Self::Expression;
}
impl<T: Element, L, V> Assignable<T, L> for V
where
    V: Value<Node: Evaluate<T, At: Fits<L>>>,
{
    type Expression = V::Node;
    fn expression(self) -> V::Node {
        self.value()
    }
}
