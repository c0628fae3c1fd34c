//! Programs: a model compiled for a number of ranks. A program follows from the declarations alone, is the same on
//! every rank, and exists before any field is allocated.
use crate::base::{Error, Result};
use crate::model::builder::Model;
use crate::model::declarations::Declarations;
use crate::model::grid::Grid;
use crate::model::handle::Scalar;
use crate::model::measure::Measure;
use crate::model::stage::{Item, Stage, StageId, Work};
use crate::program::checks;
use crate::program::domain::Domain;
use crate::program::fusion::{Block, FusionGroup, HaloDepths, longest_block};
use crate::program::layout::{Layout, layout_of, line_layout};
use crate::program::lists::{GroupId, List, ListId, Op};
use halocline_kernels::Extent;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// A model compiled for a number of ranks: decompositions, lists of operations, halo depths and fusion groups.
pub struct Program {
    pub(crate) ranks: usize,
    pub(crate) declared: Declarations,
    /// The domain decomposition of every layout.
    pub(crate) domains: BTreeMap<Layout, Domain>,
    /// The union of the stencil extents at which stages and diagnostics read each field.
    pub(crate) extent: Vec<Extent>,
    /// Halo depths, fields that need two arrays, and the number of steps that can be fused.
    pub(crate) depths: HaloDepths,
    pub(crate) lists: Vec<List>,
    pub(crate) groups: Vec<FusionGroup>,
    /// The list that runs before the first step.
    pub(crate) start: ListId,
    /// The list that runs in every step.
    pub(crate) step: ListId,
    /// The number of lists that run the first time only.
    pub(crate) once: usize,
    /// The numbers of the run-once lists that belong to a step.
    pub(crate) once_in_step: Vec<usize>,
    /// The name and the quantity of each diagnostic.
    pub(crate) diagnostics: Vec<(String, Measured)>,
    /// The field of each derived quantity, and the stage that computes it.
    pub(crate) outputs: Vec<(usize, StageId)>,
    /// The quantity of each column of the series.
    pub(crate) series: Vec<Measured>,
    /// By stage, the bytes that all ranks together must move in one call.
    pub(crate) stage_bytes: Vec<u64>,
}

/// The quantity that a diagnostic or a column of the series measures, by id.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Measured {
    /// A reduction, which the program runs as an ordinary stage.
    Reduction(StageId),
    /// The value of a scalar.
    Scalar(Scalar),
}

impl Program {
    /// Compiles a model for a number of ranks, with all checks. It allocates no field and sends no message.
    ///
    /// # Errors
    /// If handles, fields, stages and grids do not fit together, or the grid cannot be split over the ranks.
    pub fn new(model: Model, ranks: usize) -> Result<Program> {
        Program::of(model.declared, ranks)
    }

    pub(crate) fn of(mut declared: Declarations, ranks: usize) -> Result<Program> {
        let diagnostics = declared.diagnostics.clone().into_iter();
        let diagnostics = diagnostics.map(|d| (d.name, measured(&mut declared, d.what))).collect();
        let mut add = |(field, stage)| {
            declared.stages.push(stage);
            (field, StageId(declared.stages.len() - 1))
        };
        let outputs = std::mem::take(&mut declared.outputs).into_iter().map(&mut add).collect();
        let series = declared.series.clone().into_iter().map(|r| measured(&mut declared, r.what)).collect();
        checks::declarations(&declared)?;
        let extent = extents(&declared);
        checks::joins(&declared, &extent)?;
        let domains = domains(&declared, &extent, ranks)?;
        let double = read_and_written(&declared);
        let depths = HaloDepths::of(&declared, &domains, &extent, &double);
        let stage_bytes = (0..declared.stages.len()).map(|id| declared.bytes_of_stages([StageId(id)])).collect();
        let mut program = Program {
            ranks,
            domains,
            extent,
            depths,
            lists: vec![],
            groups: vec![],
            start: ListId(0),
            step: ListId(0),
            once: 0,
            once_in_step: vec![],
            diagnostics,
            outputs,
            series,
            stage_bytes,
            declared,
        };
        let (start, step) = (std::mem::take(&mut program.declared.start), std::mem::take(&mut program.declared.step));
        let fuse = program.declared.fuse != Some(0);
        program.start = program.list(&start, false, fuse);
        let before = program.once;
        // Stages within a step are fused only if whole steps cannot be fused.
        let fuse = fuse && program.depths.most == 0;
        program.step = program.list(&step, true, fuse);
        program.once_in_step = (before..program.once).collect();
        (program.declared.start, program.declared.step) = (start, step);
        program.memory(0)?;
        Ok(program)
    }

    /// Compiles a list of items and the lists nested in it; returns the id of the list. Consecutive stages become
    /// fusion groups if `fuse` is true.
    fn list(&mut self, items: &[Item], in_step: bool, fuse: bool) -> ListId {
        let id = ListId(self.lists.len());
        self.lists.push(List { ops: vec![], bytes: self.declared.bytes_of_items(items) });
        let (mut ops, mut at) = (vec![], 0);
        while at < items.len() {
            if let Some(group) = self.group(&items[at..], in_step, fuse) {
                at += group.block.stages.len();
                ops.push(Op::Group(GroupId(self.groups.len())));
                self.groups.push(group);
                continue;
            }
            ops.push(match &items[at] {
                Item::Stage(stage) => Op::Stage(*stage),
                Item::Repeat(n, body) => Op::Repeat(*n, self.list(body, in_step, fuse)),
                Item::Until(condition, most, body) => {
                    Op::Until(condition.clone(), *most, self.list(body, in_step, fuse))
                }
                Item::Once(body) => {
                    let number = self.once;
                    self.once += 1;
                    Op::Once(number, self.list(body, false, fuse))
                }
            });
            at += 1;
        }
        self.lists[id.0].ops = ops;
        id
    }

