//! How deep halos have to be so that stages and steps can be fused, and what that takes: known before anything is allocated.
use super::STEPS;
use super::levels::Block;
use super::stretches::Stretches;
use crate::base::Array;
use crate::engine::Layout;
use crate::model::declaration::Design;
use crate::program::domain::Domain;
use halocline_kernels::Extent;
use std::collections::BTreeMap;

/// How much larger deep halos may make the fields, where nobody asks for a number of steps.
const LARGER: f64 = 1.15;

/// What is needed to fuse as much as the halos allow.
pub(in crate::engine) struct Depth {
    /// The most steps of a block; 0 where steps are done one by one.
    pub most: usize,
    /// Why no steps can be fused.
    pub refused: Option<String>,
    /// What can be fused before the first step, and within steps where these cannot.
    pub(super) stretches: Stretches,
    /// How far around its own cells a rank holds each field.
    pub halo: Vec<Extent>,
    /// Fields that need two arrays: what some tile still reads, another writes.
    pub double: Vec<bool>,
}

impl Depth {
    /// From the whole design, the same on every rank. `reach` and `double` are what single stages need.
    pub fn of(design: &Design, domains: &BTreeMap<Layout, Domain>, extent: &[Extent], double: &[bool]) -> Depth {
        let (halo, stretches) = (extent.to_vec(), Stretches::default());
        let mut depth = Depth { most: 0, refused: None, stretches, halo, double: double.to_vec() };
        let mut wanted: Vec<usize> = match design.fuse {
            Some(0) => return depth,
            Some(steps) => vec![steps],
            None => STEPS.to_vec(),
        };
        wanted.sort_by_key(|steps| std::cmp::Reverse(*steps));
        let size = |halo: &[Extent], double: &[bool]| bytes(design, domains, halo, double, 0) as f64;
        let most = LARGER * size(extent, double);
        let fits = |halo: &[Extent], double: &[bool]| design.fuse.is_some() || size(halo, double) <= most;
        for steps in wanted {
            match Block::of(design, domains, extent, steps) {
                Err(refused) => depth.refused = Some(refused),
                Ok(block) if depth.take(&block, fits) => {
                    (depth.most, depth.refused) = (steps, None);
                    break;
                }
                Ok(_) => depth.refused = Some("halos for it would take too much memory".into()),
            }
        }
        let mut stretches = std::mem::take(&mut depth.stretches);
        stretches.find(design, domains, extent, &design.start, false, &mut |block| depth.take(block, fits));
        if depth.most == 0 {
            stretches.find(design, domains, extent, &design.step, true, &mut |block| depth.take(block, fits));
        }
        Depth { stretches, ..depth }
    }

    /// Makes room for a block, if that `fits`.
    fn take(&mut self, block: &Block, fits: impl Fn(&[Extent], &[bool]) -> bool) -> bool {
        let (mut halo, mut double) = (self.halo.clone(), self.double.clone());
        for (f, deep) in &block.halo {
            let with_corners = halo[*f].corners;
            halo[*f] = Extent { corners: with_corners, ..halo[*f].union(deep) };
            double[*f] |= block.last[*f].is_some() && !block.in_place[*f];
        }
        let taken = fits(&halo, &double);
        if taken {
            (self.halo, self.double) = (halo, double);
        }
        taken
    }
}

/// Bytes of fields on a rank.
pub(in crate::engine) fn bytes(
    design: &Design,
    domains: &BTreeMap<Layout, Domain>,
    halo: &[Extent],
    double: &[bool],
    rank: usize,
) -> u64 {
    let fields = design.declarations.iter().enumerate().map(|(f, d)| {
        let flat = [0, 1, 2].map(|a| design.grids[d.grid].is_flat(a));
        let patches = domains[&(d.grid, d.whole)].patches(rank);
        let (below, above) = (halo[f].below, halo[f].above);
        let one: usize = patches.iter().map(|p| Array::bytes_for(d.element, p.region, below, above, flat)).sum();
        (if double[f] { 2 * one } else { one }) as u64
    });
    fields.sum()
}
