//! All checks of a model: whether handles, fields, stages and grids fit together. They run before fields are allocated.
use crate::base::index_transform::IndexTransform;
use crate::base::{Error, Result};
use crate::model::builder::Model;
use crate::model::condition::Condition;
use crate::model::declarations::{Clock, Declarations};
use crate::model::field::FieldDeclaration;
use crate::model::field_builder::check_names;
use crate::model::grid::{AXES, Adjacent};
use crate::model::handle::{DT, Use, Used};
use crate::model::location::Location;
use crate::model::measure::Measure;
use crate::model::stage::{Item, Stage, Work};
use crate::program::layout::{Layout, layout_of};
use halocline_kernels::Extent;
use halocline_kernels::expr::Source;

/// Returns the minimum number of cells along each axis of a part of a layout. Cells beyond a physical boundary are
/// mirror images of cells in the same part, so a part must be as thick as the stencil extent. A field on faces has a
/// value on the boundary itself, and its mirror images come from one cell farther inside.
///
/// # Errors
/// If a block of the grid has fewer cells.
pub(crate) fn thickness(declared: &Declarations, layout: Layout, extent: &[Extent]) -> Result<[usize; 3]> {
    let (grid, mut thickness) = (&declared.grids[layout.0], [1; 3]);
    for (d, extent) in declared.fields.iter().zip(extent).filter(|(d, _)| layout_of(d) == layout) {
        for a in (0..3).filter(|&a| grid.is_bounded(a)) {
            let on_faces = d.location.is_low(a);
            let least = extent.below[a].max(extent.above[a]).max(1) + usize::from(on_faces);
            let n = grid.all_blocks().iter().map(|b| b.cells[a]).min().unwrap_or(1);
            if n < least {
                let on = if on_faces { ", which is on faces" } else { "" };
                let reach = extent.below[a].max(extent.above[a]);
                let reads = |s: &&Stage| {
                    let far = |e: &Extent| e.below[a].max(e.above[a]) == reach;
                    s.reads.iter().any(|(f, e)| declared.fields[*f].name == d.name && far(e))
                };
                let stage = declared.stages.iter().find(reads);
                let by = stage.map_or(String::new(), |s| format!(" in the stage `{}`", s.name));
                let error = Error::input(format!(
                    "axis {} has {n} cells, and the field `{}`{on} needs {least}{by}: values beyond the boundaries are mirror images of these cells",
                    AXES[a], d.name
                ))
                .remedy("use more cells, or a smaller stencil");
                return Err(stage.map_or(error.clone(), |s| at_place(error, s)));
            }
            thickness[a] = thickness[a].max(least);
        }
    }
    Ok(thickness)
}

/// Checks a model, for any number of ranks.
///
/// # Errors
/// As [`crate::program::Program::new`], except for errors that depend on the decomposition.
pub(crate) fn check(model: &Model) -> Result<()> {
    let declared = &model.declared;
    declarations(declared)?;
    let reductions = declared.measures().filter_map(|what| match what {
        Measure::Reduction(reduction) => Some(reduction.clone().stage(None)),
        Measure::Scalar(_) => None,
    });
    reductions.into_iter().try_for_each(|reduction| stage(declared, &reduction))
}

/// Checks the declarations that need no decomposition: handles, stages, scalars and the time step. All later checks
/// rely on these.
///
/// # Errors
/// The first invalid declaration, with the names of stage and field.
pub(crate) fn declarations(declared: &Declarations) -> Result<()> {
    if let Some(refused) = declared.refused.first() {
        return Err(refused.clone());
    }
    declared.stages.iter().try_for_each(|stage| self::stage(declared, stage))?;
    declared.outputs.iter().try_for_each(|(_, stage)| self::stage(declared, stage))?;
    declared.fields.iter().filter(|d| d.derived).try_for_each(check_names)?;
    let conditions = conditions(&declared.start).chain(conditions(&declared.step)).chain(&declared.stop);
    let scalars = declared.measures().filter_map(|what| match what {
        Measure::Scalar(scalar) => Some(Use::from(*scalar)),
        Measure::Reduction(_) => None,
    });
    let failure = declared.failure.iter().flat_map(|failure| failure.uses.iter().copied());
    for handle in conditions.map(|c| c.uses).chain(scalars).chain(failure) {
        if !declared.owns(handle) {
            return Err(Error::input("a loop, a stop, a diagnostic or the series uses a scalar of another model")
                .remedy("use the handle that `Model::scalar` of this model returned"));
        }
    }
    for (i, recorded) in declared.series.iter().enumerate() {
        recorded.check()?;
        if declared.series[..i].iter().any(|earlier| earlier.name == recorded.name) {
            return Err(Error::input(format!("two quantities are recorded as `{}`", recorded.name))
                .remedy("give them different names"));
        }
    }
    for (name, value) in &declared.scalars {
        if !value.is_finite() {
            return Err(Error::input(format!(
                "the scalar `{name}` has the initial value {value}, which is not finite"
            )));
        }
    }
    let reads_step = |stage: &&Stage| stage.scalars_read.contains(&DT);
    if let (Clock::Steps, Some(stage)) = (declared.clock, declared.stages.iter().find(reads_step)) {
        let what = format!("the stage `{}` reads the time step, but the model has none", stage.name);
        let remedy = "declare it: `model.fixed_step(dt)`, or `model.adaptive_step(first)`";
        return Err(at_place(Error::input(what).remedy(remedy), stage));
    }
    if let Clock::Fixed(dt) = declared.clock
        && (dt.is_nan() || dt <= 0.0)
    {
        return Err(Error::input(format!("the time step is {dt} s")).remedy("it must be larger than zero"));
    }
    Ok(())
}

