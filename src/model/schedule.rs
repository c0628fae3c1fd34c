//! The schedule: a time step as a list of stages, declared once and read like the algorithm in a paper.
//!
//! From the whole list, a program derives which halos are stale and how deep they are, what can be computed while
//! messages are under way, which fields need a second array, and what must be in a checkpoint.
use crate::base::index_transform::{IndexTransform, SignedAxis};
use crate::base::{Array, Region};
use crate::model::argument::{Bound, Handles, Targets, field_reads, scalar_reads, unbind};
use crate::model::assignment::Settable;
use crate::model::condition::Condition;
use crate::model::handle::{Field, Records, Scalar, SourceId, TIME, Use};
use crate::model::records::{Record, RecordWork, typed, typed_mut};
use crate::model::reduction::Reduction;
use crate::model::stage::{Item, Stage, StageId, Work};
use halocline_kernels::kernel::Outputs;
use halocline_kernels::row::erase;
use halocline_kernels::{Element, Extent, Kernel};
use ndarray::{ArrayView1, ArrayView3, ArrayViewMut1, ArrayViewMut3, Axis};
use std::panic::Location;
use std::sync::Arc;

/// A builder of a list of stages: see [`crate::Model::every_step`].
pub struct Schedule {
    stages: Vec<Stage>,
    items: Vec<Item>,
    /// [`Stage::steps_after`] of the stages that are added.
    steps_after: f64,
    /// The line of the source that declares the stages that are added; that of the call if `None`.
    place: Option<&'static Location<'static>>,
}

/// Returns the last part of the path of a type, without its parameters.
fn short_name<K>() -> String {
    let name = std::any::type_name::<K>();
    let name = name.split('<').next().unwrap_or(name);
    name.rsplit("::").next().unwrap_or(name).to_owned()
}

impl Schedule {
    /// An empty list. Ids of its stages continue after the ids of `stages`.
    pub(crate) fn new(stages: Vec<Stage>) -> Schedule {
        Schedule { stages, items: vec![], steps_after: 0.0, place: None }
    }

    /// Returns all stages of the model, and the items of the list.
    pub(crate) fn finish(self) -> (Vec<Stage>, Vec<Item>) {
        (self.stages, self.items)
    }

    /// Adds a stage, which is declared where the caller of this function is called.
    #[track_caller]
    pub(crate) fn stage(&mut self, stage: Stage) -> &mut Self {
        let place = Some(self.place.unwrap_or(Location::caller()));
        self.items.push(Item::Stage(StageId(self.stages.len())));
        self.stages.push(Stage { steps_after: self.steps_after, place, ..stage });
        self
    }

    /// Adds a stage that applies a kernel to all cells, with these arguments and outputs.
    #[track_caller]
    pub(crate) fn kernel<T: Element, K: Kernel<T>>(
        &mut self,
        name: String,
        kernel: K,
        reads: Vec<Bound>,
        writes: &[Use],
    ) -> &mut Self {
        let (kernel, (arguments, mut uses)) = (Arc::new(kernel), unbind(reads));
        uses.extend(writes);
        self.stage(Stage {
            uses,
            reads: field_reads(&arguments),
            writes: writes.iter().map(|field| field.id).collect(),
            scalars_read: scalar_reads(&arguments),
            ..Stage::new(name, Work::Cells { kernel: Arc::new(move |set| erase::<T, K>(&kernel, set)), arguments })
        })
    }

    /// Declares the stages that follow at another line of the source than that of the call.
    pub(crate) fn declared_at(&mut self, place: &'static Location<'static>) {
        self.place = Some(place);
    }

    /// Takes boundary values that later stages read at a time in steps after the beginning of the step.
    pub(crate) fn at_time(&mut self, steps_after: f64) {
        self.steps_after = steps_after;
    }

    /// Applies a kernel to all cells. The kernel reads the values that earlier stages wrote. If it writes a field that
    /// it also reads, it reads the old values in all cells.
    #[track_caller]
    pub fn apply<T: Element, K: Kernel<T>>(
        &mut self,
        kernel: K,
        reads: impl Handles<T, K::Reads>,
        writes: impl Targets<K::Writes>,
    ) -> &mut Self {
        let writes: Vec<Use> = writes.fields().into_iter().map(|target| target.0).collect();
        debug_assert_eq!(writes.len(), K::Writes::elements().len());
        self.kernel(short_name::<K>(), kernel, reads.bind(), &writes)
    }