    /// Returns the fusion group at the beginning of some items; `None` if their first stages cannot be fused or the
    /// halos take too much memory.
    fn group(&mut self, items: &[Item], in_step: bool, fuse: bool) -> Option<FusionGroup> {
        let Program { declared, domains, extent, depths, .. } = self;
        let block = longest_block(declared, domains, extent, items).filter(|_| fuse)?;
        depths.take(declared, domains, &block).then(|| FusionGroup::new(declared, block, in_step))
    }

    /// Returns the stage of an id.
    pub(crate) fn stage(&self, id: StageId) -> &Stage {
        &self.declared.stages[id.0]
    }

    /// Returns the operations of a list.
    pub(crate) fn ops(&self, list: ListId) -> &[Op] {
        &self.lists[list.0].ops
    }

    /// Returns the domain decomposition of a field.
    pub(crate) fn domain_of(&self, field: usize) -> &Domain {
        &self.domains[&layout_of(&self.declared.fields[field])]
    }

    /// Returns the grid of a field.
    pub(crate) fn grid_of(&self, field: usize) -> &Grid {
        self.declared.grid_of(field)
    }

    /// Returns a block of fused steps.
    ///
    /// # Errors
    /// The reason, if this number of steps cannot be fused.
    pub(crate) fn block(&self, steps: usize) -> std::result::Result<Block, String> {
        Block::of(&self.declared, &self.domains, &self.extent, steps)
    }

    /// Checks a stage that is not part of the schedule, such as a measurement of a running simulation.
    ///
    /// # Errors
    /// As [`Program::new`], and if the stencil extent of the stage exceeds the extents of the schedule and the
    /// diagnostics, because the arrays have no such halo.
    pub(crate) fn check_stage(&self, stage: &Stage) -> Result<()> {
        checks::stage(&self.declared, stage)?;
        let deeper = stage.reads.iter().find(|(f, extent)| !self.extent[*f].covers(extent));
        deeper.map_or(Ok(()), |(f, extent)| {
            Err(Error::input(format!(
                "`{}` reads `{}` as far as {extent}, but the schedule and the diagnostics only as far as {}",
                stage.name, self.declared.fields[*f].name, self.extent[*f]
            ))
            .remedy("declare the reduction with `Model::diagnose`, so that halos are deep enough"))
        })
    }

    /// Returns the process grid of the first grid: parts along z, y, x.
    pub fn process_grid(&self) -> [usize; 3] {
        self.domains.get(&(0, [false; 3])).map_or([1; 3], |d| d.dims)
    }
}

/// Returns a quantity by id, after appending the stage of a reduction.
fn measured(declared: &mut Declarations, what: Measure) -> Measured {
    match what {
        Measure::Scalar(scalar) => Measured::Scalar(scalar),
        Measure::Reduction(reduction) => {
            declared.stages.push(reduction.stage(None));
            Measured::Reduction(StageId(declared.stages.len() - 1))
        }
    }
}

/// Returns the union of the stencil extents at which stages read each field.
fn extents(declared: &Declarations) -> Vec<Extent> {
    let mut extent = vec![Extent::POINTWISE; declared.fields.len()];
    for (f, read) in declared.stages.iter().flat_map(|s| s.reads.iter().copied()) {
        extent[f] = extent[f].union(&read);
    }
    // A rotated join maps components of a vector to each other, so all of them need the same halo.
    for vector in &declared.vectors {
        let all = vector.iter().flatten().fold(Extent::POINTWISE, |all, &f| all.union(&extent[f]));
        vector.iter().flatten().for_each(|&f| extent[f] = all);
    }
    extent
}

/// Returns the domain decompositions of all layouts that fields or line stages use.
fn domains(declared: &Declarations, extent: &[Extent], ranks: usize) -> Result<BTreeMap<Layout, Domain>> {
    let mut domains = BTreeMap::new();
    for d in &declared.fields {
        let (grid, layout) = (&declared.grids[d.grid], layout_of(d));
        if let Entry::Vacant(entry) = domains.entry(layout) {
            let thickness = checks::thickness(declared, layout, extent)?;
            entry.insert(match d.whole {
                [false, false, false] => Domain::new(grid, ranks, declared.dims.filter(|_| d.grid == 0), thickness)?,
                whole => Domain::whole(grid, ranks, whole, thickness),
            });
        }
    }
    for stage in &declared.stages {
        if let Work::Lines { axis, .. } = stage.work {
            let Some(d) = stage.field().map(|f| &declared.fields[f]) else { continue };
            let layout = line_layout(&domains, d, axis);
            domains.entry(layout).or_insert_with(|| Domain::whole(&declared.grids[d.grid], ranks, layout.1, [1; 3]));
        }
    }
    Ok(domains)
}

/// Returns, for each field, whether a stage both reads and writes it. Such fields need two arrays.
fn read_and_written(declared: &Declarations) -> Vec<bool> {
    let mut double = vec![false; declared.fields.len()];
    for stage in &declared.stages {
        for &f in stage.writes.iter().filter(|f| stage.reads_field(**f)) {
            double[f] = true;
        }
    }
    double
}
