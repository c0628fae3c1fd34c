//! How deep halos have to be so that stages and steps can be fused, and what that takes: known before anything is allocated.
use crate::base::Array;
use crate::model::declarations::Declarations;
use crate::program::domain::Domain;
use crate::program::fusion::block::Block;
use crate::program::layout::{Layout, layout_of};
use halocline_kernels::Extent;
use std::collections::BTreeMap;

/// Steps among which the fastest number is chosen, the likely ones first: short runs do not come to the others.
pub(crate) const STEPS: [usize; 4] = [4, 6, 2, 1];
/// How much larger deep halos may make the fields, where the number of steps is not asked for.
const LARGER: f64 = 1.15;

/// What is needed to fuse as much as the halos allow.
pub(crate) struct HaloDepths {
    /// The most steps of a block; 0 where steps are done one by one.
    pub most: usize,
    /// Why no steps can be fused.
    pub refused: Option<String>,
    /// How far around its own cells a rank holds each field.
    pub halo: Vec<Extent>,
    /// Fields that need two arrays: what some tile still reads, another writes.
    pub double: Vec<bool>,
    /// Bytes of fields that halos may grow to.
    limit: f64,
}

impl HaloDepths {
    /// The depths for whole steps, the same on every rank. `extent` and `double` are what single stages need.
    pub fn of(
        declared: &Declarations,
        domains: &BTreeMap<Layout, Domain>,
        extent: &[Extent],
        double: &[bool],
    ) -> HaloDepths {
        let (halo, double) = (extent.to_vec(), double.to_vec());
        let mut depths = HaloDepths { most: 0, refused: None, halo, double, limit: f64::INFINITY };
        if declared.fuse.is_none() {
            depths.limit = LARGER * depths.bytes(declared, domains);
        }
        let mut wanted: Vec<usize> = match declared.fuse {
            Some(0) => return depths,
            Some(steps) => vec![steps],
            None => STEPS.to_vec(),
        };
        wanted.sort_by_key(|steps| std::cmp::Reverse(*steps));
        for steps in wanted {
            match Block::of(declared, domains, extent, steps) {
                Err(refused) => depths.refused = Some(refused),
                Ok(block) if depths.take(declared, domains, &block) => {
                    (depths.most, depths.refused) = (steps, None);
                    break;
                }
                Ok(_) => depths.refused = Some("halos for it would take too much memory".into()),
            }
        }
        depths
    }

    /// Makes room for a block, if that takes no more memory than allowed.
    pub fn take(&mut self, declared: &Declarations, domains: &BTreeMap<Layout, Domain>, block: &Block) -> bool {
        let (halo, double) = (self.halo.clone(), self.double.clone());
        for (f, deep) in &block.halo {
            let with_corners = self.halo[*f].corners;
            self.halo[*f] = Extent { corners: with_corners, ..self.halo[*f].union(deep) };
            self.double[*f] |= block.last[*f].is_some() && !block.in_place[*f];
        }
        let taken = self.limit.is_infinite() || self.bytes(declared, domains) <= self.limit;
        if !taken {
            (self.halo, self.double) = (halo, double);
        }
        taken
    }

    /// Bytes of all fields on rank 0.
    fn bytes(&self, declared: &Declarations, domains: &BTreeMap<Layout, Domain>) -> f64 {
        let bytes =
            |f| field_bytes(declared, domains, f, &self.halo[f], self.double[f], 0).map_or(f64::INFINITY, |b| b as f64);
        (0..declared.fields.len()).map(bytes).sum()
    }
}

/// Bytes of a field on a rank with a halo of this extent; `None` if they overflow.
pub(crate) fn field_bytes(
    declared: &Declarations,
    domains: &BTreeMap<Layout, Domain>,
    field: usize,
    halo: &Extent,
    double: bool,
    rank: usize,
) -> Option<u64> {
    let d = &declared.fields[field];
    let flat = [0, 1, 2].map(|a| declared.grids[d.grid].is_flat(a));
    let mut all = 0_u64;
    for patch in domains[&layout_of(d)].patches(rank) {
        let one = Array::bytes_for(d.element, patch.region, halo.below, halo.above, flat)? as u64;
        all = all.checked_add(one.checked_mul(if double { 2 } else { 1 })?)?;
    }
    Some(all)
}
