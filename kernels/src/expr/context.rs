//! The two ways to evaluate an expression: to record what it reads, and to compute a cell.
//!
//! An expression is recorded once, when its stage is declared, and computed from then on. Both run the same code, so the
//! stencil cannot differ from what is read. Unsafe code relies on this: the nodes of expressions are sealed, and none of them
//! lets the offsets that it reads depend on values.
use super::name::{MAX_NAMES, Name, Names};
use super::node::Node;
use super::read::{Leaf, Offset, Rows, Source};
use super::shared::{Constants, MAX_SHARED, Shared, Structures};
use crate::cell::RowPointers;
use crate::element::Element;
use std::cell::RefCell;
use std::marker::PhantomData;

/// A way to evaluate an expression.
pub trait Context {
    /// The number of axes, counted from x, along which cells have the same length: 3, or 2 on a flat grid; 0 otherwise.
    /// Laplacians then need a third less arithmetic.
    const EQUAL: usize;
    /// The value of a field at an offset.
    fn field<U: Element, N: Name>(&self, leaf: &Leaf, at: Offset) -> U;
    /// The value of a profile at an offset.
    fn profile<U: Element, N: Node, const AXIS: usize>(&self, leaf: &Leaf, at: Offset) -> U;
    /// The value of a scalar.
    fn scalar<U: Element, N: Node>(&self, leaf: &Leaf) -> U;
    /// The constants of a node, which has them as its `own`.
    fn constants<N: Node>(&self, own: [f64; 3]) -> [f64; 3];
    /// The constant of a node that has one.
    #[inline(always)]
    fn constant<N: Node>(&self, own: f64) -> f64 {
        self.constants::<N>([own, 0.0, 0.0])[0]
    }
}

/// Expressions that are computed together, as a type with the names of their fields.
pub trait Scope: Copy + Send + Sync + 'static {
    /// The names.
    const NAMES: Names;
    /// True if there is a Laplacian in the expressions.
    const LAPLACIAN: bool;
    /// The structures of the nodes with constants.
    const STRUCTURES: Structures;
}

/// One cell of a row. `S` are the expressions, whose named fields have their rows at `names`. If `SHARED`, the constants of their
/// nodes are `shared`.
pub(super) struct CellContext<'a, S, const EQUAL: usize, const SHARED: bool> {
    table: &'a RowPointers,
    i: usize,
    names: &'a [Rows; MAX_NAMES],
    shared: &'a Shared,
    of: PhantomData<S>,
}

impl<'a, S: Scope, const EQUAL: usize, const SHARED: bool> CellContext<'a, S, EQUAL, SHARED> {
    /// The cell `i` of the rows in the table.
    ///
    /// # Safety
    /// The table must have the rows that were recorded for `S`, at the positions of its leaves, of `names` and of `shared`, readable
    /// at all recorded offsets from this cell.
    #[inline(always)]
    pub unsafe fn new(table: &'a RowPointers, i: usize, names: &'a [Rows; MAX_NAMES], shared: &'a Shared) -> Self {
        CellContext { table, i, names, shared, of: PhantomData }
    }

    /// The position of the row of a scalar or a profile.
    #[inline(always)]
    fn coefficient<N: Node>(&self, leaf: &Leaf) -> usize {
        let position = const { if SHARED { S::STRUCTURES.find(N::STRUCTURE) } else { MAX_SHARED } };
        if position < MAX_SHARED { self.shared.rows[position] } else { leaf.rows.y }
    }

    /// The value `x` cells after the first cell of a row.
    ///
    /// # Safety
    /// The row must be in the table, hold numbers `U` and have this cell.
    #[inline(always)]
    unsafe fn load<U: Element>(&self, row: usize, x: isize) -> U {
        // SAFETY: the contract of this function; all positions that leaves have are below the number of rows.
        unsafe { *(*self.table.get_unchecked(row) as *const U).offset(x) }
    }
}

impl<S: Scope, const EQUAL: usize, const SHARED: bool> Context for CellContext<'_, S, EQUAL, SHARED> {
    const EQUAL: usize = EQUAL;

    #[inline(always)]
    fn field<U: Element, N: Name>(&self, leaf: &Leaf, at: Offset) -> U {
        let name = const { S::NAMES.find(N::KEY) };
        let mut rows = if name < MAX_NAMES { self.names[name] } else { leaf.rows };
        if name == 0 {
            rows.y = 0; // The first name has the first rows, see `bind`: a constant is one load less before the loop.
        }
        // SAFETY: the contract of `new`: this read was recorded, and `bind` has asserted where the first name's rows are.
        unsafe { self.load(rows.at(at), self.i as isize + at[2]) }
    }

    #[inline(always)]
    fn profile<U: Element, N: Node, const AXIS: usize>(&self, leaf: &Leaf, at: Offset) -> U {
        let i = if AXIS == 2 { self.i as isize } else { 0 };
        // SAFETY: as above; the pointer is to the coefficient of the cell, and the offset is within the profile's margin.
        unsafe { self.load(self.coefficient::<N>(leaf), i + at[AXIS]) }
    }

    #[inline(always)]
    fn scalar<U: Element, N: Node>(&self, leaf: &Leaf) -> U {
        // SAFETY: as above.
        unsafe { self.load(self.coefficient::<N>(leaf), 0) }
    }

    #[inline(always)]
    fn constants<N: Node>(&self, own: [f64; 3]) -> [f64; 3] {
        let position = const { if SHARED { S::STRUCTURES.find(N::STRUCTURE) } else { MAX_SHARED } };
        if position < MAX_SHARED { self.shared.numbers[position] } else { own }
    }
}

/// One read of an expression, with its element type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Read {
    pub source: Source,
    pub at: Offset,
    pub element: crate::element::ElementType,
}

/// Records what an expression reads, and the constants of its nodes by their structures. All values are 1.
#[derive(Default)]
pub(super) struct Recorder {
    reads: RefCell<Vec<Read>>,
    constants: RefCell<Vec<(u64, Constants)>>,
}

impl Recorder {
    /// The reads and the constants, in their order.
    pub fn recorded(self) -> (Vec<Read>, Vec<(u64, Constants)>) {
        (self.reads.into_inner(), self.constants.into_inner())
    }

    // Out of line: it would be inlined at every leaf, and takes longer to compile than the loop over cells.
    #[inline(never)]
    fn record(&self, read: Read) {
        self.reads.borrow_mut().push(read);
    }

    #[inline(never)]
    fn record_constants(&self, structure: u64, constants: Constants) {
        self.constants.borrow_mut().push((structure, constants));
    }

    fn one<U: Element>(&self, source: Source, at: Offset) -> U {
        self.record(Read { source, at, element: U::TYPE });
        U::of(1.0)
    }
}

impl Context for Recorder {
    const EQUAL: usize = 0;
    fn field<U: Element, N: Name>(&self, leaf: &Leaf, at: Offset) -> U {
        self.one(leaf.source, at)
    }
    fn profile<U: Element, N: Node, const AXIS: usize>(&self, leaf: &Leaf, at: Offset) -> U {
        self.record_constants(N::STRUCTURE, Constants::Coefficient(leaf.source));
        self.one(leaf.source, at)
    }
    fn scalar<U: Element, N: Node>(&self, leaf: &Leaf) -> U {
        self.record_constants(N::STRUCTURE, Constants::Coefficient(leaf.source));
        self.one(leaf.source, [0; 3])
    }
    fn constants<N: Node>(&self, own: [f64; 3]) -> [f64; 3] {
        self.record_constants(N::STRUCTURE, Constants::Numbers(own));
        own
    }
}
