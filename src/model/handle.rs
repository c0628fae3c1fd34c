//! Handles: what a declaration returns, and how stages name it. A handle knows the model that made it, so that a program can
//! refuse the handle of another one.
use halocline_kernels::ElementType;
use std::any::TypeId;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

/// The scalar that holds the simulated time in seconds.
pub(crate) const TIME: usize = 0;
/// The scalar that holds the time step in seconds.
pub(crate) const DT: usize = 1;

/// The identity of a model: no two models of a process share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelId(u64);

impl ModelId {
    pub(crate) fn new() -> ModelId {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        ModelId(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// A field of numbers `T` on a grid: a handle, cheap to copy.
#[derive(Debug)]
pub struct Field<T> {
    pub(crate) id: usize,
    pub(crate) model: ModelId,
    of: PhantomData<fn() -> T>,
}
impl<T> Clone for Field<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Field<T> {}
impl<T> Field<T> {
    pub(crate) fn new(model: ModelId, id: usize) -> Field<T> {
        Field { id, model, of: PhantomData }
    }
}

/// One number, the same on every rank: written by reductions and computations, read by kernels, part of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scalar {
    pub(crate) id: usize,
    pub(crate) model: ModelId,
}

/// Coefficients along one axis (0: z, 1: y, 2: x): a handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile<const AXIS: usize> {
    pub(crate) id: usize,
    pub(crate) model: ModelId,
}

/// The handle for the kernel argument [`halocline_kernels::Position`]: where the cell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Here;

/// A set of records that belongs to no grid: a handle.
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

/// A grid of a model: a handle. The first is the default of every field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GridId {
    pub(crate) id: usize,
    pub(crate) model: ModelId,
}

/// A source of records of a model: a handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceId {
    pub(crate) id: usize,
    pub(crate) model: ModelId,
}

/// One use of a handle, as data: what a program validates before any stage may touch memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Use {
    pub model: ModelId,
    pub id: usize,
    pub what: Used,
}

/// What a handle names, with what its user takes for granted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Used {
    Field(ElementType),
    Scalar,
    /// Coefficients along this axis.
    Profile(usize),
    /// Records of this type.
    Records(TypeId),
    Source,
}

impl<T: halocline_kernels::Element> From<Field<T>> for Use {
    fn from(f: Field<T>) -> Use {
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
