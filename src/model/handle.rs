//! Handles: a declaration returns a handle, by which stages refer to it. A handle contains the identity of its model,
//! so that compiling a program can reject handles of other models.
use halocline_kernels::ElementType;
use halocline_kernels::expr::location::Unlocated;
use halocline_kernels::expr::{self, Anonymous, FieldLeaf, Name, ProfileLeaf, ScalarLeaf};
use std::any::TypeId;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

/// The id of the scalar that holds the simulated time in seconds.
pub(crate) const TIME: usize = 0;
/// The id of the scalar that holds the time step in seconds.
pub(crate) const DT: usize = 1;

/// The identity of a model, unique within the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelId(pub(crate) u64);

impl ModelId {
    pub(crate) fn new() -> ModelId {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        ModelId(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// The handle of a field with elements `T` on a grid. Fields for expressions have the location of their values, such as
/// `Center`, as the type `L`, and a name `N` by which the compiler tells them apart; see [`field!`](crate::field!).
#[derive(Debug)]
pub struct Field<T, L = Unlocated, N = Anonymous> {
    pub(crate) id: usize,
    pub(crate) model: ModelId,
    /// The spacing of its grid along z, y, x in metres; infinite along flat axes.
    spacing: [f64; 3],
    element: PhantomData<fn() -> T>,
    location: PhantomData<fn() -> L>,
    name: PhantomData<fn() -> N>,
}
impl<T, L, N> Clone for Field<T, L, N> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T, L, N> Copy for Field<T, L, N> {}
impl<T, L, N> Field<T, L, N> {
    pub(crate) fn new(model: ModelId, id: usize, spacing: [f64; 3]) -> Self {
        Field { id, model, spacing, element: PhantomData, location: PhantomData, name: PhantomData }
    }

    /// The leaf of the field in an expression, without the name by which the compiler knows it.
    pub(crate) fn anonymous(self) -> FieldLeaf<T, L> {
        FieldLeaf::new(self.model.0, self.id, self.spacing)
    }

    /// The handle for kernels, sources and functions on tiles and lines.
    pub fn plain(self) -> Field<T> {
        Field::new(self.model, self.id, self.spacing)
    }
}
impl<T: halocline_kernels::Real, L: expr::LocationOfField, N: Name> Field<T, L, N> {
    /// The field in an expression of other real numbers, to which its values are rounded: `sum::<f64, _>(q.cast() * q.cast())`.
    pub fn cast(self) -> expr::Expression<expr::Cast<T, L, N>> {
        expr::Operand::node(self).cast()
    }
}
impl<T: halocline_kernels::Element, L: expr::LocationOfField, N: Name> expr::Operand for Field<T, L, N> {
    type Node = FieldLeaf<T, L, N>;
    fn node(self) -> FieldLeaf<T, L, N> {
        FieldLeaf::new(self.model.0, self.id, self.spacing)
    }
}
impl expr::Operand for Scalar {
    type Node = ScalarLeaf;
    fn node(self) -> ScalarLeaf {
        ScalarLeaf::new(self.model.0, self.id)
    }
}
impl<const AXIS: usize> expr::Operand for Profile<AXIS> {
    type Node = ProfileLeaf<AXIS>;
    fn node(self) -> ProfileLeaf<AXIS> {
        ProfileLeaf::new(self.model.0, self.id)
    }
}
halocline_kernels::expression_operators! {
    [T: halocline_kernels::Element, L: expr::LocationOfField, N: Name] Field<T, L, N>, FieldLeaf<T, L, N>;
    [] Scalar, ScalarLeaf;
    [const AXIS: usize] Profile<AXIS>, ProfileLeaf<AXIS>;
}

/// The handle of a scalar: one number, the same on every rank. Reductions and computations write it, kernels read it,
/// and checkpoints contain it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scalar {
    pub(crate) id: usize,
    pub(crate) model: ModelId,
}

/// The handle of a profile: coefficients along one axis (0: z, 1: y, 2: x).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile<const AXIS: usize> {
    pub(crate) id: usize,
    pub(crate) model: ModelId,
}

/// The handle for the kernel argument [`halocline_kernels::Position`], the position of the cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Here;

/// The handle of a set of records, which belongs to no grid.
#[derive(Debug)]
pub struct Records<R> {
    pub(crate) id: usize,
    pub(crate) model: ModelId,
    of: PhantomData<fn() -> R>,
}
impl<R> Clone for Records<R> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<R> Copy for Records<R> {}
impl<R> Records<R> {
    pub(crate) fn new(model: ModelId, id: usize) -> Records<R> {
        Records { id, model, of: PhantomData }
    }
}

/// The handle of a grid of a model. The first grid is the default of every field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GridId {
    pub(crate) id: usize,
    pub(crate) model: ModelId,
}

/// The handle of a source of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceId {
    pub(crate) id: usize,
    pub(crate) model: ModelId,
}

/// One use of a handle, as data. A program validates all uses before any stage accesses memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Use {
    pub model: ModelId,
    pub id: usize,
    pub what: Used,
}

/// The kind of declaration that a handle refers to, with the type that its use assumes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Used {
    /// A field with this element type.
    Field(ElementType),
    /// A scalar.
    Scalar,
    /// A profile along this axis.
    Profile(usize),
    /// Records of this type.
    Records(TypeId),
    /// A source of records.
    Source,
}

impl<T: halocline_kernels::Element, L, N> From<Field<T, L, N>> for Use {
    fn from(f: Field<T, L, N>) -> Use {
        Use { model: f.model, id: f.id, what: Used::Field(T::TYPE) }
    }
}
impl From<Scalar> for Use {
    fn from(s: Scalar) -> Use {
        Use { model: s.model, id: s.id, what: Used::Scalar }
    }
}
impl<const AXIS: usize> From<Profile<AXIS>> for Use {
    fn from(p: Profile<AXIS>) -> Use {
        Use { model: p.model, id: p.id, what: Used::Profile(AXIS) }
    }
}
impl<R: 'static> From<Records<R>> for Use {
    fn from(r: Records<R>) -> Use {
        Use { model: r.model, id: r.id, what: Used::Records(TypeId::of::<R>()) }
    }
}
impl From<SourceId> for Use {
    fn from(s: SourceId) -> Use {
        Use { model: s.model, id: s.id, what: Used::Source }
    }
}