/// Returns the conditions of all loops in a list of items, nested loops included.
fn conditions(items: &[Item]) -> Box<dyn Iterator<Item = &Condition> + '_> {
    Box::new(items.iter().flat_map(|item| -> Box<dyn Iterator<Item = &Condition> + '_> {
        match item {
            Item::Stage(_) => Box::new(std::iter::empty()),
            Item::Repeat(_, body) | Item::Once(body) => conditions(body),
            Item::Until(condition, _, body) => Box::new(std::iter::once(condition).chain(conditions(body))),
        }
    }))
}

/// Checks one stage: its handles, grids, outputs and indices. Every stage passes this check before it runs, whether it
/// is in the schedule, a diagnostic, or a measurement of a running simulation.
///
/// # Errors
/// If something does not fit, with the line of the source that declares the stage.
pub(crate) fn stage(declared: &Declarations, stage: &Stage) -> Result<()> {
    fits(declared, stage).map_err(|error| at_place(error, stage))
}

/// An error of a stage, with the line of the source that declares the stage if it is known.
fn at_place(error: Error, stage: &Stage) -> Error {
    match stage.place {
        Some(place) => error.at(format!("the stage is declared at {}:{}", place.file(), place.line())),
        None => error,
    }
}

fn fits(declared: &Declarations, stage: &Stage) -> Result<()> {
    handles(declared, stage)?;
    if let Some(refused) = &stage.refused {
        let refused = refused.describe(|source| named(declared, source));
        return Err(Error::input(format!(
            "the expression of the stage `{}` cannot be computed: {refused}",
            stage.name
        ))
        .remedy("split it in two: set a field to a part of it in a stage before"));
    }
    let same_grid = !matches!(stage.work, Work::Transpose(_));
    let used: Vec<usize> = stage.reads.iter().map(|r| r.0).chain(stage.writes.iter().copied()).collect();
    for pair in used.windows(2) {
        let (a, b) = (&declared.fields[pair[0]], &declared.fields[pair[1]]);
        if same_grid && layout_of(a) != layout_of(b) {
            return Err(Error::input(format!(
                "the stage `{}` uses `{}` and `{}`, which are on different grids or decompositions",
                stage.name, a.name, b.name
            ))
            .remedy("copy one of them with `transpose` first"));
        }
    }
    let mut writes = stage.writes.clone();
    writes.sort_unstable();
    writes.dedup();
    if writes.len() != stage.writes.len() {
        return Err(Error::input(format!("the stage `{}` writes a field twice", stage.name)));
    }
    match &stage.work {
        Work::Transpose(transform) => check_transpose(declared, stage, transform),
        Work::Point { cell: (block, index), .. } => {
            let d = &declared.fields[stage.writes[0]];
            let cells = declared.grids[d.grid].block(*block).cells;
            if (0..3).all(|a| index[a] < cells[a]) {
                return Ok(());
            }
            Err(Error::input(format!(
                "the stage `{}` changes `{}` in cell {index:?}, and the grid has {cells:?} cells",
                stage.name, d.name
            ))
            .remedy("indices are [z, y, x] and begin with 0"))
        }
        _ => Ok(()),
    }
}

/// What an expression reads, as in a message.
fn named(declared: &Declarations, source: Source) -> String {
    let (owner, name) = match source {
        Source::Field { owner, id } => (owner, declared.fields.get(id).map(|d| format!("`{}`", d.name))),
        Source::Scalar { owner, id } => (owner, declared.scalars.get(id).map(|s| format!("the scalar `{}`", s.0))),
        Source::Profile { owner, axis, .. } => (owner, Some(format!("a profile along {}", AXES[axis]))),
    };
    name.filter(|_| owner == declared.id.0).unwrap_or_else(|| "something of another model".into())
}

