//! Blocks of fused stages. Each stage of each step is an *instance*, with the values of fields that it reads, its skew
//! (the number of planes that it stays behind the wavefront), and its overlap (the cells that it computes beyond its
//! tile). All of this follows from the schedule.
use crate::model::argument::BoundArgument;
use crate::model::declarations::Declarations;
use crate::model::grid::Grid;
use crate::model::stage::{StageId, Work};
use crate::program::domain::Domain;
use crate::program::fusion::align;
use crate::program::fusion::fusible::{self, MOST_STAGES, span};
use crate::program::fusion::instance::{Instance, Origin, Value};
use crate::program::fusion::slots;
use crate::program::layout::Layout;
use halocline_kernels::Extent;
use std::collections::BTreeMap;

/// A number of steps over a list of stages, unrolled into instances.
pub(crate) struct Block {
    /// The number of passes over `stages`: steps, if `stages` is a whole step.
    pub steps: usize,
    /// The axis along which the wavefront moves: z, or y if z is flat.
    pub sweep: usize,
    /// Whether z and y are periodic and not cut, so that indices beyond an end wrap around to the other end.
    pub wraps: [bool; 2],
    pub instances: Vec<Instance>,
    pub values: Vec<Value>,
    /// The number of planes of each ring buffer.
    pub rings: Vec<isize>,
    /// The last value of each field; `None` if the block does not write the field.
    pub last: Vec<Option<usize>>,
    /// Whether the new values of each field may overwrite the old ones, because only the same cell reads these.
    pub in_place: Vec<bool>,
    /// The fields that are read as they were before the block, and the extent around a tile at which they are read.
    pub halo: Vec<(usize, Extent)>,
    /// Point updates before the first read of their field: index in the list of all stages of the block, stage.
    pub before: Vec<(usize, StageId)>,
    /// The stages of one pass.
    pub stages: Vec<StageId>,
}

impl Block {
    /// A block of `steps` whole steps of a model. `extent` is the union of the extents at which stages read each field.
    ///
    /// # Errors
    /// The reason, if the steps cannot be fused.
    pub fn of(
        declared: &Declarations,
        domains: &BTreeMap<Layout, Domain>,
        extent: &[Extent],
        steps: usize,
    ) -> Result<Block, String> {
        fusible::grid(declared, domains)?;
        Block::new(declared, domains, extent, fusible::step(declared)?, steps)
    }