    /// Sets a field to an expression, or a tuple of at most six fields to a tuple of expressions. Expressions read the values that
    /// earlier stages wrote; those of one tuple read the old values of all its fields.
    ///
    /// ```
    /// use halocline::prelude::*;
    ///
    /// /// Linear waves in water of constant depth, forward-backward in time.
    /// fn waves(model: &mut Model) -> Result<()> {
    ///     let (g, depth, dt) = (9.81, 100.0, model.fixed_step(0.01));
    ///     let eta = field!(model, eta: f64).unit("m").initial(|at| at.bell(0.1)).at(Center)?;
    ///     let u = field!(model, u: f64).unit("m s-1").at(FaceX)?;
    ///     model.every_step(|s| {
    ///         s.set(eta, eta - dt * depth * ddx(u));
    ///         s.set(u, u - dt * g * ddx(eta));
    ///     });
    ///     Ok(())
    /// }
    /// ```
    ///
    /// A value that lies half a cell from the field does not fit, and the message says how to interpolate it:
    /// ```compile_fail,E0277
    /// use halocline::prelude::*;
    /// fn waves(model: &mut Model) -> Result<()> {
    ///     let eta = field!(model, eta: f64).at(Center)?;
    ///     let u = field!(model, u: f64).at(FaceX)?;
    ///     model.every_step(|s| _ = s.set(u, u - eta)); // `eta.on(FaceX)` would fit
    ///     Ok(())
    /// }
    /// ```
    #[track_caller]
    pub fn set<V, S: Settable<V>>(&mut self, fields: S, values: V) -> &mut Self {
        self.stage(fields.stage(values))
    }

    /// Reduces all cells to a scalar.
    #[track_caller]
    pub fn reduce(&mut self, into: Scalar, reduction: Reduction) -> &mut Self {
        self.stage(reduction.stage(Some(into)))
    }

    /// Computes a scalar from other scalars.
    #[track_caller]
    pub fn compute<const N: usize>(
        &mut self,
        into: Scalar,
        from: [Scalar; N],
        f: impl Fn([f64; N]) -> f64 + Send + Sync + 'static,
    ) -> &mut Self {
        let values = move |all: &[f64]| f(std::array::from_fn(|i| all[i]));
        self.stage(Stage {
            uses: from.into_iter().chain([into]).map(Use::from).collect(),
            scalars_read: from.iter().map(|s| s.id).collect(),
            scalar_written: Some(into.id),
            ..Stage::new("compute".into(), Work::Scalar(Arc::new(values)))
        })
    }

    /// Calls `f` on tiles as ndarray views, `[z, y, x]`. The view of an input contains the cells of the tile and the
    /// stencil extent around them (none along a flat z or y); the view of an output contains the cells of the tile.
    /// Tiles cover all cells once; `f` is called in any order and from several threads, so the new value of a cell must
    /// not depend on the tile. `f` must set all cells of outputs that are also inputs. Other outputs contain their old
    /// values, which `f` may keep.
    #[track_caller]
    pub fn tiles<T: Element, const N: usize, const M: usize>(
        &mut self,
        name: &str,
        reads: [(Field<T>, Extent); N],
        writes: [Field<T>; M],
        f: impl Fn([ArrayView3<'_, T>; N], [ArrayViewMut3<'_, T>; M]) + Send + Sync + 'static,
    ) -> &mut Self {
        let extents = reads.map(|r| r.1);
        let tile = move |inputs: &[&Array], outputs: &[&Array], cells: Region| {
            let view = |i: usize| {
                let extent: &Extent = &extents[i];
                inputs[i].view::<T>(&cells.grow(extent.below, extent.above).intersect(&inputs[i].padded()))
            };
            // SAFETY: the engine passes regions that do not overlap, and no output array that is also an input.
            f(std::array::from_fn(view), std::array::from_fn(|o| unsafe { outputs[o].view_shared_mut::<T>(&cells) }));
        };
        self.stage(Stage {
            uses: reads.iter().map(|r| r.0).chain(writes).map(Use::from).collect(),
            reads: reads.map(|(f, extent)| (f.id, extent)).to_vec(),
            writes: writes.map(|f| f.id).to_vec(),
            ..Stage::new(name.into(), Work::Tiles(Arc::new(tile)))
        })
    }