/// Checks that all handles of a stage belong to this model, with the types that they were declared with.
fn handles(declared: &Declarations, stage: &Stage) -> Result<()> {
    let Some(foreign) = stage.uses.iter().find(|handle| !declared.owns(**handle)) else { return Ok(()) };
    let what = match foreign.what {
        Used::Field(element) => format!("a field of `{}`", element.name()),
        Used::Scalar => "a scalar".into(),
        Used::Profile(axis) => format!("a profile along {}", AXES[axis]),
        Used::Records(_) => "a set of records".into(),
        Used::Source => "a source".into(),
    };
    Err(Error::input(format!("the stage `{}` uses {what} that was declared by another model", stage.name))
        .remedy("use the handles that this model returned when its fields, scalars and profiles were declared"))
}

/// Checks every field that a stage reads across joined block faces: see [`check_joins`].
pub(crate) fn joins(declared: &Declarations, extent: &[Extent]) -> Result<()> {
    let read = declared.fields.iter().zip(extent).filter(|(_, extent)| !extent.is_pointwise());
    read.map(|(d, _)| d).try_for_each(|d| check_joins(declared, d))
}

/// Checks that every join maps a field to a field at the same location of the cell: itself, or the component of its
/// vector along the mapped axis.
fn check_joins(declared: &Declarations, d: &FieldDeclaration) -> Result<()> {
    let grid = &declared.grids[d.grid];
    let adjacent = grid.all_blocks().iter().flat_map(|b| (0..3).flat_map(|a| [b.beyond(a, 0), b.beyond(a, 1)]));
    for transform in adjacent.filter_map(|b| if let Adjacent::Block(_, transform) = b { Some(transform) } else { None })
    {
        let wrong = |what: String, remedy: &str| {
            let what = format!("the field `{}` is read across a join that {what}", d.name);
            Err(Error::input(what).remedy(remedy))
        };
        let mut from = Some(d);
        if let Some((vector, axis)) = d.vector {
            let axis = transform.to[axis].axis;
            from = declared.vectors[vector][axis].map(|f| &declared.fields[f]);
            if from.is_none() {
                let what = format!("maps it to the component along {}, which its vector does not have", AXES[axis]);
                return wrong(what, "name all components that joins map to each other in `Model::vector`");
            }
        }
        let low = d.location.low();
        if let Some(axis) = (0..3).find(|&a| low[a] && transform.to[a].reversed) {
            return wrong(
                format!(
                    "reverses {}, and is on the faces across it: no cell would store the face at one end",
                    AXES[axis]
                ),
                "orient the blocks so that the axis keeps its direction, or put the field at cell centres",
            );
        }
        let mut mapped = [false; 3];
        (0..3).filter(|&a| low[a]).for_each(|a| mapped[transform.to[a].axis] = true);
        if let Some(from) = from.filter(|f| f.location.low() != mapped) {
            // Without a vector, the field is mapped to itself.
            let to = if d.vector.is_some() { from.location } else { Location::of_low(mapped) };
            return wrong(
                format!("maps values at {} to values at {}", d.location.name(), to.name()),
                "declare the fields at both locations as components of a vector with `Model::vector`, or put them at cell centres",
            );
        }
    }
    Ok(())
}

/// Checks that a transpose maps all cells of one field to all cells of another.
fn check_transpose(declared: &Declarations, stage: &Stage, transform: &IndexTransform) -> Result<()> {
    let (from, to) = (&declared.fields[stage.reads[0].0], &declared.fields[stage.writes[0]]);
    let wrong = |what: String, remedy: &str| {
        Err(Error::input(format!("the transpose of `{}` into `{}` {what}", from.name, to.name)).remedy(remedy))
    };
    if stage.reads[0].0 == stage.writes[0] {
        return wrong("has the same source and target".into(), "copy into another field");
    }
    if (0..3).any(|axis| transform.to.iter().all(|h| h.axis != axis)) {
        return wrong(
            format!("has the axes {:?}, which is not a permutation", transform.to),
            "name each of Z, Y, X once, with a sign",
        );
    }
    let (source, target) = (declared.grids[from.grid].all_blocks(), declared.grids[to.grid].all_blocks());
    let fits = |(a, b): (&crate::model::grid::Block, &crate::model::grid::Block)| {
        (0..3).all(|i| b.cells[i] == a.cells[transform.to[i].axis])
    };
    if source.len() != target.len() || !source.iter().zip(target).all(fits) {
        let (n, m) = (source[0].cells, target[0].cells);
        let what = format!(
            "copies {} × {n:?} cells into {} × {m:?}, with the axes {:?}",
            source.len(),
            target.len(),
            transform.to
        );
        return wrong(what, "each target axis needs as many cells as the source axis that it maps to");
    }
    Ok(())
}
