//! Transfers: the cells of fields that a rank receives from other ranks or copies itself.
use crate::base::index_transform::IndexTransform;
use crate::model::declarations::Declarations;
use crate::model::grid::Grid;
use crate::program::copies::{self, CopyRegion};
use crate::program::domain::Domain;
use crate::program::halo_validity::Halo;
use crate::program::layout::Layout;
use halocline_kernels::ElementType;
use std::collections::BTreeMap;

/// A copy of cells of one field into another (usually the same), with the sign changed where a vector component is
/// reversed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transfer {
    /// The cells, with the patches that they are copied from and to.
    pub copy: CopyRegion,
    /// The field read.
    pub from: usize,
    /// The field written.
    pub to: usize,
    /// Whether the copy changes the sign of the values.
    pub negate: bool,
    /// The element type of both fields.
    pub element: ElementType,
    /// Whether the cells are one contiguous range of memory on both sides, large enough for a message of their own.
    pub contiguous: bool,
}

impl Transfer {
    /// Returns the bytes of the cells.
    pub fn bytes(&self) -> usize {
        self.copy.target.cells() * self.element.size()
    }
}

/// Returns the transfers that fill these halos of a rank: all halo cells that some rank owns.
pub(crate) fn of_halos(
    declared: &Declarations,
    domains: &BTreeMap<Layout, Domain>,
    halo: &Halo,
    rank: usize,
) -> Vec<Transfer> {
    let mut transfers = vec![];
    for (f, extent) in halo {
        let d = &declared.fields[*f];
        let (grid, domain) = (&declared.grids[d.grid], &domains[&(d.grid, d.whole)]);
        for copy in copies::halo(grid, domain, rank, extent) {
            let (mut from, mut negate) = (*f, false);
            if let Some((vector, axis)) = d.vector
                && !copy.transform.is_shift()
            {
                let to = copy.transform.to[axis];
                from = declared.vectors[vector][to.axis].unwrap_or(*f);
                negate = to.reversed;
            }
            let contiguous = from == *f && !negate && can_be_direct(declared, domain, &copy, d.element);
            transfers.push(Transfer { copy, from, to: *f, negate, element: d.element, contiguous });
        }
    }
    transfers
}

/// Rows of fewer bytes are packed: it is faster to pack them than to send them together with the halo at their ends.
const SHORT: usize = 256;

/// Returns true if the cells of a copy are one contiguous range of memory on both sides, large enough for a message of
/// their own.
pub(crate) fn can_be_direct(declared: &Declarations, domain: &Domain, copy: &CopyRegion, element: ElementType) -> bool {
    let [bytes, row] = [copy.target.cells(), copy.target.size()[2]].map(|cells| cells * element.size());
    bytes >= declared.direct && row >= SHORT.min(declared.direct) && copies::is_contiguous(domain, copy)
}

/// Returns the transfers that fill these halos of a rank row by row: all halo rows that some rank owns, with the halo
/// cells at both ends of a row.
pub(crate) fn of_rows(
    declared: &Declarations,
    domains: &BTreeMap<Layout, Domain>,
    halo: &Halo,
    rank: usize,
) -> Vec<Transfer> {
    let mut transfers = vec![];
    for (f, extent) in halo {
        let d = &declared.fields[*f];
        let (below, above) = (extent.below[2] as isize, extent.above[2] as isize);
        let mut extent = *extent;
        (extent.below[2], extent.above[2]) = (0, 0);
        let domain = &domains[&(d.grid, d.whole)];
        for mut copy in copies::halo(&declared.grids[d.grid], domain, rank, &extent) {
            copy.target = copy.target.with(2, copy.target.low[2] - below, copy.target.high[2] + above);
            let contiguous = can_be_direct(declared, domain, &copy, d.element);
            transfers.push(Transfer { copy, from: *f, to: *f, negate: false, element: d.element, contiguous });
        }
    }
    transfers
}

/// Returns the transform of a transpose from grid `from`, with the offsets of its reversed axes filled in.
pub(crate) fn offsets_of_transpose(mut transform: IndexTransform, from: &Grid) -> IndexTransform {
    for a in (0..3).filter(|&a| transform.to[a].reversed) {
        transform.offset[a] = from.cells()[transform.to[a].axis] as isize - 1;
    }
    transform
}
