//! Stages as *levels*: each stage of each step knows which version of a field it reads, how far it stays behind
//! the front that sweeps through the grid, and how far beyond its tile it has to compute. All of this follows from the
//! schedule.
use super::abreast;
use super::fusible::{self, MOST_STAGES, span};
use super::homes::{self, Home};
use crate::engine::Layout;
use crate::model::arguments::Bound;
use crate::model::declaration::Design;
use crate::model::grid::Grid;
use crate::model::reduction::Op;
use crate::model::stage::{Stage, Work};
use crate::program::domain::Domain;
use halocline_kernels::Extent;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where a stage finds a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// In memory, as it was before the block.
    Memory,
    /// As a level of the block has made it.
    Version(usize),
}

/// A field as some level makes it.
#[derive(Clone, Debug)]
pub(super) struct Version {
    pub field: usize,
    /// The level that makes it.
    pub level: usize,
    /// Where it lives; nowhere if nobody in the block reads it.
    pub home: Option<Home>,
    /// How far it is read beyond walls.
    pub extent: Extent,
    /// When its readers look beyond walls: a moment of the block.
    pub seen: usize,
}

/// A stage of one of the steps.
#[derive(Clone)]
pub(super) struct Level {
    pub stage: Arc<Stage>,
    /// Its place in the list of all stages of all steps.
    pub moment: usize,
    /// What it reads, in the order of its arguments that are fields.
    pub from: Vec<(usize, Source)>,
    /// What it makes, in the order of its outputs.
    pub makes: Vec<usize>,
    /// Planes behind the front.
    pub lag: isize,
    /// Levels of one group go through a plane together.
    pub group: usize,
    /// Rows behind the first of its group.
    pub behind: isize,
    /// Cells beyond the tile along z and y, below and above.
    pub grow: [[isize; 2]; 2],
    /// Single cells that later stages change before anyone has read them: output, moment, stage.
    pub points: Vec<(usize, usize, Arc<Stage>)>,
}

impl Level {
    /// How far it reads its arguments that are fields.
    pub fn extents(&self) -> impl Iterator<Item = &Extent> {
        field_arguments(self.bound()).map(|(_, extent)| extent)
    }

    /// The arguments of its kernel.
    pub fn bound(&self) -> &[Bound] {
        match &self.stage.work {
            Work::Cells { bound, .. } | Work::Reduce { bound, .. } => bound,
            _ => &[],
        }
    }

    /// A field that it works on: one that it writes, or reads if it writes none.
    pub fn field(&self) -> Option<usize> {
        self.stage.writes.first().copied().or(self.stage.reads.first().map(|r| r.0))
    }

    /// How it combines the numbers of all cells, if it is a reduction.
    pub fn reduces(&self) -> Option<Op> {
        if let Work::Reduce { op, .. } = self.stage.work { Some(op) } else { None }
    }
}

/// Some stages, done a number of times, as levels.
pub(super) struct Block {
    /// How many times: steps, where the stages are those of a step.
    pub steps: usize,
    /// The axis that the front moves along: z, or y where z is flat.
    pub sweep: usize,
    /// Whether z and y are periodic and not cut: rows beyond their ends are those at the other end.
    pub wraps: [bool; 2],
    pub levels: Vec<Level>,
    pub versions: Vec<Version>,
    /// Planes of each ring in which versions live.
    pub rings: Vec<isize>,
    /// The version of each field that stands at the end; none if it is not written.
    pub last: Vec<Option<usize>>,
    /// Fields whose new values may take the place of the old ones, which only the same cell looks at.
    pub in_place: Vec<bool>,
    /// Fields read as they were before the block, and how far around a tile.
    pub halo: Vec<(usize, Extent)>,
    /// Stages that change single cells before any level reads them: moment, stage.
    pub before: Vec<(usize, Arc<Stage>)>,
    /// The stages of one time.
    pub stages: Vec<Arc<Stage>>,
}

impl Block {
    /// `steps` steps of a model, some stage of which reads each field as far as `reach`.
    ///
    /// # Errors
    /// If its steps cannot be fused: why.
    pub fn of(
        design: &Design,
        domains: &BTreeMap<Layout, Domain>,
        extent: &[Extent],
        steps: usize,
    ) -> Result<Block, String> {
        fusible::grid(design, domains)?;
        Block::new(design, domains, extent, fusible::step(design)?, steps)
    }

