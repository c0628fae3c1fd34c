//! Halo depths that fusion of stages and steps needs, and their memory. They are known before fields are allocated.
use crate::base::Array;
use crate::model::declarations::Declarations;
use crate::program::domain::Domain;
use crate::program::fusion::block::Block;
use crate::program::layout::{Layout, layout_of};
use halocline_kernels::Extent;
use std::collections::BTreeMap;

/// Candidates for the number of fused steps, the likely ones first: a short run ends before it has timed all of them.
pub(crate) const STEPS: [usize; 4] = [4, 6, 2, 1];
/// The factor by which deep halos may enlarge the memory of fields if the user has not set the number of fused steps.
const LARGER: f64 = 1.15;

/// Halo depths and second arrays that fusion needs, within a limit of memory.
pub(crate) struct HaloDepths {
    /// The maximum number of steps of a block; 0 if whole steps are not fused.
    pub most: usize,
    /// The reason why no steps can be fused; `None` if some can.
    pub refused: Option<String>,
    /// The halo that a rank stores around its owned cells, for each field.
    pub halo: Vec<Extent>,
    /// Whether each field needs two arrays, because one tile may still read what another writes.
    pub double: Vec<bool>,
    /// The maximum number of bytes of all fields, with halos.
    limit: f64,
}

impl HaloDepths {
    /// The depths for whole steps, the same on every rank. `extent` and `double` are the requirements of single stages.
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
                Ok(_) => depths.refused = Some("the deep halos would take too much memory".into()),
            }
        }
        depths
    }

    /// Deepens the halos for a block if the memory stays within the limit. Returns false, and changes nothing,
    /// otherwise.
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

    /// Returns the bytes of all fields on rank 0, infinite if they overflow.
    fn bytes(&self, declared: &Declarations, domains: &BTreeMap<Layout, Domain>) -> f64 {
        let bytes =
            |f| field_bytes(declared, domains, f, &self.halo[f], self.double[f], 0).map_or(f64::INFINITY, |b| b as f64);
        (0..declared.fields.len()).map(bytes).sum()
    }
}

/// Returns the bytes of a field on a rank with a halo of this extent; `None` if they overflow.
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