    /// A block of `steps` passes over some stages.
    ///
    /// # Errors
    /// The reason, if the stages cannot be fused.
    pub fn new(
        declared: &Declarations,
        domains: &BTreeMap<Layout, Domain>,
        extent: &[Extent],
        stages: Vec<StageId>,
        steps: usize,
    ) -> Result<Block, String> {
        if steps * stages.len() > MOST_STAGES {
            return Err(format!(
                "{steps} steps have {} stages, and at most {MOST_STAGES} are fused",
                steps * stages.len()
            ));
        }
        stages.iter().try_for_each(|id| fusible::stage(declared, extent, &declared.stages[id.0]))?;
        let grid = &declared.grids[0];
        let dims = domains[&(0, [false; 3])].dims;
        let wraps = [0, 1].map(|a| !grid.is_bounded(a) && dims[a] == 1);
        let count = declared.fields.len();
        let mut newest = vec![Origin::Memory; count];
        let mut read = vec![false; count];
        let (mut instances, mut values, mut before) = (Vec::<Instance>::new(), Vec::<Value>::new(), vec![]);
        let mut first_reads: Vec<Option<usize>> = vec![];
        let sweep = usize::from(grid.is_flat(0));
        for (position, &id) in (0..steps).flat_map(|_| &stages).enumerate() {
            let stage = &declared.stages[id.0];
            let step = position / stages.len();
            match &stage.work {
                Work::Cells { arguments, .. } | Work::Reduce { arguments, .. } => {
                    let (mut from, mut skew) = (vec![], 0);
                    for (f, extent) in field_arguments(arguments) {
                        let first = match newest[f] {
                            Origin::Memory => 0,
                            Origin::Value(v) => *first_reads[v].get_or_insert(position) / stages.len(),
                        };
                        let d = &declared.fields[f];
                        if first != step && !extent.is_pointwise() && d.varies() {
                            return Err(format!(
                                "`{}` is read in two steps, and its boundary changes between them",
                                d.name
                            ));
                        }
                        match newest[f] {
                            Origin::Memory => read[f] = true,
                            Origin::Value(v) => {
                                let above = span(grid, &declared.fields[f], extent, sweep)[1];
                                skew = skew.max(instances[values[v].instance].skew + above);
                            }
                        }
                        from.push((f, newest[f]));
                    }
                    let mut outputs = vec![];
                    for &field in &stage.writes {
                        newest[field] = Origin::Value(values.len());
                        outputs.push(values.len());
                        first_reads.push(None);
                        let (instance, extent) = (instances.len(), Extent { corners: true, ..Extent::POINTWISE });
                        values.push(Value { field, instance, slot: None, extent, first_read: position });
                    }
                    instances.push(Instance {
                        stage: id,
                        field: stage.field(),
                        op: if let Work::Reduce { op, .. } = stage.work { Some(op) } else { None },
                        extents: field_arguments(arguments).map(|(_, extent)| *extent).collect(),
                        position,
                        from,
                        outputs,
                        skew,
                        group: 0,
                        row_skew: 0,
                        overlap: [[0; 2]; 2],
                        points: vec![],
                    });
                }
                Work::Point { .. } => {
                    let f = stage.writes[0];
                    match newest[f] {
                        Origin::Memory if !read[f] => before.push((position, id)),
                        Origin::Value(v) if first_reads[v].is_none() => {
                            let instance = &mut instances[values[v].instance];
                            let output = instance.outputs.iter().position(|&output| output == v).unwrap_or(0);
                            instance.points.push((output, position, id));
                        }
                        _ => {
                            let name = &declared.fields[f].name;
                            return Err(format!("`{}` changes `{name}` after another stage has read it", stage.name));
                        }
                    }
                }
                _ => {}
            }
        }
        for (value, first_read) in values.iter_mut().zip(first_reads) {
            value.first_read = first_read.unwrap_or(value.first_read);
        }
        let mut halo: BTreeMap<usize, Extent> = BTreeMap::new();
        // The overlap of producers follows from the overlap of their readers, so it is propagated from the last
        // instance back.
        for l in (0..instances.len()).rev() {
            let Instance { from, overlap, extents, .. } = instances[l].clone();
            for ((f, origin), extent) in from.into_iter().zip(extents) {
                let d = &declared.fields[f];
                let Origin::Value(v) = origin else {
                    let deep = halo.entry(f).or_insert(Extent { corners: true, ..Extent::POINTWISE });
                    *deep = deep.union(&around(grid, dims, &extent, overlap));
                    continue;
                };
                let value = &mut values[v];
                let producer = value.instance;
                value.extent = value.extent.union(&extent);
                for a in 0..2 {
                    let [low, high] = span(grid, d, &extent, a);
                    let wider = &mut instances[producer].overlap[a];
                    *wider = [wider[0].max(overlap[a][0] - low), wider[1].max(overlap[a][1] + high)];
                }
            }
        }
        align::align(declared, &mut instances, &values, sweep);
        let (slots, rings) = slots::find(declared, &instances, &values, sweep);
        values.iter_mut().zip(slots).for_each(|(value, slot)| value.slot = slot);
        let value = |s| if let Origin::Value(v) = s { Some(v) } else { None };
        let last: Vec<Option<usize>> = newest.into_iter().map(value).collect();
        let in_place =
            (0..count).map(|f| last[f].is_some_and(|v| in_place(&instances, f, values[v].instance))).collect();
        let halo = halo.into_iter().collect();
        Ok(Block { steps, sweep, wraps, instances, values, rings, last, in_place, halo, before, stages })
    }
}

/// Returns the arguments of a kernel that are fields: field id and stencil extent.
fn field_arguments(arguments: &[BoundArgument]) -> impl Iterator<Item = (usize, &Extent)> {
    arguments
        .iter()
        .filter_map(|a| if let BoundArgument::Field { id, extent, .. } = a { Some((*id, extent)) } else { None })
}

/// Returns true if instance `producer` may overwrite the old values of a field with the new ones: every instance that
/// reads the old values reads only the cell itself, not later than `producer`, and tiles do not overlap.
fn in_place(instances: &[Instance], field: usize, producer: usize) -> bool {
    let without_overlap = |instance: &Instance| instance.overlap == [[0; 2]; 2];
    let mut reads = instances.iter().enumerate().flat_map(|(l, instance)| {
        let read = instance
            .from
            .iter()
            .zip(&instance.extents)
            .filter(|((f, origin), _)| *f == field && *origin == Origin::Memory);
        read.map(move |(_, extent)| (l, instance, extent))
    });
    without_overlap(&instances[producer])
        && reads.all(|(l, instance, extent)| {
            extent.is_pointwise()
                && without_overlap(instance)
                && l <= producer
                && instance.skew <= instances[producer].skew
        })
}

/// Returns the extent around the owned cells of a rank at which an instance with this `overlap` reads a field in
/// memory. The overlap adds no halo along an axis that is not cut: it ends at boundaries and wraps around periodic
/// ends.
fn around(grid: &Grid, dims: [usize; 3], extent: &Extent, overlap: [[isize; 2]; 2]) -> Extent {
    let deep = |a: usize, near: usize, side: usize| match a {
        2 => near,
        _ if grid.is_flat(a) => 0,
        _ if dims[a] == 1 => {
            if grid.is_bounded(a) {
                near
            } else {
                0
            }
        }
        _ => near + overlap[a][side] as usize,
    };
    Extent {
        below: [0, 1, 2].map(|a| deep(a, extent.below[a], 0)),
        above: [0, 1, 2].map(|a| deep(a, extent.above[a], 1)),
        corners: true,
    }
}