    /// Some stages, done so many times.
    ///
    /// # Errors
    /// If they cannot be fused: why.
    pub fn new(
        design: &Design,
        domains: &BTreeMap<Layout, Domain>,
        extent: &[Extent],
        stages: Vec<Arc<Stage>>,
        steps: usize,
    ) -> Result<Block, String> {
        if steps * stages.len() > MOST_STAGES {
            return Err(format!(
                "{steps} steps have {} stages, and at most {MOST_STAGES} are fused",
                steps * stages.len()
            ));
        }
        stages.iter().try_for_each(|stage| fusible::stage(design, extent, stage))?;
        let grid = &design.grids[0];
        let dims = domains[&(0, [false; 3])].dims;
        let wraps = [0, 1].map(|a| !grid.is_bounded(a) && dims[a] == 1);
        let count = design.declarations.len();
        let mut newest = vec![Source::Memory; count];
        let mut read = vec![false; count];
        let (mut levels, mut versions, mut before) = (Vec::<Level>::new(), Vec::<Version>::new(), vec![]);
        let mut seen: Vec<Option<usize>> = vec![];
        let sweep = usize::from(grid.is_flat(0));
        for (moment, stage) in (0..steps).flat_map(|_| &stages).enumerate() {
            let step = moment / stages.len();
            match &stage.work {
                Work::Cells { bound, .. } | Work::Reduce { bound, .. } => {
                    let (mut from, mut lag) = (vec![], 0);
                    for (f, extent) in field_arguments(bound) {
                        let first = match newest[f] {
                            Source::Memory => 0,
                            Source::Version(v) => *seen[v].get_or_insert(moment) / stages.len(),
                        };
                        let d = &design.declarations[f];
                        if first != step && !extent.is_pointwise() && d.boundaries.iter().flatten().any(|b| b.varies())
                        {
                            return Err(format!(
                                "`{}` is read in two steps, and its boundary changes between them",
                                d.name
                            ));
                        }
                        match newest[f] {
                            Source::Memory => read[f] = true,
                            Source::Version(v) => {
                                let above = span(grid, &design.declarations[f], extent, sweep)[1];
                                lag = lag.max(levels[versions[v].level].lag + above);
                            }
                        }
                        from.push((f, newest[f]));
                    }
                    let mut makes = vec![];
                    for &field in &stage.writes {
                        newest[field] = Source::Version(versions.len());
                        makes.push(versions.len());
                        seen.push(None);
                        let (level, extent) = (levels.len(), Extent { corners: true, ..Extent::POINTWISE });
                        versions.push(Version { field, level, home: None, extent, seen: moment });
                    }
                    let (stage, grow) = (stage.clone(), [[0; 2]; 2]);
                    levels.push(Level { stage, moment, from, makes, lag, group: 0, behind: 0, grow, points: vec![] });
                }
                Work::Point { .. } => {
                    let f = stage.writes[0];
                    match newest[f] {
                        Source::Memory if !read[f] => before.push((moment, stage.clone())),
                        Source::Version(v) if seen[v].is_none() => {
                            let level = &mut levels[versions[v].level];
                            let output = level.makes.iter().position(|&made| made == v).unwrap_or(0);
                            level.points.push((output, moment, stage.clone()));
                        }
                        _ => {
                            let name = &design.declarations[f].name;
                            return Err(format!("`{}` changes `{name}` after another stage has read it", stage.name));
                        }
                    }
                }
                _ => {}
            }
        }
        for (version, seen) in versions.iter_mut().zip(seen) {
            version.seen = seen.unwrap_or(version.seen);
        }
        let mut halo: BTreeMap<usize, Extent> = BTreeMap::new();
        // Readers tell producers what they need, the last ones first.
        for l in (0..levels.len()).rev() {
            let Level { from, grow, .. } = levels[l].clone();
            let extents: Vec<Extent> = levels[l].extents().copied().collect();
            for ((f, source), extent) in from.into_iter().zip(extents) {
                let d = &design.declarations[f];
                let Source::Version(v) = source else {
                    let deep = halo.entry(f).or_insert(Extent { corners: true, ..Extent::POINTWISE });
                    *deep = deep.union(&around(grid, dims, &extent, grow));
                    continue;
                };
                let version = &mut versions[v];
                let made = version.level;
                version.extent = version.extent.union(&extent);
                for a in 0..2 {
                    let [low, high] = span(grid, d, &extent, a);
                    let wider = &mut levels[made].grow[a];
                    *wider = [wider[0].max(grow[a][0] - low), wider[1].max(grow[a][1] + high)];
                }
            }
        }
        abreast::line_up(design, &mut levels, &versions, sweep);
        let (homes, rings) = homes::find(design, &levels, &versions, sweep);
        versions.iter_mut().zip(homes).for_each(|(version, home)| version.home = home);
        let version = |s| if let Source::Version(v) = s { Some(v) } else { None };
        let last: Vec<Option<usize>> = newest.into_iter().map(version).collect();
        let in_place = (0..count).map(|f| last[f].is_some_and(|v| in_place(&levels, f, versions[v].level))).collect();
        let halo = halo.into_iter().collect();
        Ok(Block { steps, sweep, wraps, levels, versions, rings, last, in_place, halo, before, stages })
    }
}

/// The arguments of a kernel that are fields.
fn field_arguments(bound: &[Bound]) -> impl Iterator<Item = (usize, &Extent)> {
    bound.iter().filter_map(|b| if let Bound::Field { id, extent, .. } = b { Some((*id, extent)) } else { None })
}

/// Whether a level may put a field's new values where the old ones lie: who reads these reads the cell itself alone, not
/// later than the level, and tiles do not overlap.
fn in_place(levels: &[Level], field: usize, made: usize) -> bool {
    let alone = |level: &Level| level.grow == [[0; 2]; 2];
    let mut reads = levels.iter().enumerate().flat_map(|(l, level)| {
        let read =
            level.from.iter().zip(level.extents()).filter(|((f, source), _)| *f == field && *source == Source::Memory);
        read.map(move |(_, extent)| (l, level, extent))
    });
    alone(&levels[made])
        && reads.all(|(l, level, extent)| {
            extent.is_pointwise() && alone(level) && l <= made && level.lag <= levels[made].lag
        })
}

/// How far around a rank's cells a field is read in memory by a level that computes `grow` beyond tiles. Between two walls
/// that no cut separates, nothing lies beyond them, and beyond periodic ends lies the other end.
fn around(grid: &Grid, dims: [usize; 3], extent: &Extent, grow: [[isize; 2]; 2]) -> Extent {
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
        _ => near + grow[a][side] as usize,
    };
    Extent {
        below: [0, 1, 2].map(|a| deep(a, extent.below[a], 0)),
        above: [0, 1, 2].map(|a| deep(a, extent.above[a], 1)),
        corners: true,
    }
}