    /// Calls `f` once for each whole line along an axis (a column solve, a local FFT), in any order and from several
    /// threads. Output lines are initialised to zero. Along `-Z`, lines run from high z to low z. If the axis is cut,
    /// the engine transposes the fields to a decomposition that does not cut it, and back.
    #[track_caller]
    pub fn lines<T: Element, const N: usize, const M: usize>(
        &mut self,
        name: &str,
        along: SignedAxis,
        reads: [Field<T>; N],
        writes: [Field<T>; M],
        f: impl Fn([ArrayView1<'_, T>; N], [ArrayViewMut1<'_, T>; M]) + Send + Sync + 'static,
    ) -> &mut Self {
        let lines = move |inputs: &[&Array], outputs: &[&Array], cells: Region| {
            let across: Vec<usize> = (0..3).filter(|&a| a != along.axis).collect();
            for i in cells.low[across[0]]..cells.high[across[0]] {
                for j in cells.low[across[1]]..cells.high[across[1]] {
                    let line = cells.with(across[0], i, i + 1).with(across[1], j, j + 1);
                    let old = |k: usize| {
                        let mut view = inputs[k].view::<T>(&line).into_shape_line(along.axis);
                        (along.reversed).then(|| view.invert_axis(Axis(0)));
                        view
                    };
                    let new = |k: usize| {
                        // SAFETY: the engine passes regions that do not overlap, and no output array that is also an
                        // input.
                        let mut view = unsafe { outputs[k].view_shared_mut::<T>(&line) }.into_shape_line(along.axis);
                        (along.reversed).then(|| view.invert_axis(Axis(0)));
                        // Without this, the initial values would depend on whether the axis is cut.
                        view.fill(T::default());
                        view
                    };
                    f(std::array::from_fn(old), std::array::from_fn(new));
                }
            }
        };
        self.stage(Stage {
            uses: reads.into_iter().chain(writes).map(Use::from).collect(),
            reads: reads.map(|f| (f.id, Extent::POINTWISE)).to_vec(),
            writes: writes.map(|f| f.id).to_vec(),
            ..Stage::new(name.into(), Work::Lines { axis: along.axis, lines: Arc::new(lines) })
        })
    }

    /// Copies all cells of `from` into `to`, which may be in another decomposition or on a grid with permuted axes.
    /// `axes` are the signed axes of `from` that the z, y, x axes of `to` map to (`[Z, Y, X]` for the same order).
    #[track_caller]
    pub fn transpose<T: Element>(&mut self, from: Field<T>, to: Field<T>, axes: [SignedAxis; 3]) -> &mut Self {
        self.stage(Stage {
            uses: vec![from.into(), to.into()],
            reads: vec![(from.id, Extent::POINTWISE)],
            writes: vec![to.id],
            ..Stage::new("transpose".into(), Work::Transpose(IndexTransform { to: axes, offset: [0; 3] }))
        })
    }

    /// Changes one cell: `f(old, time)` returns the new value (real part) from the old value and the time in seconds. A
    /// source at a position, which may lie between cells, is [`Schedule::inject`].
    #[track_caller]
    pub fn at_point<T: Element>(
        &mut self,
        name: &str,
        field: Field<T>,
        index: [usize; 3],
        f: impl Fn(f64, f64) -> f64 + Send + Sync + 'static,
    ) -> &mut Self {
        self.stage(Stage {
            uses: vec![field.into()],
            writes: vec![field.id],
            scalars_read: vec![TIME],
            ..Stage::new(name.into(), Work::Point { cell: (0, index), update: Arc::new(f) })
        })
    }

    /// Applies the records that a source has delivered up to the simulated time to a field, in the order of their
    /// arrival: `f(old, value)` returns the new value (real part) of the cell of a record from its old value and the
    /// value of the record.
    #[track_caller]
    pub fn receive<T: Element>(
        &mut self,
        source: SourceId,
        field: Field<T>,
        f: impl Fn(f64, f64) -> f64 + Send + Sync + 'static,
    ) -> &mut Self {
        self.stage(Stage {
            uses: vec![source.into(), field.into()],
            writes: vec![field.id],
            scalars_read: vec![TIME],
            ..Stage::new("receive".into(), Work::Receive { source: source.id, update: Arc::new(f) })
        })
    }

