//! Transfers: which cells of which fields a rank wants from which rank.
use crate::base::index_transform::IndexTransform;
use crate::model::declarations::Declarations;
use crate::model::grid::Grid;
use crate::program::copies::{self, CopyRegion};
use crate::program::domain::Domain;
use crate::program::halo_validity::Halo;
use crate::program::layout::Layout;
use halocline_kernels::ElementType;
use std::collections::BTreeMap;

/// A copy of cells of one field into another (usually the same), with the sign changed where a vector component is reversed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transfer {
    /// The cells and their owners.
    pub copy: CopyRegion,
    /// The field read.
    pub from: usize,
    /// The field written.
    pub to: usize,
    /// Change the sign on the way.
    pub negate: bool,
    /// The type of the cells.
    pub element: ElementType,
    /// The cells are one piece of memory on both sides, and large enough to be a message of their own.
    pub contiguous: bool,
}

impl Transfer {
    /// Bytes of the cells.
    pub fn bytes(&self) -> usize {
        self.copy.target.cells() * self.element.size()
    }
}

/// All cells of these halos that some rank owns, as a rank wants them.
pub(crate) fn of_halos(
    declared: &Declarations,
    domains: &BTreeMap<Layout, Domain>,
    halo: &Halo,
    rank: usize,
) -> Vec<Transfer> {
    let mut moves = vec![];
    for (f, extent) in halo {
        let d = &declared.fields[*f];
        let (grid, domain) = (&declared.grids[d.grid], &domains[&(d.grid, d.whole)]);
        for copy in copies::halo(grid, domain, rank, extent) {
            let (mut from, mut negate) = (*f, false);
            if let Some((vector, axis)) = d.vector
                && !copy.transform.is_shift()
            {
                let heading = copy.transform.to[axis];
                from = declared.vectors[vector][heading.axis].unwrap_or(*f);
                negate = heading.reversed;
            }
            let contiguous = from == *f && !negate && goes_unpacked(declared, domain, &copy, d.element);
            moves.push(Transfer { copy, from, to: *f, negate, element: d.element, contiguous });
        }
    }
    moves
}

/// Fewer bytes of a row than these are copied sooner than sent with the row's ends.
const SHORT: usize = 256;

/// Whether cells are one piece of memory on both sides, and a message of their own is worth its while.
pub(crate) fn goes_unpacked(declared: &Declarations, domain: &Domain, copy: &CopyRegion, element: ElementType) -> bool {
    let [bytes, row] = [copy.target.cells(), copy.target.size()[2]].map(|cells| cells * element.size());
    bytes >= declared.direct && row >= SHORT.min(declared.direct) && copies::is_contiguous(domain, copy)
}

/// All rows of these halos that some rank owns, with their ends, as a rank wants them.
pub(crate) fn of_rows(
    declared: &Declarations,
    domains: &BTreeMap<Layout, Domain>,
    halo: &Halo,
    rank: usize,
) -> Vec<Transfer> {
    let mut moves = vec![];
    for (f, extent) in halo {
        let d = &declared.fields[*f];
        let (below, above) = (extent.below[2] as isize, extent.above[2] as isize);
        let mut extent = *extent;
        (extent.below[2], extent.above[2]) = (0, 0);
        let domain = &domains[&(d.grid, d.whole)];
        for mut copy in copies::halo(&declared.grids[d.grid], domain, rank, &extent) {
            copy.target = copy.target.with(2, copy.target.low[2] - below, copy.target.high[2] + above);
            let contiguous = goes_unpacked(declared, domain, &copy, d.element);
            moves.push(Transfer { copy, from: *f, to: *f, negate: false, element: d.element, contiguous });
        }
    }
    moves
}

/// The transform of a transpose from a grid, with the offsets of its reversed axes.
pub(crate) fn offsets_of_transpose(mut transform: IndexTransform, from: &Grid) -> IndexTransform {
    for a in (0..3).filter(|&a| transform.to[a].reversed) {
        transform.offset[a] = from.cells()[transform.to[a].axis] as isize - 1;
    }
    transform
}
