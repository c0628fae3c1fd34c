//! Stages as *instances*: each stage of each step knows which value of a field it reads, how far it stays behind
//! the front that sweeps through the grid, and how far beyond its tile it has to compute. All of this follows from the
//! schedule.
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

/// Some stages, done a number of times, as instances.
pub(crate) struct Block {
    /// How many times: steps, where the stages are those of a step.
    pub steps: usize,
    /// The axis that the front moves along: z, or y where z is flat.
    pub sweep: usize,
    /// Whether z and y are periodic and not cut: rows beyond their ends are those at the other end.
    pub wraps: [bool; 2],
    pub instances: Vec<Instance>,
    pub values: Vec<Value>,
    /// Planes of each ring in which values live.
    pub rings: Vec<isize>,
    /// The value of each field that stands at the end; none if it is not written.
    pub last: Vec<Option<usize>>,
    /// Fields whose new values may take the place of the old ones, which only the same cell looks at.
    pub in_place: Vec<bool>,
    /// Fields read as they were before the block, and how far around a tile.
    pub halo: Vec<(usize, Extent)>,
    /// Stages that change single cells before any instance reads them: moment, stage.
    pub before: Vec<(usize, StageId)>,
    /// The stages of one time.
    pub stages: Vec<StageId>,
}

impl Block {
    /// `steps` steps of a model, some stage of which reads each field as far as `reach`.
    ///
    /// # Errors
    /// If its steps cannot be fused: why.
    pub fn of(
        declared: &Declarations,
        domains: &BTreeMap<Layout, Domain>,
        extent: &[Extent],
        steps: usize,
    ) -> Result<Block, String> {
        fusible::grid(declared, domains)?;
        Block::new(declared, domains, extent, fusible::step(declared)?, steps)
    }

    /// Some stages, done so many times.
    ///
    /// # Errors
    /// If they cannot be fused: why.
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
        let mut seen: Vec<Option<usize>> = vec![];
        let sweep = usize::from(grid.is_flat(0));
        for (moment, &id) in (0..steps).flat_map(|_| &stages).enumerate() {
            let stage = &declared.stages[id.0];
            let step = moment / stages.len();
            match &stage.work {
                Work::Cells { arguments, .. } | Work::Reduce { arguments, .. } => {
                    let (mut from, mut skew) = (vec![], 0);
                    for (f, extent) in field_arguments(arguments) {
                        let first = match newest[f] {
                            Origin::Memory => 0,
                            Origin::Value(v) => *seen[v].get_or_insert(moment) / stages.len(),
                        };
                        let d = &declared.fields[f];
                        if first != step && !extent.is_pointwise() && d.boundaries.iter().flatten().any(|b| b.varies())
                        {
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
                    let mut makes = vec![];
                    for &field in &stage.writes {
                        newest[field] = Origin::Value(values.len());
                        makes.push(values.len());
                        seen.push(None);
                        let (instance, extent) = (instances.len(), Extent { corners: true, ..Extent::POINTWISE });
                        values.push(Value { field, instance, slot: None, extent, seen: moment });
                    }
                    instances.push(Instance {
                        stage: id,
                        field: stage.field(),
                        op: if let Work::Reduce { op, .. } = stage.work { Some(op) } else { None },
                        extents: field_arguments(arguments).map(|(_, extent)| *extent).collect(),
                        moment,
                        from,
                        makes,
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
                        Origin::Memory if !read[f] => before.push((moment, id)),
                        Origin::Value(v) if seen[v].is_none() => {
                            let instance = &mut instances[values[v].instance];
                            let output = instance.makes.iter().position(|&made| made == v).unwrap_or(0);
                            instance.points.push((output, moment, id));
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
        for (value, seen) in values.iter_mut().zip(seen) {
            value.seen = seen.unwrap_or(value.seen);
        }
        let mut halo: BTreeMap<usize, Extent> = BTreeMap::new();
        // Readers tell producers what they need, the last ones first.
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
                let made = value.instance;
                value.extent = value.extent.union(&extent);
                for a in 0..2 {
                    let [low, high] = span(grid, d, &extent, a);
                    let wider = &mut instances[made].overlap[a];
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

/// The arguments of a kernel that are fields.
fn field_arguments(arguments: &[BoundArgument]) -> impl Iterator<Item = (usize, &Extent)> {
    arguments
        .iter()
        .filter_map(|a| if let BoundArgument::Field { id, extent, .. } = a { Some((*id, extent)) } else { None })
}

/// Whether a instance may put a field's new values where the old ones lie: who reads these reads the cell itself alone, not
/// later than the instance, and tiles do not overlap.
fn in_place(instances: &[Instance], field: usize, made: usize) -> bool {
    let alone = |instance: &Instance| instance.overlap == [[0; 2]; 2];
    let mut reads = instances.iter().enumerate().flat_map(|(l, instance)| {
        let read = instance
            .from
            .iter()
            .zip(&instance.extents)
            .filter(|((f, origin), _)| *f == field && *origin == Origin::Memory);
        read.map(move |(_, extent)| (l, instance, extent))
    });
    alone(&instances[made])
        && reads.all(|(l, instance, extent)| {
            extent.is_pointwise() && alone(instance) && l <= made && instance.skew <= instances[made].skew
        })
}

/// How far around a rank's cells a field is read in memory by a instance that computes `overlap` beyond tiles. Between two walls
/// that no cut separates, nothing lies beyond them, and beyond periodic ends lies the other end.
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