    #[track_caller]
    fn on_records<R: Record>(
        &mut self,
        name: &str,
        records: Records<R>,
        into: Option<Scalar>,
        work: RecordWork,
    ) -> &mut Self {
        self.stage(Stage {
            uses: std::iter::once(records.into()).chain(into.map(Use::from)).collect(),
            scalar_written: into.map(|s| s.id),
            ..Stage::new(name.into(), Work::Records { records: records.id, work })
        })
    }

    /// Sends every record to the rank that owns its key (`key modulo ranks`): an all-to-all.
    #[track_caller]
    pub fn scatter<R: Record>(
        &mut self,
        records: Records<R>,
        key: impl Fn(&R) -> u64 + Send + Sync + 'static,
    ) -> &mut Self {
        let scatter = move |mine: &mut _, ranks: usize| {
            let mut to = vec![vec![]; ranks];
            for record in typed_mut::<R>(mine).drain(..) {
                record.write(&mut to[(key(&record) % ranks as u64) as usize]);
            }
            to
        };
        self.on_records("scatter", records, None, RecordWork::Scatter(Arc::new(scatter)))
    }

    /// Changes the records of each rank: `f` is called once on every rank.
    #[track_caller]
    pub fn update_records<R: Record>(
        &mut self,
        name: &str,
        records: Records<R>,
        f: impl Fn(&mut Vec<R>) + Send + Sync + 'static,
    ) -> &mut Self {
        let update = move |mine: &mut _| f(typed_mut(mine));
        self.on_records(name, records, None, RecordWork::Update(Arc::new(update)))
    }

    /// Computes the exact sum of `f(record)` over the records of all ranks.
    #[track_caller]
    pub fn sum_records<R: Record>(
        &mut self,
        into: Scalar,
        records: Records<R>,
        f: impl Fn(&R) -> f64 + Send + Sync + 'static,
    ) -> &mut Self {
        let sum = move |mine: &_, add: &mut dyn FnMut(f64)| typed(mine).iter().for_each(|record| add(f(record)));
        self.on_records("sum", records, Some(into), RecordWork::Sum(Arc::new(sum)))
    }

    /// Returns the items of the body of a loop.
    fn nested(&mut self, body: impl FnOnce(&mut Schedule)) -> Vec<Item> {
        let outer = std::mem::take(&mut self.items);
        body(self);
        std::mem::replace(&mut self.items, outer)
    }

    /// Runs the body `n` times.
    pub fn repeat(&mut self, n: usize, body: impl FnOnce(&mut Schedule)) -> &mut Self {
        let body = self.nested(body);
        self.items.push(Item::Repeat(n, body));
        self
    }

    /// Runs the body until the condition holds, at most `most` times. The condition is tested before every run of the
    /// body. That the loop has ended does not tell which of the two was the reason, and a residual that the body updates by a
    /// recurrence is not that of the solution: measure what counts after the loop.
    pub fn until(&mut self, condition: Condition, most: usize, body: impl FnOnce(&mut Schedule)) -> &mut Self {
        let body = self.nested(body);
        self.items.push(Item::Until(condition, most, body));
        self
    }

    /// Runs the body the first time only.
    pub fn once(&mut self, body: impl FnOnce(&mut Schedule)) -> &mut Self {
        let body = self.nested(body);
        self.items.push(Item::Once(body));
        self
    }
}

/// Conversion of a three-dimensional view of one line into a one-dimensional view.
trait Line {
    type Out;
    fn into_shape_line(self, axis: usize) -> Self::Out;
}
impl<'a, T> Line for ArrayView3<'a, T> {
    type Out = ArrayView1<'a, T>;
    fn into_shape_line(self, axis: usize) -> ArrayView1<'a, T> {
        let (first, second) = if axis == 0 { (2, 1) } else { (if axis == 1 { 2 } else { 1 }, 0) };
        self.index_axis_move(Axis(first), 0).index_axis_move(Axis(second), 0)
    }
}
impl<'a, T> Line for ArrayViewMut3<'a, T> {
    type Out = ArrayViewMut1<'a, T>;
    fn into_shape_line(self, axis: usize) -> ArrayViewMut1<'a, T> {
        let (first, second) = if axis == 0 { (2, 1) } else { (if axis == 1 { 2 } else { 1 }, 0) };
        self.index_axis_move(Axis(first), 0).index_axis_move(Axis(second), 0)
    }
}
